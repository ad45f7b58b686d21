//! One set of records under the keys of its zone (RFC 4035 §5.3). Pure; the time is an argument.

use crate::dns::names::{is_under, plain};
use bytes::Bytes;
use domain::base::iana::{Rtype, SecurityAlgorithm};
use domain::base::name::FlattenInto as _;
use domain::base::{Message, Name, ParsedName, Record};
use domain::crypto::common::AlgorithmError;
use domain::dnssec::validator::base::RrsigExt as _;
use domain::rdata::{Dnskey, Rrsig, ZoneRecordData};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

/// A record with all its octets.
pub(crate) type Line = Record<Name<Bytes>, ZoneRecordData<Bytes, Name<Bytes>>>;
type Signature = Rrsig<Bytes, Name<Bytes>>;

/// Signatures of one set that are tried; RFC 9520's fear of keys without end (KeyTrap) sets it.
const SIGNATURES_MAX: usize = 8;
/// Keys with one tag that are tried.
const KEYS_MAX: usize = 3;

/// A set of records, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// When its signature begins to hold, in seconds since 1970.
    pub from: i64,
    /// When it ends.
    pub until: i64,
    /// By which key.
    pub tag: u16,
    /// Its algorithm.
    pub algorithm: u8,
    /// It stands for all names below a wildcard.
    pub wildcard: bool,
}

/// Why records are not proved, though their zone is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The zone above has a DS, and the zone has no DNSKEY.
    Unsigned,
    /// No key of the zone is one that a DS names: the tags of the DS records, and of the keys.
    NoMatch {
        /// Key tags of the DS records.
        ds: Vec<u16>,
        /// Key tags of the zone's keys.
        keys: Vec<u16>,
    },
    /// A key has the tag that the DS names, and the digest is of another key.
    Digest {
        /// The tag.
        tag: u16,
    },
    /// There is no signature.
    NoSignature,
    /// The signature has expired.
    Expired {
        /// By which key it is.
        tag: u16,
        /// When, in seconds since 1970.
        at: i64,
    },
    /// The signature does not hold yet.
    NotYet {
        /// By which key it is.
        tag: u16,
        /// From when, in seconds since 1970.
        from: i64,
    },
    /// It is signed by keys that the zone does not have.
    NoKey {
        /// Their tags.
        tags: Vec<u16>,
    },
    /// The signature does not fit what is signed.
    Wrong {
        /// By which key it is.
        tag: u16,
    },
    /// It is signed in a manner that this program cannot verify.
    Unsupported {
        /// The algorithm's number.
        algorithm: u8,
    },
    /// What is said not to be there is not proved not to be there.
    NoProof,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = |seconds: &i64| crate::moment(seconds.saturating_mul(1000));
        match self {
            Self::Unsigned => f.write_str("the zone has no DNSKEY, though the zone above has a DS for it"),
            Self::NoMatch { ds, keys } => {
                write!(f, "the DS above names key {}, and the zone has key {}", list(ds), list(keys))
            }
            Self::Digest { tag } => write!(f, "the DS above for key {tag} has a digest that is not of that key"),
            Self::NoSignature => f.write_str("it has no signature"),
            Self::Expired { tag, at } => write!(f, "its signature by key {tag} expired at {}", moment(at)),
            Self::NotYet { tag, from } => write!(f, "its signature by key {tag} holds only from {}", moment(from)),
            Self::NoKey { tags } => write!(f, "it is signed by key {}, which the zone does not have", list(tags)),
            Self::Wrong { tag } => write!(f, "its signature by key {tag} does not fit the records"),
            Self::Unsupported { algorithm } => {
                write!(f, "it is signed with {}, which cannot be verified here", algorithm_name(*algorithm))
            }
            Self::NoProof => f.write_str("that there is nothing is not proved"),
        }
    }
}

