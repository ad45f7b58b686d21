//! Byte streams for SMTP: sockets, TLS, and the driver of a session.

pub mod accept;
pub mod client;
mod connect;
pub mod stream;
pub mod tls;
mod trouble;

pub use connect::connect;
pub use stream::Stream;
pub use tls::TlsFacts;
