//! `postrider roundtrip`: a mail there and back, and which direction is broken.

mod args;
mod text;

pub(crate) use args::Args;

use crate::exit::{Exit, Failure};
use crate::submit::system_host_name;
use crate::verbs::paint::Look;
use args::Side;
use postrider_diagnosis::trip::plan::{self, Found, Server, Service};
use postrider_diagnosis::trip::{self, Account, Bounced, Login, Report, Request};
use postrider_dns::{Resolver, System};
use postrider_reply::{Context, Decoder};
use postrider_smtp::Host;
use postrider_transport::tls::client::ClientTls;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let system = |error: &dyn std::fmt::Display| Failure::new(Exit::System, error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| system(&error))?;
    let tls = ClientTls::new(args.ca.as_deref()).map_err(|error| Failure::new(Exit::NoInput, error.to_string()))?;
    let resolver = resolver(args).map_err(|error| system(&error))?;
    let report = runtime.block_on(async {
        let [a, b] = args.sides();
        let request = Request {
            a: account(&a, &*resolver, vouched(args), false).await?,
            b: account(&b, &*resolver, vouched(args), args.one_way).await?,
            one_way: args.one_way,
            patience: args.patience(),
            keep: args.keep,
            resolver: resolver.clone(),
            tls: Arc::new(tls),
            strict_tls: args.ca.is_some(),
            hello: hello(),
            read_bounce,
        };
        let line = LiveLine::new(args.json);
        let report = trip::run(&request, &|doing| line.show(doing)).await;
        line.end();
        Ok::<_, Failure>(report)
    })?;
    let printed = if args.json { json(&report) } else { text::render(&report, Look::of_stdout()) };
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(printed.as_bytes());
    Ok(match trip::exit_code(&report.facts, &report.verdict) {
        0 => Exit::Ok,
        1 => Exit::Failed,
        2 => Exit::Problem,
        _ => Exit::Unsure,
    })
}

fn resolver(args: &Args) -> Result<Arc<dyn Resolver>, postrider_dns::SystemError> {
    let servers = args.resolver.iter().map(|server| server.0).collect();
    let settings = postrider_dns::Settings { servers, trust_authentic: vouched(args), ..Default::default() };
    Ok(Arc::new(System::new(settings)?))
}

/// Whoever names the name server to ask vouches for what it says.
fn vouched(args: &Args) -> bool {
    args.resolver.is_some()
}

/// Servers and password of one side.
async fn account(side: &Side<'_>, resolver: &dyn Resolver, vouched: bool, silent: bool) -> Result<Account, Failure> {
    let domain = side.address.domain();
    let mut submission = Vec::new();
    if !silent {
        submission = plan::servers(resolver, domain, Service::Submission, side.smtp).await;
    }
    let imap = plan::servers(resolver, domain, Service::Imap, side.imap).await;
    let (submission, imap) = match vouched {
        true => (submission, imap),
        false => (trusted(side, "smtp", submission)?, trusted(side, "imap", imap)?),
    };
    let password = side.password(&hosts(&submission, &imap))?;
    Ok(Account {
        address: side.address.clone(),
        submission,
        imap,
        login: Login { user: side.user.clone(), password },
        silent: silent.then(|| "only one way was asked for".to_owned()),
    })
}

/// RFC 6186 §6: whoever can forge DNS must not get the password, so a host outside the domain needs a
/// signed answer or a person's word.
fn trusted(side: &Side<'_>, service: &str, servers: Vec<Server>) -> Result<Vec<Server>, Failure> {
    let (doubted, good): (Vec<_>, Vec<_>) =
        servers.into_iter().partition(|server| server.found == Found::Srv { trusted: false });
    if !good.is_empty() || doubted.is_empty() {
        return Ok(good);
    }
    let names = doubted.iter().map(Server::shown).collect::<Vec<_>>().join(", ");
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("DNS says that {names} serves {}. Give it the password? [y/N] ", side.address);
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let _ = stdin.read_line(&mut answer);
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(doubted);
        }
    }
    let first = doubted.first().map(Server::shown).unwrap_or_default();
    Err(Failure::new(
        Exit::Usage,
        format!(
            "DNS names a server outside the domain of {}, unsigned: {names}\n\
             The password goes there only when you say so: --{}-{service} {first}",
            side.address, side.name
        ),
    ))
}

fn hosts(submission: &[Server], imap: &[Server]) -> String {
    let mut names: Vec<&str> = submission.iter().chain(imap).map(|server| server.host.as_str()).collect();
    names.dedup();
    match names.as_slice() {
        [] => "its servers".to_owned(),
        [one] => (*one).to_owned(),
        [one, .., last] if one != last => format!("{one}, {last}"),
        [one, ..] => (*one).to_owned(),
    }
}

/// What we call ourselves to servers.
fn hello() -> Host {
    Host::parse(&system_host_name()).unwrap_or(Host::Literal(std::net::Ipv4Addr::LOCALHOST.into()))
}

/// What a mail tells of a mail that was not delivered.
fn read_bounce(mail: &[u8], decoder: &Decoder) -> Option<Bounced> {
    let report = postrider_report::read(mail);
    if report.kind != postrider_report::Kind::Bounce {
        return None;
    }
    let reported = report.recipients.first()?;
    let quoted = reported.quoted();
    let host = quoted.host.map(str::to_owned).or_else(|| report.reporting_mta.clone());
    let context = Context { host: host.as_deref().unwrap_or_default(), ..Context::default() };
    let means = decoder.explain(&quoted, &context);
    Some(Bounced { said: crate::verbs::queue::times::harmless(&reported.said), host, means })
}

fn json(report: &Report) -> String {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["exit"] = trip::exit_code(&report.facts, &report.verdict).into();
    format!("{value:#}\n")
}

/// One line on a terminal that says what is being done.
struct LiveLine {
    shown: bool,
}

impl LiveLine {
    fn new(quiet: bool) -> Self {
        Self { shown: !quiet && std::io::stderr().is_terminal() }
    }

    fn show(&self, doing: &str) {
        if self.shown {
            eprint!("\r\x1b[K  … {doing}");
        }
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_reply::Who;

    #[test]
    fn a_bounce_is_read_and_other_mail_is_not() {
        let bounce = b"From: MAILER-DAEMON@x.test\r\nSubject: Undelivered Mail Returned to Sender\r\n\
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; out.x.test\r\n\r\n\
Final-Recipient: rfc822; b@y.test\r\nAction: failed\r\nStatus: 5.2.2\r\nRemote-MTA: dns; mx.y.test\r\n\
Diagnostic-Code: smtp; 552 5.2.2 mailbox full\r\n\r\n--b--\r\n";
        let decoder = Decoder::new();
        let bounced = read_bounce(bounce, &decoder).unwrap();
        assert_eq!(bounced.host.as_deref(), Some("mx.y.test"));
        assert_eq!(bounced.means.who, Who::Recipient);
        assert!(read_bounce(b"Subject: hello\r\n\r\nhow are you?\r\n", &decoder).is_none());
    }
}
