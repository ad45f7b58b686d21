//! `postrider doctor client USER@DOMAIN`: can this user's mail program fetch and send, what to type
//! into it, and if it cannot, why.

use super::{ShowArgs, WorldArgs, exit, print, text, world};
use crate::exit::{Exit, Failure};
use crate::verbs::paint::{Look, Tone, cells, wrapped};
use crate::verbs::secret;
use postrider_diagnosis::checks::client::{Ability, ClientAnswer, Mode, NamedBy, Offer, Password, Service, Wish};
use postrider_diagnosis::ctx::Ctx;
use postrider_diagnosis::net::Live;
use postrider_diagnosis::{Health, Report, Target, run_client};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

/// What a person waits for when he has typed a password; a plain run is quicker.
const BUDGET: Duration = Duration::from_secs(30);

/// The arguments of `doctor client`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider doctor client tom@example.com                asks for the password, and tries it once
  postrider doctor client tom@example.com --no-login     servers, ports, TLS, certificates
  pass show mail/tom | postrider doctor client tom@example.com --password-fd 0
  postrider doctor client tom@example.com --imap mail.example.net --smtp mail.example.net:465

The password is never an argument, is sent under TLS only, and once to each server. No mail is sent.
Exit codes: 0 healthy, 1 warnings, 2 a problem, 3 could not tell, 64 wrong usage.")]
pub(crate) struct ClientArgs {
    /// The mailbox
    #[arg(value_name = "USER@DOMAIN")]
    address: String,
    /// The user name for logins, when it is not the address
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from this file descriptor: its first line
    #[arg(long, value_name = "FD", conflicts_with_all = ["password_env", "no_login"])]
    password_fd: Option<u32>,
    /// Take the password from this environment variable
    #[arg(long, value_name = "NAME", conflicts_with = "no_login")]
    password_env: Option<String>,
    /// Do not log in
    #[arg(long)]
    no_login: bool,
    /// The IMAP server
    #[arg(long, value_name = "HOST[:PORT]")]
    imap: Option<String>,
    /// The POP3 server
    #[arg(long, value_name = "HOST[:PORT]")]
    pop: Option<String>,
    /// The submission server
    #[arg(long, value_name = "HOST[:PORT]")]
    smtp: Option<String>,
    #[command(flatten)]
    show: ShowArgs,
}

/// Does it.
pub(super) fn run(args: &ClientArgs, world: &WorldArgs) -> Result<Exit, Failure> {
    let wish = wish(args)?;
    let mut settings = world.settings()?;
    if world.has_usual_timeout() {
        settings.budget = BUDGET;
    }
    let ctx = world.ctx(Arc::new(Live::new(world.source)), settings)?;
    let report = observe(&ctx, &wish, &args.show)?;
    let text = if args.show.json {
        super::json(&report)?
    } else if args.show.html {
        super::page(&report)
    } else {
        screen(&report, &args.show, Look::of_stdout())
    };
    print(&text)?;
    Ok(match (exit(&report, args.show.fail_on), &report.client) {
        // The report knows nothing of mail to and from the domain here, and was not asked to.
        (Exit::Unsure, Some(answer)) if answer.fetch.health == Health::Ok && answer.send.health == Health::Ok => {
            Exit::Ok
        }
        (Exit::Ok, Some(answer)) if [&answer.fetch, &answer.send].iter().any(|of| of.health == Health::Unknown) => {
            Exit::Unsure
        }
        (exit, _) => exit,
    })
}

fn observe(ctx: &Ctx, wish: &Wish, show: &ShowArgs) -> Result<Report, Failure> {
    super::interruptible(show, async |progress, stop| run_client(ctx, wish, progress, stop).await)
}

/// What the arguments ask for; the password last, so that nobody types one in vain.
fn wish(args: &ClientArgs) -> Result<Wish, Failure> {
    let Target::Domain { name: domain, user: Some(local) } = super::target(&args.address)? else {
        let text = format!("{}: not a mail address; it takes USER@DOMAIN", args.address);
        return Err(Failure::new(Exit::Usage, text));
    };
    // What goes into MAIL FROM:<…> is one word.
    if local.is_empty() || local.len() > 64 || local.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | ' ')) {
        let text = format!("{}: not a mail address (RFC 5321 §4.1.2)", args.address);
        return Err(Failure::new(Exit::Usage, text));
    }
    let mut named = Vec::new();
    let options = [
        ("--imap", &args.imap, Service::Imap, 993),
        ("--pop", &args.pop, Service::Pop, 995),
        ("--smtp", &args.smtp, Service::Submission, 465),
    ];
    for (option, text, service, usual) in options {
        let Some(text) = text else { continue };
        let (host, port) = world::host_and_port(option, text, usual)?;
        // A port of one's own is taken for TLS from the first octet; the judge of modes sees what it does.
        let mode = Mode::of_port(port).unwrap_or(Mode::Implicit);
        named.push(Offer { service, host: host.to_ascii_lowercase(), port, mode, by: NamedBy::User, user: None });
    }
    let password = password(args)?;
    Ok(Wish { local, domain, user: args.user.clone(), password, named })
}

