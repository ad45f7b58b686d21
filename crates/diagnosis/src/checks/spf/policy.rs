//! What the policy comes to: what becomes of strangers, how many may send, and whether those
//! that do send may.

use super::{SpfFacts, is_own, shown};
use crate::address::{Class, class_of};
use crate::facts::Facts;
use crate::finding::{Finding, Impact, Say};
use postrider_mailauth::spf::{Evaluation, Form, Mechanism, Node, Outcome, Place, Qualifier, Span};

/// Networks of this size or larger are told, of the record's own.
const WIDE_V4: u8 = 15;
const WIDE_V6: u8 = 31;
/// And these are worth a warning, wherever they stand.
const VERY_WIDE_V4: u8 = 8;
const VERY_WIDE_V6: u8 = 16;

pub(super) fn judge(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    all(facts, spf, say);
    wide(facts, spf, say);
    senders(facts, spf, say);
}

/// The node that decides about strangers: at the end of all redirects.
fn end(root: &Node) -> &Node {
    let mut node = root;
    loop {
        let redirected = node
            .branches
            .iter()
            .filter(|branch| branch.reached)
            .find_map(|branch| matches!(node.term(branch)?.form, Form::Redirect(_)).then(|| branch.node())?);
        match redirected {
            Some(below) if below.record().is_some() => node = below,
            _ => return node,
        }
    }
}

/// What becomes of everybody else.
fn all(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let domain = &facts.domain;
    let node = end(&spf.tree.root);
    let Some(record) = node.record() else { return };
    let mut found: Vec<Finding> = behind_all(facts, spf).into_iter().collect();
    let mark = |finding: Finding, span: Span| {
        let (text, offset) = shown(node);
        finding.seen_at("dns", &spf.server, text, offset + span.start..offset + span.end)
    };
    let warning = |title: String| Finding::warning("spf.all", domain, title);
    let change = |finding: Finding, span: Span, new: &str| {
        let (before, after) = (record.text.get(..span.start), record.text.get(span.end..));
        let right = format!("{}{new}{}", before.unwrap_or_default(), after.unwrap_or_default());
        if is_own(facts, &node.domain) {
            finding.change("replace", &node.domain, "TXT", &record.text, &right)
        } else {
            finding
        }
    };
    let span = |index: usize| record.terms.get(index).map_or(Span::new(0, 0), |term| term.span);
    let state = match record.all() {
        Some((index, Qualifier::Pass)) => {
            let finding = warning(format!(
                "Everybody may send as {domain}: its SPF record ends in `{}`",
                span(index).of(&record.text)
            ))
            .meaning("Forged mail passes SPF, and with it DMARC. Receivers know this and give it no credit.")
            .fix("End the record with `-all`, or with `~all` while you are not sure that all senders are named.");
            found.push(change(mark(finding, span(index)), span(index), "-all"));
            ""
        }
        Some((index, Qualifier::Neutral)) => {
            let finding = warning(format!("SPF of {domain} says nothing of strangers: it ends in `?all`"))
                .impact(Impact::None, Impact::None)
                .meaning("Forged mail is treated as if there were no record.")
                .fix("End the record with `~all` or `-all`.");
            found.push(change(mark(finding, span(index)), span(index), "~all"));
            ""
        }
        Some((_, Qualifier::SoftFail)) => "strangers get softfail",
        Some((_, Qualifier::Fail)) => "strangers get fail",
        None if record.redirect().is_some() || !record.is_valid() => {
            return match found.is_empty() {
                true => say.untested("spf.all", "the end of the record could not be read"),
                false => say.found_or_fine("spf.all", found, ""),
            };
        }
        None => {
            let finding = warning(format!("SPF of {domain} says nothing of strangers: it does not end in `all`"))
                .impact(Impact::None, Impact::None)
                .meaning("Forged mail is treated as if there were no record.")
                .fix("End the record with `~all` or `-all`.");
            let at = Span::new(record.text.len(), record.text.len());
            found.push(change(mark(finding, at), at, " ~all"));
            ""
        }
    };
    say.found_or_fine("spf.all", found, state);
}

