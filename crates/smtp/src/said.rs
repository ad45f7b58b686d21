//! A reply as people quote it: in a log line, in a bounce, on a forum, pasted from a terminal.
//!
//! [`Said::parse`] is total and takes linear time: it finds code, enhanced status, phase and
//! host where they are to be found, and keeps the words. It does not know what the words mean,
//! and does not split several replies: `postrider explain` does that before it asks here.

use crate::{EnhancedStatus, Outcome, Phase, Reply, ReplyCode};
use std::borrow::Cow;

/// How much of a quoted text is looked at; what is longer is boilerplate behind the first lines.
pub const SAID_BYTES_MAX: usize = 8192;

/// What a server, or a client about a server, said.
///
/// ```
/// use postrider_smtp::{Phase, Said};
/// let said = Said::parse("host mx.example.com[192.0.2.1] said: 550-5.1.1 No such\n550 5.1.1 user (in reply to RCPT TO command)");
/// assert_eq!(said.code.unwrap().number(), 550);
/// assert_eq!(said.enhanced.unwrap().to_string(), "5.1.1");
/// assert_eq!((said.phase, said.host), (Some(Phase::Rcpt), Some("mx.example.com")));
/// assert_eq!(said.text, "No such user (in reply to RCPT TO command)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said<'a> {
    /// The reply code; `None` for the words of a client that got no reply.
    pub code: Option<ReplyCode>,
    /// The enhanced status code, wherever it stands in the text.
    pub enhanced: Option<EnhancedStatus>,
    /// Which command was answered, where the quoter says so.
    pub phase: Option<Phase>,
    /// Which host said it, where the quoter says so.
    pub host: Option<&'a str>,
    /// The words, without code and status at their start and at the start of each further line.
    pub text: Cow<'a, str>,
}

impl<'a> Said<'a> {
    /// Reads a quoted reply.
    pub fn parse(quoted: &'a str) -> Self {
        let quoted = bare(&quoted[..quoted.floor_char_boundary(SAID_BYTES_MAX)]);
        let (phase, host) = named(quoted);
        let Some(at) = code_at(quoted) else {
            let (enhanced, text) = match EnhancedStatus::split(quoted) {
                Some((status, rest)) => (Some(status), rest),
                None => (status_within(quoted), quoted),
            };
            return Self { code: None, enhanced, phase, host, text: Cow::Borrowed(text) };
        };
        let (code, rest) = (code(&quoted[at.start..]), &quoted[at.start + 3..]);
        let several = rest.starts_with('-') || memchr::memchr(b'\n', rest.as_bytes()).is_some();
        let rest = rest.trim_start_matches(['-', ' ', '\t', ':', ',']);
        let (first, words) = match status_first(rest) {
            Some((status, words)) => (Some(status), words),
            None => (None, rest),
        };
        let enhanced = first.or_else(|| status_within(quoted));
        let text = match (at.alone, code) {
            (true, Some(code)) if several => Cow::Owned(joined(words, code, enhanced)),
            (true, _) => Cow::Borrowed(words),
            (false, _) => Cow::Borrowed(quoted),
        };
        Self { code, enhanced, phase, host, text }
    }

    /// A reply had in a session.
    pub fn of_reply(reply: &'a Reply, phase: Phase) -> Self {
        let enhanced = reply.enhanced();
        let mut lines = reply.lines();
        let text = match (lines.next(), lines.next()) {
            (Some(line), None) => Cow::Borrowed(EnhancedStatus::split(line).map_or(line, |(_, rest)| rest).trim()),
            _ => Cow::Owned(reply.text()),
        };
        let enhanced = enhanced.or_else(|| status_within(&text));
        Self { code: Some(reply.code()), enhanced, phase: Some(phase), host: None, text }
    }

    /// What an outcome says: the reply, or the operating system's words for the trouble.
    pub fn of_outcome(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Replied { phase, reply } => Self::of_reply(reply, *phase),
            Outcome::Unreached(trouble) | Outcome::InDoubt(trouble) => {
                Self { phase: Some(trouble.phase), text: Cow::Borrowed(&trouble.detail), ..Self::default() }
            }
        }
    }

    /// What the class of code or, without one, of the status is: 2 to 5.
    pub fn class(&self) -> Option<u8> {
        self.code.map(ReplyCode::class).or(self.enhanced.map(EnhancedStatus::class))
    }
}

