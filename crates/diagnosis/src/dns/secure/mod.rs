//! DNSSEC: whether what the servers say is proved from the trust anchor down (RFC 4035 §5).
//!
//! The chain is walked over packets that are asked for like all others, and judged at the run's
//! time, never at that of the clock, so that a recorded case comes out again as it was. Zones
//! and signatures are looked at once per run.
//!
//! What is bogus here is bogus for every validating resolver. What cannot be followed, as there
//! is no anchor or a server above does not answer, is [`Security::Indeterminate`] and no fault.
//!
//! Not here: that a name behind a wildcard is proved not to exist itself.

mod denial;
#[cfg(test)]
mod tests;
mod verify;

use super::anchors::{Anchor, anchors, digest_of};
use super::names::{Names, is_under, parent_of, plain};
use super::packet::{Data, Packet};
use crate::ctx::Ctx;
use crate::net::Ask;
use denial::{Denied, denied};
use domain::base::iana::Rtype;
use domain::rdata::Dnskey;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
pub use verify::{Fault, Sealed, algorithm_name};
use verify::{Memo, check, is_supported, lines, signer, zone_keys};

/// How the reason ends when the root itself seems to be out of date.
const CLOCK: &str = "; is the clock of this machine right?";
/// Aliases that are followed.
const ALIASES_MAX: usize = 8;

/// How far an answer can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// It is proved, from the anchor down.
    Secure {
        /// When the first signature on the way ends, in seconds since 1970.
        until: i64,
    },
    /// It is proved that it is not signed: why.
    Insecure(String),
    /// It ought to be signed, and the proof fails: validating resolvers answer SERVFAIL.
    Bogus(Bogus),
    /// It could not be found out: why.
    Indeterminate(String),
}

/// Where a proof fails, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bogus {
    /// The zone at fault.
    pub zone: String,
    /// The name whose records are at fault.
    pub name: String,
    /// Their type.
    pub kind: Rtype,
    /// What is wrong with them.
    pub fault: Fault,
}

impl fmt::Display for Bogus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.kind, self.name, self.fault)
    }
}

/// What is known of a zone's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// They are proved.
    Keys(Keys),
    /// The zone is proved to be unsigned.
    Insecure(String),
    /// The proof fails, here or above.
    Bogus(Bogus),
    /// It could not be found out.
    Indeterminate(String),
}

/// A zone's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The zone.
    pub zone: String,
    /// The keys.
    pub keys: Vec<Dnskey<Vec<u8>>>,
    /// When the first signature on the way here ends, in seconds since 1970.
    pub until: i64,
    /// Why no anchor is at the beginning, when none is: then only the DS right above speaks for them.
    pub doubt: Option<String>,
}

impl Trust {
    fn security(&self) -> Security {
        match self {
            Self::Keys(keys) => Security::Secure { until: keys.until },
            Self::Insecure(why) => Security::Insecure(why.clone()),
            Self::Bogus(bogus) => Security::Bogus(bogus.clone()),
            Self::Indeterminate(why) => Security::Indeterminate(why.clone()),
        }
    }
}

/// Says how far what the DNS has of a name and type can be trusted: also that it has nothing.
pub async fn secure_status(ctx: &Ctx, name: &str, kind: Rtype) -> Security {
    ctx.chains.status(&ctx.names, ctx.now.0 / 1000, &plain(name), kind).await
}

type Once<T> = Arc<OnceCell<Arc<T>>>;
/// A packet, or why there is none.
type Fetched = Result<Packet, String>;
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The chains of trust that were walked in one run.
#[derive(Default)]
pub struct Chains {
    anchors: Vec<Anchor>,
    /// Why the anchors may not be those of this network.
    doubt: bool,
    zones: Mutex<HashMap<String, Once<Trust>>>,
    packets: Mutex<HashMap<(String, u16), Once<Fetched>>>,
    memo: Memo,
}

impl Chains {
    /// Begins at those anchors, in zone-file form; without any, at IANA's. In a closed network
    /// IANA's are not the ones to expect.
    pub fn new(lines: &[String], closed: bool) -> Self {
        Self { anchors: anchors(lines), doubt: closed && lines.is_empty(), ..Self::default() }
    }

