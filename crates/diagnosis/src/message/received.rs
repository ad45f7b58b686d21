//! A Received field (RFC 5321 §4.4), as the world writes it.
//!
//! Postfix, Exim, Sendmail, qmail, Exchange, Gmail and their kin differ in where they put the
//! address and the name that goes with it: before or in parentheses, with `helo=` or `HELO`,
//! with brackets or without. All are read by the same few rules: words outside parentheses make
//! clauses; in a `from` clause the first word is what the client called itself, and the address
//! is the first one in the parentheses behind it.

use std::net::{IpAddr, Ipv6Addr};

/// A longer field is cut off here.
const FIELD_BYTES_MAX: usize = 8 * 1024;

/// Names and addresses are cut off here, where none can be longer (RFC 5321 §4.5.3.1).
pub(super) const NAME_BYTES_MAX: usize = 320;

/// One handing over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// What the client called itself.
    pub helo: Option<String>,
    /// What its address is called, if the server says so.
    pub name: Option<String>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Who took the message.
    pub by: Option<String>,
    /// By which protocol, as in `ESMTPS`.
    pub with: Option<String>,
    /// The TLS version, as in `TLSv1.3`.
    pub tls: Option<String>,
    /// The queue id.
    pub id: Option<String>,
    /// For whom.
    pub recipient: Option<String>,
    /// The envelope's sender, where the server says so.
    pub sender: Option<String>,
    /// When, in seconds since 1970.
    pub at: Option<i64>,
}

/// A word, or what stands in parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Word(String),
    Aside(String),
}

/// Reads a field's value.
pub fn read(value: &str) -> Received {
    let value = cut(value, FIELD_BYTES_MAX);
    let (clauses, date) = split_date(value);
    let mut received = Received { at: date.and_then(when), ..Received::default() };
    let pieces = pieces(clauses);
    let mut clause = "";
    let mut words = 0;
    for piece in &pieces {
        match piece {
            Piece::Word(word) => {
                let lower = word.to_ascii_lowercase();
                match ["from", "by", "with", "id", "for", "via", "tls"].into_iter().find(|known| *known == lower) {
                    // `for` and the like behind their own keyword are values, as in `by with.example`.
                    Some(known) if clause != known => {
                        (clause, words) = (known, 0);
                    }
                    _ => {
                        word_of(&mut received, clause, words, word);
                        words += 1;
                    }
                }
            }
            Piece::Aside(text) => aside(&mut received, clause, text),
        }
    }
    if received.ip.is_none() {
        received.ip = received.helo.as_deref().and_then(address);
    }
    received
}

fn word_of(received: &mut Received, clause: &str, words: usize, word: &str) {
    let bare = cut(word.trim_matches(['<', '>', ',']), NAME_BYTES_MAX);
    match (clause, words) {
        ("from", 0) => {
            received.helo = Some(bare.to_owned());
            if bare.starts_with('[') {
                received.ip = address(bare);
            }
        }
        // qmail and some others put the address behind without parentheses.
        ("from", _) if received.ip.is_none() => received.ip = address(bare),
        ("by", 0) => received.by = Some(bare.trim_end_matches('.').to_owned()),
        ("with", 0) => received.with = Some(bare.to_owned()),
        // `with Microsoft SMTP Server`, `with HTTP`, `with local-generated`.
        ("with", 1 | 2) if received.with.as_deref() == Some("Microsoft") && bare.eq_ignore_ascii_case("SMTP") => {
            received.with = Some("SMTP".into());
        }
        ("id", 0) => received.id = Some(bare.to_owned()),
        ("for", 0) => received.recipient = Some(bare.to_owned()),
        ("tls", 0) if received.tls.is_none() => received.tls = tls(bare),
        _ => {}
    }
}