/// Labels that quoters put in front of a reply.
const LABELS: [&str; 14] = [
    "smtp;",
    "lmtp;",
    "x-postfix;",
    "x-unix;",
    "diagnostic-code:",
    "status:",
    "<<<",
    "<**",
    "s:",
    "<-",
    "<=",
    "\"",
    "'",
    ">",
];

/// The text without labels and quotes around it.
#[inline(never)]
fn bare(quoted: &str) -> &str {
    let mut text = quoted.trim();
    // Most begin with their code or with words.
    let may_begin = |first: char| matches!(first.to_ascii_lowercase(), 's' | 'l' | 'x' | 'd' | '<' | '>' | '"' | '\'');
    while text.starts_with(may_begin)
        && let Some(label) = LABELS.iter().find(|label| starts_with(text, label))
    {
        text = text[label.len()..].trim_start();
    }
    text.trim_end_matches(['"', '\''])
}

fn starts_with(text: &str, lower: &str) -> bool {
    text.as_bytes().get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower.as_bytes()))
}

/// Where the code stands.
struct CodeAt {
    start: usize,
    /// Nothing but quoter's words stands before it, so that the server's words begin there.
    alone: bool,
}

/// Words and marks of quoters right before a code: what follows is the reply itself.
const INTRODUCTIONS: [&str; 12] = [
    "said:",
    "said",
    "replied:",
    "responded:",
    "response:",
    "response was:",
    "response from the remote server was:",
    "reply:",
    "answered:",
    "error:",
    "error was:",
    "refused to talk to me:",
];
/// Words before a code that is named in passing.
const MENTIONS: [&str; 14] = [
    "error", "code", "status", "with", "reply", "response", "smtp", "returned", "replied", "answered", "returns",
    "said", "reason", "esmtp",
];

#[inline(never)]
fn code_at(text: &str) -> Option<CodeAt> {
    if is_code(text, 0) {
        return Some(CodeAt { start: 0, alone: true });
    }
    let bytes = text.as_bytes();
    let mut weak = None;
    for start in memchr::memchr2_iter(b'4', b'5', bytes).chain(memchr::memchr_iter(b'2', bytes)) {
        if start == 0 || !is_code(text, start) {
            continue;
        }
        let before = text[..start].trim_end_matches([' ', '\t', '\r', '\n']);
        if INTRODUCTIONS.iter().any(|words| ends_with(before, words)) {
            return Some(CodeAt { start, alone: true });
        }
        let last = before.as_bytes().last().copied().unwrap_or(b' ');
        let said_so = matches!(last, b':' | b'[' | b'(' | b'"' | b';' | b'=' | b'>')
            || status_first(&text[start + 3..]).is_some()
            || MENTIONS.iter().any(|word| ends_with(before, word));
        if said_so && weak.is_none() {
            let introduced = last == b':' || last == b';' || text[..start].ends_with('\n');
            let alone = introduced && status_first(&text[start + 3..]).is_some();
            weak = Some(CodeAt { start, alone });
        }
    }
    weak
}

fn ends_with(text: &str, lower: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= lower.len() && bytes[bytes.len() - lower.len()..].eq_ignore_ascii_case(lower.as_bytes())
}

/// Whether a code stands there: three digits by themselves, no part of a number or address.
fn is_code(text: &str, start: usize) -> bool {
    let bytes = text.as_bytes();
    let Some([class, tens, ones]) = bytes.get(start..start + 3) else { return false };
    let digits = matches!(class, b'2' | b'3' | b'4' | b'5') && tens.is_ascii_digit() && ones.is_ascii_digit();
    let before = start.checked_sub(1).map_or(b' ', |at| bytes[at]);
    let after = bytes.get(start + 3).copied().unwrap_or(b' ');
    let after_that = bytes.get(start + 4).copied().unwrap_or(b' ');
    digits
        && matches!(before, b' ' | b'\t' | b'\n' | b':' | b'[' | b'(' | b'"' | b'\'' | b';' | b'=' | b'>')
        && match after {
            b' ' | b'\t' | b'\r' | b'\n' | b']' | b')' | b'"' | b'\'' | b'#' | b';' => true,
            b'-' | b':' | b',' => !after_that.is_ascii_digit() || after == b'-' && is_status(&text[start + 4..]),
            _ => false,
        }
}

