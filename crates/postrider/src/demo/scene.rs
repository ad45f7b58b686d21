//! What is known of the demo's mail at a moment, made from the relay's events alone.
//!
//! Pure: events go in, a [`View`] comes out. The screen and the closing table are functions of views.

use super::plan::{self, SHARES};
use postrider_events::{Attempted, Event, Origin, Tidings};
use postrider_reply::Cause;
use postrider_smtp::{Address, MessageId, Outcome, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Where one recipient stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Accepted, nothing tried yet.
    Fresh,
    /// Tried, and to be tried again.
    Waits {
        cause: Cause,
        due: Option<Timestamp>,
    },
    Delivered,
    Failed(Cause),
}

/// By the name of a cause: the cause, how many recipients, and in which rows.
type Counts = BTreeMap<&'static str, (Cause, usize, Vec<usize>)>;

/// Everything seen so far.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    people: HashMap<(MessageId, Address), Standing>,
    notices: HashSet<MessageId>,
    /// The Message-ID fields of the demo's mails, without brackets.
    header_ids: HashMap<MessageId, String>,
    /// The last words of each row's neighbour that were not a yes.
    words: HashMap<usize, String>,
    /// The last words by cause, of what waits and of what failed, for the closing table.
    waiting_words: HashMap<Cause, String>,
    failing_words: HashMap<Cause, String>,
    doubtful: HashSet<MessageId>,
    attempts: u64,
    bounces: u64,
}

/// One neighbour on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The mail domain.
    pub(crate) domain: &'static str,
    /// How it behaves.
    pub(crate) behaviour: &'static str,
    /// Recipients delivered.
    pub(crate) delivered: usize,
    /// Recipients that wait, those not tried yet included.
    pub(crate) waits: usize,
    /// Recipients given up.
    pub(crate) failed: usize,
    /// What it said last that was not a yes; empty when there is no trouble left.
    pub(crate) words: String,
    /// How long until something there is tried again.
    pub(crate) due_in: Option<Duration>,
}

/// One line of the closing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Why.
    pub(crate) cause: Cause,
    /// How many recipients.
    pub(crate) recipients: usize,
    /// At which neighbours.
    pub(crate) domains: Vec<&'static str>,
    /// What one of them said.
    pub(crate) words: String,
}

/// The moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct View {
    /// Since the first mail was handed in.
    pub(crate) elapsed: Duration,
    /// Mails to be handed in.
    pub(crate) letters: usize,
    /// Mails the relay has taken.
    pub(crate) accepted: usize,
    /// Recipients delivered.
    pub(crate) delivered: usize,
    /// Recipients that wait.
    pub(crate) waits: usize,
    /// Recipients given up.
    pub(crate) failed: usize,
    /// Recipients of messages whose final dot once had no reply.
    pub(crate) in_doubt: usize,
    /// Of these, those delivered by a later attempt: they may have come twice.
    pub(crate) in_doubt_delivered: usize,
    /// Bounces sent.
    pub(crate) bounces: u64,
    /// Attempts at recipients.
    pub(crate) attempts: u64,
    /// The neighbours, in the order of the plan.
    pub(crate) rows: Vec<Row>,
    /// Why recipients wait, the most frequent first.
    pub(crate) waits_by_cause: Vec<Tally>,
    /// Why recipients failed, the most frequent first.
    pub(crate) failed_by_cause: Vec<Tally>,
    /// Whether nothing will change any more within the demo.
    pub(crate) at_rest: bool,
}

