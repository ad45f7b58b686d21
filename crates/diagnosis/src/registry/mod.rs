//! What registries say of a domain: who registered it where, until when, in which state.
//!
//! Two ways lead to it: RDAP (RFC 9082, 9083), found by a bundled copy of IANA's bootstrap
//! registry, and WHOIS (RFC 3912), found by asking IANA's server and following its referrals.
//! Both end in a [`Registration`]; where a registry keeps something back, the field is `None`,
//! which never counts as a fault of the domain.
//!
//! Boundary: reading is pure; asking is apart from it.

pub mod bootstrap;
pub mod company;
pub mod consult;
mod date;
pub mod name;
pub mod rdap;
pub mod status;
pub mod typo;
pub mod whois;

use crate::words::harmless;
use postrider_smtp::Timestamp;
use serde::Serialize;

pub use status::State;

/// What a registry says of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Registration {
    /// The domain as the registry writes it, in lower case and as A-labels.
    pub domain: Option<String>,
    /// Who registered it: the company's name.
    pub registrar: Option<String>,
    /// The registrar's number at IANA.
    pub registrar_id: Option<String>,
    /// The registrar's page.
    pub registrar_url: Option<String>,
    /// Where to complain at the registrar, by mail.
    pub abuse_email: Option<String>,
    /// And by phone.
    pub abuse_phone: Option<String>,
    /// Who holds it, where the registry tells.
    pub holder: Option<String>,
    /// Its states, each as written and as understood.
    pub statuses: Vec<Status>,
    /// Since when it is registered.
    pub created: Option<Moment>,
    /// When its record was last changed.
    pub changed: Option<Moment>,
    /// When the registration ends.
    pub expires: Option<Moment>,
    /// The name servers' host names; `None` when the registry does not list any.
    pub nameservers: Option<Vec<String>>,
    /// What the registry has of DNSSEC.
    pub secure: Secure,
    /// What the registry adds: terms, and notes about what it left out.
    pub notices: Vec<String>,
    /// The places the fields were read from.
    pub said: Vec<Said>,
}

/// A state of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// As the registry writes it.
    pub text: String,
    /// What it means.
    pub state: State,
}

/// A time a registry gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant; of a bare day its first.
    pub at: Timestamp,
    /// Whether the registry gave the day only, in whatever time zone it has.
    pub day_only: bool,
}

const DAY_MS: i64 = 86_400_000;

impl Moment {
    /// The instant from which on it has surely passed, wherever on earth the registry is.
    pub const fn surely_past(self) -> Timestamp {
        // A bare day ends last at UTC-12.
        if self.day_only { Timestamp(self.at.0.saturating_add(DAY_MS + DAY_MS / 2)) } else { self.at }
    }

    /// Days from `now` until then, rounded down; below zero when it has passed.
    pub const fn days_from(self, now: Timestamp) -> i64 {
        self.at.0.saturating_sub(now.0).div_euclid(DAY_MS)
    }

    /// Whole days that have passed since then; below zero when it is to come.
    pub const fn days_ago(self, now: Timestamp) -> i64 {
        now.0.saturating_sub(self.at.0).div_euclid(DAY_MS)
    }

    /// The day, as in `2026-11-30`.
    pub fn day(self) -> String {
        jiff::Timestamp::from_millisecond(self.at.0)
            .map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_millisecond(self.at.0) {
            Ok(at) if !self.day_only => serializer.collect_str(&at),
            _ => serializer.serialize_str(&self.day()),
        }
    }
}

/// What a registry has of DNSSEC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secure {
    /// It does not say.
    #[default]
    Unsaid,
    /// The delegation is not signed.
    Unsigned,
    /// It is signed; the DS records, where they are shown.
    Signed(Vec<Ds>),
}

/// A DS record at the registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ds {
    /// The key's tag.
    pub key_tag: u16,
    /// The key's algorithm.
    pub algorithm: u8,
    /// How the digest was made.
    pub digest_type: u8,
    /// The digest, as hexadecimal digits in upper case.
    pub digest: String,
}

