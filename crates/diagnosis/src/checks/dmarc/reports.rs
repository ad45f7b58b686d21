//! Where reports go: the addresses, and whether somebody else's domain takes them (RFC 9990 §4).

use super::DmarcFacts;
use crate::ctx::Ctx;
use crate::finding::{Finding, Impact, Say, Severity};
use domain::base::iana::Rtype;
use futures_util::future::join_all;
use postrider_dns::Failure;
use postrider_mailauth::dmarc::{self, Asked, Found, Oddity, Record};
use std::collections::BTreeSet;

/// Hosts that are looked at.
const HOSTS_MAX: usize = 8;

/// A domain that reports are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportHost {
    /// The domain.
    pub host: String,
    /// Where it says that it takes them; `None` when it is of the same organization and need not.
    pub name: Option<String>,
    /// Whether it says so.
    pub authorized: Result<bool, Failure>,
    /// Whether mail can be sent to it: an MX or an address, and no null MX.
    pub takes_mail: Result<bool, Failure>,
}

pub(super) async fn gather(ctx: &Ctx, domain: &str, organization: &str, record: &Record) -> Vec<ReportHost> {
    let uris = record.aggregate_reports.iter().chain(&record.failure_reports);
    let hosts: BTreeSet<String> = uris.filter_map(dmarc::Uri::host).collect();
    join_all(hosts.into_iter().take(HOSTS_MAX).map(|host| one(ctx, domain, organization, host))).await
}

async fn one(ctx: &Ctx, domain: &str, organization: &str, host: String) -> ReportHost {
    let (foreign, takes_mail) = tokio::join!(is_foreign(ctx, organization, &host), takes_mail(ctx, &host));
    let name = foreign.then(|| dmarc::report_authorization_name(domain, &host));
    let authorized = match &name {
        None => Ok(true),
        Some(name) => {
            let found = ctx.find(name, Rtype::TXT).await;
            match &found.records {
                Ok(_) => Ok(dmarc::authorizes_reports(&found.texts())),
                Err(failure) if failure.is_absence() => Ok(false),
                Err(failure) => Err(failure.clone()),
            }
        }
    };
    ReportHost { host, name, authorized, takes_mail }
}

/// Whether the host belongs to another organization.
async fn is_foreign(ctx: &Ctx, organization: &str, host: &str) -> bool {
    if host == organization || host.strip_suffix(organization).is_some_and(|below| below.ends_with('.')) {
        return false;
    }
    // Only where its own walk leads to the same place is it not.
    let walk = dmarc::discover(&*ctx.names, host).await;
    walk.organization.as_deref() != Some(organization)
}

async fn takes_mail(ctx: &Ctx, host: &str) -> Result<bool, Failure> {
    let found = ctx.find(host, Rtype::MX).await;
    match &found.records {
        Ok(records) => {
            Ok(records.iter().any(|rr| !matches!(&rr.data, crate::dns::Data::Mx { exchange, .. } if exchange == ".")))
        }
        Err(Failure::NoData { .. }) => match ctx.addresses(host).await {
            (ips, _) if !ips.is_empty() => Ok(true),
            // An address of the other family would do for others.
            (_, Some(failure)) if !failure.is_absence() => Err(failure),
            _ => Ok(ctx.settings.family != crate::ctx::Family::Any),
        },
        Err(failure) if failure.is_absence() => Ok(false),
        Err(failure) => Err(failure.clone()),
    }
}

pub(super) fn judge(dmarc: &DmarcFacts, say: &mut Say) {
    let Some((step, text, record)) = dmarc.record() else {
        return match &dmarc.walk.applied {
            Asked::Unknown(_) => say.untested("dmarc.rua", "the record that applies is not known"),
            _ => say.not_applicable("dmarc.rua", "there is no record"),
        };
    };
    let mut found = Vec::new();
    if let Found::Record { read, .. } = &step.found {
        let weighed = read.remarks.iter().filter_map(|remark| Some((weight(remark.kind)?, remark)));
        let weighed: Vec<_> = weighed.collect();
        if let Some(worst) = weighed.iter().map(|(severity, _)| *severity).max() {
            let title = if worst == Severity::Note {
                format!("the report addresses of {} are written in an old way", step.domain)
            } else {
                format!("reports about {} do not arrive: an address cannot be used", step.domain)
            };
            let mut finding = Finding::new("dmarc.rua", &*step.name, worst, title);
            for (_, remark) in weighed {
                finding = finding.meaning(remark.text.clone()).seen_at("dns", "", text, remark.span.clone());
            }
            found.push(match &read.corrected {
                Some(corrected) => finding
                    .fix("Replace the record by the corrected one.")
                    .change("replace", &step.name, "TXT", text, corrected),
                None => finding.fix("Write the marked address anew."),
            });
        }
    }
    let mut unknown = None;
    for host in &dmarc.hosts {
        match (&host.takes_mail, &host.authorized) {
            (Ok(false), _) => found.push(nobody(&step.name, text, host)),
            (_, Ok(false)) => found.push(unasked(&step.domain, text, host)),
            (Err(failure), _) | (_, Err(failure)) => unknown = Some(format!("{}: {failure}", host.host)),
            _ => {}
        }
    }
    match unknown {
        Some(why) if found.is_empty() => {
            say.untested("dmarc.rua", format!("a report address could not be checked: {why}"))
        }
        _ if record.aggregate_reports.is_empty() && found.is_empty() => {
            say.fine("dmarc.rua", "no reports are asked for")
        }
        _ => say.found_or_fine("dmarc.rua", found, "reports are wanted where they are sent"),
    }
}

fn weight(kind: Oddity) -> Option<Severity> {
    match kind {
        Oddity::UriUnreadable | Oddity::UriWithoutScheme | Oddity::UriSeparator => Some(Severity::Warning),
        Oddity::UriSize | Oddity::UriNotMailto => Some(Severity::Note),
        _ => None,
    }
}

fn nobody(name: &str, text: &str, host: &ReportHost) -> Finding {
    Finding::warning("dmarc.rua", &host.host, format!("DMARC reports go to {}, which takes no mail", host.host))
        .impact(Impact::None, Impact::None)
        .seen("dns", "", format!("{name} TXT {text:?}"))
        .seen("dns", "", format!("{} has neither a usable MX nor an address", host.host))
        .fix("Name an address in the record that takes mail.")
}

fn unasked(domain: &str, text: &str, host: &ReportHost) -> Finding {
    let name = host.name.clone().unwrap_or_default();
    Finding::warning(
        "dmarc.rua",
        &host.host,
        format!("{} does not say that it takes reports about {domain}", host.host),
    )
    .impact(Impact::None, Impact::None)
    .seen("dns", "", text)
    .seen("dns", "", format!("{name} TXT: no DMARC record"))
    .meaning("Reporters must not send reports to somebody else's domain that has not agreed.")
    .fix(format!("Whoever runs {} must publish that it takes them; or name an address of your own.", host.host))
    .change("add", &name, "TXT", "", "v=DMARC1")
}
