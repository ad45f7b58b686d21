//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

use super::ScramKeys;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl ScramKeys {
    /// The keys of a password, to be kept instead of it. Takes long by intent: `iterations` hashes.
    pub fn of_password(password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations.max(1));
        Self {
            salt: salt.into(),
            iterations: iterations.max(1),
            stored_key: Sha256::digest(hmac(&salted, b"Client Key")).into(),
            server_key: hmac(&salted, b"Server Key"),
        }
    }

    /// Whether they are the keys of this password: for PLAIN and LOGIN.
    pub fn are_of(&self, password: &str) -> bool {
        is_same(&Self::of_password(password, &self.salt, self.iterations).stored_key, &self.stored_key)
    }
}

/// The client's first message, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst {
    pub(super) user: Arc<str>,
    nonce: Box<str>,
    bare: Box<str>,
    header: Box<str>,
}

impl ClientFirst {
    /// Reads `n,,n=user,r=nonce`. An authorisation identity must be the user's own.
    pub(super) fn parse(message: &str) -> Option<Self> {
        let (flag, rest) = message.split_once(',')?;
        let (identity, bare) = rest.split_once(',')?;
        // `p=` would bind the channel, which we do not offer.
        if !matches!(flag, "n" | "y") {
            return None;
        }
        let mut parts = bare.split(',');
        let user = unescape(parts.next()?.strip_prefix("n=")?)?;
        let nonce = parts.next()?.strip_prefix("r=").filter(|nonce| !nonce.is_empty())?;
        let own = identity.is_empty() || identity.strip_prefix("a=").and_then(unescape).as_deref() == Some(&*user);
        (own && !user.is_empty()).then(|| Self {
            user: user.as_str().into(),
            nonce: nonce.into(),
            bare: bare.into(),
            header: message[..message.len() - bare.len()].into(),
        })
    }

    /// Makes the server's first message.
    pub(super) fn challenge(self, keys: ScramKeys, server_nonce: &str) -> (String, Proof) {
        let nonce = format!("{}{server_nonce}", self.nonce);
        let first = format!("r={nonce},s={},i={}", BASE64.encode(&keys.salt), keys.iterations);
        let begun = format!("{},{first},", self.bare);
        (first, Proof { user: self.user, header: self.header, nonce, begun, keys })
    }
}

/// What the client's last message is held against.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) user: Arc<str>,
    header: Box<str>,
    nonce: String,
    begun: String,
    keys: ScramKeys,
}

impl Proof {
    /// Checks `c=…,r=…,p=…`; gives the server's last message when the client knows the password.
    pub(super) fn check(&self, last: &str) -> Option<String> {
        let (without_proof, proof) = last.rsplit_once(",p=")?;
        let mut parts = without_proof.split(',');
        let header = BASE64.decode(parts.next()?.strip_prefix("c=")?).ok()?;
        let nonce = parts.next()?.strip_prefix("r=")?;
        if header != self.header.as_bytes() || nonce != self.nonce {
            return None;
        }
        let spoken = format!("{}{without_proof}", self.begun);
        let signature = hmac(&self.keys.stored_key, spoken.as_bytes());
        let proof: [u8; 32] = BASE64.decode(proof).ok()?.try_into().ok()?;
        let client_key: [u8; 32] = std::array::from_fn(|at| proof[at] ^ signature[at]);
        let stored: [u8; 32] = Sha256::digest(client_key).into();
        is_same(&stored, &self.keys.stored_key)
            .then(|| format!("v={}", BASE64.encode(hmac(&self.keys.server_key, spoken.as_bytes()))))
    }
}

/// Compares without a short cut: the time it takes tells nothing.
fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn hmac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    // A key of any length is a key to HMAC; the error cannot be, and an all-zero MAC fits nothing.
    Hmac::<Sha256>::new_from_slice(key).map_or([0; 32], |mac| mac.chain_update(text).finalize().into_bytes().into())
}

/// RFC 5802 §5.1: `=2C` is a comma, `=3D` an equals sign, and nothing else begins with one.
fn unescape(name: &str) -> Option<String> {
    let plain = name.replace("=2C", ",").replace("=3D", "=");
    (name.matches('=').count() == name.matches("=2C").count() + name.matches("=3D").count()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677 §3.
    #[test]
    fn the_example_of_rfc_7677() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = ScramKeys::of_password("pencil", &salt, 4096);
        assert!(keys.are_of("pencil") && !keys.are_of("pencils"));
        let first = ClientFirst::parse("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!(&*first.user, "user");
        let (challenge, proof) = first.challenge(keys, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        assert_eq!(challenge, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(proof.check(last).as_deref(), Some("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert_eq!(proof.check(&last.replace("dHzb", "dHzc")), None);
        assert_eq!(proof.check(&last.replace("rOpr", "rOps")), None);
    }

    #[test]
    fn first_messages_that_are_refused() {
        for text in [
            "",
            "n,,",
            "p=tls-unique,,n=u,r=x",
            "n,,n=u",
            "n,,n=u,r=",
            "n,a=other,n=u,r=x",
            "n,,n=a=b,r=x",
            "n,,n=,r=x",
        ] {
            assert_eq!(ClientFirst::parse(text), None, "{text:?}");
        }
        assert_eq!(&*ClientFirst::parse("y,a=u=2Cv,n=u=2Cv,r=x").unwrap().user, "u,v");
    }
}
