//! The rows of a file with right answers: replies, or mails that lie beside it.

use anyhow::Context as _;
use postrider_smtp::Phase;
use serde::Deserialize;
use std::path::Path;

/// A label that says nothing can be learned from the row.
pub(super) const UNKNOWN: &str = "unknown";

/// A reply and what it means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplyRow {
    pub(super) id: String,
    pub(super) reply: String,
    /// The command that was answered; `DATA.` is the final dot, `INIT` the greeting.
    pub(super) command: String,
    /// The reply code, where there is one.
    pub(super) code: String,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

/// What is right.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    /// Exactly this cause.
    pub(super) our_label: String,
    /// These will do as well.
    pub(super) accept: Vec<String>,
    /// People do not agree about it.
    pub(super) ambiguous: bool,
}

impl Answer {
    /// Whether the row counts: its label is a cause that people agree about.
    pub(super) fn counts(&self) -> bool {
        !self.ambiguous && !self.our_label.is_empty() && self.our_label != UNKNOWN
    }

    /// Whether the cause will do.
    pub(super) fn takes(&self, cause: &str) -> bool {
        cause == self.our_label || self.accept.iter().any(|other| other == cause)
    }
}

impl ReplyRow {
    /// The phase that the command stands for.
    pub(super) fn phase(&self) -> Option<Phase> {
        Some(match self.command.to_ascii_uppercase().as_str() {
            "INIT" | "CONNECT" => Phase::Connect,
            "EHLO" | "HELO" | "LHLO" => Phase::Ehlo,
            "STARTTLS" => Phase::StartTls,
            "AUTH" => Phase::Auth,
            "MAIL" => Phase::Mail,
            "RCPT" => Phase::Rcpt,
            "DATA" => Phase::Data,
            "DATA." | "DOT" => Phase::Dot,
            _ => return None,
        })
    }

    /// Whether the failure is for good: 5yz, or no code at all.
    pub(super) fn is_permanent(&self) -> bool {
        self.code.is_empty() || self.code.starts_with('5')
    }
}

/// A mail and what it tells.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct MailRow {
    pub(super) id: String,
    /// Its path below the folder of the mails.
    pub(super) file: String,
    pub(super) is_bounce: bool,
    pub(super) ambiguous: bool,
    pub(super) recipients: Vec<RecipientRow>,
    /// Recipients that are late, in sources that know no causes.
    pub(super) temporary: Vec<String>,
    /// Recipients that failed, in sources that know no causes.
    pub(super) permanent: Vec<String>,
}

/// A recipient in a mail.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RecipientRow {
    pub(super) recipient: Option<String>,
    #[serde(flatten)]
    pub(super) answer: Answer,
}

impl MailRow {
    /// The addresses in lower case, sorted, each once; `None` where the row does not name them all.
    pub(super) fn addresses(&self) -> Option<Vec<String>> {
        let told = self.recipients.iter().map(|recipient| recipient.recipient.as_deref().filter(|it| !it.is_empty()));
        let plain = self.temporary.iter().chain(&self.permanent).map(|address| Some(address.as_str()));
        let all: Option<Vec<&str>> = told.chain(plain).collect();
        all.filter(|all| !all.is_empty()).map(sorted)
    }
}

/// Addresses as they are compared.
pub(super) fn sorted<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = addresses.into_iter().map(str::to_lowercase).collect();
    all.sort();
    all.dedup();
    all
}

/// The rows of a file.
#[derive(Debug)]
pub(super) enum Rows {
    Replies(Vec<ReplyRow>),
    Mails(Vec<MailRow>),
}

/// Reads a file; its first row tells which kind it is.
pub(super) fn read(path: &Path) -> anyhow::Result<Rows> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> anyhow::Result<Rows> {
    let first = text.lines().find(|line| !line.trim().is_empty()).context("the file is empty")?;
    let first: serde_json::Value = serde_json::from_str(first).context("line 1 is no JSON")?;
    if first.get("reply").is_some() {
        return rows(text).map(Rows::Replies);
    }
    anyhow::ensure!(first.get("file").is_some(), "line 1 has neither a reply nor a file");
    rows(text).map(Rows::Mails)
}

fn rows<T: for<'de> Deserialize<'de>>(text: &str) -> anyhow::Result<Vec<T>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| serde_json::from_str(line).with_context(|| format!("line {}", index + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_tells_what_the_file_holds() {
        let replies = r#"{"id":"a","reply":"550 no","code":"550","our_label":"policy","accept":["spam-content"]}"#;
        let Rows::Replies(rows) = parse(replies).unwrap() else { panic!("no replies") };
        assert!(rows[0].answer.counts() && rows[0].answer.takes("spam-content") && !rows[0].answer.takes("loop"));
        let mails = r#"{"file":"x.eml","is_bounce":true,"temporary":["B@example.com"],"permanent":["a@example.com"]}"#;
        let Rows::Mails(rows) = parse(&format!("{mails}\n\n{mails}\n")).unwrap() else { panic!("no mails") };
        assert_eq!((rows.len(), rows[0].addresses().unwrap().join(" ")), (2, "a@example.com b@example.com".to_owned()));
        for bad in ["", "{", "{\"id\":1}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_recipient_that_is_not_named_leaves_the_set_unknown() {
        let mail = r#"{"file":"x","recipients":[{"recipient":"a@example.com"},{"our_label":"policy"}]}"#;
        let Rows::Mails(rows) = parse(mail).unwrap() else { panic!("no mails") };
        assert_eq!(rows[0].addresses(), None);
    }

    #[test]
    fn only_what_is_for_good_counts_for_suppression() {
        let row = |code: &str| ReplyRow { code: code.to_owned(), ..ReplyRow::default() };
        assert!(row("550").is_permanent() && row("").is_permanent() && !row("451").is_permanent());
    }
}
