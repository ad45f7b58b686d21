//! Byte streams for SMTP: sockets, TLS, and the driver of a session.
