//! The real world.

use super::question::{answers, query};
use super::{Answered, Ask, Dial, Silence, Transport, Under, Wire, World};
use postrider_smtp::Trouble;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// Asks real servers over real sockets.
#[derive(Debug)]
pub struct Live {
    /// The address to send mail sessions from, when one is wanted.
    source: Option<IpAddr>,
    /// Makes ids that a stranger off the path cannot guess; the port is random as well.
    ids: AtomicU64,
}

impl Live {
    /// From that address, or from the one the system picks.
    pub fn new(source: Option<IpAddr>) -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        Self { source, ids: AtomicU64::new(RandomState::new().hash_one("dns ids")) }
    }

    fn id(&self) -> u16 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        self.ids.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).hash(&mut hasher);
        (hasher.finish() & 0xffff) as u16
    }
}

impl World for Live {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Under<'a, Answered> {
        Box::pin(async move {
            let began = Instant::now();
            let id = self.id();
            let message = match tokio::time::timeout(ask.limit, exchange(ask, id)).await {
                Ok(message) => message,
                Err(_) => Err(Silence::TimedOut),
            };
            Answered { message, took: began.elapsed() }
        })
    }

    fn connect<'a>(&'a self, dial: &'a Dial) -> Under<'a, Result<Wire, Trouble>> {
        Box::pin(async move {
            let began = Instant::now();
            let source = self.source.filter(|source| source.is_ipv4() == dial.to.is_ipv4());
            let stream = postrider_transport::connect(dial.to, source, dial.limit).await?;
            Ok(Wire::live(stream, began))
        })
    }

    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        if let Some(source) = self.source.filter(|source| source.is_ipv4() == to.is_ipv4()) {
            return Some(source);
        }
        let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        socket.connect((to, 25)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    }
}

async fn exchange(ask: &Ask, id: u16) -> Result<Vec<u8>, Silence> {
    let question = query(ask, id)?;
    match ask.by {
        Transport::Udp => by_udp(ask, id, &question).await,
        Transport::Tcp => by_tcp(ask, id, &question).await,
    }
}

async fn by_udp(ask: &Ask, id: u16, question: &[u8]) -> Result<Vec<u8>, Silence> {
    let local: SocketAddr = match ask.server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await.map_err(|error| Silence::Local(error.to_string()))?;
    socket.connect(ask.server).await.map_err(|error| silence(&error))?;
    let mut buffer = vec![0; 65_535];
    // A datagram may be lost; it is sent again once, at a third of the time.
    let patience = [ask.limit / 3, ask.limit];
    let mut garbage = None;
    for wait in patience {
        socket.send(question).await.map_err(|error| silence(&error))?;
        let until = tokio::time::Instant::now() + wait;
        loop {
            match tokio::time::timeout_at(until, socket.recv(&mut buffer)).await {
                Err(_) => break,
                Ok(Err(error)) => return Err(silence(&error)),
                // The socket is connected, so this is from the server; yet it may be a late
                // answer to the first sending, or somebody's forgery: only the right one counts.
                Ok(Ok(length)) => match answers(ask, id, &buffer[..length]) {
                    Ok(()) => return Ok(buffer[..length].to_vec()),
                    Err(why) => garbage = Some(why),
                },
            }
        }
        if let Some(why) = garbage {
            return Err(why);
        }
    }
    Err(Silence::TimedOut)
}

async fn by_tcp(ask: &Ask, id: u16, question: &[u8]) -> Result<Vec<u8>, Silence> {
    let mut stream = TcpStream::connect(ask.server).await.map_err(|error| silence(&error))?;
    let _ = stream.set_nodelay(true);
    let length = u16::try_from(question.len()).map_err(|_| Silence::Local("the question is too long".into()))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(question);
    stream.write_all(&framed).await.map_err(|error| silence(&error))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.map_err(|error| silence(&error))?;
    let wanted = usize::from(u16::from_be_bytes(length));
    let mut octets = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match stream.read(&mut octets[filled..]).await {
            Ok(0) => {
                return Err(Silence::Garbage(format!("it says {wanted} octets and ends after {filled}")));
            }
            Ok(more) => filled += more,
            Err(error) => return Err(silence(&error)),
        }
    }
    answers(ask, id, &octets)?;
    Ok(octets)
}

fn silence(error: &io::Error) -> Silence {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Silence::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Silence::Unreachable
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Silence::Closed,
        io::ErrorKind::TimedOut => Silence::TimedOut,
        _ => Silence::Local(error.to_string()),
    }
}
