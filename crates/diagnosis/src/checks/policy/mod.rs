//! What a domain publishes beyond the basics: MTA-STS, TLS reporting, BIMI.

mod bimi;
mod past;
mod sts;
#[cfg(test)]
mod tests;
mod tlsrpt;

pub(crate) use past::remember;

use crate::ctx::Ctx;
use crate::facts::Facts;
use crate::finding::Say;
use crate::http::{self, Fetched, Get};
use domain::base::iana::Rtype;
use postrider_dns::Failure;
use postrider_mailauth::mta_sts;
use std::time::Duration;

/// How long the policy file may take; senders wait up to a minute (RFC 8461 §3.3).
const POLICY_LIMIT: Duration = Duration::from_millis(3_500);
/// A picture is worth less waiting.
const PICTURE_LIMIT: Duration = Duration::from_millis(2_000);
const POLICY_BYTES_MAX: usize = 64 * 1024;

/// Texts at a name, or why there are none.
pub type Texts = Result<Vec<String>, Failure>;

/// What was published.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyFacts {
    /// At `_mta-sts`.
    pub sts: Texts,
    /// The policy file, fetched where there is a record.
    pub policy: Option<Fetched>,
    /// At `_smtp._tls`.
    pub tlsrpt: Texts,
    /// At `default._bimi`.
    pub bimi: Texts,
    /// The picture that the BIMI record names, where it names one.
    pub picture: Option<Fetched>,
}

impl PolicyFacts {
    /// The policy that senders enforce: got as it should be, valid, in mode enforce.
    pub(crate) fn enforced(&self) -> Option<mta_sts::Policy> {
        let fetched = self.policy.as_ref()?;
        let answer = fetched.end.as_ref().ok().filter(|answer| answer.status == 200)?;
        let certified = fetched.hops.last().and_then(|hop| hop.certificate.as_ref());
        let recorded = |texts: &Vec<String>| texts.iter().filter(|text| mta_sts::is_record(text)).count() == 1;
        let policy = mta_sts::read_policy(&String::from_utf8_lossy(&answer.body)).value;
        let counts = policy.valid() && policy.mode == Some(mta_sts::Mode::Enforce);
        let counts = counts && !matches!(certified, Some(Err(_))) && self.sts.as_ref().is_ok_and(recorded);
        counts.then_some(policy)
    }
}

/// Asks for the records, and gets the policy.
pub(crate) async fn gather(ctx: &Ctx, domain: &str) -> PolicyFacts {
    let names = [format!("_mta-sts.{domain}"), format!("_smtp._tls.{domain}"), format!("default._bimi.{domain}")];
    let [sts, tlsrpt, bimi] = names.each_ref().map(|name| texts(ctx, name));
    let sts_and_policy = async {
        let sts = sts.await;
        let wanted = sts.as_ref().is_ok_and(|texts| texts.iter().any(|text| mta_sts::is_like_record(text)));
        let policy = if wanted { Some(policy(ctx, domain).await) } else { None };
        (sts, policy)
    };
    let bimi_and_picture = async {
        let bimi = bimi.await;
        let place = bimi.iter().flatten().find_map(|text| bimi::place(text));
        let picture = match place {
            Some(url) => Some(http::get(ctx, &picture(ctx, url)).await),
            None => None,
        };
        (bimi, picture)
    };
    let ((sts, policy), tlsrpt, (bimi, picture)) = tokio::join!(sts_and_policy, tlsrpt, bimi_and_picture);
    PolicyFacts { sts, policy, tlsrpt, bimi, picture }
}

fn picture(ctx: &Ctx, url: String) -> Get {
    Get {
        url,
        accept: "image/svg+xml",
        purpose: "picture".into(),
        redirects_max: 2,
        bytes_max: POLICY_BYTES_MAX,
        limit: ctx.within(PICTURE_LIMIT),
    }
}

async fn texts(ctx: &Ctx, name: &str) -> Texts {
    let found = ctx.find(name, Rtype::TXT).await;
    found.records.as_ref().map(|_| found.texts()).map_err(Clone::clone)
}

async fn policy(ctx: &Ctx, domain: &str) -> Fetched {
    let get = Get {
        url: format!("https://mta-sts.{domain}/.well-known/mta-sts.txt"),
        accept: "text/plain",
        purpose: "policy".into(),
        // RFC 8461 §3.3: redirects are not followed.
        redirects_max: 0,
        bytes_max: POLICY_BYTES_MAX,
        limit: ctx.within(POLICY_LIMIT),
    };
    http::get(ctx, &get).await
}

/// Lets the judges of this room speak.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    if facts.domain.is_empty() {
        return;
    }
    let Some(policy) = &facts.policy else {
        for id in ["sts.txt", "sts.policy", "sts.match", "sts.id", "tlsrpt", "bimi"] {
            say.untested(id, "it was not asked for in time");
        }
        return;
    };
    sts::judge(facts, policy, say);
    tlsrpt::judge(facts, policy, say);
    bimi::judge(facts, policy, say);
}
