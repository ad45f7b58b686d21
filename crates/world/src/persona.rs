//! Who lives in the world: one row per mail domain.

/// How a mail domain treats mail. What each says is in `manner.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manner {
    /// Takes all mail at once.
    Accepts,
    /// Puts off each new triplet of client, sender and recipient for a while: 451 4.7.1.
    Greylists,
    /// Takes a number of messages per window, and answers 421 4.7.28 to the rest.
    LimitsRate,
    /// The mailbox is full, for now: 452 4.2.2.
    MailboxFull,
    /// The mailbox is full, for good: 552 5.2.2.
    MailboxOverfull,
    /// Some recipients do not exist, those whose address begins with `gone`: 550 5.1.1.
    UnknownUsers,
    /// Nothing listens: connection refused.
    Down,
    /// Takes connections and never says a word.
    Silent,
    /// Has our address on a blocklist and says so instead of a greeting: 554 5.7.1.
    BlocksUs,
    /// Takes nothing in clear: 530 5.7.0.
    RequiresTls,
    /// Drops connections at random moments, also behind the final dot, with the message taken or not.
    DropsConnections,
    /// Thinks for a while before each reply.
    Slow,
    /// Looks at content, and refuses what it takes for spam behind the final dot: 550 5.7.1.
    FiltersContent,
    /// Out of order in the first while: 451 4.3.2.
    TroubleAtFirst,
    /// Takes small messages only, and says how small by SIZE: 552 5.3.4.
    SizeLimited,
    /// Knows HELO, and no extension at all.
    Old,
    /// Two hosts, of which the preferred one is down.
    FirstHostDown,
    /// Its name server fails: SERVFAIL.
    BrokenDns,
    /// Its name server never answers.
    SilentDns,
    /// The domain does not exist.
    NoSuchDomain,
    /// Says by DNS that it takes no mail (RFC 7505).
    NullMx,
}

/// One mail domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Persona {
    /// The domain.
    pub domain: &'static str,
    /// How it treats mail.
    pub manner: Manner,
    /// The same in a few words, for people.
    pub summary: &'static str,
}

/// The domain that senders of tests and the demo live in; bounces come back to it.
pub const HOME: &str = "home.test";

const fn row(domain: &'static str, manner: Manner, summary: &'static str) -> Persona {
    Persona { domain, manner, summary }
}

/// All mail domains of the world. Domains below `hosted.test` share the host of `open.test`.
pub const PERSONAS: [Persona; 22] = [
    row(HOME, Manner::Accepts, "where the senders live; takes their bounces"),
    row("open.test", Manner::Accepts, "takes all mail at once"),
    row("greylist.test", Manner::Greylists, "puts off each new sender and recipient once"),
    row("rate.test", Manner::LimitsRate, "limits how fast one address may send"),
    row("full.test", Manner::MailboxFull, "mailboxes are full for now"),
    row("overfull.test", Manner::MailboxOverfull, "mailboxes are full for good"),
    row("users.test", Manner::UnknownUsers, "some recipients do not exist"),
    row("down.test", Manner::Down, "nothing listens"),
    row("silent.test", Manner::Silent, "takes connections, never greets"),
    row("blocked.test", Manner::BlocksUs, "has our address on a blocklist"),
    row("tls.test", Manner::RequiresTls, "takes nothing without TLS"),
    row("flaky.test", Manner::DropsConnections, "drops connections, also after the final dot"),
    row("slow.test", Manner::Slow, "thinks before each reply"),
    row("filter.test", Manner::FiltersContent, "refuses what looks like spam"),
    row("busy.test", Manner::TroubleAtFirst, "out of order in the first while"),
    row("small.test", Manner::SizeLimited, "takes small messages only"),
    row("old.test", Manner::Old, "knows no extension at all"),
    row("backup.test", Manner::FirstHostDown, "the first of its two hosts is down"),
    row("broken.test", Manner::BrokenDns, "its name server fails"),
    row("lost.test", Manner::SilentDns, "its name server never answers"),
    row("gone.test", Manner::NoSuchDomain, "the domain does not exist"),
    row("null.test", Manner::NullMx, "says that it takes no mail"),
];

impl Manner {
    /// Whether a host of its own listens for mail.
    pub const fn listens(self) -> bool {
        !matches!(
            self,
            Self::Down | Self::FirstHostDown | Self::BrokenDns | Self::SilentDns | Self::NoSuchDomain | Self::NullMx
        )
    }
}

impl Persona {
    /// The persona of that domain.
    pub fn of(domain: &str) -> Option<&'static Self> {
        PERSONAS.iter().find(|persona| persona.domain == domain)
    }

    /// The host that takes its mail, when one of its own does.
    pub fn host(&self) -> String {
        format!("mx.{}", self.domain)
    }

    /// Its last octet in the world's network.
    pub(crate) fn octet(&self) -> u8 {
        let row = PERSONAS.iter().position(|persona| persona == self).unwrap_or(0);
        u8::try_from(row).unwrap_or(0) + 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_domain_is_there_once_and_has_words_for_people() {
        let domains: BTreeSet<&str> = PERSONAS.iter().map(|persona| persona.domain).collect();
        assert_eq!(domains.len(), PERSONAS.len());
        assert!(PERSONAS.iter().all(|persona| persona.domain.ends_with(".test") && !persona.summary.is_empty()));
        assert_eq!(Persona::of("full.test").map(|persona| persona.manner), Some(Manner::MailboxFull));
    }
}
