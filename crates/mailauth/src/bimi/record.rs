//! The record: where the picture is, and the certificate that says it may be used.

use crate::reading::{Reading, Remarks, quoted};
use crate::tags::{self, Kinds, Met, Tag};
use std::ops::Range;

/// What there is to say about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum Oddity {
    VersionMissing,
    VersionNotFirst,
    VersionWrong,
    LocationMissing,
    Declined,
    EvidenceMissing,
    NotHttps,
    NotSvg,
    NotPem,
    SeveralLocations,
    PreferenceUnknown,
    TagUnknown,
    TagTwice,
    TagCase,
    WordsWithoutTag,
    EmptyTag,
    EscapesLeftIn,
}

/// Whose picture is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Preference {
    /// The sender's brand.
    #[default]
    Brand,
    /// The person's.
    Personal,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// `l`: where the picture is.
    pub location: Option<Box<str>>,
    /// `a`: where the certificate for it is.
    pub evidence: Option<Box<str>>,
    /// `avp`.
    pub preference: Preference,
    /// Both are empty on purpose: this domain wants no picture.
    pub declined: bool,
    /// Whether receivers take it for a BIMI record.
    pub recognized: bool,
}

const TAGS: [&str; 6] = ["v", "l", "a", "avp", "e", "s"];

/// Whether receivers take the text for a BIMI record.
pub fn is_record(text: &str) -> bool {
    let first = text.split(';').next().unwrap_or_default();
    first.split_once('=').is_some_and(|(name, value)| name.trim() == "v" && value.trim() == "BIMI1")
}

/// Whether it was meant to be one.
pub fn is_like_record(text: &str) -> bool {
    tags::beginning(text).contains("v=bimi")
}

/// Reads one record, its strings joined.
///
/// ```
/// use postrider_mailauth::bimi;
/// let read = bimi::read("v=BIMI1; l=https://a.example/logo.svg; a=https://a.example/mark.pem");
/// assert!(read.remarks.is_empty() && read.value.recognized);
/// ```
pub fn read(text: &str) -> Reading<Record, Oddity> {
    let record = Record { recognized: is_record(text), ..Record::default() };
    let mut reader = Reader { remarks: Remarks::new(), record, seen: Vec::new(), written: Vec::new() };
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
    written: Vec<(String, String)>,
}

impl Reader {
    fn tag(&mut self, tag: Tag<'_>, index: usize) {
        let known = match tags::meet(&tag, &TAGS, &mut self.seen, &KINDS, &mut self.remarks) {
            Met::Known(known) => known,
            Met::Again => return,
            Met::Unknown => {
                self.remarks.add(Oddity::TagUnknown, tag.span(), format!("{} is not a tag of BIMI", quoted(tag.name)));
                return self.written.push((tag.plain_name(), tag.plain_value()));
            }
        };
        let value = tag.plain_value();
        let place = tag.value_span();
        match known {
            "v" => return self.version(tag, index),
            "l" => self.record.location = self.address(&value, place, ".svg"),
            "a" => self.record.evidence = self.address(&value, place, ".pem"),
            "avp" => match value.to_ascii_lowercase().as_str() {
                "brand" => {}
                "personal" => self.record.preference = Preference::Personal,
                _ => {
                    let what = format!("avp is brand or personal, not {}", quoted(&value));
                    self.remarks.add(Oddity::PreferenceUnknown, place, what);
                }
            },
            _ => {}
        }
        self.written.push((known.to_owned(), value));
    }

    fn version(&mut self, tag: Tag<'_>, index: usize) {
        if index != 0 {
            self.remarks.mended(
                Oddity::VersionNotFirst,
                tag.span(),
                "v=BIMI1 must be the first tag, or the record is ignored",
            );
        }
        if tag.value != "BIMI1" {
            let what = format!("v= must be BIMI1, so written, and not {}", quoted(tag.value));
            self.remarks.mended(Oddity::VersionWrong, tag.value_span(), what);
        }
    }

