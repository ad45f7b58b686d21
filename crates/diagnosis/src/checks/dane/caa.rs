//! CAA against the certificates that were shown: whether the authority may issue the next one.

use super::{HostPins, Shown};
use crate::finding::{Finding, Impact, Say};
use postrider_mailauth::caa::{Issuance, domains_of, may_issue};
use postrider_mailauth::tlsa::Certificate;

const ID: &str = "caa";

pub(super) fn judge(pins: &[HostPins], shown: Option<&[Shown]>, say: &mut Say) {
    let restricted: Vec<(&HostPins, &String, &Vec<_>)> =
        pins.iter().filter_map(|host| host.caa.as_ref().map(|(name, set)| (host, name, set))).collect();
    if restricted.is_empty() {
        return say.not_applicable(ID, "no CAA record says who may issue certificates");
    }
    for (host, name, set) in restricted {
        let shown = shown.iter().flat_map(|shown| shown.iter()).find(|shown| shown.host == host.host);
        let Some(certificate) = shown.and_then(|shown| Certificate::read(shown.chain.first()?)) else {
            say.untested(ID, format!("{} showed no certificate", host.host));
            continue;
        };
        let issuer = certificate.issuing_organization().unwrap_or_default();
        let domains = domains_of(&issuer);
        if domains.is_empty() {
            say.untested(ID, format!("by which domain {issuer:?} is named in CAA records is not known"));
            continue;
        }
        // A certificate for several names may be renewed by whatever name is allowed.
        match may_issue(set, domains, false) {
            Issuance::Unrestricted | Issuance::Allowed(_) | Issuance::Conditional(_) => {
                say.fine(ID, format!("{name} lets {issuer} issue"));
            }
            Issuance::Forbidden | Issuance::Critical(_) => say.found(
                Finding::note(
                    ID,
                    &host.host,
                    format!("the CAA records of {name} do not let {issuer} renew the certificate of {}", host.host),
                )
                .impact(Impact::None, Impact::None)
                .seen("tls", shown.map(|shown| shown.server.clone()).unwrap_or_default(), format!("issued by {issuer}"))
                .seen("dns", "", format!("{name} CAA: {}", issuers(set)))
                .fix("Name the authority as well, or get the next certificate from one that is named.")
                .change(
                    "add",
                    name,
                    "CAA",
                    "",
                    &format!("0 issue {:?}", domains.first().copied().unwrap_or_default()),
                ),
            ),
        }
    }
}

fn issuers(set: &[postrider_mailauth::caa::Property]) -> String {
    let names: Vec<&str> = set.iter().filter_map(|property| property.issuer.as_deref()).collect();
    if names.is_empty() { "nobody may issue".to_owned() } else { format!("{} may issue", names.join(", ")) }
}
