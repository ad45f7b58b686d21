//! A zone as each of its name servers serves it.
//!
//! First the way from the root to the zone, then every server, on every address, by UDP and
//! TCP, with every name that mail needs. Nothing is judged here.

use super::names::{Cut, Names, Server, cut_of, is_under, parent_of};
use super::packet::{Data, Packet, Rr};
use crate::net::{Ask, Silence, Transport};
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Servers that are looked at; more are told as such.
const SERVERS_MAX: usize = 16;
/// Referrals followed.
const STEPS_MAX: usize = 24;
/// How long an answer without EDNS may take, after there was none with it.
const PLAIN_LIMIT: Duration = Duration::from_millis(600);
/// A label that nobody has.
pub const RANDOM_LABEL: &str = "zq7x-no-such-name";

/// One answer, or why there is none.
pub type Heard = Result<Packet, Silence>;

/// One step on the way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The zone whose server was asked.
    pub zone: String,
    /// The server.
    pub server: IpAddr,
    /// The zone it sent us on to; `None` at the end.
    pub to: Option<String>,
    /// How long the step took.
    pub took: Duration,
}

/// Why the way down came to no zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostWay {
    /// The servers of a zone above do not answer from here: nothing is known of the domain.
    Above(String),
    /// The zone above says that there is no such domain; the zone that says so.
    NoSuchDomain(String),
    /// The domain is delegated, and none of its servers has it or answers.
    Dead(Vec<(SocketAddr, String)>),
    /// A delegation without a server that has an address.
    NoServer,
}

/// A question that every server is asked.
pub type Question = (String, Rtype);

/// One server, on one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NsFacts {
    /// Its name; several where addresses are shared are told by the first.
    pub name: String,
    /// The address asked.
    pub ip: IpAddr,
    /// Whether the zone above names it.
    pub in_parent: bool,
    /// Whether the zone itself names it.
    pub in_child: bool,
    /// Its SOA by UDP.
    pub udp: Heard,
    /// How long that took.
    pub took: Duration,
    /// Its SOA by TCP.
    pub tcp: Heard,
    /// Its SOA by UDP without EDNS; asked when there was no use in the answer with EDNS.
    pub plain: Option<Heard>,
    /// What else it was asked, by UDP, and by TCP where that did not fit.
    pub answers: BTreeMap<Question, Heard>,
    /// Questions to which it gives one answer and then another: it spreads load.
    pub varies: BTreeSet<Question>,
    /// Whether the address is known from glue alone, while the zone has others for this server.
    pub stray: bool,
}

impl NsFacts {
    /// A server of that zone, in a laboratory, that says nothing but its SOA and these answers.
    #[cfg(test)]
    pub(crate) fn in_test(zone: &str, answers: impl IntoIterator<Item = (Question, Heard)>) -> Self {
        let soa = Packet::soa_of(zone);
        Self {
            name: format!("ns1.{zone}"),
            ip: [127, 53, 0, 1].into(),
            in_parent: true,
            in_child: true,
            udp: Ok(soa.clone()),
            took: Duration::ZERO,
            tcp: Ok(soa),
            plain: None,
            answers: answers.into_iter().collect(),
            varies: BTreeSet::new(),
            stray: false,
        }
    }

    /// Whether it serves the zone, by UDP or TCP.
    pub fn serves(&self) -> bool {
        let heard = [Some(&self.udp), Some(&self.tcp), self.plain.as_ref()];
        heard.into_iter().flatten().any(serves)
    }

    /// The serial of its copy of the zone.
    pub fn serial(&self) -> Option<u32> {
        [&self.udp, &self.tcp].into_iter().flatten().flat_map(|packet| packet.of(Rtype::SOA)).find_map(|rr| {
            match rr.data {
                Data::Soa { serial, .. } => Some(serial),
                _ => None,
            }
        })
    }

    /// What it says of a name and type.
    pub fn answer(&self, name: &str, kind: Rtype) -> Option<&Packet> {
        self.answers.get(&(name.to_owned(), kind)).and_then(|heard| heard.as_ref().ok())
    }
}

/// Whether an answer for the SOA is that of a server that has the zone.
pub(crate) fn serves(heard: &Heard) -> bool {
    heard
        .as_ref()
        .is_ok_and(|packet| packet.authoritative && packet.rcode == 0 && packet.of(Rtype::SOA).next().is_some())
}