    fn address(&mut self, value: &str, place: Range<usize>, ending: &str) -> Option<Box<str>> {
        if value.is_empty() {
            return None;
        }
        let scheme = value.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if !scheme {
            self.remarks.add(Oddity::NotHttps, place.clone(), format!("{} is not an https address", quoted(value)));
        }
        if value.contains(',') {
            let what = "one picture is all that receivers look for, so that there is no list here";
            self.remarks.add(Oddity::SeveralLocations, place.clone(), what);
        }
        let path = value.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let expected = path.ends_with(ending) || ending == ".svg" && path.ends_with(".svgz");
        if !expected && ending == ".svg" {
            self.remarks.add(Oddity::NotSvg, place, "the address does not end in .svg, and some receivers insist");
        } else if !expected {
            self.remarks.add(Oddity::NotPem, place, "the address does not end in .pem, and some receivers insist");
        }
        scheme.then(|| value.into())
    }

    fn finish(mut self, text: &str) -> Reading<Record, Oddity> {
        let end = text.len()..text.len();
        if !self.seen.contains(&"v") {
            self.remarks.mended(Oddity::VersionMissing, 0..0, "the record must begin with v=BIMI1;");
        }
        let empty = |name| self.written.iter().any(|(tag, value)| tag == name && value.is_empty());
        let evidence = self.written.iter().any(|(tag, value)| tag == "a" && !value.is_empty());
        if !self.seen.contains(&"l") {
            self.remarks.add(Oddity::LocationMissing, end, "there is no l=, which says where the picture is");
        } else if empty("l") && !evidence {
            self.record.declined = true;
            self.remarks.add(Oddity::Declined, end, "l= is empty: this domain asks for no picture");
        } else if !evidence {
            let what = "there is no certificate in a=, and large receivers show no picture without one";
            self.remarks.add(Oddity::EvidenceMissing, end, what);
        }
        let usable = self.record.location.is_some() || self.record.declined;
        let corrected = (self.remarks.mend && usable).then(|| {
            let version = ("v".to_owned(), "BIMI1".to_owned());
            let tags: Vec<_> = std::iter::once(version).chain(self.written).collect();
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
        let good = Some("v=BIMI1; l=https://a.example/l.svg; a=https://a.example/m.pem");
        let table = [
            ("v=BIMI1; l=https://a.example/l.svg; a=https://a.example/m.pem", vec![], None),
            ("v=BIMI1;l=HTTPS://a.example/l.svg?x;a=https://a.example/m.pem;avp=personal", vec![], None),
            ("v=BIMI1; l=; a=;", vec![(Oddity::Declined, "")], None),
            ("v=BIMI1; l=https://a.example/l.svg", vec![(Oddity::EvidenceMissing, "")], None),
            ("v=BIMI1", vec![(Oddity::LocationMissing, "")], None),
            (
                "v=bimi1; l=https://a.example/l.svg; a=https://a.example/m.pem",
                vec![(Oddity::VersionWrong, "bimi1")],
                good,
            ),
            ("l=https://a.example/l.svg; a=https://a.example/m.pem", vec![(Oddity::VersionMissing, "")], good),
            (
                "v=BIMI1; l=http://a.example/l.png; a=https://a.example/m.pem",
                vec![(Oddity::NotHttps, "http://a.example/l.png"), (Oddity::NotSvg, "http://a.example/l.png")],
                None,
            ),
            (
                "v=BIMI1; L=https://a.example/l.svg; a=https://a.example/m.pem; a=x",
                vec![(Oddity::TagCase, "L"), (Oddity::TagTwice, "a=x")],
                good,
            ),
            (
                "v=BIMI1; l=https://a.example/l.svg; a=https://a.example/m.crt; avp=x; q=1",
                vec![
                    (Oddity::NotPem, "https://a.example/m.crt"),
                    (Oddity::PreferenceUnknown, "x"),
                    (Oddity::TagUnknown, "q=1"),
                ],
                None,
            ),
        ];
        for (text, want, corrected) in table {
            let read = read(text);
            let found: Vec<_> = read.remarks.iter().map(|r| (r.kind, &text[r.span.clone()])).collect();
            assert_eq!(found, want, "{text}");
            assert_eq!(read.corrected.as_deref(), corrected, "{text}");
        }
        assert!(is_like_record("\"v=BIMI1; l=\"") && !is_like_record("v=spf1"));
    }
}
