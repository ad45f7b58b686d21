//! SMTP TLS reporting records (RFC 8460 §3): where reports about failed TLS go.

use crate::dmarc::{decoded, is_address, is_bare_address};
use crate::reading::{Reading, Remarks, quoted};
use crate::tags::{self, Kinds, Met, Tag};

/// What there is to say about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum Oddity {
    VersionMissing,
    VersionNotFirst,
    VersionWrong,
    SemicolonMissing,
    AddressesMissing,
    UriUnreadable,
    UriWithoutScheme,
    UriSchemeUnknown,
    TagUnknown,
    TagTwice,
    TagCase,
    WordsWithoutTag,
    EmptyTag,
    EscapesLeftIn,
}

/// Where reports go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// By mail to this address.
    Mail(Box<str>),
    /// By a POST to this address.
    Https(Box<str>),
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The usable destinations.
    pub destinations: Vec<Destination>,
    /// Whether senders take it for a TLSRPT record.
    pub recognized: bool,
}

/// Whether senders take the text for a TLSRPT record; others are discarded.
pub fn is_record(text: &str) -> bool {
    text.strip_prefix("v=TLSRPTv1").is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(';'))
}

/// Whether it was meant to be one.
pub fn is_like_record(text: &str) -> bool {
    tags::beginning(text).contains("v=tlsrpt")
}

/// Reads one record, its strings joined.
///
/// ```
/// use postrider_mailauth::tlsrpt::{self, Destination};
/// let read = tlsrpt::read("v=TLSRPTv1; rua=mailto:tls@a.example");
/// assert_eq!(read.value.destinations, [Destination::Mail("tls@a.example".into())]);
/// ```
pub fn read(text: &str) -> Reading<Record, Oddity> {
    let record = Record { destinations: Vec::new(), recognized: is_record(text) };
    let mut reader =
        Reader { remarks: Remarks::new(), record, seen: Vec::new(), written: Vec::new(), others: Vec::new() };
    for (index, tag) in tags::scan(text, "", &KINDS, &mut reader.remarks) {
        reader.tag(tag, index);
    }
    reader.finish(text)
}

/// How this reader calls what any record of tags can have wrong.
const KINDS: Kinds<Oddity> = Kinds {
    escapes: Oddity::EscapesLeftIn,
    bare: Oddity::WordsWithoutTag,
    empty: Oddity::EmptyTag,
    case: Oddity::TagCase,
    twice: Oddity::TagTwice,
};

struct Reader {
    remarks: Remarks<Oddity>,
    record: Record,
    seen: Vec<&'static str>,
    written: Vec<String>,
    others: Vec<(String, String)>,
}

impl Reader {
    fn tag(&mut self, tag: Tag<'_>, index: usize) {
        let known = match tags::meet(&tag, &["v", "rua"], &mut self.seen, &KINDS, &mut self.remarks) {
            Met::Known(known) => known,
            Met::Again => return,
            Met::Unknown => {
                self.remarks.add(
                    Oddity::TagUnknown,
                    tag.span(),
                    format!("{} is not a tag of TLSRPT", quoted(tag.name)),
                );
                return self.others.push((tag.plain_name(), tag.plain_value()));
            }
        };
        if known == "v" {
            self.version(tag, index);
        } else {
            self.addresses(tag.value, tag.value_span().start);
        }
    }

    fn version(&mut self, tag: Tag<'_>, index: usize) {
        if index != 0 {
            let what = "v=TLSRPTv1 must be the first tag, or the record is discarded";
            self.remarks.mended(Oddity::VersionNotFirst, tag.span(), what);
        }
        if let Some((next, blank)) = tags::after_version(&tag, "TLSRPTv1") {
            self.remarks.mended(Oddity::SemicolonMissing, blank, "a semicolon is missing after v=TLSRPTv1");
            self.tag(next, 1);
        } else if tag.value != "TLSRPTv1" {
            let what = format!("v= must be TLSRPTv1, so written, and not {}", quoted(tag.value));
            self.remarks.mended(Oddity::VersionWrong, tag.value_span(), what);
        }
    }

