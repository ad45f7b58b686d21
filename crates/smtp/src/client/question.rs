//! Plain commands, for those who want to know how a host behaves: asked one by one while the
//! session is idle, and answered by [`super::Step::Answered`].
//!
//! A refusal is an answer, too, and does not end the session; only 421, silence and a broken
//! connection do. Not here: what a transaction is ([`super::transaction`] carries those out).

use super::{Client, Credentials, Flight, State};
use crate::{Phase, Reply};
use bytes::Bytes;

/// Commands that are sent as one.
#[derive(Debug)]
pub(super) struct Question {
    wire: String,
    shown: Vec<String>,
    phase: Phase,
    replies: usize,
}

impl Client {
    /// Asks a plain command when the session is next ready: its line without the line end, and
    /// how the transcript shows it. Behind a 354 the "command" is a message with its final dot.
    ///
    /// ```
    /// use postrider_smtp::client::{Client, Settings};
    /// let mut client = Client::new(Settings::default());
    /// client.ask("VRFY postmaster", "VRFY postmaster");
    /// ```
    pub fn ask(&mut self, line: &str, shown: &str) {
        self.ask_together(&[line], &[shown]);
    }

    /// Asks several commands in one flight; each gets an answer.
    pub fn ask_together(&mut self, lines: &[&str], shown: &[&str]) {
        let Some(first) = lines.first() else { return };
        let phase = if self.message_wanted { Phase::Dot } else { phase_of(first) };
        let wire: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
        let shown = shown.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        self.question = Some(Question { wire, shown, phase, replies: lines.len() });
    }

    /// Begins TLS on an idle session in clear; for those who did not want it at once.
    pub fn start_tls(&mut self) {
        if matches!(self.state, State::Idle) && !self.under_tls {
            self.state = State::StartTls;
            self.say("STARTTLS", "STARTTLS");
        }
    }

    /// Begins AUTH on an idle session.
    pub fn log_in_as(&mut self, credentials: Credentials, nonce: String) {
        if matches!(self.state, State::Idle) {
            self.settings.credentials = Some(credentials);
            self.settings.nonce = nonce;
            self.log_in();
        }
    }

    /// Puts a question on the wire.
    pub(super) fn put(&mut self, question: Question) {
        let Question { wire, shown, phase, replies } = question;
        self.state = State::Asking { phase, owed: replies };
        if let Err(violation) = self.inbox.refuse_early(phase) {
            return self.spoken_to_early(&violation);
        }
        for line in &shown {
            self.transcript.said(line);
        }
        // The peer may have a sender now; the next transaction is to begin anew.
        self.needs_reset = true;
        self.outgoing = Some(Flight { chunks: vec![Bytes::from(wire)], ends_message: phase == Phase::Dot });
    }

    pub(super) fn answered(&mut self, reply: Reply) {
        self.message_wanted = reply.code().is_intermediate();
        self.answers.push_back(reply);
    }
}

/// Which phase a command belongs to; those that belong to none are asked between transactions.
fn phase_of(line: &str) -> Phase {
    let verb = line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match verb.as_str() {
        "EHLO" | "HELO" => Phase::Ehlo,
        "AUTH" => Phase::Auth,
        "RCPT" => Phase::Rcpt,
        "DATA" | "BDAT" => Phase::Data,
        _ => Phase::Mail,
    }
}
