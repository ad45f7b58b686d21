//! What a line's words mean, asked once for words that come again.

use postrider_maillog::{Kind, Record};
use postrider_reply::{Cause, Confidence, Context, Decoder, Disposition, Verdict};
use postrider_smtp::Said;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::rc::Rc;

/// How many verdicts are kept; most words come again and again.
const VERDICTS_MAX: usize = 20_000;

/// The decoder, and what it said lately.
#[derive(Debug)]
pub(super) struct Judge {
    decoder: Decoder,
    verdicts: HashMap<u64, Rc<Verdict>>,
    hasher: RandomState,
}

impl Judge {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::new(), verdicts: HashMap::new(), hasher: RandomState::new() }
    }

    /// What became of the recipient, and why.
    pub(super) fn verdict(&mut self, record: &Record<'_>) -> Rc<Verdict> {
        let key = self.hasher.hash_one((
            record.kind,
            record.host,
            record.status.map(|it| it.to_string()),
            record.cause,
            record.said,
        ));
        if let Some(verdict) = self.verdicts.get(&key) {
            return Rc::clone(verdict);
        }
        if self.verdicts.len() >= VERDICTS_MAX {
            self.verdicts.clear();
        }
        let verdict = Rc::new(verdict_of(&self.decoder, record));
        self.verdicts.insert(key, Rc::clone(&verdict));
        verdict
    }

    /// The provider that runs a host, where that is known.
    pub(super) fn provider_of(&self, host: &str) -> Option<&str> {
        self.decoder.provider_of_host(host).map(|provider| &*provider.name)
    }
}

/// The words of a record as what was said.
pub(crate) fn said_of<'a>(record: &Record<'a>) -> Said<'a> {
    let mut said = Said::parse(record.said);
    // `x.0.0` says no more than the first digit.
    let status = record.status.filter(|status| (status.subject(), status.detail()) != (0, 0) || said.code.is_none());
    said.enhanced = said.enhanced.or(status);
    said.host = said.host.or(record.host);
    said
}

/// What a record means.
pub(crate) fn verdict_of(decoder: &Decoder, record: &Record<'_>) -> Verdict {
    let context = Context { host: record.host.unwrap_or_default(), ..Context::default() };
    let mut verdict = decoder.explain(&said_of(record), &context);
    if let Some(cause) = record.cause.and_then(Cause::from_name) {
        let disposition = verdict.disposition;
        settled(decoder, &mut verdict, cause, disposition);
    }
    // What became of it is the log's to say; why, the words'.
    match record.kind {
        Kind::Delivered => settled(decoder, &mut verdict, Cause::Delivered, Disposition::Delivered),
        Kind::Deferred => (verdict.disposition, verdict.suppress) = (Disposition::Retry, false),
        Kind::Expired => {
            settled(decoder, &mut verdict, Cause::Expired, Disposition::Fail);
        }
        Kind::Failed => verdict.disposition = Disposition::Fail,
        _ => {}
    }
    verdict
}

/// A verdict that follows from what happened, not from the words.
fn settled(decoder: &Decoder, verdict: &mut Verdict, cause: Cause, disposition: Disposition) {
    verdict.disposition = disposition;
    if verdict.cause == cause {
        return;
    }
    verdict.suppress = false;
    if let Some(facts) = decoder.cause(cause) {
        verdict.scope = facts.scope;
        verdict.who = facts.who;
        verdict.summary = facts.summary.clone();
        verdict.advice = facts.advice.clone();
        verdict.references = facts.references.clone();
    }
    verdict.cause = cause;
    verdict.confidence = Confidence::Entry;
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_maillog::{Reader, Settings};

    #[test]
    fn the_log_says_what_and_the_words_say_why() {
        let mut judge = Judge::new();
        let mut seen = Vec::new();
        let log = b"\
Nov 24 09:12:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<a@b.example>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect to b.example[192.0.2.8]:25: Connection timed out)
Nov 24 09:12:01 mx1 postfix/smtp[4]: 4F2A1B3C: to=<a@b.example>, relay=x[1.2.3.4]:25, delay=1, dsn=5.1.1, status=bounced (host x[1.2.3.4] said: 550 5.1.1 no such user (in reply to RCPT TO command))
Nov 24 09:12:01 mx1 postfix/qmgr[4]: 4F2A1B3C: from=<a@b.example>, status=expired, returned to sender
Nov 24 09:12:01 mx1 postfix/local[4]: 4F2A1B3C: to=<a@b.example>, relay=local, delay=1, dsn=2.0.0, status=sent (delivered to mailbox)
Nov 24 09:12:02 mx1 postfix/smtp[4]: 4F2A1B3C: to=<a@b.example>, relay=x[1.2.3.4]:25, delay=1, dsn=4.1.1, status=SOFTBOUNCE (host x[1.2.3.4] said: 550 5.1.1 no such user (in reply to RCPT TO command))
";
        let mut reader = Reader::new(Settings::default());
        reader.feed(log, &mut |record| {
            let verdict = judge.verdict(record);
            seen.push((verdict.cause, verdict.disposition));
            assert!(!verdict.suppress || verdict.disposition == Disposition::Fail, "{:?}", record.said);
        });
        let want = [
            (Cause::ConnectionTimeout, Disposition::Retry),
            (Cause::MailboxUnknown, Disposition::Fail),
            (Cause::Expired, Disposition::Fail),
            (Cause::Delivered, Disposition::Delivered),
            // A host that puts refusals off (soft_bounce) tries again, and gives nobody up.
            (Cause::MailboxUnknown, Disposition::Retry),
        ];
        assert_eq!(seen, want);
        assert_eq!(judge.verdicts.len(), 5);
        let event = br#"{"schema":"postrider.events/1","event":"deferred","recipient":"a@b.example","outcome":{"trouble":"timeout","detail":"no reply in 3 s"},"verdict":{"cause":"connection-timeout"}}"#;
        reader.feed(event, &mut |_| {});
        let mut causes = Vec::new();
        reader.end_file(&mut |record| causes.push(judge.verdict(record).cause));
        assert_eq!(causes, [Cause::ConnectionTimeout]);
        assert_eq!(judge.provider_of("gmail-smtp-in.l.google.com"), Some("google"));
        assert_eq!(judge.provider_of("mx.nobody.example"), None);
    }
}
