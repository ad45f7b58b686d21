//! A resolver whose answers stand in a text: for tests, and for the name server of `world`.
//!
//! One line says one thing, in the manner of zone files:
//!
//! ```text
//! ; a comment
//! $TTL 300
//! example.test            MX     10 mx.example.test
//! mx.example.test    60   A      192.0.2.1
//! mx.example.test         AAAA   2001:db8::1
//! www.example.test        CNAME  example.test
//! example.test            TXT    "v=spf1 " "-all"
//! *.bulk.test             MX     10 mx.example.test
//! signed.test             SIGNED
//! gone.test               NXDOMAIN
//! broken.test             SERVFAIL
//! half.test               TIMEOUT AAAA
//! ```
//!
//! All names are absolute. `SIGNED`, and a fault without types, hold for a name and all below
//! it; a fault with types for that name alone. An unknown name does not exist. Look-ups never
//! wait: `TIMEOUT` fails at once, so that no test sleeps.
//!
//! Not here: `$ORIGIN`, `$INCLUDE`, records over several lines, other classes.

use crate::resolver::canonical;
use crate::{Answer, Failure, Kind, Looking, Mx, Record, Resolver, Soa, Srv, Tlsa};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

/// The TTL of records, and of absence without an SOA, when the text does not say.
const TTL_SECONDS: u32 = 300;
/// The most CNAMEs that are followed for one question.
pub(crate) const ALIASES_MAX: usize = 8;

/// Names and what is true of them. See the module for the text it is read from.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    nodes: HashMap<Box<str>, Node>,
    default_ttl: u32,
}

/// One name. It exists, be it only because a name below it does.
#[derive(Debug, Clone, Default)]
struct Node {
    records: Vec<(u32, Record)>,
    faults: Vec<(Fault, Vec<Kind>)>,
    signed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    NxDomain,
    NoData,
    ServFail,
    Refused,
    Timeout,
}

/// A CNAME on the way to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name that is an alias.
    pub owner: Box<str>,
    /// What it is an alias of.
    pub target: Box<str>,
    /// How long that stays true, in seconds.
    pub ttl: u32,
}

/// What a zone says to one question, as a name server needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The CNAMEs that were followed, in their order.
    pub aliases: Vec<Alias>,
    /// The name at their end.
    pub owner: Box<str>,
    /// The records of that name with their TTL in seconds, at least one; or why there are none.
    pub end: Result<Vec<(u32, Record)>, Failure>,
    /// Whether all of it is signed.
    pub authentic: bool,
}

