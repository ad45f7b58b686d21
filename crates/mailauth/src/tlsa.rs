//! TLSA records for mail servers (RFC 6698, RFC 7671, RFC 7672): which can be used, and whether
//! one matches the certificates that a server presented.
//!
//! Pure: records and DER go in. Whether the records are authentic is the caller's to know, and
//! signatures along a chain are not checked here, only that each certificate names the next as
//! its issuer; the TLS library has the last word on them.

mod certificate;

pub use certificate::{Certificate, name_matches};

use postrider_dns::Tlsa;
use sha2::{Digest, Sha256, Sha512};
use std::fmt::Write;

/// Why a record is of no use for SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// Usages 0 and 1 rest on public authorities, which mail servers do not (RFC 7672 §3.1.3).
    #[error("usage {0} is not for mail servers, only 2 and 3 are")]
    UsageNotForMail(u8),
    /// Another usage.
    #[error("usage {0} does not exist")]
    UsageUnknown(u8),
    /// Another selector than 0 and 1.
    #[error("selector {0} does not exist: 0 is the certificate, 1 its key")]
    SelectorUnknown(u8),
    /// Another matching type than 0, 1 and 2.
    #[error("matching type {0} does not exist: 0 is the whole, 1 is SHA-256, 2 is SHA-512")]
    MatchingUnknown(u8),
    /// A digest of the wrong length.
    #[error("a digest of matching type {matching} has {wanted} octets, and this one {found}")]
    DigestLength {
        /// The matching type.
        matching: u8,
        /// What it wants.
        wanted: usize,
        /// What is there.
        found: usize,
    },
    /// Matching type 0 with something that is not what the selector says.
    #[error("the data is not a whole {0}")]
    DataUnreadable(&'static str),
}

/// Whether a record can be used for SMTP at all (RFC 7672 §3.1).
pub fn usable(record: &Tlsa) -> Result<(), Flaw> {
    match record.usage {
        2 | 3 => {}
        usage @ (0 | 1) => return Err(Flaw::UsageNotForMail(usage)),
        usage => return Err(Flaw::UsageUnknown(usage)),
    }
    if record.selector > 1 {
        return Err(Flaw::SelectorUnknown(record.selector));
    }
    let found = record.data.len();
    let wanted = match record.matching {
        0 => return whole(record),
        1 => 32,
        2 => 64,
        matching => return Err(Flaw::MatchingUnknown(matching)),
    };
    if found == wanted { Ok(()) } else { Err(Flaw::DigestLength { matching: record.matching, wanted, found }) }
}

fn whole(record: &Tlsa) -> Result<(), Flaw> {
    let (readable, what) = match record.selector {
        0 => (Certificate::read(&record.data).is_some(), "certificate"),
        _ => (certificate::is_public_key(&record.data), "public key"),
    };
    if readable { Ok(()) } else { Err(Flaw::DataUnreadable(what)) }
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is of no use.
    Unusable(Flaw),
    /// It matches the certificate of this place in the chain, the server's own being 0.
    Matches {
        /// The place.
        place: usize,
    },
    /// It names the issuer, and the chain leads to it, but something else stands in the way.
    Hindered {
        /// The place.
        place: usize,
        /// What it is.
        by: Hindrance,
    },
    /// It matches none. With `mislabelled`, its data are right under another label.
    Differs {
        /// Usage, selector and matching type under which the data would match.
        mislabelled: Option<(u8, u8, u8)>,
    },
}

/// What usage 2 asks beyond the match (RFC 7671 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hindrance {
    /// The server's certificate names none of the names that are looked for (RFC 7672 §3.2.2).
    Name,
    /// A certificate on the way has expired, or does not count yet.
    Time,
    /// A certificate on the way is not issued by the one above it.
    Chain,
}

/// What became of a whole set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// In the order of the records.
    pub outcomes: Vec<Outcome>,
    /// All of it in one word.
    pub verdict: Verdict,
    /// The record that would match the server's own certificate, for the zone:
    /// `3 1 1 …`, which outlives renewals that keep the key.
    pub right: Option<String>,
}

/// A set in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The record of this number matches, and that is enough.
    Matches(usize),
    /// The record of this number would, but for a hindrance.
    Hindered(usize, Hindrance),
    /// There are usable records, and none matches: senders that heed DANE do not deliver.
    NoneMatches,
    /// No record can be used: senders insist on TLS and take any certificate (RFC 7672 §2.2).
    NothingUsable,
    /// The server showed no certificate that can be read.
    NoCertificate,
}

/// No server presents so many certificates, and no name has so many records.
const CERTIFICATES_MAX: usize = 16;
const RECORDS_MAX: usize = 64;

