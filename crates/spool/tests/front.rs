//! The async front: what shares a transaction, and who fails when one does.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test, which is its job")]

mod common;

use common::*;
use postrider_smtp::{Content, Destination, MessageId, Timestamp};
use postrider_spool::{
    Claim, Claimed, Engine, Kept, NewMessage, QueueDestination, QueuePage, QueueQuery, Record, Settings, Spool,
    SpoolError, Surgery,
};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};

type Answer = Result<(), SpoolError>;
/// What a scripted engine says to a batch.
type Rule = fn(&[NewMessage], &[Record]) -> Answer;

/// An engine that writes nothing: it keeps the sizes of the batches, and fails by a rule.
struct Scripted {
    batches: Mutex<Vec<(usize, usize)>>,
    /// The first write waits here, so that the test can gather a crowd behind it.
    gate: Mutex<Option<mpsc::Receiver<()>>>,
    rule: Rule,
}

impl Engine for Scripted {
    fn commit(&self, batch: &[NewMessage]) -> Result<(), SpoolError> {
        self.write(batch, &[])
    }
    fn record(&self, batch: &[Record]) -> Result<(), SpoolError> {
        self.write(&[], batch)
    }
    fn write(&self, commits: &[NewMessage], records: &[Record]) -> Result<(), SpoolError> {
        let gate = self.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.recv().unwrap();
        }
        self.batches.lock().unwrap().push((commits.len(), records.len()));
        (self.rule)(commits, records)
    }
    fn claim(&self, _: &Claim) -> Result<Claimed, SpoolError> {
        Ok(Claimed::default())
    }
    fn renew(&self, _: &[MessageId], _: Timestamp) -> Result<(), SpoolError> {
        Ok(())
    }
    fn content(&self, message: MessageId) -> Result<Content, SpoolError> {
        Err(SpoolError::NoSuchMessage(message))
    }
    fn kept(&self, message: MessageId) -> Result<Kept, SpoolError> {
        Err(SpoolError::NoSuchMessage(message))
    }
    fn look(&self, _: &QueueQuery) -> Result<QueuePage, SpoolError> {
        Ok(QueuePage::default())
    }
    fn destinations(&self, _: usize) -> Result<Vec<QueueDestination>, SpoolError> {
        Ok(Vec::new())
    }
    fn operate(&self, _: &QueueQuery, _: &Surgery, _: Timestamp) -> Result<u64, SpoolError> {
        Ok(0)
    }
    fn newest(&self) -> Result<Option<MessageId>, SpoolError> {
        Ok(None)
    }
    fn held(&self) -> Result<Vec<Destination>, SpoolError> {
        Ok(Vec::new())
    }
    fn count(&self) -> Result<(u64, u64), SpoolError> {
        Ok((0, 0))
    }
    fn room(&self) -> Result<u64, SpoolError> {
        Ok(50 << 20)
    }
}

/// Sends these behind a first commit that holds the writer up, and gives the batches and the answers.
async fn crowd(
    rule: Rule,
    settings: Settings,
    commits: Vec<NewMessage>,
    records: Vec<Record>,
) -> (Vec<(usize, usize)>, Vec<bool>) {
    let directory = Directory::new();
    std::fs::create_dir(directory.path()).unwrap();
    let (open, gate) = mpsc::channel();
    let engine = Arc::new(Scripted { batches: Mutex::default(), gate: Mutex::new(Some(gate)), rule });
    let over: Arc<dyn Engine> = engine.clone();
    let (spool, _) = Spool::over(over, vec![], directory.path(), settings).unwrap();
    let mut first = Box::pin(spool.commit(leased(0, &["first@x.example"])));
    // One poll hands the request in; the writer takes it up and stands at the gate.
    assert!(poll_once(first.as_mut()).await.is_none());
    while engine.gate.lock().unwrap().is_some() {
        std::thread::yield_now();
    }
    let mut waiting: Vec<Pin<Box<dyn Future<Output = Answer>>>> = Vec::new();
    for new in commits {
        waiting.push(Box::pin(spool.commit(new)));
    }
    for record in records {
        waiting.push(Box::pin(spool.record(record)));
    }
    for one in &mut waiting {
        assert!(poll_once(one.as_mut()).await.is_none());
    }
    open.send(()).unwrap();
    first.await.unwrap();
    let mut answers = Vec::new();
    for one in waiting {
        answers.push(one.await.is_ok());
    }
    spool.close().await;
    assert!(matches!(spool.commit(leased(99, &["late@x.example"])).await, Err(SpoolError::Closed)));
    let batches = engine.batches.lock().unwrap()[1..].to_vec();
    (batches, answers)
}

