//! The source: hands numbered messages in over several connections, each number at most once.

use super::NUMBER_FIELD;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Who gives no reply for so long is given up.
const REPLY_PATIENCE: Duration = Duration::from_secs(120);
/// How long a connection waits before it tries a relay again that is down.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// What to hand in, and how.
pub(crate) struct Plan {
    /// The relay.
    pub(crate) to: SocketAddr,
    /// Connections at once.
    pub(crate) connections: usize,
    /// The number of the first message.
    pub(crate) first: u64,
    /// How many messages.
    pub(crate) messages: u64,
    /// Octets of each body.
    pub(crate) body_bytes: usize,
    /// Messages over one connection before it is closed; `None`: as many as there are.
    pub(crate) per_connection: Option<u64>,
    /// Recipients are spread over so many domains.
    pub(crate) domains: usize,
    /// MAIL, RCPT and DATA in one write, as senders in bulk do.
    pub(crate) pipelined: bool,
}

/// What became of it on this side.
pub(crate) struct Sent {
    /// For each message whether its final dot was answered 250, and when.
    pub(crate) accepted: Vec<Option<Instant>>,
    /// Messages that were refused, and the last refusal's words.
    pub(crate) refused: u64,
    /// The last thing that went wrong, in words.
    pub(crate) last_trouble: Option<String>,
    /// How long each accepted message took, from MAIL to 250, in microseconds.
    pub(crate) latencies_us: Vec<u32>,
}

impl Sent {
    /// How many were taken.
    pub(crate) fn accepted_count(&self) -> u64 {
        self.accepted.iter().flatten().count() as u64
    }

    /// When the first and the last were taken.
    pub(crate) fn span(&self) -> Option<(Instant, Instant)> {
        let first = self.accepted.iter().flatten().min()?;
        let last = self.accepted.iter().flatten().max()?;
        Some((*first, *last))
    }
}

struct Shared<'a> {
    plan: &'a Plan,
    next: AtomicU64,
    stop: &'a AtomicBool,
    body: Vec<u8>,
    sent: Mutex<Sent>,
}

/// Hands all messages in, or those that there was time for before `stop`. A connection that
/// breaks is opened again; the message that was under way is not sent a second time.
pub(crate) fn hand_in(plan: &Plan, stop: &AtomicBool) -> Sent {
    let sent = Sent {
        accepted: vec![None; usize::try_from(plan.messages).unwrap_or_default()],
        refused: 0,
        last_trouble: None,
        latencies_us: Vec::new(),
    };
    let shared = Shared { plan, next: AtomicU64::new(0), stop, body: body(plan.body_bytes), sent: Mutex::new(sent) };
    std::thread::scope(|scope| {
        for _ in 0..plan.connections {
            scope.spawn(|| shared.work());
        }
    });
    shared.sent.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One connection's share, written down without a lock until it ends.
#[derive(Default)]
struct Share {
    accepted: Vec<(u64, Instant)>,
    latencies_us: Vec<u32>,
    refused: u64,
    last_trouble: Option<String>,
}

impl Shared<'_> {
    fn work(&self) {
        let mut share = Share::default();
        while self.has_more() {
            if let Err(error) = self.one_connection(&mut share) {
                share.last_trouble = Some(error.to_string());
                std::thread::sleep(RECONNECT_PAUSE);
            }
        }
        let Ok(mut sent) = self.sent.lock() else { return };
        for (number, when) in share.accepted {
            if let Some(slot) = usize::try_from(number).ok().and_then(|n| sent.accepted.get_mut(n)) {
                *slot = Some(when);
            }
        }
        sent.refused += share.refused;
        sent.latencies_us.extend(share.latencies_us);
        if share.last_trouble.is_some() {
            sent.last_trouble = share.last_trouble;
        }
    }

    fn has_more(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.next.load(Ordering::Relaxed) < self.plan.messages
    }

    fn claim(&self) -> Option<u64> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < self.plan.messages)
    }

    fn one_connection(&self, share: &mut Share) -> io::Result<()> {
        let mut line = Line::open(self.plan.to)?;
        line.expect(2)?;
        line.say(b"EHLO source.test\r\n")?;
        line.expect(2)?;
        let mut left = self.plan.per_connection.unwrap_or(u64::MAX);
        while left > 0 {
            let Some(number) = self.claim() else { break };
            left -= 1;
            let begun = Instant::now();
            match self.one_message(&mut line, number) {
                Ok(()) => {
                    share.accepted.push((number, Instant::now()));
                    let taken = u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX);
                    share.latencies_us.push(taken);
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    share.refused += 1;
                    share.last_trouble = Some(error.to_string());
                    line.say(b"RSET\r\n")?;
                    line.expect(2)?;
                }
                Err(error) => return Err(error),
            }
        }
        line.say(b"QUIT\r\n")?;
        line.expect(2)
    }

    fn one_message(&self, line: &mut Line, number: u64) -> io::Result<()> {
        let number = self.plan.first + number;
        let recipient = recipient(number, self.plan.domains);
        let (mail, rcpt) = ("MAIL FROM:<load@source.test>\r\n", format!("RCPT TO:<{recipient}>\r\n"));
        if self.plan.pipelined {
            line.say(format!("{mail}{rcpt}DATA\r\n").as_bytes())?;
            line.expect(2)?;
            line.expect(2)?;
        } else {
            line.say(mail.as_bytes())?;
            line.expect(2)?;
            line.say(rcpt.as_bytes())?;
            line.expect(2)?;
            line.say(b"DATA\r\n")?;
        }
        line.expect(3)?;
        let head = format!(
            "From: <load@source.test>\r\nTo: <{recipient}>\r\nSubject: message {number}\r\n\
             Message-ID: <{number}@source.test>\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n{NUMBER_FIELD}{number}\r\n\r\n"
        );
        line.say_message(head.as_bytes(), &self.body)?;
        line.expect(2)
    }
}

