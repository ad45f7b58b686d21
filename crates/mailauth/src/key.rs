//! DKIM keys from files.

use postrider_smtp::Domain;
use std::path::PathBuf;

/// One key: for whom it signs, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// The domain it signs for: `d=`.
    pub domain: Domain,
    /// The selector; the public key is in DNS at `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key: PEM, RSA (PKCS#8 or PKCS#1) or Ed25519 (PKCS#8).
    pub file: PathBuf,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("DKIM key {}: {trouble}", file.display())]
pub struct KeyError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong, and what to do.
    pub trouble: String,
}
