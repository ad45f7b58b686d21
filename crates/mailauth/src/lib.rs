//! Signing and explaining mail authentication.