/// Whether one serial is newer than another (RFC 1982 §3.2).
pub fn is_newer(one: u32, other: u32) -> bool {
    one != other && one.wrapping_sub(other) < 0x8000_0000
}

/// A zone, looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The domain that was asked about.
    pub domain: String,
    /// The zone it lies in.
    pub zone: String,
    /// The zone above that one.
    pub parent: String,
    /// The way down.
    pub steps: Vec<Step>,
    /// Why the way ended before a zone.
    pub lost: Option<LostWay>,
    /// What the zone above says: servers, and the glue for them. Empty when one server has both.
    pub delegation: Vec<Server>,
    /// DS records in the zone above.
    pub ds: Vec<Rr>,
    /// Whether the question for DS was answered.
    pub ds_known: bool,
    /// What the zone itself says: servers with their addresses as found.
    pub own_servers: Vec<Server>,
    /// Each server on each address.
    pub servers: Vec<NsFacts>,
    /// Servers that have no address at all.
    pub homeless: Vec<String>,
    /// Servers that were left out, as there were too many.
    pub left_out: usize,
}

impl Survey {
    /// The servers that serve the zone.
    pub fn serving(&self) -> impl Iterator<Item = &NsFacts> {
        self.servers.iter().filter(|server| server.serves())
    }

    /// The newest serial among the servers.
    pub fn newest(&self) -> Option<u32> {
        self.serving().filter_map(NsFacts::serial).reduce(|one, other| if is_newer(other, one) { other } else { one })
    }

    /// What most servers with the newest copy of the zone say of a name and type; `None` when
    /// none of them said anything.
    pub fn agreed(&self, name: &str, kind: Rtype) -> Option<Vec<Rr>> {
        let newest = self.newest();
        self.most(name, kind, |server| server.serial() == newest).or_else(|| self.most(name, kind, |_| true))
    }

    fn most(&self, name: &str, kind: Rtype, counts: impl Fn(&NsFacts) -> bool) -> Option<Vec<Rr>> {
        let mut votes: BTreeMap<Vec<Data>, (usize, Vec<Rr>)> = BTreeMap::new();
        for server in self.serving().filter(|server| counts(server)) {
            let Some(packet) = server.answer(name, kind).filter(|packet| matches!(packet.rcode, 0 | 3)) else {
                continue;
            };
            let records: Vec<Rr> = packet.of(kind).cloned().collect();
            let mut key: Vec<Data> = records.iter().map(|rr| rr.data.clone()).collect();
            key.sort();
            votes.entry(key).or_insert((0, records)).0 += 1;
        }
        votes.into_values().max_by_key(|(count, _)| *count).map(|(_, records)| records)
    }
}

/// Goes down to the zone of a domain and looks at its servers. `more` are further names of it
/// that mail needs.
pub async fn survey(names: &Names, domain: &str, more: &[Question]) -> Survey {
    let mut survey = Survey { domain: domain.to_owned(), ..Survey::default() };
    let mut way = descend(names, &mut survey).await;
    if way.is_none() && matches!(survey.lost, Some(LostWay::Above(_))) {
        way = by_resolver(names, domain).await;
    }
    let Some((cut, apex)) = way else { return survey };
    // Without a way from the root, what the resolver names is believed only when it answers.
    let above = survey.lost.take_if(|lost| matches!(lost, LostWay::Above(_)));
    survey.zone = apex.clone();
    names.examine(&apex);
    if cut.zone == apex && above.is_none() {
        survey.delegation.clone_from(&cut.servers);
    }
    // Of a zone without a living server nobody can say which servers it has.
    let dead = survey.lost.is_some();
    let own = async { if dead { Vec::new() } else { own_servers(names, &cut, &apex).await } };
    let (ds, own) = tokio::join!(delegation_signer(names, &apex), own);
    (survey.ds, survey.ds_known) = ds;
    survey.own_servers = own;
    look(names, &mut survey, &cut, more).await;
    match above {
        Some(above) if survey.serving().next().is_none() => {
            Survey { domain: survey.domain, lost: Some(above), ..Survey::default() }
        }
        _ => survey,
    }
}

