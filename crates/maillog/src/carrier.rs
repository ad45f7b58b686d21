//! What carries a server's words: syslog in its three shapes, and the prefixes of containers.

use crate::record::Server;
use crate::stamp::Calendar;
use postrider_smtp::Timestamp;

/// A server's words, without what carried them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) at: Option<Timestamp>,
    /// The host that wrote the line; empty where that is not said.
    pub(crate) host: &'a str,
    /// The program that wrote it, such as `postfix/smtp`; empty where that is not said.
    pub(crate) program: &'a str,
    pub(crate) text: &'a str,
}

/// Reads a line of syslog: RFC 5424, RFC 3164, and the latter with stamps as in RFC 3339.
pub(crate) fn syslog<'a>(line: &'a str, calendar: &Calendar) -> Option<Entry<'a>> {
    let line = match line.strip_prefix('<') {
        Some(rest) => {
            // The priority: at most 191 (RFC 5424 §6.2.1).
            let (priority, rest) = rest.split_once('>')?;
            priority.parse::<u8>().ok()?;
            match rest.strip_prefix("1 ") {
                Some(rest) => return rfc5424(rest, calendar),
                None => rest,
            }
        }
        None => line,
    };
    let (at, rest) = calendar.syslog(line).or_else(|| calendar.iso(line))?;
    let entry = tagged(rest.trim_start_matches(' '))?;
    Some(Entry { at: Some(at), ..entry })
}

/// `host program[pid]: text`, also without the host.
pub(crate) fn tagged(rest: &str) -> Option<Entry<'_>> {
    let (host, rest) = match rest.split_once(' ')? {
        (tag, _) if tag.ends_with(':') => ("", rest),
        halves => halves,
    };
    let bytes = rest.as_bytes();
    let end = bytes.iter().position(|byte| matches!(byte, b':' | b'[' | b' '))?;
    let program = &rest[..end];
    let behind = match bytes[end] {
        b'[' => end + memchr::memchr(b']', &bytes[end..])? + 1,
        _ => end,
    };
    let text = rest[behind..].strip_prefix(':').unwrap_or(&rest[behind..]);
    Some(Entry { at: None, host, program, text: without_solaris_id(text.trim_start_matches(' ')) })
}

/// `[ID 801593 mail.info] text`, as Solaris and its kin have it.
fn without_solaris_id(text: &str) -> &str {
    match text.strip_prefix("[ID ").and_then(|rest| rest.split_once("] ")) {
        Some((_, text)) => text,
        None => text,
    }
}

/// `stamp host program pid id [structured data] text` (RFC 5424 §6).
fn rfc5424<'a>(rest: &'a str, calendar: &Calendar) -> Option<Entry<'a>> {
    let mut parts = rest.splitn(6, ' ');
    let at = calendar.iso(parts.next()?).map(|(at, _)| at);
    let (host, program, _, _) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let text = without_structured_data(parts.next()?);
    // The text may begin with a byte order mark (RFC 5424 §6.4).
    Some(Entry { at, host, program, text: text.trim_start_matches([' ', '\u{feff}']) })
}

fn without_structured_data(text: &str) -> &str {
    if let Some(text) = text.strip_prefix('-') {
        return text;
    }
    let (mut inside, mut in_quotes, mut escaped) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_quotes = !in_quotes,
            b'[' if !in_quotes => inside = true,
            b']' if !in_quotes => inside = false,
            _ if !inside => return &text[at..],
            _ => {}
        }
    }
    ""
}

/// What a container's runtime puts before a line: `stdout F ` of Kubernetes behind its stamp.
pub(crate) fn without_stream(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("stdout ").or_else(|| text.strip_prefix("stderr "))?;
    rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P "))
}

/// What `docker compose logs` puts before a line: `mail-1  | `.
pub(crate) fn without_service(line: &str) -> Option<&str> {
    const SERVICE_BYTES_MAX: usize = 64;
    let head = &line[..line.floor_char_boundary(SERVICE_BYTES_MAX)];
    let (name, _) = head.split_once(" | ")?;
    let plain = name.trim_end().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    plain.then(|| &line[name.len() + 3..])
}

