//! `--jsonl`: an answer for each line, in the order of the lines, by all cores.
//!
//! Worker N takes every block whose number leaves N, and the blocks are written in turn, so that
//! the order holds without anybody waiting for more than the block that is next. The channels are
//! short, so memory is bounded whatever the length of the input.

use super::model::Explained;
use super::reader::{Hints, Reader};
use postrider_smtp::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Of a longer line only the beginning is looked at.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How much input goes to a worker at once.
pub(super) const BLOCK_BYTES: usize = 256 << 10;
/// How many blocks, and answers to them, wait at each worker.
const BLOCKS_WAITING: usize = 2;

/// A line that is an object.
#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    id: Option<Value>,
    input: String,
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    host: Option<String>,
}

/// An answer, with the id of its request.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    #[serde(flatten)]
    explained: &'a Explained,
}

/// Answers every line of `from`.
pub(super) fn run(reader: &Reader, hints: &Hints, from: impl BufRead, to: &mut (impl Write + Send)) -> io::Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let mut asks: Vec<SyncSender<Vec<u8>>> = Vec::new();
        let mut answers: Vec<Receiver<Vec<u8>>> = Vec::new();
        for _ in 0..workers {
            let (ask, asked) = sync_channel::<Vec<u8>>(BLOCKS_WAITING);
            let (answer, answered) = sync_channel(BLOCKS_WAITING);
            scope.spawn(move || {
                while let Ok(block) = asked.recv() {
                    if answer.send(answer_block(reader, hints, &block)).is_err() {
                        break;
                    }
                }
            });
            asks.push(ask);
            answers.push(answered);
        }
        let writer = scope.spawn(move || write(&answers, to));
        let read = give(from, &asks);
        // Without more to ask, the workers end, and then the writer.
        drop(asks);
        let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer ended early")));
        read.and(written)
    })
}

/// Gives blocks of whole lines to the workers in turn. A block ends where nothing more is at
/// hand, so that an input that comes drop by drop is answered at once.
fn give(mut from: impl BufRead, asks: &[SyncSender<Vec<u8>>]) -> io::Result<()> {
    let mut workers = asks.iter().cycle();
    // A worker that is gone means that nobody reads the answers any more.
    let mut send = |block| workers.next().is_some_and(|worker| worker.send(block).is_ok());
    let mut unfinished = Vec::new();
    loop {
        let at_hand = from.fill_buf()?;
        let at_hand = &at_hand[..at_hand.len().min(BLOCK_BYTES)];
        let length = at_hand.len();
        if length == 0 {
            break;
        }
        let end = at_hand.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if end > 0 {
            let mut block = std::mem::take(&mut unfinished);
            block.extend_from_slice(&at_hand[..end]);
            if !send(block) {
                return Ok(());
            }
        }
        unfinished.extend_from_slice(&at_hand[end..]);
        unfinished.truncate(LINE_BYTES_MAX);
        from.consume(length);
    }
    if !unfinished.is_empty() {
        send(unfinished);
    }
    Ok(())
}

fn write(answers: &[Receiver<Vec<u8>>], to: &mut impl Write) -> io::Result<()> {
    for worker in answers.iter().cycle() {
        let Ok(text) = worker.recv() else { break };
        to.write_all(&text)?;
        to.flush()?;
    }
    Ok(())
}

fn answer_block(reader: &Reader, hints: &Hints, block: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(block.len() * 4);
    let lines = block.strip_suffix(b"\n").unwrap_or(block).split(|byte| *byte == b'\n');
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        answer(reader, hints, &line[..line.len().min(LINE_BYTES_MAX)], &mut text);
    }
    text
}

fn answer(reader: &Reader, hints: &Hints, line: &[u8], text: &mut Vec<u8>) {
    let begun = text.len();
    let request = if line.starts_with(b"{") { serde_json::from_slice::<Request>(line).ok() } else { None };
    let (id, explained) = match request {
        None => (None, reader.explain(line, hints)),
        Some(request) => {
            let phase = request.phase.as_deref().map(str::to_ascii_lowercase);
            let named = phase.as_deref().and_then(Phase::from_name);
            let host = request.host.unwrap_or_else(|| hints.host.clone());
            let mut explained = reader.explain(request.input.as_bytes(), &Hints { phase: named.or(hints.phase), host });
            if let (Some(phase), None) = (phase, named) {
                explained.notes.push(format!("No phase is called {phase:?}; it was left out."));
            }
            (request.id, explained)
        }
    };
    if serde_json::to_writer(&mut *text, &Answer { id, explained: &explained }).is_err() {
        // Writing to memory fails for nothing that a request can hold; a half line would be worse.
        text.truncate(begun);
        text.extend_from_slice(b"{}");
    }
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &str) -> Vec<Value> {
        let mut output = Vec::new();
        run(&Reader::new(false), &Hints::default(), input.as_bytes(), &mut output).unwrap();
        output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn each_line_has_an_answer_in_its_place() {
        let input = "550 5.1.1 no such user\n\n{\"id\": 7, \"input\": \"554 no\", \"phase\": \"connect\"}\n{\"not\": \"one\"}\n452 4.2.2 full";
        let answers = answers(input);
        let kinds: Vec<&str> = answers.iter().map(|answer| answer["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["reply", "empty", "reply", "reply", "reply"]);
        assert_eq!((answers[2]["id"].as_u64(), answers[2]["phase"].as_str()), (Some(7), Some("connect")));
        assert_eq!(answers[4]["verdict"]["cause"], "mailbox-full");
    }

    #[test]
    fn the_order_holds_over_many_blocks() {
        let input: String = (0..20_000).map(|n| format!("{{\"id\":{n},\"input\":\"550 x\"}}\n")).collect();
        let ids: Vec<u64> = answers(&input).iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (0..20_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_reader_that_has_seen_enough_ends_it() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let input = "550 x\n".repeat(200_000);
        let ended = run(&Reader::new(false), &Hints::default(), input.as_bytes(), &mut Closed);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