    /// How far a name and type can be trusted.
    pub async fn status(&self, names: &Names, now: i64, name: &str, kind: Rtype) -> Security {
        let mut at = name.to_owned();
        let mut until = i64::MAX;
        for _ in 0..ALIASES_MAX {
            let packet = self.fetch(names, &at, kind).await;
            let packet = match &*packet {
                Ok(packet) => packet,
                Err(why) => return Security::Indeterminate(why.clone()),
            };
            let alias = packet.of(Rtype::CNAME).find(|rr| rr.name == at && kind != Rtype::CNAME);
            let asked = if alias.is_some() { Rtype::CNAME } else { kind };
            let security = self.of_packet(names, now, packet, &at, asked).await;
            let Security::Secure { until: this } = security else { return security };
            until = until.min(this);
            match alias.map(|rr| &rr.data) {
                Some(Data::Cname(target)) => at.clone_from(target),
                _ => return Security::Secure { until },
            }
        }
        Security::Indeterminate(format!("the aliases of {name} do not come to an end"))
    }

    /// How far one server's answer can be trusted.
    pub async fn of_packet(&self, names: &Names, now: i64, packet: &Packet, name: &str, kind: Rtype) -> Security {
        if packet.truncated {
            return Security::Indeterminate(format!("the answer for {name} {kind} comes cut off"));
        }
        let zone = self.zone_of(names, packet, name, kind).await;
        let trust = self.trust(names, now, &zone).await;
        let Trust::Keys(keys) = &*trust else { return trust.security() };
        match self.under(keys, now, packet, name, kind) {
            Ok(Some(until)) => match &keys.doubt {
                None => Security::Secure { until: until.min(keys.until) },
                Some(why) => Security::Indeterminate(why.clone()),
            },
            Ok(None) => Security::Indeterminate("the proof that there is nothing could not be followed".into()),
            Err(fault @ Fault::Unsupported { .. }) => Security::Indeterminate(fault.to_string()),
            Err(fault) => Security::Bogus(Bogus { zone, name: name.to_owned(), kind, fault }),
        }
    }

    /// Whether an answer is proved by keys, and until when; `None` when that cannot be said.
    pub fn under(&self, keys: &Keys, now: i64, packet: &Packet, name: &str, kind: Rtype) -> Result<Option<i64>, Fault> {
        let (answer, authority) = lines(&packet.octets);
        if packet.of(kind).any(|rr| rr.name == name) {
            return self.sealed(keys, now, packet, name, kind).map(|sealed| Some(sealed.until));
        }
        let at = if answer.is_empty() { name.to_owned() } else { return Ok(None) };
        let soa = match packet.denial() {
            Some((owner, _)) => {
                let soa = check(&authority, owner, Rtype::SOA, &keys.zone, &keys.keys, now, &self.memo);
                soa.map(|sealed| sealed.until)?
            }
            None => i64::MAX,
        };
        let denied = denied(&authority, &at, kind, &keys.zone, &keys.keys, now, &self.memo)?;
        Ok((denied == Denied::Proven).then_some(soa))
    }

    /// The proof of the records of that name and type in an answer.
    pub fn sealed(&self, keys: &Keys, now: i64, packet: &Packet, name: &str, kind: Rtype) -> Result<Sealed, Fault> {
        let (answer, _) = lines(&packet.octets);
        check(&answer, name, kind, &keys.zone, &keys.keys, now, &self.memo)
    }

    /// The zone an answer is from.
    async fn zone_of(&self, names: &Names, packet: &Packet, name: &str, kind: Rtype) -> String {
        let (answer, authority) = lines(&packet.octets);
        let signer = signer(&answer, name, kind).filter(|zone| is_under(name, zone));
        if let Some(zone) = signer {
            return zone;
        }
        if let Some((zone, _)) = packet.denial().filter(|(zone, _)| is_under(name, zone)) {
            return zone.to_owned();
        }
        drop((answer, authority));
        // Nothing in the answer says which zone it is from. One server may have a zone and
        // another below it, so the cuts in between are asked for.
        let mut zone = names.deepest_cut(name).zone.clone();
        let mut between: Vec<String> = Vec::new();
        let mut at = name.to_owned();
        while at != zone && at != "." {
            between.push(at.clone());
            at = parent_of(&at);
        }
        for at in between.into_iter().rev() {
            let packet = self.fetch(names, &at, Rtype::NS).await;
            if packet.as_ref().as_ref().is_ok_and(|packet| packet.of(Rtype::NS).any(|rr| rr.name == at)) {
                zone = at;
            }
        }
        zone
    }

    /// One question, once per run: of the zone's own servers, or a resolver when none answers.
    pub async fn fetch(&self, names: &Names, name: &str, kind: Rtype) -> Arc<Fetched> {
        let cell = {
            let mut packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(packets.entry((name.to_owned(), kind.to_int())).or_default())
        };
        let fetched = cell.get_or_init(|| async {
            Arc::new(match names.authoritative(name, kind, 0).await {
                Ok((packet, _)) => Ok(packet),
                Err(mute) => match names.sources().resolvers.first() {
                    Some(resolver) => match names.packet(&Ask::recursive(*resolver, name, kind)).await {
                        Ok(packet) if matches!(packet.rcode, 0 | 3) => Ok(packet),
                        _ => Err(mute.told()),
                    },
                    None => Err(mute.told()),
                },
            })
        });
        Arc::clone(fetched.await)
    }

