//! Which certification authorities may issue for a name (RFC 8659).
//!
//! Properties are read one by one; [`may_issue`] judges the set found at the first name with any,
//! going up from the name of the certificate ([`climb`]). Not here: which domain an authority
//! answers to, beyond the common ones in [`domains_of`].

use crate::reading::{Reading, Remarks, bounded, quoted};

/// What there is to say about a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum Oddity {
    FlagsUnknown,
    TagUnreadable,
    TagUnknown,
    IssuerUnreadable,
    ParametersUnreadable,
    AddressUnreadable,
}

/// One CAA record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Whoever does not know the tag must not issue.
    pub critical: bool,
    /// The tag in lower case.
    pub tag: Tag,
    /// The domain of the authority in `issue` and its kin, in lower case; `None` says nobody.
    pub issuer: Option<Box<str>>,
    /// Names and values behind it, such as `accounturi`.
    pub parameters: Vec<(Box<str>, Box<str>)>,
}

/// What a property is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Certificates for hosts.
    Issue,
    /// Certificates with a `*` (RFC 8659 §4.3).
    IssueWild,
    /// Certificates for mail addresses, S/MIME (RFC 9495).
    IssueMail,
    /// Certificates for marks, as BIMI has them.
    IssueVmc,
    /// Where an authority tells of requests it refused.
    Iodef,
    /// Whom it may write or call to make sure.
    Contact,
    /// Another one.
    Other(Box<str>),
}

/// Longer values mean nothing.
const VALUE_BYTES_MAX: usize = 4096;

/// Reads one property; spans are in `value`.
pub fn read(flags: u8, tag: &str, value: &str) -> Reading<Property, Oddity> {
    let mut remarks = Remarks::new();
    let value = bounded(value, VALUE_BYTES_MAX);
    if flags & 0x7f != 0 {
        remarks.add(
            Oddity::FlagsUnknown,
            0..0,
            format!("of the flags only 128 means something, and these are {flags}"),
        );
    }
    if tag.is_empty() || !tag.bytes().all(|b| b.is_ascii_alphanumeric()) {
        remarks.add(Oddity::TagUnreadable, 0..0, format!("{} is not a tag: letters and digits", quoted(tag)));
    }
    let tag = match tag.to_ascii_lowercase().as_str() {
        "issue" => Tag::Issue,
        "issuewild" => Tag::IssueWild,
        "issuemail" => Tag::IssueMail,
        "issuevmc" => Tag::IssueVmc,
        "iodef" => Tag::Iodef,
        "contactemail" | "contactphone" => Tag::Contact,
        other => {
            remarks.add(Oddity::TagUnknown, 0..0, format!("{} is not a tag that we know", quoted(other)));
            Tag::Other(other.into())
        }
    };
    let mut property = Property { critical: flags & 0x80 != 0, tag, issuer: None, parameters: Vec::new() };
    match property.tag {
        Tag::Issue | Tag::IssueWild | Tag::IssueMail | Tag::IssueVmc => issuer(value, &mut property, &mut remarks),
        Tag::Iodef if !["mailto:", "http:", "https:"].iter().any(|scheme| value.starts_with(scheme)) => {
            let what = format!("iodef is a mailto:, http: or https: address, not {}", quoted(value));
            remarks.add(Oddity::AddressUnreadable, 0..value.len(), what);
        }
        _ => {}
    }
    remarks.into_reading(property, None)
}

/// RFC 8659 §4.2: a domain or nothing, then parameters behind semicolons.
fn issuer(value: &str, property: &mut Property, remarks: &mut Remarks<Oddity>) {
    let (domain, rest) = value.split_once(';').unwrap_or((value, ""));
    let start = domain.len() - domain.trim_start().len();
    let domain = domain.trim();
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let plain = domain.strip_suffix('.').unwrap_or(domain);
    if plain.split('.').all(label) {
        property.issuer = Some(plain.to_ascii_lowercase().into());
    } else if !domain.is_empty() {
        // A value that cannot be read allows nobody (RFC 8659 §4.2).
        let what = format!("{} is not the domain of an authority, so that nobody is allowed", quoted(domain));
        remarks.add(Oddity::IssuerUnreadable, start..start + domain.len(), what);
    }
    let mut at = value.len() - rest.len();
    for parameter in rest.split(';').take(64) {
        match parameter.split_once('=') {
            Some((name, value)) => property.parameters.push((name.trim().into(), value.trim().into())),
            None if parameter.trim().is_empty() => {}
            None => {
                let what = format!("{} is not a name and a value", quoted(parameter.trim()));
                remarks.add(Oddity::ParametersUnreadable, at..at + parameter.len(), what);
            }
        }
        at += parameter.len() + 1;
    }
}

/// Whether an authority may issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Issuance {
    /// No property restricts this kind of certificate.
    Unrestricted,
    /// The property of this number allows it.
    Allowed(usize),
    /// The property of this number allows it under conditions that only the authority can check.
    Conditional(usize),
    /// There are restrictions, and none of them names it.
    Forbidden,
    /// The property of this number is critical and unknown, so that nobody may (RFC 8659 §4.1).
    Critical(usize),
}

