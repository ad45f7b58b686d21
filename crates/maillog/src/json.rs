//! Lines of JSON: either a server's own records, or a wrapping around another log's line.
//!
//! Shapes are read leniently: a field of an unexpected type counts as absent, as programs
//! between the server and us rewrite numbers and lists freely.

use crate::record::{Server, Sink};
use crate::servers::{events, kumomta};
use crate::stamp::{self, Calendar};
use memchr::memmem;
use postrider_smtp::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What a line of JSON turned out to be.
pub(crate) enum Found<'a> {
    /// A server's own records; told.
    Records(Server),
    /// A wrapping.
    Carried(Carried<'a>),
    /// Neither.
    Nothing,
}

/// The line inside a wrapping, and what the wrapping says of it.
#[derive(Debug, Default)]
pub(crate) struct Carried<'a> {
    pub(crate) at: Option<Timestamp>,
    pub(crate) host: Cow<'a, str>,
    pub(crate) program: Cow<'a, str>,
    pub(crate) text: Cow<'a, str>,
}

/// Reads a line of JSON.
pub(crate) fn read<'a>(line: &'a str, calendar: &Calendar, sink: &mut Sink<'_>) -> Found<'a> {
    // Only the outermost object counts, but a look at the bytes is enough to know what to try.
    let has = |words: &str| memmem::find(line.as_bytes(), words.as_bytes()).is_some();
    if has("\"postrider.events/") && events::read(line, calendar, sink) {
        return Found::Records(Server::Postrider);
    }
    if has("\"type\"") && has("\"recipient\"") && kumomta::read(line, sink) {
        return Found::Records(Server::KumoMta);
    }
    match serde_json::from_str::<Wrapping<'a>>(line) {
        Ok(wrapping) => wrapping.carried(calendar),
        Err(_) => Found::Nothing,
    }
}

/// The names that programs give to the line, its time, its host and its program.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Wrapping<'a> {
    /// Docker's json-file, Fluent Bit.
    #[serde(borrow)]
    log: Text<'a>,
    #[serde(borrow, alias = "message", alias = "msg", alias = "MSG")]
    #[serde(rename = "MESSAGE")]
    message: Text<'a>,
    #[serde(
        borrow,
        alias = "@timestamp",
        alias = "timestamp",
        alias = "TIMESTAMP",
        alias = "timereported",
        alias = "date"
    )]
    time: Text<'a>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    realtime: Text<'a>,
    #[serde(borrow, alias = "program", alias = "PROGRAM", alias = "ident", alias = "appname", alias = "programname")]
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    program: Text<'a>,
    #[serde(borrow, alias = "host", alias = "HOST", alias = "hostname")]
    #[serde(rename = "_HOSTNAME")]
    host: Text<'a>,
}

impl<'a> Wrapping<'a> {
    fn carried(self, calendar: &Calendar) -> Found<'a> {
        let Some(text) = self.log.0.or(self.message.0) else { return Found::Nothing };
        let realtime = self.realtime.0.and_then(|us| us.parse::<i64>().ok()).map(|us| Timestamp(us / 1000));
        let stamped = |time: &str| calendar.iso(time).map(|(at, _)| at).or_else(|| stamp::epoch(time));
        let at = realtime.or_else(|| self.time.0.and_then(|time| stamped(&time)));
        let program = self.program.0.unwrap_or_default();
        // rsyslog's `programname` may keep the colon or the process number.
        let program = match program.find(['[', ':']) {
            Some(end) => Cow::Owned(program[..end].to_owned()),
            None => program,
        };
        Found::Carried(Carried { at, host: self.host.0.unwrap_or_default(), program, text })
    }
}

/// A text or number as text; `None` when it is null or something else. A list of octets, as
/// journald writes what is no UTF-8, is a text; of other lists the first text counts.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyText).map(Text)
    }
}

struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let (mut bytes, mut first) = (Vec::new(), None);
        while let Some(item) = items.next_element::<Text<'de>>()? {
            if let Some(text) = item.0 {
                bytes.extend(text.parse::<u8>().ok());
                first = first.or(Some(text));
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(if bytes.is_empty() { first } else { Some(Cow::Owned(text)) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
