//! One signature against one message and the keys that the DNS has (RFC 6376 §6.1).
//!
//! All steps are taken whatever the one before says: that a header is intact proves the key
//! right even where the body was changed, and says who changed what. The arithmetic of keys is
//! the `mail-auth` crate's.

use super::canon::{self, Ends, Form};
use super::raw::Message;
use super::signature::{Algorithm, Kind, Signature};
use mail_auth::common::crypto::Algorithm as Arithmetic;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey;
use postrider_mailauth::dkim_key::{self, Key as KeyKind, KeyRecord, Oddity};
use std::collections::HashMap;

/// What the DNS has where a key should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAnswer {
    /// Texts.
    Texts(Vec<String>),
    /// Nothing.
    Absent,
    /// Nobody could say, or nobody was asked: why.
    Trouble(String),
}

/// The answers, by name.
pub type Keys = HashMap<String, KeyAnswer>;

/// Why a signature fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The field cannot be read.
    Unreadable(String),
    /// It was made with SHA-1.
    Sha1,
    /// From is not signed (RFC 6376 §5.4).
    FromUnsigned,
    /// `i=` is not of the domain in `d=`.
    Identity(String),
    /// No key where it should be.
    NoKey,
    /// `p=` is empty.
    KeyRevoked,
    /// The record is there, and of no use: why.
    KeyUnusable(String),
    /// The key is of another kind than the signature says.
    KeyKind,
    /// The body is not the one that was signed.
    Body,
    /// A signed field is not as it was signed, or the key is another one.
    Header,
    /// It had run out when the message came.
    Expired(i64),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail(Why),
    /// It could not be told.
    Unknown(String),
}

/// A signature, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The field it stands in.
    pub field: usize,
    /// It, when it could be read.
    pub signature: Option<Signature>,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the body is as it was signed.
    pub body: Option<bool>,
    /// Whether the signed fields are.
    pub header: Option<bool>,
    /// The key's record.
    pub key: Option<String>,
    /// How many bits an RSA key has.
    pub bits: Option<usize>,
    /// The domain only tries DKIM out (`t=y`).
    pub testing: bool,
}

/// A key that can be used.
pub(crate) struct Key {
    arithmetic: DomainKey,
    record: KeyRecord,
    text: String,
}

impl Key {
    /// Reads a record, or says why it is of no use.
    pub(crate) fn read(text: &str) -> Result<Self, Why> {
        let read = dkim_key::read(text);
        if read.value.key == KeyKind::Revoked {
            return Err(Why::KeyRevoked);
        }
        if !read.value.usable {
            let fatal = read.remarks.iter().find(|remark| !matches!(remark.kind, Oddity::Testing));
            let why = fatal.map_or("it cannot be used", |remark| remark.text.as_str());
            return Err(Why::KeyUnusable(why.to_owned()));
        }
        let arithmetic = DomainKey::parse(text.as_bytes()).map_err(|error| Why::KeyUnusable(error.to_string()))?;
        Ok(Self { arithmetic, record: read.value, text: text.to_owned() })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        match self.record.key {
            KeyKind::Rsa { .. } => algorithm != Algorithm::Ed25519,
            KeyKind::Ed25519 => algorithm == Algorithm::Ed25519,
            _ => false,
        }
    }

    fn bits(&self) -> Option<usize> {
        if let KeyKind::Rsa { bits } = self.record.key { Some(bits) } else { None }
    }

    /// Whether a signature over these octets is this key's.
    pub(crate) fn signed(&self, octets: &[u8], signature: &Signature) -> bool {
        let algorithm = match signature.algorithm {
            Algorithm::RsaSha256 => Arithmetic::RsaSha256,
            Algorithm::RsaSha1 => Arithmetic::RsaSha1,
            Algorithm::Ed25519 => Arithmetic::Ed25519Sha256,
        };
        self.arithmetic.p.verify_bytes(octets, &signature.signature, algorithm).is_ok()
    }
}

/// Fields as they might have been: another text, or none.
pub(crate) type Edits = HashMap<usize, Option<Vec<u8>>>;

/// The octets that are signed: the named fields, each from the bottom up, and the signature's own.
pub(crate) fn signed_octets(message: &Message, signature: &Signature, form: Form, edits: &Edits) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for name in &signature.names {
        let there = message.all(name);
        let taken = taken.entry(name).or_insert(there.len());
        // RFC 6376 §5.4.2: a name more often than there are fields stands for one that is not there.
        while *taken > 0 {
            *taken -= 1;
            let Some(field) = there.get(*taken) else { break };
            match edits.get(field) {
                None => octets.extend(canon::field(message.raw(*field), form)),
                Some(Some(text)) => octets.extend(canon::field(text, form)),
                Some(None) => continue,
            }
            break;
        }
    }
    octets.extend(canon::own_field(message.raw(signature.field), form));
    octets
}

