//! The tree of a domain's records, as it was found.

use super::addresses::Addresses;
use super::record::{Record, Span, Term};
use postrider_dns::Failure;
use std::sync::Arc;

/// All records that a domain's policy is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The domain's own.
    pub root: Node,
    /// Whether a bound kept some of it from being looked at; counts are the least there is then.
    pub cut: bool,
}

impl Tree {
    /// All nodes, each before those it includes.
    pub fn nodes(&self) -> Vec<&Node> {
        let mut nodes = Vec::new();
        let mut left = vec![&self.root];
        while let Some(node) = left.pop() {
            nodes.push(node);
            left.extend(node.branches.iter().rev().filter_map(Branch::node));
        }
        nodes
    }
}

/// One domain in the tree. A domain that is included twice has two nodes, as it counts twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub domain: Box<str>,
    /// What was found there.
    pub found: Found,
    /// What becomes of each term of its record, in their order; empty without a record.
    pub branches: Vec<Branch>,
    /// How many look-ups its terms need, with all that is below (RFC 7208 §4.6.4).
    pub lookups: usize,
    /// How many of them find nothing, for whatever address.
    pub voids: usize,
    /// The addresses that it gives pass to, as far as they can be told without a message.
    pub addresses: Addresses,
    /// Whether more may pass: by terms that depend on the message, or were not looked up.
    pub open: bool,
}

impl Node {
    /// Its record, when it has one.
    pub fn record(&self) -> Option<&Record> {
        match &self.found {
            Found::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The term a branch is of.
    pub fn term(&self, branch: &Branch) -> Option<&Term> {
        self.record()?.terms.get(branch.term)
    }

    /// A term as it is written.
    pub fn text(&self, branch: &Branch) -> &str {
        self.record().map(|record| branch.span.of(&record.text)).unwrap_or_default()
    }
}

/// What was found at a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One record; it may have faults.
    Record(Arc<Record>),
    /// No record, while the name may have other texts.
    NoRecord {
        /// What the DNS says: no such domain, or no text; nothing when there are other texts.
        absence: Option<Failure>,
        /// The other texts.
        texts: Vec<Box<str>>,
    },
    /// Several records.
    Many(Vec<Box<str>>),
    /// The DNS is in trouble.
    Failed(Failure),
    /// It is no name that could have a record.
    NotAName,
    /// It is one of those that include it.
    Loop,
    /// It was not looked at, as a bound was reached.
    NotAsked,
}

impl Found {
    /// Whether an `include` or `redirect` that leads here makes the result permerror.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Record(record) => !record.is_valid(),
            Self::NoRecord { .. } | Self::Many(_) | Self::NotAName | Self::Loop => true,
            Self::Failed(_) | Self::NotAsked => false,
        }
    }
}

/// What becomes of one term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Which term of the record.
    pub term: usize,
    /// Where it stands in the record's text.
    pub span: Span,
    /// Whether an evaluation can get here: not behind `all`, and `redirect` not beside it.
    pub reached: bool,
    /// The number of its look-up in the order of evaluation, from 1; none when it needs none.
    pub number: Option<usize>,
    /// How many look-ups it needs, with all that is below.
    pub lookups: usize,
    /// How many of them find nothing.
    pub voids: usize,
    /// The addresses that match.
    pub addresses: Addresses,
    /// What it points to.
    pub target: Target,
}

impl Branch {
    /// The domain it includes or redirects to.
    pub fn node(&self) -> Option<&Node> {
        match &self.target {
            Target::Node(node) => Some(node),
            _ => None,
        }
    }
}

/// What a term points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing: `ip4`, `ip6`, `all`, modifiers, and what is not reached.
    Nothing,
    /// Another record.
    Node(Box<Node>),
    /// A host: of `a` its addresses, of `exists` its A records.
    Host {
        /// Its name.
        name: Box<str>,
        /// How many addresses it has.
        addresses: usize,
        /// Why there are none.
        failure: Option<Failure>,
    },
    /// The mail exchanges of a domain.
    Exchanges {
        /// The domain.
        name: Box<str>,
        /// How many it has.
        hosts: usize,
        /// Those that have no address.
        dead: Vec<Box<str>>,
        /// Why there are none.
        failure: Option<Failure>,
    },
    /// What depends on the message: `ptr`, and names with macros for the address or the sender.
    Message,
    /// A name that cannot be asked for: nothing ever matches.
    NotAName(Box<str>),
    /// Not looked at, as a bound was reached.
    NotAsked,
}
