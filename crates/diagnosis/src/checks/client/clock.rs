//! Whether this machine's clock is right, by what web servers and mail servers say the time is.
//!
//! One server with a wrong clock proves nothing: two different hosts must agree. A clock that
//! the user set by an option says nothing either.

use super::{ClientFacts, inbox};
use crate::facts::Facts;
use crate::finding::{Actor, Confidence, Finding, Say, Severity};
use postrider_smtp::Timestamp;

const ID: &str = "cl.clock";

/// Time stamps of mail are that exact at best; a login by one-time password needs half a minute.
const OFF_SECONDS: i64 = 300;
/// Certificates and signatures are judged wrongly.
const FAR_OFF_SECONDS: i64 = 24 * 3600;
/// Two hosts agree when they say the same within this.
const AGREED_SECONDS: i64 = 120;

/// What a host said the time is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The host.
    pub host: String,
    /// Its words.
    pub words: String,
    /// By how many seconds its clock is ahead of ours.
    pub ahead: i64,
}

/// Reads a date somewhere in a line: `Date` fields, and greetings that end in one (RFC 5322 §3.3).
pub(super) fn told(host: &str, line: &str, now: Timestamp) -> Option<Told> {
    const DAYS: [&str; 7] = ["Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "];
    let from = DAYS.iter().filter_map(|day| line.find(day)).min()?;
    let rest = line.get(from..)?;
    let words: Vec<&str> = rest.split_ascii_whitespace().take(6).collect();
    let text = words.join(" ").replace("GMT", "+0000");
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&text).ok()?;
    Some(Told { host: host.to_owned(), words: words.join(" "), ahead: at.as_second() - now.seconds() })
}

/// What mail hosts and the web server of the policy said in passing.
fn by_others(facts: &Facts) -> Vec<Told> {
    let mut all = Vec::new();
    for host in facts.hosts.iter().flatten() {
        let greetings = host.addresses.iter().filter_map(|seen| seen.main.opening.greeting.as_ref());
        all.extend(greetings.filter_map(|reply| told(&host.name, reply.lines().next()?, facts.now)));
    }
    let policy = facts.policy.as_ref().and_then(|seen| seen.policy.as_ref());
    if let Some((hop, Ok(answer))) = policy.and_then(|fetched| Some((fetched.hops.last()?, &fetched.end))) {
        all.extend(answer.field("date").and_then(|date| told(&hop.url.host, date, facts.now)));
    }
    all
}

/// Says whether they agree that we are wrong.
pub(super) fn judge(facts: &Facts, client: &ClientFacts, say: &mut Say) {
    if facts.settings.clock_is_given {
        return say.not_applicable(ID, "the time was given");
    }
    let others = by_others(facts);
    let mut hosts: Vec<&Told> = Vec::new();
    for told in client.clocks.iter().chain(&others) {
        if !hosts.iter().any(|known| known.host == told.host) {
            hosts.push(told);
        }
    }
    if hosts.is_empty() {
        return say.untested(ID, "no server said what time it is");
    }
    // When one of them says that we are right, we are.
    let least = hosts.iter().map(|told| told.ahead).min_by_key(|ahead| ahead.abs()).unwrap_or(0);
    if least.abs() < OFF_SECONDS {
        return say.fine(ID, format!("within {} s of {}", least.abs().max(1), hosts[0].host));
    }
    let agreeing: Vec<&&Told> = hosts.iter().filter(|told| (told.ahead - least).abs() <= AGREED_SECONDS).collect();
    if agreeing.len() < 2 && !not_yet_valid(client) {
        return say
            .untested(ID, format!("only {} says that this clock is wrong, and may be wrong itself", hosts[0].host));
    }
    say.found(off(&agreeing, least, client));
}

/// A certificate that begins in the future is seen where the clock is slow.
fn not_yet_valid(client: &ClientFacts) -> bool {
    client.certificates.iter().any(|seen| seen.verdict.as_ref().is_err_and(inbox::is_not_yet_valid))
}

fn off(agreeing: &[&&Told], ahead: i64, client: &ClientFacts) -> Finding {
    let (by, how) = (span(ahead.abs()), if ahead > 0 { "slow" } else { "fast" });
    let severity = if ahead.abs() >= FAR_OFF_SECONDS { Severity::Problem } else { Severity::Warning };
    let mut finding = Finding::new(ID, "this machine", severity, format!("The clock of this machine is {by} {how}"))
        .act(Actor::You)
        .meaning("Good certificates seem expired or not yet valid, and mail sent from here carries a wrong date.")
        .confidence(if agreeing.len() > 1 { Confidence::High } else { Confidence::Medium })
        .command("timedatectl set-ntp true");
    for told in agreeing.iter().take(3) {
        finding = finding.seen("http", &told.host, &told.words);
    }
    if not_yet_valid(client) {
        finding = finding.meaning("A certificate here seems to begin only in the future.");
    }
    finding
}

fn span(seconds: i64) -> String {
    match seconds {
        ..=5_400 => format!("{} minutes", seconds / 60),
        5_401..=172_800 => format!("{} hours", (seconds + 1_800) / 3_600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::State;

    /// 2026-11-27 12:00:00 UTC.
    const NOW: Timestamp = Timestamp(1_795_780_800_000);

    #[test]
    fn dates_in_lines() {
        let ahead = |line: &str| told("h", line, NOW).map(|told| told.ahead);
        let table = [
            ("Fri, 27 Nov 2026 12:00:00 GMT", Some(0)),
            ("Fri, 27 Nov 2026 13:00:10 +0100", Some(10)),
            ("mx.example ESMTP Exim 4.96 Fri, 27 Nov 2026 11:00:00 +0000", Some(-3600)),
            ("mx.example ESMTP ready", None),
            ("Fri, the thirteenth", None),
            ("Sat, ", None),
        ];
        for (line, want) in table {
            assert_eq!(ahead(line), want, "{line}");
        }
    }

    #[test]
    fn two_must_agree() {
        let state = |ahead: &[i64]| {
            let clocks = ahead.iter().enumerate().map(|(index, ahead)| Told {
                host: format!("h{index}"),
                words: "then".into(),
                ahead: *ahead,
            });
            let client = ClientFacts { clocks: clocks.collect(), ..ClientFacts::default() };
            let mut say = Say::default();
            judge(&Facts::default(), &client, &mut say);
            (say.state_of(ID), say.findings().first().map(|finding| (finding.severity, finding.title.clone())))
        };
        let slow = |severity, by: &str| {
            (Some(State::Found), Some((severity, format!("The clock of this machine is {by} slow"))))
        };
        assert_eq!(state(&[]), (Some(State::Untested), None));
        assert_eq!(state(&[3]), (Some(State::Fine), None));
        assert_eq!(state(&[4000]), (Some(State::Untested), None));
        assert_eq!(state(&[4000, 0]), (Some(State::Fine), None));
        assert_eq!(state(&[4000, -90_000]), (Some(State::Untested), None));
        assert_eq!(state(&[600, 610]), slow(Severity::Warning, "10 minutes"));
        assert_eq!(state(&[259_200, 259_201]), slow(Severity::Problem, "3 days"));
    }
}
