//! The TXT record at `_mta-sts` (RFC 8461 §3.1), which says that there is a policy and which.

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
    IdMissing,
    IdUnreadable,
    TagUnknown,
    TagTwice,
    TagCase,
    WordsWithoutTag,
    EmptyTag,
    EscapesLeftIn,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Changes with each new policy; `None` where it is missing or not 1 to 32 letters and digits.
    pub id: Option<Box<str>>,
    /// Whether senders take it for an MTA-STS record.
    pub recognized: bool,
}

const ID_BYTES_MAX: usize = 32;

/// Whether senders take the text for an MTA-STS record (RFC 8461 §3.1: others are discarded).
pub fn is_record(text: &str) -> bool {
    text.strip_prefix("v=STSv1").is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(';'))
}

/// Whether it was meant to be one.
pub fn is_like_record(text: &str) -> bool {
    tags::beginning(text).contains("v=sts")
}

/// Reads one record, its strings joined.
///
/// ```
/// use postrider_mailauth::mta_sts;
/// assert_eq!(mta_sts::read("v=STSv1; id=20261127T0900;").value.id.as_deref(), Some("20261127T0900"));
/// ```
pub fn read(text: &str) -> Reading<Record, Oddity> {
    let record = Record { id: None, recognized: is_record(text) };
    let mut reader = Reader { remarks: Remarks::new(), record, seen: Vec::new(), others: Vec::new() };
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
    others: Vec<(String, String)>,
}

impl Reader {
    fn tag(&mut self, tag: Tag<'_>, index: usize) {
        let known = match tags::meet(&tag, &["v", "id"], &mut self.seen, &KINDS, &mut self.remarks) {
            Met::Known(known) => known,
            Met::Again => return,
            Met::Unknown => {
                self.remarks.add(
                    Oddity::TagUnknown,
                    tag.span(),
                    format!("{} is not a tag of MTA-STS", quoted(tag.name)),
                );
                return self.others.push((tag.plain_name(), tag.plain_value()));
            }
        };
        if known == "v" {
            return self.version(tag, index);
        }
        self.record.id = is_id(tag.value).then(|| tag.value.into());
        if self.record.id.is_none() {
            let what = format!("id= is 1 to 32 letters and digits, not {}", quoted(tag.value));
            self.remarks.add(Oddity::IdUnreadable, tag.value_span(), what);
        }
    }

    fn version(&mut self, tag: Tag<'_>, index: usize) {
        if index != 0 {
            let what = "v=STSv1 must be the first tag, or the record is discarded";
            self.remarks.mended(Oddity::VersionNotFirst, tag.span(), what);
        }
        if let Some((next, blank)) = tags::after_version(&tag, "STSv1") {
            self.remarks.mended(Oddity::SemicolonMissing, blank, "a semicolon is missing after v=STSv1");
            self.tag(next, 1);
        } else if tag.value != "STSv1" {
            let what = format!("v= must be STSv1, so written, and not {}", quoted(tag.value));
            self.remarks.mended(Oddity::VersionWrong, tag.value_span(), what);
        }
    }

    fn finish(mut self, text: &str) -> Reading<Record, Oddity> {
        if !self.seen.contains(&"v") {
            self.remarks.mended(Oddity::VersionMissing, 0..0, "the record must begin with v=STSv1;");
        }
        if !self.seen.contains(&"id") {
            let what = "there is no id=, without which senders do not look for a policy";
            self.remarks.add(Oddity::IdMissing, text.len()..text.len(), what);
        }
        let corrected = self.record.id.as_ref().filter(|_| self.remarks.mend).map(|id| {
            let first = [("v".to_owned(), "STSv1".to_owned()), ("id".to_owned(), id.to_string())];
            let tags: Vec<_> = first.into_iter().chain(self.others).collect();
            format!("{};", tags::joined(&tags))
        });
        self.remarks.into_reading(self.record, corrected)
    }
}

fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_what_is_remarked() {
        let good = Some("v=STSv1; id=1a;");
        let table = [
            ("v=STSv1; id=1a;", vec![], true, None),
            ("v=STSv1;id=1a", vec![], true, None),
            ("v=STSv1; id=1a; x=y", vec![(Oddity::TagUnknown, "x=y")], true, None),
            ("v=STSv1; id=2026-11-27", vec![(Oddity::IdUnreadable, "2026-11-27")], true, None),
            ("v=STSv1; id=", vec![(Oddity::IdUnreadable, "")], true, None),
            ("v=STSv1;", vec![(Oddity::IdMissing, "")], true, None),
            ("v=STSv1 id=1a", vec![(Oddity::SemicolonMissing, " ")], false, good),
            ("v=stsv1; id=1a", vec![(Oddity::VersionWrong, "stsv1")], false, good),
            ("id=1a; v=STSv1;", vec![(Oddity::VersionNotFirst, "v=STSv1")], false, good),
            ("id=1a", vec![(Oddity::VersionMissing, "")], false, good),
            ("v=STSv1; ID=1a", vec![(Oddity::TagCase, "ID")], true, good),
            ("v=STSv1; id=1a; id=2b", vec![(Oddity::TagTwice, "id=2b")], true, good),
            ("v=STSv1\\; id=1a\\;", vec![(Oddity::EscapesLeftIn, "\\")], false, good),
            ("v=STSv1;; id=1a; b", vec![(Oddity::EmptyTag, ""), (Oddity::WordsWithoutTag, "b")], true, good),
        ];
        for (text, want, recognized, corrected) in table {
            let read = read(text);
            let found: Vec<_> = read.remarks.iter().map(|r| (r.kind, &text[r.span.clone()])).collect();
            assert_eq!(found, want, "{text}");
            assert_eq!((read.value.recognized, read.corrected.as_deref()), (recognized, corrected), "{text}");
        }
        assert!(is_like_record("\"v=stsv1; id=1\"") && !is_like_record("v=spf1 -all"));
    }
}
