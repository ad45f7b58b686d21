//! SPF (RFC 7208): who may send mail in the name of a domain.
//!
//! Three questions, three functions:
//!
//! - [`parse`]: what does this text say, and where exactly is it wrong? It never stops at the
//!   first error, so that all of them can be mended at once.
//! - [`evaluate`]: may this address send for this domain? The answer names the term that decided
//!   and how it was reached, or why there is no answer.
//! - [`survey`]: what does the whole tree of includes look like, for whatever address? It counts
//!   on where [`evaluate`] must stop, so that one sees which branch to cut.
//!
//! All three are bounded whatever they are given: look-ups, depth, hosts, octets.
//!
//! Not here: what a result means for a message (DMARC, and whoever judges), and whether a policy
//! is wise (diagnosis).
//!
//! ```
//! use postrider_mailauth::spf;
//! let record = spf::parse("v=spf1 mx ip4:192.0.2.0/33 inlcude:example.net -all");
//! let faults: Vec<_> = record.faults.iter().map(|fault| fault.span.of(&record.text)).collect();
//! assert_eq!(faults, ["/33", "inlcude"]);
//! ```

mod addresses;
mod cause;
mod evaluate;
mod expand;
mod fault;
mod macros;
mod matching;
mod names;
mod parse;
mod record;
mod request;
mod select;
mod spelling;
mod survey;
mod term;
mod tree;

pub use addresses::Addresses;
pub use cause::{Cause, Place};
pub use evaluate::{Evaluation, Outcome, evaluate};
pub use fault::{Fault, Flaw};
pub use macros::MacroString;
pub use parse::parse;
pub use record::{Form, Mechanism, Prefixes, Qualifier, Record, Span, Term};
pub use request::{Limits, Request};
pub use select::{Selected, is_spf, select};
pub use survey::{Answers, Bounds, Question, build, survey};
pub use tree::{Branch, Found, Node, Target, Tree};