/// What stands in parentheses: a name and an address behind `from`, TLS and a sender anywhere.
fn aside(received: &mut Received, clause: &str, text: &str) {
    if received.tls.is_none() {
        received.tls = tls(text);
    }
    let words: Vec<&str> = text.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty()).collect();
    for (index, word) in words.iter().map(|word| cut(word, NAME_BYTES_MAX)).enumerate() {
        let lower = word.to_ascii_lowercase();
        let next = words.get(index + 1).map(|next| cut(next, NAME_BYTES_MAX));
        let sender = lower.strip_prefix("envelope-from").or_else(|| lower.strip_prefix("envelope-sender"));
        if let Some(rest) = sender {
            let at = word.len() - rest.len();
            let inline = word.get(at..).unwrap_or_default().trim_start_matches('=');
            let value = if inline.is_empty() { next.unwrap_or_default() } else { inline };
            received.sender = Some(value.trim_matches(['<', '>']).to_owned());
        }
        if clause != "from" {
            continue;
        }
        if let Some(helo) = lower.strip_prefix("helo=") {
            let helo = word.get(word.len() - helo.len()..).unwrap_or_default();
            // Exim: the word before the parentheses is then the name of the address.
            received.name = received.helo.take().filter(|name| !name.starts_with('['));
            received.helo = Some(helo.trim_matches(['[', ']']).to_owned()).filter(|helo| !helo.is_empty());
        } else if lower == "helo" || lower == "ehlo" {
            received.helo = next.map(str::to_owned);
        } else if received.ip.is_none()
            && let Some(ip) = address(word)
        {
            received.ip = Some(ip);
        } else if index == 0 && received.name.is_none() && (lower == "unknown" || is_name(word)) {
            received.name = Some(word.trim_end_matches('.').to_owned());
        }
    }
}

/// Whether a word is a name of hosts; `unknown` is what is written when an address has none.
fn is_name(word: &str) -> bool {
    word.contains('.')
        && address(word).is_none()
        && word.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet))
}

/// `using TLSv1.3 with cipher …`, `version=TLS1_2`, `TLS1.3`, `(TLSv1.2:ECDHE…)`.
fn tls(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let at = upper.find("TLS").or_else(|| upper.find("SSLV"))?;
    let word: String =
        upper.get(at..)?.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).collect();
    let version = word.replace('_', ".");
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    if !word.starts_with("TLS") {
        return Some(version.to_ascii_uppercase());
    }
    // A cipher's name begins like a version, and goes on: TLS_AES_128_GCM_SHA256.
    (digits.starts_with('1') && digits.len() <= 3 && digits != "128")
        .then(|| format!("TLSv{}", if digits == "1" { "1.0" } else { digits }))
}

/// An address, with or without brackets, prefix, port.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim_matches(['(', ')', ',', ';']);
    let word = word.rsplit_once('@').map_or(word, |(_, host)| host);
    let bare = match word.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => word,
    };
    let bare =
        if bare.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("IPv6:")) { bare.get(5..)? } else { bare };
    let bare = bare.split('%').next()?;
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(ip.to_canonical());
    }
    // With a port behind it: 192.0.2.1:2525.
    let (host, port) = bare.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    host.parse::<std::net::Ipv4Addr>().ok().map(IpAddr::V4).or_else(|| host.parse::<Ipv6Addr>().ok().map(IpAddr::V6))
}

/// Words and what stands in parentheses, nested ones within.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut word = String::new();
    let mut inside = String::new();
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '(' => {
                if depth > 0 {
                    inside.push(' ');
                } else if !word.is_empty() {
                    pieces.push(Piece::Word(std::mem::take(&mut word)));
                }
                depth += 1;
            }
            ')' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    pieces.push(Piece::Aside(std::mem::take(&mut inside)));
                } else {
                    inside.push(' ');
                }
            }
            c if depth > 0 => inside.push(c),
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    pieces.push(Piece::Word(std::mem::take(&mut word)));
                }
            }
            c => word.push(c),
        }
    }
    if depth > 0 {
        pieces.push(Piece::Aside(inside));
    }
    if !word.is_empty() {
        pieces.push(Piece::Word(word));
    }
    pieces
}

