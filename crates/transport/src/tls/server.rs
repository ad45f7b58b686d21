//! TLS towards clients: certificate and key from files, or made up on the spot.

use super::TlsFacts;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ServerConnection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be read, or is not PEM.
    #[error("{path}: {detail}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Certificate and key do not fit each other, or are of a kind that is not known.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("no self-signed certificate could be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

/// What a listener needs to speak TLS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// Reads a certificate chain and its key from PEM files; both may be in one.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, ServerTlsError> {
        let unreadable = |path: &Path, detail: String| ServerTlsError::File { path: path.into(), detail };
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(chain, error.to_string()))?;
        if certificates.is_empty() {
            return Err(unreadable(chain, "no certificate in it".into()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error.to_string()))?;
        Self::new(certificates, key)
    }

    /// Makes a certificate for these names. Other hosts take it for opportunistic TLS; people's
    /// mail programs will not.
    pub fn self_signed(names: &[&str]) -> Result<Self, ServerTlsError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Self::new(vec![made.cert.der().clone()], key.into())
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, ServerTlsError> {
        // The provider is named here: there is no process-wide one to depend on.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // Tickets spare returning clients half of the handshake, and us the memory of a cache.
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.clone())
    }
}

/// What was agreed on with a client.
pub(crate) fn facts(connection: &ServerConnection) -> TlsFacts {
    let version = connection.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    TlsFacts {
        version: version_name(version),
        cipher: cipher.into(),
        verified: Err("clients are not asked for one".into()),
    }
}

/// `TLSv1_3` as people write it.
fn version_name(name: &str) -> &'static str {
    match name {
        "TLSv1_3" => "TLSv1.3",
        "TLSv1_2" => "TLSv1.2",
        _ => "TLS",
    }
}
