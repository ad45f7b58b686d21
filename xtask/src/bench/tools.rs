//! What drives a relay and what it delivers to: our own source and sink, which account for every
//! message, or Postfix's smtp-source and smtp-sink, which others can repeat without this code.

use super::peer::free_port;
use super::workload::Workload;
use crate::load::sink::Sink;
use crate::load::source::{Sent, hand_in};
use anyhow::Context as _;
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Both ends of one run.
pub(crate) trait Tools {
    /// Where the sink listens.
    fn sink(&self) -> SocketAddr;
    /// Hands messages in, numbered from `first` where the tool can number.
    fn send(&self, to: SocketAddr, first: u64, messages: u64) -> anyhow::Result<Handed>;
    /// Messages that have come out, each once where they can be told apart.
    fn arrived(&self) -> u64;
    /// When the last one came.
    fn last_arrival(&self) -> Option<Instant>;
    /// How many of what was handed in are lost, and how many came more than once.
    fn lost_and_doubled(&self, first: u64, handed: &Handed) -> (u64, u64);
}

/// What was handed in.
pub(crate) struct Handed {
    /// Messages answered 250.
    pub(crate) accepted: u64,
    /// When the first and the last was taken.
    pub(crate) span: (Instant, Instant),
    /// From MAIL to 250, half of the messages and 99 of 100, in milliseconds; zero where the tool does not say.
    pub(crate) latency_ms: (f64, f64),
    /// How many had come out before.
    before: u64,
    sent: Option<Sent>,
}

/// The source and the sink of this workspace.
pub(crate) struct OwnTools {
    workload: &'static Workload,
    pipelined: bool,
    sink: Sink,
}

impl OwnTools {
    /// A sink for messages numbered below `capacity`.
    pub(crate) fn new(workload: &'static Workload, pipelined: bool, capacity: u64) -> anyhow::Result<Self> {
        // By MX a thousand loopback addresses are hosts, all at the sink's port.
        let host = if workload.by_mx() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let sink = Sink::listen(SocketAddr::from((host, 0)), capacity, Duration::ZERO)?;
        Ok(Self { workload, pipelined, sink })
    }
}

impl Tools for OwnTools {
    fn sink(&self) -> SocketAddr {
        self.sink.address
    }

    fn send(&self, to: SocketAddr, first: u64, messages: u64) -> anyhow::Result<Handed> {
        let before = self.arrived();
        let sent = hand_in(&self.workload.plan(to, first, messages, self.pipelined), &AtomicBool::new(false));
        let span = sent.span().with_context(|| format!("nothing was taken: {:?}", sent.last_trouble))?;
        if sent.refused > 0 {
            println!("  {} messages were refused: {:?}", sent.refused, sent.last_trouble);
        }
        let (accepted, latency_ms) = (sent.accepted_count(), percentiles(&sent.latencies_us));
        Ok(Handed { accepted, span, latency_ms, before, sent: Some(sent) })
    }

    fn arrived(&self) -> u64 {
        self.sink.count.distinct()
    }

    fn last_arrival(&self) -> Option<Instant> {
        self.sink.count.last_arrival()
    }

    fn lost_and_doubled(&self, first: u64, handed: &Handed) -> (u64, u64) {
        let accepted = handed.sent.iter().flat_map(|sent| &sent.accepted);
        let copies: Vec<(bool, u8)> =
            (first..).zip(accepted).map(|(number, when)| (when.is_some(), self.sink.count.copies(number))).collect();
        let lost = copies.iter().filter(|(accepted, copies)| *accepted && *copies == 0).count();
        let doubled = copies.iter().filter(|(_, copies)| *copies > 1).count();
        (lost as u64, doubled as u64)
    }
}

/// Postfix's own. They do not number: what is lost and what is doubled shows only in the sum.
pub(crate) struct PostfixTools {
    workload: &'static Workload,
    address: SocketAddr,
    sink: Child,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    messages: AtomicU64,
    last: Mutex<Option<Instant>>,
}

