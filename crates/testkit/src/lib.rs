//! Tools for tests: scripted peers, a clock that is moved by hand, a disk that fails.

mod peer;

pub use peer::Peer;
