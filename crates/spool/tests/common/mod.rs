//! What the spool's tests share: a directory that goes away, messages in one line, and short questions.
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, not tests: a failure is a failure of the test")]

use postrider_smtp::{Address, Content, Destination, Envelope, MessageId, Recipient, Timestamp};
use postrider_spool::{
    Claim, Claimed, Due, Engine, NewMessage, Next, Origin, Progress, QueueQuery, Record, SqliteEngine, SqliteSettings,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A directory for one test.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("postrider-spool-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("spool.sqlite")
    }

    pub fn settings(&self) -> SqliteSettings {
        SqliteSettings::new(&self.0)
    }

    /// Opens the spool that has this file.
    pub fn open_at(file: &Path) -> SqliteEngine {
        SqliteEngine::open(SqliteSettings::new(file.parent().unwrap())).unwrap().0
    }

    pub fn open(&self) -> SqliteEngine {
        SqliteEngine::open(self.settings()).unwrap().0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Minutes from the start of the test.
pub fn minute(minutes: i64) -> Timestamp {
    Timestamp(NOW.0 + minutes * 60_000)
}

pub fn id(count: i64) -> MessageId {
    MessageId::from_i64(MessageId::at(NOW, 0).to_i64() + count).unwrap()
}

pub fn destination(text: &str) -> Destination {
    text.parse().unwrap()
}

/// A message to these recipients, each with its due time.
pub fn message(count: i64, to: &[(&str, Due)]) -> NewMessage {
    let recipients: Vec<_> = to.iter().map(|(to, _)| Recipient::new(Address::parse(to).unwrap())).collect();
    NewMessage {
        id: id(count),
        accepted: NOW,
        origin: Origin::Submission,
        client: "tom".to_owned(),
        plan: recipients.iter().zip(to).map(|(to, (_, due))| (Destination::of(&to.address), due.clone())).collect(),
        envelope: Envelope {
            sender: Some(Address::parse("from@sender.example").unwrap()),
            recipients,
            ..Envelope::default()
        },
        content: Content::split(format!("Subject: {count}\r\n\r\nbody {count}\r\n").into()),
    }
}

pub fn leased(count: i64, to: &[&str]) -> NewMessage {
    message(count, &to.iter().map(|to| (*to, Due::Leased)).collect::<Vec<_>>())
}

pub fn waiting(count: i64, to: &[&str], due: Timestamp) -> NewMessage {
    message(count, &to.iter().map(|to| (*to, Due::At(due))).collect::<Vec<_>>())
}

pub fn done(count: i64, recipient: u32) -> Progress {
    Progress { message: id(count), recipient, next: Next::Done }
}

pub fn retry(count: i64, recipient: u32, due: Timestamp, reason: &str) -> Progress {
    let next = Next::Retry { due, reason: reason.to_owned(), attempted: true, delay_told: false, in_doubt: false };
    Progress { message: id(count), recipient, next }
}

pub fn record(progress: &[Progress]) -> Record {
    Record { progress: progress.to_vec(), ..Record::default() }
}

pub fn claim(now: Timestamp) -> Claim {
    Claim {
        now,
        until: Timestamp(now.0 + 600_000),
        work_max: 100,
        per_destination_max: 10,
        skip: Vec::new(),
        after: None,
    }
}

/// What was claimed, as `message/recipients@destination`.
pub fn work(claimed: &Claimed) -> Vec<String> {
    let one = |work: &postrider_spool::Work| {
        let who: Vec<_> = work.recipients.iter().map(|standing| standing.index.to_string()).collect();
        format!("{}/{}@{}", work.message.to_i64() - id(0).to_i64(), who.join(","), work.destination)
    };
    claimed.work.iter().map(one).collect()
}

/// The queue, one line a recipient: `message/index destination due-in-minutes attempts reason`.
pub fn queue(engine: &dyn Engine) -> Vec<String> {
    let page = engine.look(&QueueQuery { rows_max: 1000, ..QueueQuery::default() }).unwrap();
    assert_eq!(page.recipients, page.rows.len() as u64, "the tally agrees with the rows");
    let line = |row: &postrider_spool::QueueRow| {
        let due = match (row.held, row.due) {
            (true, _) => "held".to_owned(),
            (false, None) => "leased".to_owned(),
            (false, Some(due)) => format!("+{}", (due.0 - NOW.0) / 60_000),
        };
        let message = row.message.to_i64() - id(0).to_i64();
        let (index, attempts) = (row.standing.index, row.standing.attempts);
        format!("{message}/{index} {} {due} {attempts} {}", row.destination, row.reason).trim_end().to_owned()
    };
    page.rows.iter().map(line).collect()
}
