//! One message to some recipients: MAIL, RCPT, DATA or BDAT, and an outcome for each recipient.
//!
//! With PIPELINING the commands go in one flight; without, one at a time by the same plan.
//!
//! What a peer does not offer:
//! - 8BITMIME: the message goes as it is, without `BODY`. RFC 6152 §3 would have it converted or
//!   returned; converting breaks its DKIM signature, and hosts that cannot take eight bits have
//!   not been met for decades.
//! - SMTPUTF8, BINARYMIME, REQUIRETLS: there is no way without, so the outcome is
//!   [`TroubleKind::FeatureNotOffered`].
//! - DSN: the wishes are left out; [`super::Peer::dsn`] tells the caller.

use super::{Ended, Flight, Peer, Timeouts, Violation, body, transcript::Transcript};
use crate::{BodyType, Content, DsnReturn, Envelope, Outcome, Phase, Recipient, Reply, Trouble, TroubleKind};
use bytes::Bytes;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// A message and whom it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Sender and wishes; its recipients are not looked at.
    pub envelope: Envelope,
    /// Whom it goes to.
    pub recipients: Vec<Recipient>,
    /// The message.
    pub content: Content,
}

impl Transaction {
    /// The same outcome for all.
    pub(super) fn unsent(&self, outcome: &Outcome) -> Sent {
        Sent { outcomes: vec![outcome.clone(); self.recipients.len()], untouched: true }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// One for each recipient, in their order.
    pub outcomes: Vec<Outcome>,
    /// Whether the session was over before the peer answered anything but 421. On a connection
    /// that was kept it had been closed meanwhile, and nothing was lost by it.
    pub untouched: bool,
}

/// What the plan is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Reset,
    Mail,
    Rcpt(usize),
    Data,
}

/// How a recipient stands.
enum Standing {
    Open,
    Accepted,
    Settled(Outcome),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Commands are sent and answered.
    Commands,
    /// The message was sent, or is being sent.
    Message,
    /// A lone dot was sent, as there is no recipient for a message.
    NoMessage,
    /// Nothing more to come.
    Over,
}

/// What a transaction does next.
pub(super) enum Doing {
    Ask(Flight),
    Await,
    /// The peer refused the message in its midst: the session cannot go on.
    CutShort(Ended),
    Done {
        needs_reset: bool,
    },
}

/// A transaction under way.
pub(super) struct Sending {
    transaction: Arc<Transaction>,
    standings: Vec<Standing>,
    plan: Vec<Command>,
    sent: usize,
    answered: usize,
    stage: Stage,
    mail_taken: bool,
    /// 354 was heard, or the message goes by BDAT.
    go: bool,
    chunking: bool,
    utf8: bool,
    heard_any: bool,
    cut_short: Option<Reply>,
}

impl Sending {
    /// Makes the plan. Recipients for whom the peer cannot take the message are settled before a word is said.
    pub(super) fn new(transaction: Arc<Transaction>, peer: &Peer, reset: bool, chunking: bool) -> Self {
        let chunking = peer.chunking && (chunking || transaction.envelope.body == BodyType::BinaryMime);
        let mut sending = Self {
            standings: transaction.recipients.iter().map(|_| Standing::Open).collect(),
            plan: Vec::with_capacity(transaction.recipients.len() + 3),
            sent: 0,
            answered: 0,
            stage: Stage::Commands,
            mail_taken: false,
            go: chunking,
            chunking,
            utf8: false,
            heard_any: false,
            cut_short: None,
            transaction,
        };
        sending.settle_unfit(peer);
        sending.make_plan(reset);
        sending
    }

