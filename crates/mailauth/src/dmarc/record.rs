//! A DMARC record (RFC 9989 §4.7, §4.8): its tags, and all that is wrong with them.

use super::uri::{self, Uri};
use crate::reading::{Reading, Remarks, quoted};
use crate::tags::{self, Kinds, Tag};
use std::fmt;

/// What there is to say about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum Oddity {
    VersionMissing,
    VersionNotFirst,
    VersionWrong,
    SemicolonMissing,
    PolicyMissing,
    PolicyUnknown,
    PolicyNotSecond,
    PolicyNone,
    TestMode,
    ValueUnknown,
    TagUnknown,
    TagRemoved,
    PercentBelow100,
    TagTwice,
    TagCase,
    WordsWithoutTag,
    EmptyTag,
    EscapesLeftIn,
    UriUnreadable,
    UriWithoutScheme,
    UriNotMailto,
    UriSize,
    UriSeparator,
    ReportsMissing,
    FailureOptionsAlone,
    PublicSuffix,
}

/// What is asked for with mail that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// No preference.
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// Refuse it.
    Reject,
}

impl Policy {
    /// The word in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    /// What `t=y` makes of it (RFC 9989 §4.7): one step less.
    pub const fn relaxed(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }

    fn read(word: &str) -> Option<Self> {
        // RFC 9989 §4.8: the words are ABNF strings, in which case does not count.
        [Self::None, Self::Quarantine, Self::Reject].into_iter().find(|policy| word.eq_ignore_ascii_case(policy.name()))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How alike two domains must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Of the same organization.
    #[default]
    Relaxed,
    /// The same.
    Strict,
}

/// Whether the domain is a public suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Psd {
    /// `psd=y`: below it, everyone has a domain of their own.
    Yes,
    /// `psd=n`: it is the organizational domain for all below it.
    No,
    /// It does not say.
    #[default]
    Unknown,
}

/// What a record says; `None` where a tag is missing or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// `p`.
    pub policy: Option<Policy>,
    /// `sp`.
    pub subdomains: Option<Policy>,
    /// `np`.
    pub nonexistent: Option<Policy>,
    /// `psd`.
    pub psd: Psd,
    /// `t=y`.
    pub testing: bool,
    /// `adkim`.
    pub dkim: Mode,
    /// `aspf`.
    pub spf: Mode,
    /// `rua`.
    pub aggregate_reports: Vec<Uri>,
    /// `ruf`.
    pub failure_reports: Vec<Uri>,
    /// `pct` as receivers before RFC 9989 read it.
    pub percent: Option<u8>,
    /// Whether a receiver takes it for a DMARC record at all (RFC 9989 §4.7 on `v`).
    pub recognized: bool,
    /// Whether one of `p`, `sp` and `np` is missing or not valid as RFC 9989 §4.10.1 has it, so
    /// that the record counts as `p=none`, or as nothing when it asks for no reports.
    pub policy_void: bool,
}

/// Whether receivers take the text for a DMARC record: `v=DMARC1` is its first tag, so written.
pub fn is_record(text: &str) -> bool {
    let first = text.split(';').next().unwrap_or_default();
    first.split_once('=').is_some_and(|(name, value)| name.trim_end() == "v" && value.trim() == "DMARC1")
}

/// Whether it was meant to be one.
pub fn is_like_record(text: &str) -> bool {
    let letters = tags::beginning(text);
    letters.starts_with("v=dmarc") || letters.contains(";v=dmarc1") || letters.starts_with("dmarc1;")
}

