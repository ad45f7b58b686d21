//! What a record says, term by term, each with its place in the text.

use super::fault::Fault;
use super::macros::MacroString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A stretch of octets in a record's text, on the borders of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Behind its last octet.
    pub end: usize,
}

impl Span {
    /// The stretch from `start` to before `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// What stands there.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// A record as it was read. Terms that could not be read are there too, as [`Form::Broken`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The text that was read.
    pub text: Box<str>,
    /// Its terms, in their order.
    pub terms: Vec<Term>,
    /// All that is wrong with it, in the order of the text. Any makes the result permerror
    /// (RFC 7208 §4.6).
    pub faults: Vec<Fault>,
}

impl Record {
    /// Whether nothing is wrong with its syntax.
    pub fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    /// The first `all`, by its index among the terms: nothing behind it is ever looked at.
    pub fn all(&self) -> Option<(usize, Qualifier)> {
        self.terms.iter().enumerate().find_map(|(index, term)| match term.form {
            Form::Directive { qualifier, mechanism: Mechanism::All } => Some((index, qualifier)),
            _ => None,
        })
    }

    /// Where the record hands on to, by the index of the term; `all` beside it makes it idle
    /// (RFC 7208 §6.1).
    pub fn redirect(&self) -> Option<(usize, &MacroString)> {
        self.terms.iter().enumerate().find_map(|(index, term)| match &term.form {
            Form::Redirect(target) => Some((index, target)),
            _ => None,
        })
    }

    /// Where the words for a refusal stand.
    pub fn explanation(&self) -> Option<&MacroString> {
        self.terms.iter().find_map(|term| match &term.form {
            Form::Explanation(target) => Some(target),
            _ => None,
        })
    }
}

/// One term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub form: Form,
}

impl Term {
    /// Whether it costs one of the ten look-ups (RFC 7208 §4.6.4).
    pub fn looks_up(&self) -> bool {
        match &self.form {
            Form::Directive { mechanism, .. } => {
                !matches!(mechanism, Mechanism::All | Mechanism::Ip4 { .. } | Mechanism::Ip6 { .. })
            }
            Form::Redirect(_) => true,
            Form::Explanation(_) | Form::Unknown { .. } | Form::Broken => false,
        }
    }
}

/// What a term is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A mechanism and what it gives when it matches.
    Directive {
        /// What it gives.
        qualifier: Qualifier,
        /// When it matches.
        mechanism: Mechanism,
    },
    /// `redirect=`: the record of that domain decides when nothing here matched.
    Redirect(MacroString),
    /// `exp=`: where the words for a refusal stand.
    Explanation(MacroString),
    /// A modifier that nobody has defined, to be passed over (RFC 7208 §6).
    Unknown {
        /// Its name as written.
        name: Span,
        /// What stands behind `=`.
        value: Span,
    },
    /// What could not be read; a fault says why.
    Broken,
}

/// What a directive gives when its mechanism matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qualifier {
    /// `+`, also when nothing is written.
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

impl Qualifier {
    /// The sign it is written with.
    pub const fn sign(self) -> char {
        match self {
            Self::Pass => '+',
            Self::Fail => '-',
            Self::SoftFail => '~',
            Self::Neutral => '?',
        }
    }

    pub(super) const fn of_sign(sign: u8) -> Option<Self> {
        match sign {
            b'+' => Some(Self::Pass),
            b'-' => Some(Self::Fail),
            b'~' => Some(Self::SoftFail),
            b'?' => Some(Self::Neutral),
            _ => None,
        }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sign())
    }
}

/// How many leading bits of an address must agree; whole addresses when nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefixes {
    /// Of IPv4 addresses, up to 32.
    pub v4: u8,
    /// Of IPv6 addresses, up to 128.
    pub v6: u8,
}

impl Default for Prefixes {
    fn default() -> Self {
        Self { v4: 32, v6: 128 }
    }
}

/// When a directive matches (RFC 7208 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// Always.
    All,
    /// When the record of that domain gives pass.
    Include(MacroString),
    /// When the address is one of the host's.
    A {
        /// The host; the domain itself when not written.
        target: Option<MacroString>,
        /// What of the addresses is compared.
        prefixes: Prefixes,
    },
    /// When the address is one of those of the domain's mail exchanges.
    Mx {
        /// The domain; the one under check when not written.
        target: Option<MacroString>,
        /// What of the addresses is compared.
        prefixes: Prefixes,
    },
    /// When a name of the address lies in the domain. Not to be used any more (RFC 7208 §5.5).
    Ptr(Option<MacroString>),
    /// When the address lies in the network.
    Ip4 {
        /// Its address as written; bits behind the prefix may be set.
        network: Ipv4Addr,
        /// How many bits count.
        prefix: u8,
    },
    /// When the address lies in the network.
    Ip6 {
        /// Its address as written; bits behind the prefix may be set.
        network: Ipv6Addr,
        /// How many bits count.
        prefix: u8,
    },
    /// When the name has an A record.
    Exists(MacroString),
}

impl Mechanism {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Include(_) => "include",
            Self::A { .. } => "a",
            Self::Mx { .. } => "mx",
            Self::Ptr(_) => "ptr",
            Self::Ip4 { .. } => "ip4",
            Self::Ip6 { .. } => "ip6",
            Self::Exists(_) => "exists",
        }
    }
}
