//! The TLS of old, of which our TLS library wants to know nothing: one ClientHello of TLS 1.1,
//! and what a server says to it (RFC 4346 §7.4.1). No handshake follows; it is only a question.

/// What a server says to a client that has no better than TLS 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldTls {
    /// It goes along, with that version and cipher suite.
    Taken {
        /// `TLSv1.1`, `TLSv1` or `SSLv3`.
        version: &'static str,
        /// The cipher suite's number.
        cipher: u16,
    },
    /// It refuses, with that alert; 70 is "protocol version".
    Refused(u8),
    /// It closes the connection, or says what is no TLS.
    Nothing,
}

/// The suites of that age: with ECDHE, DHE and RSA keys, and without certificates.
const SUITES: [u16; 12] = [
    0xc00a, 0xc009, 0xc014, 0xc013, 0x0039, 0x0033, 0x0035, 0x002f, 0x000a, 0x0034, 0xc018, // anonymous
    0x00ff, // RFC 5746 §3.3: renegotiation is secure
];
const VERSION: [u8; 2] = [3, 2];
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const SERVER_HELLO: u8 = 2;

/// A ClientHello of TLS 1.1 for that host.
pub(super) fn client_hello(host: &str, random: [u8; 32]) -> Vec<u8> {
    let mut body = VERSION.to_vec();
    body.extend(random);
    body.push(0);
    block(&mut body, &SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect::<Vec<u8>>());
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    if host.len() < 256 && !host.is_empty() && host.parse::<std::net::IpAddr>().is_err() {
        // RFC 6066 §3.
        let mut name = vec![0];
        block(&mut name, host.as_bytes());
        let mut list = Vec::new();
        block(&mut list, &name);
        extension(&mut extensions, 0, &list);
    }
    // RFC 8422 §5.1: P-256, P-384, P-521, uncompressed points.
    extension(&mut extensions, 10, &[0, 6, 0, 23, 0, 24, 0, 25]);
    extension(&mut extensions, 11, &[1, 0]);
    block(&mut body, &extensions);
    let mut handshake = vec![1, 0];
    block(&mut handshake, &body);
    let mut record = vec![HANDSHAKE, 3, 1];
    block(&mut record, &handshake);
    record
}

fn extension(to: &mut Vec<u8>, kind: u16, content: &[u8]) {
    to.extend(kind.to_be_bytes());
    block(to, content);
}

/// Octets behind their number in two octets; all of ours are far shorter than that allows.
fn block(to: &mut Vec<u8>, content: &[u8]) {
    to.extend(u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend(content);
}

/// What the first octets of an answer say; `None` while there are too few.
pub(super) fn read_answer(octets: &[u8]) -> Option<OldTls> {
    let kind = *octets.first()?;
    match kind {
        ALERT => octets.get(6).map(|alert| OldTls::Refused(*alert)),
        HANDSHAKE => {
            if *octets.get(5)? != SERVER_HELLO {
                return Some(OldTls::Nothing);
            }
            let version = match (octets.get(9)?, octets.get(10)?) {
                (3, 2) => "TLSv1.1",
                (3, 1) => "TLSv1",
                (3, 0) => "SSLv3",
                _ => return Some(OldTls::Nothing),
            };
            let session = usize::from(*octets.get(43)?);
            let cipher = [*octets.get(44 + session)?, *octets.get(45 + session)?];
            Some(OldTls::Taken { version, cipher: u16::from_be_bytes(cipher) })
        }
        _ => Some(OldTls::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_hello_has_the_lengths_it_says() {
        let hello = client_hello("mx.example", [7; 32]);
        assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
        assert_eq!(usize::from(u16::from_be_bytes([hello[7], hello[8]])), hello.len() - 9);
        assert!(hello.windows(10).any(|part| part == b"mx.example"));
        assert!(!client_hello("192.0.2.1", [7; 32]).windows(9).any(|part| part == b"192.0.2.1"));
    }

    #[test]
    fn answers_are_read_from_any_octets() {
        let mut hello = vec![HANDSHAKE, 3, 1, 0, 50, SERVER_HELLO, 0, 0, 46, 3, 1];
        hello.extend([9; 32]);
        hello.extend([2, 1, 1, 0xc0, 0x14]);
        assert_eq!(read_answer(&hello), Some(OldTls::Taken { version: "TLSv1", cipher: 0xc014 }));
        for cut in 1..hello.len() {
            assert_eq!(read_answer(&hello[..cut]), None, "{cut}");
        }
        assert_eq!(read_answer(&[ALERT, 3, 3, 0, 2, 2, 70]), Some(OldTls::Refused(70)));
        assert_eq!(read_answer(b"500 what?\r\n"), Some(OldTls::Nothing));
    }
}