    fn settle_unfit(&mut self, peer: &Peer) {
        let Transaction { envelope, recipients, content } = &*self.transaction;
        let size = content.len() as u64;
        let whole = match peer.size {
            // RFC 1870 §5: 0 is no fixed limit.
            Some(limit) if limit > 0 && size > limit => {
                Some((TroubleKind::TooLargeForPeer, format!("the message has {size} octets, the host takes {limit}")))
            }
            _ if envelope.body == BodyType::BinaryMime && !(peer.binary_mime && peer.chunking) => {
                Some(not_offered("BINARYMIME"))
            }
            _ if envelope.require_tls && !peer.require_tls => Some(not_offered("REQUIRETLS")),
            _ => None,
        };
        // RFC 6531 §3.4: asked for when an address or a header field needs it, not otherwise.
        let (mut for_all, mut for_any) = (false, false);
        if envelope.smtputf8 {
            let sender = envelope.sender.as_ref().is_some_and(|sender| sender.needs_smtputf8());
            for_all = sender || !content.head.is_ascii();
            for_any = recipients.iter().any(|recipient| recipient.address.needs_smtputf8());
        }
        self.utf8 = peer.smtputf8 && (for_all || for_any);
        for (standing, recipient) in self.standings.iter_mut().zip(recipients) {
            let utf8_missing = !peer.smtputf8 && (for_all || recipient.address.needs_smtputf8());
            let trouble = whole.clone().or_else(|| utf8_missing.then(|| not_offered("SMTPUTF8")));
            if let Some((kind, detail)) = trouble {
                *standing =
                    Standing::Settled(Outcome::Unreached(Trouble { phase: Phase::Mail, kind, errno: None, detail }));
            }
        }
    }

    fn make_plan(&mut self, reset: bool) {
        let open = |(index, standing): (usize, &Standing)| matches!(standing, Standing::Open).then_some(index);
        let open: Vec<usize> = self.standings.iter().enumerate().filter_map(open).collect();
        if open.is_empty() {
            self.stage = Stage::Over;
        }
        if reset {
            self.plan.push(Command::Reset);
        }
        if !open.is_empty() {
            self.plan.push(Command::Mail);
            self.plan.extend(open.into_iter().map(Command::Rcpt));
            if !self.chunking {
                self.plan.push(Command::Data);
            }
        }
    }

    /// The next flight, as far as replies allow.
    pub(super) fn advance(&mut self, peer: &Peer, transcript: &mut Transcript) -> Doing {
        if let Some(reply) = self.cut_short.take() {
            return Doing::CutShort(Ended::Refused { phase: Phase::Dot, reply });
        }
        match self.stage {
            Stage::Over => Doing::Done { needs_reset: self.plan == [Command::Reset] && self.sent == 0 },
            _ if self.answered < self.sent => Doing::Await,
            Stage::Message | Stage::NoMessage => Doing::Await,
            Stage::Commands if self.is_plan_worth_following() => self.ask(peer, transcript),
            Stage::Commands => self.message(transcript),
        }
    }

    /// Without PIPELINING a refusal is known in time to save the rest.
    fn is_plan_worth_following(&self) -> bool {
        match self.plan.get(self.sent) {
            None => false,
            Some(Command::Reset | Command::Mail) => true,
            Some(Command::Rcpt(_)) => self.mail_taken,
            Some(Command::Data) => self.has_accepted(),
        }
    }

    fn ask(&mut self, peer: &Peer, transcript: &mut Transcript) -> Doing {
        let commands = if peer.pipelining { self.plan.len() - self.sent } else { 1 };
        let mut wire = String::with_capacity(commands * 64 + 64);
        for command in &self.plan[self.sent..self.sent + commands] {
            let from = wire.len();
            self.write(*command, peer, &mut wire);
            transcript.said(&wire[from..]);
            wire.push_str("\r\n");
        }
        self.sent += commands;
        Doing::Ask(Flight { chunks: vec![Bytes::from(wire)], ends_message: false })
    }

    /// Everything asked is answered, and nothing more is asked: the message, if somebody takes it.
    fn message(&mut self, transcript: &mut Transcript) -> Doing {
        let content = &self.transaction.content;
        if self.has_accepted() && self.go {
            self.stage = Stage::Message;
            let octets = content.len();
            let chunks = if self.chunking {
                transcript.said(&format!("BDAT {octets} LAST"));
                body::last_chunk(content)
            } else {
                body::after_data(content)
            };
            transcript.said(&format!("({octets} octets)"));
            return Doing::Ask(Flight { chunks, ends_message: true });
        }
        if self.go && !self.chunking {
            // RFC 2920 §3.1: a host that says 354 though it took no recipient gets an empty message.
            self.stage = Stage::NoMessage;
            transcript.said(".");
            return Doing::Ask(Flight { chunks: body::nothing_after_data(), ends_message: false });
        }
        // RFC 5321 §4.1.1.4 leaves open whether a refused DATA ends the transaction; RSET does.
        Doing::Done { needs_reset: self.mail_taken }
    }

