//! Events on disk: written, rotated, cut off, read back.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod samples;

use postrider_events::{Event, Fan, JsonLines, Memory, Settings, Sink, Ticket, history};
use postrider_smtp::MessageId;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory of this test's own, gone when it ends.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("postrider-events-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(dir: &Dir) -> JsonLines {
    JsonLines::open(Settings::new(dir.path())).unwrap()
}

/// The same event about another message.
fn about(message: MessageId) -> Event {
    let Event::Delivered(mut attempted) = samples::delivered() else { unreachable!() };
    attempted.message = message;
    Event::Delivered(attempted)
}

#[test]
fn what_is_flushed_is_in_the_file_and_in_the_history() {
    let dir = Dir::new("flush");
    let sink = open(&dir);
    let tickets: Vec<_> = samples::all().iter().map(|event| sink.emit(event)).collect();
    assert!(tickets.is_sorted());
    sink.flush();
    assert!(sink.written() >= *tickets.last().unwrap());
    assert_eq!(sink.lost(), 0);
    let of_message = |event: &Event| event.message() == Some(samples::message());
    let want: Vec<_> = samples::all().into_iter().filter(of_message).collect();
    assert_eq!(history(dir.path(), samples::message()).unwrap(), want);
    // A notice is found by its own id, too.
    let notice = MessageId::at(samples::at(432_000_010), 1);
    assert_eq!(history(dir.path(), notice).unwrap().len(), 1);
}

#[test]
fn dropping_the_sink_writes_what_is_pending() {
    let dir = Dir::new("drop");
    open(&dir).emit(&samples::delivered());
    assert_eq!(fs::read_to_string(dir.path().join("events.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn files_are_rotated_and_the_oldest_go() {
    let dir = Dir::new("rotate");
    let settings = Settings { file_bytes_max: 1000, files_max: 3, ..Settings::new(dir.path()) };
    let sink = JsonLines::open(settings).unwrap();
    let mut id = samples::message();
    let mut ids = Vec::new();
    for _ in 0..10 {
        sink.emit(&about(id));
        sink.flush();
        ids.push(id);
        id = MessageId::next_after(id, samples::at(0), 1);
    }
    let files = dir.files();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.contains(&"events.jsonl".to_owned()), "{files:?}");
    let kept: Vec<_> = ids.iter().map(|id| history(dir.path(), *id).unwrap().len()).collect();
    assert!(kept.is_sorted() && kept[0] == 0 && kept[9] == 1, "{kept:?}");
    // A restart goes on with the numbers.
    drop(sink);
    let sink = JsonLines::open(Settings { file_bytes_max: 1, files_max: 3, ..Settings::new(dir.path()) }).unwrap();
    sink.emit(&about(id));
    sink.flush();
    assert_eq!(history(dir.path(), id).unwrap().len(), 1);
    assert_eq!(dir.files().len(), 3);
}

#[test]
fn a_line_cut_off_by_a_crash_spoils_only_itself() {
    let dir = Dir::new("cut");
    open(&dir).emit(&samples::delivered());
    let path = dir.path().join("events.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
    open(&dir).emit(&samples::delivered());
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    assert_eq!(history(dir.path(), samples::message()).unwrap(), [samples::delivered(), samples::delivered()]);
}

#[test]
fn what_memory_cannot_hold_is_lost_and_counted_and_nobody_waits_for_it() {
    let dir = Dir::new("pending");
    let sink = JsonLines::open(Settings { pending_bytes_max: 0, ..Settings::new(dir.path()) }).unwrap();
    let ticket = sink.emit(&samples::delivered());
    sink.flush();
    assert_eq!((sink.lost(), sink.written() >= ticket), (1, true));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let dir = Dir::new("denied");
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let error = JsonLines::open(Settings::new(&file)).unwrap_err().to_string();
    assert!(error.contains("a-file"), "{error}");
}

#[test]
fn no_directory_is_no_history() {
    let dir = Dir::new("none");
    assert_eq!(history(&dir.path().join("missing"), samples::message()).unwrap(), []);
}

#[test]
fn a_fan_has_written_what_all_its_sinks_have() {
    struct Never;
    impl Sink for Never {
        fn emit(&self, _: &Event) -> Ticket {
            Ticket(1)
        }
        fn written(&self) -> Ticket {
            Ticket(0)
        }
    }
    let memory = Arc::new(Memory::default());
    let all = Fan::new(vec![memory.clone(), Arc::new(Memory::default())]);
    let ticket = all.emit(&samples::delivered());
    assert_eq!(memory.events(), [samples::delivered()]);
    assert!(all.written() >= ticket);
    let stuck = Fan::new(vec![memory, Arc::new(Never)]);
    assert!(stuck.written() < stuck.emit(&samples::delivered()));
    assert!(Fan::default().written() >= Fan::default().emit(&samples::delivered()));
}
