//! Says what is broken with a domain's mail, in which direction, and who must act.

pub mod net;
