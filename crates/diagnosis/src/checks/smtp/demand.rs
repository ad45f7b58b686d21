//! Who insists on TLS towards a host: then its absence, or a bad certificate, stops mail.
//!
//! Without such a demand senders encrypt where they can and look at no certificate
//! (RFC 7435 §3): nothing of this section stops mail then.

use super::View;
use crate::checks::dane::Proof;
use crate::checks::policy::PolicyFacts;
use postrider_dns::Tlsa;

/// What is demanded of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing.
    Nothing,
    /// TLS with a certificate by a known authority for its name (RFC 8461 §4).
    Sts,
    /// TLS with a certificate or key that the zone names (RFC 7672 §2.2): its dates, names and
    /// issuer do not matter.
    DaneKey,
}

impl Demand {
    /// Its name for people.
    pub(super) const fn by(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Sts => "the domain's MTA-STS policy (mode: enforce)",
            Self::DaneKey => "the host's TLSA records",
        }
    }
}

/// What is demanded of that host. MTA-STS comes first where both are there: it looks at more.
pub(super) fn of(view: &View<'_>, host: &str) -> Demand {
    let policy = view.facts.policy.as_ref().and_then(PolicyFacts::enforced);
    if policy.is_some_and(|policy| policy.allows(host)) {
        return Demand::Sts;
    }
    let pins = view.facts.pins.iter().flatten().find(|pins| pins.host == host);
    // RFC 7672 §3.1: usages 0 and 1 are not for mail, and unsigned records count for nothing.
    let counts = pins.is_some_and(|pins| {
        let usable = |records: &Vec<Tlsa>| records.iter().any(|record| matches!(record.usage, 2 | 3));
        pins.proof == Proof::Secure && pins.tlsa.as_ref().is_ok_and(usable)
    });
    if counts { Demand::DaneKey } else { Demand::Nothing }
}
