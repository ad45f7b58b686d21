//! The sink: a mail host that takes everything and counts each numbered message.

use super::NUMBER_FIELD;
use memchr::memmem;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The number stands in the header, and no header under test is longer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const CAPABILITIES: &[u8] = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";

/// What has come in so far; shared by all connections.
pub(crate) struct Count {
    copies: Vec<AtomicU8>,
    distinct: AtomicU64,
    unnumbered: AtomicU64,
    last: Mutex<Option<Instant>>,
    closed: AtomicBool,
    reply_after: Duration,
}

impl Count {
    /// Different messages that have come in.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct.load(Ordering::Relaxed)
    }

    /// Messages without a number, such as bounces.
    pub(crate) fn unnumbered(&self) -> u64 {
        self.unnumbered.load(Ordering::Relaxed)
    }

    /// How often message `number` came in; stays at 255.
    pub(crate) fn copies(&self, number: u64) -> u8 {
        let slot = usize::try_from(number).ok().and_then(|number| self.copies.get(number));
        slot.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// When the last message came in.
    pub(crate) fn last_arrival(&self) -> Option<Instant> {
        self.last.lock().ok().and_then(|last| *last)
    }

    fn note(&self, head: &[u8]) {
        if let Ok(mut last) = self.last.lock() {
            *last = Some(Instant::now());
        }
        let slot = number_in(head).and_then(|number| self.copies.get(usize::try_from(number).ok()?));
        let Some(slot) = slot else {
            self.unnumbered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let before = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(1)));
        if before == Ok(0) {
            self.distinct.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A listening sink; closes when it is dropped.
pub(crate) struct Sink {
    /// What it has counted.
    pub(crate) count: Arc<Count>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Sink {
    /// Listens at `address` for messages numbered below `capacity`. `reply_after` holds the reply
    /// to the final dot back, so that a relay that dies in between has sent it for sure.
    pub(crate) fn listen(address: SocketAddr, capacity: u64, reply_after: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let count = Arc::new(Count {
            copies: (0..capacity).map(|_| AtomicU8::new(0)).collect(),
            distinct: AtomicU64::new(0),
            unnumbered: AtomicU64::new(0),
            last: Mutex::new(None),
            closed: AtomicBool::new(false),
            reply_after,
        });
        let counted = Arc::clone(&count);
        std::thread::spawn(move || accept(&listener, &counted));
        Ok(Self { count, address })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.count.closed.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, count: &Arc<Count>) {
    for socket in listener.incoming() {
        if count.closed.load(Ordering::Relaxed) {
            return;
        }
        let Ok(socket) = socket else { continue };
        // Where the sink stands in for a thousand hosts it listens on all addresses; only loopback is served.
        if !socket.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
            continue;
        }
        let count = Arc::clone(count);
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        // A thread that cannot be had is a connection that closes: the relay tries again.
        drop(thread.spawn(move || Session::new(socket).serve(&count)));
    }
}

/// One connection: bytes not yet looked at, and whether they are commands or a message.
struct Session {
    socket: TcpStream,
    bytes: Vec<u8>,
    replies: Vec<u8>,
    in_message: bool,
    /// The message was searched for its end up to here.
    searched: usize,
    ended: bool,
}

impl Session {
    fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            bytes: Vec::with_capacity(64 * 1024),
            replies: Vec::new(),
            in_message: false,
            searched: 0,
            ended: false,
        }
    }

    /// Serves until either side has had enough. An error is the relay's going away, and no news.
    fn serve(&mut self, count: &Count) {
        drop(self.socket.set_nodelay(true));
        if self.socket.write_all(b"220 sink.test ESMTP\r\n").is_err() {
            return;
        }
        let mut chunk = vec![0; 64 * 1024];
        while !self.ended {
            let Ok(got @ 1..) = self.socket.read(&mut chunk) else { return };
            self.bytes.extend_from_slice(&chunk[..got]);
            while if self.in_message { self.message(count) } else { self.command() } {}
            if !self.replies.is_empty() && self.socket.write_all(&self.replies).is_err() {
                return;
            }
            self.replies.clear();
        }
    }

    /// Takes one command, if one is there.
    fn command(&mut self) -> bool {
        let Some(end) = memchr::memchr(b'\n', &self.bytes) else { return false };
        let verb = self.bytes.get(..4).unwrap_or_default().to_ascii_uppercase();
        self.bytes.drain(..=end);
        let reply: &[u8] = match verb.as_slice() {
            b"EHLO" => CAPABILITIES,
            b"DATA" => {
                self.in_message = true;
                self.searched = 0;
                b"354 go on\r\n"
            }
            b"QUIT" => {
                self.ended = true;
                b"221 2.0.0 bye\r\n"
            }
            b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP" => b"250 2.0.0 ok\r\n",
            _ => b"500 5.5.2 not known here\r\n",
        };
        self.replies.extend_from_slice(reply);
        true
    }

    /// Takes the message, if its end is there.
    fn message(&mut self, count: &Count) -> bool {
        let from = self.searched.saturating_sub(4);
        let Some(at) = memmem::find(&self.bytes[from..], b"\r\n.\r\n") else {
            self.searched = self.bytes.len();
            return false;
        };
        let end = from + at;
        count.note(&self.bytes[..end.min(HEAD_BYTES_MAX)]);
        if !count.reply_after.is_zero() {
            std::thread::sleep(count.reply_after);
        }
        self.bytes.drain(..end + 5);
        self.in_message = false;
        self.replies.extend_from_slice(b"250 2.0.0 taken\r\n");
        true
    }
}

fn number_in(head: &[u8]) -> Option<u64> {
    let head = memmem::find(head, b"\r\n\r\n").map_or(head, |end| &head[..end]);
    let start = memmem::find(head, NUMBER_FIELD.as_bytes())? + NUMBER_FIELD.len();
    let digits = head[start..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.take(18).try_fold(0u64, |number, digit| Some(number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::super::source::{Plan, hand_in};
    use super::*;

    #[test]
    fn what_the_source_hands_in_the_sink_counts_once_each() -> io::Result<()> {
        for (per_connection, pipelined) in [(None, false), (Some(1), true)] {
            let sink = Sink::listen(([127, 0, 0, 1], 0).into(), 40, Duration::ZERO)?;
            let plan = Plan {
                to: sink.address,
                connections: 3,
                first: 5,
                messages: 30,
                body_bytes: 100_000,
                per_connection,
                domains: 7,
                pipelined,
            };
            let sent = hand_in(&plan, &AtomicBool::new(false));
            assert_eq!((sent.accepted_count(), sent.refused, sent.last_trouble), (30, 0, None));
            assert_eq!((sink.count.distinct(), sink.count.unnumbered()), (30, 0));
            assert_eq!((sink.count.copies(4), sink.count.copies(5), sink.count.copies(35)), (0, 1, 0));
        }
        Ok(())
    }

    #[test]
    fn the_number_is_read_from_the_header_only() {
        assert_eq!(number_in(b"Received: x\r\nX-Number: 42\r\n\r\nX-Number: 7"), Some(42));
        assert_eq!(number_in(b"Received: x\r\n\r\nX-Number: 7"), None);
    }
}
