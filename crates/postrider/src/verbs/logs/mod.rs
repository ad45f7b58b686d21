//! `postrider logs`: what mail servers' logs come to: how much was sent, what went wrong, where,
//! since when, and who must act; or the whole story of one message.
//!
//! Lines are read by the `maillog` crate, in one pass and bounded memory; the words in them are
//! decoded by the decoder that `explain` and the relay use.

mod curve;
mod domain;
mod judge;
mod model;
mod rows;
mod source;
mod story;
mod tally;
mod text;
mod when;

pub(crate) use domain::domain_in;
pub(crate) use judge::{said_of, verdict_of};

use crate::exit::{Exit, Failure};
use crate::verbs::now;
use crate::verbs::paint::Look;
use postrider_maillog::{Counts, Reader, Record, Server, Settings};
use postrider_smtp::Timestamp;
use source::Progress;
use std::io::{self, IsTerminal as _, Write as _};
use story::Story;
use tally::{By, Tally};
use when::Zone;

/// What to do when nothing was given.
const HOW: &str = "\
no log to read: give files, or - for standard input, such as
  postrider logs /var/log/mail.log
  journalctl -o export | postrider logs -
  postrider logs --help";

/// The arguments of `logs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads logs of Postfix, Exim, Sendmail, OpenSMTPD, qmail, Haraka, Exchange (message tracking),
KumoMTA, PowerMTA and Postrider (events), in any mixture: plain, .gz or .zst, as syslog writes them
(three shapes), from journalctl (-o export, -o json, -o short), Docker and Kubernetes.

Examples:
  postrider logs /var/log/mail.log.1 /var/log/mail.log
  postrider logs mail.log --since 2h --by domain
  postrider logs mail.log --trace 4bXyZ11kQz        one message's whole story; also by address
  journalctl -o export -u postfix | postrider logs - --json

Exit codes: 0 done, 1 --trace found nothing, 64 wrong usage, 65 no line is a mail server's,
66 a file cannot be read.")]
pub(crate) struct Args {
    /// Logs, or - for standard input
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// What troubles are put together by
    #[arg(long, value_enum, default_value = "both")]
    by: By,
    /// Only from then on: a time ago (2h, 3d), a date, a date and time, or a time of today
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only until then
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Tell the story of a message: its queue id, its Message-ID, or an address
    #[arg(long, value_name = "ID|ADDRESS")]
    trace: Option<String>,
    /// How many rows are shown
    #[arg(long, value_name = "N", default_value_t = 8)]
    top: usize,
    /// The zone of stamps that have none, such as +01:00 [default: this machine's]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    zone: Option<String>,
    /// Print JSON: one object, or with --trace one a line
    #[arg(long)]
    json: bool,
}

/// What is known when all is read.
struct Report<'a> {
    files: Vec<String>,
    counts: Counts,
    strangers: &'a [String],
    forgotten: u64,
    tally: &'a Tally,
    zone: Zone,
    /// A file that ended before its end.
    notes: Vec<String>,
}

impl Report<'_> {
    /// Whose lines they are, the most frequent first.
    fn servers(&self) -> Vec<(Server, u64)> {
        let mut servers: Vec<_> =
            Server::ALL.into_iter().zip(self.counts.by_server).filter(|(_, lines)| *lines > 0).collect();
        servers.sort_by_key(|(server, lines)| (std::cmp::Reverse(*lines), *server));
        servers
    }
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    if args.files.is_empty() && io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, HOW));
    }
    let files = if args.files.is_empty() { vec!["-".to_owned()] } else { args.files.clone() };
    let zone = Zone::parse(args.zone.as_deref())?;
    let bound = |words: &Option<String>| words.as_deref().map(|words| zone.moment(words, now())).transpose();
    let span = (bound(&args.since)?, bound(&args.until)?);
    if let (Some(since), Some(until)) = span
        && since > until
    {
        return Err(Failure::new(Exit::Usage, "--since is later than --until: nothing can be between them"));
    }
    let look = Look::of_stdout();
    let mut tally = Tally::new(args.by);
    let mut story = args.trace.as_deref().map(|wanted| Story::new(wanted, zone, look, args.json));
    let settings = Settings { reference: now(), offset_s: zone.offset_s, ..Settings::default() };
    let mut reader = Reader::new(settings);
    let mut progress = Progress::new(&files, !args.json && io::stderr().is_terminal());
    let mut sink = |record: &Record<'_>| {
        if is_within(record, span) {
            match &mut story {
                Some(story) => story.add(record),
                None => tally.add(record),
            }
        }
    };
    let (names, notes) = read_all(&files, &mut reader, &mut progress, &mut sink)?;
    let (counts, forgotten) = (reader.counts(), reader.forgotten());
    let report = Report { files: names, counts, strangers: reader.strangers(), forgotten, tally: &tally, zone, notes };
    if counts.lines > 0 && counts.foreign() == counts.lines {
        return Err(Failure::new(Exit::Data, text::nobody(&report)));
    }
    if let Some(story) = story {
        return story.end(&report.notes);
    }
    let printed =
        if args.json { model::json(&report, args.by) } else { text::render(&report, args.by, args.top, look) };
    // A reader that has seen enough (`| head`) is no failure.
    let _ = io::stdout().write_all(printed.as_bytes());
    Ok(Exit::Ok)
}

/// Reads one log behind the other; their names, and what is to be said of the reading.
fn read_all(
    files: &[String],
    reader: &mut Reader,
    progress: &mut Progress,
    sink: &mut dyn FnMut(&Record<'_>),
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for name in files {
        let mut from = source::open(name, progress)?;
        if let Err(error) = read(&mut from, reader, progress, sink) {
            // What came before counts; a log that is being written or was cut is nothing rare.
            notes.push(format!("{} could be read only in part: {error}", from.name));
        }
        names.push(from.name);
    }
    progress.end();
    Ok((names, notes))
}

fn read(
    from: &mut source::Source,
    reader: &mut Reader,
    progress: &mut Progress,
    sink: &mut dyn FnMut(&Record<'_>),
) -> io::Result<()> {
    let mut block = vec![0; source::BLOCK_BYTES];
    let read = loop {
        match from.from.read(&mut block) {
            Ok(0) => break Ok(()),
            Ok(octets) => reader.feed(&block[..octets], sink),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
        progress.tell();
    };
    reader.end_file(sink);
    read
}

/// A record without a moment is within any span.
fn is_within(record: &Record<'_>, (since, until): (Option<Timestamp>, Option<Timestamp>)) -> bool {
    record.at.is_none_or(|at| since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until))
}
