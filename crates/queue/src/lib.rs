//! When to try what: backoff, fairness, limits and giving up, without I/O and without a clock.
