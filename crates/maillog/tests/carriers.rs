//! The same facts, whatever carries them and however the bytes are cut.

use postrider_maillog::{Counts, Kind, LINE_BYTES_MAX, Reader, Server, Settings};
use postrider_smtp::Timestamp;

/// 2026-11-24 17:06:40 UTC.
const NOW: Timestamp = Timestamp(1_795_540_000_000);
const TEXT: &str =
    "4F2A1B3C: to=<tom@example.com>, relay=mx.example.com[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 Ok)";

/// When, whose, what and to whom.
type Seen = (Option<i64>, Server, Kind, Option<String>);

fn read(blocks: &[&[u8]]) -> (Vec<Seen>, Counts) {
    let mut reader = Reader::new(Settings { reference: NOW, ..Settings::default() });
    let mut seen = Vec::new();
    let mut sink = |record: &postrider_maillog::Record<'_>| {
        seen.push((record.at.map(|at| at.0), record.server, record.kind, record.recipient.map(str::to_owned)));
    };
    blocks.iter().for_each(|block| reader.feed(block, &mut sink));
    reader.end_file(&mut sink);
    (seen, reader.counts())
}

#[test]
fn every_carrier_gives_the_same_record() {
    let quoted = TEXT.replace('"', "\\\"");
    let lines = [
        format!("Nov 24 17:06:40 mx1 postfix/smtp[8]: {TEXT}"),
        format!("2026-11-24T18:06:40.000000+01:00 mx1 postfix/smtp[8]: {TEXT}"),
        format!("<22>1 2026-11-24T17:06:40Z mx1 postfix/smtp 8 - - {TEXT}"),
        format!("<22>Nov 24 17:06:40 mx1 postfix/smtp[8]: {TEXT}"),
        format!(
            "{{\"__REALTIME_TIMESTAMP\":\"1795540000000000\",\"_HOSTNAME\":\"mx1\",\"SYSLOG_IDENTIFIER\":\"postfix/smtp\",\"MESSAGE\":\"{quoted}\"}}"
        ),
        format!(
            "__CURSOR=s\n__REALTIME_TIMESTAMP=1795540000000000\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER=postfix/smtp\nMESSAGE={TEXT}\n\n"
        ),
        format!(
            "{{\"log\":\"Nov 24 17:06:40 mx1 postfix/smtp[8]: {quoted}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T17:06:40Z\"}}"
        ),
        format!("{{\"log\":\"postfix/smtp[8]: {quoted}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-24T17:06:40Z\"}}"),
        format!(
            "{{\"@timestamp\":\"2026-11-24T17:06:40Z\",\"host\":\"mx1\",\"program\":\"postfix/smtp\",\"message\":\"{quoted}\"}}"
        ),
        format!("2026-11-24T17:06:40.000000000Z stdout F postfix/smtp[8]: {TEXT}"),
        format!("mail-1  | Nov 24 17:06:40 mx1 postfix/smtp[8]: {TEXT}"),
    ];
    let want = (Some(NOW.0), Server::Postfix, Kind::Delivered, Some("tom@example.com".to_owned()));
    for line in &lines {
        let (seen, counts) = read(&[line.as_bytes()]);
        assert_eq!(seen, std::slice::from_ref(&want), "{line}");
        assert_eq!((counts.lines, counts.foreign()), (1, 0), "{line}");
    }
    // All in one file, in pieces of any size.
    let whole = lines.join("\n");
    for size in [1, 7, 64, 1000] {
        let pieces: Vec<&[u8]> = whole.as_bytes().chunks(size).collect();
        assert_eq!(read(&pieces).0, vec![want.clone(); lines.len()], "pieces of {size}");
    }
}

#[test]
fn lines_of_nobody_are_counted_and_kept_to_be_shown() {
    let mut reader = Reader::new(Settings::default());
    let log = b"Nov 24 17:06:40 mx1 kernel: eth0 up\n\n\xff\xfe\x00\nhello\n{\"a\":1}\n{\n@\n";
    reader.feed(log, &mut |_| {});
    reader.feed(&vec![b'x'; 2 * LINE_BYTES_MAX], &mut |_| {});
    reader.end_file(&mut |_| {});
    let counts = reader.counts();
    assert_eq!((counts.lines, counts.foreign(), counts.long), (7, 7, 1));
    assert_eq!(reader.strangers()[0], "Nov 24 17:06:40 mx1 kernel: eth0 up");
    assert_eq!(reader.strangers().len(), 5);
}
