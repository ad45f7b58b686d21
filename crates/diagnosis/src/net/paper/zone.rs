//! A zone's text, and the answers a server makes of it (RFC 1034 §4.3.2).

use crate::dns::names::{is_under, parent_of, plain};
use crate::net::{Ask, query};
use bytes::Bytes;
use domain::base::iana::{Class, OptRcode, Rcode, Rtype};
use domain::base::message_builder::AdditionalBuilder;
use domain::base::name::FlattenInto as _;
use domain::base::{Message, MessageBuilder, Name, Record};
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};
use std::str::FromStr as _;

/// A record of a zone.
pub(super) type Line = Record<Name<Bytes>, ZoneRecordData<Bytes, Name<Bytes>>>;

/// One copy of a zone.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) zone: String,
    pub(super) lines: Vec<Line>,
}

/// How a reply is bent.
pub(super) struct Shape {
    pub(super) code: Option<u8>,
    pub(super) authority: bool,
    pub(super) upward: bool,
    pub(super) truncated: bool,
    pub(super) edns: bool,
}

/// What goes into a reply.
#[derive(Default)]
struct Reply<'a> {
    code: u8,
    authoritative: bool,
    answer: Vec<Line>,
    authority: Vec<&'a Line>,
    additional: Vec<&'a Line>,
}

pub(super) fn name(text: &str) -> Name<Bytes> {
    Name::from_str(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn star(below: &str) -> String {
    if below == "." { "*".to_owned() } else { format!("*.{below}") }
}

pub(super) fn owner(line: &Line) -> String {
    plain(&line.owner().to_string())
}

impl Copy {
    pub(super) fn read(zone: &str, text: &str) -> Self {
        let mut file = Zonefile::from(format!("$TTL 300\n{text}\n").as_str());
        file.set_origin(name(zone));
        file.set_default_class(Class::IN);
        let mut lines: Vec<Line> = Vec::new();
        while let Some(entry) = file.next_entry().unwrap_or_else(|error| panic!("zone {zone}: {error}")) {
            if let Entry::Record(record) = entry {
                lines.push(record.flatten_into());
            }
        }
        Self { zone: zone.to_owned(), lines }
    }

    pub(super) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(super) fn at<'a>(&'a self, name: &'a str, kind: Rtype) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.rtype() == kind && owner(line) == name)
    }

    /// Whether a zone begins right below, as this one has it.
    pub(super) fn delegates(&self, child: &str) -> bool {
        child != self.zone && self.at(child, Rtype::NS).next().is_some()
    }

    /// The delegation a name lies in, if it does.
    pub(super) fn cut(&self, name: &str, kind: Rtype) -> Option<String> {
        let mut at = if kind == Rtype::DS { parent_of(name) } else { name.to_owned() };
        let mut found = None;
        while at != self.zone && is_under(&at, &self.zone) {
            if self.delegates(&at) {
                found = Some(at.clone());
            }
            at = parent_of(&at);
        }
        found
    }

    fn exists(&self, name: &str) -> bool {
        self.lines.iter().any(|line| is_under(&owner(line), name))
    }

    /// The records of a name and type with their signatures.
    fn with_signatures<'a>(&'a self, name: &'a str, kind: Rtype) -> impl Iterator<Item = &'a Line> {
        let signs = move |line: &&Line| match line.data() {
            ZoneRecordData::Rrsig(sig) => sig.type_covered() == kind && owner(line) == name,
            _ => false,
        };
        self.at(name, kind).chain(self.lines.iter().filter(signs))
    }

    /// The NSEC record that says what is at a name, or that nothing is.
    fn denial(&self, at: &str) -> Option<String> {
        let wanted = name(at);
        let nsecs = self.lines.iter().filter(|line| line.rtype() == Rtype::NSEC);
        let before =
            nsecs.filter(|line| line.owner().as_ref() as &[u8] == wanted.as_ref() as &[u8] || *line.owner() <= wanted);
        before.max_by(|a, b| a.owner().cmp(b.owner())).map(owner)
    }

    fn answer<'a>(&'a self, ask: &Ask, reply: &mut Reply<'a>) {
        if let Some(cut) = self.cut(&ask.name, ask.kind) {
            let ns: Vec<&Line> =
                self.lines.iter().filter(|line| line.rtype() == Rtype::NS && owner(line) == cut).collect();
            for line in &ns {
                if let ZoneRecordData::Ns(ns) = line.data() {
                    let host = plain(&ns.nsdname().to_string());
                    let glue = |line: &&Line| matches!(line.rtype(), Rtype::A | Rtype::AAAA) && owner(line) == host;
                    reply.additional.extend(self.lines.iter().filter(glue));
                }
            }
            reply.authority.extend(ns);
            self.deny_or_ds(&cut, reply);
            return;
        }
        reply.authoritative = true;
        let mut at = ask.name.clone();
        for _ in 0..8 {
            if !self.exists(&at) && !self.expand(&at, ask.kind, reply) {
                reply.code = 3;
                self.nothing(&at, reply);
                return;
            }
            let found: Vec<Line> = self.with_signatures(&at, ask.kind).cloned().collect();
            let alias: Vec<Line> = self.with_signatures(&at, Rtype::CNAME).cloned().collect();
            if !found.is_empty() || !self.exists(&at) {
                reply.answer.extend(found);
                if reply.answer.iter().all(|line| line.rtype() != ask.kind) {
                    self.nothing(&at, reply);
                }
                return;
            }
            let Some(ZoneRecordData::Cname(to)) = alias.first().map(|line| line.data().clone()) else {
                self.nothing(&at, reply);
                return;
            };
            reply.answer.extend(alias);
            at = plain(&to.cname().to_string());
            if !is_under(&at, &self.zone) || self.cut(&at, ask.kind).is_some() {
                return;
            }
        }
    }

    /// Makes records of a wildcard; whether there is one.
    fn expand(&self, at: &str, kind: Rtype, reply: &mut Reply<'_>) -> bool {
        let mut encloser = parent_of(at);
        while !self.exists(&encloser) {
            encloser = parent_of(&encloser);
        }
        let star = star(&encloser);
        if !self.exists(&star) {
            return false;
        }
        let made = self
            .with_signatures(&star, kind)
            .map(|line| Record::new(name(at), line.class(), line.ttl(), line.data().clone()));
        reply.answer.extend(made);
        true
    }

    fn deny_or_ds<'a>(&'a self, cut: &str, reply: &mut Reply<'a>) {
        let before = reply.authority.len();
        let ds = |line: &&Line| match line.data() {
            ZoneRecordData::Rrsig(sig) => sig.type_covered() == Rtype::DS && owner(line) == cut,
            _ => line.rtype() == Rtype::DS && owner(line) == cut,
        };
        reply.authority.extend(self.lines.iter().filter(ds));
        if reply.authority.len() == before {
            self.prove(cut, reply);
        }
    }

    fn nothing<'a>(&'a self, at: &str, reply: &mut Reply<'a>) {
        reply.authority.extend(self.lines.iter().filter(|line| {
            owner(line) == self.zone
                && match line.data() {
                    ZoneRecordData::Rrsig(sig) => sig.type_covered() == Rtype::SOA,
                    data => matches!(data, ZoneRecordData::Soa(_)),
                }
        }));
        self.prove(at, reply);
        self.prove(&star(&parent_of(at)), reply);
    }

    fn prove<'a>(&'a self, at: &str, reply: &mut Reply<'a>) {
        let Some(denial) = self.denial(at) else { return };
        reply.authority.extend(self.lines.iter().filter(|line| {
            owner(line) == denial
                && match line.data() {
                    ZoneRecordData::Rrsig(sig) => sig.type_covered() == Rtype::NSEC,
                    data => matches!(data, ZoneRecordData::Nsec(_)),
                }
        }));
    }
}

