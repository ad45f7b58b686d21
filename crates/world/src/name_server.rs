//! A name server on loopback that serves a [`Zone`], by UDP and TCP.
//!
//! It speaks as a recursive server would: CNAMEs followed, SERVFAIL, REFUSED and NXDOMAIN as
//! the zone has them, no word at all for `TIMEOUT`, and TC where an answer does not fit the
//! datagram, so that the client has to come back by TCP.
//!
//! [`respond`] is the whole of it, from octets to octets; the rest is sockets.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TLSA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use postrider_dns::{Failure, Kind, Reading, Zone};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Octets of a datagram without EDNS (RFC 1035 §4.2.1).
const DATAGRAM_BYTES_PLAIN: usize = 512;
/// Octets of a datagram we send at most, whatever the client offers (RFC 9715 §3.1).
const DATAGRAM_BYTES_MAX: usize = 1232;
/// Connections served at a time.
const CONNECTIONS_MAX: usize = 64;
/// A connection without a question is closed after so long (RFC 7766 §6.2.3: a few seconds).
const IDLE_MAX: Duration = Duration::from_secs(10);
/// How often a free port is looked for that is free for both UDP and TCP.
const PORT_ATTEMPTS_MAX: u32 = 50;

/// How a question came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// By a connection; size is no matter.
    Tcp,
}

/// A name server; it serves until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    served: Arc<Served>,
    _tasks: JoinSet<()>,
}

/// What the serving tasks share.
#[derive(Debug)]
struct Served {
    zone: Zone,
    questions: AtomicU64,
}