/// Why a text is not a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ZoneError {
    /// Which line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Zone {
    /// Reads a zone from text.
    ///
    /// ```
    /// use postrider_dns::Zone;
    /// assert!(Zone::parse("example.test MX 10 mx.example.test").is_ok());
    /// let error = Zone::parse("\nexample.test MX ten mx.example.test").unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: MX wants a preference from 0 to 65535: ten");
    /// ```
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Self { nodes: HashMap::new(), default_ttl: TTL_SECONDS };
        for (index, line) in text.lines().enumerate() {
            zone.line(line).map_err(|what| ZoneError { line: index + 1, what })?;
        }
        Ok(zone)
    }

    /// What the zone says to a question.
    pub fn read(&self, name: &str, kind: Kind) -> Reading {
        let mut owner: Box<str> = canonical(name).into();
        let mut aliases = Vec::new();
        let mut authentic = true;
        loop {
            authentic &= self.is_signed(&owner);
            let found = self.records(&owner, kind);
            let alias = match &found {
                Ok(records) if kind != Kind::Cname => records.iter().find_map(|(ttl, record)| match record {
                    Record::Cname(target) => Some(Alias { owner: owner.clone(), target: target.clone(), ttl: *ttl }),
                    _ => None,
                }),
                _ => None,
            };
            let Some(alias) = alias else {
                return Reading { aliases, owner, end: found, authentic };
            };
            if aliases.len() == ALIASES_MAX {
                let end = Err(Failure::Malformed(format!("more than {ALIASES_MAX} CNAMEs in a chain")));
                return Reading { aliases, owner, end, authentic };
            }
            owner.clone_from(&alias.target);
            aliases.push(alias);
        }
    }

    /// The records of one name: those of the type, or else its CNAME.
    fn records(&self, name: &str, kind: Kind) -> Result<Vec<(u32, Record)>, Failure> {
        for above in with_ancestors(name) {
            if let Some(fault) = self.fault(above, |kinds| kinds.is_empty()) {
                return Err(self.failure(fault, name));
            }
        }
        let Some(node) = self.nodes.get(name).or_else(|| self.wildcard(name)) else {
            return Err(Failure::NoSuchDomain { ttl: self.negative_ttl(name) });
        };
        if let Some(fault) = self.fault(name, |kinds| kinds.contains(&kind)) {
            return Err(self.failure(fault, name));
        }
        let of_kind = |kind| node.records.iter().filter(move |(_, record)| record.kind() == kind).cloned();
        let mut records: Vec<_> = of_kind(kind).collect();
        if records.is_empty() {
            records.extend(of_kind(Kind::Cname));
        }
        if records.is_empty() { Err(Failure::NoData { ttl: self.negative_ttl(name) }) } else { Ok(records) }
    }

    /// RFC 4592 §3.3.1: the wildcard below the closest name that exists, and no other.
    fn wildcard(&self, name: &str) -> Option<&Node> {
        let closest = with_ancestors(name).skip(1).find(|above| self.nodes.contains_key(*above))?;
        self.nodes.get(format!("*.{closest}").as_str())
    }

    fn fault(&self, name: &str, holds: impl Fn(&[Kind]) -> bool) -> Option<Fault> {
        let node = self.nodes.get(name)?;
        node.faults.iter().find(|(_, kinds)| holds(kinds)).map(|(fault, _)| *fault)
    }

    fn failure(&self, fault: Fault, name: &str) -> Failure {
        let ttl = self.negative_ttl(name);
        match fault {
            Fault::NxDomain => Failure::NoSuchDomain { ttl },
            Fault::NoData => Failure::NoData { ttl },
            Fault::ServFail => Failure::ServFail("SERVFAIL in the zone".into()),
            Fault::Refused => Failure::Refused("REFUSED in the zone".into()),
            Fault::Timeout => Failure::Timeout("TIMEOUT in the zone".into()),
        }
    }

    /// RFC 2308 §4: absence lasts as long as the SOA above says.
    fn negative_ttl(&self, name: &str) -> Duration {
        let soa = with_ancestors(name).find_map(|above| {
            self.nodes.get(above)?.records.iter().find_map(|(ttl, record)| match record {
                Record::Soa(soa) => Some(soa.minimum.min(*ttl)),
                _ => None,
            })
        });
        Duration::from_secs(soa.unwrap_or(self.default_ttl).into())
    }

    fn is_signed(&self, name: &str) -> bool {
        with_ancestors(name).any(|above| self.nodes.get(above).is_some_and(|node| node.signed))
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let line = without_comment(line).trim();
        if line.is_empty() {
            return Ok(());
        }
        let (name, rest) = word(line);
        if name.eq_ignore_ascii_case("$TTL") {
            self.default_ttl = number(rest, "$TTL wants seconds")?;
            return Ok(());
        }
        let name = checked_name(name)?;
        let (ttl, rest) = match word(rest) {
            (first, rest) if first.bytes().all(|b| b.is_ascii_digit()) && !first.is_empty() => {
                (number(first, "a TTL is in seconds")?, rest)
            }
            _ => (self.default_ttl, rest),
        };
        let (what, data) = word(rest);
        let node = self.node(&name);
        if what.eq_ignore_ascii_case("SIGNED") {
            node.signed = true;
        } else if let Some(fault) = fault(what) {
            let kinds = data.split_whitespace().map(Kind::from_str).collect::<Result<_, _>>();
            node.faults.push((fault, kinds.map_err(|error| error.to_string())?));
        } else {
            let kind: Kind = what.parse().map_err(|error: crate::record::NotAKind| error.to_string())?;
            node.records.push((ttl, record(kind, data)?));
        }
        Ok(())
    }

    /// The node of that name; those above it come to exist as well (RFC 4592 §2.2.2).
    fn node(&mut self, name: &str) -> &mut Node {
        for above in with_ancestors(name).skip(1) {
            if !self.nodes.contains_key(above) {
                self.nodes.insert(above.into(), Node::default());
            }
        }
        self.nodes.entry(name.into()).or_default()
    }
}

