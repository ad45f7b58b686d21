//! What a peer said before the session took transactions, for whoever judges it.

use crate::Reply;

/// So many octets of what came before the first reply was whole are kept.
pub const OPENING_BYTES_MAX: usize = 512;

/// The replies up to the first transaction. One that was never heard is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// The first octets, as they came: they tell what speaks there when it is not SMTP.
    pub first: Vec<u8>,
    /// The greeting, be it a welcome or not.
    pub greeting: Option<Reply>,
    /// The reply to an EHLO that was not taken; HELO was tried behind it.
    pub refused: Option<Reply>,
    /// The reply to EHLO in clear, or to HELO.
    pub in_clear: Option<Reply>,
    /// The reply to STARTTLS.
    pub starttls: Option<Reply>,
    /// The reply to EHLO, or HELO, under TLS.
    pub under_tls: Option<Reply>,
}

impl Opening {
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        let room = OPENING_BYTES_MAX.saturating_sub(self.first.len()).min(bytes.len());
        self.first.extend_from_slice(&bytes[..room]);
    }

    pub(super) fn heard_hello(&mut self, reply: &Reply, helo: bool, under_tls: bool) {
        if !helo && reply.code().is_permanent() {
            self.refused = Some(reply.clone());
            return;
        }
        let place = if under_tls { &mut self.under_tls } else { &mut self.in_clear };
        *place = Some(reply.clone());
    }
}
