//! The policy file (RFC 8461 §3.2): lines of `key: value`, ended by LF or CRLF.

use crate::reading::{Reading, Remarks, bounded, quoted};
use std::fmt::Write;
use std::ops::Range;

/// What there is to say about a policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum PolicyOddity {
    TooLong,
    NotAPolicy,
    ByteOrderMark,
    VersionMissing,
    VersionWrong,
    ModeMissing,
    ModeUnknown,
    ModeTesting,
    ModeNone,
    MaxAgeMissing,
    MaxAgeUnreadable,
    MaxAgeTooLong,
    MaxAgeBelowADay,
    MxMissing,
    MxUnreadable,
    KeyUnknown,
    KeyTwice,
    KeyCase,
    LineWithoutColon,
    EmptyLine,
    BareCarriageReturn,
}

/// What senders do with a host that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// They do not deliver to it.
    Enforce,
    /// They deliver, and report.
    Testing,
    /// There is no policy any more.
    None,
}

impl Mode {
    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }
}

/// What a policy says; `None` where a line is missing or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Whether `version: STSv1` is there.
    pub version: bool,
    /// `mode`.
    pub mode: Option<Mode>,
    /// The patterns of `mx`, in lower case.
    pub mx: Vec<Box<str>>,
    /// `max_age`, in seconds.
    pub max_age: Option<u32>,
}

impl Policy {
    /// Whether senders can use it: all that must be there is there and valid.
    pub fn valid(&self) -> bool {
        let hosts = !self.mx.is_empty() || self.mode == Some(Mode::None);
        self.version && self.mode.is_some() && self.max_age.is_some() && hosts
    }

    /// Whether a host of an MX record fits.
    pub fn allows(&self, host: &str) -> bool {
        self.mx.iter().any(|pattern| super::matches(pattern, host))
    }
}

/// RFC 8461 §3.3 recommends that senders read no more than this.
const POLICY_BYTES_MAX: usize = 64 * 1024;
const LINES_MAX: usize = 1000;
/// RFC 8461 §3.2: one year.
const MAX_AGE_MAX: u64 = 31_557_600;
const DAY: u64 = 86_400;

/// Reads the body of the file.
///
/// ```
/// use postrider_mailauth::mta_sts::{Mode, read_policy};
/// let read = read_policy("version: STSv1\nmode: enforce\nmx: *.mail.example\nmax_age: 604800\n");
/// assert_eq!(read.value.mode, Some(Mode::Enforce));
/// assert!(read.remarks.is_empty() && read.value.allows("mx1.mail.example"));
/// ```
pub fn read_policy(text: &str) -> Reading<Policy, PolicyOddity> {
    let mut reader = Reader { remarks: Remarks::new(), policy: Policy::default(), seen: Vec::new() };
    let body = bounded(text, POLICY_BYTES_MAX);
    if body.len() < text.len() {
        let what = "the file is longer than 64 KB, more than senders read";
        reader.remarks.add(PolicyOddity::TooLong, body.len()..text.len(), what);
    }
    if body.trim_start().starts_with('<') {
        let what = "this is a web page and no policy";
        reader.remarks.add(PolicyOddity::NotAPolicy, 0..body.len(), what);
        return reader.remarks.into_reading(reader.policy, None);
    }
    let mut at = 0;
    for line in body.split('\n').take(LINES_MAX) {
        reader.line(line, at, at + line.len() == body.len());
        at += line.len() + 1;
    }
    reader.finish(text)
}

struct Reader {
    remarks: Remarks<PolicyOddity>,
    policy: Policy,
    seen: Vec<&'static str>,
}

impl Reader {
    fn line(&mut self, line: &str, at: usize, last: bool) {
        let (line, at) = match line.strip_prefix('\u{feff}').filter(|_| at == 0) {
            Some(rest) => {
                let mark = '\u{feff}'.len_utf8();
                self.remarks.mended(
                    PolicyOddity::ByteOrderMark,
                    0..mark,
                    "an invisible mark stands before the first line",
                );
                (rest, at + mark)
            }
            None => (line, at),
        };
        let line = line.strip_suffix('\r').unwrap_or(line);
        let span = at..at + line.len();
        if let Some(place) = line.find('\r') {
            let what = "lines end in LF or CRLF, not in CR alone";
            self.remarks.mended(PolicyOddity::BareCarriageReturn, at + place..at + place + 1, what);
        }
        if line.trim().is_empty() {
            if !last {
                self.remarks.mended(PolicyOddity::EmptyLine, span, "there are no empty lines in a policy");
            }
            return;
        }
        let Some((key, value)) = line.split_once(':') else {
            let what = format!("{} is not a line of key and value", quoted(line.trim()));
            return self.remarks.mended(PolicyOddity::LineWithoutColon, span, what);
        };
        let start = at + key.len() + 1 + value.len() - value.trim_start().len();
        let value = value.trim();
        self.pair(key, value, span, start..start + value.len());
    }

