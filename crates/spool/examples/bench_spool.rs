//! Measures the spool: messages through it, and the start with a long queue.
//!
//! ```text
//! cargo run --release -p postrider-spool --example bench_spool -- put 10000 [seconds] [producers]
//! cargo run --release -p postrider-spool --example bench_spool -- queue 1000000
//! ```
//! `put` commits messages of so many octets as leased and records them as done; `queue` fills a
//! spool with waiting recipients over a thousand destinations, and opens, counts and claims from it.

use bytes::Bytes;
use postrider_smtp::{Address, Content, Destination, Envelope, MessageId, Recipient, Timestamp};
use postrider_spool::{
    Claim, Due, Engine, NewMessage, Next, Origin, Progress, Record, Settings, Spool, SqliteEngine, SqliteSettings,
};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| arguments.get(index).and_then(|a| a.parse().ok()).unwrap_or(default);
    let directory = std::env::var_os("SPOOL").map_or_else(
        || std::env::current_dir().map(|here| here.join(format!("bench-spool-{}", std::process::id()))),
        |given| Ok(PathBuf::from(given)),
    )?;
    match arguments.first().map(String::as_str) {
        Some("put") => {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(put(&directory, number(1, 10_000), number(2, 5), number(3, 128)))?;
        }
        Some("queue") => queue(&directory, number(1, 1_000_000))?,
        _ => return Err("put SIZE [SECONDS] [PRODUCERS], or queue ROWS".into()),
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// Commit and record, as fast as so many producers can.
async fn put(directory: &std::path::Path, size: u64, seconds: u64, producers: u64) -> Result<(), Box<dyn Error>> {
    let (spool, _) = Spool::open(SqliteSettings::new(directory), Settings::default())?;
    let ids = Arc::new(AtomicU64::new(1));
    let slowest = Arc::new(AtomicU64::new(0));
    let content = Content::split(message(size));
    let (start, cpu) = (Instant::now(), cpu_ticks()?);
    let end = start + Duration::from_secs(seconds);
    let mut tasks = Vec::new();
    for _ in 0..producers {
        let (spool, ids, content) = (spool.clone(), Arc::clone(&ids), content.clone());
        let slowest = Arc::clone(&slowest);
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                let count = ids.fetch_add(1, Ordering::Relaxed);
                let new = new_message(count, &content, Due::Leased);
                let message = new.id;
                let began = Instant::now();
                spool.commit(new).await?;
                slowest.fetch_max(u64::try_from(began.elapsed().as_micros()).unwrap_or(0), Ordering::Relaxed);
                let dot = spool.dot(message, 0);
                let done = Progress { message, recipient: 0, next: Next::Done };
                spool.record(Record { progress: vec![done], ..Record::default() }).await?;
                if let Some(dot) = dot {
                    dot.clear();
                }
            }
            Ok::<(), postrider_spool::SpoolError>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let (took, cpu) = (start.elapsed().as_secs_f64(), cpu_ticks()? - cpu);
    let count = ids.load(Ordering::Relaxed) - 1;
    println!(
        "{size} octets, {producers} producers: {:.0} messages/s, {:.1} µs CPU each, slowest commit {:.1} ms, file {} MB, log {} MB",
        count as f64 / took,
        cpu as f64 * 10_000.0 / count as f64,
        slowest.load(Ordering::Relaxed) as f64 / 1000.0,
        std::fs::metadata(directory.join("spool.sqlite"))?.len() >> 20,
        std::fs::metadata(directory.join("spool.sqlite-wal"))?.len() >> 20,
    );
    spool.close().await;
    Ok(())
}

/// A long queue: filling, opening, counting, claiming, looking.
fn queue(directory: &std::path::Path, rows: u64) -> Result<(), Box<dyn Error>> {
    let (engine, _) = SqliteEngine::open(SqliteSettings::new(directory))?;
    let content = Content::split(message(1000));
    let start = Instant::now();
    for from in (1..=rows).step_by(1000) {
        let due = |count: u64| Due::At(Timestamp(NOW.0 + (count % 3_600_000).cast_signed()));
        let batch: Vec<_> =
            (from..(from + 1000).min(rows + 1)).map(|count| new_message(count, &content, due(count))).collect();
        engine.commit(&batch)?;
    }
    println!("filled with {rows} in {:?}", start.elapsed());
    drop(engine);
    let timed = |what: &str, start: Instant| {
        println!("{what}: {:?}, resident {} MB", start.elapsed(), resident_kb().unwrap_or(0) >> 10);
    };
    let start = Instant::now();
    let (engine, _) = SqliteEngine::open(SqliteSettings::new(directory))?;
    timed("open", start);
    let start = Instant::now();
    let counted = engine.count()?;
    timed(&format!("count {counted:?}"), start);
    let claim = |later: i64| Claim {
        now: Timestamp(NOW.0 + later),
        until: Timestamp(NOW.0 + 10_000_000),
        work_max: 500,
        per_destination_max: 20,
        skip: Vec::new(),
        after: None,
    };
    for (what, later) in [("nothing due", -1), ("a few due", 200), ("half due", 1_800_000), ("again", 1_800_000)] {
        let start = Instant::now();
        let claimed = engine.claim(&claim(later))?;
        timed(&format!("claim, {what}: {} pieces", claimed.work.len()), start);
    }
    let start = Instant::now();
    let found = engine.destinations(50)?;
    timed(&format!("destinations: {}", found.len()), start);
    Ok(())
}

fn new_message(count: u64, content: &Content, due: Due) -> NewMessage {
    let address = |text: String| Address::parse(&text).unwrap_or_else(|_| unreachable!("a plain address"));
    let to = address(format!("user{count}@destination{}.example", count % 1000));
    NewMessage {
        id: MessageId::from_i64(MessageId::at(NOW, 0).to_i64() + count.cast_signed()).unwrap_or(MessageId::at(NOW, 0)),
        accepted: NOW,
        origin: Origin::Relay,
        client: "192.0.2.1".to_owned(),
        plan: vec![(Destination::of(&to), due)],
        envelope: Envelope {
            sender: Some(address("news@sender.example".to_owned())),
            recipients: vec![Recipient::new(to)],
            ..Envelope::default()
        },
        content: content.clone(),
    }
}

fn message(size: u64) -> Bytes {
    let mut bytes = b"Subject: a measure\r\n\r\n".to_vec();
    while (bytes.len() as u64) < size {
        bytes.extend_from_slice(b"All work and no play makes Jack a dull boy, and the relay a slow one.\r\n");
    }
    bytes.into()
}

/// User and system time of this process, in hundredths of a second.
fn cpu_ticks() -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Ok(field(11) + field(12))
}

fn resident_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
