//! States of a domain, however a registry spells them.
//!
//! RFC 5731 §2.3 and RFC 3915 §3.1 name them for EPP, RFC 8056 §2 for RDAP; country registries
//! have words of their own.

use serde::Serialize;

/// A state that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing special.
    Active,
    /// Registered, but without name servers: not in the DNS.
    Inactive,
    /// The registrar took it out of the DNS.
    ClientHold,
    /// The registry took it out of the DNS.
    ServerHold,
    /// It is about to be deleted.
    PendingDelete,
    /// It was deleted and can still be bought back by its holder.
    Redemption,
    /// It is being bought back.
    PendingRestore,
    /// It ran out, and the registry renewed it by itself for now.
    AutoRenew,
    /// It ran out, by the registry's words.
    Expired,
    /// It is on its way to another registrar.
    PendingTransfer,
    /// It is being registered, renewed or changed.
    Underway,
    /// It was registered, renewed or transferred days ago.
    Fresh,
    /// Something may not be done to it: a lock, which is healthy.
    Locked,
    /// Something else.
    Other,
}

impl State {
    /// Whether the domain is not in the DNS while it is in this state.
    pub const fn is_out_of_dns(self) -> bool {
        matches!(self, Self::Inactive | Self::ClientHold | Self::ServerHold | Self::PendingDelete | Self::Redemption)
    }

    /// What it means, in a sentence's end: "the domain …".
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Active => "is active",
            Self::Inactive => "has no name servers at the registry, so it is not in the DNS",
            Self::ClientHold => "was taken out of the DNS by its registrar",
            Self::ServerHold => "was taken out of the DNS by the registry",
            Self::PendingDelete => "is about to be deleted for good",
            Self::Redemption => "was deleted, and can only be bought back for some weeks",
            Self::PendingRestore => "is being restored after a deletion",
            Self::AutoRenew => {
                "ran out lately and was renewed by the registry for now; the registrar can still give it up"
            }
            Self::Expired => "has run out",
            Self::PendingTransfer => "is on its way to another registrar",
            Self::Underway => "is being changed",
            Self::Fresh => "was registered, renewed or transferred a few days ago",
            Self::Locked => "is locked against changes, which is good",
            Self::Other => "is in a state this program does not know",
        }
    }

    /// Reads a state as EPP, RDAP or a country registry spells it.
    pub fn read(text: &str) -> Self {
        let key = key(text);
        let known = TABLE.iter().find(|(word, _)| *word == key);
        match known {
            Some((_, state)) => *state,
            None if key.ends_with("prohibited") || key.ends_with("locked") => Self::Locked,
            None => Self::Other,
        }
    }
}

/// Letters and digits in lower case, up to what explains: `clientHold https://icann.org/…`,
/// `Client Hold`, `client_hold` and `clienthold` are one.
fn key(text: &str) -> String {
    let end = text.find("http").or_else(|| text.find('(')).unwrap_or(text.len());
    let bare: String = text[..end].chars().filter(char::is_ascii_alphanumeric).take(80).collect();
    bare.to_ascii_lowercase()
}

const TABLE: &[(&str, State)] = &[
    // RFC 5731 §2.3, RFC 8056 §2.
    ("ok", State::Active),
    ("active", State::Active),
    ("inactive", State::Inactive),
    ("clienthold", State::ClientHold),
    ("serverhold", State::ServerHold),
    ("pendingdelete", State::PendingDelete),
    ("pendingcreate", State::Underway),
    ("pendingrenew", State::Underway),
    ("pendingupdate", State::Underway),
    ("pendingtransfer", State::PendingTransfer),
    ("associated", State::Active),
    ("linked", State::Active),
    ("validated", State::Active),
    // RFC 3915 §3.1.
    ("redemptionperiod", State::Redemption),
    ("pendingrestore", State::PendingRestore),
    ("pendingdeleterestorable", State::Redemption),
    ("pendingdeletescheduledforrelease", State::PendingDelete),
    ("addperiod", State::Fresh),
    ("renewperiod", State::Fresh),
    ("transferperiod", State::Fresh),
    ("autorenewperiod", State::AutoRenew),
    // Country registries.
    ("connect", State::Active),
    ("connected", State::Active),
    ("registered", State::Active),
    ("registereduntilexpirydate", State::Active),
    ("published", State::Active),
    ("delegated", State::Active),
    ("paidandinzone", State::Active),
    ("notavailable", State::Active),
    ("granted", State::Active),
    ("registereddelegatedverified", State::Active),
    ("registereddelegatedunverified", State::Active),
    ("registerednotdelegatedverified", State::Inactive),
    ("registerednotdelegatedunverified", State::Inactive),
    ("notdelegated", State::Inactive),
    ("nodelegation", State::Inactive),
    ("failed", State::Inactive),
    ("suspended", State::ServerHold),
    ("onhold", State::ServerHold),
    ("hold", State::ServerHold),
    ("deactivated", State::ServerHold),
    ("renewalrequired", State::Expired),
    ("nolongerrequired", State::PendingDelete),
    ("expired", State::Expired),
    ("graceperiod", State::Expired),
    ("tobedeleted", State::PendingDelete),
    ("tobesuspended", State::Underway),
    ("quarantine", State::Redemption),
    ("inquarantine", State::Redemption),
    ("redemption", State::Redemption),
    ("redemptiongraceperiod", State::Redemption),
    ("inredemption", State::Redemption),
    ("deleted", State::Redemption),
    ("pendingdeleteredemptionperiod", State::Redemption),
    ("inactivenoregistrar", State::Inactive),
    ("okautorenewperiod", State::AutoRenew),
    ("unassignable", State::Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_state_in_many_spellings() {
        for (text, state) in [
            ("clientHold https://icann.org/epp#clientHold", State::ClientHold),
            ("client hold", State::ClientHold),
            ("CLIENT-HOLD", State::ClientHold),
            ("server hold", State::ServerHold),
            ("clientTransferProhibited (https://www.icann.org/epp#clientTransferProhibited)", State::Locked),
            ("server delete prohibited", State::Locked),
            ("ok", State::Active),
            ("redemption period", State::Redemption),
            ("pending delete", State::PendingDelete),
            ("auto renew period", State::AutoRenew),
            ("REGISTERED, DELEGATED, VERIFIED", State::Active),
            ("pendingDelete / redemptionPeriod", State::Redemption),
            ("Registered until expiry date.", State::Active),
            ("Connected (2026/11/30)", State::Active),
            ("flying", State::Other),
            ("", State::Other),
        ] {
            assert_eq!(State::read(text), state, "{text}");
        }
    }
}