impl NameServer {
    /// Serves a zone at that address, on a port that is free for both UDP and TCP.
    pub async fn start(ip: Ipv4Addr, zone: Zone) -> io::Result<Self> {
        let (udp, tcp) = both_on_one_port(ip).await?;
        let address = udp.local_addr()?;
        let served = Arc::new(Served { zone, questions: AtomicU64::new(0) });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&served)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&served)));
        Ok(Self { address, served, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub fn zone(&self) -> &Zone {
        &self.served.zone
    }

    /// How many questions have come so far, answered or not.
    pub fn questions(&self) -> u64 {
        self.served.questions.load(Ordering::Relaxed)
    }
}

impl Served {
    fn respond(&self, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        respond(&self.zone, question, transport)
    }
}

/// The system picks a port that is free for UDP; somebody may have it for TCP.
async fn both_on_one_port(ip: Ipv4Addr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempt = 0;
    loop {
        let udp = UdpSocket::bind((ip, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < PORT_ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn serve_udp(socket: UdpSocket, served: Arc<Served>) {
    let mut buffer = vec![0; 4096];
    loop {
        // A send to a client that is gone makes the next receive fail; that is nobody's trouble here.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(response) = served.respond(&buffer[..length], Transport::Udp) {
            let _ = socket.send_to(&response, client).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, served: Arc<Served>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        let served = Arc::clone(&served);
        connections.spawn(async move {
            // A client that goes away in the middle ends its own connection, and nothing else.
            let _ = converse(stream, &served).await;
            drop(permit);
        });
    }
}

/// Messages with their length in front (RFC 1035 §4.2.2), one after the other.
async fn converse(mut stream: TcpStream, served: &Served) -> io::Result<()> {
    loop {
        let length = tokio::time::timeout(IDLE_MAX, stream.read_u16()).await??;
        let mut question = vec![0; length.into()];
        tokio::time::timeout(IDLE_MAX, stream.read_exact(&mut question)).await??;
        let Some(response) = served.respond(&question, Transport::Tcp) else { continue };
        let length = u16::try_from(response.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(&response);
        stream.write_all(&framed).await?;
    }
}

/// The answer to one question, in octets; `None` where a real server would stay silent.
pub fn respond(zone: &Zone, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    if question.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut response = Message::response(question.metadata.id, question.metadata.op_code);
    response.metadata.recursion_desired = question.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.add_queries(question.queries.iter().cloned());
    if question.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(u16::try_from(DATAGRAM_BYTES_MAX).unwrap_or(u16::MAX));
        response.set_edns(edns);
    }
    match question.queries.as_slice() {
        [query] if question.metadata.op_code == OpCode::Query => {
            let name = query.name().to_ascii();
            match kind(query.query_type()) {
                Some(kind) => fill(&mut response, zone.read(&name, kind))?,
                // A type we do not know is a type that is not there.
                None => fill(&mut response, nothing(zone.read(&name, Kind::Soa)))?,
            }
        }
        _ => response.metadata.response_code = ResponseCode::NotImp,
    }
    let wire = response.to_vec().ok()?;
    let fits = match transport {
        Transport::Tcp => usize::from(u16::MAX),
        Transport::Udp if question.edns.is_some() => usize::from(question.max_payload()).min(DATAGRAM_BYTES_MAX),
        Transport::Udp => DATAGRAM_BYTES_PLAIN,
    };
    if wire.len() <= fits { Some(wire) } else { response.truncate().to_vec().ok() }
}

/// The same reading without its records.
fn nothing(mut reading: Reading) -> Reading {
    if reading.end.is_ok() {
        reading.end = Err(Failure::NoData { ttl: Duration::ZERO });
    }
    reading
}

/// Puts a reading into a response; `None` when the zone says that no answer comes.
fn fill(response: &mut Message, reading: Reading) -> Option<()> {
    for alias in &reading.aliases {
        let target = RData::CNAME(CNAME(absolute(&alias.target)?));
        response.add_answer(Record::from_rdata(absolute(&alias.owner)?, alias.ttl, target));
    }
    response.metadata.authentic_data = reading.authentic;
    match reading.end {
        Ok(records) => {
            let owner = absolute(&reading.owner)?;
            for (ttl, record) in records {
                response.add_answer(Record::from_rdata(owner.clone(), ttl, data(record)?));
            }
        }
        Err(Failure::NoSuchDomain { ttl }) => {
            response.metadata.response_code = ResponseCode::NXDomain;
            response.add_authority(start_of_authority(&reading.owner, ttl)?);
        }
        Err(Failure::NoData { ttl }) => {
            response.add_authority(start_of_authority(&reading.owner, ttl)?);
        }
        Err(Failure::ServFail(_) | Failure::Malformed(_)) => response.metadata.response_code = ResponseCode::ServFail,
        Err(Failure::Refused(_)) => response.metadata.response_code = ResponseCode::Refused,
        Err(Failure::Timeout(_)) => return None,
    }
    Some(())
}

/// RFC 2308 §3: absence comes with an SOA, which says how long it stays true.
fn start_of_authority(owner: &str, ttl: Duration) -> Option<Record> {
    let seconds = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
    let zone = absolute(owner.rsplit('.').next().unwrap_or("."))?;
    let soa = SOA::new(absolute("ns.test")?, absolute("hostmaster.test")?, 1, 3600, 600, 86_400, seconds);
    Some(Record::from_rdata(zone, seconds, RData::SOA(soa)))
}

fn data(record: postrider_dns::Record) -> Option<RData> {
    Some(match record {
        postrider_dns::Record::A(ip) => RData::A(A(ip)),
        postrider_dns::Record::Aaaa(ip) => RData::AAAA(AAAA(ip)),
        postrider_dns::Record::Mx(mx) => RData::MX(MX::new(mx.preference, absolute(&mx.exchange)?)),
        // RFC 1035 §3.3: a string of at most 255 octets; a longer text is several of them.
        postrider_dns::Record::Txt(text) => {
            RData::TXT(TXT::from_bytes(text.as_bytes().chunks(255).collect::<Vec<&[u8]>>()))
        }
        postrider_dns::Record::Ptr(name) => RData::PTR(PTR(absolute(&name)?)),
        postrider_dns::Record::Ns(name) => RData::NS(NS(absolute(&name)?)),
        postrider_dns::Record::Cname(name) => RData::CNAME(CNAME(absolute(&name)?)),
        postrider_dns::Record::Tlsa(tlsa) => {
            RData::TLSA(TLSA::new(tlsa.usage.into(), tlsa.selector.into(), tlsa.matching.into(), tlsa.data.into_vec()))
        }
        postrider_dns::Record::Srv(srv) => {
            RData::SRV(SRV::new(srv.priority, srv.weight, srv.port, absolute(&srv.target)?))
        }
        postrider_dns::Record::Soa(soa) => RData::SOA(SOA::new(
            absolute(&soa.primary)?,
            absolute(&soa.mailbox)?,
            soa.serial,
            3600,
            600,
            86_400,
            soa.minimum,
        )),
    })
}

fn kind(of: RecordType) -> Option<Kind> {
    Some(match of {
        RecordType::A => Kind::A,
        RecordType::AAAA => Kind::Aaaa,
        RecordType::MX => Kind::Mx,
        RecordType::TXT => Kind::Txt,
        RecordType::PTR => Kind::Ptr,
        RecordType::TLSA => Kind::Tlsa,
        RecordType::NS => Kind::Ns,
        RecordType::SOA => Kind::Soa,
        RecordType::SRV => Kind::Srv,
        RecordType::CNAME => Kind::Cname,
        _ => return None,
    })
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;

    fn zone() -> Zone {
        let mut text = "
            mx.test     A     192.0.2.1
            alias.test  CNAME mx.test
            loop.test   CNAME loop.test
            signed.test SIGNED
            signed.test A     192.0.2.2
            long.test   TXT   \""
            .to_owned();
        text.push_str(&"x".repeat(300));
        text.push_str("\"\nbroken.test SERVFAIL\nshut.test REFUSED\nslow.test TIMEOUT\n");
        for number in 0..300 {
            text.push_str(&format!("many.test MX 10 mx{number}.many.test\n"));
        }
        Zone::parse(&text).unwrap()
    }

    fn question(name: &str, of: RecordType, edns: bool) -> Vec<u8> {
        let mut message = Message::query();
        message.metadata.id = 7;
        message.add_query(Query::query(absolute(name).unwrap(), of));
        if edns {
            message.set_edns(Edns::new());
        }
        message.to_vec().unwrap()
    }

    fn ask(name: &str, of: RecordType, edns: bool, transport: Transport) -> String {
        let Some(wire) = respond(&zone(), &question(name, of, edns), transport) else {
            return "silence".into();
        };
        let response = Message::from_vec(&wire).unwrap();
        assert_eq!(response.metadata.id, 7);
        let flag = |set: bool, name: &'static str| if set { name } else { "" };
        format!(
            "{} {} answers {} authorities{}{}",
            response.metadata.response_code,
            response.answers.len(),
            response.authorities.len(),
            flag(response.metadata.truncation, " TC"),
            flag(response.metadata.authentic_data, " AD"),
        )
    }

    #[test]
    fn questions_and_what_comes_back() {
        let (a, mx, txt) = (RecordType::A, RecordType::MX, RecordType::TXT);
        let table = [
            ("mx.test", a, true, Transport::Udp, "No Error 1 answers 0 authorities"),
            ("MX.Test", a, false, Transport::Udp, "No Error 1 answers 0 authorities"),
            ("alias.test", a, true, Transport::Udp, "No Error 2 answers 0 authorities"),
            ("signed.test", a, true, Transport::Udp, "No Error 1 answers 0 authorities AD"),
            ("mx.test", mx, true, Transport::Udp, "No Error 0 answers 1 authorities"),
            ("mx.test", RecordType::CAA, true, Transport::Udp, "No Error 0 answers 1 authorities"),
            ("none.test", a, true, Transport::Udp, "Non-Existent Domain 0 answers 1 authorities"),
            ("broken.test", a, true, Transport::Udp, "Server Failure 0 answers 0 authorities"),
            ("shut.test", a, true, Transport::Udp, "Query Refused 0 answers 0 authorities"),
            ("loop.test", a, true, Transport::Udp, "Server Failure 8 answers 0 authorities"),
            ("slow.test", a, true, Transport::Udp, "silence"),
            ("long.test", txt, true, Transport::Udp, "No Error 1 answers 0 authorities"),
            ("many.test", mx, false, Transport::Udp, "No Error 0 answers 0 authorities TC"),
            ("many.test", mx, true, Transport::Udp, "No Error 0 answers 0 authorities TC"),
            ("many.test", mx, true, Transport::Tcp, "No Error 300 answers 0 authorities"),
        ];
        for (name, of, edns, transport, want) in table {
            assert_eq!(ask(name, of, edns, transport), want, "{name} {of} {edns} {transport:?}");
        }
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        assert_eq!(respond(&zone(), b"", Transport::Udp), None);
        assert_eq!(respond(&zone(), b"not a dns message", Transport::Udp), None);
        let response = Message::response(1, OpCode::Query).to_vec().unwrap();
        assert_eq!(respond(&zone(), &response, Transport::Udp), None);
    }
}
