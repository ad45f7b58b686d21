//! `postrider queue`: what waits and why, and an operator's hand in it.
//!
//! Asks the running relay; when none runs on that data folder, the spool itself is opened.

mod text;
pub(crate) mod times;

use crate::cli::ConfigArgs;
use crate::control;
use crate::control::client::{AskError, ask};
use crate::control::closed::ClosedRelay;
use crate::control::protocol::{Answer, Operation, Page, Part, Request, SCHEMA};
use crate::exit::{Exit, Failure};
use crate::verbs::now;
use clap::{ArgGroup, Subcommand};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use text::Width;
use times::count;

/// The arguments of `queue`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider queue                                    by destination: why it waits, when it goes on
  postrider queue list --destination example.com     its recipients
  postrider queue show 0FXK3V2Q80001 --transcript    one message, its attempts, what was said
  postrider queue retry --all                        everything now
  postrider queue hold --address news@example.com    nothing of theirs, until release
  postrider queue drop 0FXK3V2Q80001                 remove it, without a bounce
  postrider queue --data ./data --json               another relay's queue, for programs

Exit codes: 0 done, 1 no such message, 64 wrong usage, 69 there is neither relay nor spool,
77 you may not talk to the relay, 78 the configuration has faults.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<QueueVerb>,
    /// Print JSON: the answers of the control socket
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum QueueVerb {
    /// Recipients, by message
    List {
        /// Only this destination, as `postrider queue` prints it
        #[arg(long)]
        destination: Option<String>,
        /// Only messages with this sender or recipient
        #[arg(long)]
        address: Option<String>,
        /// At most so many rows
        #[arg(long, default_value_t = 100)]
        rows: usize,
    },
    /// One message: its recipients, attempts and history, finished ones too
    Show {
        /// Its id
        id: String,
        /// With the dialogue of each attempt
        #[arg(long)]
        transcript: bool,
    },
    /// Try now
    Retry(Choice),
    /// Do not try until released
    Hold(Choice),
    /// Let go of what was held, and try now
    Release(Choice),
    /// Remove, without a bounce
    Drop(Choice),
}

/// A part of the queue to be changed; one of these must be said.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(group(
    ArgGroup::new("part").required(true).multiple(true).args(["ids", "destination", "address", "all"])
))]
struct Choice {
    /// Messages by id
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All for this destination
    #[arg(long)]
    destination: Option<String>,
    /// All from or to this address
    #[arg(long)]
    address: Option<String>,
    /// The whole queue
    #[arg(long, conflicts_with_all = ["ids", "destination", "address"])]
    all: bool,
    /// Do not ask before dropping
    #[arg(long, short)]
    yes: bool,
}

impl Choice {
    fn parts(&self) -> Vec<Part> {
        let part = |message| Part { destination: self.destination.clone(), message, address: self.address.clone() };
        if self.ids.is_empty() { vec![part(None)] } else { self.ids.iter().cloned().map(Some).map(part).collect() }
    }
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = args.config.for_client()?;
    let mut queue = Queue::new(&config.values.data);
    let (operation, choice) = match &args.verb {
        None => return print(&queue.ask(&Request::Destinations)?, args.json, false),
        Some(QueueVerb::List { destination, address, rows }) => {
            let part = Part { destination: destination.clone(), message: None, address: address.clone() };
            let page = Page { part, rows: *rows, after: None };
            return print(&queue.ask(&Request::List(page))?, args.json, false);
        }
        Some(QueueVerb::Show { id, transcript }) => {
            return print(&queue.ask(&Request::Show { message: id.clone() })?, args.json, *transcript);
        }
        Some(QueueVerb::Retry(choice)) => (Operation::Retry, choice),
        Some(QueueVerb::Hold(choice)) => (Operation::Hold, choice),
        Some(QueueVerb::Release(choice)) => (Operation::Release, choice),
        Some(QueueVerb::Drop(choice)) => (Operation::Drop, choice),
    };
    operate(&mut queue, operation, choice, args.json)
}

/// The queue by destination, as `mailq` and `sendmail -bp` print it.
pub(crate) fn overview(config: &ConfigArgs) -> Result<Exit, Failure> {
    let config = config.for_client()?;
    print(&Queue::new(&config.values.data).ask(&Request::Destinations)?, false, false)
}

/// Everything due now, as `sendmail -q` wants it.
pub(crate) fn retry_all(config: &ConfigArgs) -> Result<Exit, Failure> {
    let config = config.for_client()?;
    let request = Request::Operate { part: Part::default(), surgery: Operation::Retry };
    Queue::new(&config.values.data).ask(&request).map(|_| Exit::Ok)
}

