//! Logs of any kind: whatever the bytes and however they are cut, the same is told, and no line
//! is lost.

use postrider_maillog::{Counts, Reader, Settings};
use postrider_smtp::Timestamp;

/// A text per record, and the counts.
fn read(blocks: &[&[u8]], messages_max: usize) -> (Vec<String>, Counts) {
    // 2026-11-24 17:06:40 UTC.
    let settings = Settings { reference: Timestamp(1_795_540_000_000), offset_s: 3600, messages_max };
    let mut reader = Reader::new(settings);
    let mut told = Vec::new();
    let mut sink = |record: &postrider_maillog::Record<'_>| told.push(format!("{record:?}"));
    blocks.iter().for_each(|block| reader.feed(block, &mut sink));
    reader.end_file(&mut sink);
    assert!(reader.strangers().len() as u64 <= reader.counts().foreign(), "a line of a server is kept as nobody's");
    (told, reader.counts())
}

/// The records do not depend on how the bytes are cut; every line is a server's or nobody's.
pub fn run(data: &[u8]) {
    let whole = read(&[data], 1000);
    let lines = data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
    assert!(whole.1.lines <= lines, "{} of {lines} lines", whole.1.lines);
    assert!(whole.1.by_server.iter().sum::<u64>() <= whole.1.lines, "more lines of servers than lines");
    let cut = data.first().map_or(1, |first| usize::from(*first).clamp(1, 255));
    let pieces: Vec<&[u8]> = data.chunks(cut).collect();
    assert_eq!(read(&pieces, 1000), whole, "in pieces of {cut}");
    // With room for one message only, less is known, but nothing is left untold.
    assert!(read(&[data], 1).0.len() >= whole.0.len(), "less is told for want of room");
}
