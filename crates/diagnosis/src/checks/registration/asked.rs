//! The name itself, and whether somebody could be asked about it.

use super::{InDns, in_dns};
use crate::facts::Facts;
use crate::finding::{Confidence, Finding, Impact, Say, Severity};
use crate::registry::consult::{Consulted, RdapEnd, Source, WhoisEnd};
use crate::registry::name::{self, NameFault};
use crate::registry::{Registration, typo};

/// `reg.syntax`: whether it can be a domain of mail, and is the one that was meant.
pub(super) fn syntax(facts: &Facts, say: &mut Say) {
    let domain = facts.domain.as_str();
    let checked = match name::check(domain) {
        Ok(checked) => checked,
        // A closed network may have a domain of one label; the DNS can, and so can SMTP.
        Err(NameFault::SingleLabel) => {
            return say.fine("reg.syntax", format!("{domain} has no dot, which only works in a closed network"));
        }
        Err(fault) => {
            let title = format!("{domain} cannot be a mail domain: {fault}");
            let rfc = if fault == NameFault::Idna { "RFC 5891 §4" } else { "RFC 1123 §2.1" };
            return say.found(
                Finding::problem("reg.syntax", domain, title)
                    .seen("dns", "", domain)
                    .fix("Check how the domain is spelled.")
                    .rfc(rfc),
            );
        }
    };
    if let Some(meant) = typo::meant(&checked.unicode) {
        return say.found(slip(facts, &checked.unicode, meant));
    }
    if let Some(label) = checked.mixed {
        let title = format!("{label} mixes letters of scripts that look alike");
        return say.found(
            Finding::warning("reg.syntax", domain, title)
                .meaning("Such names are used to pass for others; many programs refuse or show them as xn--….")
                .seen("dns", "", format!("{} = {}", checked.unicode, checked.ascii))
                .impact(Impact::None, Impact::AtRisk)
                .fix("Make sure that this is the domain you mean, and type its name anew.")
                .rfc("RFC 5890 §4.4"),
        );
    }
    say.fine("reg.syntax", checked.ascii);
}

fn slip(facts: &Facts, typed: &str, meant: &str) -> Finding {
    let takes_mail = facts.mx.as_ref().is_some_and(|mx| mx.records.is_ok() && !mx.is_null());
    let exists = if takes_mail { InDns::Yes } else { in_dns(facts, &facts.domain) };
    // Somebody may have a domain of that name on purpose, unless the name is a famous one's.
    let severity = match (exists, typo::is_large(meant)) {
        (InDns::No, _) | (InDns::Unknown, true) => Severity::Problem,
        (InDns::Unknown, false) | (InDns::Yes, true) => Severity::Warning,
        (InDns::Yes, false) => Severity::Note,
    };
    let receiving = match severity {
        Severity::Problem => Impact::Broken,
        Severity::Warning => Impact::AtRisk,
        Severity::Note => Impact::None,
    };
    let finding = Finding::new("reg.syntax", &facts.domain, severity, format!("{typed} looks like a slip for {meant}"))
        .seen("dns", "", typed)
        .fix(format!("Correct the address to …@{meant}, if that was meant."))
        .impact(Impact::None, receiving);
    match exists {
        InDns::Yes => finding
            .confidence(Confidence::Medium)
            .meaning("The domain exists and may be somebody else's: mail to it does not go where it was meant to."),
        InDns::No => finding,
        InDns::Unknown => finding.confidence(Confidence::Medium),
    }
}

/// `reg.rdap`: registrar, contact and dates, by RDAP.
pub(super) fn rdap(facts: &Facts, consulted: &Consulted, say: &mut Say) {
    const ID: &str = "reg.rdap";
    let Some(asked) = consulted.rdap.last() else {
        let tld = consulted.domain.rsplit('.').next().unwrap_or_default();
        let unknown = || format!("no RDAP server is known for .{tld}");
        return say.not_applicable(ID, consulted.nobody.clone().unwrap_or_else(unknown));
    };
    let note = asked.certificate.as_ref().map(|why| format!(" (its certificate is not good: {why})"));
    match (&asked.end, &consulted.found) {
        (RdapEnd::Record, Some((record, _))) => {
            say.fine(ID, format!("{}{}", told(&consulted.domain, record), note.unwrap_or_default()));
        }
        (RdapEnd::NotFound, _) if in_dns(facts, &consulted.domain) == InDns::No => {
            say.fine(ID, format!("the registry says that nobody holds {}", consulted.domain));
        }
        (RdapEnd::NotFound, _) => {
            say.untested(ID, format!("the registry's RDAP server does not know {}", consulted.domain));
        }
        (end, _) => say.untested(ID, format!("the registry's RDAP server: {end}{}", note.unwrap_or_default())),
    }
}

/// `reg.whois`: the same by WHOIS, where RDAP did not do.
pub(super) fn whois(consulted: &Consulted, say: &mut Say) {
    const ID: &str = "reg.whois";
    let record = consulted.found.as_ref();
    match (record, consulted.whois.last()) {
        (Some((record, Source::Whois(server))), _) => {
            say.fine(ID, format!("{server}: {}", told(&consulted.domain, record)));
        }
        (Some((_, Source::Rdap(_))), _) => say.not_applicable(ID, "RDAP answered, which says the same"),
        (None, Some(asked)) if matches!(asked.end, WhoisEnd::Free(_)) => {
            say.fine(ID, format!("{}: {}", asked.server, asked.end));
        }
        (None, Some(asked)) => say.untested(ID, format!("the WHOIS server {}: {}", asked.server, asked.end)),
        (None, None) => {
            let why = consulted.nobody.clone();
            match why {
                Some(why) => say.not_applicable(ID, why),
                None => say.untested(ID, "there was no time left to ask a WHOIS server"),
            }
        }
    }
}

/// A record in a line.
fn told(domain: &str, record: &Registration) -> String {
    let mut line = match &record.registrar {
        Some(registrar) => format!("{domain} is registered with {registrar}"),
        None => format!("{domain} is registered"),
    };
    if let Some(created) = record.created {
        line.push_str(&format!(", since {}", created.day()));
    }
    if let Some(expires) = record.expires {
        line.push_str(&format!(", until {}", expires.day()));
    }
    if let Some(abuse) = &record.abuse_email {
        line.push_str(&format!("; complaints: {abuse}"));
    }
    line
}
