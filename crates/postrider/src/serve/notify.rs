//! Tells the supervisor how we are (`sd_notify(3)`): a datagram to the socket it names.
//!
//! Without such a supervisor nothing happens. Failing to tell is never a reason to stop.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The supervisor, if there is one.
#[derive(Debug)]
pub(crate) struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one named by the environment.
    pub(crate) fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self::new(variable("NOTIFY_SOCKET").as_deref(), variable("WATCHDOG_USEC").as_deref())
    }

    fn new(path: Option<&str>, watchdog_us: Option<&str>) -> Self {
        let socket = path.and_then(|path| {
            let address = match path.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(path),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        let watchdog = watchdog_us.and_then(|us| us.parse().ok()).filter(|us| *us > 0).map(Duration::from_micros);
        Self { socket, watchdog }
    }

    /// Mail is taken, as this line says.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is read anew.
    pub(crate) fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    /// No more mail is taken.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing what is under way");
    }

    /// How often [`Supervisor::alive`] is wanted: twice as often as the supervisor asks.
    pub(crate) fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|every| every / 2)
    }

    /// Still running.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(state.as_bytes(), address)
        {
            tracing::debug!(%error, "the supervisor does not listen");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_reach_the_manager() {
        let path = std::env::temp_dir().join(format!("postrider-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let supervisor_side = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::new(path.to_str(), Some("2000000"));
        supervisor.ready("here");
        supervisor.alive();
        supervisor.stopping();
        let mut buffer = [0; 200];
        for want in ["READY=1\nSTATUS=here", "WATCHDOG=1", "STOPPING=1\nSTATUS=finishing what is under way"] {
            let read = supervisor_side.recv(&mut buffer).unwrap();
            assert_eq!(std::str::from_utf8(&buffer[..read]).unwrap(), want);
        }
        assert_eq!(supervisor.alive_every(), Some(Duration::from_secs(1)));
        std::fs::remove_file(path).unwrap();
        Supervisor::new(None, None).ready("nobody listens");
    }
}