/// Reads one record, its strings joined.
///
/// ```
/// use postrider_mailauth::dmarc::{self, Oddity, Policy};
/// let read = dmarc::read("v=DMARC1; p=rejct; sp=none; rua=mailto:a@b.example");
/// assert_eq!(read.value.subdomains, Some(Policy::None));
/// assert_eq!(&"v=DMARC1; p=rejct"[read.find(Oddity::PolicyUnknown).unwrap().span.clone()], "rejct");
/// ```
pub fn read(text: &str) -> Reading<Record, Oddity> {
    let mut reader =
        Reader { remarks: Remarks::new(), record: Record::default(), seen: Vec::new(), written: Vec::new() };
    reader.record.recognized = is_record(text);
    for (index, tag) in tags::scan(text, "n", &KINDS, &mut reader.remarks) {
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

struct Reader<'a> {
    remarks: Remarks<Oddity>,
    record: Record,
    seen: Vec<(String, Tag<'a>)>,
    written: Vec<(String, String)>,
}

const KNOWN: [&str; 14] = ["v", "p", "sp", "np", "psd", "t", "adkim", "aspf", "fo", "rua", "ruf", "pct", "rf", "ri"];

impl<'a> Reader<'a> {
    fn tag(&mut self, tag: Tag<'a>, index: usize) {
        let plain = tag.plain_name();
        let lower = plain.to_ascii_lowercase();
        let known = KNOWN.contains(&lower.as_str());
        if known && lower != plain {
            self.remarks.mended(
                Oddity::TagCase,
                tag.name_span(),
                format!("tags are in lower case: {lower}, not {plain}"),
            );
        }
        if known && self.seen.iter().any(|(name, _)| *name == lower) {
            let what = format!("{lower} is there twice, and receivers differ in which one they take");
            return self.remarks.mended(Oddity::TagTwice, tag.span(), what);
        }
        self.seen.push((lower.clone(), tag));
        let mut value = tag.plain_value();
        match lower.as_str() {
            "v" => return self.version(tag, index),
            "p" => self.record.policy = self.policy(tag),
            "sp" => self.record.subdomains = self.policy(tag),
            "np" => self.record.nonexistent = self.policy(tag),
            "psd" => self.psd(tag),
            "t" => self.test_mode(tag),
            "adkim" => self.record.dkim = self.mode(tag),
            "aspf" => self.record.spf = self.mode(tag),
            "fo" => self.failure_options(tag),
            "rua" | "ruf" => match self.uris(tag, &lower) {
                Some(uris) => value = uris,
                None => return,
            },
            "pct" | "rf" | "ri" => return self.removed(tag, &lower),
            _ => {
                let what = format!("{} is not a tag of DMARC and is passed over", quoted(tag.name));
                self.remarks.add(Oddity::TagUnknown, tag.span(), what);
            }
        }
        let name = if known { lower } else { plain };
        self.written.push((name, value));
    }

    fn version(&mut self, tag: Tag<'a>, index: usize) {
        if index != 0 {
            self.remarks.mended(
                Oddity::VersionNotFirst,
                tag.span(),
                "v=DMARC1 must be the first tag, or the record is ignored",
            );
        }
        if let Some((next, blank)) = tags::after_version(&tag, "DMARC1") {
            self.remarks.mended(Oddity::SemicolonMissing, blank, "a semicolon is missing after v=DMARC1");
            // It cannot be a second version, as that is there twice by now.
            self.tag(next, 1);
        } else if tag.value != "DMARC1" {
            let what = format!("v= must be DMARC1 in capitals, not {}: the record is ignored", quoted(tag.value));
            self.remarks.mended(Oddity::VersionWrong, tag.value_span(), what);
        }
    }

    fn policy(&mut self, tag: Tag<'_>) -> Option<Policy> {
        let policy = Policy::read(tag.value);
        if policy.is_none() {
            self.record.policy_void = true;
            let what = format!("{} is none, quarantine or reject, not {}", tag.name, quoted(tag.value));
            self.remarks.add(Oddity::PolicyUnknown, tag.value_span(), what);
        } else if tag.name == "p" && policy == Some(Policy::None) {
            self.remarks.add(Oddity::PolicyNone, tag.span(), "p=none asks receivers for nothing but reports");
        }
        policy
    }

    fn psd(&mut self, tag: Tag<'_>) {
        match tag.value.to_ascii_lowercase().as_str() {
            "y" => {
                self.record.psd = Psd::Yes;
                let what = "psd=y says that the domain is a public suffix, below which others have their own domains";
                self.remarks.add(Oddity::PublicSuffix, tag.span(), what);
            }
            "n" => self.record.psd = Psd::No,
            "u" => {}
            _ => self.unknown(tag, "y, n or u"),
        }
    }

    fn test_mode(&mut self, tag: Tag<'_>) {
        match tag.value.to_ascii_lowercase().as_str() {
            "y" => {
                self.record.testing = true;
                let what = "t=y asks receivers to be one step milder than the policy says";
                self.remarks.add(Oddity::TestMode, tag.span(), what);
            }
            "n" => {}
            _ => self.unknown(tag, "y or n"),
        }
    }

    fn mode(&mut self, tag: Tag<'_>) -> Mode {
        match tag.value.to_ascii_lowercase().as_str() {
            "s" => return Mode::Strict,
            "r" => {}
            _ => self.unknown(tag, "r or s"),
        }
        Mode::Relaxed
    }

    fn unknown(&mut self, tag: Tag<'_>, wanted: &str) {
        let what = format!("{} is {wanted}, not {}, and counts as if it were not there", tag.name, quoted(tag.value));
        self.remarks.add(Oddity::ValueUnknown, tag.value_span(), what);
    }

    fn failure_options(&mut self, tag: Tag<'_>) {
        let options = tags::parts(tag.value, tag.value_span().start, ':');
        let count = |wanted: &str| options.iter().filter(|(option, _)| option.eq_ignore_ascii_case(wanted)).count();
        for (option, span) in &options {
            if !["0", "1", "d", "s"].contains(&option.to_ascii_lowercase().as_str()) {
                let what = format!("fo knows 0, 1, d and s between colons, not {}", quoted(option));
                self.remarks.add(Oddity::ValueUnknown, span.clone(), what);
            }
        }
        if count("d") > 1 || count("s") > 1 || count("0") + count("1") > 1 {
            let what = "fo names one option twice, or both 0 and 1, which exclude each other";
            self.remarks.add(Oddity::ValueUnknown, tag.value_span(), what);
        }
    }

    /// The addresses as they should be written; `None` when none is left.
    fn uris(&mut self, tag: Tag<'_>, name: &str) -> Option<String> {
        let list = uri::list(tag.value, tag.value_span().start);
        for remark in list.remarks {
            self.remarks.mend |= remark.kind != Oddity::UriNotMailto;
            self.remarks.add(remark.kind, remark.span, remark.text);
        }
        let written: Vec<&str> = list.uris.iter().map(|uri| &*uri.text).collect();
        let written = written.join(",");
        let uris = if name == "rua" { &mut self.record.aggregate_reports } else { &mut self.record.failure_reports };
        *uris = list.uris;
        (!written.is_empty()).then_some(written)
    }

    fn removed(&mut self, tag: Tag<'_>, name: &str) {
        let what = format!("{name} was removed from DMARC by RFC 9989; it may go, and only old receivers heed it");
        self.remarks.mended(Oddity::TagRemoved, tag.span(), what);
        if name == "pct" {
            self.record.percent = tag.value.parse().ok().filter(|percent| *percent <= 100);
            if let Some(percent @ 0..100) = self.record.percent {
                let what = format!("receivers before RFC 9989 apply the policy to {percent} of 100 messages only");
                self.remarks.add(Oddity::PercentBelow100, tag.span(), what);
            }
        }
    }

    fn finish(mut self, text: &str) -> Reading<Record, Oddity> {
        let end = text.len()..text.len();
        if !self.seen.iter().any(|(name, _)| name == "v") {
            self.remarks.mended(Oddity::VersionMissing, 0..0, "the record must begin with v=DMARC1, or it is ignored");
        }
        match self.seen.iter().position(|(name, _)| name == "p") {
            None => {
                let what = "there is no p=, which counts as p=none";
                self.remarks.add(Oddity::PolicyMissing, end.clone(), what);
                self.record.policy_void = true;
            }
            Some(2..) if self.record.recognized => {
                let span = self.seen.iter().find(|(name, _)| name == "p").map_or(end.clone(), |(_, tag)| tag.span());
                let what = "p= is not right behind v=DMARC1, where receivers before RFC 9989 look for it";
                self.remarks.mended(Oddity::PolicyNotSecond, span, what);
            }
            Some(_) => {}
        }
        if self.record.aggregate_reports.is_empty() {
            self.remarks.add(Oddity::ReportsMissing, end, "there is no rua=, so that nobody will report to you");
        }
        let options = self.seen.iter().find(|(name, _)| name == "fo").map(|(_, tag)| tag.span());
        if let Some(span) = options.filter(|_| !self.seen.iter().any(|(name, _)| name == "ruf")) {
            self.remarks.add(Oddity::FailureOptionsAlone, span, "fo= does nothing without ruf=");
        }
        let corrected = self.corrected();
        self.remarks.into_reading(self.record, corrected)
    }

    /// The record anew: the version, the policy, and the rest in its order.
    fn corrected(&mut self) -> Option<String> {
        // What policy was meant is not ours to guess; without one, none is what receivers take.
        let missing = self.record.policy.is_none();
        let misread =
            self.seen.iter().any(|(name, _)| ["p", "sp", "np"].contains(&name.as_str())) && self.record.policy_void;
        if !(self.remarks.mend || missing) || misread {
            return None;
        }
        let written = std::mem::take(&mut self.written);
        let (policy, rest): (Vec<_>, Vec<_>) = written.into_iter().partition(|(name, _)| name == "p");
        let policy = policy.into_iter().next().unwrap_or_else(|| ("p".to_owned(), "none".to_owned()));
        let version = ("v".to_owned(), "DMARC1".to_owned());
        let tags: Vec<_> = [version, policy].into_iter().chain(rest).collect();
        Some(tags::joined(&tags))
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
