//! Fuzz targets: bytes that nobody would send, and what must hold all the same.
//!
//! Each target is a function of bytes that panics when an invariant is broken. The same
//! functions are run by the deterministic runner of this package (stable, part of `./test`) and
//! by libFuzzer (`fuzz/cargo-fuzz`).

#![expect(clippy::panic, clippy::expect_used, reason = "a broken invariant is told by a panic, here as in a test")]

pub mod client_session;
pub mod command;
pub mod content;
pub mod maillog;
pub mod message;
pub mod mutate;
pub mod policy;
pub mod registry;
pub mod reply;
pub mod report;
pub mod said;
pub mod seeds;
pub mod server_session;
pub mod spf;
pub mod tlsa;
pub mod words;

/// One target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Panics when an invariant is broken.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 14] = [
    Target { name: "command", run: command::run, seeds: seeds::commands },
    Target { name: "reply", run: reply::run, seeds: seeds::replies },
    Target { name: "server_session", run: server_session::run, seeds: seeds::clients },
    Target { name: "client_session", run: client_session::run, seeds: seeds::servers },
    Target { name: "words", run: words::run, seeds: seeds::words },
    Target { name: "said", run: said::run, seeds: seeds::quoted },
    Target { name: "report", run: report::run, seeds: seeds::reports },
    Target { name: "maillog", run: maillog::run, seeds: seeds::logs },
    Target { name: "content", run: content::run, seeds: seeds::contents },
    Target { name: "spf", run: spf::run, seeds: seeds::policies },
    Target { name: "message", run: message::run, seeds: seeds::messages },
    Target { name: "policy", run: policy::run, seeds: seeds::records },
    Target { name: "tlsa", run: tlsa::run, seeds: seeds::certificates },
    Target { name: "registry", run: registry::run, seeds: seeds::registries },
];

/// Octets that are shown as text when two of them differ.
#[derive(Clone, PartialEq, Eq, Default)]
struct Text(Vec<u8>);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
