//! The forms in which header and body are hashed (RFC 6376 §3.4).

use sha2::{Digest as _, Sha256};

/// Ends of a body that are tried.
const ENDS_MAX: usize = 400_000;

/// How much may change on the way without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// Nothing but empty lines at the end.
    #[default]
    Simple,
    /// Blanks and folds.
    Relaxed,
}

impl Form {
    /// The word in `c=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }

    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Simple => Self::Relaxed,
            Self::Relaxed => Self::Simple,
        }
    }
}

/// What ends a line of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// CRLF alone, as RFC 5321 §2.3.8 has it.
    Crlf,
    /// A lone LF as well.
    Any,
}

/// A header field in a form, with its line end.
pub(crate) fn field(raw: &[u8], form: Form) -> Vec<u8> {
    match form {
        Form::Simple => {
            let mut out = raw.to_vec();
            if !out.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
            out
        }
        Form::Relaxed => {
            let colon = raw.iter().position(|octet| *octet == b':').unwrap_or(raw.len());
            let (name, value) = raw.split_at(colon);
            let mut out = name.trim_ascii().to_ascii_lowercase();
            out.push(b':');
            let start = out.len();
            reduce(value.get(1..).unwrap_or_default(), &mut out, start);
            out.extend_from_slice(b"\r\n");
            out
        }
    }
}

/// RFC 6376 §3.4.2: unfolded, blanks made one, none at either end.
fn reduce(value: &[u8], out: &mut Vec<u8>, start: usize) {
    let mut blank = false;
    for octet in value {
        match octet {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => blank = true,
            _ => {
                if blank && out.len() > start {
                    out.push(b' ');
                }
                blank = false;
                out.push(*octet);
            }
        }
    }
}

/// A signature's own field as it is hashed: `b=` empty, and no line end (RFC 6376 §3.7).
pub(crate) fn own_field(raw: &[u8], form: Form) -> Vec<u8> {
    let mut out = field(&without_signature(raw), form);
    while out.last().is_some_and(|octet| matches!(octet, b'\r' | b'\n')) {
        out.pop();
    }
    out
}

fn without_signature(raw: &[u8]) -> Vec<u8> {
    let colon = raw.iter().position(|octet| *octet == b':').map_or(raw.len(), |colon| colon + 1);
    let (name, value) = raw.split_at(colon);
    let mut out = name.to_vec();
    for (index, tag) in value.split(|octet| *octet == b';').enumerate() {
        if index > 0 {
            out.push(b';');
        }
        let equals = tag.iter().position(|octet| *octet == b'=');
        match equals {
            Some(equals) if tag.get(..equals).is_some_and(|name| name.trim_ascii() == b"b") => {
                out.extend_from_slice(tag.get(..=equals).unwrap_or_default());
            }
            _ => out.extend_from_slice(tag),
        }
    }
    out
}

/// The lines of a body without their ends.
fn lines(body: &[u8], ends: Ends) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
        let mut from = 0;
        loop {
            let found = memchr::memchr(b'\n', rest.get(from..)?).map(|found| from + found);
            let Some(found) = found else {
                at = body.len();
                return Some((rest, at));
            };
            let with_cr = found > 0 && rest.get(found - 1) == Some(&b'\r');
            if with_cr || ends == Ends::Any {
                at += found + 1;
                return Some((rest.get(..found - usize::from(with_cr))?, at));
            }
            from = found + 1;
        }
    })
}

/// A body on its way into a hash, line by line.
pub(crate) struct BodyHash {
    form: Form,
    hash: Sha256,
    empty: usize,
    octets: u64,
    room: u64,
    line: Vec<u8>,
}

impl BodyHash {
    /// In that form, and not more octets of it than `l=` says.
    pub(crate) fn new(form: Form, length: Option<u64>) -> Self {
        let room = length.unwrap_or(u64::MAX);
        Self { form, hash: Sha256::new(), empty: 0, octets: 0, room, line: Vec::new() }
    }

    /// One more line; says whether it counts, as those that are empty do only before others.
    fn line(&mut self, line: &[u8]) -> bool {
        self.line.clear();
        if self.form == Form::Relaxed {
            let mut blank = false;
            for octet in line {
                match octet {
                    b' ' | b'\t' => blank = true,
                    _ => {
                        if blank {
                            self.line.push(b' ');
                        }
                        blank = false;
                        self.line.push(*octet);
                    }
                }
            }
        } else {
            self.line.extend_from_slice(line);
        }
        if self.line.is_empty() {
            self.empty += 1;
            return false;
        }
        for _ in 0..std::mem::take(&mut self.empty) {
            self.write(b"\r\n");
        }
        let line = std::mem::take(&mut self.line);
        self.write(&line);
        self.write(b"\r\n");
        self.line = line;
        true
    }

