//! The reader: bytes in, records out.
//!
//! Whose line it is, is asked of every line, as the first octet and the tag nearly answer it;
//! so several servers may share a file, and a file may change its format in the middle. Only
//! what a line cannot say of itself is remembered: the columns of a CSV file, and the fields of
//! a journal entry that is not complete.

use crate::carrier::{self, Entry};
use crate::csv::Columns;
use crate::journal::Journal;
use crate::json;
use crate::lines::{LINE_BYTES_MAX, Lines};
use crate::messages::Messages;
use crate::record::{Record, Server, Sink};
use crate::servers::qmail::Deliveries;
use crate::servers::{exchange, exim, haraka, opensmtpd, postfix, powermta, qmail, sendmail};
use crate::stamp::{self, Calendar};
use postrider_smtp::Timestamp;

/// How a log is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Stamps without a year are put into the year that brings them closest before this moment,
    /// at most a day behind it. The present is right for a log that is not older than a year.
    pub reference: Timestamp,
    /// What stamps without a zone are ahead of UTC, in seconds.
    pub offset_s: i32,
    /// How many messages under way are remembered; above that, the one not mentioned for the
    /// longest time is forgotten. One takes about 300 octets.
    pub messages_max: usize,
}

impl Default for Settings {
    /// The first days of 2100, UTC, and the messages that fit 30 MB.
    fn default() -> Self {
        Self { reference: Timestamp(4_102_444_800_000), offset_s: 0, messages_max: 100_000 }
    }
}

/// What a reader has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines, empty ones not counted.
    pub lines: u64,
    /// Lines of each server, in the order of [`Server::ALL`].
    pub by_server: [u64; Server::ALL.len()],
    /// Lines longer than [`LINE_BYTES_MAX`], of which only the beginning was read.
    pub long: u64,
}

impl Counts {
    /// Lines that are no mail server's, as far as is known.
    pub fn foreign(&self) -> u64 {
        self.lines - self.by_server.iter().sum::<u64>()
    }
}

/// Reads logs. See the crate's page for an example.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    state: State,
    counts: Counts,
    strangers: Vec<String>,
}

/// How many lines of nobody's are kept to be shown, and how much of each.
const STRANGERS_MAX: usize = 5;
const STRANGER_BYTES_MAX: usize = 200;

