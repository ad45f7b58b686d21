//! Both ends of a relay under load: a source that hands messages in and a sink that counts what
//! comes out, each message by its number, so that a lost or doubled one is seen as such.
//!
//! One thread per connection and blocking sockets: at twenty connections nothing is cheaper, and
//! what the tool spends is missing to the relay on the same machine. It does not speak TLS.

pub(crate) mod names;
pub(crate) mod sink;
pub(crate) mod source;

/// The header field that carries a message's number.
pub(crate) const NUMBER_FIELD: &str = "X-Number: ";
