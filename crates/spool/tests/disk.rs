//! The disk and the file: full, foreign, in use, damaged, old.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test, which is its job")]

mod common;

use common::*;
use postrider_spool::{Engine, SpoolError, SqliteEngine, SqliteSettings};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn refusal(directory: &Directory) -> String {
    SqliteEngine::open(directory.settings()).map(drop).unwrap_err().to_string()
}

#[test]
fn a_full_disk_is_survived_without_a_reopen() {
    let directory = Directory::new();
    let settings = SqliteSettings { file_bytes_max: Some(1 << 20), ..directory.settings() };
    let (engine, _) = SqliteEngine::open(settings).unwrap();
    let large = |count| {
        let mut new = leased(count, &["a@x.example"]);
        new.content.body = vec![b'x'; 100_000].into();
        new
    };
    let mut kept = 0;
    let full = loop {
        match engine.commit(&[large(kept + 1)]) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, SpoolError::Full(_)), "{full}");
    assert!((7..11).contains(&kept), "{kept} messages of 100 KB in 1 MiB");
    assert!(engine.room().unwrap() < 200_000);
    assert_eq!(engine.count().unwrap(), (kept as u64, kept as u64), "the failed one left no trace");
    engine.record(&[record(&[done(1, 0)])]).unwrap();
    engine.commit(&[large(kept + 2)]).unwrap();
    assert_eq!(engine.content(id(kept + 2)).unwrap(), large(kept + 2).content);
}

