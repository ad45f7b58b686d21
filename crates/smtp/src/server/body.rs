//! The octets of a message as they come in: its end is found, dots are unstuffed, line ends are
//! watched, and what remains is copied once.
//!
//! Invariant: only CRLF.CRLF ends a message (RFC 5321 §4.1.1.4). The same dot between any other
//! line ends is [`Fed::Smuggled`]: another host might end the message there and take the rest for
//! a second one. How the octets are cut into pieces never matters.

use memchr::memchr3;

/// What became of octets fed to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// All were taken; more are to come.
    All,
    /// So many were taken, and the message ends with them.
    Ended(usize),
    /// A dot between line ends that are not CRLF.
    Smuggled,
    /// Far larger than the limit.
    GivenUp,
}

/// Why a message that came in whole cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    TooBig,
    Nul,
    BareLineEnd,
}

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// By DATA, with a dot at its end; else by BDAT, with counted octets.
    pub(super) dotted: bool,
    /// Any octet goes (BODY=BINARYMIME).
    pub(super) binary: bool,
    /// Line ends that are not CRLF are made CRLF, else they are a fault.
    pub(super) normalise: bool,
    /// More octets than this are too many,
    pub(super) bytes_max: u64,
    /// and so many more are read away.
    pub(super) drain_bytes_max: u64,
}

#[derive(Debug)]
pub(super) struct Body {
    rules: Rules,
    at: At,
    kept: Vec<u8>,
    size: u64,
    nul: bool,
    bare: bool,
}

/// What the last octets were. Those of `Cr`, `Dot` and `DotCr` are held back until it is clear what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Behind CRLF, or at the very beginning.
    LineStart,
    /// Behind a CR or LF standing alone.
    BareStart,
    Mid,
    Cr,
    /// `.` behind CRLF.
    Dot,
    /// `.` CR behind CRLF.
    DotCr,
    /// `.` behind a CR or LF standing alone.
    BareDot,
}

impl Body {
    /// An empty body; room for `expected` octets is made at once.
    pub(super) fn new(rules: Rules, expected: u64) -> Self {
        // A client may announce what it likes: memory is taken ahead within a bound only.
        let ahead = usize::try_from(expected.min(EXPECTED_BYTES_MAX)).unwrap_or(0);
        Self { rules, at: At::LineStart, kept: Vec::with_capacity(ahead), size: 0, nul: false, bare: false }
    }

    /// Takes octets in.
    pub(super) fn feed(&mut self, input: &[u8]) -> Fed {
        if self.rules.binary {
            self.keep(input);
            return self.unless_given_up(Fed::All);
        }
        let mut pos = 0;
        // What stands between `run` and `pos` is looked at and not yet kept.
        let mut run = 0;
        while let Some(&byte) = input.get(pos) {
            match self.at {
                At::LineStart | At::BareStart if byte == b'.' && self.rules.dotted => {
                    self.keep(&input[run..pos]);
                    self.at = if self.at == At::LineStart { At::Dot } else { At::BareDot };
                    (pos, run) = (pos + 1, pos + 1);
                }
                At::LineStart | At::BareStart | At::Mid => (pos, run) = self.scan(input, pos, run),
                At::Cr => {
                    match byte {
                        b'\n' => self.at = At::LineStart,
                        // CR CR LF comes of files that were converted twice: one line end.
                        b'\r' => self.bare = true,
                        _ => (self.at, self.bare) = (At::BareStart, true),
                    }
                    if byte != b'\r' {
                        self.keep(b"\r\n");
                    }
                    pos += usize::from(byte == b'\r' || byte == b'\n');
                    run = pos;
                }
                At::Dot if byte == b'\r' => {
                    self.at = At::DotCr;
                    (pos, run) = (pos + 1, pos + 1);
                }
                At::DotCr if byte == b'\n' => return self.unless_given_up(Fed::Ended(pos + 1)),
                At::Dot | At::BareDot if byte == b'\n' => return self.unless_given_up(Fed::Smuggled),
                At::BareDot if byte == b'\r' => return self.unless_given_up(Fed::Smuggled),
                At::DotCr => return self.unless_given_up(Fed::Smuggled),
                // RFC 5321 §4.5.2: the first dot of a longer line was put there by the client.
                At::Dot => self.at = At::Mid,
                At::BareDot => {
                    // A client whose lines end in LF has stuffed its dots by them (smtplib with bytes,
                    // seen 2026-11). A single dot may as well be one that was never stuffed.
                    if byte != b'.' || !self.rules.normalise {
                        self.keep(b".");
                    }
                    self.at = At::Mid;
                }
            }
        }
        self.keep(&input[run..]);
        self.unless_given_up(Fed::All)
    }