/// Polls once.
async fn poll_once<T>(mut future: Pin<&mut (dyn Future<Output = T> + '_)>) -> Option<T> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

fn some(commits: i64, records: i64) -> (Vec<NewMessage>, Vec<Record>) {
    let commits = (1..=commits).map(|count| leased(count, &["a@x.example"])).collect();
    (commits, (1..=records).map(|count| record(&[done(count, 0)])).collect())
}

fn full() -> Result<(), SpoolError> {
    Err(SpoolError::Full("no room".to_owned()))
}

#[tokio::test]
async fn a_crowd_shares_one_transaction_within_its_bounds() {
    let (commits, records) = some(5, 3);
    let (batches, answers) = crowd(|_, _| Ok(()), Settings::default(), commits, records).await;
    assert_eq!((batches, answers), (vec![(5, 3)], vec![true; 8]));

    let (commits, records) = some(5, 3);
    let few = Settings { batch_requests_max: 4, ..Settings::default() };
    let (batches, _) = crowd(|_, _| Ok(()), few, commits, records).await;
    assert_eq!(batches, [(4, 0), (1, 3)]);

    let (commits, records) = some(3, 1);
    let small = Settings { batch_bytes_max: 50, ..Settings::default() };
    let (batches, _) = crowd(|_, _| Ok(()), small, commits, records).await;
    assert_eq!(batches, [(2, 0), (1, 1)], "each message has 22 octets");
}

#[tokio::test]
async fn on_a_full_disk_records_go_on_and_commits_are_refused() {
    let (commits, records) = some(2, 3);
    let rule = |commits: &[NewMessage], _: &[Record]| {
        if commits.iter().any(|new| new.id != id(0)) { full() } else { Ok(()) }
    };
    let (batches, answers) = crowd(rule, Settings::default(), commits, records).await;
    assert_eq!(answers, [false, false, true, true, true]);
    assert_eq!(batches, [(2, 3), (0, 3), (1, 0), (1, 0)]);
}

#[tokio::test]
async fn one_message_that_is_too_large_fails_alone() {
    let (mut commits, records) = some(4, 0);
    commits[1].content.body = vec![b'x'; 1 << 20].into();
    let rule = |commits: &[NewMessage], _: &[Record]| {
        if commits.iter().any(|new| new.content.len() > 1 << 16) { full() } else { Ok(()) }
    };
    let (_, answers) = crowd(rule, Settings::default(), commits, records).await;
    assert_eq!(answers, [true, false, true, true]);
}

#[tokio::test]
async fn a_dead_disk_is_not_asked_once_for_everyone_waiting() {
    let (commits, records) = some(40, 40);
    let rule = |commits: &[NewMessage], _: &[Record]| match commits {
        [first] if first.id == id(0) => Ok(()),
        _ => Err(SpoolError::Disk("input/output error".to_owned())),
    };
    let (batches, answers) = crowd(rule, Settings::default(), commits, records).await;
    assert!(answers.iter().all(|ok| !ok));
    assert!(batches.len() < 10, "{batches:?}");
}

#[tokio::test]
async fn little_room_is_said_before_mail_is_taken() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path()).unwrap();
    for (free_bytes_min, want) in [(49 << 20, true), (51 << 20, false)] {
        let engine = Scripted { batches: Mutex::default(), gate: Mutex::default(), rule: |_, _| Ok(()) };
        let settings = Settings { free_bytes_min, ..Settings::default() };
        let (spool, _) = Spool::over(Arc::new(engine), vec![], directory.path(), settings).unwrap();
        assert_eq!(spool.has_room(), want);
    }
}

#[tokio::test]
async fn dots_of_the_last_life_are_told_apart() {
    let directory = Directory::new();
    let open = || Spool::open(directory.settings(), Settings::default()).unwrap();
    let (spool, _) = open();
    for count in 1..=3 {
        spool.commit(leased(count, &["a@x.example", "b@y.example"])).await.unwrap();
    }
    let slots: Vec<_> = [(1, 0), (2, 0), (3, 0), (3, 1)].map(|(count, first)| spool.dot(id(count), first)).into();
    // 1 was recorded as a whole, 2 not at all, of 3 only the first job.
    spool.record(record(&[done(1, 0), done(1, 1), done(3, 0)])).await.unwrap();
    drop(slots);
    spool.close().await;
    drop(spool);
    for told in [false, true] {
        let (spool, recovery) = open();
        assert_eq!((recovery.in_doubt, recovery.untold), (vec![id(2), id(3)], vec![id(1), id(3)]));
        if told {
            spool.recovery_told();
        }
        spool.close().await;
    }
    let (_, recovery) = open();
    assert_eq!((recovery.in_doubt, recovery.untold), (vec![], vec![]));
}