/// Postfix's programs: what stands last in its tag, whatever an instance calls itself.
const POSTFIX: [&str; 26] = [
    "smtp",
    "smtpd",
    "qmgr",
    "cleanup",
    "local",
    "lmtp",
    "virtual",
    "pipe",
    "pickup",
    "bounce",
    "error",
    "retry",
    "discard",
    "postscreen",
    "anvil",
    "scache",
    "master",
    "trivial-rewrite",
    "proxymap",
    "tlsmgr",
    "tlsproxy",
    "verify",
    "dnsblog",
    "postsuper",
    "sendmail",
    "oqmgr",
];

/// Whose words a program's are, and the part of the server that speaks.
pub(crate) fn server_of(program: &str) -> Option<(Server, &str)> {
    if let Some((instance, service)) = program.rsplit_once('/') {
        let known = instance.starts_with("postfix") || POSTFIX.contains(&service);
        return known.then_some((Server::Postfix, service));
    }
    let server = match program {
        "sendmail" | "sm-mta" | "sm-msp-queue" | "sm-que" | "sm-msp" => Server::Sendmail,
        "smtpd" | "opensmtpd" => Server::OpenSmtpd,
        "qmail" | "qmail-send" | "qmail-smtpd" => Server::Qmail,
        "haraka" | "Haraka" => Server::Haraka,
        "postrider" => Server::Postrider,
        _ if program.starts_with("exim") => Server::Exim,
        _ => return None,
    };
    Some((server, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_taken_off() {
        let table = [
            ("Nov 24 09:12:01 mx1 postfix/smtp[8]: A: to=<x>", ("mx1", "postfix/smtp", "A: to=<x>")),
            ("<22>Nov 24 09:12:01 mx1 postfix/smtp[8]: A", ("mx1", "postfix/smtp", "A")),
            ("Nov 24 09:12:01 postfix/smtp[8]: A", ("", "postfix/smtp", "A")),
            ("Nov 24 09:12:01 mx1 exim: A", ("mx1", "exim", "A")),
            ("Nov 24 09:12:01 mx1 sendmail[1]: [ID 801593 mail.info] A", ("mx1", "sendmail", "A")),
            ("2026-11-24T09:12:01.123456+01:00 mx1 postfix/smtp[8]: A", ("mx1", "postfix/smtp", "A")),
            ("<22>1 2026-11-24T09:12:01Z mx1 postfix/smtp 8 - - A", ("mx1", "postfix/smtp", "A")),
            ("<22>1 2026-11-24T09:12:01Z mx1 smtpd 8 - [a@1 b=\"]\\\"\"][c d=\"e\"] A", ("mx1", "smtpd", "A")),
            ("<22>1 - mx1 smtpd - - - \u{feff}A", ("mx1", "smtpd", "A")),
        ];
        let calendar = Calendar::default();
        for (line, want) in table {
            let entry = syslog(line, &calendar).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((entry.host, entry.program, entry.text), want, "{line}");
        }
        for line in
            ["", "<", "<999>1 x", "Nov 24 09:12:01 ", "Nov 24 09:12:01 mx1", "<22>1 2026", "Nov 24 09:12:01 mx1 a[b"]
        {
            assert!(syslog(line, &calendar).is_none(), "{line}");
        }
    }

    #[test]
    fn the_tag_names_the_server() {
        assert_eq!(server_of("postfix/submission/smtpd"), Some((Server::Postfix, "smtpd")));
        assert_eq!(server_of("postfix-out/smtp"), Some((Server::Postfix, "smtp")));
        assert_eq!(server_of("mta3/qmgr"), Some((Server::Postfix, "qmgr")));
        assert_eq!(server_of("exim4"), Some((Server::Exim, "exim4")));
        assert_eq!((server_of("dovecot"), server_of("a/b")), (None, None));
        assert_eq!(without_service("mail-1  | Nov 24"), Some("Nov 24"));
        assert_eq!((without_service("a b | c"), without_service("no")), (None, None));
    }
}
