//! The certificate a host shows: tls.cert. Dates, names, issuer and key are looked at one by
//! one, so that an expired certificate with a wrong name is told as both.

use super::demand::{self, Demand};
use super::view::place;
use super::{AddressFacts, HostFacts, View};
use crate::finding::{Finding, Impact, Say, Severity};
use crate::report::moment;
use postrider_smtp::Timestamp;
use postrider_transport::tls::client::{CertificateFault, ClientTls};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};
use std::net::IpAddr;
use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

/// Whether a known authority vouches for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trusted {
    /// One does.
    Yes,
    /// It vouches for itself.
    SelfSigned,
    /// The certificate between it and its authority is not sent; or the authority is nobody's.
    Incomplete,
    /// By an authority that is not known here.
    Stranger,
    /// For another reason it does not hold.
    No(String),
    /// No authorities are known here, so that cannot be said.
    Unknown,
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// `RSA`, `EC`, or another kind.
    pub kind: &'static str,
    /// Its size in bits.
    pub bits: usize,
}

/// A host's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The names it is for.
    pub names: Vec<String>,
    /// Whom it is for, as the certificate says.
    pub subject: String,
    /// Who vouches.
    pub issuer: String,
    /// From when, in milliseconds since 1970.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// Its key.
    pub key: Key,
    /// Whether the host's name is among the names.
    pub named: bool,
    /// Whether it is vouched for, dates and names aside.
    pub trusted: Trusted,
}

/// Names of one certificate that are kept.
const NAMES_MAX: usize = 50;
const DAY: i64 = 86_400_000;

/// Looks at a chain, the host's own certificate first; `None` when that is no certificate.
pub fn examine(tls: &ClientTls, host: &str, chain: &[Vec<u8>], now: Timestamp) -> Option<CertificateFacts> {
    let first = chain.first()?;
    let (_, certificate) = X509Certificate::from_der(first).ok()?;
    let validity = certificate.validity();
    let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let names = names(&certificate);
    // RFC 6125 §6.4.4: the common name counts where there are no others.
    // Where only an address was named, there is no name to hold against it.
    let named = host.parse::<IpAddr>().is_ok() || names.iter().any(|name| covers(name, host));
    let within = (now.0 / 1000).clamp(not_before.saturating_add(1), not_after.saturating_sub(1).max(not_before + 1));
    let itself = certificate.issuer() == certificate.subject();
    let trusted = trusted(tls, host, chain, within, itself);
    Some(CertificateFacts {
        names,
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before: not_before.saturating_mul(1000),
        not_after: not_after.saturating_mul(1000),
        key: key(&certificate),
        named,
        trusted,
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let mut names: Vec<String> = alternative
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            GeneralName::IPAddress(octets) => address(octets),
            _ => None,
        })
        .take(NAMES_MAX)
        .collect();
    if names.is_empty() {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_ascii_lowercase));
    }
    names
}

fn address(octets: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(octets).ok().map(|six| std::net::Ipv6Addr::from(six).to_string())
}

/// RFC 6125 §6.4.3: a star stands for one label, the first.
fn covers(name: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(label, parent)| !label.is_empty() && parent == rest),
        None => name.trim_end_matches('.') == host,
    }
}

fn key(certificate: &X509Certificate<'_>) -> Key {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Key { kind: "RSA", bits: key.key_size() },
        Ok(PublicKey::EC(point)) => Key { kind: "EC", bits: point.key_size() },
        Ok(_) | Err(_) => Key { kind: "other", bits: 0 },
    }
}

fn trusted(tls: &ClientTls, host: &str, chain: &[Vec<u8>], at: i64, itself: bool) -> Trusted {
    let certificates: Vec<CertificateDer<'_>> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Trusted::No(format!("{host} is no name for a certificate"));
    };
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or_default()));
    match tls.examine(&certificates, &name, at) {
        Ok(()) => Trusted::Yes,
        Err(CertificateFault::NoAuthorities) => Trusted::Unknown,
        Err(CertificateFault::Refused(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ))) => Trusted::Yes,
        Err(_) if itself => Trusted::SelfSigned,
        Err(CertificateFault::Refused(Error::InvalidCertificate(CertificateError::UnknownIssuer))) => {
            if chain.len() == 1 { Trusted::Incomplete } else { Trusted::Stranger }
        }
        Err(other) => Trusted::No(other.to_string()),
    }
}

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    let mut seen = false;
    let mut untested = None;
    for (host, address) in view.addresses() {
        match &address.certificate {
            Some(certificate) => {
                seen = true;
                one(view, host, address, certificate, say);
            }
            None if address.main.opening.starttls.is_some() || address.limit().is_some() => {
                untested = Some(format!("{}: no TLS came about", host.name));
            }
            None => {}
        }
    }
    match untested {
        Some(why) => say.untested("tls.cert", why),
        None if !seen => say.not_applicable("tls.cert", "no mail host does TLS"),
        None => {}
    }
}

