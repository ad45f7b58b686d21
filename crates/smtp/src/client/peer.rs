//! What a peer said of itself in its reply to EHLO.

use crate::Reply;

/// The most mechanisms that are remembered of one AUTH line.
const MECHANISMS_MAX: usize = 32;

/// What a peer offers. All false and empty behind HELO.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// What it calls itself.
    pub name: String,
    /// Whether it understood EHLO.
    pub esmtp: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// SIZE (RFC 1870): `Some(0)` when it is offered without a limit.
    pub size: Option<u64>,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030).
    pub binary_mime: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status: bool,
    /// AUTH mechanisms (RFC 4954), upper case.
    pub auth: Vec<String>,
}

impl Peer {
    /// Reads the reply to EHLO. Keywords are matched without regard to case (RFC 5321 §2.4).
    pub fn from_ehlo(reply: &Reply) -> Self {
        let mut lines = reply.lines();
        let mut peer = Self { name: first_word(lines.next()), esmtp: true, ..Self::default() };
        for line in lines {
            peer.learn(line);
        }
        peer
    }

    /// Reads the reply to HELO.
    pub fn from_helo(reply: &Reply) -> Self {
        Self { name: first_word(reply.lines().next()), ..Self::default() }
    }

    fn learn(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let Some(keyword) = words.next() else { return };
        match keyword.to_ascii_uppercase().as_str() {
            "PIPELINING" => self.pipelining = true,
            // RFC 1870 §4: no number, or 0, is no fixed limit.
            "SIZE" => self.size = Some(words.next().and_then(|number| number.parse().ok()).unwrap_or(0)),
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "DSN" => self.dsn = true,
            "STARTTLS" => self.starttls = true,
            "REQUIRETLS" => self.require_tls = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status = true,
            "AUTH" => self.learn_mechanisms(words),
            // `AUTH=LOGIN` was Microsoft's way before RFC 2554, and is still seen beside the right one.
            other => {
                if let Some(first) = other.strip_prefix("AUTH=") {
                    self.learn_mechanisms(std::iter::once(first).chain(words));
                }
            }
        }
    }

    fn learn_mechanisms<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names.map(str::to_ascii_uppercase) {
            if self.auth.len() < MECHANISMS_MAX && !self.auth.contains(&name) {
                self.auth.push(name);
            }
        }
    }
}

fn first_word(line: Option<&str>) -> String {
    line.and_then(|line| line.split_ascii_whitespace().next()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReplyCode;

    #[test]
    fn capabilities_as_peers_spell_them() {
        let peer = |text: &str| Peer::from_ehlo(&Reply::new(ReplyCode::OK_250, text));
        let usual = Peer { name: "mx.example".into(), esmtp: true, ..Peer::default() };
        assert_eq!(peer("mx.example greets you"), usual);
        let table = [
            ("SIZE 1000", Peer { size: Some(1000), ..usual.clone() }),
            ("SIZE", Peer { size: Some(0), ..usual.clone() }),
            ("size 99999999999999999999999", Peer { size: Some(0), ..usual.clone() }),
            ("Pipelining\n8bitmime", Peer { pipelining: true, eight_bit_mime: true, ..usual.clone() }),
            ("AUTH plain LOGIN\nAUTH=LOGIN", Peer { auth: vec!["PLAIN".into(), "LOGIN".into()], ..usual.clone() }),
            ("AUTH", usual.clone()),
            ("\nX-WHATEVER 7", usual.clone()),
        ];
        for (lines, want) in table {
            assert_eq!(peer(&format!("mx.example\n{lines}")), want, "{lines:?}");
        }
        let many = (0..100).map(|n| format!("M{n} ")).collect::<String>();
        assert_eq!(peer(&format!("mx.example\nAUTH {many}")).auth.len(), MECHANISMS_MAX);
    }
}
