//! A message's bytes: the split into header and body loses nothing and finds the first empty line.

use bytes::Bytes;
use postrider_smtp::Content;

/// The two parts are the whole, and the header has no empty line but its last.
pub fn run(data: &[u8]) {
    let content = Content::split(Bytes::copy_from_slice(data));
    assert_eq!([&content.head[..], &content.body[..]].concat(), data);
    assert_eq!(content.len(), data.len());
    let empty_lines = content.head.windows(4).filter(|four| *four == b"\r\n\r\n").count();
    let ended = content.head.ends_with(b"\r\n\r\n") || &content.head[..] == b"\r\n";
    assert!(ended || content.body.is_empty());
    assert!(empty_lines <= 1);
}
