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
    /// What else it was asked, by UDP, and by TCP where that did not fit.
    pub answers: BTreeMap<Question, Heard>,
}

impl NsFacts {
    /// Whether it serves the zone, by UDP or TCP.
    pub fn serves(&self) -> bool {
        [&self.udp, &self.tcp]
            .iter()
            .any(|heard| heard.as_ref().is_ok_and(|packet| packet.authoritative && packet.rcode == 0))
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

    /// What most servers say of a name and type: the records, sorted; `None` when none said anything.
    pub fn agreed(&self, name: &str, kind: Rtype) -> Option<Vec<Rr>> {
        let mut votes: BTreeMap<Vec<Data>, (usize, Vec<Rr>)> = BTreeMap::new();
        for server in self.serving() {
            let Some(packet) = server.answer(name, kind) else { continue };
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
    let Some((cut, apex)) = descend(names, &mut survey).await else { return survey };
    survey.zone = apex.clone();
    names.examine(&apex);
    if cut.zone == apex {
        survey.delegation.clone_from(&cut.servers);
    }
    let (ds, own) = tokio::join!(delegation_signer(names, &apex), own_servers(names, &cut, &apex));
    (survey.ds, survey.ds_known) = ds;
    survey.own_servers = own;
    look(names, &mut survey, &cut, more).await;
    survey
}

/// From the root to the servers of the domain's zone.
async fn descend(names: &Names, survey: &mut Survey) -> Option<(Cut, String)> {
    let domain = survey.domain.clone();
    let mut cut = names.deepest_cut(".");
    for _ in 0..STEPS_MAX {
        let began = std::time::Instant::now();
        let asked = names.ask_zone(&cut, &domain, Rtype::SOA, 0).await;
        let (packet, server) = match asked {
            Ok(answered) => answered,
            Err(mute) => {
                survey.lost = Some(lost(&cut, &survey.parent, mute.servers, mute.zone == "."));
                // The zone's name is known from the referral, and its servers can be looked at.
                return matches!(survey.lost, Some(LostWay::Dead(_))).then(|| ((*cut).clone(), cut.zone.clone()));
            }
        };
        let below = packet.referral().filter(|below| is_under(&domain, below) && *below != cut.zone).map(str::to_owned);
        let step = Step { zone: cut.zone.clone(), server: server.ip(), to: below.clone(), took: began.elapsed() };
        survey.steps.push(step);
        if let Some(below) = below {
            survey.parent.clone_from(&cut.zone);
            cut = names.learn(&below, &packet);
            continue;
        }
        let apex = packet.of(Rtype::SOA).next().map(|rr| rr.name.clone());
        let apex =
            apex.or_else(|| packet.denial().map(|(zone, _)| zone.to_owned())).unwrap_or_else(|| cut.zone.clone());
        // The zone of a top-level domain, or the root, answers itself: there is nothing below.
        if packet.rcode == 3 && (apex == "." || !apex.contains('.')) && apex != domain {
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

fn lost(cut: &Cut, parent: &str, servers: Vec<(SocketAddr, String)>, root: bool) -> LostWay {
    // The root and the top-level domains are not the user's: their silence is ours.
    if root || !cut.zone.contains('.') {
        let zone = if root { "the root".to_owned() } else { cut.zone.clone() };
        return LostWay::Above(format!("the name servers of {zone} do not answer from here"));
    }
    let _ = parent;
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
    for server in all {
        let addresses = names.addresses(server, 0).await;
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
    let looking =
        seats.iter().map(|(name, ip)| visit(names, name, SocketAddr::new(*ip, port), &survey.zone, &questions));
    let mut servers = join_all(looking).await;
    for server in &mut servers {
        server.in_parent = parent_names.contains(server.name.as_str());
        server.in_child = child_names.contains(server.name.as_str());
    }
    survey.servers = servers;
    let serving: Vec<IpAddr> = survey.serving().map(|server| server.ip).collect();
    names.prefer(&survey.zone, &serving);
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
    let ((udp, took), (tcp, _), answers) = tokio::join!(by(Transport::Udp), by(Transport::Tcp), asking);
    NsFacts {
        name: name.to_owned(),
        ip: server.ip(),
        in_parent: false,
        in_child: false,
        udp,
        took,
        tcp,
        answers: answers.into_iter().collect(),
    }
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
            if !server.serves() {
                return Vec::new();
            }
            let missing = fresh.iter().filter(|question| !server.answers.contains_key(**question));
            join_all(missing.map(|question| async move {
                let heard = names.packet(&Ask::authoritative(address, &question.0, question.1)).await;
                ((*question).clone(), heard)
            }))
            .await
        }
    });
    let answers = join_all(asking).await;
    for (server, answers) in survey.servers.iter_mut().zip(answers) {
        server.answers.extend(answers);
    }
}

/// The name of the zone above, by label; for words only.
pub fn above(zone: &str) -> String {
    parent_of(zone)
}
