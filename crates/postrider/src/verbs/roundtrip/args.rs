//! The arguments of `roundtrip`, and what they come to.

use crate::config::typed::{HostPort, NameServer, Typed as _};
use crate::exit::{Exit, Failure};
use crate::verbs::secret;
use postrider_diagnosis::trip::plan::{Named, TlsBegins};
use postrider_smtp::{Address, Host};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `roundtrip`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider roundtrip you@example.com you@other.example
  postrider roundtrip you@example.com you@other.example --from-smtp smtp.example.com:587
  MINE=… OTHER=… postrider roundtrip you@example.com you@other.example \\
      --from-password-env MINE --to-password-env OTHER --json
  postrider roundtrip you@example.com friend@other.example --one-way

A mail goes from A to B by A's own server and is looked for in B's mailbox, in all folders; then B
answers. Servers are found by DNS or by their usual names unless they are named. Passwords are
asked for, or read from a file descriptor or the environment, never from the command line.
Port 465 and 993 begin with TLS, others with STARTTLS; smtps://, smtp://, imaps:// and imap://
before the host say it for any port. The test mails are removed at the end.
Exit codes: 0 both directions work, 1 they work but not well, 2 broken, 3 could not tell,
64 wrong usage.")]
pub(crate) struct Args {
    /// The address whose mail is in question
    #[arg(value_name = "A", value_parser = address)]
    pub(super) a: Address,
    /// An address elsewhere
    #[arg(value_name = "B", value_parser = address)]
    pub(super) b: Address,
    /// A's server for outgoing mail [default: found by DNS]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server)]
    from_smtp: Option<Named>,
    /// A's server for reading mail [default: found by DNS]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server)]
    from_imap: Option<Named>,
    /// B's server for outgoing mail [default: found by DNS]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server)]
    to_smtp: Option<Named>,
    /// B's server for reading mail [default: found by DNS]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server)]
    to_imap: Option<Named>,
    /// A's user name [default: the address]
    #[arg(long, value_name = "NAME")]
    from_user: Option<String>,
    /// B's user name [default: the address]
    #[arg(long, value_name = "NAME")]
    to_user: Option<String>,
    /// Read A's password, one line, from this open file descriptor
    #[arg(long, value_name = "N", conflicts_with = "from_password_env")]
    from_password_fd: Option<u32>,
    /// Read A's password from this variable of the environment
    #[arg(long, value_name = "NAME")]
    from_password_env: Option<String>,
    /// Read B's password, one line, from this open file descriptor
    #[arg(long, value_name = "N", conflicts_with = "to_password_env")]
    to_password_fd: Option<u32>,
    /// Read B's password from this variable of the environment
    #[arg(long, value_name = "NAME")]
    to_password_env: Option<String>,
    /// Only from A to B; B's password is used for reading alone
    #[arg(long)]
    pub(super) one_way: bool,
    /// Leave the test mails in the mailboxes
    #[arg(long)]
    pub(super) keep: bool,
    /// How many seconds all of it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=86400))]
    timeout: u64,
    /// Certificate authorities to trust, a PEM file [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// The name server to ask, whose word on servers is trusted [default: the system's]
    #[arg(long, value_name = "IP[:PORT]", value_parser = NameServer::parse)]
    pub(super) resolver: Option<NameServer>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// One of the two, as the arguments have it.
pub(super) struct Side<'a> {
    pub(super) address: &'a Address,
    pub(super) smtp: Option<&'a Named>,
    pub(super) imap: Option<&'a Named>,
    pub(super) user: String,
    /// How its options begin.
    pub(super) name: &'static str,
    descriptor: Option<u32>,
    variable: Option<&'a str>,
}

impl Args {
    pub(super) fn sides(&self) -> [Side<'_>; 2] {
        let user = |given: &Option<String>, address: &Address| given.clone().unwrap_or_else(|| address.to_string());
        [
            Side {
                address: &self.a,
                smtp: self.from_smtp.as_ref(),
                imap: self.from_imap.as_ref(),
                user: user(&self.from_user, &self.a),
                name: "from",
                descriptor: self.from_password_fd,
                variable: self.from_password_env.as_deref(),
            },
            Side {
                address: &self.b,
                smtp: self.to_smtp.as_ref(),
                imap: self.to_imap.as_ref(),
                user: user(&self.to_user, &self.b),
                name: "to",
                descriptor: self.to_password_fd,
                variable: self.to_password_env.as_deref(),
            },
        ]
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

impl Side<'_> {
    /// The password, asked for where nothing says where it is. `at` are the servers that will hear it.
    pub(super) fn password(&self, at: &str) -> Result<String, Failure> {
        let stdin = std::io::stdin();
        match (self.descriptor, self.variable) {
            (Some(number), _) => secret::of_descriptor(number),
            (None, Some(name)) => secret::of_variable(name),
            (None, None) if stdin.is_terminal() => {
                secret::ask(&format!("Password of {} for {at}", self.user), stdin.lock())
            }
            (None, None) => Err(Failure::new(
                Exit::Usage,
                format!(
                    "the password of {} is needed: --{1}-password-fd N, --{1}-password-env NAME, or a terminal to ask on",
                    self.address, self.name
                ),
            )),
        }
    }
}

fn address(text: &str) -> Result<Address, String> {
    let address = Address::parse(text).map_err(|error| error.to_string())?;
    if address.to_string().chars().any(char::is_control) {
        return Err("it has a control character in it".to_owned());
    }
    Ok(address)
}

/// `HOST[:PORT]`, with or without `smtps://` and the like.
fn server(text: &str) -> Result<Named, String> {
    let (tls, rest) = match text.split_once("://") {
        Some(("smtps" | "imaps", rest)) => (Some(TlsBegins::AtOnce), rest),
        Some(("smtp" | "imap", rest)) => (Some(TlsBegins::ByStartTls), rest),
        Some((scheme, _)) => return Err(format!("{scheme}:// is none of smtps://, smtp://, imaps://, imap://")),
        None => (None, text),
    };
    let HostPort { host, port } = HostPort::parse(rest.trim_end_matches('/'))?;
    let host = match host {
        Host::Literal(ip) => ip.to_string(),
        Host::Domain(domain) => domain.to_string(),
    };
    if port == Some(0) {
        return Err("there is no port 0".to_owned());
    }
    Ok(Named { host, port, tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_as_people_write_them() {
        let named = |host: &str, port, tls| Ok(Named { host: host.into(), port, tls });
        let table = [
            ("smtp.x.test", named("smtp.x.test", None, None)),
            ("smtp.x.test:587", named("smtp.x.test", Some(587), None)),
            ("imaps://imap.x.test:1993/", named("imap.x.test", Some(1993), Some(TlsBegins::AtOnce))),
            ("smtp://127.0.0.1:2525", named("127.0.0.1", Some(2525), Some(TlsBegins::ByStartTls))),
            ("[::1]:465", named("::1", Some(465), None)),
        ];
        for (text, want) in table {
            assert_eq!(server(text), want, "{text}");
        }
        for text in ["http://x.test", "", "x.test:99999", "x.test:0", "a b"] {
            assert!(server(text).is_err(), "{text}");
        }
    }
}