    fn pair(&mut self, key: &str, value: &str, span: Range<usize>, place: Range<usize>) {
        let lower = key.trim().to_ascii_lowercase();
        let Some(known) = ["version", "mode", "mx", "max_age"].into_iter().find(|known| *known == lower) else {
            let what = format!("{} is not a key that senders know, and they pass over it", quoted(key.trim()));
            return self.remarks.add(PolicyOddity::KeyUnknown, span, what);
        };
        if known != key {
            let what = format!("the key is {known}, in lower case and without blanks, not {}", quoted(key));
            self.remarks.mended(PolicyOddity::KeyCase, span.start..span.start + key.len(), what);
        }
        if known != "mx" && self.seen.contains(&known) {
            let what = format!("{known} is there twice; only the first counts");
            return self.remarks.mended(PolicyOddity::KeyTwice, span, what);
        }
        self.seen.push(known);
        match known {
            "version" => self.version(value, place),
            "mode" => self.mode(value, place),
            "mx" => self.mx(value, place),
            _ => self.max_age(value, place),
        }
    }

    fn version(&mut self, value: &str, place: Range<usize>) {
        self.policy.version = value == "STSv1";
        if !self.policy.version {
            let what = format!("version must be STSv1, so written, and not {}", quoted(value));
            self.remarks.mended(PolicyOddity::VersionWrong, place, what);
        }
    }

    fn mode(&mut self, value: &str, place: Range<usize>) {
        self.policy.mode = [Mode::Enforce, Mode::Testing, Mode::None].into_iter().find(|mode| mode.name() == value);
        match self.policy.mode {
            Some(Mode::Enforce) => {}
            Some(Mode::Testing) => {
                let what = "mode testing protects nothing yet: senders deliver whatever they find, and report";
                self.remarks.add(PolicyOddity::ModeTesting, place, what);
            }
            Some(Mode::None) => {
                self.remarks.add(PolicyOddity::ModeNone, place, "mode none takes the policy back");
            }
            None => {
                let what = format!("mode is enforce, testing or none, in lower case, not {}", quoted(value));
                self.remarks.add(PolicyOddity::ModeUnknown, place, what);
            }
        }
    }

    fn mx(&mut self, value: &str, place: Range<usize>) {
        let lower = value.to_ascii_lowercase();
        // A dot at the end, as zone files have it, is passed over here as matching does; senders
        // that compare octets do not.
        let plain = lower.strip_suffix('.').unwrap_or(&lower);
        if plain.len() < lower.len() {
            let what = format!("a pattern has no dot at its end: {}", quoted(value));
            self.remarks.mended(PolicyOddity::MxUnreadable, place, what);
        } else if !is_pattern(plain) {
            let what = format!("{} is not a host name, with or without *. before it", quoted(value));
            return self.remarks.add(PolicyOddity::MxUnreadable, place, what);
        }
        if is_pattern(plain) {
            self.policy.mx.push(plain.into());
        }
    }

    fn max_age(&mut self, value: &str, place: Range<usize>) {
        let digits = (1..=10).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
        match value.parse::<u64>().ok().filter(|_| digits) {
            None => {
                let what = format!("max_age is a number of seconds, not {}", quoted(value));
                self.remarks.add(PolicyOddity::MaxAgeUnreadable, place, what);
            }
            Some(seconds) => {
                self.policy.max_age = u32::try_from(seconds.min(MAX_AGE_MAX)).ok();
                if seconds > MAX_AGE_MAX {
                    let what = "max_age is at most 31557600, a year";
                    self.remarks.mended(PolicyOddity::MaxAgeTooLong, place, what);
                } else if seconds < DAY && self.policy.mode != Some(Mode::None) {
                    let what = "max_age is below a day, so that senders forget the policy between two messages";
                    self.remarks.add(PolicyOddity::MaxAgeBelowADay, place, what);
                }
            }
        }
    }