/// Holds records against what a server presented, its own certificate first. `names` are those
/// that may be in the certificate for usage 2; `now` is in seconds since 1970.
pub fn matching<T: AsRef<[u8]>>(records: &[Tlsa], chain: &[T], names: &[&str], now: i64) -> Matching {
    let chain: Vec<Option<Certificate<'_>>> =
        chain.iter().take(CERTIFICATES_MAX).map(|der| Certificate::read(der.as_ref())).collect();
    let outcomes: Vec<Outcome> =
        records.iter().take(RECORDS_MAX).map(|record| outcome(record, &chain, names, now)).collect();
    let own = chain.first().and_then(Option::as_ref);
    let found = |wanted: fn(&Outcome) -> Option<Verdict>| outcomes.iter().find_map(wanted);
    let matched = outcomes.iter().position(|outcome| matches!(outcome, Outcome::Matches { .. }));
    let hindered = outcomes.iter().enumerate().find_map(|(index, outcome)| match outcome {
        Outcome::Hindered { by, .. } => Some(Verdict::Hindered(index, *by)),
        _ => None,
    });
    let differs = found(|outcome| matches!(outcome, Outcome::Differs { .. }).then_some(Verdict::NoneMatches));
    let verdict = match (own, matched) {
        (None, _) => Verdict::NoCertificate,
        (_, Some(index)) => Verdict::Matches(index),
        _ => hindered.or(differs).unwrap_or(Verdict::NothingUsable),
    };
    Matching { verdict, right: own.and_then(|own| association(3, 1, 1, own)), outcomes }
}

fn outcome(record: &Tlsa, chain: &[Option<Certificate<'_>>], names: &[&str], now: i64) -> Outcome {
    if let Err(flaw) = usable(record) {
        return Outcome::Unusable(flaw);
    }
    let certificates = || chain.iter().enumerate().filter_map(|(place, found)| Some((place, found.as_ref()?)));
    let fits = |found: &Certificate<'_>| {
        data(record.selector, record.matching, found).is_some_and(|data| *data == *record.data)
    };
    let place = match record.usage {
        // RFC 7671 §5.1: neither names nor dates matter for usage 3.
        3 => certificates().find(|(place, found)| *place == 0 && fits(found)),
        _ => certificates().find(|(place, found)| (*place > 0 || found.is_self_issued()) && fits(found)),
    };
    let place = place.map(|(place, _)| place).or_else(|| above_the_chain(record, chain));
    match place {
        None => Outcome::Differs { mislabelled: mislabelled(record, chain) },
        Some(place) if record.usage == 3 => Outcome::Matches { place },
        Some(place) => match hindrance(chain, place, names, now) {
            Some(by) => Outcome::Hindered { place, by },
            None => Outcome::Matches { place },
        },
    }
}

/// A whole certificate in the record may be that of an issuer which the server left out
/// (RFC 7671 §5.2.2).
fn above_the_chain(record: &Tlsa, chain: &[Option<Certificate<'_>>]) -> Option<usize> {
    let last = chain.last()?.as_ref()?;
    let anchor =
        Certificate::read(&record.data).filter(|_| (record.usage, record.selector, record.matching) == (2, 0, 0))?;
    (anchor.subject() == last.issuer()).then_some(chain.len())
}

fn hindrance(chain: &[Option<Certificate<'_>>], place: usize, names: &[&str], now: i64) -> Option<Hindrance> {
    let on_the_way = chain.get(..place.max(1))?;
    let own = on_the_way.first()?.as_ref()?;
    let linked = chain.windows(2).take(place).all(|pair| match pair {
        [Some(one), Some(above)] => one.issuer() == above.subject(),
        _ => false,
    });
    if !linked {
        Some(Hindrance::Chain)
    } else if !on_the_way.iter().flatten().all(|certificate| certificate.is_valid_at(now)) {
        Some(Hindrance::Time)
    } else if !names.iter().any(|name| own.is_for(name)) {
        Some(Hindrance::Name)
    } else {
        None
    }
}

/// The label under which the data would have been right, as the commonest mistakes are a hash of
/// the certificate labelled as one of the key, and an issuer's labelled as the server's.
fn mislabelled(record: &Tlsa, chain: &[Option<Certificate<'_>>]) -> Option<(u8, u8, u8)> {
    for (place, certificate) in chain.iter().enumerate() {
        let Some(certificate) = certificate else { continue };
        for (selector, matching) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
            if data(selector, matching, certificate).is_some_and(|data| *data == *record.data) {
                return Some((if place == 0 { 3 } else { 2 }, selector, matching));
            }
        }
    }
    None
}

/// What a record of that label holds for a certificate.
fn data(selector: u8, matching: u8, certificate: &Certificate<'_>) -> Option<Vec<u8>> {
    let whole = match selector {
        0 => certificate.der(),
        1 => certificate.public_key(),
        _ => return None,
    };
    match matching {
        0 => Some(whole.to_vec()),
        1 => Some(Sha256::digest(whole).to_vec()),
        2 => Some(Sha512::digest(whole).to_vec()),
        _ => None,
    }
}

/// The right side of a TLSA record for a certificate; `None` for labels that do not exist.
pub fn association(usage: u8, selector: u8, matching: u8, certificate: &Certificate<'_>) -> Option<String> {
    let mut text = format!("{usage} {selector} {matching} ");
    for octet in data(selector, matching, certificate)? {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests;
