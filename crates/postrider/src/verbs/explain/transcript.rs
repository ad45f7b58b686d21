//! Both sides of an SMTP session, pasted from telnet, swaks, a library's debug log or a bounce:
//! each reply of the server with the command that it answers.
//!
//! The order of replies is the order of commands (RFC 2920 §3.1), so commands wait in a queue.

use super::guess::reply_line;
use postrider_smtp::Phase;
use std::collections::VecDeque;

/// The most replies that are told one by one.
const REPLIES_MAX: usize = 500;
/// How many lines are looked at to tell a session from other text.
const LINES_LOOKED_AT: usize = 400;

/// A reply and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    /// The command without its secrets; empty for the greeting.
    pub(super) command: String,
    /// Where in the session; `None` for QUIT, RSET, NOOP and what comes unasked.
    pub(super) phase: Option<Phase>,
    /// The lines of the reply.
    pub(super) reply: String,
}

/// What is read from a session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) turns: Vec<Turn>,
    /// The command that no reply came to, and its phase.
    pub(super) unanswered: Option<(String, Phase)>,
    /// What the program said at the end, such as `Connection closed by foreign host.`
    pub(super) last_words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
    Neither,
}

/// How programs mark the sides; a longer mark stands before its own beginning.
const MARKS: [(&str, Side); 24] = [
    ("<<<", Side::Server),
    (">>>", Side::Client),
    ("-->", Side::Client),
    ("<--", Side::Server),
    ("SMTP<<", Side::Server),
    ("SMTP>>", Side::Client),
    ("<**", Side::Server),
    ("**>", Side::Client),
    ("<~*", Side::Server),
    ("<~", Side::Server),
    ("~>", Side::Client),
    ("<-", Side::Server),
    ("->", Side::Client),
    ("<=", Side::Server),
    ("=>", Side::Client),
    ("reply: b'", Side::Server),
    ("send: '", Side::Client),
    ("C: ", Side::Client),
    ("S: ", Side::Server),
    ("In:", Side::Client),
    ("Out:", Side::Server),
    ("< ", Side::Server),
    ("> ", Side::Client),
    ("R: ", Side::Server),
];
/// Marks that stand behind a time or a name.
const MARKS_WITHIN: [(&str, Side); 4] = [
    ("SERVER -> CLIENT: ", Side::Server),
    ("CLIENT -> SERVER: ", Side::Client),
    ("] S: ", Side::Server),
    ("] C: ", Side::Client),
];

/// Whether a text is such a session: at least one reply of the server and one command to it.
pub(super) fn looks_like(text: &str) -> bool {
    let (mut replies, mut commands) = (0, 0);
    for line in text.lines().take(LINES_LOOKED_AT) {
        match side(line) {
            (Side::Server, rest) => replies += usize::from(reply_line(rest).is_some()),
            (Side::Client, rest) => commands += usize::from(command(rest).is_some()),
            (Side::Neither, _) => {}
        }
    }
    replies > 0 && commands > 0
}

/// Whose line it is, and the line without its mark.
fn side(line: &str) -> (Side, &str) {
    let line = line.trim();
    for (mark, side) in MARKS_WITHIN {
        if let Some(at) = line.find(mark) {
            return (side, line[at + mark.len()..].trim());
        }
    }
    let marked = MARKS.iter().find_map(|(mark, side)| Some((*side, line.strip_prefix(mark)?)));
    if let Some((side, rest)) = marked {
        // A library's debug output quotes the line end as well.
        let rest = rest.trim().trim_end_matches(['\'', '"']).trim_end_matches("\\n").trim_end_matches("\\r");
        return (side, rest.trim());
    }
    if reply_line(line).is_some() {
        (Side::Server, line)
    } else if command(line).is_some() {
        (Side::Client, line)
    } else {
        (Side::Neither, line)
    }
}

