//! Coming again where strangers are put off once: `--wait`, for `smtp.grey`.
//!
//! Greylisting lets in who comes again with the same sender, recipient and address after a while
//! (RFC 6647 §2.2). So the same words are said once more, minutes later, and how long it took
//! is told. It is no part of a usual run, whose time it exceeds by far.

use super::gather::plan_for;
use super::{AddressFacts, View};
use crate::ctx::Ctx;
use crate::facts::Facts;
use crate::run::Progress;
use crate::session::{Plan, Session, SessionFacts};
use futures_util::future::join_all;
use postrider_reply::Cause;
use postrider_smtp::Phase;
use std::time::{Duration, Instant};

/// Longer than this nobody waits for a diagnosis.
const WAIT_MAX: Duration = Duration::from_secs(360);
/// Where no time is named: a minute and five minutes are what most are set to.
const USUAL: [Duration; 2] = [Duration::from_secs(65), Duration::from_secs(305)];
/// Clocks differ.
const SPARE: Duration = Duration::from_secs(3);
/// How long the second session may take.
const SESSION: Duration = Duration::from_secs(30);

/// The second try at an address that put the first one off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// How long after the first.
    pub after: Duration,
    /// What was said then.
    pub session: SessionFacts,
    /// Whether it took a recipient.
    pub let_in: bool,
}

/// An address that puts strangers off, and when it is worth coming again.
struct Put {
    host: usize,
    address: usize,
    times: Vec<Duration>,
}

/// Waits, and comes again, at every address that puts strangers off.
pub(crate) async fn wait(ctx: &Ctx, facts: &mut Facts, progress: Progress<'_>) {
    let mut put = put_off(facts);
    let mut rounds: Vec<Duration> = put.iter().flat_map(|put| put.times.clone()).collect();
    rounds.sort();
    rounds.dedup();
    for round in rounds {
        put.retain(|put| !facts.let_in(put));
        let due: Vec<&Put> = put.iter().filter(|put| put.times.contains(&round)).collect();
        if due.is_empty() {
            continue;
        }
        pause(ctx, round, progress).await;
        let hosts = facts.hosts.as_deref().unwrap_or_default();
        let tries = due.iter().filter_map(|put| {
            let host = hosts.get(put.host)?;
            let address = host.addresses.get(put.address)?;
            Some(async move { (put.host, put.address, again(ctx, &host.name, address, round).await) })
        });
        for (host, address, seen) in join_all(tries).await {
            let address = facts.hosts.as_mut().and_then(|hosts| hosts.get_mut(host)?.addresses.get_mut(address));
            if let Some(address) = address {
                address.again = Some(seen);
            }
        }
    }
}

impl Facts {
    fn let_in(&self, put: &Put) -> bool {
        let address = self.hosts.as_ref().and_then(|hosts| hosts.get(put.host)?.addresses.get(put.address));
        address.is_some_and(|address| address.again.as_ref().is_some_and(|again| again.let_in))
    }
}

/// The addresses that put off whom they do not know, and the times they name.
fn put_off(facts: &Facts) -> Vec<Put> {
    let hosts = facts.hosts.as_deref().unwrap_or_default();
    let view = View::of(facts, hosts);
    let mut put = Vec::new();
    for (host, each) in hosts.iter().enumerate() {
        for (address, seen) in each.addresses.iter().enumerate() {
            let replies = ["rcpt", "postmaster"].into_iter().filter_map(|name| seen.talk().answer(name));
            let greylists = replies
                .filter(|reply| reply.code().is_transient())
                .map(|reply| view.verdict(seen, Phase::Rcpt, reply))
                .find(|verdict| verdict.cause == Cause::Greylisted);
            if let Some(verdict) = greylists {
                let named = verdict.retry_after_s.map(|seconds| Duration::from_secs(seconds.into()) + SPARE);
                put.push(Put { host, address, times: times(named) });
            }
        }
    }
    put
}

/// When it is worth coming again.
fn times(named: Option<Duration>) -> Vec<Duration> {
    match named {
        Some(named) if named <= WAIT_MAX => vec![named],
        Some(_) => vec![WAIT_MAX],
        None => USUAL.to_vec(),
    }
}

/// Until so long after the run began. What is heard again from a recording waits for nothing.
async fn pause(ctx: &Ctx, until: Duration, progress: Progress<'_>) {
    while ctx.world.is_now() {
        let left = until.saturating_sub(ctx.began().elapsed());
        if left.is_zero() {
            return;
        }
        progress(&format!("strangers are put off (greylisting): trying again in {} s", left.as_secs() + 1));
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
    }
}

/// Says the same once more: sender, recipients and address as the first time, word for word.
async fn again(ctx: &Ctx, host: &str, seen: &AddressFacts, after: Duration) -> Again {
    let plan = Plan {
        purpose: format!("again {}", after.as_secs()),
        ..plan_for(ctx, host, seen.to, Instant::now() + SESSION)
    };
    let mut session = Session::open(&*ctx.world, &ctx.tls, plan, None).await;
    for asked in &seen.main.asked {
        let wanted = matches!(
            asked.name,
            "mail"
                | "mail-other"
                | "rcpt"
                | "postmaster"
                | "random"
                | "abuse"
                | "report"
                | "rset"
                | "relay-mail"
                | "relay"
        );
        if wanted && session.ask(asked.name, &asked.line).await.is_none() {
            break;
        }
    }
    let session = session.quit().await;
    let taken = |name| session.answer(name).is_some_and(|reply| reply.code().is_positive());
    let let_in = ["rcpt", "postmaster", "abuse"].into_iter().any(taken);
    Again { after, session, let_in }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_worth_coming_again() {
        let seconds = |named: Option<u64>| {
            times(named.map(Duration::from_secs)).iter().map(Duration::as_secs).collect::<Vec<_>>()
        };
        assert_eq!(seconds(None), [65, 305]);
        assert_eq!(seconds(Some(123)), [123]);
        assert_eq!(seconds(Some(3600)), [360]);
    }
}
