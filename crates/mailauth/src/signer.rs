//! Signing outgoing mail.

use crate::{KeyError, KeySettings};
use postrider_smtp::Content;

/// What is signed, with which keys.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The keys. Several for one domain all sign: RSA for everyone, Ed25519 beside it (RFC 8463 §3).
    pub keys: Vec<KeySettings>,
}

/// Why a message was not signed.
#[derive(Debug, thiserror::Error)]
#[error("the message could not be signed for {domain}: {trouble}")]
pub struct SignError {
    /// For which domain.
    pub domain: String,
    /// What the cryptography says.
    pub trouble: String,
}

/// Signs messages. Built once, shared behind an `Arc`.
pub struct Signer {}

impl Signer {
    /// Reads the keys.
    pub fn open(_settings: &Settings) -> Result<Self, KeyError> {
        Ok(Self {})
    }

    /// The `DKIM-Signature` fields to put before the message, each with its line end; empty
    /// when there is no key for the domain of its From field.
    pub fn sign(&self, _content: &Content) -> Result<String, SignError> {
        Ok(String::new())
    }
}