impl Scene {
    /// Takes an event in.
    pub(crate) fn heard(&mut self, event: &Event) {
        match event {
            Event::Accepted(accepted) if accepted.origin == Origin::Notice => {
                self.notices.insert(accepted.message);
            }
            Event::Accepted(accepted) => {
                if let Some(id) = &accepted.header_id {
                    self.header_ids.insert(accepted.message, id.clone());
                }
                for recipient in &accepted.recipients {
                    let key = (accepted.message, recipient.clone());
                    self.people.entry(key).or_insert(Standing::Fresh);
                }
            }
            Event::Delivered(attempted) => self.tried(attempted, Standing::Delivered),
            Event::Deferred(attempted) | Event::InDoubt(attempted) => {
                if matches!(event, Event::InDoubt(_)) {
                    self.doubtful.insert(attempted.message);
                }
                let due = attempted.next.as_ref().map(|next| next.due);
                self.tried(attempted, Standing::Waits { cause: attempted.verdict.cause, due });
            }
            Event::Failed(attempted) => self.tried(attempted, Standing::Failed(attempted.verdict.cause)),
            Event::Expired(expired) => {
                let key = (expired.message, expired.recipient.clone());
                self.people.insert(key, Standing::Failed(Cause::Expired));
                let words = if expired.reason == "in-doubt" { "in doubt after two attempts" } else { &expired.reason };
                self.failing_words.insert(Cause::Expired, words.to_owned());
            }
            Event::Noticed(noticed) => {
                self.notices.insert(noticed.notice);
                self.bounces += u64::from(noticed.tidings == Tidings::Failure);
            }
            Event::Refused(_)
            | Event::Held(_)
            | Event::Released(_)
            | Event::Retried(_)
            | Event::Dropped(_)
            | Event::Recovered(_) => {}
        }
    }

    fn tried(&mut self, attempted: &Attempted, standing: Standing) {
        if self.notices.contains(&attempted.message) {
            return;
        }
        self.attempts += 1;
        if standing != Standing::Delivered {
            let words = words(&attempted.outcome);
            if let Some(row) = attempted.recipient.domain().and_then(|domain| plan::row_of(domain.as_str())) {
                self.words.insert(row, words.clone());
            }
            let by_cause = match standing {
                Standing::Failed(_) => &mut self.failing_words,
                _ => &mut self.waiting_words,
            };
            by_cause.insert(attempted.verdict.cause, words);
        }
        self.people.insert((attempted.message, attempted.recipient.clone()), standing);
    }

    /// The Message-IDs of what was delivered.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let delivered = self.people.iter().filter(|(_, standing)| **standing == Standing::Delivered);
        delivered.filter_map(|((message, _), _)| self.header_ids.get(message).cloned()).collect()
    }

    /// A message that waits and has been tried; the same one each time it is asked for.
    pub(crate) fn example(&self) -> Option<MessageId> {
        let waits = |standing: &Standing| matches!(standing, Standing::Waits { .. });
        self.people.iter().filter(|(_, standing)| waits(standing)).map(|((message, _), _)| *message).min()
    }

    /// The scene at this moment.
    pub(crate) fn view(&self, letters: usize, elapsed: Duration, now: Timestamp) -> View {
        let mut rows: Vec<Row> = SHARES.iter().map(|share| Row::new(share.domain)).collect();
        let (mut waiting, mut failing) = (Counts::new(), Counts::new());
        let mut view = View { elapsed, letters, bounces: self.bounces, attempts: self.attempts, ..View::default() };
        let mut moving = false;
        for ((message, recipient), standing) in &self.people {
            let Some(row) = recipient.domain().and_then(|domain| plan::row_of(domain.as_str())) else { continue };
            view.accepted += 1;
            let doubtful = self.doubtful.contains(message);
            view.in_doubt += usize::from(doubtful);
            match standing {
                Standing::Fresh => {
                    rows[row].waits += 1;
                    // A neighbour that never says a word keeps its mail fresh for as long as it likes.
                    moving |= !SHARES[row].stuck;
                }
                Standing::Waits { cause, due } => {
                    rows[row].waits += 1;
                    rows[row].due_at(*due, now);
                    moving |= !SHARES[row].stuck;
                    count(&mut waiting, *cause, row);
                }
                Standing::Delivered => {
                    rows[row].delivered += 1;
                    view.in_doubt_delivered += usize::from(doubtful);
                }
                Standing::Failed(cause) => {
                    rows[row].failed += 1;
                    count(&mut failing, *cause, row);
                }
            }
        }
        for (index, row) in rows.iter_mut().enumerate() {
            view.delivered += row.delivered;
            view.waits += row.waits;
            view.failed += row.failed;
            if row.waits + row.failed > 0 {
                row.words = self.words.get(&index).cloned().unwrap_or_default();
            }
        }
        view.rows = rows;
        view.waits_by_cause = tallies(waiting, &self.waiting_words);
        view.failed_by_cause = tallies(failing, &self.failing_words);
        view.at_rest = view.accepted >= letters && !moving;
        view
    }
}

