//! Who insists on TLS towards a host: then its absence, or a bad certificate, stops mail.
//!
//! Without such a demand senders encrypt where they can and look at no certificate
//! (RFC 7435 §3): nothing of this section stops mail then.

use super::View;

/// Of which hosts TLS is demanded; written by whoever knows the policies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsDemanded {
    /// Hosts that an enforced MTA-STS policy names.
    pub by_sts: Vec<String>,
    /// Hosts with usable, secure TLSA records.
    pub by_dane: Vec<String>,
}

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
    let asked = |list: &[String]| list.iter().any(|name| name == host);
    if asked(&view.facts.tls_demanded.by_sts) {
        Demand::Sts
    } else if asked(&view.facts.tls_demanded.by_dane) {
        Demand::DaneKey
    } else {
        Demand::Nothing
    }
}
