//! The way of a mail from its header: who took it when (RFC 5321 §4.4), and what the last of them
//! thinks of its sender (RFC 8601).

use super::model::{Authentication, Hop};
use mail_parser::{HeaderName, HeaderValue, Host, MessageParser};

/// No mail takes more hops; RFC 5321 §6.3 has servers refuse at about a hundred.
const HOPS_MAX: usize = 100;

/// The hops, first to last. `taken_at` is when the first server took it, by our own clock in seconds.
pub(super) fn hops(header: &[u8], taken_at: Option<i64>) -> Vec<Hop> {
    let Some(mail) = MessageParser::new().parse_headers(header) else { return Vec::new() };
    let mut hops: Vec<Hop> = mail
        .headers()
        .iter()
        .filter(|header| header.name == HeaderName::Received)
        .filter_map(|header| match &header.value {
            HeaderValue::Received(received) => Some(Hop {
                from: received.from.as_ref().map(host).or_else(|| received.from_ip.map(|ip| ip.to_string())),
                by: received.by.as_ref().map(host),
                with: received.with.map(|with| format!("{with:?}")),
                at: received.date.as_ref().map(mail_parser::DateTime::to_timestamp),
                after_s: None,
            }),
            _ => None,
        })
        .take(HOPS_MAX)
        .collect();
    // The last to take it has written on top.
    hops.reverse();
    let mut before = taken_at;
    for hop in &mut hops {
        hop.after_s = before.zip(hop.at).map(|(before, at)| at.saturating_sub(before));
        before = hop.at.or(before);
    }
    hops
}

fn host(host: &Host<'_>) -> String {
    match host {
        Host::Name(name) => shown(name),
        Host::IpAddr(ip) => ip.to_string(),
    }
}

/// A name as it may go to a terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// What the topmost Authentication-Results says: those below may be anybody's (RFC 8601 §5).
pub(super) fn authentication(header: &[u8]) -> Option<Authentication> {
    let mail = MessageParser::new().parse_headers(header)?;
    let field = mail.headers().iter().find(|header| header.name().eq_ignore_ascii_case("Authentication-Results"))?;
    let text = mail.raw_message.get(field.offset_start as usize..field.offset_end as usize)?;
    let text = without_comments(&String::from_utf8_lossy(text));
    let mut parts = text.split(';').map(str::trim);
    let by = shown(parts.next()?.split_whitespace().next()?);
    let mut found = Authentication { by, ..Authentication::default() };
    for part in parts {
        let Some((method, result)) = part.split_whitespace().next().and_then(|word| word.split_once('=')) else {
            continue;
        };
        let slot = match method.to_ascii_lowercase().as_str() {
            "spf" => &mut found.spf,
            "dkim" => &mut found.dkim,
            "dmarc" => &mut found.dmarc,
            _ => continue,
        };
        let result = shown(&result.to_ascii_lowercase());
        // One good signature among several is enough (RFC 6376 §4.2).
        if slot.is_none() || result == "pass" {
            *slot = Some(result);
        }
    }
    (found.spf.is_some() || found.dkim.is_some() || found.dmarc.is_some()).then_some(found)
}

/// The text without what stands in parentheses (RFC 5322 §3.2.2).
fn without_comments(text: &str) -> String {
    let mut depth = 0u32;
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"Received: from mx1.b.test (mx1.b.test [192.0.2.7])\r\n\tby store.b.test with LMTP id 9; \
Fri, 27 Nov 2026 20:00:42 +0000\r\n\
Authentication-Results: mx1.b.test; spf=pass (sender; is ok) smtp.mailfrom=a.test;\r\n dkim=fail header.d=a.test; \
dkim=pass header.d=list.test; dmarc=none\r\n\
Received: from out.a.test (out.a.test [192.0.2.1])\r\n\tby mx1.b.test (Postfix) with ESMTPS id 7\r\n\tfor <b@b.test>; \
Fri, 27 Nov 2026 21:00:02 +0100 (CET)\r\n\
Received: from [192.0.2.99] by out.a.test with ESMTPSA id 3; Fri, 27 Nov 2026 20:00:01 +0000\r\n\
Received: nonsense\r\n\
Authentication-Results: forged.test; spf=pass\r\n\
Subject: x\r\n\r\n";

    #[test]
    fn who_took_it_when() {
        let taken_at = 1_795_809_600; // 20:00:00
        let table: Vec<_> = hops(HEADER, Some(taken_at))
            .into_iter()
            .filter(|hop| hop.at.is_some())
            .map(|hop| (hop.by.unwrap_or_default(), hop.with.unwrap_or_default(), hop.after_s))
            .collect();
        let want = [("out.a.test", "ESMTPSA", 1), ("mx1.b.test", "ESMTPS", 1), ("store.b.test", "LMTP", 40)];
        assert_eq!(table, want.map(|(by, with, after)| (by.to_owned(), with.to_owned(), Some(after))));
    }

    #[test]
    fn what_the_receiver_thinks_of_the_sender() {
        let found = authentication(HEADER).unwrap();
        let words = [found.by, found.spf.unwrap(), found.dkim.unwrap(), found.dmarc.unwrap()];
        assert_eq!(words, ["mx1.b.test", "pass", "pass", "none"]);
        assert_eq!(authentication(b"Subject: x\r\n\r\n"), None);
        assert_eq!(authentication(b"Authentication-Results: ;;;(((\r\n\r\n"), None);
    }

    #[test]
    fn a_header_without_sense_has_no_hops() {
        assert_eq!(hops(b"", None), []);
        assert_eq!(hops(b"\xff\xfe\r\n\r\n", None), []);
    }
}
