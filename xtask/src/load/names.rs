//! A thousand domains, each with its own mail host at its own loopback address, and the name
//! server that says so. UDP only, MX and A only: all that a relay asks for here.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const ZONE: &str = "load.test";
const TTL_SECONDS: u32 = 3600;
const TYPE_A: u16 = 1;
const TYPE_MX: u16 = 15;

/// Domain number `number`.
pub(crate) fn domain(number: u64) -> String {
    format!("d{number:04}.{ZONE}")
}

/// The address of its mail host.
fn address(number: u64) -> Ipv4Addr {
    let [high, low] = [(number / 250) % 250, number % 250].map(|part| u8::try_from(part).unwrap_or_default());
    Ipv4Addr::new(127, 25, high, low + 1)
}

/// A name server on loopback; stops when it is dropped.
pub(crate) struct NameServer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Answers at `address` for the zone.
    pub(crate) fn listen(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut query = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut query) else { continue };
                if let Some(answer) = answer(&query[..length]) {
                    // An answer that cannot be sent is asked for again.
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The port is free again once the thread is gone.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// The answer to a query, or nothing when it is none (RFC 1035 §4.1).
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let question = query.get(12..at + 4)?;
    let record = record(&labels.join("."), kind);
    let known = labels.join(".").ends_with(ZONE);
    let mut answer = query[..2].to_vec();
    // Response, authoritative, recursion desired and available; NXDOMAIN outside the zone.
    answer.extend([0x85, if known { 0x80 } else { 0x83 }]);
    answer.extend([0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0]);
    answer.extend(question);
    if let Some(data) = record {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(TTL_SECONDS.to_be_bytes());
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

/// The data of the one record a name has: `dNNNN` an MX, `mxNNNN` an address.
fn record(name: &str, kind: u16) -> Option<Vec<u8>> {
    let host = name.strip_suffix(ZONE)?.strip_suffix('.')?;
    match kind {
        TYPE_MX => {
            let number = host.strip_prefix('d')?;
            let mut data = vec![0, 10];
            for label in [&format!("mx{number}"), "load", "test", ""] {
                data.push(u8::try_from(label.len()).ok()?);
                data.extend(label.bytes());
            }
            Some(data)
        }
        TYPE_A => Some(address(host.strip_prefix("mx")?.parse().ok()?).octets().to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, kind: u16) -> Vec<u8> {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.bytes());
        }
        query.extend([0, 0, u8::try_from(kind).unwrap(), 0, 1]);
        answer(&query).unwrap()
    }

    #[test]
    fn a_domain_leads_to_its_host_and_the_host_to_its_address() {
        let mx = ask("d0007.load.test", TYPE_MX);
        assert_eq!((&mx[..2], mx[3], mx[7]), (&[7, 9][..], 0x80, 1));
        assert!(mx.ends_with(b"\x06mx0007\x04load\x04test\x00"));
        assert!(ask("MX0251.Load.Test", TYPE_A).ends_with(&[127, 25, 1, 2]));
        assert_eq!(ask("example.com", TYPE_A)[3], 0x83);
        assert_eq!((ask("d0007.load.test", TYPE_A)[3], ask("d0007.load.test", TYPE_A)[7]), (0x80, 0));
        assert_eq!(answer(&[0; 5]), None);
    }
}
