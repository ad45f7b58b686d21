//! What the host offers and lets slip: smtp.auth, smtp.vrfy, smtp.ext.

use super::view::{place, told};
use super::{AddressFacts, HostFacts, View};
use crate::finding::{Finding, Impact, Say};
use postrider_smtp::client::Peer;

/// A mail with one photograph does not fit into less.
const SIZE_SMALL: u64 = 5 * 1024 * 1024;
/// Nor three of them into this; 10 MB and more are usual.
const SIZE_TIGHT: u64 = 10_000_000;

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    let working = view.working();
    if working.is_empty() {
        for id in ["smtp.auth", "smtp.vrfy", "smtp.ext"] {
            say.untested(id, "no mail host takes commands");
        }
    }
    for (host, address) in working {
        auth(host, address, say);
        vrfy(view, host, address, say);
        extensions(host, address, say);
    }
}

fn auth(host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let name = &host.name;
    let Some(peer) = address.main.peer_in_clear() else { return };
    let in_clear = peer.auth.iter().any(|mechanism| matches!(mechanism.as_str(), "PLAIN" | "LOGIN"));
    if !in_clear {
        return say.fine("smtp.auth", format!("{name} asks for no password in clear"));
    }
    let reply = address.main.opening.in_clear.as_ref().map(told).unwrap_or_default();
    say.found(
        Finding::warning("smtp.auth", name.clone(), format!("{name} takes passwords in clear on port {}", address.to.port()))
            .impact(Impact::None, Impact::None)
            .client(Impact::AtRisk)
            .meaning("It offers AUTH before STARTTLS: a mail program set up carelessly sends its password for all to read. Port 25 needs no AUTH at all.")
            .seen("smtp", place(host, address), reply)
            .fix("Offer AUTH under TLS only (Postfix: smtpd_tls_auth_only = yes), and on ports 587 and 465 only."),
    );
}

fn vrfy(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let talk = address.talk();
    let name = &host.name;
    if talk.answer("vrfy").is_none() {
        if view.is_submission(address) || view.facts.domain.is_empty() {
            return say.not_applicable("smtp.vrfy", format!("{name} is not asked for a domain"));
        }
        return say.untested("smtp.vrfy", format!("{name} was not asked"));
    }
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for (word, asked, random) in [("VRFY", "vrfy", "vrfy-random"), ("EXPN", "expn", "expn-random")] {
        let Some(known) = talk.answer(asked) else { continue };
        seen.push(format!("{word} {}", told(known)));
        // A host that says yes to all tells nothing.
        let unknown = talk.answer(random).map(postrider_smtp::Reply::code);
        if matches!(known.code().number(), 250 | 251) && unknown.is_some_and(|code| !code.is_positive()) {
            found.push((word, known));
        }
    }
    if found.is_empty() {
        return say.fine("smtp.vrfy", format!("{name}: {}", seen.join("; ")));
    }
    let words: Vec<&str> = found.iter().map(|(word, _)| *word).collect();
    let title = format!("{name} tells by {} which mailboxes exist", words.join(" and "));
    let finding = Finding::note("smtp.vrfy", name.clone(), title)
        .impact(Impact::None, Impact::None)
        .meaning("Spammers collect addresses that way.")
        .fix("Answer 252 to VRFY and 502 to EXPN (Postfix: disable_vrfy_command = yes; Sendmail: PrivacyOptions=noexpn,novrfy).");
    say.found(found.iter().fold(finding, |finding, (word, known)| {
        finding.seen("smtp", place(host, address), format!("{word}: {}", told(known)))
    }));
}

fn extensions(host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let name = &host.name;
    let Some(peer) = address.talk().peer() else { return };
    match peer.size {
        Some(size) if size > 0 && size < SIZE_SMALL => say.found(
            Finding::warning("smtp.ext", name.clone(), format!("{name} takes no mail of more than {}", bytes(size)))
                .impact(Impact::None, Impact::AtRisk)
                .meaning("Mail with pictures or documents is larger, and given back to its sender.")
                .rfc("RFC 1870 §5")
                .seen("smtp", place(host, address), format!("250-SIZE {size}"))
                .fix("Raise the limit to what others have, 25 to 50 MB (Postfix: message_size_limit = 52428800)."),
        ),
        Some(size) if size > 0 && size < SIZE_TIGHT => say.found(
            Finding::note("smtp.ext", name.clone(), format!("{name} takes no mail of more than {}", bytes(size)))
                .impact(Impact::None, Impact::None)
                .meaning("Most hosts take 10 MB and more; what is larger than this comes back to its sender.")
                .rfc("RFC 1870 §5")
                .seen("smtp", place(host, address), format!("250-SIZE {size}"))
                .fix("Raise the limit to what others have, 25 to 50 MB (Postfix: message_size_limit = 52428800)."),
        ),
        // A host that speaks HELO alone offers nothing at all: smtp.ehlo tells of it, and of what
        // a firewall writes over.
        size if !peer.eight_bit_mime && offers_much(&peer) => {
            let size = size.filter(|size| *size > 0).map_or_else(String::new, |size| format!(", SIZE {}", bytes(size)));
            say.found(
                Finding::note("smtp.ext", name.clone(), format!("{name} does not offer 8BITMIME"))
                    .impact(Impact::None, Impact::None)
                    .meaning("Mail with letters beyond ASCII is written anew on its way to this host, which breaks its DKIM signatures.")
                    .rfc("RFC 6152 §3")
                    .seen("smtp", place(host, address), format!("no 8BITMIME in what EHLO lists{size}"))
                    .fix("Let the mail server offer 8BITMIME, which is the rule everywhere (Exim: accept_8bitmime); see whether a filter in front takes it out."),
            );
        }
        size => {
            let mut offers = Vec::new();
            let all = [
                ("PIPELINING", peer.pipelining),
                ("8BITMIME", peer.eight_bit_mime),
                ("SMTPUTF8", peer.smtputf8),
                ("CHUNKING", peer.chunking),
                ("DSN", peer.dsn),
                ("REQUIRETLS", peer.require_tls),
            ];
            offers.extend(all.into_iter().filter(|(_, offered)| *offered).map(|(word, _)| word.to_owned()));
            offers.extend(size.filter(|size| *size > 0).map(|size| format!("SIZE {}", bytes(size))));
            let offers = if offers.is_empty() { "no extensions".to_owned() } else { offers.join(" ") };
            say.fine("smtp.ext", format!("{name}: {offers}"));
        }
    }
}

/// Whether it is a server of today, by what else it offers: PIPELINING and one more.
fn offers_much(peer: &Peer) -> bool {
    peer.pipelining && (peer.smtputf8 || peer.chunking || peer.dsn)
}

fn bytes(size: u64) -> String {
    match size {
        0..10_000 => format!("{size} octets"),
        10_000..2_000_000 => format!("{} KB", size / 1000),
        _ => format!("{} MB", size / 1_000_000),
    }
}