/// The recipient of a message: one of `domains` domains, in turn.
pub(crate) fn recipient(number: u64, domains: usize) -> String {
    format!("user{number}@{}", super::names::domain(number % (domains.max(1) as u64)))
}

/// Lines of 72 octets and the final dot.
fn body(bytes: usize) -> Vec<u8> {
    let line: Vec<u8> = (0..70u8).map(|column| b'a' + column % 26).chain(*b"\r\n").collect();
    let mut body: Vec<u8> = line.iter().copied().cycle().take(bytes.max(2) - 2).collect();
    // The cut may fall between CR and LF; a lone CR would be refused as a smuggled line end.
    if body.last() == Some(&b'\r') {
        body.pop();
        body.push(b'.');
    }
    body.extend_from_slice(b"\r\n.\r\n");
    body
}

/// A connection that is read reply by reply.
struct Line {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Line {
    fn open(to: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&to, REPLY_PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(REPLY_PATIENCE))?;
        socket.set_write_timeout(Some(REPLY_PATIENCE))?;
        Ok(Self { socket, unread: Vec::with_capacity(1024) })
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    fn say_message(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        let sent = self.socket.write_vectored(&[io::IoSlice::new(head), io::IoSlice::new(body)])?;
        if sent < head.len() {
            self.socket.write_all(&head[sent..])?;
        }
        self.socket.write_all(&body[sent.saturating_sub(head.len())..])
    }

    /// Reads one reply. Another class than the wanted one is `InvalidData`; a closing 421 ends the connection.
    fn expect(&mut self, class: u8) -> io::Result<()> {
        loop {
            if let Some((last, end)) = last_line(&self.unread) {
                let (code, words) = (self.unread[last], String::from_utf8_lossy(&self.unread[last..end]).into_owned());
                self.unread.drain(..end);
                return match code {
                    digit if digit == b'0' + class => Ok(()),
                    _ if words.starts_with("421") => Err(io::Error::new(io::ErrorKind::ConnectionAborted, words)),
                    _ => Err(io::Error::new(io::ErrorKind::InvalidData, words)),
                };
            }
            let mut chunk = [0; 4096];
            let got = self.socket.read(&mut chunk)?;
            if got == 0 || self.unread.len() > REPLY_BYTES_MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.unread.extend_from_slice(&chunk[..got]);
        }
    }
}

/// Where the last line of the first reply begins and ends, once it is all there.
fn last_line(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut start = 0;
    loop {
        let end = start + memchr::memchr(b'\n', &bytes[start..])? + 1;
        if bytes.get(start + 3) != Some(&b'-') {
            return Some((start, end));
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_asked_length_and_ends_in_a_dot() {
        for bytes in [2, 3, 72, 73, 1024, 10_240] {
            let body = body(bytes);
            assert!(body.ends_with(b"\r\n.\r\n"));
            assert_eq!(body.len(), bytes + 3);
            let bare = body.windows(2).any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n'));
            assert!(!bare, "{bytes}");
        }
    }

    #[test]
    fn a_reply_ends_at_its_last_line() {
        assert_eq!(last_line(b"250-a\r\n250 b\r\n354 "), Some((7, 14)));
        assert_eq!(last_line(b"250-a\r\n"), None);
        assert_eq!(last_line(b"250 a"), None);
    }
}