/// The zone of a domain and its servers as the resolver knows them, where the root does not
/// answer from here: a network in which only some servers can be asked.
async fn by_resolver(names: &Names, domain: &str) -> Option<(Cut, String)> {
    let mut apex = domain.to_owned();
    // A top-level domain is nobody's mail domain.
    while apex.contains('.') {
        let found = names.recurse(&apex, Rtype::NS).await;
        if !found.all().is_empty() {
            let mut cut = cut_of(&apex, found.all(), &[]);
            for server in &mut cut.servers {
                let found = names.recurse(&server.name, Rtype::A).await;
                server.ips = found.all().iter().filter_map(|rr| rr.data.address()).collect();
            }
            names.know(&cut);
            return Some((cut, apex));
        }
        apex = parent_of(&apex);
    }
    None
}

/// From the root to the servers of the domain's zone.
async fn descend(names: &Names, survey: &mut Survey) -> Option<(Cut, String)> {
    let domain = survey.domain.clone();
    let mut cut = names.deepest_cut(".");
    for _ in 0..STEPS_MAX {
        let asked = names.ask_zone(&cut, &domain, Rtype::SOA, 0).await;
        let (packet, server) = match asked {
            Ok(answered) => answered,
            Err(mute) => {
                survey.lost = Some(lost(&cut, mute.servers, mute.zone == "."));
                // The zone's name is known from the referral, and its servers can be looked at.
                return matches!(survey.lost, Some(LostWay::Dead(_))).then(|| ((*cut).clone(), cut.zone.clone()));
            }
        };
        let below = packet.referral().filter(|below| is_under(&domain, below) && *below != cut.zone).map(str::to_owned);
        let step = Step { zone: cut.zone.clone(), server: server.ip(), to: below.clone(), took: packet.took };
        survey.steps.push(step);
        if let Some(below) = below {
            survey.parent.clone_from(&cut.zone);
            cut = names.learn(&below, &packet);
            continue;
        }
        let apex = packet.of(Rtype::SOA).next().map(|rr| rr.name.clone());
        let apex =
            apex.or_else(|| packet.denial().map(|(zone, _)| zone.to_owned())).unwrap_or_else(|| cut.zone.clone());
        // The root or a public suffix answers itself: the domain is not delegated.
        if packet.rcode == 3 && apex != domain && is_shared(&apex) {
            survey.lost = Some(LostWay::NoSuchDomain(apex));
            return None;
        }
        if apex != cut.zone {
            survey.parent.clone_from(&cut.zone);
        }
        return Some(((*cut).clone(), apex));
    }
    survey.lost = Some(LostWay::Above("the referrals do not come to an end".into()));
    None
}

/// Whether a zone is everybody's: the root, a top-level domain, or a registry's zone below one.
/// Providers' suffixes are not: names there live in the provider's own zone.
fn is_shared(zone: &str) -> bool {
    let registry =
        |suffix: psl::Suffix<'_>| suffix.typ() == Some(psl::Type::Icann) && suffix.as_bytes() == zone.as_bytes();
    zone == "." || !zone.contains('.') || psl::suffix(zone.as_bytes()).is_some_and(registry)
}

fn lost(cut: &Cut, servers: Vec<(SocketAddr, String)>, root: bool) -> LostWay {
    // The root and the public suffixes are not the user's: their silence is ours.
    if root || is_shared(&cut.zone) {
        let zone = if root { "the root".to_owned() } else { cut.zone.clone() };
        return LostWay::Above(format!("the name servers of {zone} do not answer from here"));
    }
    if servers.is_empty() { LostWay::NoServer } else { LostWay::Dead(servers) }
}

async fn delegation_signer(names: &Names, apex: &str) -> (Vec<Rr>, bool) {
    match names.authoritative(apex, Rtype::DS, 0).await {
        Ok((packet, _)) => (packet.of(Rtype::DS).cloned().collect(), true),
        Err(_) => (Vec::new(), false),
    }
}

/// The servers as the zone itself names them.
async fn own_servers(names: &Names, cut: &Cut, apex: &str) -> Vec<Server> {
    let Ok((packet, _)) = names.ask_zone(cut, apex, Rtype::NS, 0).await else { return Vec::new() };
    let mut own = cut_of(apex, &packet.answers, &packet.additional).servers;
    let addresses = own.iter().map(|server| async {
        let (four, six) = tokio::join!(names.find(&server.name, Rtype::A), names.find(&server.name, Rtype::AAAA));
        four.all().iter().chain(six.all()).filter_map(|rr| rr.data.address()).collect::<Vec<IpAddr>>()
    });
    let found = join_all(addresses).await;
    for (server, ips) in own.iter_mut().zip(found) {
        if !ips.is_empty() {
            server.ips = ips;
        }
    }
    own
}

