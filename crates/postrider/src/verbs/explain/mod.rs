//! `postrider explain`: what a reply, a bounce, a log line or a bare code means, and what to do.
//!
//! The input is guessed (`guess`), read by its kind (`bare`, `transcript`, `mail`, `log`), and
//! each reply in it decoded by the one decoder (`reader`); then it is printed for people (`text`)
//! or programs (`model`, `lines`). Nothing here knows what words mean.

mod bare;
mod guess;
mod input;
mod lines;
mod log;
mod mail;
mod model;
mod reader;
mod text;
mod transcript;

pub(crate) use text::who;

use crate::exit::{Exit, Failure};
use crate::verbs::paint::Look;
use input::Input;
use model::{Explained, Kind};
use postrider_reply::Confidence;
use postrider_smtp::Phase;
use reader::{Hints, Reader};
use std::io::{self, BufReader, Write};

/// What to do when nothing was given.
const HOW: &str = "\
nothing to explain: give a reply, a file or - for standard input, such as
  postrider explain '550 5.1.1 no such user'
  postrider explain bounce.eml
  postrider explain - < bounce.eml
  postrider explain --help";

/// The arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It is guessed what the input is: a reply, several replies, a session, a bare code (541, 5.7.1, 111,
ECONNREFUSED), lines of a mail log, a bounce or its machine-readable part, a complaint, a header.

Examples:
  postrider explain '550 5.7.26 Unauthenticated email from example.com is not accepted'
  postrider explain 554 --phase connect         the same code means other things elsewhere
  postrider explain bounce.eml --why            with all that was considered
  postrider explain - --json < bounce.eml       for programs
  postrider explain --jsonl < replies.txt       a line each, in order, by all cores;
                                                a line may be {\"id\": 1, \"input\": \"550 …\", \"phase\": \"rcpt\", \"host\": \"mx.example.com\"}

Exit codes: 0 explained, 3 only the first digit spoke, 64 wrong usage, 66 a file cannot be read.
With --jsonl it is 0 whatever the lines say.")]
pub(crate) struct Args {
    /// A text, files, or - for standard input
    #[arg(value_name = "TEXT|FILE|-")]
    input: Vec<String>,
    /// Print JSON, one object for each input
    #[arg(long)]
    json: bool,
    /// Answer each line of the input with one of JSON
    #[arg(long, conflicts_with_all = ["json"])]
    jsonl: bool,
    /// Where in the session it was said: connect, ehlo, starttls, auth, mail, rcpt, data or dot
    #[arg(long, value_name = "PHASE")]
    phase: Option<String>,
    /// The host that said it: tells the provider
    #[arg(long, value_name = "HOST", default_value = "", hide_default_value = true)]
    host: String,
    /// Show the path of trust: what was considered, what decided, what lost
    #[arg(long)]
    why: bool,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let phase = args.phase.as_deref().map(phase_named).transpose()?;
    let hints = Hints { phase, host: args.host.clone() };
    if args.jsonl {
        return stream(args, &hints);
    }
    let inputs = input::gather(&args.input)?;
    let reader = Reader::new(args.why);
    let look = Look::of_stdout();
    let mut exit = Exit::Unsure;
    let several = inputs.len() > 1;
    for (index, input) in inputs.iter().enumerate() {
        let explained = explain(&reader, input, &hints);
        if is_explained(&explained) {
            exit = Exit::Ok;
        }
        if explained.kind == Kind::Empty && !args.json && !several {
            return Err(Failure::new(Exit::Usage, HOW));
        }
        let printed = if args.json {
            serde_json::to_string(&explained).map_err(|error| Failure::new(Exit::System, error.to_string()))? + "\n"
        } else {
            let name = input.name.as_deref().filter(|_| several);
            let gap = if index > 0 { "\n" } else { "" };
            let head = name.map_or_else(String::new, |name| format!("{gap}{name}\n\n"));
            head + &text::render(&explained, look)
        };
        // A reader that has seen enough (`| head`) is no failure.
        if io::stdout().write_all(printed.as_bytes()).is_err() {
            break;
        }
    }
    Ok(exit)
}

fn explain(reader: &Reader, input: &Input, hints: &Hints) -> Explained {
    let mut explained = reader.explain(&input.bytes, hints);
    if input.name.is_some() {
        explained.input.clone_from(&input.name);
    }
    if input.cut {
        let bound = input::INPUT_BYTES_MAX >> 20;
        explained.notes.push(format!("Only the first {bound} MiB were looked at."));
    }
    explained
}

/// Whether more than a first digit spoke; a mail without failures is understood as well.
fn is_explained(explained: &Explained) -> bool {
    let by_more = |spoken: &model::Spoken| spoken.verdict.confidence != Confidence::Digit || !spoken.is_failure();
    let nothing_said = explained.spoken().next().is_none();
    match explained.kind {
        Kind::Empty | Kind::Binary => false,
        _ => nothing_said || explained.spoken().any(by_more),
    }
}

fn phase_named(name: &str) -> Result<Phase, Failure> {
    Phase::from_name(&name.to_ascii_lowercase()).ok_or_else(|| {
        let all: Vec<&str> = Phase::ALL.iter().map(|phase| phase.name()).collect();
        Failure::new(Exit::Usage, format!("no phase is called {name}; there are: {}", all.join(", ")))
    })
}

/// Answers line by line, from files or standard input.
fn stream(args: &Args, hints: &Hints) -> Result<Exit, Failure> {
    let reader = Reader::new(args.why);
    let answer = |from: &mut dyn io::Read| {
        let from = BufReader::with_capacity(lines::BLOCK_BYTES, from);
        match lines::run(&reader, hints, from, &mut io::stdout()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::new(Exit::Io, format!("reading or writing failed: {error}"))),
            Ok(()) => Ok(()),
        }
    };
    let files: Vec<&String> = args.input.iter().filter(|name| *name != "-").collect();
    if files.is_empty() {
        answer(&mut io::stdin().lock())?;
    }
    for name in files {
        answer(&mut input::open(name)?)?;
    }
    Ok(Exit::Ok)
}
