//! The logs of mail servers as one kind of [`Record`], whoever wrote them.
//!
//! A [`Reader`] is fed with blocks of bytes as they come from a file or pipe. It cuts them into
//! lines, takes off what carried them (syslog, journald, Docker), recognises whose lines they
//! are, joins what several lines say about one message, and hands out a record per fact:
//!
//! ```
//! use postrider_maillog::{Kind, Reader, Settings};
//!
//! let log = b"Nov 24 09:12:01 mx1 postfix/qmgr[7]: 3F2A1B: from=<ann@example.org>, size=900, nrcpt=1 (queue active)\n\
//!     Nov 24 09:12:02 mx1 postfix/smtp[8]: 3F2A1B: to=<tom@example.com>, relay=none, delay=1, dsn=4.4.1, \
//!     status=deferred (connect to example.com[192.0.2.1]:25: Connection timed out)\n";
//! let mut seen = Vec::new();
//! let mut reader = Reader::new(Settings::default());
//! reader.feed(log, &mut |record| seen.push((record.kind, record.from.map(str::to_owned), record.said.to_owned())));
//! let words = "connect to example.com[192.0.2.1]:25: Connection timed out".to_owned();
//! assert_eq!(seen[1], (Kind::Deferred, Some("ann@example.org".to_owned()), words));
//! ```
//!
//! *Invariant:* whatever the bytes, reading takes linear time and bounded memory, and never
//! fails: a line that is not understood is counted and passed over.
//! *Boundary:* no file, no clock, no meaning; what a server's words mean is the decoder's.

mod carrier;
mod csv;
mod journal;
mod json;
mod lines;
mod messages;
mod reader;
mod record;
mod servers;
mod stamp;
mod words;

pub use lines::LINE_BYTES_MAX;
pub use messages::FIELD_BYTES_MAX;
pub use reader::{Counts, Reader, Settings};
pub use record::{Direction, Kind, Record, Server};