/// Which phase a command belongs to; the inner `None` for commands that decide nothing.
#[expect(clippy::option_option, reason = "no command, and a command of no phase, are two things")]
fn command(line: &str) -> Option<Option<Phase>> {
    let upper = line.get(..line.floor_char_boundary(12))?.to_ascii_uppercase();
    let (verb, rest) = upper.split_once([' ', '\t']).unwrap_or((upper.as_str(), ""));
    Some(match verb {
        "EHLO" | "HELO" | "LHLO" => Some(Phase::Ehlo),
        "STARTTLS" if rest.is_empty() => Some(Phase::StartTls),
        "AUTH" if !rest.is_empty() => Some(Phase::Auth),
        "MAIL" if rest.trim_start().starts_with("FROM") => Some(Phase::Mail),
        "RCPT" if rest.trim_start().starts_with("TO") => Some(Phase::Rcpt),
        "DATA" if rest.is_empty() => Some(Phase::Data),
        "BDAT" if rest.starts_with(|c: char| c.is_ascii_digit()) => Some(Phase::Dot),
        "QUIT" | "RSET" | "NOOP" if rest.is_empty() => None,
        "VRFY" | "EXPN" | "HELP" | "XCLIENT" | "XFORWARD" => None,
        _ => return None,
    })
}

/// The command as it may be shown: without user name and password.
fn without_secrets(line: &str, phase: Option<Phase>) -> String {
    match phase {
        Some(Phase::Auth) => line.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
        _ => line.chars().take(200).collect(),
    }
}

/// Reads a session.
pub(super) fn read(text: &str) -> Session {
    let mut session = Session::default();
    let mut waiting: VecDeque<(String, Option<Phase>)> = VecDeque::new();
    // The message itself is left out when its end is to be seen; its lines may look like replies.
    let end_is_shown = text.lines().any(|line| side(line).1 == ".");
    let mut in_message = false;
    let mut open = String::new();
    for line in text.lines() {
        let (side, rest) = side(line);
        if in_message {
            in_message = rest != ".";
            continue;
        }
        match side {
            Side::Client => {
                if let Some(phase) = command(rest) {
                    waiting.push_back((without_secrets(rest, phase), phase));
                }
            }
            Side::Server => {
                let Some((digits, more)) = reply_line(rest) else { continue };
                if !open.is_empty() {
                    open.push('\n');
                }
                open.push_str(rest);
                if more || session.turns.len() >= REPLIES_MAX {
                    continue;
                }
                let first = session.turns.is_empty() && waiting.is_empty();
                let greeting = (String::new(), first.then_some(Phase::Connect));
                let greets = session.turns.is_empty() && digits == "220";
                let (command, phase) = if greets {
                    (String::new(), Some(Phase::Connect))
                } else {
                    waiting.pop_front().unwrap_or(greeting)
                };
                match digits {
                    "334" => waiting.push_front((command.clone(), Some(Phase::Auth))),
                    "354" => {
                        waiting.push_front((".".to_owned(), Some(Phase::Dot)));
                        in_message = end_is_shown;
                    }
                    _ => {}
                }
                session.turns.push(Turn { command, phase, reply: std::mem::take(&mut open) });
                session.last_words.clear();
            }
            Side::Neither if !rest.is_empty() => {
                session.last_words = rest.chars().take(500).collect();
            }
            Side::Neither => {}
        }
    }
    session.unanswered = waiting.into_iter().find_map(|(command, phase)| Some((command, phase?)));
    session
}

impl Session {
    /// The reply that decides: the first that fails (RFC 2920 §3.1), unless a later one of the
    /// same phase is a success: EHLO after HELO, one AUTH mechanism after another.
    pub(super) fn cause(&self) -> Option<usize> {
        let failed =
            |turn: &Turn| turn.reply.starts_with(['4', '5']) && (turn.phase.is_some() || turn.command.is_empty());
        let mended = |at: usize| {
            let phase = self.turns[at].phase;
            let may = matches!(phase, Some(Phase::Ehlo | Phase::StartTls | Phase::Auth));
            may && self.turns[at + 1..].iter().any(|later| later.phase == phase && later.reply.starts_with('2'))
        };
        let first = self.turns.iter().enumerate().position(|(at, turn)| failed(turn) && !mended(at));
        first.or_else(|| {
            let dot = self.turns.iter().rposition(|turn| turn.phase == Some(Phase::Dot));
            let last = || self.turns.iter().rposition(|turn| turn.phase.is_some());
            if self.unanswered.is_some() { None } else { dot.or_else(last) }
        })
    }
}

