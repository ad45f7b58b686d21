//! Bounce, delay and complaint mails (RFC 3464): written and read.
