//! TLS, from both sides.

pub mod client;
pub mod server;

use std::fmt;

/// What TLS was agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version, as in `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, by its IANA name.
    pub cipher: String,
    /// Whether the peer's certificate is by a trusted authority and for its name; else why not.
    pub verified: Result<(), String>,
}

impl fmt::Display for TlsFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)?;
        match &self.verified {
            Ok(()) => f.write_str(", certificate verified"),
            Err(why) => write!(f, ", certificate not verified: {why}"),
        }
    }
}