/// A fault of a certificate: what is wrong, and what to do.
struct Fault {
    what: String,
    fix: String,
    weight: Severity,
}

fn one(view: &View<'_>, host: &HostFacts, address: &AddressFacts, certificate: &CertificateFacts, say: &mut Say) {
    let name = &host.name;
    let demand = demand::of(view, name);
    let until = day(certificate.not_after);
    // RFC 7671 §5.1: with a key that the zone names, the certificate around it does not matter.
    let mut faults = if demand == Demand::DaneKey { Vec::new() } else { faults(name, certificate, view.facts.now) };
    if faults.is_empty() {
        let by = if demand == Demand::DaneKey {
            "known by its TLSA records".to_owned()
        } else {
            format!("by {}", short(&certificate.issuer))
        };
        return say.fine("tls.cert", format!("{name}: until {until}, {by}"));
    }
    faults.sort_by_key(|fault| std::cmp::Reverse(fault.weight));
    let whats: Vec<&str> = faults.iter().map(|fault| fault.what.as_str()).collect();
    let title = format!("the certificate of {name} {}", whats.join(", and "));
    let weight = faults.iter().map(|fault| fault.weight).max().unwrap_or(Severity::Warning);
    let mut finding = if demand == Demand::Sts && weight == Severity::Warning && !is_only_near(&faults) {
        Finding::problem("tls.cert", name.clone(), title)
            .impact(Impact::None, if others_do(view, host) { Impact::AtRisk } else { Impact::Broken })
            .meaning(format!("{} makes senders check it: they do not deliver to this host.", capital(demand.by())))
            .because_of("sts.match", name)
    } else {
        let finding = Finding::new("tls.cert", name.clone(), weight, title).impact(Impact::None, Impact::None);
        if view.is_submission(address) {
            finding.client(Impact::AtRisk).meaning("Mail programs warn of it, or refuse to connect.")
        } else if demand == Demand::Nothing {
            finding.meaning("Mail arrives all the same, encrypted: senders do not look at certificates of mail hosts unless a policy asks for it.")
        } else {
            finding
        }
    };
    finding = finding.seen("tls", place(host, address), described(certificate));
    say.found(finding.fix(faults.iter().map(|fault| fault.fix.as_str()).collect::<Vec<_>>().join(" ")));
}

fn is_only_near(faults: &[Fault]) -> bool {
    faults.iter().all(|fault| fault.what.starts_with("ends in"))
}

fn others_do(view: &View<'_>, host: &HostFacts) -> bool {
    let good = |address: &AddressFacts| {
        address
            .certificate
            .as_ref()
            .is_some_and(|certificate| faults(&address.main.host, certificate, view.facts.now).is_empty())
    };
    view.working().iter().any(|(other, address)| other.name != host.name && good(address))
}

fn faults(host: &str, certificate: &CertificateFacts, now: Timestamp) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |weight, what: String, fix: String| faults.push(Fault { what, fix, weight });
    let CertificateFacts { not_before, not_after, .. } = *certificate;
    let left = not_after - now.0;
    if left < 0 {
        add(
            Severity::Warning,
            format!("expired on {}", day(not_after)),
            format!("Renew it, and let the renewal restart the mail server on {host}."),
        );
    } else if not_before > now.0 {
        add(
            Severity::Warning,
            format!("is not valid before {}", day(not_before)),
            "See whether the clock of the machine that made it, or of this one, is wrong; wait, or make it anew."
                .into(),
        );
    } else if left < near(not_after - not_before) {
        add(
            Severity::Warning,
            format!("ends in {}", days(left)),
            "See why it was not renewed yet: the renewal may be stuck, or the mail server was not restarted after it."
                .into(),
        );
    }
    if !certificate.named {
        add(
            Severity::Warning,
            format!("is not for that name, but for {}", listed(&certificate.names)),
            format!("Get one for {host}, the name in the MX record."),
        );
    }
    match &certificate.trusted {
        Trusted::Yes | Trusted::Unknown => {}
        Trusted::SelfSigned => add(
            Severity::Warning,
            "vouches for itself (self-signed)".into(),
            "Get one by a public authority; it costs nothing with ACME.".into(),
        ),
        Trusted::Incomplete => add(
            Severity::Warning,
            format!(
                "comes without that of its issuer ({}): the intermediate certificate is missing, or the authority is nobody's",
                short(&certificate.issuer)
            ),
            "Give the mail server the full chain (fullchain.pem, not cert.pem).".into(),
        ),
        Trusted::Stranger => add(
            Severity::Warning,
            format!("is by an authority nobody knows ({})", short(&certificate.issuer)),
            "Get one by a public authority; it costs nothing with ACME.".into(),
        ),
        Trusted::No(why) => {
            add(Severity::Warning, format!("does not hold: {why}"), "Get a new one by a public authority.".into())
        }
    }
    // NIST SP 800-57: below these a key can be broken.
    if matches!(certificate.key, Key { kind: "RSA", bits: 1..2048 } | Key { kind: "EC", bits: 1..224 }) {
        let Key { kind, bits } = certificate.key;
        add(
            Severity::Warning,
            format!("has a key that is too small ({kind}, {bits} bits)"),
            "Make a new key: EC P-256, or RSA with 2048 bits.".into(),
        );
    }
    faults
}