fn operate(queue: &mut Queue<'_>, operation: Operation, choice: &Choice, json: bool) -> Result<Exit, Failure> {
    if operation == Operation::Drop && choice.ids.is_empty() && !choice.yes && !confirmed(queue, choice)? {
        return Err(Failure::new(Exit::Failed, "nothing was dropped"));
    }
    let mut touched_in_all = 0;
    for part in choice.parts() {
        let missing = part.message.clone();
        match queue.ask(&Request::Operate { part, surgery: operation })? {
            Answer::Operated { touched: 0 } if missing.is_some() => {
                let id = missing.unwrap_or_default();
                let message = format!("{id}: nothing to change: it is not in the queue, or being tried right now");
                return Err(Failure::new(Exit::Failed, message));
            }
            Answer::Operated { touched } => touched_in_all += touched,
            other => return print(&other, json, false),
        }
    }
    if json {
        return print(&Answer::Operated { touched: touched_in_all }, true, false);
    }
    let done = match operation {
        Operation::Retry => "due now",
        Operation::Hold => "held",
        Operation::Release => "released, due now",
        Operation::Drop => "dropped",
    };
    println!("{} {done}", count(touched_in_all, "recipient"));
    Ok(Exit::Ok)
}

/// Says what would go, and asks.
fn confirmed(queue: &mut Queue<'_>, choice: &Choice) -> Result<bool, Failure> {
    let mut counts = (0, 0);
    for part in choice.parts() {
        if let Answer::List { recipients, messages, .. } =
            queue.ask(&Request::List(Page { part, rows: 0, after: None }))?
        {
            counts = (counts.0 + recipients, counts.1 + messages);
        }
    }
    let what = format!("{} of {}", count(counts.0, "recipient"), count(counts.1, "message"));
    if !io::stdin().is_terminal() {
        let message = format!("this would drop {what}, without a bounce: add --yes if that is meant");
        return Err(Failure::new(Exit::Usage, message));
    }
    eprint!("Drop {what}, without a bounce? [y/N] ");
    let _ = io::stderr().flush();
    let mut line = String::new();
    let _ = io::stdin().lock().read_line(&mut line);
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn print(answer: &Answer, json: bool, transcripts: bool) -> Result<Exit, Failure> {
    if let Answer::Trouble { message, missing } = answer {
        return Err(Failure::new(if *missing { Exit::Failed } else { Exit::Unavailable }, message.clone()));
    }
    let text = if json {
        let printed = serde_json::to_string_pretty(&Printed { schema: SCHEMA, answer });
        printed.map_err(|error| Failure::new(Exit::Failed, error.to_string()))? + "\n"
    } else {
        let stdout = io::stdout();
        let columns = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        let width = Width(columns.filter(|columns| stdout.is_terminal() && *columns > 20));
        text::render(answer, now(), width, transcripts)
    };
    // A reader that has seen enough (`| head`) is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(Exit::Ok)
}

/// An answer as `--json` prints it.
#[derive(serde::Serialize)]
struct Printed<'a> {
    schema: &'static str,
    #[serde(flatten)]
    answer: &'a Answer,
}

/// The queue of a data folder, through its relay or its spool.
struct Queue<'a> {
    data: &'a Path,
    spool: Option<ClosedRelay>,
}

impl<'a> Queue<'a> {
    fn new(data: &'a Path) -> Self {
        Self { data, spool: None }
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        if self.spool.is_none() {
            match ask(&control::socket(self.data), request, b"") {
                Ok(answer) => return Ok(answer),
                Err(AskError::NotRunning) => {}
                Err(error @ AskError::NotAllowed) => return Err(Failure::new(Exit::NoPermission, error.to_string())),
                Err(error) => return Err(Failure::new(Exit::Unavailable, error.to_string())),
            }
        }
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => open(self.data)?,
        };
        Ok(self.spool.insert(spool).answer(request, now()))
    }
}

fn open(data: &Path) -> Result<ClosedRelay, Failure> {
    let folder = control::spool(data);
    if !folder.is_dir() {
        let message = format!(
            "no relay is running on {0}, and there is no spool in it: name the relay's folder with --data",
            data.display()
        );
        return Err(Failure::new(Exit::Unavailable, message));
    }
    eprintln!("postrider: no relay is running on {}; this is what lies in its spool", data.display());
    ClosedRelay::open(data).map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))
}