#[test]
fn the_directory_is_for_its_owner_only() {
    let directory = Directory::new();
    let _engine = directory.open();
    assert_eq!(fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_process_is_told_who_has_the_spool() {
    let directory = Directory::new();
    let engine = directory.open();
    let refused = refusal(&directory);
    assert!(refused.contains("in use") && refused.contains(&std::process::id().to_string()), "{refused}");
    drop(engine);
    drop(directory.open());
}

#[test]
fn foreign_files_are_refused_in_words_and_left_alone() {
    let make = [
        (other_program as fn(&Path), "another program"),
        (later_format, "format 99"),
        (|file| fs::write(file, "Dear sir or madam, ".repeat(1000)).unwrap(), "no SQLite database"),
    ];
    for (make, words) in make {
        let directory = Directory::new();
        fs::create_dir(directory.path()).unwrap();
        make(&directory.file());
        let before = fs::read(directory.file()).unwrap();
        let refused = refusal(&directory);
        assert!(refused.contains("not ours") && refused.contains(words), "{refused}");
        assert_eq!(fs::read(directory.file()).unwrap(), before, "{words}: the file was touched");
    }
}

fn other_program(file: &Path) {
    Connection::open(file).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
}

fn later_format(file: &Path) {
    drop(Directory::open_at(file));
    Connection::open(file).unwrap().pragma_update(None, "user_version", 99).unwrap();
}

#[test]
fn an_empty_file_becomes_a_spool() {
    let directory = Directory::new();
    fs::create_dir(directory.path()).unwrap();
    fs::write(directory.file(), "").unwrap();
    assert_eq!(directory.open().count().unwrap(), (0, 0));
}

#[test]
fn a_directory_that_cannot_be_made_says_which() {
    let error = SqliteEngine::open(SqliteSettings::new("/dev/null/spool")).map(drop).unwrap_err();
    assert!(error.to_string().contains("/dev/null/spool"), "{error}");
}

#[test]
fn a_damaged_message_stops_no_other() {
    let directory = Directory::new();
    let engine = directory.open();
    engine
        .commit(&[
            waiting(1, &["a@x.example"], NOW),
            waiting(2, &["b@x.example"], NOW),
            leased(3, &["c@x.example"]),
            leased(4, &["d@x.example"]),
        ])
        .unwrap();
    drop(engine);
    let file = Connection::open(directory.file()).unwrap();
    for (table, count) in [("message", 1), ("fresh", 3)] {
        let sql = format!("UPDATE {table} SET facts = x'00' WHERE id = ?1");
        assert_eq!(file.execute(&sql, [id(count).to_i64()]).unwrap(), 1);
    }
    drop(file);
    let (engine, recovered) = SqliteEngine::open(directory.settings()).unwrap();
    assert_eq!(recovered, [(id(4), 0)]);
    assert_eq!(work(&engine.claim(&claim(NOW)).unwrap()), ["2/0@x.example", "4/0@x.example"]);
    let error = engine.kept(id(1)).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains(&id(1).to_string()), "{error}");
    engine.record(&[record(&[done(2, 0), done(4, 0)])]).unwrap();
    assert_eq!(engine.content(id(1)).unwrap().body, "body 1\r\n", "its bytes can still be had");
}

#[test]
fn an_empty_spool_is_rewritten_small_when_idle() {
    let directory = Directory::new();
    let engine = directory.open();
    let mut large = leased(1, &["a@x.example"]);
    large.content.body = vec![b'x'; 70 << 20].into();
    engine.commit(&[large]).unwrap();
    engine.record(&[record(&[done(1, 0)])]).unwrap();
    engine.commit(&[leased(2, &["a@x.example"])]).unwrap();
    let before = fs::metadata(directory.file()).unwrap().len();
    engine.rest().unwrap();
    let after = fs::metadata(directory.file()).unwrap().len();
    assert!(before > 70 << 20 && after < 1 << 20, "{before} before, {after} after");
    assert_eq!(queue(&engine), ["2/0 x.example leased 0"]);
}

/// The file as format 1 wrote it, in SQL so that it can be read in a review.
const FORMAT_1: &str = include_str!("fixtures/format-1.sql");

#[test]
fn format_1_is_read() {
    let directory = Directory::new();
    fs::create_dir(directory.path()).unwrap();
    Connection::open(directory.file()).unwrap().execute_batch(FORMAT_1).unwrap();
    let engine = directory.open();
    let want = ["1/0 x.example +0 0", "1/1 route:hub held 0", "2/0 y.example +5 1 greylisted", "3/0 x.example +0 0"];
    assert_eq!(queue(&engine), want);
    assert_eq!(engine.kept(id(2)).unwrap().attempts.len(), 1);
    assert_eq!(engine.content(id(3)).unwrap(), leased(3, &["a@x.example"]).content);
}

/// The file as format 2 wrote it.
const FORMAT_2: &str = include_str!("fixtures/format-2.sql");

#[test]
fn format_2_is_read_and_is_what_format_1_becomes() {
    let files = [FORMAT_1, FORMAT_2].map(|sql| {
        let directory = Directory::new();
        fs::create_dir(directory.path()).unwrap();
        Connection::open(directory.file()).unwrap().execute_batch(sql).unwrap();
        let engine = directory.open();
        let version = Connection::open(directory.file()).unwrap();
        let version: i64 = version.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        (queue(&engine), version)
    });
    assert_eq!(files[0], files[1]);
    assert_eq!(files[1].1, 2);
}

/// Writes the fixture of the present format. Run it by hand when the format number rises, under the new name.
#[test]
#[ignore = "writes the fixture of the present format"]
fn write_the_fixture() {
    let directory = Directory::new();
    let engine = directory.open();
    let mut two = waiting(1, &["a@x.example", "b@elsewhere.example"], NOW);
    two.plan[1].0 = destination("route:hub");
    engine.commit(&[two, leased(2, &["a@y.example"]), leased(3, &["a@x.example"])]).unwrap();
    let hub = postrider_spool::QueueQuery { destination: Some(destination("route:hub")), ..Default::default() };
    engine.operate(&hub, &postrider_spool::Surgery::Hold, NOW).unwrap();
    let attempt = postrider_spool::AttemptRecord {
        at: NOW,
        took: std::time::Duration::from_secs(1),
        host: "mx.y.example".to_owned(),
        outcomes: vec![(0, "rcpt: 450 4.2.0 greylisted".to_owned())],
        transcript: "S: 220 mx.y.example\n".to_owned(),
    };
    let progress = vec![retry(2, 0, minute(5), "greylisted")];
    engine.record(&[postrider_spool::Record { progress, attempt: Some((id(2), attempt)), notices: vec![] }]).unwrap();
    drop(engine);
    fs::create_dir_all("tests/fixtures").unwrap();
    fs::write("tests/fixtures/format-2.sql", dump(&Connection::open(directory.file()).unwrap())).unwrap();
}

/// The file as SQL: its numbers, its tables, its rows.
fn dump(file: &Connection) -> String {
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = file.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut sql = String::new();
    for pragma in ["application_id", "user_version"] {
        let number: i64 = file.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        sql += &format!("PRAGMA {pragma} = {number};\n");
    }
    for table in texts("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid") {
        sql += &format!("{table};\n");
    }
    for table in texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid") {
        let columns = texts(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"));
        for row in texts(&format!("SELECT concat_ws(', ', {}) FROM {table}", columns.join(", "))) {
            sql += &format!("INSERT INTO {table} VALUES ({row});\n");
        }
    }
    sql
}
