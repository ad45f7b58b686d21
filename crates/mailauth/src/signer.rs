//! Signing outgoing mail with DKIM (RFC 6376), by RSA and Ed25519 (RFC 8463).

use crate::from::{fields, from_domain};
use crate::key::{self, Key};
use crate::{KeyError, KeySettings};
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use postrider_smtp::{Content, Domain};
use std::collections::HashMap;

/// What is signed, with which keys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys. Several for one domain all sign: RSA for everyone, Ed25519 beside it (RFC 8463 §3).
    pub keys: Vec<KeySettings>,
    /// Whether the key of `example.com` signs for `news.example.com` too, when that has none of
    /// its own. DMARC takes it, unless the domain asks for strict alignment (RFC 7489 §3.1.1).
    pub parents: bool,
    /// The fields that are signed when they are there. From is always signed.
    pub fields: Vec<String>,
}

/// What RFC 6376 §5.4.1 recommends, but for fields that mailing lists write anew.
const FIELDS: [&str; 15] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
];

impl Default for Settings {
    fn default() -> Self {
        Self { keys: Vec::new(), parents: true, fields: FIELDS.map(str::to_owned).to_vec() }
    }
}

/// Why a message was not signed.
#[derive(Debug, thiserror::Error)]
#[error("the message could not be signed for {domain}: {trouble}")]
pub struct SignError {
    /// For which domain.
    pub domain: Domain,
    /// What the cryptography says.
    pub trouble: String,
}

/// Signs messages. Built once, shared behind an `Arc`.
///
/// Signing is work for the processor, with RSA far more than with Ed25519: not for a thread that serves sessions.
pub struct Signer {
    keys: HashMap<Domain, Vec<DomainKey>>,
    parents: bool,
    fields: Vec<String>,
}

struct DomainKey {
    selector: String,
    key: Key,
}

impl Signer {
    /// Reads the keys. The first bad one is told of.
    pub fn open(settings: &Settings) -> Result<Self, KeyError> {
        let mut keys: HashMap<Domain, Vec<DomainKey>> = HashMap::new();
        for one in &settings.keys {
            let failed = |trouble: &str| KeyError { file: one.file.clone(), trouble: trouble.into() };
            if Domain::parse(&one.selector).is_err() {
                return Err(failed("has a selector that is no DNS name; use letters, digits and hyphens"));
            }
            let of_domain = keys.entry(one.domain.clone()).or_default();
            if of_domain.iter().any(|other| other.selector == one.selector) {
                return Err(failed("has the selector of another key of the domain; each key needs its own"));
            }
            of_domain.push(DomainKey { selector: one.selector.clone(), key: key::read(&one.file)? });
        }
        // RSA first: verifiers that know nothing else look at the first signature.
        keys.values_mut().for_each(|keys| keys.sort_by_key(|one| !one.key.is_rsa()));
        Ok(Self { keys, parents: settings.parents, fields: settings.fields.clone() })
    }

    /// The `DKIM-Signature` fields to put before the message, each with its line end; empty
    /// when there is no key for the domain of its From field. The body is hashed where it lies.
    pub fn sign(&self, content: &Content) -> Result<String, SignError> {
        let mut signatures = String::new();
        let Some((domain, keys)) = from_domain(&content.head).and_then(|from| self.keys_for(&from)) else {
            return Ok(signatures);
        };
        let failed = |trouble: String| SignError { domain: domain.clone(), trouble };
        let fields = self.fields_of(&content.head);
        for one in keys {
            let signer = DkimSigner::from_key(one.key.clone()).domain(domain.as_str()).selector(&one.selector);
            let signer = signer.headers(fields.iter().copied());
            let mut stream = signer.sign_streaming();
            stream.write(&content.head);
            stream.write(&content.body);
            let signature = stream.finish().map_err(|error| failed(error.to_string()))?;
            signatures.push_str(&signature.to_header());
        }
        Ok(signatures)
    }

    /// The domain's own keys, or those of the nearest domain above it.
    fn keys_for(&self, from: &Domain) -> Option<(&Domain, &[DomainKey])> {
        let mut name = from.as_str();
        loop {
            let found = Domain::parse(name).ok().and_then(|domain| self.keys.get_key_value(&domain));
            if let Some((domain, keys)) = found {
                return Some((domain, keys));
            }
            (_, name) = name.split_once('.').filter(|_| self.parents)?;
        }
    }

    /// The names for `h=`: those that are there, and From once more than it is, so that nobody
    /// can add another one (RFC 6376 §8.15).
    fn fields_of(&self, head: &[u8]) -> Vec<&str> {
        let is_there = |name: &str| fields(head).any(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        let mut names = vec!["From", "From"];
        let others = self.fields.iter().map(String::as_str).filter(|name| !name.eq_ignore_ascii_case("From"));
        names.extend(others.filter(|name| is_there(name)));
        names
    }
}
