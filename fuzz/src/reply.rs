//! Reply lines: parsing is total and bounded, and what was read is written the same.

use postrider_smtp::reply::{REPLY_LINE_BYTES_MAX, REPLY_LINES_MAX, ReplyParser};

/// Every reply that comes out keeps the bounds, and its wire form is read back as itself.
pub fn run(data: &[u8]) {
    let mut parser = ReplyParser::default();
    for line in data.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match parser.line(line) {
            Ok(None) => assert!(parser.is_within_reply()),
            Err(error) => {
                assert!(error.to_string().len() < 1024, "{error}");
                parser = ReplyParser::default();
            }
            Ok(Some(reply)) => {
                assert!(!parser.is_within_reply());
                assert!((1..=REPLY_LINES_MAX).contains(&reply.lines().count()));
                assert!(reply.text().len() <= reply.to_wire().len());
                let wire = reply.to_wire();
                // Octets that are not UTF-8 became longer when they were replaced.
                if wire.lines().all(|line| line.len() <= REPLY_LINE_BYTES_MAX) {
                    assert_eq!(read_back(&wire), Some(reply.clone()), "{wire:?}");
                }
                reply.enhanced();
            }
        }
    }
}

fn read_back(wire: &str) -> Option<postrider_smtp::Reply> {
    let mut parser = ReplyParser::default();
    wire.split_terminator("\r\n").find_map(|line| parser.line(line.as_bytes()).ok().flatten())
}