/// The address in `RCPT TO:<a@example.com>`.
pub(super) fn recipient(command: &str) -> Option<String> {
    let upper = command.get(..8)?.to_ascii_uppercase();
    let rest = (upper == "RCPT TO:").then(|| command[8..].trim())?;
    let rest = rest.strip_prefix('<').unwrap_or(rest);
    let end = rest.find(['>', ' ']).unwrap_or(rest.len());
    Some(rest[..end].to_owned()).filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> String {
        let session = read(text);
        session.cause().map_or_else(
            || format!("{:?} {}", session.unanswered, session.last_words),
            |at| {
                let turn = &session.turns[at];
                format!("{} {}", turn.phase.map_or("-", Phase::name), turn.reply)
            },
        )
    }

    #[test]
    fn the_first_reply_that_fails_is_the_cause() {
        let table = [
            (
                "220 a ESMTP\nEHLO b\n250 a\nMAIL FROM:<c@d.example>\n250 ok\nRCPT TO:<e@f.example>\n550 5.1.1 no\nQUIT\n221 bye",
                "rcpt 550 5.1.1 no",
            ),
            ("554 5.7.1 not you", "connect 554 5.7.1 not you"),
            (
                "S: 220 a\nC: EHLO b\nS: 250-a\nS: 250 PIPELINING\nC: MAIL FROM:<c@d.example>\nC: RCPT TO:<e@f.example>\nC: DATA\nS: 250 ok\nS: 550 no\nS: 503 no valid recipients",
                "rcpt 550 no",
            ),
            (
                "<-  220 a\n -> EHLO b\n<** 502 no\n -> HELO b\n<-  250 a\n -> MAIL FROM:<c@d.example>\n<** 451 4.7.1 wait\n",
                "mail 451 4.7.1 wait",
            ),
            (
                "220 a\nEHLO b\n250 a\nDATA\n354 go\nSubject: x\n550 is a number\n.\n554 5.7.1 spam",
                "dot 554 5.7.1 spam",
            ),
            ("220 a\nEHLO b\n250 a\nDATA\n354 go\n250 2.0.0 queued", "dot 250 2.0.0 queued"),
            ("220 a\nAUTH PLAIN AGFAYQ==\n535 5.7.8 no\nQUIT\n221 bye", "auth 535 5.7.8 no"),
            ("220 a\nAUTH LOGIN\n334 VXNlcm5hbWU6\nYWJj\n334 UGFzc3dvcmQ6\nYWJj\n535 no", "auth 535 no"),
            (">>> RCPT To:<e@f.example>\n<<< 550-a\n<<< 550 b", "rcpt 550-a\n550 b"),
            (
                "2026-11-24 SERVER -> CLIENT: 220 a\n2026-11-24 CLIENT -> SERVER: EHLO b\n2026-11-24 SERVER -> CLIENT: 421 no",
                "ehlo 421 no",
            ),
            (
                "220 a\nEHLO b\n250 a\nMAIL FROM:<c@d.example>\nConnection closed by foreign host.",
                "Some((\"MAIL FROM:<c@d.example>\", Mail)) Connection closed by foreign host.",
            ),
        ];
        for (text, want) in table {
            assert_eq!(cause(text), want, "{text:?}");
        }
    }

    #[test]
    fn passwords_are_not_kept() {
        let session = read("220 a\nAUTH PLAIN c2VjcmV0\n535 no");
        assert_eq!(session.turns[1].command, "AUTH PLAIN");
    }

    #[test]
    fn recipients_are_taken_from_commands() {
        assert_eq!(recipient("RCPT TO:<a@example.com> NOTIFY=NEVER").as_deref(), Some("a@example.com"));
        assert_eq!(recipient("rcpt to: a@example.com").as_deref(), Some("a@example.com"));
        assert_eq!((recipient("MAIL FROM:<>"), recipient("RCPT TO:")), (None, None));
    }
}
