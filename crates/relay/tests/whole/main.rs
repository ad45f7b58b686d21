//! The whole relay in one process: a real spool, real sockets to scripted hosts, a clock that is
//! moved by hand. One file for each trouble.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

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