    /// What is known of a zone's keys.
    pub fn trust<'a>(&'a self, names: &'a Names, now: i64, zone: &'a str) -> Boxed<'a, Arc<Trust>> {
        Box::pin(async move {
            let cell = {
                let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(zones.entry(zone.to_owned()).or_default())
            };
            Arc::clone(cell.get_or_init(|| async { Arc::new(self.establish(names, now, zone).await) }).await)
        })
    }

    async fn establish(&self, names: &Names, now: i64, zone: &str) -> Trust {
        let anchors: Vec<&Anchor> = self.anchors.iter().filter(|anchor| anchor.zone == zone).collect();
        if !anchors.is_empty() {
            return self.begin_at(names, now, zone, &anchors).await;
        }
        if zone == "." {
            return Trust::Indeterminate("no trust anchor of the root is known".into());
        }
        // Both are wanted in nearly every case, so both are asked for at once.
        let (ds, dnskey) = tokio::join!(self.fetch(names, zone, Rtype::DS), self.fetch(names, zone, Rtype::DNSKEY));
        let ds = match &*ds {
            Ok(packet) => packet,
            Err(why) => return Trust::Indeterminate(why.clone()),
        };
        if ds.denial().is_some_and(|(owner, _)| owner == zone) {
            // RFC 4035 §3.1.4.1 is not known to that server: it speaks for the zone below.
            return Trust::Indeterminate(format!("the zone above {zone} does not say whether it has a DS for it"));
        }
        let above = above(names, ds, zone);
        let trust = self.trust(names, now, &above).await;
        let keys = match &*trust {
            Trust::Keys(keys) => Ok(keys),
            // With a wrong clock nothing can be said of any signature.
            Trust::Indeterminate(why) if !why.ends_with(CLOCK) => Err(why.clone()),
            settled => return settled.clone(),
        };
        let until = match self.delegation(keys.as_ref().ok().copied(), now, ds, zone, &above) {
            Ok(until) => until,
            Err(settled) => return settled,
        };
        let doubt = keys.map_or_else(Some, |keys| keys.doubt.clone());
        match &*dnskey {
            Ok(dnskey) if dnskey.truncated => Trust::Indeterminate(format!("the keys of {zone} come cut off")),
            Ok(dnskey) => self.match_keys(now, ds, dnskey, zone, until, doubt),
            Err(why) => Trust::Indeterminate(why.clone()),
        }
    }

    /// Reads what the zone above says: until when its DS holds, or what settles the matter.
    fn delegation(&self, keys: Option<&Keys>, now: i64, ds: &Packet, zone: &str, above: &str) -> Result<i64, Trust> {
        let has_ds = ds.of(Rtype::DS).any(|rr| rr.name == zone);
        let proved = keys.map(|keys| self.under(keys, now, ds, zone, Rtype::DS));
        let until = match (proved, keys) {
            (Some(Ok(until)), Some(keys)) => until.unwrap_or(i64::MAX).min(keys.until),
            (Some(Err(fault @ Fault::Unsupported { .. })), _) => return Err(Trust::Indeterminate(fault.to_string())),
            (Some(Err(fault)), _) => {
                let (zone, name) = (above.to_owned(), zone.to_owned());
                return Err(Trust::Bogus(Bogus { zone, name, kind: Rtype::DS, fault }));
            }
            (None, _) | (_, None) => i64::MAX,
        };
        if has_ds { Ok(until) } else { Err(Trust::Insecure(format!("{} has no DS for {zone}", shown(above)))) }
    }

    /// Looks for the keys that the DS records name, and has them prove the zone's keys.
    fn match_keys(
        &self,
        now: i64,
        ds: &Packet,
        dnskey: &Packet,
        zone: &str,
        until: i64,
        doubt: Option<String>,
    ) -> Trust {
        let bogus =
            |fault| Trust::Bogus(Bogus { zone: zone.to_owned(), name: zone.to_owned(), kind: Rtype::DNSKEY, fault });
        let named: Vec<Named<'_>> =
            ds.of(Rtype::DS).filter(|rr| rr.name == zone).filter_map(|rr| named(&rr.data)).collect();
        let known = |ds: &&Named<'_>| is_supported(ds.algorithm) && matches!(ds.digest_type, 1 | 2 | 4);
        let able: Vec<&Named<'_>> = named.iter().filter(known).collect();
        if able.is_empty() {
            // RFC 4035 §5.2: then the zone is as good as unsigned.
            return Trust::Insecure(format!("the DS of {zone} is of kinds that are not known here"));
        }
        let (answer, _) = lines(&dnskey.octets);
        let keys = zone_keys(&answer, zone);
        if keys.is_empty() {
            return bogus(Fault::Unsigned);
        }
        let fits = |ds: &&&Named<'_>, key: &Dnskey<Vec<u8>>| {
            ds.tag == key.key_tag() && ds.algorithm == key.algorithm().to_int()
        };
        let digest = |ds: &&&Named<'_>, key: &Dnskey<Vec<u8>>| {
            digest_of(key, zone, ds.digest_type).is_some_and(|digest| digest == ds.digest)
        };
        let trusted: Vec<Dnskey<Vec<u8>>> =
            keys.iter().filter(|key| able.iter().any(|ds| fits(&ds, key) && digest(&ds, key))).cloned().collect();
        if trusted.is_empty() {
            let tag = able.iter().find(|ds| keys.iter().any(|key| fits(ds, key))).map(|ds| ds.tag);
            let tags = |tags: Vec<u16>| tags;
            return bogus(tag.map_or_else(
                || Fault::NoMatch {
                    ds: tags(named.iter().map(|ds| ds.tag).collect()),
                    keys: tags(keys.iter().map(Dnskey::key_tag).collect()),
                },
                |tag| Fault::Digest { tag },
            ));
        }
        match check(&answer, zone, Rtype::DNSKEY, zone, &trusted, now, &self.memo) {
            Ok(sealed) => Trust::Keys(Keys { zone: zone.to_owned(), keys, until: until.min(sealed.until), doubt }),
            Err(Fault::Unsupported { algorithm }) => Trust::Indeterminate(Fault::Unsupported { algorithm }.to_string()),
            Err(fault) => bogus(fault),
        }
    }

    /// The zone where trust begins. What is wrong there is not the domain's fault.
    async fn begin_at(&self, names: &Names, now: i64, zone: &str, anchors: &[&Anchor]) -> Trust {
        let packet = self.fetch(names, zone, Rtype::DNSKEY).await;
        let packet = match &*packet {
            Ok(packet) => packet,
            Err(why) => return Trust::Indeterminate(why.clone()),
        };
        let (answer, _) = lines(&packet.octets);
        let keys = zone_keys(&answer, zone);
        let trusted: Vec<Dnskey<Vec<u8>>> =
            keys.iter().filter(|key| anchors.iter().any(|anchor| anchor.trusts(key))).cloned().collect();
        let why = match check(&answer, zone, Rtype::DNSKEY, zone, &trusted, now, &self.memo) {
            Ok(sealed) => {
                return Trust::Keys(Keys { zone: zone.to_owned(), keys, until: sealed.until, doubt: None });
            }
            Err(_) if self.doubt => "no trust anchor was given for this closed network".to_owned(),
            Err(_) if keys.is_empty() => {
                format!("{} is not signed here, though there is an anchor for it", shown(zone))
            }
            Err(_) if trusted.is_empty() => format!("no key of {} is the one that is trusted", shown(zone)),
            Err(fault @ (Fault::Expired { .. } | Fault::NotYet { .. })) => {
                format!("the keys of {} cannot be trusted: {fault}{CLOCK}", shown(zone))
            }
            Err(fault) => format!("the keys of {} cannot be trusted: {fault}", shown(zone)),
        };
        Trust::Indeterminate(why)
    }
}

/// What a DS record names.
struct Named<'a> {
    tag: u16,
    algorithm: u8,
    digest_type: u8,
    digest: &'a [u8],
}

fn named(data: &Data) -> Option<Named<'_>> {
    match data {
        Data::Ds { tag, algorithm, digest_type, digest } => {
            Some(Named { tag: *tag, algorithm: *algorithm, digest_type: *digest_type, digest })
        }
        _ => None,
    }
}

/// The zone whose answer for DS this is: always one above.
fn above(names: &Names, ds: &Packet, zone: &str) -> String {
    let (answer, _) = lines(&ds.octets);
    let is_above = |above: &String| above != zone && is_under(zone, above);
    signer(&answer, zone, Rtype::DS)
        .or_else(|| ds.denial().map(|(owner, _)| owner.to_owned()))
        .filter(is_above)
        .unwrap_or_else(|| names.deepest_cut(&parent_of(zone)).zone.clone())
}

fn shown(zone: &str) -> &str {
    if zone == "." { "the root" } else { zone }
}
