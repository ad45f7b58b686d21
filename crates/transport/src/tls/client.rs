//! TLS towards a host.
//!
//! Any certificate is taken in the handshake, as opportunistic TLS must (RFC 3207 §4.1), and
//! looked at right behind it, before an octet of SMTP goes out: so the facts always say
//! whether it was good, and a route that insists on it fails here. TLS 1.2 and 1.3 only.

use super::TlsFacts;
use crate::Stream;
use postrider_smtp::{Phase, Trouble, TroubleKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How the detail of a handshake begins whose time was over.
pub const NO_END: &str = "no end of the TLS handshake";

/// Which certificates will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Any.
    Any,
    /// One by a trusted authority for the host's name.
    Verified,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The file of authorities cannot be read.
    #[error("the file of certificate authorities cannot be read: {0}: {1}")]
    Authorities(PathBuf, String),
    /// The TLS library will not have it.
    #[error("the TLS library refuses its settings: {0}")]
    Library(String),
}

/// Why a chain of certificates will not do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CertificateFault {
    /// There is nothing to hold it against.
    #[error("no certificate authorities are known here")]
    NoAuthorities,
    /// The host showed none.
    #[error("the host has no certificate")]
    None,
    /// Looked at, and not good.
    #[error("{0}")]
    Refused(rustls::Error),
}

/// The client side of TLS; one for all connections.
#[derive(Debug, Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    provider: Arc<CryptoProvider>,
    /// `None` when no authority is known: then nothing is verified.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl ClientTls {
    /// With the operating system's authorities, or those of a PEM file.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, TlsSetupError> {
        Self::with_roots(authorities(ca_file)?)
    }

    /// With the authorities in a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, TlsSetupError> {
        let unreadable = |error: &dyn ToString| TlsSetupError::Authorities("(PEM text)".into(), error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        Self::with_roots(roots)
    }

    fn with_roots(roots: RootCertStore) -> Result<Self, TlsSetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let library = |error: rustls::Error| TlsSetupError::Library(error.to_string());
        let any = Arc::new(AnyCertificate(provider.clone()));
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(library)?
            .dangerous()
            .with_custom_certificate_verifier(any)
            .with_no_client_auth();
        config.enable_early_data = false;
        let verifier = if roots.is_empty() {
            None
        } else {
            let built = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
            Some(built.map_err(|error| TlsSetupError::Library(error.to_string()))?)
        };
        Ok(Self { config: Arc::new(config), provider, verifier })
    }

    /// Puts TLS on a connection. `host` is the name the certificate is to be for, and SNI.
    pub async fn begin(
        &self,
        socket: TcpStream,
        host: &str,
        trust: Trust,
        limit: Duration,
    ) -> Result<(Stream, TlsFacts), Trouble> {
        let inner = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(inner.trim_start_matches("IPv6:").to_owned())
            .map_err(|_| failed(None, format!("not a name for a certificate: {host}")))?;
        let connector = TlsConnector::from(self.config.clone());
        let tls = match tokio::time::timeout(limit, connector.connect(name.clone(), socket)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return Err(failed(error.raw_os_error(), told(&error))),
            Err(_) => return Err(failed(None, format!("{NO_END} in {} s", limit.as_secs()))),
        };
        let verified = self.verify(tls.get_ref().1, &name);
        if let (Trust::Verified, Err(why)) = (trust, &verified) {
            return Err(failed(None, format!("the certificate is not acceptable: {why}")));
        }
        let connection = tls.get_ref().1;
        let facts = TlsFacts {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown cipher")
                .trim_start_matches("TLS13_")
                .to_owned(),
            verified,
        };
        Ok((Stream::Tls(Box::new(tls.into())), facts))
    }

    fn verify(&self, connection: &ClientConnection, name: &ServerName<'_>) -> Result<(), String> {
        let chain = connection.peer_certificates().unwrap_or_default();
        self.examine(chain, name, UnixTime::now()).map_err(|error| error.to_string())
    }

    /// Whether that chain, the host's own certificate first, would do for that name at that time.
    pub fn examine(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        at: UnixTime,
    ) -> Result<(), CertificateFault> {
        let verifier = self.verifier.as_ref().ok_or(CertificateFault::NoAuthorities)?;
        let (first, others) = chain.split_first().ok_or(CertificateFault::None)?;
        verifier.verify_server_cert(first, others, name, &[], at).map(|_| ()).map_err(CertificateFault::Refused)
    }

    /// Random text for an AUTH exchange: 24 hexadecimal digits.
    pub fn nonce(&self) -> Result<String, Trouble> {
        let mut bytes = [0; 12];
        match self.provider.secure_random.fill(&mut bytes) {
            Ok(()) => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            Err(_) => Err(Trouble {
                phase: Phase::Auth,
                kind: TroubleKind::LocalFault,
                errno: None,
                detail: "the operating system gives no random numbers".into(),
            }),
        }
    }
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |error: &dyn ToString| TlsSetupError::Authorities(path.to_owned(), error.to_string());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"there is no certificate in it"));
            }
        }
        // What the system has and the library does not understand is passed over.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

fn failed(errno: Option<i32>, detail: String) -> Trouble {
    Trouble { phase: Phase::StartTls, kind: TroubleKind::TlsFailed, errno, detail }
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the host closed the connection in the TLS handshake".into(),
        _ => error.to_string(),
    }
}

/// Takes any certificate, but sees to it that the host has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
