//! DKIM keys from files.

use mail_auth::Result as CryptoResult;
use mail_auth::common::crypto::{Algorithm, DkimKey, Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::Writable;
use postrider_smtp::Domain;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// A key in memory, shared by all messages that it signs.
#[derive(Clone)]
pub(crate) struct Key(Arc<DkimKey>);

impl Key {
    /// Whether it is an RSA key, which every verifier understands.
    pub(crate) fn is_rsa(&self) -> bool {
        matches!(*self.0, DkimKey::Rsa(_))
    }
}

impl SigningKey for Key {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> CryptoResult<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

/// The size of a PKCS#1 public key of 1,024 bits. RFC 8301 §3.2: signers must not use shorter ones.
const RSA_PUBLIC_BYTES_MIN: usize = 138;
/// A file larger than this is no key.
const FILE_BYTES_MAX: u64 = 64 << 10;

const MAKE_ONE: &str = "make one by `openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048` or `openssl genpkey -algorithm ed25519`";

/// Reads a key file.
pub(crate) fn read(file: &Path) -> Result<Key, KeyError> {
    let failed = |trouble: String| KeyError { file: file.to_owned(), trouble };
    let size = fs::metadata(file).map_err(|error| failed(unreadable(&error)))?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed(format!("{size} octets are too many for a key; name the PEM file of one private key")));
    }
    let pem = fs::read(file).map_err(|error| failed(unreadable(&error)))?;
    parse(&pem).map_err(failed)
}

fn unreadable(error: &std::io::Error) -> String {
    format!("cannot be read: {error}; correct the path, or let the relay's user read it")
}

/// The key in a PEM file's text, or what is wrong with it.
fn parse(pem: &[u8]) -> Result<Key, String> {
    let has = |label: &str| memchr::memmem::find(pem, label.as_bytes()).is_some();
    if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "is encrypted; decrypt it by `openssl pkey -in FILE -out NEW`, and let only the relay read it".into()
        );
    }
    if has("BEGIN PUBLIC KEY") || has("BEGIN RSA PUBLIC KEY") {
        return Err("is a public key, which belongs into DNS; name the file of the private key".into());
    }
    let der = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| format!("holds no private key in PEM form ({error}); {MAKE_ONE}"))?;
    if let PrivateKeyDer::Pkcs8(ed25519) = &der
        && let Ok(key) = Ed25519Key::from_pkcs8_maybe_unchecked_der(ed25519.secret_pkcs8_der())
    {
        return Ok(Key(Arc::new(key.into())));
    }
    if matches!(der, PrivateKeyDer::Sec1(_)) {
        return Err(format!("is an elliptic curve key, which DKIM does not have; {MAKE_ONE}"));
    }
    let key = RsaKey::<Sha256>::from_key_der(der)
        .map_err(|error| format!("is neither an RSA nor an Ed25519 key ({error}); {MAKE_ONE}"))?;
    if key.public_key().len() < RSA_PUBLIC_BYTES_MIN {
        return Err(format!("is an RSA key of less than 1,024 bits, which verifiers refuse; {MAKE_ONE}"));
    }
    Ok(Key(Arc::new(key.into())))
}
