//! Why a login was refused, from the response code (RFC 5530) and the words beside it.

use std::fmt;

/// Why a server does not let us in, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The name or the password is wrong.
    WrongPassword,
    /// The account needs a password made for this program, not the person's own.
    AppPassword,
    /// No mechanism is offered that takes a password, or all of them are off for this account.
    MechanismOff,
    /// The server wants encryption before it hears a password.
    TlsNeeded,
    /// The account is locked, suspended, or may not use IMAP.
    Locked,
    /// The password has expired.
    Expired,
    /// Too many connections or attempts; later may do.
    TooMany,
    /// The server cannot check passwords at the moment.
    Unavailable,
    /// The server does not say why.
    Unsaid,
}

impl RefusalReason {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong-password",
            Self::AppPassword => "app-password-needed",
            Self::MechanismOff => "mechanism-off",
            Self::TlsNeeded => "tls-needed",
            Self::Locked => "locked",
            Self::Expired => "password-expired",
            Self::TooMany => "too-many",
            Self::Unavailable => "unavailable",
            Self::Unsaid => "unsaid",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::WrongPassword => "the server does not take this user name with this password",
            Self::AppPassword => {
                "the server wants a password made for this program (an app password), not the account's own"
            }
            Self::MechanismOff => "the server does not let this account log in with a password",
            Self::TlsNeeded => "the server wants TLS before it hears a password",
            Self::Locked => "the account is locked, or not allowed to use IMAP",
            Self::Expired => "the password has expired",
            Self::TooMany => "the server has had too many connections or log-ins, and wants us to wait",
            Self::Unavailable => "the server cannot check passwords at the moment",
            Self::Unsaid => "the server refuses the login and does not say why",
        }
    }
}

/// A refused login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// The server's words; empty when we did not even try.
    pub said: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.sentence())?;
        if self.said.is_empty() { Ok(()) } else { write!(f, ": {}", self.said) }
    }
}

impl Refusal {
    /// Reads the words of a tagged NO or BAD to LOGIN or AUTHENTICATE.
    pub fn read(said: &str) -> Self {
        Self { reason: reason(said), said: said.trim().to_owned() }
    }
}

/// Words decide before codes: servers put AUTHENTICATIONFAILED on everything, and say more beside it.
fn reason(said: &str) -> RefusalReason {
    let lower = said.to_lowercase();
    let code = lower.trim_start().strip_prefix('[').and_then(|rest| rest.split([']', ' ']).next()).unwrap_or_default();
    if let Some((_, reason)) = WORDS.iter().find(|(words, _)| words.iter().all(|word| lower.contains(word))) {
        return *reason;
    }
    match code {
        "authenticationfailed" | "authorizationfailed" => RefusalReason::WrongPassword,
        "expired" => RefusalReason::Expired,
        "privacyrequired" => RefusalReason::TlsNeeded,
        "contactadmin" | "noperm" => RefusalReason::Locked,
        "unavailable" | "serverbug" | "inuse" => RefusalReason::Unavailable,
        "limit" => RefusalReason::TooMany,
        _ => RefusalReason::Unsaid,
    }
}

/// Words that tell, each row all of them; the first row that fits decides.
const WORDS: &[(&[&str], RefusalReason)] = &[
    (&["application-specific password"], RefusalReason::AppPassword),
    (&["app password"], RefusalReason::AppPassword),
    (&["app-password"], RefusalReason::AppPassword),
    (&["app specific password"], RefusalReason::AppPassword),
    (&["app-specific password"], RefusalReason::AppPassword),
    (&["web login required"], RefusalReason::AppPassword),
    (&["basic authentication is disabled"], RefusalReason::MechanismOff),
    (&["basicauthblocked"], RefusalReason::MechanismOff),
    (&["unsupported authentication mechanism"], RefusalReason::MechanismOff),
    (&["mechanism", "not supported"], RefusalReason::MechanismOff),
    (&["plaintext authentication disallowed"], RefusalReason::TlsNeeded),
    (&["cleartext authentication disallowed"], RefusalReason::TlsNeeded),
    (&["logindisabled"], RefusalReason::TlsNeeded),
    (&["ssl/tls required"], RefusalReason::TlsNeeded),
    (&["too many"], RefusalReason::TooMany),
    (&["rate limit"], RefusalReason::TooMany),
    (&["try again later"], RefusalReason::Unavailable),
    (&["temporary authentication failure"], RefusalReason::Unavailable),
    (&["temporarily"], RefusalReason::Unavailable),
    (&["internal error"], RefusalReason::Unavailable),
    (&["password", "expired"], RefusalReason::Expired),
    (&["locked"], RefusalReason::Locked),
    (&["suspended"], RefusalReason::Locked),
    (&["disabled"], RefusalReason::Locked),
    (&["not enabled for imap"], RefusalReason::Locked),
    (&["imap access", "not"], RefusalReason::Locked),
    (&["invalid", "credentials"], RefusalReason::WrongPassword),
    (&["invalid", "password"], RefusalReason::WrongPassword),
    (&["incorrect", "password"], RefusalReason::WrongPassword),
    (&["authentication failed"], RefusalReason::WrongPassword),
    (&["login failed"], RefusalReason::WrongPassword),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_their_reasons() {
        use RefusalReason as R;
        let table = [
            ("[AUTHENTICATIONFAILED] Authentication failed.", R::WrongPassword),
            ("[AUTHENTICATIONFAILED]", R::WrongPassword),
            ("[AUTHORIZATIONFAILED] you may not act for them", R::WrongPassword),
            ("Invalid user name or password", R::WrongPassword),
            ("LOGIN failed.", R::WrongPassword),
            ("[ALERT] Application-specific password required", R::AppPassword),
            ("[AUTHENTICATIONFAILED] Please use an app password", R::AppPassword),
            ("[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.", R::TlsNeeded),
            ("[PRIVACYREQUIRED] no", R::TlsNeeded),
            ("[EXPIRED] change it", R::Expired),
            ("Your password has expired", R::Expired),
            ("[CONTACTADMIN] call us", R::Locked),
            ("[AUTHENTICATIONFAILED] Account is locked", R::Locked),
            ("User disabled", R::Locked),
            ("[UNAVAILABLE] Temporary authentication failure.", R::Unavailable),
            ("[UNAVAILABLE]", R::Unavailable),
            ("[LIMIT] Too many simultaneous connections", R::TooMany),
            ("Unsupported authentication mechanism.", R::MechanismOff),
            ("no", R::Unsaid),
            ("", R::Unsaid),
        ];
        for (said, want) in table {
            assert_eq!(Refusal::read(said).reason, want, "{said:?}");
        }
    }

    #[test]
    fn a_refusal_is_a_sentence_with_the_servers_words() {
        let refusal = Refusal::read("[EXPIRED] change it");
        assert_eq!(refusal.to_string(), "the password has expired: [EXPIRED] change it");
        let untried = Refusal { reason: RefusalReason::TlsNeeded, said: String::new() };
        assert_eq!(untried.to_string(), "the server wants TLS before it hears a password");
    }
}
