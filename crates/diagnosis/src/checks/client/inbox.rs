//! Fetching: the greeting, STARTTLS, the certificate for the name, room in the mailbox.

use super::{ClientFacts, NamedBy, Service};
use crate::finding::{Confidence, Finding, Impact, Say};
use crate::imap::QuotaUse;
use postrider_transport::tls::client::CertificateFault;
use rustls::CertificateError;

const ID: &str = "cl.imap";

/// A certificate of a server for mail programs.
#[derive(Debug, Clone, PartialEq)]
pub struct CertificateSeen {
    /// What the server is for.
    pub service: Service,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the certificate is good for the name.
    pub verdict: Result<(), CertificateFault>,
    /// Whether it is good for the domain, when not for the name.
    pub good_for_domain: bool,
    /// Who names the server.
    pub by: NamedBy,
}

/// Says what fetching meets.
pub(super) fn judge(facts: &ClientFacts, say: &mut Say) {
    let mut findings = Vec::new();
    for seen in &facts.certificates {
        if let Err(fault) = &seen.verdict
            && let Some(finding) = certificate(facts, seen, fault)
        {
            match seen.service {
                Service::Imap | Service::Pop => findings.push(finding),
                // Of sending, and of filters: the same fault, under the name of all certificates.
                Service::Submission | Service::Sieve => say.found(finding),
            }
        }
    }
    let mut fine = Vec::new();
    if let Some(seen) = &facts.imap {
        if let Some(why) = &seen.fault {
            let at = format!("{}:{}", seen.offer.host, seen.offer.port);
            findings.push(
                Finding::problem(ID, &at, format!("The talk with {at} breaks off: {why}"))
                    .confidence(Confidence::Medium)
                    .seen("imap", seen.to.to_string(), why)
                    .because_of("cl.mode", &at)
                    .because_of("cl.port", &at)
                    .fix("Look into the server's log for this connection."),
            );
        } else {
            fine.push(format!("{} greets: {}", seen.offer.host, seen.greeting));
        }
        findings.extend(seen.quota.iter().filter_map(|quota| full(facts, quota)));
    }
    let pop = facts.certificates.iter().any(|seen| seen.service == Service::Pop && seen.verdict.is_ok());
    if findings.is_empty() && fine.is_empty() {
        return if pop {
            say.fine(ID, "POP3 answers under a good certificate")
        } else {
            say.untested(ID, "no IMAP server could be talked with")
        };
    }
    say.found_or_fine(ID, findings, fine.join(", "));
}

fn full(facts: &ClientFacts, quota: &QuotaUse) -> Option<Finding> {
    if quota.limit == 0 {
        return None;
    }
    let address = facts.address.clone().unwrap_or_default();
    let line = format!("{} of {} ({})", quota.used, quota.limit, quota.resource);
    let finding = if quota.is_full() {
        Finding::problem(ID, &address, "The mailbox is full: new mail is turned away")
            .impact(Impact::None, Impact::Broken)
            .client(Impact::AtRisk)
    } else if quota.used.saturating_mul(100) >= quota.limit.saturating_mul(95) {
        Finding::warning(ID, &address, "The mailbox is almost full")
            .impact(Impact::None, Impact::AtRisk)
            .client(Impact::None)
    } else {
        return None;
    };
    Some(
        finding
            .seen("imap", "GETQUOTAROOT INBOX", line)
            .fix("Remove mail, empty the trash, or ask the provider for more room.")
            .rfc("RFC 9208 §4.1"),
    )
}

fn certificate(facts: &ClientFacts, seen: &CertificateSeen, fault: &CertificateFault) -> Option<Finding> {
    let why = words(fault, &seen.host)?;
    // A user who names an address does so to look at the server; mail programs are given a name.
    if is_other_name(fault) && seen.host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let at = format!("{}:{}", seen.host, seen.port);
    let fetches = matches!(seen.service, Service::Imap | Service::Pop);
    let id = if fetches { ID } else { "tls.cert" };
    // A name that nobody published may not be the one that the provider tells its users.
    if seen.by == NamedBy::Guess && is_other_name(fault) {
        return Some(
            Finding::note(id, &at, format!("The certificate of {at} {why}"))
                .impact(Impact::None, Impact::None)
                .client(Impact::None)
                .seen("tls", &at, fault.to_string())
                .fix("Type a name into mail programs that is in the certificate, and publish it in SRV records."),
        );
    }
    let finding = if seen.good_for_domain {
        Finding::warning(id, &at, format!("The certificate of {at} is for {} and not for {}", facts.domain, seen.host))
    } else {
        Finding::problem(id, &at, format!("The certificate of {at} {why}"))
    };
    let impact = if seen.good_for_domain { Impact::AtRisk } else { Impact::Broken };
    Some(
        finding
            .impact(Impact::None, Impact::None)
            .client(impact)
            .meaning("Mail programs stop there, or ask users to trust it blindly.")
            .seen("tls", &at, fault.to_string())
            .fix(format!("Give the server a certificate with the name {} by a public authority, and let it be renewed by itself.", seen.host))
            .rfc("RFC 8314 §3.1"),
    )
}