impl Resolver for Zone {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        Box::pin(async move {
            let Reading { aliases, owner, end, authentic } = self.read(name, kind);
            let records = end?;
            let ttls = aliases.iter().map(|alias| alias.ttl).chain(records.iter().map(|(ttl, _)| *ttl));
            let ttl = Duration::from_secs(ttls.min().unwrap_or(0).into());
            let records = records.into_iter().map(|(_, record)| record).collect();
            Ok(Answer { records, ttl, authentic, canonical: (!aliases.is_empty()).then_some(owner) })
        })
    }
}

fn fault(word: &str) -> Option<Fault> {
    let table = [
        ("NXDOMAIN", Fault::NxDomain),
        ("NODATA", Fault::NoData),
        ("SERVFAIL", Fault::ServFail),
        ("REFUSED", Fault::Refused),
        ("TIMEOUT", Fault::Timeout),
    ];
    table.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, fault)| fault)
}

fn record(kind: Kind, data: &str) -> Result<Record, String> {
    let (first, rest) = word(data);
    Ok(match kind {
        Kind::A => Record::A(first.parse().map_err(|_| format!("A wants an IPv4 address: {first}"))?),
        Kind::Aaaa => Record::Aaaa(first.parse().map_err(|_| format!("AAAA wants an IPv6 address: {first}"))?),
        Kind::Mx => {
            let preference = number(first, "MX wants a preference from 0 to 65535")?;
            Record::Mx(Mx { preference, exchange: checked_name(rest)? })
        }
        Kind::Txt => Record::Txt(strings(data)?),
        Kind::Ptr => Record::Ptr(checked_name(data)?),
        Kind::Ns => Record::Ns(checked_name(data)?),
        Kind::Cname => Record::Cname(checked_name(data)?),
        Kind::Tlsa => Record::Tlsa(tlsa(data)?),
        Kind::Soa => Record::Soa(soa(data)?),
        Kind::Srv => Record::Srv(srv(data)?),
    })
}

fn tlsa(data: &str) -> Result<Tlsa, String> {
    let wants = "TLSA wants usage, selector, matching type, and hex digits";
    let words: Vec<&str> = data.split_whitespace().collect();
    let [usage, selector, matching, hex @ ..] = words.as_slice() else {
        return Err(format!("{wants}: {data}"));
    };
    let hex = hex.concat();
    let octet = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let octets: Option<Box<[u8]>> = (0..hex.len()).step_by(2).map(octet).collect();
    Ok(Tlsa {
        usage: number(usage, wants)?,
        selector: number(selector, wants)?,
        matching: number(matching, wants)?,
        data: octets.ok_or_else(|| format!("{wants}: {data}"))?,
    })
}

fn srv(data: &str) -> Result<Srv, String> {
    let wants = "SRV wants priority, weight, port, target";
    let words: Vec<&str> = data.split_whitespace().collect();
    let [priority, weight, port, target] = words.as_slice() else {
        return Err(format!("{wants}: {data}"));
    };
    Ok(Srv {
        priority: number(priority, wants)?,
        weight: number(weight, wants)?,
        port: number(port, wants)?,
        target: checked_name(target)?,
    })
}

fn soa(data: &str) -> Result<Soa, String> {
    let wants = "SOA wants primary, mailbox, serial, refresh, retry, expire, minimum";
    let words: Vec<&str> = data.split_whitespace().collect();
    let [primary, mailbox, serial, _refresh, _retry, _expire, minimum] = words.as_slice() else {
        return Err(format!("{wants}: {data}"));
    };
    Ok(Soa {
        primary: checked_name(primary)?,
        mailbox: checked_name(mailbox)?,
        serial: number(serial, wants)?,
        minimum: number(minimum, wants)?,
    })
}

/// Quoted strings, joined; or the bare rest of the line.
fn strings(data: &str) -> Result<Box<str>, String> {
    if !data.starts_with('"') {
        return Ok(data.into());
    }
    let parts: Vec<&str> = data.split('"').collect();
    // Quoted parts stand at odd places, and only blanks between them.
    if parts.len().is_multiple_of(2) || parts.iter().step_by(2).any(|between| !between.trim().is_empty()) {
        return Err(format!("TXT has a quotation mark without its other half: {data}"));
    }
    Ok(parts.iter().skip(1).step_by(2).copied().collect::<String>().into())
}

