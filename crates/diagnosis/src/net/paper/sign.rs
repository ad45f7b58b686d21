//! Signed zones: one Ed25519 key a zone, NSEC, and what can be wrong with them.

use super::zone::{Copy, Line, name, owner};
use crate::dns::names::is_under;
use bytes::Bytes;
use domain::base::iana::{Class, DigestAlgorithm, Rtype, SecurityAlgorithm};
use domain::base::{Record, Ttl};
use domain::dnssec::validator::base::{DnskeyExt as _, RrsigExt as _};
use domain::rdata::dnssec::{RtypeBitmap, Timestamp};
use domain::rdata::{Dnskey, Ds, Nsec, Rrsig, ZoneRecordData};
use postrider_smtp::Timestamp as Moment;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const DAY: i64 = 86_400;

/// How a zone is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signing {
    /// When the signatures begin to hold, in seconds from now.
    pub(crate) from: i64,
    /// When they end.
    pub(crate) until: i64,
    /// The DS above is of another key.
    pub(crate) wrong_ds: bool,
    /// The DS above has the right tag and a digest that is none of the key.
    pub(crate) wrong_digest: bool,
    /// The zone itself is not signed; only the DS above says so.
    pub(crate) unsigned: bool,
    /// These have no signature, as in `"good.test MX"`.
    pub(crate) bare: &'static [&'static str],
    /// These have a signature that does not fit.
    pub(crate) forged: &'static [&'static str],
    /// The zone is signed, and no DS stands above.
    pub(crate) island: bool,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            from: -5 * DAY,
            until: 20 * DAY,
            wrong_ds: false,
            wrong_digest: false,
            unsigned: false,
            bare: &[],
            forged: &[],
            island: false,
        }
    }
}

/// The keys of the zones, made when they are needed.
#[derive(Default)]
pub(super) struct Keys {
    keys: Mutex<HashMap<String, Arc<KeyPair>>>,
}

impl Keys {
    fn pair(&self, zone: &str) -> Arc<KeyPair> {
        let mut keys = self.keys.lock().unwrap();
        let make = || Arc::new(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
        Arc::clone(keys.entry(zone.to_owned()).or_insert_with(make))
    }

    fn dnskey(&self, zone: &str) -> Dnskey<Bytes> {
        let public = Bytes::copy_from_slice(self.pair(zone).der_bytes());
        Dnskey::new(257, 3, SecurityAlgorithm::ED25519, public).unwrap()
    }

    /// The DNSKEY as a trust anchor.
    pub(super) fn anchor(&self, zone: &str) -> String {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::STANDARD.encode(self.dnskey(zone).public_key());
        format!("{zone} IN DNSKEY 257 3 15 {key}")
    }

    /// The DS of a zone for the zone above; for an island, a record that is no DS.
    pub(super) fn ds(&self, zone: &str, signing: &Signing) -> Line {
        if signing.island {
            let txt = domain::rdata::Txt::build_from_slice(b"no ds").unwrap();
            return Record::new(name(zone), Class::IN, Ttl::from_secs(300), ZoneRecordData::Txt(txt));
        }
        let key = self.dnskey(if signing.wrong_ds { "another" } else { zone });
        let mut digest = key.digest(&name(zone), DigestAlgorithm::SHA256).unwrap().as_ref().to_vec();
        if signing.wrong_digest {
            digest[0] ^= 1;
        }
        let ds = Ds::new(key.key_tag(), SecurityAlgorithm::ED25519, DigestAlgorithm::SHA256, digest.into()).unwrap();
        Record::new(name(zone), Class::IN, Ttl::from_secs(300), ZoneRecordData::Ds(ds))
    }

    /// Puts key, NSEC chain and signatures into a copy.
    pub(super) fn sign(&self, copy: &mut Copy, signing: &Signing, now: Moment) {
        if signing.unsigned {
            return;
        }
        let zone = copy.zone.clone();
        let key = ZoneRecordData::Dnskey(self.dnskey(&zone));
        copy.add(Record::new(name(&zone), Class::IN, Ttl::from_secs(3600), key));
        chain(copy);
        let mut sets: Vec<(String, Rtype)> = copy.lines.iter().map(|line| (owner(line), line.rtype())).collect();
        sets.sort();
        sets.dedup();
        for (at, kind) in sets {
            let below = copy.cut(&at, Rtype::A);
            let glue = below.is_some_and(|cut| cut != at || !matches!(kind, Rtype::DS | Rtype::NSEC));
            let tag = format!("{at} {kind}");
            if glue || signing.bare.contains(&tag.as_str()) {
                continue;
            }
            let mut set: Vec<Line> = copy.at(&at, kind).cloned().collect();
            let line = self.signature(&zone, &mut set, signing, now, signing.forged.contains(&tag.as_str()));
            copy.add(line);
        }
    }

    fn signature(&self, zone: &str, set: &mut [Line], signing: &Signing, now: Moment, forged: bool) -> Line {
        struct Each(Line);
        impl AsRef<Line> for Each {
            fn as_ref(&self) -> &Line {
                &self.0
            }
        }
        let first = set[0].clone();
        let at = |offset: i64| Timestamp::from(u32::try_from(now.0 / 1000 + offset).unwrap());
        let labels = owner(&first).split('.').filter(|label| !label.is_empty() && *label != "*").count();
        let make = |signature: Vec<u8>| {
            Rrsig::new(
                first.rtype(),
                SecurityAlgorithm::ED25519,
                u8::try_from(labels).unwrap(),
                first.ttl(),
                at(signing.until),
                at(signing.from),
                self.dnskey(zone).key_tag(),
                name(zone),
                Bytes::from(signature),
            )
            .unwrap()
        };
        let mut data = Vec::new();
        let mut each: Vec<Each> = set.iter().cloned().map(Each).collect();
        make(Vec::new()).signed_data(&mut data, &mut each).unwrap();
        if forged {
            data.push(0);
        }
        let signature = self.pair(zone).sign(&data).unwrap();
        Record::new(first.owner().clone(), first.class(), first.ttl(), ZoneRecordData::Rrsig(make(signature)))
    }
}

/// The NSEC chain of a zone (RFC 4034 §4).
fn chain(copy: &mut Copy) {
    let zone = copy.zone.clone();
    let mut owners: Vec<String> = copy.lines.iter().map(owner).filter(|at| is_under(at, &zone)).collect();
    owners.retain(|at| copy.cut(at, Rtype::A).is_none_or(|cut| cut == *at));
    owners.sort_by_key(|at| name(at));
    owners.dedup();
    for (index, at) in owners.iter().enumerate() {
        let next = &owners[(index + 1) % owners.len()];
        let mut types = RtypeBitmap::<Vec<u8>>::builder();
        for kind in copy.lines.iter().filter(|line| owner(line) == *at).map(Record::rtype) {
            types.add(kind).unwrap();
        }
        types.add(Rtype::NSEC).unwrap();
        types.add(Rtype::RRSIG).unwrap();
        let types = RtypeBitmap::from_octets(Bytes::from(types.finalize().as_slice().to_vec())).unwrap();
        let nsec = ZoneRecordData::Nsec(Nsec::new(name(next), types));
        copy.add(Record::new(name(at), Class::IN, Ttl::from_secs(300), nsec));
    }
}