impl Reader {
    /// A reader that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        let calendar = Calendar { reference: settings.reference, offset_s: settings.offset_s };
        let state = State {
            calendar,
            messages: Messages::new(settings.messages_max),
            deliveries: Deliveries::default(),
            columns: None,
            journal: Journal::default(),
        };
        Self { lines: Lines::default(), state, counts: Counts::default(), strangers: Vec::new() }
    }

    /// Reads a block of a log, which may begin and end within a line.
    pub fn feed(&mut self, block: &[u8], sink: &mut dyn FnMut(&Record<'_>)) {
        let Self { lines, state, counts, strangers } = self;
        lines.feed(block, &mut |line| read(state, counts, strangers, line, sink));
    }

    /// The file ends: its last line may have no line end, and what was said of columns is over.
    /// Messages under way are kept, as the next file may go on with them.
    pub fn end_file(&mut self, sink: &mut dyn FnMut(&Record<'_>)) {
        let Self { lines, state, counts, strangers } = self;
        lines.finish(&mut |line| read(state, counts, strangers, line, sink));
        if state.journal.is_open() {
            read(state, counts, strangers, b"", sink);
        }
        state.columns = None;
        state.journal = Journal::default();
    }

    /// The first lines that are no mail server's, cut, to be shown.
    pub fn strangers(&self) -> &[String] {
        &self.strangers
    }

    /// What was seen so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many messages had to be forgotten for want of room.
    pub fn forgotten(&self) -> u64 {
        self.state.messages.forgotten
    }
}

fn read(state: &mut State, counts: &mut Counts, strangers: &mut Vec<String>, line: &[u8], sink: &mut Sink<'_>) {
    if state.journal.wants(line) {
        // An entry of the journal has many lines, and counts as one.
        if let Some(entry) = state.journal.take(line) {
            counts.lines += 1;
            count(counts, strangers, state.journal(&entry, sink), entry.text.as_bytes());
        }
        return;
    }
    if line.is_empty() {
        return;
    }
    // Windows puts a byte order mark before the first line.
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    counts.lines += 1;
    counts.long += u64::from(line.len() >= LINE_BYTES_MAX);
    let server = match std::str::from_utf8(line) {
        Ok(line) => state.line(None, line, 0, sink),
        Err(_) => state.line(None, &String::from_utf8_lossy(line), 0, sink),
    };
    count(counts, strangers, server, line);
}

fn count(counts: &mut Counts, strangers: &mut Vec<String>, server: Option<Server>, line: &[u8]) {
    match server {
        Some(server) => counts.by_server[server as usize] += 1,
        None if strangers.len() < STRANGERS_MAX => {
            let shown = &line[..line.len().min(STRANGER_BYTES_MAX)];
            strangers.push(String::from_utf8_lossy(shown).into_owned());
        }
        None => {}
    }
}

/// Who tells: the table to join with, and who listens.
pub(crate) struct Teller<'t, 's> {
    pub(crate) messages: &'t mut Messages,
    pub(crate) sink: &'t mut Sink<'s>,
}

impl Teller<'_, '_> {
    /// Tells a record, of the message with that id if it has one yet.
    pub(crate) fn tell_of(&mut self, host: &str, id: Option<&str>, record: Record<'_>) {
        match id {
            Some(id) => self.tell(host, id, record),
            None => (self.sink)(&record),
        }
    }

    /// Tells a record of the message with that id, with what earlier lines said of it.
    pub(crate) fn tell(&mut self, host: &str, id: &str, record: Record<'_>) {
        match self.messages.get(host, id) {
            Some(known) => (self.sink)(&Record {
                queue_id: Some(id),
                from: record.from.or(known.from.get()),
                message_id: record.message_id.or(known.message_id.get()),
                client: record.client.or(known.client.get()),
                size: record.size.or(known.size),
                ..record
            }),
            None => (self.sink)(&Record { queue_id: Some(id), ..record }),
        }
    }
}

/// How deep a line may be wrapped: Docker around syslog around Exim's own stamps.
const WRAPPINGS_MAX: u32 = 4;

/// The columns of the file that is being read, and whose they are.
#[derive(Debug)]
enum Header {
    Exchange(Columns),
    PowerMta(Columns),
}

#[derive(Debug)]
struct State {
    calendar: Calendar,
    messages: Messages,
    deliveries: Deliveries,
    columns: Option<Header>,
    journal: Journal,
}

impl State {
    /// Reads one line, and says whose it is. `at` is what the wrapping says of the time.
    fn line(&mut self, at: Option<Timestamp>, line: &str, depth: u32, sink: &mut Sink<'_>) -> Option<Server> {
        if depth > WRAPPINGS_MAX {
            return None;
        }
        match line.as_bytes().first()? {
            b'{' => return self.json(at, line, depth, sink),
            b'#' => return self.comment(line),
            b'@' => {
                let (stamp, rest) = stamp::tai64n(line)?;
                return self.words(at.or(Some(stamp)), rest, depth, sink);
            }
            _ => {}
        }
        if let Some(entry) = carrier::syslog(line, &self.calendar)
            && let Some((server, service)) = carrier::server_of(entry.program)
        {
            return self.entry(server, service, &Entry { at: at.or(entry.at), ..entry }, sink);
        }
        if self.row(line, sink) {
            return self.columns.as_ref().map(Header::server);
        }
        match self.calendar.iso(line) {
            Some((stamp, rest)) => self.words(at.or(Some(stamp)), rest.trim_start(), depth, sink),
            None => self.words(at, line.trim_start(), depth, sink),
        }
    }

    /// The words of a program that syslog names.
    fn entry(&mut self, server: Server, service: &str, entry: &Entry<'_>, sink: &mut Sink<'_>) -> Option<Server> {
        let mut teller = Teller { messages: &mut self.messages, sink };
        match server {
            Server::Postfix => postfix::read(entry, service, &mut teller),
            Server::Exim => {
                // Exim may put its own stamp behind syslog's.
                let text = self.calendar.iso(entry.text).map_or(entry.text, |(_, rest)| rest.trim_start());
                exim::read(&Entry { text, ..*entry }, &mut teller);
            }
            Server::Sendmail => sendmail::read(entry, &mut teller),
            Server::OpenSmtpd => opensmtpd::read(entry, &mut teller),
            Server::Qmail => qmail::read(entry, &mut self.deliveries, &mut teller),
            Server::Haraka => haraka::read(entry, &mut teller),
            Server::Postrider if entry.text.starts_with('{') => {
                return self.json(entry.at, entry.text, 1, sink);
            }
            _ => return None,
        }
        Some(server)
    }

    /// Words that no syslog carries; the server is told by their look.
    fn words(&mut self, at: Option<Timestamp>, text: &str, depth: u32, sink: &mut Sink<'_>) -> Option<Server> {
        let entry = Entry { at, host: "", program: "", text };
        let mut teller = Teller { messages: &mut self.messages, sink: &mut *sink };
        if text.starts_with('[') && haraka::looks_so(text) {
            haraka::read(&entry, &mut teller);
            return Some(Server::Haraka);
        }
        if exim::looks_so(text) {
            exim::read(&entry, &mut teller);
            return Some(Server::Exim);
        }
        if opensmtpd::looks_so(text) {
            opensmtpd::read(&entry, &mut teller);
            return Some(Server::OpenSmtpd);
        }
        if qmail::looks_so(text) {
            qmail::read(&entry, &mut self.deliveries, &mut teller);
            return Some(Server::Qmail);
        }
        let inner = carrier::without_stream(text).or_else(|| carrier::without_service(text));
        if let Some(inner) = inner {
            return self.line(at, inner, depth + 1, sink);
        }
        // A tag alone, as programs write it to a container's output.
        let tagged = carrier::tagged(text)?;
        let (server, service) = carrier::server_of(tagged.program)?;
        self.entry(server, service, &Entry { at, ..tagged }, sink)
    }

    fn json(&mut self, at: Option<Timestamp>, line: &str, depth: u32, sink: &mut Sink<'_>) -> Option<Server> {
        let carried = match json::read(line, &self.calendar, sink) {
            json::Found::Records(server) => return Some(server),
            json::Found::Carried(carried) => carried,
            json::Found::Nothing => return None,
        };
        let at = at.or(carried.at);
        let text = carried.text.trim_end_matches(['\n', '\r']);
        match carrier::server_of(&carried.program) {
            Some((server, service)) => {
                let entry = Entry { at, host: &carried.host, program: &carried.program, text };
                self.entry(server, service, &entry, sink)
            }
            None => self.line(at, text, depth + 1, sink),
        }
    }

    /// An entry of the journal's export format.
    fn journal(&mut self, carried: &json::Carried<'_>, sink: &mut Sink<'_>) -> Option<Server> {
        match carrier::server_of(&carried.program) {
            Some((server, service)) => {
                let (host, program, text) = (&*carried.host, &*carried.program, &*carried.text);
                self.entry(server, service, &Entry { at: carried.at, host, program, text }, sink)
            }
            None => self.line(carried.at, &carried.text, 1, sink),
        }
    }

    /// `#Fields: …` names the columns of Exchange's rows; other comments are its too.
    fn comment(&mut self, line: &str) -> Option<Server> {
        if line.starts_with("#type,") && line.contains("rcpt") {
            self.columns = Some(Header::PowerMta(Columns::read(&line[1..])));
            return Some(Server::PowerMta);
        }
        if let Some(header) = line.strip_prefix("#Fields:") {
            self.columns = Some(Header::Exchange(Columns::read(header)));
        }
        let exchange =
            ["#Fields:", "#Software: Microsoft Exchange", "#Log-type: Message Tracking", "#Version:", "#Date:"];
        exchange.iter().any(|start| line.starts_with(start)).then_some(Server::Exchange)
    }

    fn row(&mut self, line: &str, sink: &mut Sink<'_>) -> bool {
        if line.starts_with("type,") && line.contains("rcpt") {
            self.columns = Some(Header::PowerMta(Columns::read(line)));
            return true;
        }
        // Exports of Get-MessageTrackingLog begin with the columns, without `#Fields:`.
        if line.starts_with("date-time,") {
            self.columns = Some(Header::Exchange(Columns::read(line)));
            return true;
        }
        if self.columns.is_none() {
            if exchange::looks_so(line) {
                self.columns = Some(Header::Exchange(Columns::read(exchange::COLUMNS)));
            } else if powermta::looks_so(line) {
                self.columns = Some(Header::PowerMta(Columns::read(powermta::COLUMNS)));
            }
        }
        match &self.columns {
            Some(Header::Exchange(columns)) => {
                columns.row(line).is_some_and(|row| exchange::read(&row, &self.calendar, sink))
            }
            Some(Header::PowerMta(columns)) => {
                columns.row(line).is_some_and(|row| powermta::read(&row, &self.calendar, sink))
            }
            None => false,
        }
    }
}

impl Header {
    fn server(&self) -> Server {
        match self {
            Self::Exchange(_) => Server::Exchange,
            Self::PowerMta(_) => Server::PowerMta,
        }
    }
}
