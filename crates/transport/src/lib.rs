//! Byte streams for SMTP: sockets, TLS, and the driver of a session.

pub mod stream;
pub mod tls;

pub use stream::Stream;
pub use tls::TlsFacts;
