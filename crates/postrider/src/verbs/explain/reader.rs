//! From octets to what they mean: the kind is guessed, and each reply decoded.

use super::guess::{self, Guess};
use super::model::{Explained, Kind, Reading, Spoken};
use super::{bare, log, mail, transcript};
use postrider_reply::reference::{Popular, StandsFor};
use postrider_reply::{Confidence, Context, Decoder, Verdict};
use postrider_smtp::said::SAID_BYTES_MAX;
use postrider_smtp::{Outcome, Phase, ReplyCode, Said, Trouble, TroubleKind};
use std::borrow::Cow;

/// What is known besides the input.
#[derive(Debug, Clone, Default)]
pub(super) struct Hints {
    pub(super) phase: Option<Phase>,
    pub(super) host: String,
}

/// The knowledge, ready to be asked by several threads at once.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) decoder: Decoder,
    pub(super) popular: Vec<Popular>,
    /// The codes that a registry has.
    listed: Vec<u16>,
    why: bool,
}

impl Reader {
    /// With `why`, each answer names the entries that were considered.
    pub(super) fn new(why: bool) -> Self {
        let decoder = Decoder::new();
        let popular = decoder.popular().collect();
        let codes = decoder.listed_codes();
        let listed = codes.iter().filter_map(|row| row.key.parse().ok()).filter(|code| *code >= 200).collect();
        Self { decoder, popular, listed, why }
    }

    /// Whether a registry has the code.
    pub(super) fn is_listed(&self, code: ReplyCode) -> bool {
        self.listed.contains(&code.number())
    }

    /// What an input is and means. Total: whatever the octets are, there is an answer.
    pub(super) fn explain(&self, bytes: &[u8], hints: &Hints) -> Explained {
        let unwrapped = unwrapped(bytes);
        if guess::is_binary(&unwrapped) {
            let mut explained = Explained::new(Kind::Binary);
            explained.notes.push(what_binary(&unwrapped).to_owned());
            return explained;
        }
        let text = String::from_utf8_lossy(&unwrapped);
        let mut explained = match guess::guess(&text) {
            Guess::Reply | Guess::Replies(_) | Guess::Transcript
                if let Some(explained) = log::explain(self, &text, hints) =>
            {
                explained
            }
            Guess::Empty => Explained::new(Kind::Empty),
            Guess::Code(bare) => bare::explain(self, &bare, hints),
            Guess::Reply => self.words(&text, hints),
            Guess::Replies(replies) => {
                let mut explained = Explained::new(Kind::Replies);
                explained.replies = replies.iter().map(|reply| self.quoted(reply, hints)).collect();
                explained
            }
            Guess::Transcript => self.session(&text, hints),
            Guess::Mail => mail::explain(self, &unwrapped, hints),
            Guess::Part(media_type) => mail::explain_part(self, media_type, &text, hints),
            Guess::Header => mail::explain_header(&text),
        };
        let echoed = text.trim();
        explained.input = Some(echoed[..echoed.floor_char_boundary(SAID_BYTES_MAX)].to_owned());
        explained
    }

    /// One reply; or the text of a bounce without its header.
    fn words(&self, text: &str, hints: &Hints) -> Explained {
        if text.trim().contains('\n')
            && let Some(explained) = mail::explain_body(self, text, hints)
        {
            return explained;
        }
        let mut explained = Explained::new(Kind::Reply);
        let mut said = Said::parse(text);
        if let Some(popular) = bare::popular_of(self, &said) {
            if let Some(StandsFor::Status(status)) = popular.stands_for
                && said.enhanced.is_none()
            {
                said.enhanced = Some(status);
                explained
                    .notes
                    .push(format!("{} is read as {status} with the dots lost; no standard has it.", popular.code));
            }
            explained.readings = Reading::of_popular(popular);
        }
        explained.reply = Some(self.spoken(said, hints));
        explained
    }

