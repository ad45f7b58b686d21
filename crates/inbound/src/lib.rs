//! SMTP listeners: who may connect, who may relay, and the hand-over.
