//! Reading one answer of a name server: the CNAMEs, and the records at their end.

use crate::{Failure, Kind, Mx, Record, Soa, Srv, Tlsa};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::time::Duration;

/// How far one answer leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// To the end.
    Records { records: Vec<Record>, owner: Name, ttl: u32, hops: usize },
    /// To a CNAME whose target has to be asked for.
    Alias { owner: Name, ttl: u32, hops: usize },
}

impl Found {
    pub(super) fn hops(&self) -> usize {
        match self {
            Self::Records { hops, .. } | Self::Alias { hops, .. } => *hops,
        }
    }

    pub(super) fn ttl(&self) -> u32 {
        match self {
            Self::Records { ttl, .. } | Self::Alias { ttl, .. } => *ttl,
        }
    }
}

/// Follows an answer from the name asked for. Records that the chain does not lead to are
/// passed over: a name server has no say on them here.
pub(super) fn follow(message: &Message, asked: &Name, kind: Kind) -> Result<Found, Failure> {
    let wanted = record_type(kind);
    let mut owner = asked.clone();
    let mut ttl = u32::MAX;
    let mut hops = 0;
    // Each CNAME of the answer is taken at most once, so a circle ends as well.
    while let Some((target, alias_ttl)) = alias(message, &owner).filter(|_| kind != Kind::Cname) {
        if hops == message.answers.len() {
            return Err(Failure::Malformed(format!("the CNAMEs of {} lead in a circle", shown(asked))));
        }
        owner = target;
        ttl = ttl.min(alias_ttl);
        hops += 1;
    }
    let mut records = Vec::new();
    for record in message.answers.iter().filter(|r| r.record_type() == wanted && r.name == owner) {
        if let Some(value) = value(&record.data) {
            records.push(value);
            ttl = ttl.min(record.ttl);
        }
    }
    if !records.is_empty() {
        return Ok(Found::Records { records, owner, ttl, hops });
    }
    // RFC 6604 §3: with CNAMEs, the response code speaks of the end of the chain.
    match message.metadata.response_code {
        ResponseCode::NXDomain => Err(Failure::NoSuchDomain { ttl: absence_ttl(message).min(seconds(ttl)) }),
        _ if hops > 0 && !message.authorities.iter().any(|r| r.record_type() == RecordType::SOA) => {
            Ok(Found::Alias { owner, ttl, hops })
        }
        _ => Err(Failure::NoData { ttl: absence_ttl(message).min(seconds(ttl)) }),
    }
}

fn alias(message: &Message, owner: &Name) -> Option<(Name, u32)> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if record.name == *owner => Some((target.0.clone(), record.ttl)),
        _ => None,
    })
}

/// RFC 2308 §5: the lesser of the SOA's own TTL and its minimum field.
fn absence_ttl(message: &Message) -> Duration {
    let soa = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    seconds(soa.unwrap_or(0))
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn value(data: &RData) -> Option<Record> {
    Some(match data {
        RData::A(ip) => Record::A(ip.0),
        RData::AAAA(ip) => Record::Aaaa(ip.0),
        RData::MX(mx) => Record::Mx(Mx { preference: mx.preference, exchange: shown(&mx.exchange) }),
        RData::TXT(txt) => Record::Txt(String::from_utf8_lossy(&txt.txt_data.concat()).into()),
        RData::PTR(name) => Record::Ptr(shown(&name.0)),
        RData::NS(name) => Record::Ns(shown(&name.0)),
        RData::CNAME(name) => Record::Cname(shown(&name.0)),
        RData::TLSA(tlsa) => Record::Tlsa(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.as_slice().into(),
        }),
        RData::SRV(srv) => {
            Record::Srv(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: shown(&srv.target) })
        }
        RData::SOA(soa) => Record::Soa(Soa {
            primary: shown(&soa.mname),
            mailbox: shown(&soa.rname),
            serial: soa.serial,
            minimum: soa.minimum,
        }),
        _ => return None,
    })
}

pub(super) const fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Ptr => RecordType::PTR,
        Kind::Tlsa => RecordType::TLSA,
        Kind::Ns => RecordType::NS,
        Kind::Soa => RecordType::SOA,
        Kind::Srv => RecordType::SRV,
        Kind::Cname => RecordType::CNAME,
    }
}