/// What a field of a [`Registration`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The domain's name.
    Domain,
    /// The registrar.
    Registrar,
    /// The registrar's number.
    RegistrarId,
    /// The registrar's page.
    RegistrarUrl,
    /// The registrar's WHOIS server.
    RegistrarWhois,
    /// Where to complain.
    AbuseEmail,
    /// Where to complain, by phone.
    AbusePhone,
    /// The holder.
    Holder,
    /// A state.
    Status,
    /// The first registration.
    Created,
    /// The last change.
    Changed,
    /// The end.
    Expires,
    /// A name server.
    Nameserver,
    /// Whether the delegation is signed.
    Dnssec,
    /// A DS record.
    Ds,
    /// Whom to ask next.
    Refer,
}

/// The words a field was read from, for those who want to see for themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The field.
    pub field: Field,
    /// The line, or the member of the JSON object.
    pub text: String,
    /// The line's number, from 1, where there are lines.
    pub line: Option<usize>,
}

impl Registration {
    /// The words that field was read from.
    pub fn words(&self, field: Field) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(move |said| said.field == field)
    }

    /// Whether it is in that state.
    pub fn is(&self, state: State) -> bool {
        self.statuses.iter().any(|status| status.state == state)
    }

    /// Whether it says anything of a domain at all.
    pub fn is_empty(&self) -> bool {
        self.registrar.is_none()
            && self.statuses.is_empty()
            && self.created.is_none()
            && self.changed.is_none()
            && self.expires.is_none()
            && self.nameservers.is_none()
    }

    /// Without control characters: what strangers write must not move a terminal's cursor.
    #[must_use]
    fn plain(mut self) -> Self {
        let texts = [
            &mut self.registrar,
            &mut self.registrar_id,
            &mut self.registrar_url,
            &mut self.abuse_email,
            &mut self.abuse_phone,
            &mut self.holder,
        ];
        for text in texts.into_iter().flatten() {
            *text = plain(text);
        }
        for status in &mut self.statuses {
            status.text = plain(&status.text);
        }
        for said in &mut self.said {
            said.text = plain(&said.text);
        }
        for notice in &mut self.notices {
            *notice = plain(notice);
        }
        self
    }

    /// Takes from another answer what this one keeps back. What is here stays: the registry
    /// knows better than the registrar.
    pub fn fill_from(&mut self, other: Self) {
        fn fill<T>(here: &mut Option<T>, there: Option<T>) {
            if here.is_none() {
                *here = there;
            }
        }
        fill(&mut self.domain, other.domain);
        fill(&mut self.registrar, other.registrar);
        fill(&mut self.registrar_id, other.registrar_id);
        fill(&mut self.registrar_url, other.registrar_url);
        fill(&mut self.abuse_email, other.abuse_email);
        fill(&mut self.abuse_phone, other.abuse_phone);
        fill(&mut self.holder, other.holder);
        fill(&mut self.created, other.created);
        fill(&mut self.changed, other.changed);
        fill(&mut self.expires, other.expires);
        fill(&mut self.nameservers, other.nameservers);
        if self.statuses.is_empty() {
            self.statuses = other.statuses;
        }
        if self.secure == Secure::Unsaid {
            self.secure = other.secure;
        }
        let new = |said: &Said, known: &[Said]| !known.iter().any(|here| here.field == said.field);
        let known = self.said.clone();
        self.said.extend(other.said.into_iter().filter(|said| new(said, &known)));
    }
}

/// A text of strangers as it may be shown: one line, without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if harmless(c) == c { c } else { ' ' }).take(TEXT_MAX).collect()
}

const TEXT_MAX: usize = 400;

/// A host or domain name as names are compared: no dot at the end, lower case, A-labels.
/// `None` when it is no name.
pub(crate) fn canonical(name: &str) -> Option<String> {
    let bare = name.trim().trim_end_matches('.');
    if bare.is_empty() || bare.len() > 1000 {
        return None;
    }
    let lower = bare.to_ascii_lowercase();
    if lower.is_ascii() {
        return Some(lower);
    }
    idna::domain_to_ascii(&lower).ok().filter(|ascii| !ascii.is_empty())
}
