//! ARC (RFC 8617): what forwarders say that they found, sealed, and whether the seals hold.

use super::canon::{self, Form};
use super::raw::Message;
use super::signature::{self, Algorithm, Kind, Signature};
use super::verify::{self, Bodies, Keys, Outcome, Verified, keys_of};
use postrider_mailauth::auth_results::{self, AuthResults};

/// RFC 8617 §4.2.1: sets go up to fifty.
const SETS_MAX: usize = 50;

/// One set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The field with the results.
    pub results: usize,
    /// The signature of the message.
    pub message: Signature,
    /// The seal.
    pub seal: Signature,
    /// What the forwarder found.
    pub read: AuthResults,
}

/// What came of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// There is none.
    None,
    /// All seals hold; the newest last.
    Pass,
    /// It is broken: how.
    Fail(String),
    /// It could not be told.
    Unknown(String),
}

/// The chain of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arc {
    /// The sets, the oldest first.
    pub sets: Vec<Set>,
    /// What came of it.
    pub chain: Chain,
}

/// Takes the sets out of a message; `chain` says what is wrong with their shape.
pub(super) fn read(message: &Message) -> Arc {
    let names = ["arc-authentication-results", "arc-message-signature", "arc-seal"];
    if names.iter().all(|name| !message.has(name)) {
        return Arc { sets: Vec::new(), chain: Chain::None };
    }
    match sets(message) {
        Ok(sets) => Arc { sets, chain: Chain::Unknown("it was not verified".into()) },
        Err(why) => Arc { sets: Vec::new(), chain: Chain::Fail(why) },
    }
}

fn sets(message: &Message) -> Result<Vec<Set>, String> {
    let count = message.all("arc-seal").len();
    if count == 0 || count > SETS_MAX {
        return Err(format!("there are {count} seals; a chain has from 1 to {SETS_MAX}"));
    }
    let results = numbered(message, "arc-authentication-results", count)?;
    let signatures = numbered(message, "arc-message-signature", count)?;
    let seals = numbered(message, "arc-seal", count)?;
    let mut sets = Vec::new();
    for (index, ((result, signature), seal)) in results.into_iter().zip(signatures).zip(seals).enumerate() {
        let number = index + 1;
        let read = |kind, field: usize, what: &str| {
            signature::read(field, kind, &message.value(field)).map_err(|why| format!("{what} {number}: {why}"))
        };
        let text = message.value(result);
        // `i=1;` stands before what an Authentication-Results field has.
        let rest = text.split_once(';').map_or("", |(_, rest)| rest);
        let set = Set {
            results: result,
            message: read(Kind::ArcMessage, signature, "message signature")?,
            seal: read(Kind::ArcSeal, seal, "seal")?,
            read: auth_results::read(rest).value,
        };
        // RFC 8617 §5.2 step 3.
        let want = if number == 1 { "none" } else { "pass" };
        let says = set.seal.chain.as_deref().unwrap_or_default();
        if says != want {
            return Err(match says {
                "fail" => format!("{} found the chain broken already, and sealed that", set.seal.domain),
                _ => format!("seal {number} has cv={}, and {want} belongs there", signature::short(says)),
            });
        }
        sets.push(set);
    }
    Ok(sets)
}

/// The fields of that name, one for each number from 1 up (RFC 8617 §5.2 step 1).
fn numbered(message: &Message, name: &str, count: usize) -> Result<Vec<usize>, String> {
    let mut places = vec![None; count];
    for field in message.all(name) {
        let value = message.value(*field);
        let number = value.split(';').find_map(|tag| {
            let (name, value) = tag.split_once('=')?;
            (name.trim() == "i").then(|| value.trim().parse::<usize>().ok())?
        });
        let place = number.and_then(|number| places.get_mut(number.checked_sub(1)?));
        match place {
            Some(place @ None) => *place = Some(*field),
            Some(Some(_)) => return Err(format!("a number is there twice among the {name} fields")),
            None => return Err(format!("the numbers of the {name} fields do not go from 1 to {count}")),
        }
    }
    places.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| format!("one of the {name} fields is missing"))
}

/// Verifies the chain: the newest signature of the message, and all seals.
pub(super) fn verify(message: &Message, arc: &mut Arc, keys: &Keys, came: i64, bodies: &mut Bodies) {
    if arc.sets.is_empty() {
        return;
    }
    arc.chain = chain(message, &arc.sets, keys, came, bodies);
}

fn chain(message: &Message, sets: &[Set], keys: &Keys, came: i64, bodies: &mut Bodies) -> Chain {
    let Some(newest) = sets.last() else { return Chain::None };
    let Verified { outcome, .. } = verify::verify(message, newest.message.clone(), keys, came, bodies);
    match outcome {
        Outcome::Pass => {}
        Outcome::Unknown(why) => return Chain::Unknown(why),
        Outcome::Fail(verify::Why::Body) => {
            return Chain::Fail(format!("the body was changed after {} sealed it", newest.seal.domain));
        }
        Outcome::Fail(verify::Why::Header) => {
            return Chain::Fail(format!("the header was changed after {} sealed it", newest.seal.domain));
        }
        Outcome::Fail(why) => return Chain::Fail(format!("the newest signature does not hold: {}", told(&why))),
    }
    for index in (0..sets.len()).rev() {
        let Some(set) = sets.get(index) else { continue };
        if set.seal.algorithm == Algorithm::RsaSha1 {
            return Chain::Fail(format!("seal {} was made with SHA-1", index + 1));
        }
        let usable = match keys_of(&set.seal, keys) {
            Ok(usable) => usable,
            Err(Outcome::Unknown(why)) => return Chain::Unknown(why),
            Err(_) => return Chain::Fail(format!("seal {}: no usable key at {}", index + 1, set.seal.key_name())),
        };
        let octets = sealed(message, sets.get(..=index).unwrap_or_default());
        if !usable.iter().any(|key| key.signed(&octets, &set.seal)) {
            return Chain::Fail(format!("seal {} of {} does not hold", index + 1, set.seal.domain));
        }
    }
    Chain::Pass
}

/// RFC 8617 §5.1.1: all sets up to this one, each in the order results, signature, seal.
pub(super) fn sealed(message: &Message, sets: &[Set]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        octets.extend(canon::field(message.raw(set.results), Form::Relaxed));
        octets.extend(canon::field(message.raw(set.message.field), Form::Relaxed));
        if index + 1 == sets.len() {
            octets.extend(canon::own_field(message.raw(set.seal.field), Form::Relaxed));
        } else {
            octets.extend(canon::field(message.raw(set.seal.field), Form::Relaxed));
        }
    }
    octets
}

/// Why a signature fails, in a few words.
pub(crate) fn told(why: &verify::Why) -> String {
    use verify::Why;
    match why {
        Why::Unreadable(why) => format!("the field cannot be read: {why}"),
        Why::Sha1 => "it was made with SHA-1".into(),
        Why::FromUnsigned => "it does not sign From".into(),
        Why::Identity(why) => why.clone(),
        Why::NoKey => "there is no key".into(),
        Why::KeyRevoked => "the key was withdrawn".into(),
        Why::KeyUnusable(why) => format!("the key is of no use: {why}"),
        Why::KeyKind => "the key is of another kind".into(),
        Why::Body => "the body was changed".into(),
        Why::Header => "a signed field was changed, or the key is another one".into(),
        Why::Expired(at) => format!("it had run out at {}", crate::report::moment(at.saturating_mul(1000))),
    }
}
