//! Stands between a server's octets and the parser: what no honest server sends ends the session here.
//!
//! The parser takes responses of any length and nesting, and trusts in their form. So that no
//! server can fill our memory, our stack, or make it stumble, there are limits on a response,
//! on a literal (RFC 3501 §4.3) and on a command's answers in all, and responses that we never
//! ask for and the parser does not take safely are refused.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much one server may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Octets of one response, its literals included.
    pub(super) response_bytes_max: usize,
    /// Octets of all responses to one command.
    pub(super) answer_bytes_max: usize,
}

/// Octets handed on by one read: the parser looks at everything again after each.
const READ_BYTES_MAX: usize = 4096;
/// So much of what was said last is kept, to be quoted.
const QUOTE_BYTES_MAX: usize = 120;

/// Words of responses that are never asked for; a hostile server could nest them without end, or
/// put what is not text where the parser takes text for granted.
const UNASKED: [&[u8]; 3] = [b"bodystructure", b"internaldate nil", b"* metadata "];

/// A stream whose reading side is watched.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    inner: S,
    bounds: Bounds,
    response: usize,
    answer: usize,
    literal: Literal,
    before: u8,
    matched: [usize; UNASKED.len()],
    /// The beginning of what came since the last command.
    quote: Vec<u8>,
}

/// Where in the announcement of a literal the octets are: `{`, digits, `}`.
#[derive(Debug, Clone, Copy)]
enum Literal {
    None,
    Length(usize),
}

impl<S> Guarded<S> {
    pub(super) fn new(inner: S, bounds: Bounds) -> Self {
        let matched = [0; UNASKED.len()];
        Self { inner, bounds, response: 0, answer: 0, literal: Literal::None, before: 0, matched, quote: Vec::new() }
    }

    /// A command goes out: what comes from here on is its answer.
    pub(super) fn asked(&mut self) {
        self.answer = 0;
        self.response = 0;
        self.quote.clear();
    }

    /// A response is complete.
    pub(super) fn understood(&mut self) {
        self.response = 0;
    }

    /// What the server said first since the last command, made fit to be shown.
    pub(super) fn quote(&self) -> String {
        let text = String::from_utf8_lossy(&self.quote);
        let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        line.chars().map(|c| if c.is_control() || c == '\u{fffd}' { '?' } else { c }).collect()
    }

    /// The very first octets, for telling other protocols.
    pub(super) fn first(&self) -> &[u8] {
        &self.quote
    }

    pub(super) fn into_inner(self) -> S {
        self.inner
    }

    /// Looks at fresh octets; may make one harmless.
    fn watch(&mut self, octets: &mut [u8]) -> Result<(), &'static str> {
        self.response = self.response.saturating_add(octets.len());
        self.answer = self.answer.saturating_add(octets.len());
        if self.response > self.bounds.response_bytes_max || self.answer > self.bounds.answer_bytes_max {
            return Err(FLOOD);
        }
        let room = QUOTE_BYTES_MAX.saturating_sub(self.quote.len());
        self.quote.extend(octets.iter().take(room));
        for octet in octets {
            self.one(octet)?;
        }
        Ok(())
    }

    fn one(&mut self, octet: &mut u8) -> Result<(), &'static str> {
        // Behind a response code the parser takes the next octet for a blank.
        if self.before == b']' && !octet.is_ascii() {
            *octet = b'?';
        }
        self.before = *octet;
        self.literal = match (self.literal, *octet) {
            (_, b'{') => Literal::Length(0),
            (Literal::Length(length), digit @ b'0'..=b'9') => {
                Literal::Length(length.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
            }
            (Literal::Length(length), b'}') if length > self.bounds.response_bytes_max => return Err(FLOOD),
            _ => Literal::None,
        };
        let lower = octet.to_ascii_lowercase();
        for (matched, words) in self.matched.iter_mut().zip(UNASKED) {
            let wanted = words.get(*matched).copied();
            // No beginning of these words comes again within them, but their first letter.
            *matched = if wanted == Some(lower) { *matched + 1 } else { usize::from(words.first() == Some(&lower)) };
            if *matched == words.len() {
                return Err(NONSENSE);
            }
        }
        Ok(())
    }
}

/// The words of the errors this makes; [`super::fault`] tells them from the operating system's.
pub(super) const FLOOD: &str = "the server sends more than any answer is long";
pub(super) const NONSENSE: &str = "the server sends what was not asked for";

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut scratch = [0; READ_BYTES_MAX];
        let wanted = buf.remaining().min(READ_BYTES_MAX);
        let mut room = ReadBuf::new(&mut scratch[..wanted]);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut room))?;
        if let Err(words) = this.watch(room.filled_mut()) {
            return Poll::Ready(Err(io::Error::other(words)));
        }
        buf.put_slice(room.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(pieces: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
        let mut guarded = Guarded::new((), Bounds { response_bytes_max: 1000, answer_bytes_max: 2000 });
        let mut out = Vec::new();
        for piece in pieces {
            let mut octets = piece.to_vec();
            guarded.watch(&mut octets)?;
            out.extend(octets);
        }
        Ok(out)
    }

    #[test]
    fn what_is_let_through_and_what_is_not() {
        let long = vec![b'x'; 1001];
        type Case<'a> = (&'a [&'a [u8]], Result<&'a [u8], &'a str>);
        let table: [Case<'_>; 10] = [
            (&[b"* OK ready\r\n"], Ok(b"* OK ready\r\n")),
            (&[b"* OK [ALERT]", b"\xc3\xa9\r\n"], Ok(b"* OK [ALERT]?\xa9\r\n")),
            (&[b"* 1 FETCH (BODY[HEADER] {999}\r\n"], Ok(b"* 1 FETCH (BODY[HEADER] {999}\r\n")),
            (&[b"* 1 FETCH (BODY[HEADER] {10", b"01}\r\n"], Err(FLOOD)),
            (&[b"* LIST () {99999999999999999999999999}"], Err(FLOOD)),
            (&[&long], Err(FLOOD)),
            (&[b"* 1 FETCH (BODYSTRUC", b"TURE (((("], Err(NONSENSE)),
            (&[b"* 1 FETCH (bodybodystructure (((("], Err(NONSENSE)),
            (&[b"* 1 FETCH (INTERNALDATE NIL)"], Err(NONSENSE)),
            (&[b"** METADATA \"x\" (/private/\xff"], Err(NONSENSE)),
        ];
        for (pieces, want) in table {
            assert_eq!(watch(pieces), want.map(<[u8]>::to_vec), "{pieces:?}");
        }
    }

    #[test]
    fn an_answer_of_many_responses_ends_too() {
        let mut guarded = Guarded::new((), Bounds { response_bytes_max: 1000, answer_bytes_max: 2000 });
        let mut line = vec![b'x'; 900];
        for want in [Ok(()), Ok(()), Err(FLOOD)] {
            assert_eq!(guarded.watch(&mut line), want);
            guarded.understood();
        }
        guarded.asked();
        assert_eq!(guarded.watch(&mut line), Ok(()));
        assert_eq!(guarded.quote(), "x".repeat(QUOTE_BYTES_MAX));
    }
}