/// A renewal comes at a third of the lifetime before its end, as a rule; later than that
/// something is stuck. Short-lived certificates are renewed days, not weeks, ahead.
fn near(lifetime: i64) -> i64 {
    (lifetime / 8).min(10 * DAY)
}

/// In words, for people and evidence.
pub(super) fn described(certificate: &CertificateFacts) -> String {
    format!(
        "for {}; by {}; {} to {}; {} {} bits",
        listed(&certificate.names),
        short(&certificate.issuer),
        day(certificate.not_before),
        day(certificate.not_after),
        certificate.key.kind,
        certificate.key.bits
    )
}

impl CertificateFacts {
    /// What is wrong with it for a host of that name at that moment, a phrase each.
    pub fn faults(&self, host: &str, now: Timestamp) -> Vec<String> {
        faults(host, self, now).into_iter().map(|fault| fault.what).collect()
    }

    /// It in a line: names, issuer, dates, key.
    pub fn line(&self) -> String {
        described(self)
    }
}

fn day(ms: i64) -> String {
    moment(ms).chars().take(10).collect()
}

fn days(ms: i64) -> String {
    match ms / DAY {
        0 => format!("{} hours", ms / 3_600_000),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no name at all".into(),
        [one, two, three, rest @ ..] if !rest.is_empty() => format!("{one}, {two}, {three} and {} more", rest.len()),
        names => names.join(", "),
    }
}

/// The organisation or common name of a distinguished name.
fn short(name: &str) -> String {
    let part = |key: &str| name.split(", ").find_map(|part| part.strip_prefix(key));
    match (part("O="), part("CN=")) {
        (Some(owner), Some(common)) if owner != common => format!("{owner}, {common}"),
        (Some(one), _) | (None, Some(one)) => one.to_owned(),
        (None, None) => name.to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_whom_they_cover() {
        for (name, host, want) in [
            ("mx.example", "MX.example.", true),
            ("*.example.org", "mx.example.org", true),
            ("*.example.org", "a.mx.example.org", false),
            ("*.example.org", "example.org", false),
            ("mx.example", "mx2.example", false),
        ] {
            assert_eq!(covers(name, host), want, "{name} {host}");
        }
    }

    #[test]
    fn a_certificate_and_what_is_wrong_with_it() {
        let good = CertificateFacts {
            names: vec!["mx.example".into()],
            subject: "CN=mx.example".into(),
            issuer: "C=US, O=Authority, CN=R1".into(),
            not_before: 0,
            not_after: 90 * DAY,
            key: Key { kind: "EC", bits: 256 },
            named: true,
            trusted: Trusted::Yes,
        };
        let table = [
            (good.clone(), 10, ""),
            (good.clone(), 85, "ends in 5 days"),
            (good.clone(), 91, "expired on 1970-04-01"),
            (CertificateFacts { not_before: 20 * DAY, ..good.clone() }, 10, "is not valid before 1970-01-21"),
            // One for six days is renewed after three; a day before its end is late, two are not.
            (CertificateFacts { not_after: 6 * DAY, ..good.clone() }, 4, ""),
            (
                CertificateFacts { trusted: Trusted::SelfSigned, named: false, names: vec![], ..good.clone() },
                10,
                "is not for that name, but for no name at all; vouches for itself (self-signed)",
            ),
            (
                CertificateFacts { key: Key { kind: "RSA", bits: 1024 }, ..good.clone() },
                10,
                "has a key that is too small (RSA, 1024 bits)",
            ),
            (CertificateFacts { trusted: Trusted::Unknown, ..good.clone() }, 10, ""),
        ];
        for (certificate, at, want) in table {
            assert_eq!(certificate.faults("mx.example", Timestamp(at * DAY)).join("; "), want);
        }
        assert_eq!(short(&good.issuer), "Authority, R1");
    }
}
