//! The one loop back: what a sender is told, as a message of our own.
//!
//! A notice has the null sender, and about a null-sender message none is made (RFC 5321 §6.1,
//! RFC 3464 §2): the two rules that keep mail about mail from going round for ever.

use crate::carry::Settlement;
use crate::job::Cargo;
use crate::settings::Settings;
use postrider_delivery::Spoken;
use postrider_queue::{GiveUp, Job, Settled};
use postrider_reply::Who;
use postrider_report::{Fate, Notice, Tidings, compose};
use postrider_smtp::{Address, Content, Envelope, MessageId, Notify, Recipient, Timestamp};
use std::time::Duration;

/// A notice, ready to be planned and kept.
pub(crate) struct Ready {
    pub(crate) id: MessageId,
    pub(crate) tidings: Tidings,
    pub(crate) to: Address,
    pub(crate) about: Vec<Address>,
    pub(crate) envelope: Envelope,
    pub(crate) content: Content,
}

/// Which notices a finished attempt owes, by what was asked for (RFC 3461 §4.1).
fn owed(settlement: &Settlement, recipient: &Recipient, passed_on: bool) -> Option<Tidings> {
    let notify = recipient.notify.unwrap_or_default();
    match &settlement.settled {
        Settled::Done if notify.success && !passed_on => Some(Tidings::Success),
        Settled::GiveUp { .. } if notify.failure => Some(Tidings::Failure),
        Settled::RetryAt { tell_delay: true, .. } if notify.delay => Some(Tidings::Delay),
        _ => None,
    }
}

/// What one attempt at a job came to, as far as a notice tells it.
pub(crate) struct Account<'a> {
    pub(crate) job: &'a Job<Cargo>,
    pub(crate) content: &'a Content,
    pub(crate) settlements: &'a [Settlement],
    pub(crate) spoken: Option<&'a Spoken>,
    pub(crate) tried: Option<Timestamp>,
    /// When the message goes back if nothing helps.
    pub(crate) expires: Timestamp,
}

impl Account<'_> {
    /// Composes the notices owed: at most one of each kind.
    pub(crate) fn notices(
        &self,
        settings: &Settings,
        now: Timestamp,
        mut next_id: impl FnMut() -> MessageId,
    ) -> Vec<Ready> {
        let Some(sender) = &self.job.payload.envelope.sender else {
            return Vec::new();
        };
        let passed_on = self.spoken.is_some_and(|spoken| spoken.dsn);
        let mut ready = Vec::new();
        for tidings in [Tidings::Failure, Tidings::Delay, Tidings::Success] {
            let fates: Vec<Fate<'_>> = (self.settlements.iter().enumerate())
                .filter(|(at, s)| owed(s, &self.job.payload.people[*at], passed_on) == Some(tidings))
                .map(|(at, s)| self.fate(at, s, now))
                .collect();
            if !fates.is_empty() {
                ready.push(self.compose(settings, tidings, sender, fates, now, next_id()));
            }
        }
        ready
    }

    fn fate<'a>(&'a self, at: usize, settlement: &'a Settlement, now: Timestamp) -> Fate<'a> {
        let expired = matches!(
            settlement.settled,
            Settled::GiveUp { reason: GiveUp::Expired | GiveUp::AttemptsMax | GiveUp::InDoubt }
        );
        let age: Duration = now.since(self.job.accepted);
        Fate {
            recipient: &self.job.payload.people[at],
            outcome: settlement.outcome.as_ref(),
            host: self.spoken.map(|spoken| &*spoken.host),
            tried: self.tried,
            attempts: self.job.recipients[at].attempts + u32::from(settlement.outcome.is_some()),
            expired: expired.then_some(age),
            retry_until: matches!(settlement.settled, Settled::RetryAt { .. }).then_some(self.expires),
            summary: &settlement.verdict.summary,
            who: who_in_words(settlement.verdict.who),
            advice: &settlement.verdict.advice,
        }
    }

    fn compose(
        &self,
        settings: &Settings,
        tidings: Tidings,
        sender: &Address,
        fates: Vec<Fate<'_>>,
        now: Timestamp,
        id: MessageId,
    ) -> Ready {
        let envelope = &self.job.payload.envelope;
        let about = fates.iter().map(|fate| fate.recipient.address.clone()).collect();
        let composed = compose(&Notice {
            tidings,
            id,
            now,
            reporter: &settings.hostname,
            to: sender,
            about: self.job.message,
            accepted: self.job.accepted,
            envid: envelope.envid.as_deref(),
            ret: envelope.ret,
            original: self.content,
            original_bytes_max: settings.notice_original_bytes_max,
            fates,
        });
        // RFC 3461 §6.1: a notice asks for no notice about itself.
        let to = Recipient { notify: Some(Notify::NEVER), ..Recipient::new(sender.clone()) };
        let envelope = Envelope {
            recipients: vec![to],
            body: composed.body,
            smtputf8: composed.smtputf8 || sender.needs_smtputf8(),
            ..Envelope::default()
        };
        Ready { id, tidings, to: sender.clone(), about, envelope, content: composed.content }
    }
}

/// Who must act, as the middle of a sentence.
fn who_in_words(who: Who) -> &'static str {
    match who {
        Who::Sender => "you, the sender of the message",
        Who::SenderAdmin => "the administrator of the sending system",
        Who::Recipient => "the recipient",
        Who::RecipientAdmin => "the administrator of the receiving system",
        Who::Network => "whoever runs the network in between",
        Who::Nobody => "nobody; it needs time",
    }
}