/// Asks every server on every address.
async fn look(names: &Names, survey: &mut Survey, cut: &Cut, more: &[Question]) {
    let parent_names: BTreeSet<&str> = survey.delegation.iter().map(|server| server.name.as_str()).collect();
    let child_names: BTreeSet<&str> = survey.own_servers.iter().map(|server| server.name.as_str()).collect();
    let mut seats: Vec<(String, IpAddr)> = Vec::new();
    let mut homeless = Vec::new();
    // An address as found comes before glue, which may be old; both are asked.
    let all: Vec<&Server> = survey.own_servers.iter().chain(&survey.delegation).chain(&cut.servers).collect();
    let addresses = join_all(all.iter().map(|server| names.addresses(server, 0))).await;
    for (server, addresses) in all.into_iter().zip(addresses) {
        if addresses.is_empty() && !homeless.contains(&server.name) {
            homeless.push(server.name.clone());
        }
        for address in addresses {
            if !seats.iter().any(|(name, ip)| *name == server.name && *ip == address.ip()) {
                seats.push((server.name.clone(), address.ip()));
            }
        }
    }
    homeless.retain(|name| !seats.iter().any(|(seat, _)| seat == name));
    survey.left_out = seats.len().saturating_sub(SERVERS_MAX);
    seats.truncate(SERVERS_MAX);
    let questions = questions(&survey.domain, &survey.zone, more);
    let port = names.sources().port;
    // A server with many addresses is one machine or one system: it is asked everything at one
    // address of each family, and at the others whether it has the zone and which copy.
    let none: Vec<Question> = Vec::new();
    let looking = seats.iter().enumerate().map(|(index, (name, ip))| {
        let seen = seats[..index].iter().any(|(other, at)| other == name && at.is_ipv4() == ip.is_ipv4());
        let questions = if seen { &none } else { &questions };
        visit(names, name, SocketAddr::new(*ip, port), &survey.zone, questions)
    });
    let mut servers = join_all(looking).await;
    for server in &mut servers {
        server.in_parent = parent_names.contains(server.name.as_str());
        server.in_child = child_names.contains(server.name.as_str());
        let own = survey.own_servers.iter().find(|own| own.name == server.name);
        server.stray = own.is_some_and(|own| !own.ips.is_empty() && !own.ips.contains(&server.ip));
    }
    survey.servers = servers;
    // Who has the newest copy is asked first, so that all checks look at today's records.
    let newest = survey.newest();
    let fresh = survey.serving().filter(|server| server.serial() == newest && serves(&server.udp));
    let fresh: Vec<IpAddr> = fresh.map(|server| server.ip).collect();
    names.prefer(&survey.zone, &fresh);
    survey.homeless = homeless;
}

/// What every server is asked: all names that mail needs.
fn questions(domain: &str, zone: &str, more: &[Question]) -> Vec<Question> {
    let mut questions: Vec<Question> = vec![
        (zone.to_owned(), Rtype::NS),
        (zone.to_owned(), Rtype::DNSKEY),
        (zone.to_owned(), Rtype::NSEC3PARAM),
        (domain.to_owned(), Rtype::MX),
        (domain.to_owned(), Rtype::TXT),
        (domain.to_owned(), Rtype::A),
        (domain.to_owned(), Rtype::AAAA),
        (domain.to_owned(), Rtype::CNAME),
        (format!("_dmarc.{domain}"), Rtype::TXT),
        (format!("_mta-sts.{domain}"), Rtype::TXT),
        (format!("_smtp._tls.{domain}"), Rtype::TXT),
        (format!("mta-sts.{domain}"), Rtype::A),
        (format!("_dmarc.{domain}"), Rtype::CNAME),
        (format!("_domainkey.{domain}"), Rtype::TXT),
        (format!("{RANDOM_LABEL}._domainkey.{domain}"), Rtype::TXT),
        (format!("{RANDOM_LABEL}.{domain}"), Rtype::TXT),
        (format!("{RANDOM_LABEL}.{domain}"), Rtype::MX),
        (format!("{RANDOM_LABEL}.{domain}"), Rtype::A),
    ];
    for question in more {
        if is_under(&question.0, zone) && !questions.contains(question) {
            questions.push(question.clone());
        }
    }
    questions
}

