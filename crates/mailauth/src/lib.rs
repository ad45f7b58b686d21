//! Signing and explaining mail authentication.
//!
//! [`Signer`] signs outgoing mail with DKIM (RFC 6376, RFC 8463). The cryptography is the
//! `mail-auth` crate's; choosing the key, the fields to sign and the words for what is wrong are
//! ours.
//!
//! The other modules read what domains publish about their mail, each to the end whatever is
//! wrong, and hand out a [`Reading`]: the value, every [`Remark`] with its place in the text, and
//! the text as it should be. How bad a remark is depends on what the record is for, so that
//! readers leave it to whoever asks. They ask nobody, but for [`spf`] and [`dmarc::discover`], which
//! look records up over a `postrider_dns::Resolver`.
//!
//! | module | reads |
//! | --- | --- |
//! | [`spf`] | SPF records, evaluated and surveyed, RFC 7208 |
//! | [`dkim_key`] | DKIM keys, RFC 6376 §3.6.1 |
//! | [`dmarc`] | DMARC records, the walk to them, alignment, RFC 9989 |
//! | [`mta_sts`] | MTA-STS records and policies, RFC 8461 |
//! | [`tlsrpt`] | where TLS reports go, RFC 8460 §3 |
//! | [`bimi`] | BIMI records and pictures |
//! | [`caa`] | who may issue certificates, RFC 8659 |
//! | [`tlsa`] | TLSA records against presented certificates, RFC 7672 |
//! | [`auth_results`] | Authentication-Results fields, RFC 8601 |

pub mod auth_results;
pub mod bimi;
pub mod caa;
mod der;
pub mod dkim_key;
pub mod dmarc;
mod from;
mod key;
pub mod mta_sts;
mod reading;
mod signer;
pub mod spf;
mod tags;
pub mod tlsa;
pub mod tlsrpt;

pub use key::{KeyError, KeySettings};
pub use reading::{Reading, Remark};
pub use signer::{Settings, SignError, Signer};
