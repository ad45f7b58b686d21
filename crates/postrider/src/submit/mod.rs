//! Hands a message in: to the running relay by its control socket, else by SMTP.

mod smtp;

pub(crate) use smtp::{Server, hand_to_server};

use crate::config::Config;
use crate::control;
use crate::control::client::{AskError, ask};
use crate::control::protocol::{Answer, Handing, Request};
use crate::exit::{Exit, Failure};
use postrider_smtp::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A message ready to go: CRLF line ends.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The sender; `None` is the null sender.
    pub(crate) sender: Option<Address>,
    /// The recipients, at least one.
    pub(crate) recipients: Vec<Address>,
    /// The message.
    pub(crate) message: Vec<u8>,
}

/// Hands it to the relay of this configuration; gives what to tell the user.
///
/// Who may not open the control socket is served by the relay port, as any program on this machine.
pub(crate) fn hand_in(config: &Config, outgoing: &Outgoing) -> Result<String, Failure> {
    let data = &config.values.data;
    let request = Request::Send(Handing {
        sender: outgoing.sender.as_ref().map(ToString::to_string),
        recipients: outgoing.recipients.iter().map(ToString::to_string).collect(),
        user: user_name(),
        octets: outgoing.message.len() as u64,
    });
    match ask(&control::socket(data), &request, &outgoing.message) {
        Ok(answer) => settled(answer),
        Err(error @ (AskError::NotRunning | AskError::NotAllowed)) => {
            let Some(address) = local_port(&config.values.smtp_listen) else { return Err(nobody_there(config)) };
            hand_to_server(&Server::plain(address), config, outgoing).map_err(|failure| match error {
                AskError::NotRunning if failure.exit == Exit::TryAgain => beside(&failure, config),
                _ => failure,
            })
        }
        Err(error) => Err(Failure::new(Exit::TryAgain, error.to_string())),
    }
}

fn settled(answer: Answer) -> Result<String, Failure> {
    match answer {
        Answer::Accepted { message } => Ok(message),
        Answer::Refused { reply, transient } => {
            let exit = if transient { Exit::TryAgain } else { Exit::Unavailable };
            Err(Failure::new(exit, format!("the relay does not take the message: {reply}")))
        }
        Answer::Trouble { message, .. } => Err(Failure::new(Exit::Unavailable, message)),
        other => Err(Failure::new(Exit::TryAgain, format!("the relay answered something else: {other:?}"))),
    }
}

/// The relay port did not help either: both are said, the likelier trouble first.
fn beside(failure: &Failure, config: &Config) -> Failure {
    Failure::new(failure.exit, format!("{}\n{failure}", nobody_there(config)))
}

fn nobody_there(config: &Config) -> Failure {
    let data = config.values.data.display();
    let message =
        format!("no relay is running on {data}; start one with `postrider serve`, or name its folder with --data");
    Failure::new(Exit::TryAgain, message)
}

/// Where this machine reaches the relay port.
fn local_port(listen: &[SocketAddr]) -> Option<SocketAddr> {
    let address = listen.first()?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(SocketAddr::new(ip, address.port()))
}

/// Who runs this program: the name that belongs to the user id, as the environment may say anything.
pub(crate) fn user_name() -> String {
    let id = rustix::process::getuid().as_raw();
    let named = std::fs::read_to_string("/etc/passwd").ok().and_then(|accounts| account(&accounts, id));
    named.unwrap_or_else(|| format!("uid{id}"))
}

fn account(accounts: &str, id: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        (uid == id && !name.is_empty()).then(|| name.to_owned())
    })
}

/// The name of this machine for addresses without a domain: the configured one, else the system's.
pub(crate) fn host_name(config: &Config) -> String {
    match &config.values.hostname {
        Some(name) => name.to_string(),
        None => system_host_name(),
    }
}

/// What the system calls itself, if that may stand in a greeting.
pub(crate) fn system_host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    postrider_smtp::Domain::parse(&name).map_or_else(|_| "localhost.localdomain".to_owned(), |name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(account(accounts, 1000).as_deref(), Some("alice"));
        assert_eq!(account(accounts, 7), None);
    }

    #[test]
    fn answers_become_exit_codes() {
        let refused = |transient| Answer::Refused { reply: "452 4.3.1 no room".into(), transient };
        assert_eq!(settled(Answer::Accepted { message: "X".into() }).unwrap(), "X");
        assert_eq!(settled(refused(true)).unwrap_err().exit, Exit::TryAgain);
        assert_eq!(settled(refused(false)).unwrap_err().exit, Exit::Unavailable);
        assert_eq!(local_port(&["0.0.0.0:25".parse().unwrap()]), "127.0.0.1:25".parse().ok());
        assert_eq!(local_port(&[]), None);
    }
}