fn is_status(text: &str) -> bool {
    EnhancedStatus::split(text).is_some()
}

fn code(text: &str) -> Option<ReplyCode> {
    text.get(..3).and_then(|digits| digits.parse().ok()).and_then(ReplyCode::new)
}

/// A status at the start: `5.1.1`, `#5.1.1`, `(#5.1.1)`, `[5.1.1]`.
fn status_first(text: &str) -> Option<(EnhancedStatus, &str)> {
    let text = text.trim_start_matches([' ', '\t', '-', '#', '(', '[']);
    let (status, rest) = EnhancedStatus::split(text)?;
    Some((status, rest.trim_start_matches([')', ']', '#', ' ', ':', ',', '-'])))
}

/// The first status anywhere in the text that is no part of an address or a version.
#[inline(never)]
fn status_within(text: &str) -> Option<EnhancedStatus> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'.', bytes).find_map(|dot| {
        let start = dot.checked_sub(1)?;
        let stands_alone = start == 0 || !(bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'.');
        if !matches!(bytes[start], b'2' | b'4' | b'5') || !stands_alone {
            return None;
        }
        let rest = &bytes[dot + 1..];
        let length = rest.iter().take(8).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        // A full stop may end the sentence right behind it.
        let token = text.get(start..dot + 1 + length)?.trim_end_matches('.');
        let after = bytes.get(start + token.len()).copied().unwrap_or(b' ');
        if after.is_ascii_alphanumeric() { None } else { token.parse().ok() }
    })
}