/// The keys at a signature's name that can be used; or why there is none.
pub(crate) fn keys_of(signature: &Signature, keys: &Keys) -> Result<Vec<Key>, Outcome> {
    let name = signature.key_name();
    let texts = match keys.get(&name) {
        None => return Err(Outcome::Unknown("the key was not asked for".into())),
        Some(KeyAnswer::Trouble(why)) => return Err(Outcome::Unknown(format!("the key at {name}: {why}"))),
        Some(KeyAnswer::Absent) => return Err(Outcome::Fail(Why::NoKey)),
        Some(KeyAnswer::Texts(texts)) => texts,
    };
    let mut why = Why::NoKey;
    let mut usable = Vec::new();
    for text in texts.iter().take(8) {
        match Key::read(text) {
            Ok(key) => usable.push(key),
            // Several texts: a word about the one that looks like a key is worth more.
            Err(fault) if why == Why::NoKey || text.contains("p=") => why = fault,
            Err(_) => {}
        }
    }
    if usable.is_empty() { Err(Outcome::Fail(why)) } else { Ok(usable) }
}

/// Hashes of the body by form and length, so that each is made once.
pub type Bodies = HashMap<(Form, Option<u64>), [u8; 32]>;

/// Verifies a signature of a message that came at that time, in seconds.
pub fn verify(message: &Message, signature: Signature, keys: &Keys, came: i64, bodies: &mut Bodies) -> Verified {
    let mut verified = Verified {
        field: signature.field,
        outcome: Outcome::Pass,
        body: None,
        header: None,
        key: None,
        bits: None,
        testing: false,
        signature: None,
    };
    let form = (signature.body, signature.length);
    let hash = bodies.entry(form).or_insert_with(|| canon::body(message.body(), form.0, Ends::Crlf, form.1).0);
    let intact = hash.as_slice() == signature.body_hash;
    verified.outcome = outcome(message, &signature, keys, (came, intact), &mut verified);
    verified.signature = Some(signature);
    verified
}

fn outcome(
    message: &Message,
    signature: &Signature,
    keys: &Keys,
    (came, body): (i64, bool),
    verified: &mut Verified,
) -> Outcome {
    if signature.algorithm == Algorithm::RsaSha1 {
        return Outcome::Fail(Why::Sha1);
    }
    if signature.kind == Kind::Dkim && !signature.signs("from") {
        return Outcome::Fail(Why::FromUnsigned);
    }
    verified.body = Some(body);
    let found = keys_of(signature, keys);
    if let Ok(usable) = &found {
        let octets = signed_octets(message, signature, signature.header, &Edits::new());
        let fitting = usable.iter().filter(|key| key.fits(signature.algorithm));
        let holds = fitting.clone().find(|key| key.signed(&octets, signature));
        if let Some(key) = holds.or_else(|| fitting.clone().next()).or(usable.first()) {
            verified.key = Some(key.text.clone());
            verified.bits = key.bits();
            verified.testing = key.record.testing;
        }
        if fitting.clone().next().is_some() {
            verified.header = Some(holds.is_some());
        }
    }
    if !body {
        // What the keys say does not matter then: this is proven without them.
        return Outcome::Fail(Why::Body);
    }
    let usable = match found {
        Ok(usable) => usable,
        Err(outcome) => return outcome,
    };
    match verified.header {
        None => return Outcome::Fail(Why::KeyKind),
        Some(false) => return Outcome::Fail(Why::Header),
        Some(true) => {}
    }
    if signature.kind == Kind::Dkim
        && let Some(why) = identity(signature, usable.iter().any(|key| key.record.exact_domain))
    {
        return Outcome::Fail(Why::Identity(why));
    }
    match signature.expires.filter(|expires| *expires < came) {
        Some(expires) => Outcome::Fail(Why::Expired(expires)),
        None => Outcome::Pass,
    }
}

/// RFC 6376 §3.5: `i=` is of `d=` or below it, and of `d=` itself where the key says `t=s`.
fn identity(signature: &Signature, exact: bool) -> Option<String> {
    let identity = signature.identity.as_deref()?;
    let domain = identity.rsplit_once('@').map_or(identity, |(_, domain)| domain).trim().to_ascii_lowercase();
    if domain == signature.domain {
        return None;
    }
    if !crate::dns::names::is_under(&domain, &signature.domain) {
        return Some(format!("i={} is not of d={}", super::signature::short(identity), signature.domain));
    }
    exact.then(|| format!("i={} is below d=, which the key forbids (t=s)", super::signature::short(identity)))
}