/// A comment begins at `;` or `#` at the start of a word, outside of quotation marks.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ';' | '#' if !quoted && before.is_whitespace() => return &line[..at],
            _ => {}
        }
        before = c;
    }
    line
}

fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn number<T: FromStr>(text: &str, wants: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("{wants}: {}", text.trim()))
}

fn checked_name(text: &str) -> Result<Box<str>, String> {
    let name = canonical(text.trim());
    let fits = name == "."
        || name.len() <= 253
            && name
                .split('.')
                .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_graphic()));
    if fits { Ok(name.into()) } else { Err(format!("not a domain name: {:?}", text.trim())) }
}

/// A name and the names above it, the root left out.
fn with_ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above)).filter(|n| !n.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        ; what is asked below
        $TTL 3600
        example.test          SOA    ns.example.test hostmaster.example.test 7 1 1 1 90
        example.test          MX     10 MX.Example.Test.
        example.test    60    MX     20 backup.example.test
        example.test          TXT    "v=spf1 " "a ; no comment -all"   ; a comment
        mx.example.test       A      192.0.2.1
        mx.example.test       AAAA   2001:db8::1
        alias.example.test 30 CNAME  further.example.test
        further.example.test  CNAME  mx.example.test
        lost.example.test     CNAME  nowhere.test
        loop.test             CNAME  loop.test
        deep.down.test        A      192.0.2.2
        *.bulk.test           MX     0 mx.example.test
        own.bulk.test         A      192.0.2.3
        null.test             MX     0 .
        signed.test           SIGNED
        signed.test           CNAME  mx.signed.test
        mx.signed.test        A      192.0.2.4
        out.signed.test       CNAME  mx.example.test
        _25._tcp.mx.signed.test TLSA 3 1 1 00ff 10
        _imaps._tcp.signed.test SRV 0 5 993 mail.signed.test
        gone.test             NXDOMAIN
        broken.test           SERVFAIL
        shut.test             REFUSED
        slow.test             TIMEOUT
        half.test             A      192.0.2.5
        half.test             TIMEOUT AAAA TLSA
        7.2.0.192.in-addr.arpa PTR   mx.example.test
    "#;

    /// The answer in one line, as the tables below have it.
    fn ask(name: &str, kind: Kind) -> String {
        let zone = Zone::parse(TEXT).unwrap();
        let look = async { zone.look_up(name, kind).await };
        let result = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(look);
        match result {
            Ok(Answer { records, ttl, authentic, canonical }) => {
                let records: Vec<String> = records.iter().map(shown).collect();
                let authentic = if authentic { " signed" } else { "" };
                let canonical = canonical.map(|name| format!(" at {name}")).unwrap_or_default();
                format!("{} for {}{canonical}{authentic}", records.join(", "), ttl.as_secs())
            }
            Err(failure) => failure.ttl().map_or(failure.to_string(), |ttl| format!("{failure} for {}", ttl.as_secs())),
        }
    }

    fn shown(record: &Record) -> String {
        match record {
            Record::A(ip) => ip.to_string(),
            Record::Aaaa(ip) => ip.to_string(),
            Record::Mx(mx) => format!("{} {}", mx.preference, mx.exchange),
            Record::Txt(text) => text.to_string(),
            Record::Ptr(name) | Record::Ns(name) | Record::Cname(name) => name.to_string(),
            Record::Srv(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target),
            Record::Tlsa(tlsa) => format!("{}{}{} {:02x?}", tlsa.usage, tlsa.selector, tlsa.matching, tlsa.data),
            Record::Soa(soa) => format!("{} {} {} {}", soa.primary, soa.mailbox, soa.serial, soa.minimum),
        }
    }

    #[test]
    fn questions_and_what_the_zone_says() {
        let table = [
            ("example.test", Kind::Mx, "10 mx.example.test, 20 backup.example.test for 60"),
            ("EXAMPLE.test.", Kind::Txt, "v=spf1 a ; no comment -all for 3600"),
            ("example.test", Kind::Soa, "ns.example.test hostmaster.example.test 7 90 for 3600"),
            ("mx.example.test", Kind::Aaaa, "2001:db8::1 for 3600"),
            ("alias.example.test", Kind::A, "192.0.2.1 for 30 at mx.example.test"),
            ("alias.example.test", Kind::Cname, "further.example.test for 30"),
            ("7.2.0.192.in-addr.arpa", Kind::Ptr, "mx.example.test for 3600"),
            ("any.bulk.test", Kind::Mx, "0 mx.example.test for 3600"),
            ("any.thing.bulk.test", Kind::Mx, "0 mx.example.test for 3600"),
            ("null.test", Kind::Mx, "0 . for 3600"),
            ("mx.signed.test", Kind::A, "192.0.2.4 for 3600 signed"),
            ("signed.test", Kind::A, "192.0.2.4 for 3600 at mx.signed.test signed"),
            ("out.signed.test", Kind::A, "192.0.2.1 for 3600 at mx.example.test"),
            ("_25._tcp.mx.signed.test", Kind::Tlsa, "311 [00, ff, 10] for 3600 signed"),
            ("_imaps._tcp.signed.test", Kind::Srv, "0 5 993 mail.signed.test for 3600 signed"),
            ("half.test", Kind::A, "192.0.2.5 for 3600"),
        ];
        for (name, kind, want) in table {
            assert_eq!(ask(name, kind), want, "{name} {kind}");
        }
    }

    #[test]
    fn questions_without_an_answer_and_why() {
        let table = [
            ("mx.example.test", Kind::Mx, "no record of this type for 90"),
            ("down.test", Kind::A, "no record of this type for 3600"),
            ("own.bulk.test", Kind::Mx, "no record of this type for 3600"),
            ("nobody.example.test", Kind::A, "no such domain for 90"),
            ("nowhere.test", Kind::A, "no such domain for 3600"),
            ("lost.example.test", Kind::A, "no such domain for 3600"),
            ("below.gone.test", Kind::A, "no such domain for 3600"),
            ("broken.test", Kind::Mx, "the name server failed: SERVFAIL in the zone"),
            ("_dmarc.broken.test", Kind::Txt, "the name server failed: SERVFAIL in the zone"),
            ("shut.test", Kind::Mx, "the name server refuses to answer: REFUSED in the zone"),
            ("slow.test", Kind::Mx, "no name server answered: TIMEOUT in the zone"),
            ("half.test", Kind::Aaaa, "no name server answered: TIMEOUT in the zone"),
            ("loop.test", Kind::A, "the look-up makes no sense: more than 8 CNAMEs in a chain"),
        ];
        for (name, kind, want) in table {
            assert_eq!(ask(name, kind), want, "{name} {kind}");
        }
    }

    #[test]
    fn lines_that_are_wrong_and_what_is_said() {
        let table = [
            ("a.test", "not a record type we know: ; known are A, AAAA, MX, TXT, PTR, TLSA, NS, SOA, SRV, CNAME"),
            (
                "a.test HINFO x",
                "not a record type we know: HINFO; known are A, AAAA, MX, TXT, PTR, TLSA, NS, SOA, SRV, CNAME",
            ),
            ("a.test A 1.2.3", "A wants an IPv4 address: 1.2.3"),
            ("a.test AAAA 1.2.3.4", "AAAA wants an IPv6 address: 1.2.3.4"),
            ("a.test MX 70000 b.test", "MX wants a preference from 0 to 65535: 70000"),
            ("a.test MX 10", "not a domain name: \"\""),
            ("a..test A 1.2.3.4", "not a domain name: \"a..test\""),
            ("a.test TXT \"half", "TXT has a quotation mark without its other half: \"half"),
            ("a.test TLSA 3 1 1 0f0", "TLSA wants usage, selector, matching type, and hex digits: 3 1 1 0f0"),
            ("a.test SOA x y 1", "SOA wants primary, mailbox, serial, refresh, retry, expire, minimum: x y 1"),
            (
                "a.test SERVFAIL XX",
                "not a record type we know: XX; known are A, AAAA, MX, TXT, PTR, TLSA, NS, SOA, SRV, CNAME",
            ),
            ("$TTL soon", "$TTL wants seconds: soon"),
        ];
        for (line, want) in table {
            assert_eq!(Zone::parse(line).unwrap_err(), ZoneError { line: 1, what: want.into() }, "{line:?}");
        }
    }
}