/// The message with which a server that has these zones answers.
pub(super) fn reply(zones: &[&Copy], ask: &Ask, shape: &Shape) -> Vec<u8> {
    let mut reply = Reply::default();
    let fits = |copy: &&&Copy| is_under(&ask.name, &copy.zone) && (ask.kind != Rtype::DS || copy.zone != ask.name);
    let zone = zones.iter().filter(fits).max_by_key(|copy| if copy.zone == "." { 0 } else { copy.zone.len() });
    match (shape.code, zone) {
        (Some(code), _) => reply.code = code,
        (None, Some(zone)) if !shape.upward => zone.answer(ask, &mut reply),
        (None, Some(_)) => {}
        (None, None) => reply.code = 5,
    }
    let up = Copy::read(".", ". NS a.root.");
    if shape.upward {
        reply.authority.extend(up.lines.iter());
    }
    write(&reply, ask, shape)
}

fn write(reply: &Reply<'_>, ask: &Ask, shape: &Shape) -> Vec<u8> {
    let question = query(ask, 7).unwrap();
    let question = Message::from_octets(question).unwrap();
    let mut message = MessageBuilder::new_vec().start_answer(&question, Rcode::masked_from_int(reply.code)).unwrap();
    message.header_mut().set_aa(reply.authoritative && shape.authority);
    message.header_mut().set_tc(shape.truncated);
    message.header_mut().set_ra(ask.recursion);
    let dnssec = ask.edns.is_some() && shape.edns;
    let shown = |line: &Line| dnssec || ask.kind == line.rtype() || !matches!(line.rtype(), Rtype::RRSIG | Rtype::NSEC);
    if !shape.truncated {
        for line in reply.answer.iter().filter(|line| shown(line)) {
            message.push(line).unwrap();
        }
    }
    let mut message = message.authority();
    if !shape.truncated {
        let mut seen: Vec<&Line> = Vec::new();
        for line in reply.authority.iter().copied().filter(|line| shown(line)) {
            if !seen.contains(&line) {
                message.push(line).unwrap();
                seen.push(line);
            }
        }
    }
    let mut message: AdditionalBuilder<Vec<u8>> = message.additional();
    if !shape.truncated {
        for line in &reply.additional {
            message.push(*line).unwrap();
        }
    }
    if dnssec {
        message
            .opt(|opt| {
                opt.set_udp_payload_size(1232);
                opt.set_rcode(OptRcode::from(Rcode::masked_from_int(reply.code)));
                Ok(())
            })
            .unwrap();
    }
    message.finish()
}
