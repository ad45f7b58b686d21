//! Users and what is kept of their passwords.
//!
//! Two kinds are known by how they begin: `$argon2…` (PHC string), and
//! `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, as PostgreSQL writes it. SCRAM is offered
//! only when every user has the second kind: a client would choose it and fail otherwise.

use argon2::Argon2;
use argon2::password_hash::rand_core::{OsRng, RngCore};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use postrider_smtp::server::{ScramKeys, Secret};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The users of the relay.
#[derive(Debug)]
pub struct Users {
    kept: HashMap<Box<str>, Kept>,
    /// What an unknown user is checked against, so that it takes as long.
    nobody: Kept,
    /// Checks at once: each takes a core for tens of milliseconds and megabytes of memory.
    checks: Arc<Semaphore>,
    /// Makes up the same salt for the same unknown user.
    made_up: RandomState,
}

#[derive(Debug, Clone)]
enum Kept {
    Argon2(Arc<str>),
    Scram(ScramKeys),
}

/// What is kept of a password cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("user {user}: want an argon2 hash ($argon2id$…) or SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey: {why}")]
pub struct BadHash {
    /// Whose.
    pub user: String,
    /// Why.
    pub why: String,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            nobody: Kept::Scram(made_up_keys(&[0; 16])),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            made_up: RandomState::new(),
        }
    }
}

impl Users {
    /// Users by name, each with what is kept of the password.
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadHash> {
        let mut all = Self::default();
        for (user, hash) in users {
            let kept = parse(hash).map_err(|why| BadHash { user: user.to_owned(), why })?;
            all.kept.insert(user.into(), kept);
        }
        // Nobody's hash costs what a user's does.
        if let Some(like) = all.kept.values().next() {
            all.nobody = like.clone();
        }
        Ok(all)
    }

    /// Hashes a password, for the configuration.
    pub fn hash(password: &str) -> Result<String, BadHash> {
        let salt = SaltString::generate(&mut OsRng);
        let hashed = Argon2::default().hash_password(password.as_bytes(), &salt);
        hashed.map(|hash| hash.to_string()).map_err(|why| BadHash { user: String::new(), why: why.to_string() })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether SCRAM can be offered.
    pub(crate) fn all_scram(&self) -> bool {
        !self.is_empty() && self.kept.values().all(|kept| matches!(kept, Kept::Scram(_)))
    }

    /// Whether this is the user's password. Checked on a thread that may block, a bounded number
    /// at once; an unknown user takes as long as a known one.
    pub(crate) async fn check(&self, user: &str, password: Secret) -> bool {
        let (kept, known) = self.kept.get(user).map_or((&self.nobody, false), |kept| (kept, true));
        let kept = kept.clone();
        let Ok(permit) = self.checks.clone().acquire_owned().await else { return false };
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            kept.fits(password.reveal())
        });
        checked.await.unwrap_or(false) && known
    }

    /// The keys of a user; of an unknown one made up, the same each time, fitting no password.
    pub(crate) fn scram_keys(&self, user: &str) -> ScramKeys {
        if let Some(Kept::Scram(keys)) = self.kept.get(user) {
            return keys.clone();
        }
        let mut salt = [0; 16];
        let halves = [self.made_up.hash_one((user, 0)), self.made_up.hash_one((user, 1))];
        for (slot, half) in salt.chunks_exact_mut(8).zip(halves) {
            slot.copy_from_slice(&half.to_le_bytes());
        }
        let mut keys = made_up_keys(&salt);
        if let Kept::Scram(like) = &self.nobody {
            keys.iterations = like.iterations;
        }
        keys
    }
}

impl Kept {
    fn fits(&self, password: &str) -> bool {
        match self {
            Self::Argon2(hash) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
            Self::Scram(keys) => keys.are_of(password),
        }
    }
}

/// 18 octets of chance, as a SCRAM nonce.
pub(crate) fn nonce() -> String {
    let mut bytes = [0u8; 18];
    OsRng.fill_bytes(&mut bytes);
    bytes.iter().fold(String::with_capacity(36), |text, byte| format!("{text}{byte:02x}"))
}

fn made_up_keys(salt: &[u8]) -> ScramKeys {
    let (mut stored_key, mut server_key) = ([0; 32], [0; 32]);
    OsRng.fill_bytes(&mut stored_key);
    OsRng.fill_bytes(&mut server_key);
    ScramKeys { salt: salt.into(), iterations: 4096, stored_key, server_key }
}

fn parse(hash: &str) -> Result<Kept, String> {
    if hash.starts_with("$argon2") {
        let parsed = PasswordHash::new(hash).map_err(|error| error.to_string())?;
        return match (parsed.salt, parsed.hash) {
            (Some(_), Some(_)) => Ok(Kept::Argon2(hash.into())),
            _ => Err("the argon2 hash lacks its salt or its end".to_owned()),
        };
    }
    let keys = hash.strip_prefix("SCRAM-SHA-256$").ok_or("it begins with neither")?;
    parse_scram(keys).map(Kept::Scram).ok_or_else(|| "the SCRAM keys are not well formed".to_owned())
}

fn parse_scram(keys: &str) -> Option<ScramKeys> {
    let (head, tail) = keys.split_once('$')?;
    let (iterations, salt) = head.split_once(':')?;
    let (stored, server) = tail.split_once(':')?;
    let decode = |text: &str| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok();
    Some(ScramKeys {
        salt: decode(salt)?.into(),
        iterations: iterations.parse().ok().filter(|count| *count > 0)?,
        stored_key: decode(stored)?.try_into().ok()?,
        server_key: decode(server)?.try_into().ok()?,
    })
}

/// A handful saturates the machines this runs on, and others shall get their turn.
const CHECKS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_hold_or_do_not() {
        let hash = Users::hash("pencil").unwrap();
        let scram = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        let users = Users::new([("ann", hash.as_str()), ("bob", scram)]).unwrap();
        let table = [
            ("ann", "pencil", true),
            ("ann", "pen", false),
            ("bob", "pencil", true),
            ("bob", "", false),
            ("eve", "pencil", false),
        ];
        for (user, password, want) in table {
            assert_eq!(users.check(user, Secret::new(password)).await, want, "{user} {password}");
        }
        assert!(!users.all_scram(), "ann could not log in by SCRAM");
    }

    #[test]
    fn unknown_users_have_the_same_salt_each_time() {
        let users = Users::default();
        assert_eq!(users.scram_keys("eve").salt, users.scram_keys("eve").salt);
        assert_ne!(users.scram_keys("eve").salt, users.scram_keys("mallory").salt);
    }

    #[test]
    fn unreadable_hashes_name_their_user() {
        for hash in ["", "secret", "$argon2id$nonsense", "SCRAM-SHA-256$0:AA==$AA==:AA=="] {
            assert_eq!(Users::new([("ann", hash)]).unwrap_err().user, "ann", "{hash:?}");
        }
    }
}
