//! DMARC (RFC 9989, RFC 9990): records, the walk up the tree that finds the one that applies,
//! and whether two domains are aligned.
//!
//! [`read`] reads one record and says all that is wrong with it; [`discover`] asks for the records
//! of a domain and of those above it and keeps every step. Not here: whether a message passes,
//! which needs the results of SPF and DKIM.

mod align;
mod record;
mod uri;
mod walk;

pub use align::{Alignment, alignment, authorizes_reports, report_authorization_name};
pub use record::{Mode, Oddity, Policy, Psd, Record, is_like_record, is_record, read};
pub use uri::Uri;
pub(crate) use uri::{decoded, is_address, is_bare_address};
pub use walk::{Applied, Asked, Found, QUERIES_MAX, Source, Step, Walk, discover, targets};
