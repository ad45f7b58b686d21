//! SCRAM-SHA-256 from the client's side (RFC 5802, RFC 7677), without channel binding.
//!
//! User and password are taken as they are: SASLprep (RFC 4013) changes nothing in ASCII, and
//! an operator who writes others into a configuration writes what the server wants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// More rounds than that are an attack on our processor: OWASP asked for 600,000 in 2023.
const ITERATIONS_MAX: u32 = 1_000_000;

type Key = [u8; 32];

/// Why the exchange came to an end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The server's message is not of the form the RFC gives.
    #[error("the server's SCRAM message is not well formed")]
    Malformed,
    /// The server's nonce does not begin with ours.
    #[error("the server's SCRAM nonce is not made from ours")]
    ForeignNonce,
    /// Rounds beyond `ITERATIONS_MAX`.
    #[error("the server asks for {0} SCRAM rounds, more than {ITERATIONS_MAX}")]
    TooManyRounds(u32),
    /// The server does not know the password either.
    #[error("the server did not prove that it knows the password")]
    BadServerProof,
}

/// The client's first message was sent.
#[derive(Clone)]
pub(super) struct Opened {
    bare: String,
    nonce: String,
    password: String,
}

/// The proof was sent; the server owes its own.
#[derive(Clone)]
pub(super) struct Proven {
    server_signature: Key,
}

impl Opened {
    /// Begins; also gives the client's first message.
    pub(super) fn new(user: &str, password: &str, nonce: &str) -> (Self, String) {
        // RFC 5802 §5.1: "=" and "," in a name are written as =3D and =2C.
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        let first = format!("n,,{bare}");
        (Self { bare, nonce: nonce.into(), password: password.into() }, first)
    }

    /// Answers the server's first message with the proof.
    pub(super) fn prove(self, server_first: &str) -> Result<(Proven, String), ScramError> {
        let (nonce, salt, rounds) = parse_server_first(server_first)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::ForeignNonce);
        }
        // "biws" is "n,," in base64: no channel binding.
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.bare);
        let mut salted: Key = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(self.password.as_bytes(), &salt, rounds, &mut salted);
        let client_key = sign(&salted, b"Client Key");
        let signature = sign(&Sha256::digest(client_key).into(), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        let server_signature = sign(&sign(&salted, b"Server Key"), auth_message.as_bytes());
        Ok((Proven { server_signature }, format!("{without_proof},p={}", BASE64.encode(proof))))
    }
}

impl Proven {
    /// Checks the server's last message.
    pub(super) fn check(&self, server_last: &str) -> Result<(), ScramError> {
        let signature = server_last.strip_prefix("v=").ok_or(ScramError::BadServerProof)?;
        let signature = signature.split(',').next().unwrap_or_default();
        let signature = BASE64.decode(signature).map_err(|_| ScramError::Malformed)?;
        if signature == self.server_signature { Ok(()) } else { Err(ScramError::BadServerProof) }
    }
}

fn parse_server_first(text: &str) -> Result<(&str, Vec<u8>, u32), ScramError> {
    let mut parts = text.split(',');
    let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(ScramError::Malformed);
    let nonce = part("r=")?;
    let salt = BASE64.decode(part("s=")?).map_err(|_| ScramError::Malformed)?;
    let rounds: u32 = part("i=")?.parse().map_err(|_| ScramError::Malformed)?;
    match rounds {
        0 => Err(ScramError::Malformed),
        rounds if rounds > ITERATIONS_MAX => Err(ScramError::TooManyRounds(rounds)),
        rounds => Ok((nonce, salt, rounds)),
    }
}

fn sign(key: &Key, text: &[u8]) -> Key {
    // HMAC takes keys of any length, so there is no error to pass on.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3.
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_exchange_of_rfc_7677() {
        let (opened, first) = Opened::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (proven, proof) = opened.prove(SERVER_FIRST).unwrap();
        assert_eq!(
            proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(proven.check("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        assert_eq!(proven.check("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Err(ScramError::BadServerProof));
        assert_eq!(proven.check("e=other-error"), Err(ScramError::BadServerProof));
    }

    #[test]
    fn servers_that_do_not_play_by_the_rules() {
        let table = [
            ("", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx", ScramError::Malformed),
            ("r=elsewhere,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ScramError::ForeignNonce),
            ("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ScramError::ForeignNonce),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=0", ScramError::Malformed),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4000000000", ScramError::TooManyRounds(4_000_000_000)),
        ];
        for (server_first, want) in table {
            let (opened, _) = Opened::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
            assert_eq!(opened.prove(server_first).err(), Some(want), "{server_first:?}");
        }
        assert_eq!(Opened::new("a=b,c", "", "n").1, "n,,n=a=3Db=2Cc,r=n");
    }
}
