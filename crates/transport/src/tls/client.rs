//! TLS towards a host.