    /// Goes through ordinary text up to the next octet that matters; gives the new `pos` and `run`.
    fn scan(&mut self, input: &[u8], pos: usize, run: usize) -> (usize, usize) {
        let Some(found) = memchr3(b'\r', b'\n', 0, &input[pos..]) else {
            self.at = At::Mid;
            return (input.len(), run);
        };
        let found = pos + found;
        match (input[found], input.get(found + 1)) {
            (b'\r', Some(b'\n')) => {
                self.at = At::LineStart;
                (found + 2, run)
            }
            (b'\r', _) => {
                self.keep(&input[run..found]);
                self.at = At::Cr;
                (found + 1, found + 1)
            }
            (b'\n', _) => {
                self.keep(&input[run..found]);
                self.keep(b"\r\n");
                (self.at, self.bare) = (At::BareStart, true);
                (found + 1, found + 1)
            }
            _ => {
                (self.at, self.nul) = (At::Mid, true);
                (found + 1, run)
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.is_too_big() {
            self.kept = Vec::new();
        } else {
            self.kept.extend_from_slice(bytes);
        }
    }

    /// Asked at every way out, so that it does not matter which piece grew too far.
    fn unless_given_up(&self, fed: Fed) -> Fed {
        let far_too_big = self.size > self.rules.bytes_max.saturating_add(self.rules.drain_bytes_max);
        if far_too_big { Fed::GivenUp } else { fed }
    }

    /// Whether it has grown beyond the limit.
    pub(super) fn is_too_big(&self) -> bool {
        self.size > self.rules.bytes_max
    }

    /// The message, once its end is found.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Fault> {
        if self.at == At::Cr {
            self.keep(b"\r\n");
            self.bare = true;
        }
        // By BDAT the last line may come without its end.
        if !self.rules.binary && !self.kept.is_empty() && !self.kept.ends_with(b"\r\n") {
            self.keep(b"\r\n");
        }
        if self.is_too_big() {
            Err(Fault::TooBig)
        } else if self.nul {
            Err(Fault::Nul)
        } else if self.bare && !self.rules.normalise {
            Err(Fault::BareLineEnd)
        } else {
            Ok(self.kept)
        }
    }
}

/// The most octets that room is made for on the client's word alone.
const EXPECTED_BYTES_MAX: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules =
        Rules { dotted: true, binary: false, normalise: false, bytes_max: 1000, drain_bytes_max: 1000 };

    /// Feeds pieces of `step` octets; gives the end, what was left over, and the message.
    fn read(rules: Rules, wire: &str, step: usize) -> (Fed, usize, Result<String, Fault>) {
        let mut body = Body::new(rules, 0);
        let mut taken = 0;
        for piece in wire.as_bytes().chunks(step) {
            match body.feed(piece) {
                Fed::All => taken += piece.len(),
                Fed::Ended(so_many) => {
                    let left = wire.len() - taken - so_many;
                    return (Fed::Ended(0), left, body.finish().map(|m| String::from_utf8(m).unwrap()));
                }
                end => return (end, 0, Ok(String::new())),
            }
        }
        (Fed::All, 0, body.finish().map(|m| String::from_utf8(m).unwrap()))
    }