/// What is wrong, behind "The certificate of X"; `None` where nothing can be said.
pub(super) fn words(fault: &CertificateFault, host: &str) -> Option<String> {
    let error = match fault {
        CertificateFault::NoAuthorities => return None,
        CertificateFault::None => return Some("is missing: the server shows none".into()),
        CertificateFault::Refused(rustls::Error::InvalidCertificate(error)) => error,
        CertificateFault::Refused(other) => return Some(format!("cannot be used: {other}")),
    };
    Some(match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("is not for the name {host}")
        }
        CertificateError::UnknownIssuer => {
            "is by nobody that mail programs know: self-signed, or the intermediate certificate is missing".into()
        }
        CertificateError::Revoked => "was revoked".into(),
        other => format!("cannot be used: {other}"),
    })
}

fn is_other_name(fault: &CertificateFault) -> bool {
    matches!(
        fault,
        CertificateFault::Refused(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ))
    )
}

/// Whether a certificate begins only in the future.
pub(super) fn is_not_yet_valid(fault: &CertificateFault) -> bool {
    matches!(
        fault,
        CertificateFault::Refused(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
        ))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Severity, State};

    fn said(certificates: Vec<CertificateSeen>) -> Say {
        let facts = ClientFacts {
            domain: "example.com".into(),
            address: Some("tom@example.com".into()),
            certificates,
            ..ClientFacts::default()
        };
        let mut say = Say::default();
        judge(&facts, &mut say);
        say
    }

    fn seen(service: Service, error: Option<CertificateError>) -> CertificateSeen {
        let verdict = match error {
            None => Ok(()),
            Some(error) => Err(CertificateFault::Refused(rustls::Error::InvalidCertificate(error))),
        };
        let (host, by) = ("imap.example.com".into(), NamedBy::Srv);
        CertificateSeen { service, host, port: 993, verdict, good_for_domain: false, by }
    }

    #[test]
    fn certificates_and_under_which_check_they_are_told() {
        let table = [
            (Service::Imap, CertificateError::Expired, "cl.imap", "has expired"),
            (Service::Pop, CertificateError::UnknownIssuer, "cl.imap", "self-signed"),
            (Service::Submission, CertificateError::NotValidForName, "tls.cert", "not for the name imap.example.com"),
        ];
        for (service, error, id, words) in table {
            let say = said(vec![seen(service, Some(error))]);
            let finding = &say.findings()[0];
            assert_eq!((finding.id, finding.client, finding.receiving), (id, Impact::Broken, Impact::None));
            assert!(finding.title.contains(words), "{}", finding.title);
        }
        let mut other = seen(Service::Imap, Some(CertificateError::NotValidForName));
        other.good_for_domain = true;
        assert_eq!(said(vec![other]).findings()[0].severity, Severity::Warning);
        let other = || seen(Service::Imap, Some(CertificateError::NotValidForName));
        let guessed = CertificateSeen { by: NamedBy::Guess, ..other() };
        assert_eq!(said(vec![guessed]).findings()[0].severity, Severity::Note);
        let address = CertificateSeen { host: "192.0.2.1".into(), ..other() };
        assert_eq!(said(vec![address]).findings().len(), 0);
        let unknown = CertificateSeen { verdict: Err(CertificateFault::NoAuthorities), ..seen(Service::Imap, None) };
        assert_eq!(said(vec![unknown]).state_of(ID), Some(State::Untested));
        assert_eq!(said(vec![seen(Service::Pop, None)]).state_of(ID), Some(State::Fine));
    }

    #[test]
    fn room_in_the_mailbox() {
        let facts = ClientFacts { address: Some("tom@example.com".into()), ..ClientFacts::default() };
        let said = |used, limit| {
            let finding = full(&facts, &QuotaUse { resource: "STORAGE".into(), used, limit });
            finding.map(|finding| (finding.severity, finding.receiving))
        };
        assert_eq!(said(100, 100), Some((Severity::Problem, Impact::Broken)));
        assert_eq!(said(96, 100), Some((Severity::Warning, Impact::AtRisk)));
        assert_eq!(said(94, 100), None);
        assert_eq!(said(0, 0), None);
    }
}