/// The lines of the closing table, the most frequent cause first.
fn tallies(counts: Counts, words: &HashMap<Cause, String>) -> Vec<Tally> {
    let tally = |(cause, recipients, mut rows): (Cause, usize, Vec<usize>)| {
        rows.sort_unstable();
        let domains = rows.into_iter().map(|row| SHARES[row].domain).collect();
        Tally { cause, recipients, domains, words: words.get(&cause).cloned().unwrap_or_default() }
    };
    let mut tallies: Vec<Tally> = counts.into_values().map(tally).collect();
    tallies.sort_by_key(|tally| std::cmp::Reverse(tally.recipients));
    tallies
}

fn count(counts: &mut Counts, cause: Cause, row: usize) {
    let (_, recipients, rows) = counts.entry(cause.name()).or_insert((cause, 0, Vec::new()));
    *recipients += 1;
    if !rows.contains(&row) {
        rows.push(row);
    }
}

impl Row {
    fn new(domain: &'static str) -> Self {
        let behaviour = plan::behaviour(domain);
        Self { domain, behaviour, delivered: 0, waits: 0, failed: 0, words: String::new(), due_in: None }
    }

    fn due_at(&mut self, due: Option<Timestamp>, now: Timestamp) {
        let due_in = due.map(|due| due.since(now));
        self.due_in = match (self.due_in, due_in) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }
}