/// A name as we write it.
pub(super) fn shown(name: &Name) -> Box<str> {
    if name.is_root() {
        return ".".into();
    }
    let mut text = name.to_ascii();
    text.make_ascii_lowercase();
    if text.ends_with('.') {
        text.pop();
    }
    text.into()
}

/// A name to ask for; it is absolute, with or without a dot at its end.
pub(super) fn parsed(name: &str) -> Result<Name, Failure> {
    let reject = |why: String| Failure::Malformed(format!("not a domain name: {name:?}{why}"));
    if name.is_empty() {
        return Err(reject(String::new()));
    }
    let mut parsed = Name::from_ascii(name).map_err(|error| reject(format!(": {error}")))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::{OpCode, Query};
    use hickory_resolver::proto::rr::Record as Wire;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, SOA};

    fn name(text: &str) -> Name {
        parsed(text).unwrap()
    }

    /// A message from lines such as `a.test CNAME b.test`, `b.test A`, `test SOA`, `NXDOMAIN`.
    fn message(lines: &[&str]) -> Message {
        let mut message = Message::response(1, OpCode::Query);
        message.add_query(Query::query(name("a.test"), RecordType::A));
        for line in lines {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["NXDOMAIN"] => message.metadata.response_code = ResponseCode::NXDomain,
                [owner, "A"] => {
                    message.add_answer(Wire::from_rdata(name(owner), 60, RData::A(A::new(192, 0, 2, 1))));
                }
                [owner, "CNAME", target] => {
                    message.add_answer(Wire::from_rdata(name(owner), 30, RData::CNAME(CNAME(name(target)))));
                }
                [owner, "SOA"] => {
                    let soa = SOA::new(name("ns.test"), name("h.test"), 1, 2, 3, 4, 20);
                    message.add_authority(Wire::from_rdata(name(owner), 90, RData::SOA(soa)));
                }
                other => panic!("{other:?}"),
            }
        }
        message
    }

    #[test]
    fn answers_and_how_far_they_lead() {
        let table: &[(&[&str], &str)] = &[
            (&["a.test A"], "found at a.test. for 60 after 0"),
            (&["A.Test A"], "found at a.test. for 60 after 0"),
            (&["a.test CNAME b.test", "b.test A"], "found at b.test. for 30 after 1"),
            (&["c.test A", "b.test CNAME c.test", "a.test CNAME b.test"], "found at c.test. for 30 after 2"),
            (&["a.test CNAME b.test"], "ask b.test. for 30 after 1"),
            (&["a.test CNAME b.test", "x.test A"], "ask b.test. for 30 after 1"),
            (&["x.test A"], "no record of this type for 0"),
            (&["test SOA"], "no record of this type for 20"),
            (&["a.test CNAME b.test", "test SOA"], "no record of this type for 20"),
            (&["a.test CNAME b.test", "test SOA", "NXDOMAIN"], "no such domain for 20"),
            (&["a.test CNAME b.test", "b.test CNAME a.test"], "circle"),
            (&["a.test CNAME a.test"], "circle"),
        ];
        for (lines, want) in table {
            let got = match follow(&message(lines), &name("a.test"), Kind::A) {
                Ok(Found::Records { owner, ttl, hops, .. }) => {
                    format!("found at {} for {ttl} after {hops}", owner.to_lowercase())
                }
                Ok(Found::Alias { owner, ttl, hops }) => format!("ask {owner} for {ttl} after {hops}"),
                Err(Failure::Malformed(_)) => "circle".into(),
                Err(failure) => format!("{failure} for {}", failure.ttl().unwrap().as_secs()),
            };
            assert_eq!(got, *want, "{lines:?}");
        }
    }

    #[test]
    fn an_alias_is_not_followed_when_it_is_what_was_asked_for() {
        let found = follow(&message(&["a.test CNAME b.test", "b.test A"]), &name("a.test"), Kind::Cname);
        let records = vec![Record::Cname("b.test".into())];
        assert_eq!(found, Ok(Found::Records { records, owner: name("a.test"), ttl: 30, hops: 0 }));
    }

    #[test]
    fn names_that_cannot_be_asked_for() {
        for text in ["", "a..test", &"x".repeat(64), &"a.".repeat(200)] {
            assert!(matches!(parsed(text), Err(Failure::Malformed(_))), "{text:?}");
        }
        assert_eq!(shown(&name("_25._TCP.Mx.Test")).as_ref(), "_25._tcp.mx.test");
        assert_eq!(shown(&Name::root()).as_ref(), ".");
    }
}
