//! Listening sockets: bound here, or handed over by the supervisor.

use crate::config::Config;
use crate::config::problem::Place;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections the kernel holds before they are accepted: a burst of a thousand clients is nothing unusual.
const BACKLOG: u32 = 1024;

/// The kinds of listeners; the word is the one of configuration and `FileDescriptorName=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Servers and applications.
    Smtp,
    /// Users, with STARTTLS.
    Submission,
    /// Users, under TLS.
    Submissions,
    /// Metrics and health.
    Http,
}

impl Door {
    const ALL: [Self; 4] = [Self::Smtp, Self::Submission, Self::Submissions, Self::Http];

    /// The word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Http => "http",
        }
    }
}

/// Sockets that the supervisor handed over, each with the door it is for (`systemd.socket(5)`).
pub(crate) fn handed_over() -> Result<Vec<(Door, TcpListener)>, String> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut sockets = listenfd::ListenFd::from_env();
    let mut found = Vec::new();
    for index in 0..sockets.len() {
        let name = names.split(':').nth(index).unwrap_or_default();
        let door = door_named(name)?;
        let socket = sockets.take_tcp_listener(index).map_err(|error| format!("socket {name:?}: {error}"))?;
        let Some(socket) = socket else { continue };
        let listener = socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket));
        found.push((door, listener.map_err(|error| format!("socket {name:?}: {error}"))?));
    }
    Ok(found)
}

/// `smtp`, and also a unit's own name such as `postrider-smtp.socket`, which systemd uses when nothing was said.
fn door_named(name: &str) -> Result<Door, String> {
    let word = name.strip_suffix(".socket").unwrap_or(name);
    let word = word.strip_prefix("postrider-").unwrap_or(word);
    Door::ALL.into_iter().find(|door| door.name() == word).ok_or_else(|| {
        format!(
            "a socket named {name:?} was handed over: write FileDescriptorName=smtp, submission, submissions or http"
        )
    })
}

/// Binds the listeners of the configuration, but for doors that were handed over.
pub(crate) fn bind(config: &Config, handed: &[(Door, TcpListener)]) -> Result<Vec<(Door, TcpListener)>, String> {
    let values = &config.values;
    let wanted = [
        (Door::Smtp, &values.smtp_listen),
        (Door::Submission, &values.submission_listen),
        (Door::Submissions, &values.submissions_listen),
        (Door::Http, &values.http_listen),
    ];
    let mut bound = Vec::new();
    let mut faults = Vec::new();
    for (door, addresses) in wanted {
        if handed.iter().any(|(other, _)| *other == door) {
            continue;
        }
        for address in addresses {
            match bind_one(*address) {
                Ok(listener) => bound.push((door, listener)),
                Err(error) => faults.push(fault(config, door, *address, &error)),
            }
        }
    }
    if faults.is_empty() { Ok(bound) } else { Err(faults.join("\n")) }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn fault(config: &Config, door: Door, address: SocketAddr, error: &io::Error) -> String {
    let key = format!("{}.listen", door.name());
    let place = config.place(&key).unwrap_or(&Place::Default);
    let port = address.port();
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; a port below 1024 needs the capability CAP_NET_BIND_SERVICE or socket activation, or take another, such as 2525".to_owned()
        }
        io::ErrorKind::AddrInUse => format!("; `ss -ltnp sport = :{port}` shows which program has it"),
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address".to_owned(),
        _ => String::new(),
    };
    format!("cannot listen on {address} ({key}, {place}): {error}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn sockets_are_known_by_their_names() {
        for (name, door) in [("smtp", Door::Smtp), ("postrider-submissions.socket", Door::Submissions)] {
            assert_eq!(door_named(name), Ok(door));
        }
        assert!(door_named("connection").unwrap_err().contains("FileDescriptorName=smtp"));
    }

    #[tokio::test]
    async fn a_taken_port_says_who_asked_for_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let sets = vec![format!("smtp.listen={address}"), "http.listen=off".to_owned()];
        let config = Sources { sets, ..Sources::default() }.load().unwrap();
        let fault = bind(&config, &[]).unwrap_err();
        assert!(fault.starts_with(&format!("cannot listen on {address} (smtp.listen, --set): ")), "{fault}");
        assert!(fault.contains("`ss -ltnp sport = :"), "{fault}");
    }
}