/// What was said, or why nothing was; without the phase, which the closing table has no room for.
fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Replied { reply, .. } => reply.to_string(),
        Outcome::Unreached(trouble) => trouble.to_string(),
        Outcome::InDoubt(trouble) => format!("no reply to the final dot: {}", trouble.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_events::{Accepted, Next, Noticed, Via};
    use postrider_reply::{Context, Decoder};
    use postrider_smtp::{Phase, Reply, ReplyCode, Trouble, TroubleKind};

    fn id(number: i64) -> MessageId {
        MessageId::from_i64(number).unwrap()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn accepted(number: i64, to: &str, origin: Origin) -> Event {
        Event::Accepted(Box::new(Accepted {
            at: Timestamp(0),
            message: id(number),
            origin,
            client: "127.0.0.1".into(),
            protocol: "ESMTP".into(),
            tls: None,
            sender: None,
            recipients: vec![address(to)],
            size: 100,
            header_id: Some(format!("demo-{number}@home.test")),
        }))
    }

    fn attempted(number: i64, to: &str, outcome: Outcome, due: Option<i64>) -> Box<Attempted> {
        let verdict = Decoder::new().decode(&outcome, &Context { host: "", recipients_accepted: 0 });
        Box::new(Attempted {
            at: Timestamp(0),
            message: id(number),
            sender: None,
            recipient: address(to),
            destination: "open.test".parse().unwrap(),
            attempt: 1,
            took_ms: 1,
            via: Via::default(),
            outcome,
            verdict,
            next: due.map(|due| Next { due: Timestamp(due), reason: String::new() }),
            transcript: None,
        })
    }

    fn replied(phase: Phase, code: u16, text: &str) -> Outcome {
        Outcome::Replied { phase, reply: Reply::new(ReplyCode::new(code).unwrap(), text) }
    }

    fn doubt() -> Outcome {
        let (phase, kind) = (Phase::Dot, TroubleKind::ConnectionLost);
        Outcome::InDoubt(Trouble { phase, kind, errno: None, detail: "closed".into() })
    }

    fn row(view: &View, domain: &str) -> Row {
        view.rows.iter().find(|row| row.domain == domain).unwrap().clone()
    }

    #[test]
    fn a_day_in_the_life_of_four_mails() {
        let mut scene = Scene::default();
        let greylisted = || replied(Phase::Rcpt, 451, "4.7.1 Greylisted, please try again");
        for (number, to) in [(1, "a@open.test"), (2, "b@greylist.test"), (3, "gone@users.test"), (4, "c@flaky.test")] {
            scene.heard(&accepted(number, to, Origin::Relay));
        }
        let view = scene.view(5, Duration::ZERO, Timestamp(0));
        assert_eq!((view.accepted, view.waits, view.at_rest), (4, 4, false));

        scene.heard(&Event::Delivered(attempted(1, "a@open.test", replied(Phase::Dot, 250, "ok"), None)));
        scene.heard(&Event::Deferred(attempted(2, "b@greylist.test", greylisted(), Some(4000))));
        scene.heard(&Event::Failed(attempted(
            3,
            "gone@users.test",
            replied(Phase::Rcpt, 550, "5.1.1 no such user"),
            None,
        )));
        scene.heard(&Event::InDoubt(attempted(4, "c@flaky.test", doubt(), Some(3000))));
        let view = scene.view(4, Duration::ZERO, Timestamp(1000));
        assert_eq!((view.delivered, view.waits, view.failed, view.in_doubt), (1, 2, 1, 1));
        let waiting = row(&view, "greylist.test");
        assert_eq!(waiting.words, "451 4.7.1 Greylisted, please try again");
        assert_eq!((waiting.waits, waiting.due_in), (1, Some(Duration::from_secs(3))));
        assert_eq!(view.failed_by_cause.len(), 1);
        assert_eq!((view.failed_by_cause[0].cause, view.failed_by_cause[0].recipients), (Cause::MailboxUnknown, 1));
        assert_eq!(view.failed_by_cause[0].domains, ["users.test"]);
        assert_eq!(scene.example(), Some(id(2)));

        scene.heard(&Event::Delivered(attempted(2, "b@greylist.test", replied(Phase::Dot, 250, "ok"), None)));
        scene.heard(&Event::Delivered(attempted(4, "c@flaky.test", replied(Phase::Dot, 250, "ok"), None)));
        let view = scene.view(4, Duration::ZERO, Timestamp(5000));
        assert_eq!((view.delivered, view.in_doubt_delivered, view.at_rest), (3, 1, true));
        assert_eq!(row(&view, "greylist.test").words, "");
        let mut delivered = scene.delivered();
        delivered.sort();
        assert_eq!(delivered, ["demo-1@home.test", "demo-2@home.test", "demo-4@home.test"]);
    }

    #[test]
    fn bounces_are_counted_and_are_not_mails_of_the_demo() {
        let mut scene = Scene::default();
        scene.heard(&Event::Noticed(Box::new(Noticed {
            at: Timestamp(0),
            message: id(1),
            notice: id(9),
            tidings: Tidings::Failure,
            to: address("tom@home.test"),
            recipients: Vec::new(),
        })));
        scene.heard(&accepted(9, "tom@home.test", Origin::Notice));
        scene.heard(&Event::Delivered(attempted(9, "tom@home.test", replied(Phase::Dot, 250, "ok"), None)));
        let view = scene.view(1, Duration::ZERO, Timestamp(0));
        assert_eq!((view.bounces, view.accepted, view.delivered, view.attempts), (1, 0, 0, 0));
    }

    #[test]
    fn what_waits_for_ever_does_not_keep_the_demo_going() {
        let mut scene = Scene::default();
        scene.heard(&accepted(1, "a@full.test", Origin::Relay));
        scene.heard(&Event::Deferred(attempted(1, "a@full.test", replied(Phase::Rcpt, 452, "4.2.2 full"), Some(9))));
        assert!(scene.view(1, Duration::ZERO, Timestamp(0)).at_rest);
        assert!(!scene.view(2, Duration::ZERO, Timestamp(0)).at_rest, "not all is handed in");
    }
}