    fn write(&self, command: Command, peer: &Peer, wire: &mut String) {
        // Writing to a String cannot fail.
        let _ = match command {
            Command::Reset => wire.write_str("RSET"),
            Command::Data => wire.write_str("DATA"),
            Command::Mail => self.write_mail(peer, wire),
            Command::Rcpt(index) => write_rcpt(&self.transaction.recipients[index], peer, wire),
        };
    }

    fn write_mail(&self, peer: &Peer, wire: &mut String) -> std::fmt::Result {
        let Transaction { envelope, content, .. } = &*self.transaction;
        match &envelope.sender {
            Some(sender) => write!(wire, "MAIL FROM:<{sender}>")?,
            None => wire.write_str("MAIL FROM:<>")?,
        }
        if peer.size.is_some() {
            write!(wire, " SIZE={}", content.len())?;
        }
        match envelope.body {
            BodyType::EightBitMime if peer.eight_bit_mime => wire.write_str(" BODY=8BITMIME")?,
            BodyType::BinaryMime => wire.write_str(" BODY=BINARYMIME")?,
            BodyType::EightBitMime | BodyType::SevenBit => {}
        }
        if self.utf8 {
            wire.write_str(" SMTPUTF8")?;
        }
        if envelope.require_tls {
            wire.write_str(" REQUIRETLS")?;
        }
        if peer.dsn {
            match envelope.ret {
                Some(DsnReturn::Full) => wire.write_str(" RET=FULL")?,
                Some(DsnReturn::Headers) => wire.write_str(" RET=HDRS")?,
                None => {}
            }
            if let Some(envid) = envelope.envid.as_deref().filter(|value| is_value(value)) {
                write!(wire, " ENVID={envid}")?;
            }
        }
        Ok(())
    }

    /// Hears the reply to the first command that is not answered. `writing`: the flight is not all out yet.
    pub(super) fn heard(&mut self, reply: Reply, writing: bool) -> Result<(), Violation> {
        self.heard_any = true;
        match self.stage {
            Stage::Commands => {
                let Some(command) = self.plan.get(self.answered).copied().filter(|_| self.answered < self.sent) else {
                    return Err(Violation::Unasked(reply.to_string()));
                };
                self.answered += 1;
                self.heard_command(command, reply)
            }
            Stage::Message if writing => self.heard_early(reply),
            Stage::Message if reply.code().is_intermediate() => unexpected(&reply, "the end of a message"),
            Stage::Message => {
                self.settle(Phase::Dot, &reply, |standing| matches!(standing, Standing::Accepted));
                self.stage = Stage::Over;
                Ok(())
            }
            Stage::NoMessage => {
                self.stage = Stage::Over;
                Ok(())
            }
            Stage::Over => Err(Violation::Unasked(reply.to_string())),
        }
    }

    fn heard_command(&mut self, command: Command, reply: Reply) -> Result<(), Violation> {
        let code = reply.code();
        match command {
            Command::Reset if code.is_positive() => {}
            Command::Reset => return unexpected(&reply, "RSET"),
            Command::Mail if code.is_intermediate() => return unexpected(&reply, "MAIL"),
            Command::Mail if code.is_positive() => self.mail_taken = true,
            Command::Mail => self.settle(Phase::Mail, &reply, |standing| matches!(standing, Standing::Open)),
            Command::Rcpt(_) if code.is_intermediate() => return unexpected(&reply, "RCPT"),
            // Settled already when MAIL was refused in the same flight.
            Command::Rcpt(index) if matches!(self.standings[index], Standing::Open) => {
                let outcome = Outcome::Replied { phase: Phase::Rcpt, reply };
                self.standings[index] =
                    if code.is_positive() { Standing::Accepted } else { Standing::Settled(outcome) };
            }
            Command::Rcpt(_) => {}
            Command::Data if code.is_intermediate() => self.go = true,
            Command::Data if code.is_positive() => return unexpected(&reply, "DATA"),
            Command::Data => self.settle(Phase::Data, &reply, |standing| matches!(standing, Standing::Accepted)),
        }
        Ok(())
    }

    /// A refusal while the message is still being written. Its end must not follow, or a
    /// truncated message would be a whole one.
    fn heard_early(&mut self, reply: Reply) -> Result<(), Violation> {
        if reply.code().is_positive() || reply.code().is_intermediate() {
            return Err(Violation::EarlyAcceptance(reply.to_string()));
        }
        self.settle(Phase::Dot, &reply, |standing| matches!(standing, Standing::Accepted));
        self.cut_short = Some(reply);
        Ok(())
    }

