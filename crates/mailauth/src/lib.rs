//! Signing and explaining mail authentication.
//!
//! So far: [`Signer`], which signs outgoing mail with DKIM (RFC 6376, RFC 8463). The
//! cryptography is the `mail-auth` crate's; choosing the key, the fields to sign and the words
//! for what is wrong are ours.

mod from;
mod key;
mod signer;

pub use key::{KeyError, KeySettings};
pub use signer::{Settings, SignError, Signer};
