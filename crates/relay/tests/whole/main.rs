//! The whole relay in one process: a real spool, real sockets to scripted hosts, a clock that is
//! moved by hand. One file for each trouble.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failure of the test")]
#![expect(unreachable_pub, reason = "one binary: its modules share what is public")]

mod common;

mod delivered;
mod disk;
mod down;
mod late;
mod notices;
mod operator;
mod restart;
mod routes;
mod sim;
mod vanished;
