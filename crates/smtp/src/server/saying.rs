//! What is said, refused, counted and timed.

use super::question::Says;
use super::{Reason, Refused, Server, State, Step};
use crate::{Reply, ReplyCode};
use std::time::{Duration, Instant};

impl Server {
    pub(super) fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    pub(super) fn say_reply(&mut self, reply: &Reply) {
        self.output.extend_from_slice(reply.to_wire().as_bytes());
    }

    /// Says yes in the given words or the answer's own; gives whether it was a yes. 3yz counts as one.
    pub(super) fn say_answer(&mut self, says: Says, usual: &str) -> bool {
        match says {
            Says::Accept | Says::Scram { .. } => {
                if !usual.is_empty() {
                    self.say(usual);
                }
                true
            }
            Says::Reply(reply) if reply.code().is_positive() || reply.code().is_intermediate() => {
                self.say_reply(&reply);
                true
            }
            Says::Reply(reply) => {
                self.say_reply(&reply);
                self.refused = Some(Refused { reason: Reason::Answered, reply });
                false
            }
            Says::RefuseLogin => {
                self.refuse(Reason::LoginFailed, ReplyCode::AUTH_FAILED_535, "5.7.8 user name or password is wrong");
                false
            }
            Says::Nothing => false,
        }
    }

    pub(super) fn refuse(&mut self, reason: Reason, code: ReplyCode, text: &str) {
        self.refuse_reply(reason, Reply::new(code, text));
    }

    /// Says no, and counts it as an error of the client.
    pub(super) fn refuse_reply(&mut self, reason: Reason, reply: Reply) {
        self.say_reply(&reply);
        self.refused = Some(Refused { reason, reply });
        self.count_error();
    }

    pub(super) fn count_error(&mut self) {
        self.counts.errors += 1;
        if self.counts.errors >= self.settings.limits.errors_max {
            self.too_many("4.7.0 too many errors");
        }
    }

    pub(super) fn too_many(&mut self, text: &str) {
        self.refuse_and_close(Reason::TooManyErrors, ReplyCode::UNAVAILABLE_421, text);
    }

    pub(super) fn refuse_and_close(&mut self, reason: Reason, code: ReplyCode, text: &str) {
        let reply = Reply::new(code, text);
        self.say_reply(&reply);
        self.refused = Some(Refused { reason, reply });
        self.state = State::Closing;
    }

    pub(super) fn write(&mut self) -> Step {
        Step::Write(self.output.split().freeze())
    }

    /// The time-out table: how long the client may take in each state, RFC 5321 §4.5.3.2.
    /// `None` where it is not the client that is waited for.
    pub(super) fn patience(&self) -> Option<Duration> {
        let timeouts = &self.settings.timeouts;
        match self.state {
            State::Unwelcome | State::Fresh | State::Ready(_) | State::Transaction(..) | State::Chunks(..) => {
                Some(timeouts.command)
            }
            State::Auth(..) => Some(timeouts.auth),
            State::Body(..) | State::Chunk(..) => Some(timeouts.body_block),
            State::Connected | State::Asked(_) | State::Handshake | State::Closing => None,
        }
    }

    /// Sets the deadline anew when the client has done something, and says whether it has passed.
    pub(super) fn is_overdue(&mut self, now: Instant) -> bool {
        if self.stirred {
            self.stirred = false;
            self.deadline = self.patience().map(|patience| now + patience);
            if self.is_within_message() {
                let whole = *self.body_deadline.get_or_insert(now + self.settings.timeouts.body_whole);
                self.deadline = self.deadline.map(|deadline| deadline.min(whole));
            }
        }
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn time_out(&mut self) {
        self.deadline = None;
        self.refuse_and_close(Reason::TimedOut, ReplyCode::UNAVAILABLE_421, "4.4.2 you took too long: goodbye");
    }
}
