//! Everything that can be looked up, as rows: codes, statuses, numbers of systems, causes.

use postrider_reply::reference::{Listed, Popular};
use postrider_reply::{Cause, Decoder};
use serde::Serialize;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Section {
    Code,
    Status,
    System,
    Cause,
}

impl Section {
    /// Its heading.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Code => "Reply codes",
            Self::Status => "Enhanced status codes (x stands for 4, not now, or 5, never)",
            Self::System => "Numbers of operating systems, for connections that failed",
            Self::Cause => "Causes, as Postrider names them",
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) section: Section,
    /// `550`, `x.1.1`, `111`, `mailbox-unknown`.
    pub(super) key: String,
    /// The phases for which it holds, or the system whose number it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<&'static str>,
    pub(super) meaning: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) who: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) advice: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reference: String,
    /// How popular lists read the code, and what is to be minded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) popular: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remark: Option<&'static str>,
}

/// All rows, by section, then in the order of the registries.
pub(super) fn rows(decoder: &Decoder) -> Vec<Row> {
    let mut rows = codes(decoder);
    rows.extend(decoder.listed_statuses().into_iter().map(|listed| of_listed(Section::Status, listed)));
    rows.extend(decoder.listed_errnos().iter().map(|errno| Row {
        place: Some(errno.system),
        meaning: format!("{}: {}.", errno.name, errno.meaning),
        ..Row::new(Section::System, errno.number.to_string())
    }));
    rows.extend(Cause::ALL.iter().map(|cause| {
        let facts = decoder.cause(*cause);
        let text = |text: &std::borrow::Cow<'static, str>| text.to_string();
        Row {
            meaning: facts.map_or_else(|| sentence(cause.meaning()), |facts| facts.summary.to_string()),
            who: facts.map(|facts| facts.who.name()),
            advice: facts.map(|facts| facts.advice.iter().map(text).collect()).unwrap_or_default(),
            reference: facts.map(|facts| facts.references.join(", ")).unwrap_or_default(),
            ..Row::new(Section::Cause, cause.name().to_owned())
        }
    }));
    rows
}

/// The registry's codes and those that only popular lists have, by number.
fn codes(decoder: &Decoder) -> Vec<Row> {
    let popular: Vec<Popular> = decoder.popular().collect();
    let listed = decoder.listed_codes();
    let mut rows: Vec<Row> = Vec::new();
    for listed in listed.into_iter().filter(|listed| listed.key.len() == 3) {
        let mut row = of_listed(Section::Code, listed);
        let first_of_code = rows.last().is_none_or(|last| last.key != row.key);
        let said = popular.iter().find(|popular| popular.code.to_string() == row.key).filter(|_| first_of_code);
        row.popular = said.and_then(|popular| popular.popular);
        row.remark = said.and_then(|popular| popular.remark);
        rows.push(row);
    }
    for popular in popular {
        let key = popular.code.to_string();
        if rows.iter().all(|row| row.key != key) {
            let (popular, remark, meaning) = (popular.popular, popular.remark, popular.reading.to_owned());
            rows.push(Row { meaning, popular, remark, ..Row::new(Section::Code, key) });
        }
    }
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    rows
}

fn of_listed(section: Section, listed: Listed) -> Row {
    Row {
        place: Some(listed.phases).filter(|phases| !phases.is_empty()),
        cause: listed.cause.map(Cause::name).filter(|cause| *cause != Cause::Unknown.name()),
        meaning: listed.summary.to_owned(),
        who: Some(listed.who.name()),
        advice: listed.advice.iter().map(|step| (*step).to_owned()).collect(),
        reference: listed.reference.to_owned(),
        ..Row::new(section, listed.key.to_owned())
    }
}

/// A meaning as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

impl Row {
    fn new(section: Section, key: String) -> Self {
        Self {
            section,
            key,
            place: None,
            cause: None,
            meaning: String::new(),
            who: None,
            advice: Vec::new(),
            reference: String::new(),
            popular: None,
            remark: None,
        }
    }

    /// Whether the row is what was looked for: its key exactly, for `exact`, or the beginning of words in it.
    pub(super) fn fits(&self, wanted: &str, exact: bool) -> bool {
        let wanted = wanted.trim().to_ascii_lowercase();
        if exact {
            return self.key.eq_ignore_ascii_case(&wanted)
                || self.section == Section::Status && self.fits_status(&wanted);
        }
        let all = [self.meaning.as_str(), self.cause.unwrap_or_default(), self.popular.unwrap_or_default(), &self.key];
        let all = all.join(" ").to_lowercase();
        let begins = |word: &str| all.split(|c: char| !c.is_alphanumeric()).any(|other| other.starts_with(word));
        wanted.split(|c: char| !c.is_alphanumeric()).all(begins)
    }

    /// `5.1.1` is a case of `x.1.1`; `5.1.77` of `x.1.*`.
    fn fits_status(&self, wanted: &str) -> bool {
        let Some((class, rest)) = wanted.split_once('.') else { return false };
        matches!(class, "2" | "4" | "5" | "x") && self.key.strip_prefix("x.") == Some(rest)
    }
}

/// The rows for a code, a name or words; with words, wherever all of them are found.
pub(super) fn search(rows: &[Row], wanted: &str) -> Vec<Row> {
    let with = |exact| rows.iter().filter(|row| row.fits(wanted, exact)).cloned().collect::<Vec<_>>();
    let exact = with(true);
    if !exact.is_empty() {
        return exact;
    }
    // A status that is not listed is a case of its subject's other troubles.
    let subject = wanted.trim().rsplit_once('.').map(|(subject, _)| format!("{subject}.*"));
    let of_subject =
        subject.map(|subject| rows.iter().filter(|row| row.fits(&subject, true)).cloned().collect::<Vec<_>>());
    of_subject.filter(|found| !found.is_empty()).unwrap_or_else(|| with(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_key_status_and_words() {
        let rows = rows(&Decoder::new());
        let keys = |wanted: &str| -> Vec<String> { search(&rows, wanted).into_iter().map(|row| row.key).collect() };
        assert!(keys("550").iter().all(|key| key == "550") && keys("550").len() > 1);
        assert_eq!(keys("541"), ["541"]);
        assert_eq!(keys("5.1.1"), ["x.1.1"]);
        assert_eq!(keys("5.1.777"), ["x.1.*"]);
        assert_eq!(keys("10060"), ["10060"]);
        assert_eq!(keys("greylisted"), ["greylisted"]);
        assert!(keys("mailbox full").contains(&"x.2.2".to_owned()), "{:?}", keys("mailbox full"));
        assert!(keys("no such thing at all").is_empty());
    }

    #[test]
    fn every_code_of_popular_lists_is_there_with_its_reading() {
        let decoder = Decoder::new();
        let rows = rows(&decoder);
        for popular in decoder.popular().filter(|popular| popular.popular.is_some()) {
            let key = popular.code.to_string();
            assert!(rows.iter().any(|row| row.key == key && row.popular == popular.popular), "{key}");
        }
    }
}