/// Terms that nobody ever looks at, as they stand behind `all`.
fn behind_all(facts: &Facts, spf: &SpfFacts) -> Option<Finding> {
    let (root, domain) = (&spf.tree.root, &facts.domain);
    let record = root.record()?;
    let (end, qualifier) = record.all()?;
    let idle: Vec<_> = root
        .branches
        .iter()
        .filter(|branch| !branch.reached)
        .filter_map(|branch| Some((branch, &root.term(branch)?.form)))
        .filter(|(_, form)| matches!(form, Form::Directive { .. } | Form::Redirect(_)))
        .collect();
    let (first, _) = idle.first()?;
    let (text, offset) = shown(root);
    // `redirect` beside `all` is idle wherever it stands, and so is a second `all`.
    let lost = |form: &Form| match form {
        Form::Directive { qualifier: Qualifier::Pass, mechanism } => *mechanism != Mechanism::All,
        _ => false,
    };
    let is_lost = idle.iter().any(|(_, form)| lost(form)) && qualifier != Qualifier::Pass;
    let all = record.terms.get(end).map(|term| term.span.of(&record.text)).unwrap_or_default();
    let title = format!("`{}` in SPF of {domain} is never looked at: `{all}` decides before", root.text(first));
    let finding = match (is_lost, qualifier) {
        (true, Qualifier::Fail) => Finding::problem("spf.all", domain, title)
            .meaning("Receivers stop at `all`: the hosts named behind it may not send."),
        (true, _) => Finding::warning("spf.all", domain, title)
            .meaning("Receivers stop at `all`: the hosts named behind it are strangers."),
        (false, _) => Finding::note("spf.all", domain, title),
    };
    let finding = finding.seen_at("dns", &spf.server, text, offset + first.span.start..offset + first.span.end);
    let mut terms: Vec<&str> = Vec::new();
    for (index, term) in record.terms.iter().enumerate() {
        let repeats = matches!(term.form, Form::Redirect(_) | Form::Directive { mechanism: Mechanism::All, .. });
        if index != end && !repeats {
            terms.push(term.span.of(&record.text));
        }
    }
    terms.push(all);
    let right = format!("v=spf1 {}", terms.join(" "));
    let finding = finding.fix("Put `all` at the end.");
    Some(if record.is_valid() { finding.change("replace", domain, "TXT", &record.text, &right) } else { finding })
}

/// How many addresses may send.
fn wide(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    let root = &spf.tree.root;
    if root.addresses.count_v4() == 1 << 32 {
        return say.not_applicable("spf.wide", "everybody may send");
    }
    let mut found: Vec<Finding> = Vec::new();
    for node in spf.tree.nodes() {
        let Some(record) = node.record() else { continue };
        for branch in node.branches.iter().filter(|branch| branch.reached) {
            let Some(Form::Directive { qualifier: Qualifier::Pass, mechanism }) =
                node.term(branch).map(|term| &term.form)
            else {
                continue;
            };
            let (prefix, wide, very_wide) = match mechanism {
                Mechanism::Ip4 { prefix, .. } => (*prefix, WIDE_V4, VERY_WIDE_V4),
                Mechanism::Ip6 { prefix, .. } => (*prefix, WIDE_V6, VERY_WIDE_V6),
                Mechanism::A { prefixes, .. } | Mechanism::Mx { prefixes, .. } => (prefixes.v4, WIDE_V4, VERY_WIDE_V4),
                _ => continue,
            };
            // Nobody comes from there, however many addresses it is.
            if is_private(mechanism) {
                continue;
            }
            let own = is_own(facts, &node.domain);
            if prefix > very_wide && !(own && prefix <= wide) {
                continue;
            }
            let term = branch.span.of(&record.text);
            let title = format!(
                "`{term}` in SPF of {} lets {} send",
                node.domain,
                many(branch.addresses.count_v4(), branch.addresses.count_v6())
            );
            let finding = if own && prefix <= very_wide {
                Finding::warning("spf.wide", &*node.domain, title).impact(Impact::None, Impact::None)
            } else {
                Finding::note("spf.wide", &*node.domain, title)
            };
            let (text, offset) = shown(node);
            found.push(
                finding
                    .meaning("Anybody who gets one of these addresses can send as the domain.")
                    .seen_at("dns", "", text, offset + branch.span.start..offset + branch.span.end)
                    .fix("Name only the addresses that really send."),
            );
        }
    }
    found.dedup_by(|later, kept| later.subject == kept.subject && later.title == kept.title);
    let sum = many(root.addresses.count_v4(), root.addresses.count_v6());
    say.found_or_fine(
        "spf.wide",
        found,
        if root.open { format!("at least {sum} may send") } else { format!("{sum} may send") },
    );
}

/// Whether a network lies within one that does not exist on the internet.
fn is_private(mechanism: &Mechanism) -> bool {
    let network = match mechanism {
        Mechanism::Ip4 { network, prefix: 8.. } => (*network).into(),
        Mechanism::Ip6 { network, prefix: 7.. } => (*network).into(),
        _ => return false,
    };
    class_of(network) != Class::Global
}

/// `4.2 million addresses`, `256 addresses and IPv6 networks`.
fn many(v4: u64, v6: u128) -> String {
    let number = match v4 {
        0..=99_999 => v4.to_string(),
        100_000..=999_999 => format!("{} thousand", v4 / 1000),
        1_000_000..=999_999_999 => format!("{:.1} million", v4 as f64 / 1e6),
        _ => format!("{:.1} billion", v4 as f64 / 1e9),
    };
    match (v4, v6) {
        (0, 0) => "nobody".to_owned(),
        (0, v6) if v6 <= 4096 => format!("{v6} addresses of IPv6"),
        (0, v6) => format!("2^{} addresses of IPv6", v6.ilog2()),
        (1, 0) => "1 address".to_owned(),
        (_, 0) => format!("{number} addresses"),
        (_, v6) if v6 <= 4096 => format!("{number} addresses and {v6} of IPv6"),
        (_, v6) => format!("{number} addresses and 2^{} of IPv6", v6.ilog2()),
    }
}

