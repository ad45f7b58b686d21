//! Where reports go: a list of URIs in `rua` and `ruf` (RFC 9989 §4.6, §4.8).

use super::record::Oddity;
use crate::reading::{Remark, quoted};
use crate::tags;
use std::ops::Range;

/// One destination of reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// As it should be written, without a size behind it.
    pub text: Box<str>,
    /// The address, when it is a `mailto:`, with `%` sequences resolved.
    pub address: Option<Box<str>>,
    /// Where it stands in the record.
    pub span: Range<usize>,
}

impl Uri {
    /// The domain of the address, in lower case.
    pub fn host(&self) -> Option<String> {
        let (_, host) = self.address.as_deref()?.rsplit_once('@')?;
        Some(host.trim_end_matches('.').to_ascii_lowercase())
    }
}

pub(super) struct List {
    pub(super) uris: Vec<Uri>,
    pub(super) remarks: Vec<Remark<Oddity>>,
}

impl List {
    fn add(&mut self, kind: Oddity, span: Range<usize>, text: impl Into<String>) {
        self.remarks.push(Remark { kind, span, text: text.into() });
    }
}

/// Reads a list that begins at `at` in its record.
pub(super) fn list(value: &str, at: usize) -> List {
    let mut list = List { uris: Vec::new(), remarks: Vec::new() };
    for (part, span) in tags::parts(value, at, ',') {
        if part.is_empty() {
            list.add(Oddity::UriUnreadable, span, "an address is missing here");
            continue;
        }
        let mut words = part.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        if second.is_some() {
            // A mailto never has a blank inside, so that it was meant to be two of them.
            let what = format!("addresses are separated by commas, not by blanks: {}", quoted(part));
            list.add(Oddity::UriSeparator, span.clone(), what);
        }
        for word in std::iter::once(first).chain(second).chain(words) {
            let start = span.start + part.find(word).unwrap_or_default();
            one(word, start..start + word.len(), &mut list);
        }
    }
    list
}

fn one(word: &str, span: Range<usize>, list: &mut List) {
    let (text, size) = word.split_once('!').map_or((word, None), |(text, size)| (text, Some(size)));
    if size.is_some() {
        let at = span.start + text.len()..span.end;
        list.add(Oddity::UriSize, at, "a size behind ! is obsolete, and reporters ignore it");
    }
    let text: &str = &text.replace(tags::is_escape, "");
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let is_scheme = |scheme: &String| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    match scheme.filter(is_scheme) {
        Some(scheme) if scheme == "mailto" => {
            let address = text.split_once(':').map(|(_, rest)| rest).unwrap_or_default();
            let address = decoded(address.split('?').next().unwrap_or_default());
            if is_address(&address) {
                list.uris.push(Uri { text: text.into(), address: Some(address.into()), span });
            } else {
                list.add(Oddity::UriUnreadable, span, format!("{} is not a mail address", quoted(text)));
            }
        }
        Some(scheme) => {
            let what = format!("receivers need to support mailto: only, and may ignore {scheme}:");
            list.add(Oddity::UriNotMailto, span.clone(), what);
            list.uris.push(Uri { text: text.into(), address: None, span });
        }
        None if is_bare_address(text) => {
            list.add(Oddity::UriWithoutScheme, span.clone(), format!("{} lacks mailto: before it", quoted(text)));
            // Not a URI, so that reporters pass over it; for the record to paste it is one.
            list.uris.push(Uri { text: format!("mailto:{text}").into(), address: None, span });
        }
        None => list.add(Oddity::UriUnreadable, span, format!("{} is not an address for reports", quoted(text))),
    }
}

/// One mailbox, and nothing that would need a closer look.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let dots = host.strip_suffix('.').unwrap_or(host);
    !local.is_empty()
        && !local.contains(|c: char| c.is_whitespace() || c == '@' || c.is_control())
        && dots.contains('.')
        && dots.split('.').all(label)
}

/// An address that needs nothing but `mailto:` before it to be a URI.
pub(crate) fn is_bare_address(text: &str) -> bool {
    is_address(text) && text.bytes().all(|b| b.is_ascii_graphic() && !b":?%!\"\\".contains(&b))
}

/// `%40` and its kin as the octets they stand for.
pub(crate) fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| first == b'%') {
            Some(octet) => {
                octets.push(octet);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_what_is_remarked() {
        let table = [
            ("mailto:a@b.example", "mailto:a@b.example", vec![]),
            ("mailto:a@b.example, MAILTO:c@d.example", "mailto:a@b.example,MAILTO:c@d.example", vec![]),
            ("mailto:a%2Cb@b.example?subject=x", "mailto:a%2Cb@b.example?subject=x", vec![]),
            ("mailto:a@b.example!10m", "mailto:a@b.example", vec![(Oddity::UriSize, "!10m")]),
            ("a@b.example", "mailto:a@b.example", vec![(Oddity::UriWithoutScheme, "a@b.example")]),
            ("mailto:ab.example", "", vec![(Oddity::UriUnreadable, "mailto:ab.example")]),
            (
                "mailto: a@b.example",
                "mailto:a@b.example",
                vec![
                    (Oddity::UriSeparator, "mailto: a@b.example"),
                    (Oddity::UriUnreadable, "mailto:"),
                    (Oddity::UriWithoutScheme, "a@b.example"),
                ],
            ),
            ("https://b.example/r", "https://b.example/r", vec![(Oddity::UriNotMailto, "https://b.example/r")]),
            ("mailto:a@b.example,", "mailto:a@b.example", vec![(Oddity::UriUnreadable, "")]),
            (
                "mailto:a@b.example mailto:c@d.example",
                "mailto:a@b.example,mailto:c@d.example",
                vec![(Oddity::UriSeparator, "mailto:a@b.example mailto:c@d.example")],
            ),
            ("nobody", "", vec![(Oddity::UriUnreadable, "nobody")]),
        ];
        for (value, want, remarks) in table {
            let list = list(value, 0);
            let written: Vec<&str> = list.uris.iter().map(|uri| &*uri.text).collect();
            assert_eq!(written.join(","), want, "{value}");
            let found: Vec<_> = list.remarks.iter().map(|r| (r.kind, &value[r.span.clone()])).collect();
            assert_eq!(found, remarks, "{value}");
        }
        assert_eq!(list("mailto:a%2Cx@B.Example.?s=1", 0).uris[0].host().as_deref(), Some("b.example"));
        assert_eq!(decoded("%4"), "%4");
        assert_eq!(decoded("%41%zz"), "A%zz");
    }
}
