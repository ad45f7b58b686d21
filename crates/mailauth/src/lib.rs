//! Signing and explaining mail authentication.
//!
//! - [`Signer`] signs outgoing mail with DKIM (RFC 6376, RFC 8463). The cryptography is the
//!   `mail-auth` crate's; choosing the key, the fields to sign and the words for what is wrong
//!   are ours.
//! - [`spf`] reads, evaluates and surveys SPF records (RFC 7208), all of it ours.

mod from;
mod key;
mod signer;
pub mod spf;

pub use key::{KeyError, KeySettings};
pub use signer::{Settings, SignError, Signer};
