//! `postrider inspect`: would a careful receiver take this message, what fails and why, and where
//! did it wait.
//!
//! The knowledge is the `diagnosis` crate's; here are the options, the input and the screen.

mod text;

use crate::exit::{Exit, Failure};
use crate::verbs::doctor::{self, LiveLine, ShowArgs, WorldArgs};
use crate::verbs::paint::Look;
use postrider_diagnosis::message::{Inspection, MESSAGE_BYTES_MAX, Options, inspect};
use postrider_diagnosis::net::{Live, World};
use std::io::{self, IsTerminal as _, Read};
use std::net::IpAddr;
use std::sync::Arc;

/// The arguments of `inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider inspect message.eml                a message saved with its whole source
  postrider inspect - < message.eml            the same from standard input
  postrider inspect --offline message.eml      ask no name server
  postrider inspect --ip 192.0.2.7 --helo mail.example --mail-from ann@example.com message.eml
                                               as if it came from there

Exit codes: 0 a receiver would take it, 1 warnings, 2 a problem, 3 could not tell, 64 wrong usage.")]
pub(crate) struct Args {
    /// A file with the message as it was received, or - for standard input
    #[arg(value_name = "MESSAGE")]
    message: Option<String>,
    /// The address it came from, instead of the one in Received
    #[arg(long, value_name = "IP")]
    ip: Option<IpAddr>,
    /// What the sending host called itself
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,
    /// The sender of the envelope; empty for none
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Believe Authentication-Results of this name too; may be repeated
    #[arg(long, value_name = "AUTHSERV-ID")]
    trust: Vec<String>,
    /// Ask no name server: what needs an answer stays untested
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    show: ShowArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let (name, octets) = input(args.message.as_deref())?;
    let options = Options {
        ip: args.ip,
        helo: args.helo.clone(),
        mail_from: args.mail_from.clone(),
        trust: args.trust.clone(),
        offline: args.offline,
    };
    let live: Arc<dyn World> = Arc::new(Live::new(args.world.source));
    let mut settings = args.world.settings()?;
    settings.only = doctor::named("--only", &args.show.only)?;
    settings.skip = doctor::named("--skip", &args.show.skip)?;
    let ctx = args.world.ctx(live, settings)?;
    let runtime = doctor::runtime()?;
    let line = LiveLine::new(!args.show.quiet && !args.show.json && !args.show.html);
    line.show("keys and records");
    let inspection = runtime.block_on(inspect(&ctx, &name, octets, options));
    line.clear();
    // What still waits for a silent name server is left behind.
    runtime.shutdown_background();
    show(&inspection, &args.show)
}

fn show(inspection: &Inspection, show: &ShowArgs) -> Result<Exit, Failure> {
    if show.json {
        let json = serde_json::to_string_pretty(inspection);
        let json =
            json.map_err(|error| Failure::new(Exit::System, format!("the report cannot be written as JSON: {error}")))?;
        doctor::print(&(json + "\n"))?;
        Ok(doctor::exit(&inspection.report, show.fail_on))
    } else if show.html {
        doctor::show(&inspection.report, show)
    } else {
        doctor::print(&text::screen(inspection, show, Look::of_stdout()))?;
        Ok(doctor::exit(&inspection.report, show.fail_on))
    }
}

/// The message, and what it is called.
fn input(name: Option<&str>) -> Result<(String, Vec<u8>), Failure> {
    match name.filter(|name| *name != "-") {
        Some(name) => {
            let failed = |error: io::Error| Failure::new(Exit::NoInput, format!("cannot read {name}: {error}"));
            let file = std::fs::File::open(name).map_err(failed)?;
            Ok((name.to_owned(), all_of(file, name)?))
        }
        None if name.is_none() && io::stdin().is_terminal() => {
            let how =
                "name a file with the message as it was received, source and all, or give it through standard input";
            Err(Failure::new(Exit::Usage, how))
        }
        None => Ok(("the message".into(), all_of(io::stdin().lock(), "standard input")?)),
    }
}

fn all_of(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let most = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
    from.take(most.saturating_add(1))
        .read_to_end(&mut octets)
        .map_err(|error| Failure::new(Exit::Io, format!("cannot read {name}: {error}")))?;
    if octets.len() > MESSAGE_BYTES_MAX {
        let most = MESSAGE_BYTES_MAX / (1024 * 1024);
        return Err(Failure::new(Exit::Data, format!("{name} is longer than {most} MiB, and no mail is")));
    }
    if octets.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Exit::Data, format!("{name} is empty: there is no message in it")));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_said() {
        let fault = |octets: &[u8]| all_of(octets, "x").err().map(|failure| failure.exit);
        assert_eq!(fault(b" \r\n"), Some(Exit::Data));
        assert_eq!(fault(b"From: a@b.example\r\n\r\n"), None);
        assert_eq!(input(Some("/nowhere/at/all")).err().map(|failure| failure.exit), Some(Exit::NoInput));
    }
}