async fn visit(names: &Names, name: &str, server: SocketAddr, zone: &str, questions: &[Question]) -> NsFacts {
    let by = |transport| {
        let ask = Ask::authoritative(server, zone, Rtype::SOA).by(transport);
        async move {
            let answered = names.world().ask(&ask).await;
            let heard = answered
                .message
                .and_then(|octets| Packet::read(&octets).map_err(|error| Silence::Garbage(error.to_string())));
            (heard, answered.took)
        }
    };
    let asking = join_all(questions.iter().map(|(name, kind)| async move {
        let heard = names.packet(&Ask::authoritative(server, name, *kind)).await;
        ((name.clone(), *kind), heard)
    }));
    let plainly = async {
        let heard = by(Transport::Udp).await;
        // RFC 6891 §7: FORMERR is what servers say that do not know EDNS; some say nothing.
        if serves(&heard.0) || heard.0.as_ref().is_ok_and(|packet| !matches!(packet.rcode, 1 | 4 | 16)) {
            return (heard, None);
        }
        // Whoever was silent so far is not waited for as long again.
        let ask = Ask { edns: None, limit: PLAIN_LIMIT, ..Ask::authoritative(server, zone, Rtype::SOA) };
        (heard, Some(names.packet(&ask).await))
    };
    let (((udp, took), plain), (tcp, _), answers) = tokio::join!(plainly, by(Transport::Tcp), asking);
    let mut answers: BTreeMap<Question, Heard> = answers.into_iter().collect();
    // A server that is well without EDNS is asked everything again without it.
    if plain.as_ref().is_some_and(serves) {
        let again = questions.iter().map(|(name, kind)| async move {
            let ask = Ask { edns: None, ..Ask::authoritative(server, name, *kind) };
            ((name.clone(), *kind), names.packet(&ask).await)
        });
        answers.extend(join_all(again).await);
    }
    NsFacts {
        name: name.to_owned(),
        ip: server.ip(),
        in_parent: false,
        in_child: false,
        udp,
        took,
        tcp,
        plain,
        answers,
        varies: BTreeSet::new(),
        stray: false,
    }
}

/// What is asked of every server once the mail hosts are known.
pub fn host_questions(hosts: &[String]) -> Vec<Question> {
    let of = |host: &String| {
        [
            (host.clone(), Rtype::A),
            (host.clone(), Rtype::AAAA),
            (host.clone(), Rtype::CNAME),
            (format!("_25._tcp.{host}"), Rtype::TLSA),
        ]
    };
    hosts.iter().flat_map(of).collect()
}

/// Asks every serving server of a survey one more thing: names that were only learnt later.
pub async fn ask_all(names: &Names, survey: &mut Survey, questions: &[Question]) {
    let port = names.sources().port;
    let zone = survey.zone.clone();
    let fresh: Vec<&Question> = questions.iter().filter(|(name, _)| is_under(name, &zone)).collect();
    let asking = survey.servers.iter().map(|server| {
        let address = SocketAddr::new(server.ip, port);
        let fresh = &fresh;
        async move {
            if !server.serves() || server.answers.is_empty() {
                return Vec::new();
            }
            let missing = fresh.iter().filter(|question| !server.answers.contains_key(**question));
            join_all(missing.map(|question| async move {
                let mut ask = Ask::authoritative(address, &question.0, question.1);
                ask.edns = ask.edns.filter(|_| !server.plain.as_ref().is_some_and(serves));
                let heard = names.packet(&ask).await;
                // Whoever spreads load gives another address the second time.
                let varies = matches!(question.1, Rtype::A | Rtype::AAAA)
                    && data_of(&heard, question).is_some_and(|data| !data.is_empty())
                    && data_of(&names.packet(&ask).await, question) != data_of(&heard, question);
                ((*question).clone(), heard, varies)
            }))
            .await
        }
    });
    let answers = join_all(asking).await;
    for (server, answers) in survey.servers.iter_mut().zip(answers) {
        for (question, heard, varies) in answers {
            if varies {
                server.varies.insert(question.clone());
            }
            server.answers.insert(question, heard);
        }
    }
}

/// The records that answer a question, in order.
fn data_of(heard: &Heard, question: &Question) -> Option<Vec<Data>> {
    let packet = heard.as_ref().ok()?;
    let mut data: Vec<Data> = packet.of(question.1).map(|rr| rr.data.clone()).collect();
    data.sort();
    Some(data)
}
