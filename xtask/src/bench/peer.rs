//! A relay under test: started in the foreground with its own folder, ended by signals.

use super::workload::Workload;
use anyhow::Context as _;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

/// Where a relay runs, listens and delivers to.
pub(crate) struct Site {
    /// Its own empty folder, on the disk under test.
    pub(crate) folder: PathBuf,
    /// Where it takes mail.
    pub(crate) listen: SocketAddr,
    /// The sink; by MX only its port counts.
    pub(crate) sink: SocketAddr,
    /// The name server, when mail goes by MX.
    pub(crate) resolver: Option<SocketAddr>,
}

/// What differs between relays: how the command that runs one in the foreground is made.
pub(crate) trait Peer {
    /// Its name in the figures.
    fn name(&self) -> &'static str;
    /// Writes its configuration and gives its command.
    fn command(&self, site: &Site) -> anyhow::Result<Command>;
    /// Why it cannot take part on this machine or in this workload.
    fn hindrance(&self, workload: &Workload) -> Option<String>;
}

/// A running relay; killed when dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts a relay and waits for its greeting. `wrap` is put before its command.
    pub(crate) fn start(peer: &dyn Peer, site: &Site, wrap: &[String]) -> anyhow::Result<Self> {
        let inner = peer.command(site)?;
        let mut command = match wrap.split_first() {
            None => inner,
            Some((program, arguments)) => {
                let mut outer = Command::new(program);
                outer.args(arguments).arg(inner.get_program()).args(inner.get_args());
                outer
            }
        };
        let log = OpenOptions::new().create(true).append(true).open(site.folder.join("output.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", peer.name()))?;
        let mut running = Self { child };
        running.wait_for_greeting(site).with_context(|| {
            let said = std::fs::read_to_string(site.folder.join("output.log")).unwrap_or_default();
            format!("{} does not greet at {}; it said: {said}", peer.name(), site.listen)
        })?;
        Ok(running)
    }

    /// The process to measure; its children belong to it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_for_greeting(&mut self, site: &Site) -> anyhow::Result<()> {
        let end = Instant::now() + READY_PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("it ended: {status}");
            }
            if greets(site.listen) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        anyhow::bail!("it took more than {READY_PATIENCE:?}")
    }

    /// Kills it at once, as a power switch would: nothing in it gets a last word.
    pub(crate) fn kill(mut self) {
        // A relay that is dead already needs no killing.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Ends it gracefully, and by force when that takes too long.
    pub(crate) fn stop(&mut self) {
        let group = super::usage::tree(self.child.id());
        signal("TERM", &[self.child.id()]);
        let end = Instant::now() + STOP_PATIENCE;
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            std::thread::sleep(POLL);
        }
        let left: Vec<u32> = group.into_iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
        if !left.is_empty() {
            signal("KILL", &left);
        }
        drop(self.child.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends a signal. Without unsafe code or a further dependency that takes kill(1).
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(pids.iter().map(ToString::to_string));
    // A process that is gone already needs no signal.
    drop(kill.stderr(Stdio::null()).status());
}

fn greets(address: SocketAddr) -> bool {
    let Ok(mut socket) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    drop(socket.set_read_timeout(Some(Duration::from_secs(5))));
    let mut greeting = [0; 3];
    socket.read_exact(&mut greeting).is_ok() && greeting == *b"220" && socket.write_all(b"QUIT\r\n").is_ok()
}

/// A port that nobody listens on at the moment.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
