//! Typed DNS look-ups for mail, with a real and a written-down resolver.
//!
//! The seam is one trait, [`Resolver`], that asks for one RRset. Its two sides are [`System`],
//! which asks real name servers, and [`Zone`], which reads its answers from a text. What a
//! caller wants is said by a function per type ([`mx`], [`ipv4`], [`txt`] …), and why there is
//! no answer by [`Failure`], whose kinds call for different remedies.
//!
//! Names go in and come out as text: lower case, A-labels, without the trailing dot; the root
//! is `"."`. CNAMEs are followed by every resolver, so that a caller sees what is at their end.
//!
//! Not here: what a missing MX means for a message (delivery decides), and validation of
//! DNSSEC: [`Answer::authentic`] is the word of a validating name server that the operator
//! chose to trust.

mod failure;
mod lookup;
mod mx;
mod record;
mod resolver;
mod system;
mod zone;

pub use failure::Failure;
pub use lookup::{addresses, cname, ipv4, ipv6, mx, ns, ptr, reverse_name, soa, srv, tlsa, txt};
pub use mx::{Exchanges, exchanges};
pub use record::{Kind, Mx, Record, Soa, Srv, Tlsa};
pub use resolver::{Answer, Looking, Resolver};
pub use system::{Settings, System, SystemError};
pub use zone::{Alias, Reading, Zone, ZoneError};