    fn settle(&mut self, phase: Phase, reply: &Reply, which: impl Fn(&Standing) -> bool) {
        for standing in self.standings.iter_mut().filter(|standing| which(standing)) {
            *standing = Standing::Settled(Outcome::Replied { phase, reply: reply.clone() });
        }
    }

    /// The session is over: so is this, for everybody not yet settled.
    pub(super) fn end(&mut self, ended: &Ended, writing: bool) {
        let in_doubt = match ended {
            // RFC 5321 §4.5.4.1, RFC 1047: the message was all out, and no reply to it came.
            Ended::Broken(trouble) if self.stage == Stage::Message && !writing => {
                Some(Outcome::InDoubt(Trouble { phase: Phase::Dot, ..trouble.clone() }))
            }
            _ => None,
        };
        for standing in &mut self.standings {
            let outcome = match standing {
                Standing::Settled(_) => continue,
                Standing::Accepted => in_doubt.clone(),
                Standing::Open => None,
            };
            *standing = Standing::Settled(outcome.unwrap_or_else(|| ended.outcome()));
        }
    }

    /// The outcomes. Everybody is settled by now; whoever were not would be told so.
    pub(super) fn finish(&mut self) -> Sent {
        let outcome = |standing| match standing {
            Standing::Settled(outcome) => outcome,
            Standing::Open | Standing::Accepted => Ended::Quit.outcome(),
        };
        let outcomes = std::mem::take(&mut self.standings).into_iter().map(outcome).collect();
        Sent { outcomes, untouched: !self.heard_any && self.stage != Stage::Over }
    }

    pub(super) fn is_in_message(&self) -> bool {
        self.stage == Stage::Message
    }

    fn has_accepted(&self) -> bool {
        self.standings.iter().any(|standing| matches!(standing, Standing::Accepted))
    }

    fn awaited(&self) -> Command {
        self.plan.get(self.answered).copied().unwrap_or(Command::Data)
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.stage, self.awaited()) {
            (Stage::Commands, Command::Reset | Command::Mail) => Phase::Mail,
            (Stage::Commands, Command::Rcpt(_)) => Phase::Rcpt,
            (Stage::Commands, Command::Data) => Phase::Data,
            (Stage::Message | Stage::NoMessage | Stage::Over, _) => Phase::Dot,
        }
    }

    pub(super) fn wait(&self, timeouts: &Timeouts) -> Duration {
        match (self.stage, self.awaited()) {
            (Stage::Commands, Command::Reset) => timeouts.reset,
            (Stage::Commands, Command::Mail) => timeouts.mail,
            (Stage::Commands, Command::Rcpt(_)) => timeouts.rcpt,
            (Stage::Commands, Command::Data) => timeouts.data,
            (Stage::Message | Stage::NoMessage | Stage::Over, _) => timeouts.dot,
        }
    }
}

fn write_rcpt(recipient: &Recipient, peer: &Peer, wire: &mut String) -> std::fmt::Result {
    write!(wire, "RCPT TO:<{}>", recipient.address)?;
    if !peer.dsn {
        return Ok(());
    }
    if let Some(notify) = recipient.notify {
        let names = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
        let mut separator = " NOTIFY=";
        for (_, name) in names.into_iter().filter(|(wanted, _)| *wanted) {
            write!(wire, "{separator}{name}")?;
            separator = ",";
        }
        if separator != "," {
            wire.write_str(" NOTIFY=NEVER")?;
        }
    }
    if let Some(orcpt) = recipient.orcpt.as_deref().filter(|value| is_value(value)) {
        write!(wire, " ORCPT={orcpt}")?;
    }
    Ok(())
}

/// RFC 5321 §4.1.2: an esmtp-value has no space, no control character, nothing beyond ASCII.
/// The envelope's parser saw to it; a stored one is looked at again before it goes on a wire.
fn is_value(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn not_offered(feature: &str) -> (TroubleKind, String) {
    (TroubleKind::FeatureNotOffered, format!("the message needs {feature}, which the host does not offer"))
}

fn unexpected(reply: &Reply, asked: &'static str) -> Result<(), Violation> {
    Err(Violation::UnexpectedReply(reply.to_string(), asked))
}
