//! The few things of a certificate that DANE looks at.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A certificate that could be read.
#[derive(Debug, Clone)]
pub struct Certificate<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

/// More names than this are not looked at.
const NAMES_MAX: usize = 1000;

impl<'a> Certificate<'a> {
    /// Reads DER; nothing may follow the certificate.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        match X509Certificate::from_der(der) {
            Ok(([], parsed)) => Some(Self { der, parsed }),
            _ => None,
        }
    }

    /// All of it.
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The SubjectPublicKeyInfo.
    pub fn public_key(&self) -> &[u8] {
        self.parsed.public_key().raw
    }

    /// Whose it is, in DER.
    pub fn subject(&self) -> &[u8] {
        self.parsed.subject().as_raw()
    }

    /// Who issued it, in DER.
    pub fn issuer(&self) -> &[u8] {
        self.parsed.issuer().as_raw()
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// Whether it counts at that time, in seconds since 1970.
    pub fn is_valid_at(&self, now: i64) -> bool {
        let validity = self.parsed.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
    }

    /// The host names in it: those of the extension, or else the common name (RFC 7672 §3.2.3).
    pub fn names(&self) -> Vec<String> {
        let extension = self.parsed.subject_alternative_name().ok().flatten();
        let names = extension.iter().flat_map(|extension| &extension.value.general_names);
        let dns = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        let dns: Vec<String> = dns.take(NAMES_MAX).collect();
        if !dns.is_empty() {
            return dns;
        }
        let common = self.parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        common.map(str::to_owned).take(NAMES_MAX).collect()
    }

    /// Whether it is for that host.
    pub fn is_for(&self, host: &str) -> bool {
        self.names().iter().any(|name| name_matches(name, host))
    }

    /// The organization in the issuer's name, or its common name.
    pub fn issuing_organization(&self) -> Option<String> {
        let issuer = self.parsed.issuer();
        let name = issuer.iter_organization().chain(issuer.iter_common_name()).find_map(|name| name.as_str().ok());
        name.map(str::to_owned)
    }
}

pub(super) fn is_public_key(der: &[u8]) -> bool {
    matches!(SubjectPublicKeyInfo::from_der(der), Ok(([], _)))
}

/// Whether a name in a certificate covers a host: `*.` stands for just one label, the first
/// (RFC 6125 §6.4.3).
pub fn name_matches(name: &str, host: &str) -> bool {
    let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let (name, host) = (plain(name), plain(host));
    match name.strip_prefix("*.") {
        Some(above) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == above),
        None => !host.is_empty() && name == host,
    }
}
