//! Byte streams for SMTP: sockets, TLS, and the driver of a session.

pub mod stream;

pub use stream::Stream;