/// The date stands behind the last semicolon outside of parentheses.
fn split_date(value: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    let mut last = None;
    for (at, c) in value.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => last = Some(at),
            _ => {}
        }
    }
    let last = last.or_else(|| value.rfind(';'));
    last.map_or((value, None), |at| (value.get(..at).unwrap_or_default(), value.get(at + 1..)))
}

/// A date as mail writes it, in seconds since 1970.
pub fn when(text: &str) -> Option<i64> {
    let text = cut(text.trim(), 200);
    let date = mail_parser::DateTime::parse_rfc822(text).filter(mail_parser::DateTime::is_valid)?;
    Some(date.to_timestamp())
}

pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> String {
        let r = read(value);
        let text = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        format!(
            "{} {} {} > {} {} {} {}",
            text(r.helo),
            text(r.name),
            text(r.ip.map(|ip| ip.to_string())),
            text(r.by),
            text(r.with),
            text(r.tls),
            text(r.at.map(|at| at.to_string()))
        )
    }

    #[test]
    fn as_servers_write_it() {
        let date = "Fri, 27 Nov 2026 12:00:00 +0000";
        let table = [
            (
                "from mail.a.example (mail.a.example [192.0.2.1]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519) (No client certificate requested) by mx.b.example (Postfix) with ESMTPS id 4X1 for <tom@b.example>",
                "mail.a.example mail.a.example 192.0.2.1 > mx.b.example ESMTPS TLSv1.3",
            ),
            (
                "from mail.a.example ([2001:db8::1]:45678 helo=mta1.a.example) by mx.b.example with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.97) (envelope-from <ann@a.example>) id 1r-x",
                "mta1.a.example mail.a.example 2001:db8::1 > mx.b.example esmtps TLSv1.3",
            ),
            (
                "from [192.0.2.7] (helo=laptop) by mx.b.example with esmtpsa id 1x",
                "laptop - 192.0.2.7 > mx.b.example esmtpsa -",
            ),
            (
                "from AM7P.eurprd05.prod.outlook.com (2603:10a6:20b:52::1) by DB8P.eurprd05.prod.outlook.com (2603:10a6:10:1::2) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.1",
                "AM7P.eurprd05.prod.outlook.com - 2603:10a6:20b:52::1 > DB8P.eurprd05.prod.outlook.com SMTP TLSv1.2",
            ),
            (
                "from mta.a.example (mta.a.example. [192.0.2.9]) by mx.google.com with ESMTPS id x for <t@b.example> (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128)",
                "mta.a.example mta.a.example 192.0.2.9 > mx.google.com ESMTPS TLSv1.3",
            ),
            ("by 2002:a05:6a10:1 with SMTP id abc", "- - - > 2002:a05:6a10:1 SMTP -"),
            (
                "from unknown (HELO mail.a.example) (192.0.2.3) by mx.b.example with SMTP",
                "mail.a.example - 192.0.2.3 > mx.b.example SMTP -",
            ),
            (
                "from x.a.example (x.a.example [IPv6:2001:db8::5] (may be forged)) by mx.b.example (8.17.1/8.17.1) with ESMTP id 1",
                "x.a.example x.a.example 2001:db8::5 > mx.b.example ESMTP -",
            ),
            ("(qmail 123 invoked by uid 89)", "- - - > - - -"),
            ("from localhost (localhost [127.0.0.1]) by b.example (Postfix)", "localhost - 127.0.0.1 > b.example - -"),
            ("", "- - - > - - -"),
        ];
        for (value, want) in table {
            assert_eq!(told(&format!("{value}; {date}")), format!("{want} 1795780800"), "{value}");
        }
        assert_eq!(read("from a (b [1.2.3.4]) by c with SMTP (envelope-from <x@y>); x").sender.as_deref(), Some("x@y"));
        assert_eq!(read("from a by b; yesterday").at, None);
    }
}
