//! Everything one run saw. A room that was not looked into is `None`: could not be tested.

use crate::Target;
use crate::checks::client::ClientFacts;
use crate::checks::dane::HostPins;
use crate::checks::dkim::DkimFacts;
use crate::checks::dmarc::DmarcFacts;
use crate::checks::dns::{SecurityFacts, Views};
use crate::checks::egress::EgressFacts;
use crate::checks::identity::IdentityFacts;
use crate::checks::mx::MxFacts;
use crate::checks::policy::PolicyFacts;
use crate::checks::smtp::HostFacts;
use crate::checks::spf::SpfFacts;
use crate::ctx::Settings;
use crate::dns::Survey;
use crate::registry::consult::Consulted;
use postrider_reply::Decoder;
use postrider_smtp::Timestamp;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What the judges look at.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What was asked about.
    pub target: Option<Target>,
    /// The domain under examination, in A-labels; empty when an address or a single host was named.
    pub domain: String,
    /// What time it was.
    pub now: Timestamp,
    /// What the run was told.
    pub settings: Settings,
    /// The zone, server by server.
    pub zone: Option<Survey>,
    /// What is proved by DNSSEC.
    pub dnssec: Option<SecurityFacts>,
    /// What resolvers say.
    pub views: Option<Views>,
    /// Where mail for the domain goes.
    pub mx: Option<MxFacts>,
    /// What the addresses are called, and which lists have them.
    pub identity: Option<IdentityFacts>,
    /// What the registry says.
    pub registry: Option<Consulted>,
    /// Who may send for the domain.
    pub spf: Option<SpfFacts>,
    /// The DKIM keys.
    pub dkim: Option<DkimFacts>,
    /// The DMARC record, and the walk to it.
    pub dmarc: Option<DmarcFacts>,
    /// What is published about TLS and pictures.
    pub policy: Option<PolicyFacts>,
    /// What the zone says about each mail host's certificate.
    pub pins: Option<Vec<HostPins>>,
    /// What mail programs meet.
    pub client: Option<ClientFacts>,
    /// This machine's way out on port 25.
    pub egress: Option<EgressFacts>,
    /// The mail hosts, spoken to.
    pub hosts: Option<Vec<HostFacts>>,
    /// What replies mean; made when it is first needed.
    pub reader: Reader,
}

impl Facts {
    /// What replies mean.
    pub fn decoder(&self) -> &Decoder {
        self.reader.0.get_or_init(Decoder::new)
    }
}

/// The decoder, made when it is first needed: most healthy domains never need it.
#[derive(Clone, Default)]
pub struct Reader(Arc<OnceLock<Decoder>>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}
