//! That something is not there, proved by NSEC (RFC 4035 §5.4) or NSEC3 (RFC 5155 §8).
//!
//! Every NSEC and NSEC3 record that comes must be signed as it should be; that is what breaks
//! in the field. Whether they together cover all that a proof needs is followed for the name
//! itself; where that does not come out, the answer is [`Denied::Unclear`] and no reproach.

use super::verify::{Fault, Line, Memo, check, owner};
use bytes::Bytes;
use domain::base::Name;
use domain::base::iana::Rtype;
use domain::base::name::ToLabelIter as _;
use domain::dnssec::common::nsec3_hash;
use domain::rdata::dnssec::RtypeBitmap;
use domain::rdata::nsec3::OwnerHash;
use domain::rdata::{Dnskey, Nsec3, ZoneRecordData};
use std::str::FromStr as _;

/// RFC 9276 §3.2: above this, validators take the zone for unsigned.
const ITERATIONS_MAX: u16 = 150;

/// How far absence is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is.
    Proven,
    /// The records are signed, and do not say it in a way that could be followed.
    Unclear,
}

/// Whether the authority section proves that the name has no record of the type.
pub(crate) fn denied(
    section: &[Line],
    name: &str,
    kind: Rtype,
    zone: &str,
    keys: &[Dnskey<Vec<u8>>],
    now: i64,
    memo: &Memo,
) -> Result<Denied, Fault> {
    let Ok(target) = Name::<Bytes>::from_str(name) else { return Ok(Denied::Unclear) };
    let mut any = false;
    let mut proven = false;
    for line in section.iter().take(16) {
        match line.data() {
            ZoneRecordData::Nsec(nsec) => {
                check(section, &owner(line), Rtype::NSEC, zone, keys, now, memo)?;
                proven |= if *line.owner() == target {
                    lacks(nsec.types(), kind)
                } else if *line.owner() < *nsec.next_name() {
                    *line.owner() < target && target < *nsec.next_name()
                } else {
                    *line.owner() < target
                };
            }
            ZoneRecordData::Nsec3(nsec3) => {
                check(section, &owner(line), Rtype::NSEC3, zone, keys, now, memo)?;
                proven |= nsec3.iterations() > ITERATIONS_MAX || speaks_of(line, nsec3, &target, kind, zone);
            }
            _ => continue,
        }
        any = true;
    }
    match (any, proven) {
        (false, _) => Err(Fault::NoProof),
        (true, true) => Ok(Denied::Proven),
        (true, false) => Ok(Denied::Unclear),
    }
}

/// Whether an NSEC3 record is that of the name or of one above it that is not there, and denies.
fn speaks_of(line: &Line, nsec3: &Nsec3<Bytes>, target: &Name<Bytes>, kind: Rtype, zone: &str) -> bool {
    // RFC 5155 §3: the owner's first label is the hash in base32hex.
    let label = line.owner().iter_labels().next().map(ToString::to_string).unwrap_or_default();
    let Ok(here) = OwnerHash::<Vec<u8>>::from_str(&label) else { return false };
    let hash = |name: &Name<Bytes>| -> Option<OwnerHash<Vec<u8>>> {
        nsec3_hash(name, nsec3.hash_algorithm(), nsec3.iterations(), nsec3.salt()).ok()
    };
    if hash(target).as_ref() == Some(&here) {
        return lacks(nsec3.types(), kind);
    }
    let Ok(zone) = Name::<Bytes>::from_str(zone) else { return false };
    let Ok(next) = OwnerHash::<Vec<u8>>::from_octets(nsec3.next_owner().as_slice().to_vec()) else { return false };
    // The next closer name is the target or one above it; opt-out spans cover it as well.
    let above = target.iter_suffixes().take_while(|suffix| suffix.len() > zone.len());
    above.take(8).any(|suffix| hash(&suffix).is_some_and(|hash| lies_between(&hash, &here, &next)))
}

/// Whether a hash lies in the span that an NSEC3 record covers; the last one goes over to the first.
fn lies_between(hash: &OwnerHash<Vec<u8>>, here: &OwnerHash<Vec<u8>>, next: &OwnerHash<Vec<u8>>) -> bool {
    let (hash, here, next) = (hash.as_slice(), here.as_slice(), next.as_slice());
    if here < next { here < hash && hash < next } else { here < hash || hash < next }
}

/// Whether a name with these types has none of that type; a delegation's own NSEC counts for DS only.
fn lacks(types: &RtypeBitmap<Bytes>, kind: Rtype) -> bool {
    !types.contains(kind) && !types.contains(Rtype::CNAME) && (kind != Rtype::DS || !types.contains(Rtype::SOA))
}
