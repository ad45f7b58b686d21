//! The envelope: who a message is from, whom it goes to, and what the client asked for.

use crate::Address;

/// What the body was declared to be (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BodyType {
    /// `BODY=7BIT`, also when nothing was said.
    #[default]
    SevenBit,
    /// `BODY=8BITMIME`.
    EightBitMime,
    /// `BODY=BINARYMIME`; comes by BDAT only.
    BinaryMime,
}

/// How much of the message a bounce shall carry: `RET` (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DsnReturn {
    /// `RET=FULL`.
    Full,
    /// `RET=HDRS`.
    Headers,
}

/// When to tell the sender about one recipient: `NOTIFY` (RFC 3461 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notify {
    /// Tell about delivery.
    pub success: bool,
    /// Tell about failure.
    pub failure: bool,
    /// Tell about delay.
    pub delay: bool,
}

impl Notify {
    /// `NOTIFY=NEVER`.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };
}

/// Nothing was said: failures and delays are told, successes are not (RFC 3461 §4.1).
impl Default for Notify {
    fn default() -> Self {
        Self { success: false, failure: true, delay: true }
    }
}

/// One recipient and what was asked about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipient {
    /// The forward path.
    pub address: Address,
    /// `NOTIFY`; `None` when the client said nothing, which is passed on as nothing.
    pub notify: Option<Notify>,
    /// `ORCPT`, as given: `rfc822;` and the address in xtext (RFC 3461 §4.2).
    pub orcpt: Option<Box<str>>,
}

impl Recipient {
    /// A recipient about whom nothing was asked.
    pub fn new(address: Address) -> Self {
        Self { address, notify: None, orcpt: None }
    }
}

/// Everything said before the message itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Envelope {
    /// The reverse path; `None` is the null sender `<>`.
    pub sender: Option<Address>,
    /// The forward paths, in the order they came.
    pub recipients: Vec<Recipient>,
    /// `BODY`.
    pub body: BodyType,
    /// Whether the message needs SMTPUTF8: recomputed from addresses and headers, not believed,
    /// as some libraries ask for it always.
    pub smtputf8: bool,
    /// `RET`.
    pub ret: Option<DsnReturn>,
    /// `ENVID`, in xtext as given (RFC 3461 §4.4).
    pub envid: Option<Box<str>>,
    /// `REQUIRETLS` (RFC 8689).
    pub require_tls: bool,
}
