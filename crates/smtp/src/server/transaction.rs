//! MAIL, RCPT, RSET: what stands before a message.

use super::question::Says;
use super::{Asked, Peer, Progress, Question, Reason, Server, State};
use crate::command::Mail;
use crate::{BodyType, Envelope, Recipient, Reply, ReplyCode};

/// A transaction in the making.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) envelope: Envelope,
    /// SMTPUTF8 was asked for; whether it is needed is found out from the message.
    pub(super) smtputf8: bool,
    /// SIZE, as declared.
    pub(super) size: u64,
    refused_recipients: u32,
}

impl Draft {
    fn of(mail: Mail) -> Self {
        let envelope = Envelope {
            sender: mail.sender,
            recipients: Vec::new(),
            body: mail.body.unwrap_or_default(),
            smtputf8: false,
            ret: mail.ret,
            envid: mail.envid,
            require_tls: mail.require_tls,
        };
        Self { envelope, smtputf8: mail.smtputf8, size: mail.size.unwrap_or(0), refused_recipients: 0 }
    }

    pub(super) fn has_recipients(&self) -> bool {
        !self.envelope.recipients.is_empty()
    }
}

impl Server {
    pub(super) fn mail(&mut self, mail: Mail) -> Progress {
        if let Err((reason, reply)) = self.check_mail(&mail) {
            self.refuse_reply(reason, reply);
            return Progress::Made;
        }
        let State::Ready(peer) = self.take_state() else { return Progress::Made };
        let question = Question::Mail(mail.clone());
        self.state = State::Asked(Asked::Mail { peer, draft: Draft::of(mail) });
        Progress::Ask(question)
    }

    /// Only what was offered may be asked for.
    fn check_mail(&self, mail: &Mail) -> Result<(), (Reason, Reply)> {
        let extensions = &self.settings.extensions;
        // RFC 1870 §6.1 (4): 552 when the declared size is beyond the announced one.
        if mail.size.is_some_and(|size| size > self.settings.limits.message_bytes_max) {
            return Err((Reason::TooBig, self.too_big()));
        }
        let not_offered = [
            (mail.smtputf8 && !extensions.smtputf8, "SMTPUTF8"),
            (mail.body == Some(BodyType::EightBitMime) && !extensions.eight_bit_mime, "BODY=8BITMIME"),
            (mail.body == Some(BodyType::BinaryMime) && !extensions.binary_mime, "BODY=BINARYMIME"),
            ((mail.ret.is_some() || mail.envid.is_some()) && !extensions.dsn, "RET and ENVID"),
        ];
        if let Some((_, what)) = not_offered.into_iter().find(|(refused, _)| *refused) {
            return Err((Reason::NotOffered, not_offered_reply(what)));
        }
        // RFC 8689 §2: the parameter means nothing where the message comes in clear.
        if mail.require_tls && !(extensions.require_tls && self.facts.tls) {
            return Err((Reason::NotOffered, not_offered_reply("REQUIRETLS in clear")));
        }
        // RFC 6531 §3.5: 5.6.7 for an address in UTF-8 without SMTPUTF8.
        if !mail.smtputf8 && mail.sender.as_ref().is_some_and(crate::Address::needs_smtputf8) {
            return Err((Reason::BadOctets, needs_smtputf8()));
        }
        Ok(())
    }

    pub(super) fn mail_answered(&mut self, peer: Peer, draft: Draft, says: Says) {
        if self.say_answer(says, "250 2.1.0 sender ok") {
            self.state = State::Transaction(peer, draft);
        } else {
            self.state = State::Ready(peer);
            // A client that is refused and tries again without end is a client in error.
            self.count_error();
        }
    }

    pub(super) fn rcpt(&mut self, recipient: Recipient) -> Progress {
        let State::Transaction(peer, mut draft) = self.take_state() else { return Progress::Made };
        if let Some((reason, reply)) = self.check_rcpt(&draft, &recipient) {
            draft.refused_recipients += 1;
            self.say_reply(&reply);
            self.refused = Some(super::Refused { reason, reply });
            self.go_on(peer, draft);
            return Progress::Made;
        }
        let question = Question::Rcpt(recipient.clone());
        self.state = State::Asked(Asked::Rcpt { peer, draft, recipient });
        Progress::Ask(question)
    }

    fn check_rcpt(&self, draft: &Draft, recipient: &Recipient) -> Option<(Reason, Reply)> {
        // RFC 5321 §4.5.3.1.10: 452, so that the client sends the rest in another transaction.
        if draft.envelope.recipients.len() >= self.settings.limits.recipients_max {
            let reply = Reply::new(ReplyCode::NO_STORAGE_452, "4.5.3 too many recipients: send the rest separately");
            return Some((Reason::TooManyRecipients, reply));
        }
        if !draft.smtputf8 && recipient.address.needs_smtputf8() {
            return Some((Reason::BadOctets, needs_smtputf8()));
        }
        let wants_dsn = recipient.notify.is_some() || recipient.orcpt.is_some();
        if wants_dsn && !self.settings.extensions.dsn {
            return Some((Reason::NotOffered, not_offered_reply("NOTIFY and ORCPT")));
        }
        None
    }

    pub(super) fn rcpt_answered(&mut self, peer: Peer, mut draft: Draft, recipient: Recipient, says: Says) {
        if self.say_answer(says, "250 2.1.5 recipient ok") {
            draft.envelope.recipients.push(recipient);
        } else {
            draft.refused_recipients += 1;
        }
        self.go_on(peer, draft);
    }

    /// Goes on with the transaction, unless too many recipients were refused.
    fn go_on(&mut self, peer: Peer, draft: Draft) {
        let limits = &self.settings.limits;
        // Beyond the most recipients there is room for a client that sends them in one flight.
        let full = draft.envelope.recipients.len() >= limits.recipients_max;
        let room = if full { limits.recipients_overshoot_max } else { 0 };
        if draft.refused_recipients > limits.refused_recipients_max.saturating_add(room) {
            self.too_many("4.7.0 too many refused recipients");
        } else {
            self.state = State::Transaction(peer, draft);
        }
    }

    /// RSET: nothing of the transaction remains; who the client is does.
    pub(super) fn reset(&mut self) {
        self.state = match self.take_state() {
            State::Transaction(peer, _) | State::Chunks(peer, ..) => State::Ready(peer),
            state => state,
        };
        self.say("250 2.0.0 ok");
    }

    pub(super) fn too_big(&self) -> Reply {
        let bytes_max = self.settings.limits.message_bytes_max;
        Reply::new(ReplyCode::TOO_BIG_552, format!("5.3.4 larger than the limit of {bytes_max} octets"))
    }
}

/// RFC 5321 §4.1.1.11.
fn not_offered_reply(what: &str) -> Reply {
    Reply::new(ReplyCode::BAD_MAIL_OR_RCPT_PARAMETER_555, format!("5.5.4 {what} is not offered here"))
}

fn needs_smtputf8() -> Reply {
    Reply::new(ReplyCode::BAD_MAILBOX_NAME_553, "5.6.7 that address needs SMTPUTF8, and MAIL did not ask for it")
}
