//! `postrider send`: compose a mail and hand it in.

use crate::cli::ConfigArgs;
use crate::compose::{Attachment, Mail, Mailbox, address_list};
use crate::config::Config;
use crate::config::typed::{HostPort, Typed};
use crate::exit::{Exit, Failure};
use crate::submit::{Outgoing, Server, hand_in, hand_to_server, host_name, user_name};
use crate::verbs::now;
use postrider_delivery::{Login, TlsMode};
use postrider_smtp::{Address, MessageId};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// The arguments of `send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider send --to tom@example.com --subject Hello --text 'Are you there?'
  postrider send --from 'Shop <shop@example.com>' --to a@x.test --cc b@x.test \\
      --subject Invoice --file letter.txt --html '<p>See attached</p>' --attach invoice.pdf
  date | postrider send --to root@example.com --subject 'from a script'
  postrider send --to tom@example.com --subject x --text y \\
      --server smtp.example.net:587 --tls verify --user me --password-file secret

The mail goes to the running relay (--data finds it), or by SMTP to --server.
Exit codes: 0 taken, 64 wrong usage, 66 a file cannot be read, 67 a recipient was refused,
69 refused, 75 try again later, 78 the configuration has faults.")]
pub(crate) struct Args {
    /// The author: an address, with or without a name [default: you at this host]
    #[arg(long, value_parser = Mailbox::parse)]
    from: Option<Mailbox>,
    /// A recipient; may be repeated
    #[arg(long, value_parser = Mailbox::parse)]
    to: Vec<Mailbox>,
    /// A recipient who gets a copy; may be repeated
    #[arg(long, value_parser = Mailbox::parse)]
    cc: Vec<Mailbox>,
    /// A recipient nobody else sees; may be repeated
    #[arg(long, value_parser = Mailbox::parse)]
    bcc: Vec<Mailbox>,
    /// What it is about
    #[arg(long, default_value = "")]
    subject: String,
    /// The text [default: standard input, when neither --file nor --html is given]
    #[arg(long, conflicts_with = "file")]
    text: Option<String>,
    /// A file with the text; - is standard input
    #[arg(long)]
    file: Option<PathBuf>,
    /// The same as HTML
    #[arg(long)]
    html: Option<String>,
    /// A file to go with it; may be repeated
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// One more header field, such as 'Reply-To: a@x.test'; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header_field)]
    header: Vec<(String, String)>,
    /// Hand it to this server instead of the local relay
    #[arg(long, value_name = "HOST:PORT", value_parser = HostPort::parse)]
    server: Option<HostPort>,
    /// What is asked of TLS there: none, opportunistic, required, verify, implicit
    #[arg(long, requires = "server", value_parser = TlsMode::parse)]
    tls: Option<TlsMode>,
    /// The user there
    #[arg(long, requires = "server", requires = "password_file")]
    user: Option<String>,
    /// A file with the password; never given on the command line, where others could see it
    #[arg(long, requires = "user", value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = args.config.for_client()?;
    let outgoing = compose(args, &config)?;
    let said = match server(args)? {
        Some(server) => hand_to_server(&server, &config, &outgoing)?,
        None => hand_in(&config, &outgoing)?,
    };
    println!("{}", crate::verbs::queue::times::harmless(&said));
    Ok(Exit::Ok)
}

fn compose(args: &Args, config: &Config) -> Result<Outgoing, Failure> {
    let recipients: Vec<Address> =
        args.to.iter().chain(&args.cc).chain(&args.bcc).map(|mailbox| mailbox.address.clone()).collect();
    if recipients.is_empty() {
        return Err(Failure::new(Exit::Usage, "nobody to send it to: name recipients with --to, --cc or --bcc"));
    }
    let host = host_name(config);
    let from = match &args.from {
        Some(from) => from.clone(),
        None => Mailbox::parse(&format!("{}@{host}", user_name())).map_err(|error| Failure::new(Exit::Usage, error))?,
    };
    let id = MessageId::at(now(), 0);
    let mut fields = vec![("From".to_owned(), address_list(std::slice::from_ref(&from)))];
    for (name, mailboxes) in [("To", &args.to), ("Cc", &args.cc)] {
        if !mailboxes.is_empty() {
            fields.push((name.to_owned(), address_list(mailboxes)));
        }
    }
    fields.push(("Subject".to_owned(), one_line(&args.subject)));
    fields.push(("Date".to_owned(), date()));
    fields.push(("Message-ID".to_owned(), format!("<{id}.{}@{host}>", std::process::id())));
    fields.extend(args.header.iter().cloned());
    let attachments = args.attach.iter().map(|path| attachment(path)).collect::<Result<_, _>>()?;
    let mail = Mail { fields, text: text(args)?, html: args.html.clone(), attachments };
    Ok(Outgoing { sender: Some(from.address), recipients, message: mail.write(&id.to_string()) })
}

/// The moment as RFC 5322 §3.3 writes it, in UTC.
fn date() -> String {
    jiff::fmt::rfc2822::to_string(&jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC)).unwrap_or_default()
}

fn text(args: &Args) -> Result<Option<String>, Failure> {
    match (&args.text, &args.file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, Some(path)) if path.as_os_str() != "-" => {
            let octets = read(path)?;
            Ok(Some(String::from_utf8_lossy(&octets).into_owned()))
        }
        (None, None) if args.html.is_some() => Ok(None),
        (None, _) => {
            if std::io::stdin().is_terminal() {
                eprintln!("Type the text, and Ctrl-D at its end.");
            }
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::new(Exit::NoInput, format!("cannot read the text: {error}")))?;
            Ok(Some(text))
        }
    }
}

fn attachment(path: &Path) -> Result<Attachment, Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Attachment { name, octets: read(path)? })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::new(Exit::NoInput, format!("cannot read {}: {error}", path.display())))
}

fn server(args: &Args) -> Result<Option<Server>, Failure> {
    let Some(HostPort { host, port }) = args.server.clone() else { return Ok(None) };
    let login = match (&args.user, &args.password_file) {
        (Some(user), Some(path)) => {
            let password = String::from_utf8_lossy(&read(path)?).trim_end_matches(['\r', '\n']).to_owned();
            Some(Login { user: user.clone(), password })
        }
        _ => None,
    };
    let default_tls = if login.is_some() { TlsMode::Verify } else { TlsMode::Opportunistic };
    let tls = args.tls.unwrap_or(default_tls);
    let default_port = match (tls, &login) {
        (TlsMode::Implicit, _) => 465,
        (_, Some(_)) => 587,
        (_, None) => 25,
    };
    Ok(Some(Server { host, port: port.unwrap_or(default_port), tls, login }))
}

/// `NAME: VALUE`, with nothing in it that would begin another field.
fn header_field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{name:?} is not the name of a header field"));
    }
    if value.chars().any(char::is_control) {
        return Err("the value has a control character in it".to_owned());
    }
    if name.eq_ignore_ascii_case("bcc") {
        return Err("Bcc would be seen by all: use --bcc".to_owned());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_cannot_smuggle_others() {
        assert_eq!(header_field("X-A: b: c"), Ok(("X-A".into(), "b: c".into())));
        for text in ["no colon", ": x", "A b: c", "A: b\nBcc: c", "Bcc: a@x.test"] {
            assert!(header_field(text).is_err(), "{text}");
        }
        assert_eq!(one_line("a\r\nBcc: b"), "a  Bcc: b");
    }
}