fn list(tags: &[u16]) -> String {
    tags.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// An algorithm by its usual name (RFC 8624 §3.1).
pub fn algorithm_name(algorithm: u8) -> String {
    match algorithm {
        1 => "RSA/MD5 (1)".into(),
        3 => "DSA (3)".into(),
        5 => "RSA/SHA-1 (5)".into(),
        6 => "DSA-NSEC3 (6)".into(),
        7 => "RSA/SHA-1-NSEC3 (7)".into(),
        8 => "RSA/SHA-256 (8)".into(),
        10 => "RSA/SHA-512 (10)".into(),
        12 => "GOST (12)".into(),
        13 => "ECDSA P-256 (13)".into(),
        14 => "ECDSA P-384 (14)".into(),
        15 => "Ed25519 (15)".into(),
        16 => "Ed448 (16)".into(),
        other => format!("algorithm {other}"),
    }
}

/// Whether signatures of that algorithm can be verified here.
pub(crate) const fn is_supported(algorithm: u8) -> bool {
    matches!(algorithm, 5 | 7 | 8 | 10 | 13 | 14 | 15)
}

/// Remembers which signatures were found to fit: the same set comes from every server.
#[derive(Default)]
pub(crate) struct Memo {
    seen: Mutex<HashMap<u64, Option<bool>>>,
    state: RandomState,
}

impl Memo {
    /// Whether a signature fits; `None` when its key cannot be used here.
    fn fits(&self, signature: &Signature, key: &Dnskey<Vec<u8>>, data: &Vec<u8>) -> Option<bool> {
        let id = self.state.hash_one((signature.signature().as_ref(), key.public_key(), data));
        if let Some(known) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return *known;
        }
        let fits = match signature.verify_signed_data(key, data) {
            Ok(()) => Some(true),
            Err(AlgorithmError::Unsupported) => None,
            Err(_) => Some(false),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id, fits);
        fits
    }
}

/// The answer and the authority section of a message, with all octets.
pub(crate) fn lines(octets: &Bytes) -> (Vec<Line>, Vec<Line>) {
    let read = || -> Option<(Vec<Line>, Vec<Line>)> {
        let message = Message::from_octets(octets.clone()).ok()?;
        let (_, answer, authority, _) = message.sections().ok()?;
        let section = |section: domain::base::message::RecordSection<'_, Bytes>| {
            let records = section.map_while(Result::ok).take(500);
            let records = records
                .filter_map(|record| record.into_record::<ZoneRecordData<Bytes, ParsedName<Bytes>>>().ok().flatten());
            records.map(|record| record.flatten_into()).collect()
        };
        Some((section(answer), section(authority)))
    };
    read().unwrap_or_default()
}

/// The owner of a record, as this crate writes names.
pub(crate) fn owner(line: &Line) -> String {
    plain(&line.owner().to_string())
}

/// The zone that signed a set, as its signatures say.
pub(crate) fn signer(section: &[Line], name: &str, kind: Rtype) -> Option<String> {
    signatures(section, name, kind).next().map(|signature| plain(&signature.signer_name().to_string()))
}

fn signatures<'a>(section: &'a [Line], name: &'a str, kind: Rtype) -> impl Iterator<Item = &'a Signature> {
    section.iter().filter_map(move |line| match line.data() {
        ZoneRecordData::Rrsig(signature) if signature.type_covered() == kind && owner(line) == name => Some(signature),
        _ => None,
    })
}

/// A moment of a signature in seconds since 1970: RFC 4034 §3.1.5 has serial number arithmetic.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "modulo 2^32 is meant"
)]
pub(crate) fn seconds(moment: u32, now: i64) -> i64 {
    now + i64::from(moment.wrapping_sub(now as u32) as i32)
}

struct Each<'a>(&'a Line);

impl AsRef<Line> for Each<'_> {
    fn as_ref(&self) -> &Line {
        self.0
    }
}

