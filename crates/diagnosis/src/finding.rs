//! What a check says: its state, and what it found.

use serde::{Serialize, Serializer};
use std::ops::Range;

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; no mail is lost by it.
    Note,
    /// Mail may suffer, or will.
    Warning,
    /// Mail suffers now.
    Problem,
}

/// How sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It fits, and other things would fit as well.
    Low,
    /// Seen once, from here.
    Medium,
    /// Seen as it is.
    High,
}

/// What becomes of one direction of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing.
    #[default]
    None,
    /// Some of it, some time, or with some peers.
    AtRisk,
    /// It does not flow.
    Broken,
}

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// Whoever runs the domain and its mail hosts.
    You,
    /// Whoever runs its name servers.
    DnsHost,
    /// Whoever connects this machine to the internet.
    Isp,
    /// The other side.
    Recipient,
    /// Nobody: it passes.
    Wait,
}

/// Something that was seen, and proves the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where it was seen: `dns`, `smtp`, `tls`, `http`, `whois`, `rdap`, `imap`, `log`, `message`.
    pub kind: &'static str,
    /// Who said it: a server, a host, a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// It, word for word; a line.
    pub text: String,
    /// The octets of `text` that matter.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "pair")]
    pub span: Option<Range<usize>>,
}

#[expect(clippy::ref_option, reason = "serde hands it over like this")]
fn pair<S: Serializer>(span: &Option<Range<usize>>, serializer: S) -> Result<S::Ok, S::Error> {
    span.as_ref().map(|span| [span.start, span.end]).serialize(serializer)
}

/// A change to a zone that mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsChange {
    /// `add`, `replace` or `remove`.
    pub op: &'static str,
    /// The owner.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What stands there now, where something does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub old: String,
    /// What is to stand there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub new: String,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Remedy {
    /// In a sentence or two.
    pub text: String,
    /// In the zone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<DnsChange>,
    /// On a command line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// To be sent to whoever must act.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub letter: String,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The check's id, as in `mx.cname`.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What it is about: a host, a server, a record's name.
    pub subject: String,
    /// The claim, in one line.
    pub title: String,
    /// What it means, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub meaning: Vec<String>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// What becomes of mail from the domain.
    pub sending: Impact,
    /// What becomes of mail to it.
    pub receiving: Impact,
    /// What becomes of its users' mail programs.
    pub client: Impact,
    /// Who must act.
    pub act: Actor,
    /// What to do.
    pub fix: Remedy,
    /// How long until it shows, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub then: String,
    /// The findings this one comes from: `id#subject`.
    pub because_of: Vec<String>,
    /// The rule, as in `RFC 7208 §4.6.4`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub rfc: &'static str,
    /// Since when, in milliseconds since 1970, where what was seen says so: an expiry, a date.
    #[serde(skip)]
    pub since: Option<i64>,
}

impl Finding {
    /// A finding with a claim; direction, actor and rule are those of the check unless changed.
    pub fn new(id: &'static str, subject: impl Into<String>, severity: Severity, title: impl Into<String>) -> Self {
        let check = crate::catalogue::check(id);
        Self {
            id,
            severity,
            confidence: Confidence::High,
            subject: subject.into(),
            title: title.into(),
            meaning: Vec::new(),
            evidence: Vec::new(),
            sending: check.sending.at(severity),
            receiving: check.receiving.at(severity),
            client: check.client.at(severity),
            act: check.act,
            fix: Remedy { text: check.fix.to_owned(), ..Remedy::default() },
            then: String::new(),
            because_of: Vec::new(),
            rfc: check.rfc,
            since: None,
        }
    }

    /// A problem.
    pub fn problem(id: &'static str, subject: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(id, subject, Severity::Problem, title)
    }

    /// A warning.
    pub fn warning(id: &'static str, subject: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(id, subject, Severity::Warning, title)
    }

    /// A note.
    pub fn note(id: &'static str, subject: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(id, subject, Severity::Note, title)
    }

    /// With a line of what it means.
    #[must_use]
    pub fn meaning(mut self, line: impl Into<String>) -> Self {
        self.meaning.push(line.into());
        self
    }

    /// With something that was seen.
    #[must_use]
    pub fn seen(mut self, kind: &'static str, server: impl Into<String>, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence { kind, server: server.into(), text: text.into(), span: None });
        self
    }

    /// With something that was seen, of which only some octets matter.
    #[must_use]
    pub fn seen_at(
        mut self,
        kind: &'static str,
        server: impl Into<String>,
        text: impl Into<String>,
        span: Range<usize>,
    ) -> Self {
        self.evidence.push(Evidence { kind, server: server.into(), text: text.into(), span: Some(span) });
        self
    }