    fn session(&self, text: &str, hints: &Hints) -> Explained {
        let session = transcript::read(text);
        let mut explained = Explained::new(Kind::Transcript);
        let speak = |turn: &transcript::Turn| {
            let mut said = Said::parse(&turn.reply);
            said.phase = turn.phase.or(said.phase);
            let mut spoken = self.spoken(said, &Hints { phase: None, host: hints.host.clone() });
            spoken.recipient = transcript::recipient(&turn.command);
            spoken.command = Some(turn.command.clone()).filter(|command| !command.is_empty());
            spoken
        };
        explained.replies = session.turns.iter().map(speak).collect();
        explained.reply = session.cause().map(|at| speak(&session.turns[at]));
        if let Some((command, phase)) = &session.unanswered {
            let shown = if command == "." { "the final dot" } else { command };
            explained.notes.push(format!("The session ends without a reply to {shown}."));
            if explained.reply.is_none() {
                let kind = TroubleKind::ConnectionLost;
                let trouble = Trouble { phase: *phase, kind, errno: None, detail: session.last_words.clone() };
                let in_doubt = *phase == Phase::Dot;
                let outcome = if in_doubt { Outcome::InDoubt(trouble) } else { Outcome::Unreached(trouble) };
                explained.reply = Some(self.outcome(&outcome));
            }
        }
        let failures = explained.replies.iter().filter(|spoken| spoken.is_failure()).count();
        if failures > 1 {
            let note =
                "Several replies failed. The first is the cause; later ones may only follow from it (RFC 2920 §3.1).";
            explained.notes.push(note.to_owned());
        }
        explained
    }

    fn quoted(&self, text: &str, hints: &Hints) -> Spoken {
        self.spoken(Said::parse(text), hints)
    }

    /// What was said, decoded.
    pub(super) fn spoken(&self, mut said: Said<'_>, hints: &Hints) -> Spoken {
        said.phase = hints.phase.or(said.phase);
        let context = Context { host: &hints.host, ..Context::default() };
        let verdict = self.decoder.explain(&said, &context);
        let considered = self.why.then(|| self.decoder.weigh(&said, &context));
        let text = match said.text {
            Cow::Borrowed(text) => text.trim().to_owned(),
            Cow::Owned(text) => text,
        };
        Spoken {
            recipient: None,
            action: None,
            command: None,
            phase: said.phase,
            host: said.host.map(str::to_owned).or_else(|| Some(hints.host.clone()).filter(|host| !host.is_empty())),
            code: said.code,
            enhanced: said.enhanced,
            text,
            verdict,
            considered,
        }
    }

    /// An outcome of our own making, decoded.
    pub(super) fn outcome(&self, outcome: &Outcome) -> Spoken {
        let verdict = self.decoder.decode(outcome, &Context::default());
        let said = Said::of_outcome(outcome);
        Spoken {
            recipient: None,
            action: None,
            command: None,
            phase: said.phase,
            host: None,
            code: said.code,
            enhanced: said.enhanced,
            text: said.text.into_owned(),
            verdict,
            considered: None,
        }
    }

    /// A verdict that follows from the kind of a mail, not from words in it.
    pub(super) fn verdict_of(&self, cause: postrider_reply::Cause) -> Verdict {
        let said = Said { phase: Some(Phase::Dot), ..Said::default() };
        let mut verdict = self.decoder.explain(&said, &Context::default());
        if let Some(facts) = self.decoder.cause(cause) {
            verdict.disposition = facts.otherwise;
            verdict.scope = facts.scope;
            verdict.who = facts.who;
            verdict.summary = facts.summary.clone();
            verdict.advice = facts.advice.clone();
            verdict.references = facts.references.clone();
            verdict.suppress = facts.suppress;
        } else {
            verdict.summary = cause.meaning().into();
        }
        verdict.cause = cause;
        verdict.confidence = Confidence::Entry;
        verdict
    }
}

/// The octets without a mark of their order; UTF-16, which some editors write, as UTF-8.
fn unwrapped(bytes: &[u8]) -> Cow<'_, [u8]> {
    let pairs = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
    };
    match bytes {
        [0xff, 0xfe, ..] => pairs(u16::from_le_bytes),
        [0xfe, 0xff, ..] => pairs(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        _ => Cow::Borrowed(bytes),
    }
}

fn what_binary(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            "This is compressed data: unpack it first, or give it to `postrider logs` if it is a log."
        }
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "This is an Outlook file (.msg): save the mail as text or .eml first.",
        [b'P', b'K', 3, 4, ..] => "This is a zip file: unpack it first.",
        _ => "This is no text: give a reply, a mail or a log line as text.",
    }
}