/// The words of several lines on one, without the code and status that each begins with.
#[inline(never)]
fn joined(words: &str, code: ReplyCode, enhanced: Option<EnhancedStatus>) -> String {
    let mut text = String::with_capacity(words.len());
    let mut tokens = words.split_ascii_whitespace().peekable();
    while let Some(token) = tokens.next() {
        let next_is_status = tokens.peek().is_some_and(|next| enhanced.is_some() && next.parse().ok() == enhanced);
        let rest = match token.get(..3).filter(|digits| digits.parse() == Ok(code.number())) {
            Some(_) if token.as_bytes().get(3) == Some(&b'-') => &token[4..],
            Some(_) if token.len() == 3 && next_is_status => "",
            _ => token,
        };
        let begins_line = rest.len() < token.len();
        if begins_line && rest.is_empty() && next_is_status {
            tokens.next();
        }
        if rest.is_empty() || begins_line && enhanced.is_some() && rest.parse().ok() == enhanced {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(rest);
    }
    text
}

/// How quoters begin to name the command that was answered, the surest first, and in which words
/// they name it. Postfix, Exim, Sendmail and Exchange differ in little more than the first words.
const NAMED: [&str; 6] = ["in reply to", "in response to", "after pipelined", "after", "while sending", "while"];
const COMMANDS: [(&str, Phase); 19] = [
    ("RCPT", Phase::Rcpt),
    ("MAIL", Phase::Mail),
    ("end of DATA", Phase::Dot),
    ("end of data", Phase::Dot),
    ("pipelined end of data", Phase::Dot),
    ("message body", Phase::Dot),
    ("receiving the message", Phase::Dot),
    ("DATA", Phase::Data),
    ("pipelined DATA", Phase::Data),
    ("EHLO", Phase::Ehlo),
    ("HELO", Phase::Ehlo),
    ("LHLO", Phase::Ehlo),
    ("performing the EHLO", Phase::Ehlo),
    ("performing the HELO", Phase::Ehlo),
    ("STARTTLS", Phase::StartTls),
    ("AUTH", Phase::Auth),
    ("initial connection", Phase::Connect),
    ("receiving the initial", Phase::Connect),
    ("performing the initial", Phase::Connect),
];

/// What a quoter says around the reply: the command that was answered, and the host. Both stand
/// behind a word and a blank.
#[inline(never)]
fn named(text: &str) -> (Option<Phase>, Option<&str>) {
    let mut phase: Option<(usize, Phase)> = None;
    let (mut host, mut hosts) = (None, 0);
    for at in memchr::memchr_iter(b' ', text.as_bytes()) {
        let (before, rest) = (&text.as_bytes()[..at], &text[at + 1..]);
        match before.last() {
            Some(b't') if hosts == 0 && before.ends_with(b"host") => {
                hosts += 1;
                host = host_at(rest);
            }
            Some(b'o' | b'd' | b'r' | b'g' | b'e') => {
                let named = NAMED.iter().position(|words| before.ends_with(words.as_bytes()));
                // The surest words count, whatever their order.
                if let Some(rank) = named.filter(|rank| phase.is_none_or(|(best, _)| *rank < best)) {
                    let command = COMMANDS.iter().find(|(command, _)| rest.starts_with(command));
                    phase = command.map(|(_, of)| (rank, *of)).or(phase);
                }
            }
            _ => {}
        }
    }
    (phase.map(|(_, phase)| phase), host)
}

/// The host in `host mx.example.com[192.0.2.1] said:` and in Exim's `host mx.example.com [192.0.2.1]:`.
fn host_at(rest: &str) -> Option<&str> {
    let end = rest.find([' ', '[', ':', ',', ')'])?;
    let after = rest[end..].trim_start();
    (end > 3 && rest[..end].contains('.') && after.starts_with('[')).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_they_are_quoted() {
        let table = [
            ("550 5.1.1 no such user", "550 5.1.1 - no such user"),
            ("550 no such user", "550 - - no such user"),
            ("smtp; 550-5.7.1 one\r\n550 5.7.1 two", "550 5.7.1 - one two"),
            ("550-5.7.26 one 550-5.7.26 two 550 5.7.26 three", "550 5.7.26 - one two three"),
            ("550-SPF-check failed: 550 example.com says no", "550 - - SPF-check failed: 550 example.com says no"),
            ("\"550 #5.1.0 Address rejected.\"", "550 5.1.0 - Address rejected."),
            (
                "550 sorry, no mailbox here by that name. (#5.1.1)",
                "550 5.1.1 - sorry, no mailbox here by that name. (#5.1.1)",
            ),
            (
                "host a.example[192.0.2.1] said: 450 4.7.1 x (in reply to RCPT TO command)",
                "450 4.7.1 rcpt x (in reply to RCPT TO command)",
            ),
            (
                "SMTP error from remote mail server after end of data: host a.example [192.0.2.1]: 554 5.7.1 x",
                "554 5.7.1 dot x",
            ),
            ("Deferred: 451 4.3.0 x", "451 4.3.0 - x"),
            ("5.2.2 mailbox full", "- 5.2.2 - mailbox full"),
            ("Error, ERROR_CODE :421, ERROR_CODE :, x", "421 - - Error, ERROR_CODE :421, ERROR_CODE :, x"),
            (
                "lost connection with a.example[192.0.2.1] while sending RCPT TO",
                "- - rcpt lost connection with a.example[192.0.2.1] while sending RCPT TO",
            ),
            (
                "connect to a.example[192.0.2.1]:25: No route to host",
                "- - - connect to a.example[192.0.2.1]:25: No route to host",
            ),
            ("version 5.4.2b of 450.1.2.3 at 10.5.1.1", "- - - version 5.4.2b of 450.1.2.3 at 10.5.1.1"),
            ("rejected with 550 and no more", "550 - - rejected with 550 and no more"),
            ("550", "550 - - "),
            ("", "- - - "),
        ];
        for (quoted, want) in table {
            let said = Said::parse(quoted);
            let code = said.code.map_or("-".to_owned(), |code| code.to_string());
            let enhanced = said.enhanced.map_or("-".to_owned(), |status| status.to_string());
            let phase = said.phase.map_or("-", Phase::name);
            assert_eq!(format!("{code} {enhanced} {phase} {}", said.text), want, "{quoted:?}");
        }
    }

    #[test]
    fn hosts_are_named_by_the_quoter() {
        let table = [
            ("host mx.example.com[192.0.2.1] said: 550 x", Some("mx.example.com")),
            ("host mx.example.com [192.0.2.1]: 550 x", Some("mx.example.com")),
            ("550 host unknown", None),
            ("550 no host here [x]", None),
        ];
        for (quoted, want) in table {
            assert_eq!(Said::parse(quoted).host, want, "{quoted:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = "ü".repeat(SAID_BYTES_MAX);
        assert!(Said::parse(&long).text.len() <= SAID_BYTES_MAX);
    }
}
