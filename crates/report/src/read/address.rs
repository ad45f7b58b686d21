//! Mail addresses in running text, and in the forms that reports give them.
//!
//! What is found is what a person would take for an address; whether a server would is not
//! asked, since recipients bounce for their odd addresses more than for anything else.

use memchr::memchr;

/// RFC 5321 §4.5.3.1.1 and .2, with room for those who disagree.
const LOCAL_BYTES_MAX: usize = 256;
const DOMAIN_BYTES_MAX: usize = 255;

/// An address in a line, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) address: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The addresses in a line, from left to right.
pub(super) fn all(line: &str) -> impl Iterator<Item = Found<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + memchr(b'@', line.as_bytes().get(from..)?)?;
            let found = around(line, from, at);
            from = found.map_or(at + 1, |found| found.end);
            if found.is_some() {
                return found;
            }
        }
    })
}

/// The first address of a line.
pub(super) fn first(line: &str) -> Option<Found<'_>> {
    all(line).next()
}

/// The address around the `@`, not reaching before `from`.
fn around(line: &str, from: usize, at: usize) -> Option<Found<'_>> {
    let before = &line[from..at];
    let start = from + if before.ends_with('"') { quoted_start(before)? } else { local_start(before) };
    let end = at + 1 + domain_length(&line[at + 1..]);
    let local = &line[start..at];
    let domain = &line[at + 1..end];
    let sound = !local.is_empty()
        && local.len() <= LOCAL_BYTES_MAX
        && !domain.is_empty()
        && domain.len() <= DOMAIN_BYTES_MAX
        && domain.chars().any(|c| c.is_alphanumeric() || c == ':');
    sound.then(|| Found { address: &line[start..end], start, end })
}

/// Where a quoted local part begins: at the quote before the last one.
fn quoted_start(before: &str) -> Option<usize> {
    let inner = &before[..before.len() - 1];
    inner.rfind('"').filter(|at| before.len() - at > 2)
}

fn local_start(before: &str) -> usize {
    let mut start = before.len();
    for (at, c) in before.char_indices().rev() {
        let belongs = match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => true,
            '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_' | '`' | '{' | '|'
            | '}' | '~' | '.' => true,
            c => !c.is_ascii() && c.is_alphanumeric(),
        };
        if !belongs || before.len() - at > LOCAL_BYTES_MAX {
            break;
        }
        start = at;
    }
    // Marks that people put before an address.
    let marks = before[start..].len()
        - before[start..].trim_start_matches(['*', '\'', '-', '=', '|', '`', '.', '/', '#']).len();
    // X.400 names the internet address `SMTP=tom@x.example`.
    let marks = if super::mime::starts(&before[start + marks..], "smtp=") { marks + 5 } else { marks };
    // `=?charset?B?…?=@` begins with such a mark and is one.
    if before[start..].starts_with("=?") { start } else { start + marks }
}

fn domain_length(after: &str) -> usize {
    if after.starts_with('[') {
        return after.find(']').map_or(0, |end| end + 1);
    }
    let mut end = 0;
    let mut latin = false;
    for (at, c) in after.char_indices() {
        let belongs = match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => {
                latin = c != '.';
                true
            }
            // Chinese and Japanese put no blank behind an address.
            '\u{2E80}'.. if latin => false,
            c => !c.is_ascii() && c.is_alphanumeric(),
        };
        if !belongs || at >= DOMAIN_BYTES_MAX {
            break;
        }
        end = at + c.len_utf8();
    }
    after[..end].trim_end_matches(['.', '-', '_']).len()
}

/// A mail system's own address: never the recipient when there is another candidate.
pub(super) fn is_daemon(address: &str) -> bool {
    const NAMES: [&str; 9] = [
        "mailer-daemon",
        "postmaster",
        "mailerdaemon",
        "mail-daemon",
        "post_master",
        "mailmaster",
        "hostmaster",
        "abuse",
        "double-bounce",
    ];
    let local = address.split('@').next().unwrap_or(address);
    NAMES.iter().any(|name| local.eq_ignore_ascii_case(name))
}

/// The bare address in a field of a report: `rfc822; <tom@x.example> (Tom)`, `<tom@x.example>`,
/// `utf-8; t\x{F6}m@x.example`. A name without a domain is kept as it is; the empty text where
/// there is nothing.
pub(super) fn of_field(value: &str) -> String {
    let (kind, rest) = match value.split_once(';') {
        Some((kind, rest)) if !kind.contains(['@', '<', '"']) => (kind.trim(), rest.trim()),
        _ => ("", value.trim()),
    };
    let text =
        if kind.eq_ignore_ascii_case("utf-8") || rest.contains("\\x{") { from_unitext(rest) } else { rest.to_owned() };
    let inner = match (text.find('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => text[open + 1..close].trim(),
        _ => text.trim(),
    };
    if let Some(found) = first(inner) {
        // A source route (RFC 5321 appendix C): the last address is the one.
        let last = if inner.starts_with('@') { all(inner).last().unwrap_or(found) } else { found };
        return from_xtext(last.address);
    }
    // Without a domain: the word alone, no comment.
    let word = inner.split(['(', ' ', '\t', ',']).next().unwrap_or_default().trim_matches(['"', '\'', '<', '>']);
    let undone = if word.contains("+40") { from_xtext(word) } else { word.to_owned() };
    first(&undone).map_or(undone.clone(), |found| found.address.to_owned())
}

/// Undoes `\x{…}` (RFC 6533 §3: utf-8-addr-xtext and unitext).
fn from_unitext(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x{") {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 3..];
        let sign = after
            .split_once('}')
            .and_then(|(hex, rest)| Some((u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?, rest)));
        match sign {
            Some((c, after)) if !c.is_control() => {
                plain.push(c);
                rest = after;
            }
            _ => {
                plain.push_str("\\x{");
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Undoes xtext (RFC 3461 §4) where nothing else can be meant: the signs that xtext must write so.
/// A plain `+20` may well be the tag of an address.
fn from_xtext(text: &str) -> String {
    if !text.contains('+') {
        return text.to_owned();
    }
    text.replace("+2B", "+").replace("+3D", "=").replace("+40", if text.contains('@') { "+40" } else { "@" })
}