    fn addresses(&mut self, value: &str, at: usize) {
        for (uri, span) in tags::parts(value, at, ',') {
            let uri = uri.replace(tags::is_escape, "");
            let (scheme, rest) = uri.split_once(':').unwrap_or(("", &uri));
            let address = decoded(rest.split('?').next().unwrap_or_default());
            match scheme.to_ascii_lowercase().as_str() {
                "mailto" if is_address(&address) => self.destination(Destination::Mail(address.into()), uri),
                "https" if rest.len() > "//".len() && rest.starts_with("//") && !rest.contains(char::is_whitespace) => {
                    self.destination(Destination::Https(uri.as_str().into()), uri);
                }
                "" if is_bare_address(&uri) => {
                    self.remarks.mended(
                        Oddity::UriWithoutScheme,
                        span,
                        format!("{} lacks mailto: before it", quoted(&uri)),
                    );
                    self.written.push(format!("mailto:{uri}"));
                }
                "mailto" | "https" | "" => {
                    self.remarks.mended(Oddity::UriUnreadable, span, format!("{} is not an address", quoted(&uri)));
                }
                _ => {
                    let what = format!("reports go by mailto: or https:, not by {}", quoted(scheme));
                    self.remarks.mended(Oddity::UriSchemeUnknown, span, what);
                }
            }
        }
    }

    fn destination(&mut self, destination: Destination, uri: String) {
        self.record.destinations.push(destination);
        self.written.push(uri);
    }

    fn finish(mut self, text: &str) -> Reading<Record, Oddity> {
        if !self.seen.contains(&"v") {
            self.remarks.mended(Oddity::VersionMissing, 0..0, "the record must begin with v=TLSRPTv1;");
        } else if !self.record.recognized && text.trim() == "v=TLSRPTv1" {
            self.remarks.mended(
                Oddity::SemicolonMissing,
                text.len()..text.len(),
                "a semicolon is missing after v=TLSRPTv1",
            );
        }
        if !self.seen.contains(&"rua") {
            self.remarks.add(Oddity::AddressesMissing, text.len()..text.len(), "there is no rua=, and so no report");
        }
        let corrected = (self.remarks.mend && !self.written.is_empty()).then(|| {
            let first = [("v".to_owned(), "TLSRPTv1".to_owned()), ("rua".to_owned(), self.written.join(","))];
            let tags: Vec<_> = first.into_iter().chain(self.others).collect();
            tags::joined(&tags)
        });
        self.remarks.into_reading(self.record, corrected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_what_is_remarked() {
        let good = Some("v=TLSRPTv1; rua=mailto:t@a.example");
        let table = [
            ("v=TLSRPTv1; rua=mailto:t@a.example", vec![], true, None),
            ("v=TLSRPTv1;rua=mailto:t@a.example,https://a.example/r;", vec![], true, None),
            ("v=TLSRPTv1; rua=mailto:t@a.example; x=y", vec![(Oddity::TagUnknown, "x=y")], true, None),
            ("v=TLSRPTv1;", vec![(Oddity::AddressesMissing, "")], true, None),
            ("v=TLSRPTv1 rua=mailto:t@a.example", vec![(Oddity::SemicolonMissing, " ")], false, good),
            ("v=TLSRPT1; rua=mailto:t@a.example", vec![(Oddity::VersionWrong, "TLSRPT1")], false, good),
            ("rua=mailto:t@a.example; v=TLSRPTv1", vec![(Oddity::VersionNotFirst, "v=TLSRPTv1")], false, good),
            ("rua=mailto:t@a.example", vec![(Oddity::VersionMissing, "")], false, good),
            ("v=TLSRPTv1; rua=t@a.example", vec![(Oddity::UriWithoutScheme, "t@a.example")], true, good),
            ("v=TLSRPTv1; rua=mailto:t", vec![(Oddity::UriUnreadable, "mailto:t")], true, None),
            (
                "v=TLSRPTv1; rua=http://a.example/r,mailto:t@a.example",
                vec![(Oddity::UriSchemeUnknown, "http://a.example/r")],
                true,
                good,
            ),
            ("v=TLSRPTv1; RUA=mailto:t@a.example", vec![(Oddity::TagCase, "RUA")], true, good),
            (
                "v=TLSRPTv1; rua=mailto:t@a.example; rua=mailto:u@a.example",
                vec![(Oddity::TagTwice, "rua=mailto:u@a.example")],
                true,
                good,
            ),
            ("v=TLSRPTv1\\;rua=mailto:t@a.example", vec![(Oddity::EscapesLeftIn, "\\")], false, good),
        ];
        for (text, want, recognized, corrected) in table {
            let read = read(text);
            let found: Vec<_> = read.remarks.iter().map(|r| (r.kind, &text[r.span.clone()])).collect();
            assert_eq!(found, want, "{text}");
            assert_eq!((read.value.recognized, read.corrected.as_deref()), (recognized, corrected), "{text}");
        }
        assert!(is_like_record("v=tlsrptv1; rua=x") && !is_like_record("v=spf1 -all"));
    }
}