    /// With another impact than the check's.
    #[must_use]
    pub fn impact(mut self, sending: Impact, receiving: Impact) -> Self {
        (self.sending, self.receiving) = (sending, receiving);
        self
    }

    /// With another impact on mail programs.
    #[must_use]
    pub fn client(mut self, client: Impact) -> Self {
        self.client = client;
        self
    }

    /// To be mended by somebody else than the check says.
    #[must_use]
    pub fn act(mut self, act: Actor) -> Self {
        self.act = act;
        self
    }

    /// Less sure.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// With what to do, in words.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>) -> Self {
        self.fix.text = text.into();
        self
    }

    /// With a record to change.
    #[must_use]
    pub fn change(mut self, op: &'static str, name: &str, kind: &str, old: &str, new: &str) -> Self {
        let [name, kind, old, new] = [name, kind, old, new].map(str::to_owned);
        self.fix.dns.push(DnsChange { op, name, kind, old, new });
        self
    }

    /// With a command to type.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.fix.command = command.into();
        self
    }

    /// With a text to send to whoever must act.
    #[must_use]
    pub fn letter(mut self, letter: impl Into<String>) -> Self {
        self.fix.letter = letter.into();
        self
    }

    /// With how long until the remedy shows.
    #[must_use]
    pub fn then(mut self, text: impl Into<String>) -> Self {
        self.then = text.into();
        self
    }

    /// As a consequence of another finding, if there is one of that id and subject.
    #[must_use]
    pub fn because_of(mut self, id: &str, subject: &str) -> Self {
        self.because_of.push(format!("{id}#{subject}"));
        self
    }

    /// Since a moment that what was seen tells, in milliseconds since 1970.
    #[must_use]
    pub fn since(mut self, at: i64) -> Self {
        self.since = Some(at);
        self
    }

    /// By another rule than the check's.
    #[must_use]
    pub fn rfc(mut self, rfc: &'static str) -> Self {
        self.rfc = rfc;
        self
    }

    /// How it is named in [`Finding::because_of`].
    pub fn key(&self) -> String {
        format!("{}#{}", self.id, self.subject)
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum State {
    /// Does not apply here.
    #[serde(rename = "na")]
    NotApplicable,
    /// All is well.
    #[serde(rename = "pass")]
    Fine,
    /// Could not be tested.
    #[serde(rename = "untested")]
    Untested,
    /// Something was found.
    #[serde(rename = "fail")]
    Found,
}

/// One check's result, over all its subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its id.
    pub id: &'static str,
    /// What came of it.
    pub state: State,
    /// Why it could not be tested, or does not apply; what was seen when it is fine.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How many milliseconds were spent on asking for what it looks at, together with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

/// What the judges say into.
#[derive(Debug, Default)]
pub struct Say {
    /// The results, in the order they were said; an id may be there several times.
    pub(crate) checked: Vec<Checked>,
    /// The findings.
    pub(crate) findings: Vec<Finding>,
}

impl Say {
    fn checked(&mut self, id: &'static str, state: State, why: impl Into<String>) {
        debug_assert!(crate::catalogue::knows(id), "the catalogue has no check {id}");
        self.checked.push(Checked { id, state, why: why.into(), ms: None });
    }

    /// All is well with it; `seen` says in a few words what was seen.
    pub fn fine(&mut self, id: &'static str, seen: impl Into<String>) {
        self.checked(id, State::Fine, seen);
    }

    /// It does not apply, because.
    pub fn not_applicable(&mut self, id: &'static str, why: impl Into<String>) {
        self.checked(id, State::NotApplicable, why);
    }

    /// It could not be tested, because. Never a reproach.
    pub fn untested(&mut self, id: &'static str, why: impl Into<String>) {
        self.checked(id, State::Untested, why);
    }

    /// Something was found.
    pub fn found(&mut self, finding: Finding) {
        self.checked(finding.id, State::Found, finding.title.clone());
        self.findings.push(finding);
    }

    /// Something was found, or all is well.
    pub fn found_or_fine(&mut self, id: &'static str, findings: Vec<Finding>, seen: impl Into<String>) {
        if findings.is_empty() {
            self.fine(id, seen);
        }
        for finding in findings {
            self.found(finding);
        }
    }

    /// Leaves out what was said by checks that are not wanted.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        self.checked.retain(|checked| wanted(checked.id));
        self.findings.retain(|finding| wanted(finding.id));
    }

    /// The findings so far, for tests of judges.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was said so far of that check, at its worst.
    pub fn state_of(&self, id: &str) -> Option<State> {
        self.checked.iter().filter(|checked| checked.id == id).map(|checked| checked.state).max()
    }
}