    #[test]
    fn messages_end_at_their_dot_however_they_are_cut() {
        let table = [
            (".\r\n", Ok(""), 0),
            ("a\r\n.\r\n", Ok("a\r\n"), 0),
            ("a\r\n..\r\n.\r\nQUIT\r\n", Ok("a\r\n.\r\n"), 6),
            ("..a\r\n.b\r\n.\r\n", Ok(".a\r\nb\r\n"), 0),
            ("a.\r\n\r\n.\r\n", Ok("a.\r\n\r\n"), 0),
            ("a\n.b\r\n.\r\n", Err(Fault::BareLineEnd), 0),
            ("a\rb\r\n.\r\n", Err(Fault::BareLineEnd), 0),
            ("a\r\r\n.\r\n", Err(Fault::BareLineEnd), 0),
            ("a\0b\r\n.\r\n", Err(Fault::Nul), 0),
        ];
        for (wire, want, left) in table {
            for step in 1..=wire.len() {
                let want = want.map(str::to_owned);
                assert_eq!(read(RULES, wire, step), (Fed::Ended(0), left, want), "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn a_dot_between_other_line_ends_is_smuggling() {
        let ends = ["\r\n", "\n", "\r"];
        for before in ends {
            for after in ends {
                if (before, after) == ("\r\n", "\r\n") {
                    continue;
                }
                for rules in [RULES, Rules { normalise: true, ..RULES }] {
                    let wire = format!("a{before}.{after}MAIL FROM:<x@y.example>\r\n.\r\n");
                    for step in 1..=wire.len() {
                        assert_eq!(read(rules, &wire, step).0, Fed::Smuggled, "{wire:?} by {step}");
                    }
                }
            }
        }
        for wire in [".\n", ".\rx", "a\r\n.\r\r\n", "a\n\r\n\n.\r\n"] {
            assert_eq!(read(RULES, wire, wire.len()).0, Fed::Smuggled, "{wire:?}");
        }
    }

    #[test]
    fn line_ends_are_made_good_for_own_clients() {
        let rules = Rules { normalise: true, ..RULES };
        let table = [
            ("a\nb\r\n.\r\n", "a\r\nb\r\n"),
            ("a\rb\r\n.\r\n", "a\r\nb\r\n"),
            ("a\r\r\nb\r\n.\r\n", "a\r\nb\r\n"),
            ("a\n.b\n\r\n.\r\n", "a\r\n.b\r\n\r\n"),
            ("a\n..b\n..\r\n.\r\n", "a\r\n.b\r\n.\r\n"),
        ];
        for (wire, want) in table {
            for step in 1..=wire.len() {
                assert_eq!(read(rules, wire, step), (Fed::Ended(0), 0, Ok(want.to_owned())), "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn counted_bodies_have_no_dots_and_end_their_last_line() {
        let rules = Rules { dotted: false, ..RULES };
        for (wire, want) in [("a\r\n.\r\nb", "a\r\n.\r\nb\r\n"), ("", ""), ("..a\r\n", "..a\r\n")] {
            for step in 1..=wire.len() + 1 {
                assert_eq!(read(rules, wire, step), (Fed::All, 0, Ok(want.to_owned())), "{wire:?}");
            }
        }
        assert_eq!(read(rules, "a\n", 2).2, Err(Fault::BareLineEnd));
        assert_eq!(read(Rules { binary: true, ..rules }, "a\n\0", 1).2, Ok("a\n\0".to_owned()));
    }

    #[test]
    fn what_is_too_big_is_read_away_within_a_bound() {
        let line = format!("{}\r\n", "x".repeat(98));
        assert_eq!(read(RULES, &format!("{}.\r\n", line.repeat(10)), 7).2.map(|m| m.len()), Ok(1000));
        assert_eq!(read(RULES, &format!("{}.\r\n", line.repeat(11)), 7), (Fed::Ended(0), 0, Err(Fault::TooBig)));
        assert_eq!(read(RULES, &line.repeat(21), 7).0, Fed::GivenUp);
    }
}