fn password(args: &ClientArgs) -> Result<Option<Password>, Failure> {
    if args.no_login {
        return Ok(None);
    }
    if let Some(name) = &args.password_env {
        return Ok(Some(Password(secret::of_variable(name)?)));
    }
    if let Some(number) = args.password_fd {
        return Ok(Some(Password(secret::of_descriptor(number)?)));
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        // All but the login can be told without it.
        eprintln!(
            "postrider: no terminal to ask for the password, so no login is tried; see --password-fd, --password-env"
        );
        return Ok(None);
    }
    Ok(Some(Password(secret::ask(&format!("Password of {}", args.address), stdin.lock())?)))
}

/// The answers, what to type in, then what was found.
fn screen(report: &Report, show: &ShowArgs, look: Look) -> String {
    let mut text = String::from("\n");
    if let Some(answer) = &report.client {
        abilities(&mut text, answer, look);
        settings(&mut text, answer, look);
        if show.all {
            ports(&mut text, answer);
        }
    } else {
        let _ =
            writeln!(text, "  {}  nothing could be found out in the time", look.paint(&report.target, Tone::Strong));
    }
    let ascii = |text: String| text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    let text = if show.ascii { ascii(text) } else { text };
    text + &text::below(report, show, look)
}

fn abilities(text: &mut String, answer: &ClientAnswer, look: Look) {
    let _ = writeln!(text, "  {}", look.paint(&answer.address, Tone::Strong));
    for (what, ability) in [("FETCHING", &answer.fetch), ("SENDING", &answer.send)] {
        let Ability { health, why } = ability;
        let (words, tone) = match health {
            Health::Ok => ("works", Tone::Good),
            Health::AtRisk => ("is at risk", Tone::Waiting),
            Health::Broken => ("is broken", Tone::Bad),
            Health::Unknown => ("could not be told", Tone::Waiting),
        };
        for (row, line) in wrapped(&format!("{what} {words}: {why}"), look.columns.saturating_sub(4)).iter().enumerate()
        {
            let indent = if row == 0 { "  " } else { "    " };
            let _ = writeln!(text, "{indent}{}", look.paint(line, tone));
        }
    }
}

fn settings(text: &mut String, answer: &ClientAnswer, look: Look) {
    if answer.settings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n  to type into the mail program");
    let mut rows = vec![["", "server", "port", "TLS", "user name", ""].map(str::to_owned)];
    for setting in &answer.settings {
        let note = if setting.answers { String::new() } else { "does not answer so".to_owned() };
        let port = setting.port.to_string();
        let [service, tls] = [setting.service, setting.tls].map(str::to_owned);
        rows.push([service, setting.server.clone(), port, tls, setting.user.clone(), note]);
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cells(cell));
        }
    }
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell}{}", " ".repeat(width.saturating_sub(cells(cell)) + 2));
        }
        let tone = if index == 0 { Tone::Faint } else { Tone::Plain };
        let _ = writeln!(text, "  {}", look.paint(line.trim_end(), tone));
    }
}

fn ports(text: &mut String, answer: &ClientAnswer) {
    let mut host = "";
    for line in &answer.ports {
        if line.host != host {
            host = &line.host;
            let _ = writeln!(text, "\n  ports of {host}");
        }
        let _ = writeln!(text, "  {:>6}  {}", line.port, line.does);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ClientArgs,
    }

    fn read(words: &[&str]) -> Result<Wish, Failure> {
        let line = Line::try_parse_from(std::iter::once(&"client").chain(words)).unwrap();
        wish(&line.args)
    }

    #[test]
    fn what_is_asked_for() {
        let asked = read(&["tom@Example.com", "--no-login", "--imap", "Mail.example.net:143", "--smtp", "h"]).unwrap();
        assert_eq!((asked.address().as_str(), asked.password), ("tom@example.com", None));
        let named: Vec<_> = asked.named.iter().map(|offer| (offer.host.as_str(), offer.port, offer.mode)).collect();
        assert_eq!(named, [("mail.example.net", 143, Mode::StartTls), ("h", 465, Mode::Implicit)]);
        for words in [["example.com", "--no-login"], ["a>b@example.com", "--no-login"], ["@example.com", "--no-login"]]
        {
            assert_eq!(read(&words).unwrap_err().exit, Exit::Usage, "{words:?}");
        }
        let missing = ["tom@example.com", "--password-env", "POSTRIDER_NO_SUCH_VARIABLE"];
        assert_eq!(read(&missing).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_password_has_many_ways_in_and_none_is_an_argument() {
        let refused = |words: &[&str]| Line::try_parse_from(std::iter::once(&"client").chain(words)).is_err();
        assert!(refused(&["tom@example.com", "--password", "x"]));
        assert!(refused(&["tom@example.com", "--password-fd", "0", "--no-login"]));
        assert!(refused(&["tom@example.com", "--password-env", "A", "--password-fd", "0"]));
    }
}