/// Whether the records of that name and type are proved by the zone's keys.
pub(crate) fn check(
    section: &[Line],
    name: &str,
    kind: Rtype,
    zone: &str,
    keys: &[Dnskey<Vec<u8>>],
    now: i64,
    memo: &Memo,
) -> Result<Sealed, Fault> {
    let mut set: Vec<&Line> = Vec::new();
    for line in section.iter().filter(|line| line.rtype() == kind && owner(line) == name) {
        // RFC 4034 §6.3: a record that is there twice counts once.
        if !set.iter().any(|known| known.data() == line.data()) {
            set.push(line);
        }
    }
    let mut worst: Option<Fault> = None;
    let mut missing: Vec<u16> = Vec::new();
    for signature in signatures(section, name, kind).take(SIGNATURES_MAX) {
        match check_one(&set, signature, zone, keys, now, memo) {
            Ok(sealed) => return Ok(sealed),
            Err(Fault::NoKey { tags }) => missing.extend(tags),
            Err(fault) => {
                if worst.as_ref().is_none_or(|known| telling(&fault) > telling(known)) {
                    worst = Some(fault);
                }
            }
        }
    }
    Err(match worst {
        Some(fault) => fault,
        None if missing.is_empty() => Fault::NoSignature,
        None => Fault::NoKey { tags: missing },
    })
}

/// Of several signatures that fail, the most telling reason is told.
const fn telling(fault: &Fault) -> u8 {
    match fault {
        Fault::Expired { .. } | Fault::NotYet { .. } => 3,
        Fault::Wrong { .. } => 2,
        _ => 1,
    }
}

fn check_one(
    set: &[&Line],
    signature: &Signature,
    zone: &str,
    keys: &[Dnskey<Vec<u8>>],
    now: i64,
    memo: &Memo,
) -> Result<Sealed, Fault> {
    let tag = signature.key_tag();
    let algorithm = signature.algorithm().to_int();
    let first = set.first().ok_or(Fault::NoSignature)?;
    let name = owner(first);
    let labels = if name == "." { 0 } else { name.split('.').count() };
    let signer = plain(&signature.signer_name().to_string());
    // RFC 4035 §5.3.1: the signer is the zone, and no more labels are signed than there are.
    if signer != zone || !is_under(&name, zone) || usize::from(signature.labels()) > labels {
        return Err(Fault::Wrong { tag });
    }
    if !is_supported(algorithm) {
        return Err(Fault::Unsupported { algorithm });
    }
    let fits = |key: &&Dnskey<Vec<u8>>| key.key_tag() == tag && key.algorithm().to_int() == algorithm;
    let mut able = keys.iter().filter(fits).take(KEYS_MAX).peekable();
    if able.peek().is_none() {
        return Err(Fault::NoKey { tags: vec![tag] });
    }
    let until = seconds(signature.expiration().into_int(), now);
    let from = seconds(signature.inception().into_int(), now);
    if until < now {
        return Err(Fault::Expired { tag, at: until });
    }
    if from > now {
        return Err(Fault::NotYet { tag, from });
    }
    let mut data: Vec<u8> = Vec::new();
    let mut each: Vec<Each<'_>> = set.iter().map(|line| Each(line)).collect();
    let Ok(()) = signature.signed_data(&mut data, &mut each);
    let fits: Vec<Option<bool>> = able.map(|key| memo.fits(signature, key, &data)).collect();
    if fits.contains(&Some(true)) {
        let star = usize::from(name.starts_with("*."));
        return Ok(Sealed { from, until, tag, algorithm, wildcard: usize::from(signature.labels()) + star < labels });
    }
    Err(if fits.iter().all(Option::is_none) { Fault::Unsupported { algorithm } } else { Fault::Wrong { tag } })
}

/// The keys with which a zone may sign (RFC 4034 §2.1.1), revoked ones left out (RFC 5011 §2.1).
pub(crate) fn zone_keys(section: &[Line], zone: &str) -> Vec<Dnskey<Vec<u8>>> {
    let keys = section.iter().filter(|line| owner(line) == zone).filter_map(|line| match line.data() {
        ZoneRecordData::Dnskey(key) if key.flags() & 0x180 == 0x100 && key.protocol() == 3 => {
            let algorithm = SecurityAlgorithm::from_int(key.algorithm().to_int());
            Dnskey::new(key.flags(), 3, algorithm, key.public_key().to_vec()).ok()
        }
        _ => None,
    });
    keys.take(16).collect()
}
