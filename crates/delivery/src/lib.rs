//! One attempt to one destination: routing, connections, and an outcome for each recipient.
