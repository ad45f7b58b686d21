//! The seam: one question, one answer.

use crate::{Failure, Kind, Record};
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The records found, all of one type, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T = Record> {
    /// The records, in the order they came.
    pub records: Vec<T>,
    /// How long they stay true: the least of the records' and of the CNAMEs' on the way to them.
    pub ttl: Duration,
    /// Whether the name server vouches by DNSSEC for the whole chain (AD, RFC 4035 §3.2.3).
    /// Worth something only if the name server and the path to it are trusted.
    pub authentic: bool,
    /// Where CNAMEs led to, when there were any (RFC 7672 §2.2.2 needs to know).
    pub canonical: Option<Box<str>>,
}

impl<T> Answer<T> {
    /// The same answer with the records turned into something else; those that give `None` are left out.
    pub fn filter_map<U>(self, turn: impl FnMut(T) -> Option<U>) -> Answer<U> {
        let Self { records, ttl, authentic, canonical } = self;
        Answer { records: records.into_iter().filter_map(turn).collect(), ttl, authentic, canonical }
    }
}

/// A look-up under way.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

/// Asks for one RRset. One method, so that a fixture is as easy as the real thing; the typed
/// questions are functions on top: [`crate::mx`], [`crate::addresses`] and their kin.
///
/// An `Ok` answer has at least one record, all of the type asked for; CNAMEs were followed.
///
/// ```
/// use postrider_dns::{Kind, Record, Resolver, Zone};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let zone = Zone::parse("example.test A 192.0.2.1").unwrap();
/// let resolver: &dyn Resolver = &zone;
/// let answer = resolver.look_up("example.test", Kind::A).await.unwrap();
/// assert_eq!(answer.records, [Record::A("192.0.2.1".parse().unwrap())]);
/// # });
/// ```
pub trait Resolver: Send + Sync + 'static {
    /// The records of that name and type, or why there are none. The name may end in a dot.
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a>;
}

/// A name as keys and answers have it: lower case, no trailing dot; the root is `"."`.
pub(crate) fn canonical(name: &str) -> Cow<'_, str> {
    let name = if name == "." { name } else { name.strip_suffix('.').unwrap_or(name) };
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