/// Whether the addresses that are known to send may.
pub(super) fn senders(facts: &Facts, spf: &SpfFacts, say: &mut Say) {
    if spf.senders.is_empty() {
        let why = "which addresses send for the domain is not known; name one with --from-ip";
        say.not_applicable("spf.covers", why);
        return say.not_applicable("spf.helo", why);
    }
    for (ip, evaluation) in &spf.senders {
        covers(facts, &facts.domain, *ip, evaluation, say);
    }
    let mut named = false;
    for (ip, name, evaluation) in &spf.hellos {
        named = true;
        hello(*ip, name, evaluation, say);
    }
    if !named {
        say.not_applicable("spf.helo", "the sending addresses have no names");
    }
}

fn covers(facts: &Facts, domain: &str, ip: std::net::IpAddr, evaluation: &Evaluation, say: &mut Say) {
    let way: Vec<String> = evaluation.path.iter().map(Place::to_string).collect();
    let way = way.join(", ");
    let subject = ip.to_string();
    let term = if ip.to_canonical().is_ipv4() { format!("ip4:{}", ip.to_canonical()) } else { format!("ip6:{ip}") };
    let finding = match evaluation.outcome {
        Outcome::Pass => return say.fine("spf.covers", format!("{ip} passes by {way}")),
        Outcome::TempError => {
            let why = evaluation.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            return say.untested("spf.covers", why);
        }
        Outcome::Fail => Finding::problem("spf.covers", subject, format!("SPF forbids {ip} to send for {domain}"))
            .meaning("Mail from there is refused or lands in the junk folder."),
        Outcome::SoftFail => {
            Finding::warning("spf.covers", subject, format!("SPF of {domain} does not name {ip}, which sends for it"))
                .meaning("Mail from there is taken for forged, unless DKIM vouches for it.")
        }
        Outcome::Neutral => {
            Finding::warning("spf.covers", subject, format!("SPF of {domain} says nothing of {ip}, which sends for it"))
        }
        Outcome::None => Finding::warning(
            "spf.covers",
            subject,
            format!("Without an SPF record nothing lets {ip} send for {domain}"),
        )
        .because_of("spf.one", domain),
        Outcome::PermError => {
            let cause = evaluation.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            let mut finding =
                Finding::problem("spf.covers", subject, format!("SPF of {domain} gives permerror for {ip}"))
                    .meaning(cause);
            for id in ["spf.one", "spf.syntax", "spf.size", "spf.loop", "spf.lookups", "spf.void", "spf.mxptr"] {
                finding = finding.because_of(id, if id == "spf.loop" || id == "spf.syntax" { "*" } else { domain });
            }
            finding
        }
    };
    let finding = match evaluation.decided_by() {
        Some(place) => {
            let head = format!("{} TXT \"", place.domain);
            let span = place.span();
            let text = format!("{head}{}\"", place.record.text);
            finding.seen_at("dns", "", text, head.len() + span.start..head.len() + span.end)
        }
        None => finding.seen("dns", "", format!("a check of {ip} for {domain}: {}", evaluation.outcome)),
    };
    let finding = if evaluation.outcome == Outcome::PermError {
        finding
    } else {
        finding.fix(format!("Add `{term}` to the record, or send through a host that it names."))
    };
    let record = facts.spf.as_ref().and_then(|spf| spf.tree.root.record()).filter(|record| record.is_valid());
    say.found(match record {
        Some(record) if evaluation.outcome != Outcome::PermError => {
            let rest = record.text.get("v=spf1".len()..).unwrap_or_default();
            finding.change("replace", domain, "TXT", &record.text, &format!("v=spf1 {term}{rest}"))
        }
        _ => finding,
    });
}

/// The name of a sending host, which is checked for bounces (RFC 7208 §2.4).
fn hello(ip: std::net::IpAddr, name: &str, evaluation: &Evaluation, say: &mut Say) {
    match evaluation.outcome {
        Outcome::Fail | Outcome::SoftFail | Outcome::PermError => {
            let cause = evaluation.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
            say.found(
                Finding::warning(
                    "spf.helo",
                    name,
                    format!("Bounces sent by {name} get SPF {}{cause}", evaluation.outcome),
                )
                .meaning("For mail with an empty sender, receivers check the name given with HELO.")
                .seen("dns", "", format!("a check of {ip} for {name}: {}", evaluation.outcome))
                .fix(format!("Publish `v=spf1 a -all` at {name}, when the host sends under this name.")),
            );
        }
        Outcome::TempError => say.untested("spf.helo", format!("the record of {name} could not be looked up")),
        Outcome::None | Outcome::Neutral | Outcome::Pass => {
            say.fine("spf.helo", format!("{name}: {}", evaluation.outcome))
        }
    }
}