    fn write(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        let taken = usize::try_from(self.room).unwrap_or(usize::MAX).min(octets.len());
        self.room -= taken as u64;
        self.hash.update(octets.get(..taken).unwrap_or_default());
    }

    fn finish(mut self) -> ([u8; 32], u64) {
        // RFC 6376 §3.4.3: an empty body is one empty line in the simple form, nothing in the other.
        if self.octets == 0 && self.form == Form::Simple {
            self.write(b"\r\n");
        }
        (self.hash.finalize().into(), self.octets)
    }
}

/// The hash of a body, and how many octets its canonical form has.
pub(crate) fn body(body: &[u8], form: Form, ends: Ends, length: Option<u64>) -> ([u8; 32], u64) {
    let mut hash = BodyHash::new(form, length);
    for (line, _) in lines(body, ends) {
        hash.line(line);
    }
    hash.finish()
}

/// After which octet the body could end so that it has that hash; the shortest such beginning.
pub(crate) fn beginning(octets: &[u8], form: Form, want: &[u8]) -> Option<usize> {
    if body(&[], form, Ends::Crlf, None).0 == want {
        return Some(0);
    }
    // What was added is short; so many ends are tried, from the last one back.
    let first = memchr::memchr_iter(b'\n', octets).count().saturating_sub(ENDS_MAX);
    let mut hash = BodyHash::new(form, None);
    for (index, (line, end)) in lines(octets, Ends::Crlf).enumerate() {
        if hash.line(line) && index >= first && hash.hash.clone().finalize().as_slice() == want {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn fields_in_both_forms() {
        // The examples of RFC 6376 §3.4.5.
        assert_eq!(field(b"A: X\r\n", Form::Relaxed), b"a:X\r\n");
        assert_eq!(field(b"B : Y\t\r\n\tZ  \r\n", Form::Relaxed), b"b:Y Z\r\n");
        assert_eq!(field(b"B : Y\t\r\n\tZ  \r\n", Form::Simple), b"B : Y\t\r\n\tZ  \r\n");
        let own = own_field(b"DKIM-Signature: v=1; b=ab\r\n c=; bh=x; d=b\r\n", Form::Relaxed);
        assert_eq!(own, b"dkim-signature:v=1; b=; bh=x; d=b");
        assert_eq!(own_field(b"S: b = x\r\n y\r\n", Form::Simple), b"S: b =");
    }

    #[test]
    fn bodies_in_both_forms() {
        let hash = |octets: &[u8], form| STANDARD.encode(body(octets, form, Ends::Crlf, None).0);
        // RFC 6376 §3.4.3 and §3.4.4 tell the hashes of an empty body.
        assert_eq!(hash(b"", Form::Simple), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
        assert_eq!(hash(b"\r\n\r\n", Form::Relaxed), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(hash(b" C \r\nD \t E\r\n\r\n\r\n", Form::Relaxed), hash(b" C\r\nD E", Form::Relaxed));
        assert_eq!(hash(b"a\r\n\r\n", Form::Simple), hash(b"a", Form::Simple));
        assert_ne!(hash(b"a \r\n", Form::Simple), hash(b"a\r\n", Form::Simple));
        assert_ne!(hash(b"a\nb\r\n", Form::Simple), hash(b"a\r\nb\r\n", Form::Simple));
        assert_eq!(body(b"a\nb\n", Form::Simple, Ends::Any, None), body(b"a\r\nb\r\n", Form::Simple, Ends::Crlf, None));
        assert_eq!(body(b"abc\r\n", Form::Simple, Ends::Crlf, Some(3)).0, <[u8; 32]>::from(Sha256::digest(b"abc")));
    }

    #[test]
    fn a_beginning_is_found_wherever_it_ends() {
        let whole = b"one\r\n\r\ntwo\r\n\r\n\r\n-- \r\nfooter\r\n";
        let want = body(b"one\r\n\r\ntwo\r\n", Form::Relaxed, Ends::Crlf, None).0;
        assert_eq!(beginning(whole, Form::Relaxed, &want), Some(12));
        assert_eq!(beginning(whole, Form::Simple, &[0; 32]), None);
        let nothing = body(b"", Form::Simple, Ends::Crlf, None).0;
        assert_eq!(beginning(whole, Form::Simple, &nothing), Some(0));
    }
}
