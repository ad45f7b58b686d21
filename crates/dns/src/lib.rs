//! Typed DNS look-ups for mail, with a real and a written-down resolver.