/// Whether one of an authority's domains may issue a certificate for a host, or for a `*` name,
/// under the properties of the relevant set (RFC 8659 §4).
pub fn may_issue<T: AsRef<str>>(set: &[Property], authority: &[T], wildcard: bool) -> Issuance {
    if let Some(index) = set.iter().position(|property| property.critical && matches!(property.tag, Tag::Other(_))) {
        return Issuance::Critical(index);
    }
    // RFC 8659 §4.3: for wildcards issuewild goes before issue, where there is one.
    let wild = wildcard && set.iter().any(|property| property.tag == Tag::IssueWild);
    let tag = if wild { Tag::IssueWild } else { Tag::Issue };
    let relevant: Vec<(usize, &Property)> =
        set.iter().enumerate().filter(|(_, property)| property.tag == tag).collect();
    let named = |property: &Property| {
        property
            .issuer
            .as_deref()
            .is_some_and(|issuer| authority.iter().any(|a| a.as_ref().eq_ignore_ascii_case(issuer)))
    };
    let matching = || relevant.iter().filter(|(_, property)| named(property));
    match matching().find(|(_, property)| property.parameters.is_empty()).or_else(|| matching().next()) {
        _ if relevant.is_empty() => Issuance::Unrestricted,
        Some((index, property)) if property.parameters.is_empty() => Issuance::Allowed(*index),
        Some((index, _)) => Issuance::Conditional(*index),
        None => Issuance::Forbidden,
    }
}

/// The names to ask, from the name of the certificate upwards without the root (RFC 8659 §3); the
/// first with CAA records has the relevant set.
pub fn climb(name: &str) -> impl Iterator<Item = &str> {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name);
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above)).take(128)
}

/// The domains an issuer answers to, by the organization in its name; empty for those not known.
/// They say so themselves in their practice statements (seen 2026-11).
pub fn domains_of(organization: &str) -> &'static [&'static str] {
    const KNOWN: [(&str, &[&str]); 16] = [
        ("let's encrypt", &["letsencrypt.org"]),
        ("digicert", &["digicert.com", "symantec.com", "geotrust.com", "rapidssl.com", "thawte.com"]),
        ("sectigo", &["sectigo.com", "comodo.com", "comodoca.com", "usertrust.com", "trust-provider.com"]),
        ("zerossl", &["sectigo.com", "zerossl.com", "comodoca.com"]),
        ("google trust services", &["pki.goog"]),
        ("globalsign", &["globalsign.com"]),
        ("godaddy", &["godaddy.com", "starfieldtech.com"]),
        ("starfield", &["starfieldtech.com", "godaddy.com"]),
        ("amazon", &["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"]),
        ("buypass", &["buypass.com", "buypass.no"]),
        ("ssl corp", &["ssl.com"]),
        ("actalis", &["actalis.it"]),
        ("identrust", &["identrust.com"]),
        ("swisssign", &["swisssign.com"]),
        ("d-trust", &["d-trust.net", "dtrust.de", "d-trust.de"]),
        ("microsoft", &["microsoft.com"]),
    ];
    let organization = organization.to_ascii_lowercase();
    KNOWN.iter().find(|(name, _)| organization.starts_with(name)).map_or(&[], |(_, domains)| domains)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Records<'a> = &'a [(u8, &'a str, &'a str)];

    fn set(records: Records<'_>) -> Vec<Property> {
        records.iter().map(|(flags, tag, value)| read(*flags, tag, value).value).collect()
    }

    #[test]
    fn properties_and_what_is_remarked() {
        let table = [
            ((0, "issue", "letsencrypt.org"), vec![]),
            ((128, "ISSUE", " ca.example. ; accounturi=https://a/1; validationmethods=dns-01"), vec![]),
            ((0, "issue", ";"), vec![]),
            ((0, "iodef", "mailto:a@b.example"), vec![]),
            ((0, "contactemail", "a@b.example"), vec![]),
            ((0, "iodef", "a@b.example"), vec![Oddity::AddressUnreadable]),
            ((0, "issue", "Let's Encrypt"), vec![Oddity::IssuerUnreadable]),
            ((0, "issue", "ca.example; now"), vec![Oddity::ParametersUnreadable]),
            ((1, "issue", "ca.example"), vec![Oddity::FlagsUnknown]),
            ((0, "tbs", "x"), vec![Oddity::TagUnknown]),
            ((0, "is sue", "x"), vec![Oddity::TagUnreadable, Oddity::TagUnknown]),
        ];
        for ((flags, tag, value), want) in table {
            assert_eq!(read(flags, tag, value).kinds(), want, "{flags} {tag} {value}");
        }
        let property = read(128, "issue", "CA.example; a=b").value;
        assert_eq!((property.critical, property.issuer.as_deref()), (true, Some("ca.example")));
        assert_eq!(property.parameters, [("a".into(), "b".into())]);
    }

    #[test]
    fn who_may_issue() {
        let table: [(Records<'_>, bool, Issuance); 10] = [
            (&[], false, Issuance::Unrestricted),
            (&[(0, "iodef", "mailto:a@b.example")], false, Issuance::Unrestricted),
            (&[(0, "issue", "other.example"), (0, "issue", "ca.example")], false, Issuance::Allowed(1)),
            (&[(0, "issue", "ca.example; accounturi=x")], false, Issuance::Conditional(0)),
            (&[(0, "issue", ";")], false, Issuance::Forbidden),
            (&[(0, "issue", "other.example")], false, Issuance::Forbidden),
            (&[(0, "issuewild", ";")], false, Issuance::Unrestricted),
            (&[(0, "issue", "ca.example"), (0, "issuewild", ";")], true, Issuance::Forbidden),
            (&[(0, "issue", "ca.example")], true, Issuance::Allowed(0)),
            (&[(128, "tbs", "x"), (0, "issue", "ca.example")], false, Issuance::Critical(0)),
        ];
        for (records, wildcard, want) in table {
            assert_eq!(may_issue(&set(records), &["ca.example"], wildcard), want, "{records:?}");
        }
    }

    #[test]
    fn names_are_climbed_and_authorities_known() {
        assert_eq!(climb("*.mx.a.example.").collect::<Vec<_>>(), ["mx.a.example", "a.example", "example"]);
        assert_eq!(domains_of("Let's Encrypt"), ["letsencrypt.org"]);
        assert!(domains_of("My own").is_empty());
    }
}
