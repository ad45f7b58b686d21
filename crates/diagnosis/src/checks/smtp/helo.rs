//! The name a host greets with: helo.match.
//!
//! The host is looked at from where it takes mail; where the same machine sends, it gives this
//! name in EHLO, and receivers look at it then.

use super::view::place;
use super::{AddressFacts, GreetsAs, HostFacts, View};
use crate::finding::{Finding, Impact, Say};
use crate::session::SessionFacts;
use std::net::IpAddr;

/// The name in the reply to EHLO, or in the greeting.
pub(super) fn greeted_name(session: &SessionFacts) -> Option<String> {
    let greeting = session.opening.greeting.as_ref().filter(|reply| reply.code().is_positive())?;
    let hello = session.peer().map(|peer| peer.name).unwrap_or_default();
    let first = greeting.lines().next().and_then(|line| line.split_ascii_whitespace().next()).unwrap_or_default();
    let name = [hello.as_str(), first].into_iter().find(|name| is_name(name)).unwrap_or(&hello).to_ascii_lowercase();
    (!name.is_empty()).then(|| name.trim_end_matches('.').to_owned())
}

fn is_name(word: &str) -> bool {
    word.contains('.') && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    let mut asked = false;
    for (host, address) in view.addresses() {
        if let Some(greets) = &address.greets_as {
            asked = true;
            name(view, host, address, greets, say);
        }
    }
    if !asked {
        say.untested("helo.match", "no mail host greeted");
    }
}

fn name(view: &View<'_>, host: &HostFacts, address: &AddressFacts, greets: &GreetsAs, say: &mut Say) {
    let called = &greets.name;
    let ip = address.to.ip();
    let finding = |title: String| {
        Finding::warning("helo.match", host.name.clone(), title)
            .seen("smtp", place(host, address), called.clone())
            .fix(format!("Let the server call itself {} (Postfix: myhostname = {}), and let that name lead to {ip}, forward and back.", host.name, host.name))
    };
    if !is_name(called) || called.ends_with(".localdomain") || called.ends_with(".local") {
        return say.found(
            finding(format!("{} calls itself {called}, which is not a name of the internet", host.name))
                .meaning("When it sends mail with that name in EHLO, many receivers refuse it."),
        );
    }
    let reverse = reverse_names(view, ip);
    match &greets.ips {
        Err(failure) => say.untested("helo.match", format!("{called} could not be looked up: {failure}")),
        Ok(ips) if ips.contains(&ip) || reverse.iter().any(|name| name == called) => {
            say.fine("helo.match", format!("{} calls itself {called}", host.name));
        }
        // A farm of machines under one owner: the name is not this machine's, and not wrong.
        Ok(_) if *called == host.name || reverse.iter().chain([&host.name]).any(|name| is_same_owner(name, called)) => {
            say.fine("helo.match", format!("{} calls itself {called}, of the same owner", host.name));
        }
        Ok(ips) => {
            let leads = if ips.is_empty() { "leads nowhere".to_owned() } else { format!("leads to {}", ips[0]) };
            say.found(
                finding(format!("{} calls itself {called}, which {leads}", host.name))
                    .impact(Impact::AtRisk, Impact::None)
                    .meaning("Mail to it arrives. When it sends with that name in EHLO, receivers that compare names trust it less."),
            );
        }
    }
}

fn reverse_names(view: &View<'_>, ip: IpAddr) -> Vec<String> {
    let known = view.facts.identity.iter().flat_map(|identity| &identity.names).find(|names| names.ip == ip);
    let names = known.and_then(|names| names.names.as_ref().ok());
    names.map(|names| names.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()).unwrap_or_default()
}

fn is_same_owner(one: &str, other: &str) -> bool {
    let owner = |name: &str| psl::domain_str(name).map(str::to_owned);
    owner(one).is_some_and(|owned| owner(other) == Some(owned))
}