impl PostfixTools {
    /// Starts a sink.
    pub(crate) fn new(workload: &'static Workload) -> anyhow::Result<Self> {
        anyhow::ensure!(!workload.by_mx(), "smtp-source cannot vary domains: leave the workload out");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new("smtp-sink");
        // The counter goes to standard output whenever it changes.
        command.args(["-c", "-u", "nobody", &address.to_string(), "1000"]);
        let mut sink = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run smtp-sink")?;
        let output = sink.stdout.take().context("smtp-sink has no output")?;
        let seen = Arc::new(Seen::default());
        let told = Arc::clone(&seen);
        std::thread::spawn(move || told.follow(BufReader::new(output)));
        let tools = Self { workload, address, sink, seen };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(Instant::now() < end, "smtp-sink does not listen at {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(tools)
    }
}

impl Seen {
    /// Reads `sess=1 quit=1 mesg=17` again and again, each ended by a carriage return.
    fn follow(&self, mut output: impl std::io::BufRead) {
        let mut line = Vec::new();
        while output.read_until(b'\r', &mut line).is_ok_and(|read| read > 0) {
            if let Some(messages) = messages_in(&String::from_utf8_lossy(&line))
                && messages > self.messages.swap(messages, Ordering::Relaxed)
                && let Ok(mut last) = self.last.lock()
            {
                *last = Some(Instant::now());
            }
            line.clear();
        }
    }
}

fn messages_in(line: &str) -> Option<u64> {
    line.split_whitespace().find_map(|word| word.strip_prefix("mesg=")?.parse().ok())
}

impl Tools for PostfixTools {
    fn sink(&self) -> SocketAddr {
        self.address
    }

    fn send(&self, to: SocketAddr, _first: u64, messages: u64) -> anyhow::Result<Handed> {
        let before = self.arrived();
        let mut command = Command::new("smtp-source");
        command.args(["-s", &self.workload.connections.to_string(), "-m", &messages.to_string()]);
        command.args(["-l", &self.workload.body_bytes.to_string(), "-f", "load@source.test", "-N"]);
        command.args(["-t", "user@d0000.load.test"]);
        if self.workload.per_connection.is_none() {
            command.arg("-d");
        }
        let begun = Instant::now();
        let status = command.arg(to.to_string()).status().context("cannot run smtp-source")?;
        anyhow::ensure!(status.success(), "smtp-source ended: {status}");
        let span = (begun, Instant::now());
        Ok(Handed { accepted: messages, span, latency_ms: (0.0, 0.0), before, sent: None })
    }

    fn arrived(&self) -> u64 {
        self.seen.messages.load(Ordering::Relaxed)
    }

    fn last_arrival(&self) -> Option<Instant> {
        self.seen.last.lock().ok().and_then(|last| *last)
    }

    fn lost_and_doubled(&self, _first: u64, handed: &Handed) -> (u64, u64) {
        let arrived = self.arrived() - handed.before;
        (handed.accepted.saturating_sub(arrived), arrived.saturating_sub(handed.accepted))
    }
}

impl Drop for PostfixTools {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.sink.kill());
        drop(self.sink.wait());
    }
}

/// The middle one and the one that 99 of 100 stay below, in milliseconds.
fn percentiles(latencies_us: &[u32]) -> (f64, f64) {
    let mut sorted = latencies_us.to_vec();
    sorted.sort_unstable();
    let at = |part: usize| sorted.get(sorted.len() * part / 100).map_or(0.0, |us| f64::from(*us) / 1000.0);
    (at(50), at(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_of_smtp_sink_is_followed() {
        let seen = Seen::default();
        seen.follow("sess=1 quit=0 mesg=1\rsess=1 quit=1 mesg=17\r".as_bytes());
        assert_eq!(seen.messages.load(Ordering::Relaxed), 17);
        assert!(seen.last.lock().unwrap().is_some());
        assert_eq!(messages_in("nothing"), None);
    }

    #[test]
    fn percentiles_of_few_and_of_many() {
        assert_eq!(percentiles(&[]), (0.0, 0.0));
        let many: Vec<u32> = (0..1000).map(|n| n * 1000).collect();
        assert_eq!(percentiles(&many), (500.0, 990.0));
    }
}