    fn finish(mut self, text: &str) -> Reading<Policy, PolicyOddity> {
        let end = text.len()..text.len();
        if !self.seen.contains(&"version") {
            self.remarks.mended(PolicyOddity::VersionMissing, 0..0, "the line version: STSv1 is missing");
        }
        if !self.seen.contains(&"mode") {
            self.remarks.add(PolicyOddity::ModeMissing, end.clone(), "the line mode: is missing");
        }
        if !self.seen.contains(&"max_age") {
            self.remarks.add(PolicyOddity::MaxAgeMissing, end.clone(), "the line max_age: is missing");
        }
        if !self.seen.contains(&"mx") && self.policy.mode != Some(Mode::None) {
            self.remarks.add(PolicyOddity::MxMissing, end, "no line mx: says which hosts are allowed");
        }
        let corrected = if self.remarks.mend { self.corrected() } else { None };
        self.remarks.into_reading(self.policy, corrected)
    }

    fn corrected(&self) -> Option<String> {
        let Policy { mode, mx, max_age, .. } = &self.policy;
        let mut lines = format!("version: STSv1\nmode: {}\n", (*mode)?.name());
        for pattern in mx {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "mx: {pattern}");
        }
        let _ = writeln!(lines, "max_age: {}", (*max_age)?);
        (!mx.is_empty() || *mode == Some(Mode::None)).then_some(lines)
    }
}

fn is_pattern(pattern: &str) -> bool {
    let host = pattern.strip_prefix("*.").unwrap_or(pattern);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_what_is_remarked() {
        use PolicyOddity as O;
        let good = "version: STSv1\nmode: enforce\nmx: mx.a.example\nmax_age: 86400\n";
        let table = [
            (good.to_owned(), vec![], true),
            (good.replace('\n', "\r\n"), vec![], true),
            (good.trim_end().to_owned(), vec![], true),
            (good.replace(": ", ":"), vec![], true),
            ("mode: none\nmax_age: 60\nversion: STSv1".to_owned(), vec![(O::ModeNone, "none")], true),
            (format!("{good}x-note: y\n"), vec![(O::KeyUnknown, "x-note: y")], true),
            (good.replace("enforce", "testing"), vec![(O::ModeTesting, "testing")], true),
            (good.replace("enforce", "Enforce"), vec![(O::ModeUnknown, "Enforce")], false),
            (good.replace("STSv1", "STSv2"), vec![(O::VersionWrong, "STSv2")], false),
            (good.replace("version: STSv1\n", ""), vec![(O::VersionMissing, "")], false),
            (good.replace("mode: enforce\n", ""), vec![(O::ModeMissing, "")], false),
            (good.replace("mx: mx.a.example\n", ""), vec![(O::MxMissing, "")], false),
            (good.replace("max_age: 86400\n", ""), vec![(O::MaxAgeMissing, "")], false),
            (good.replace("86400", "1d"), vec![(O::MaxAgeUnreadable, "1d")], false),
            (good.replace("86400", "99999999"), vec![(O::MaxAgeTooLong, "99999999")], true),
            (good.replace("86400", "300"), vec![(O::MaxAgeBelowADay, "300")], true),
            (good.replace("mx.a", "*.*.a"), vec![(O::MxUnreadable, "*.*.a.example")], false),
            (good.replace("a.example", "a.example."), vec![(O::MxUnreadable, "mx.a.example.")], true),
            (good.replace("mx:", "MX:"), vec![(O::KeyCase, "MX")], true),
            (good.replace("mode", "version: STSv1\nmode"), vec![(O::KeyTwice, "version: STSv1")], true),
            (good.replace("mode: ", "mode "), vec![(O::LineWithoutColon, "mode enforce"), (O::ModeMissing, "")], false),
            (good.replace("mode", "\nmode"), vec![(O::EmptyLine, "")], true),
            (format!("\u{feff}{good}"), vec![(O::ByteOrderMark, "\u{feff}")], true),
            ("<!doctype html>".to_owned(), vec![(O::NotAPolicy, "<!doctype html>")], false),
        ];
        for (text, want, valid) in table {
            let read = read_policy(&text);
            let found: Vec<_> = read.remarks.iter().map(|r| (r.kind, &text[r.span.clone()])).collect();
            assert_eq!(found, want, "{text}");
            assert_eq!(read.value.valid(), valid, "{text}");
            if let Some(corrected) = read.corrected {
                assert_eq!(corrected.replace("31557600", "86400"), good, "{text}");
            }
        }
    }
}
