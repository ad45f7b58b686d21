//! MTA-STS: the record, the file, and whether they fit the mail hosts.

use super::PolicyFacts;
use crate::checks::smtp::{AddressFacts, CertificateFacts, HostFacts};
use crate::facts::Facts;
use crate::finding::{Confidence, Finding, Impact, Say, Severity};
use crate::http::{Answer, Fetched, Stop};
use postrider_mailauth::mta_sts::{self, Mode, Policy, PolicyOddity};
use postrider_transport::tls::client::CertificateFault;

const NO_RECORD: &str = "the domain has no MTA-STS";

pub(super) fn judge(facts: &Facts, seen: &PolicyFacts, say: &mut Say) {
    let name = format!("_mta-sts.{}", facts.domain);
    let texts = match &seen.sts {
        Ok(texts) => texts,
        Err(failure) => {
            for id in ["sts.txt", "sts.policy", "sts.match", "sts.id"] {
                match failure.is_absence() {
                    true => say.not_applicable(id, NO_RECORD),
                    false => say.untested(id, format!("{name} could not be asked for: {failure}")),
                }
            }
            return;
        }
    };
    let like: Vec<&String> = texts.iter().filter(|text| mta_sts::is_like_record(text)).collect();
    if like.is_empty() {
        for id in ["sts.txt", "sts.policy", "sts.match", "sts.id"] {
            say.not_applicable(id, NO_RECORD);
        }
        return;
    }
    record(&name, &like, say);
    let policy = file(facts, seen.policy.as_ref(), say);
    match policy {
        Some(policy) => {
            super::past::judge(facts, seen, &policy, say);
            hosts(facts, &policy, say);
        }
        None => {
            say.untested("sts.match", "there is no policy to hold the mail hosts against");
            say.not_applicable("sts.id", "there is no policy");
        }
    }
}

fn record(name: &str, like: &[&String], say: &mut Say) {
    let records: Vec<&&String> = like.iter().filter(|text| mta_sts::is_record(text)).collect();
    if records.len() > 1 {
        // RFC 8461 §3.1: unless there is just one, senders take it that there is none.
        let mut finding =
            Finding::warning("sts.txt", name, format!("{name} has {} records, which count as none", records.len()))
                .fix("Keep the record with the newest id.");
        for text in records {
            finding = finding.seen("dns", "", format!("{name} TXT {text:?}"));
        }
        return say.found(finding);
    }
    let Some(text) = records.first().map_or_else(|| like.first().copied(), |text| Some(**text)) else { return };
    let read = mta_sts::read(text);
    let usable = read.value.recognized && read.value.id.is_some();
    if usable {
        return say.fine("sts.txt", format!("id={}", read.value.id.as_deref().unwrap_or_default()));
    }
    let mut finding = Finding::warning("sts.txt", name, "senders pass over the MTA-STS record");
    for remark in &read.remarks {
        finding = finding.meaning(remark.text.clone()).seen_at("dns", "", text.as_str(), remark.span.clone());
    }
    say.found(match &read.corrected {
        Some(corrected) => {
            finding.fix("Replace the record by the corrected one.").change("replace", name, "TXT", text, corrected)
        }
        None => finding
            .fix("Give the record an id of letters and digits, such as the date, and a new one with each new policy."),
    });
}

/// The policy, where there is one that senders can use.
fn file(facts: &Facts, fetched: Option<&Fetched>, say: &mut Say) -> Option<Policy> {
    let Some(fetched) = fetched else {
        say.untested("sts.policy", "the policy was not asked for in time");
        return None;
    };
    let host = format!("mta-sts.{}", facts.domain);
    let url = format!("https://{host}/.well-known/mta-sts.txt");
    let answer = match &fetched.end {
        Ok(answer) => answer,
        // Silence may be ours: a filter here or a slow way. What is known is that nothing is known.
        Err(Stop::Silent(_, waited)) if began_tls(fetched) => {
            let title = format!("{host} takes connections and does not send the policy within {} s", waited.as_secs());
            say.found(
                Finding::warning("sts.policy", &host, title)
                    .confidence(Confidence::Medium)
                    .seen("http", "", format!("GET {url}: no answer"))
                    .meaning("Senders give up after a minute at most, and go on without the policy.")
                    .fix(format!("Look at the web server of {host}.")),
            );
            return None;
        }
        Err(stop) if stop.is_silence() => {
            say.untested("sts.policy", format!("{url}: {stop}"));
            return None;
        }
        Err(Stop::NoAddress { why: Some(why), .. }) => {
            say.untested("sts.policy", format!("{host} could not be looked up: {why}"));
            return None;
        }
        Err(stop) => {
            say.found(unfetched(&host, stop).seen("http", "", format!("GET {url}: {stop}")));
            return None;
        }
    };
    let certificate = fetched.hops.last().and_then(|hop| hop.certificate.as_ref());
    if let Some(Err(fault)) = certificate.filter(|verdict| !matches!(verdict, Err(CertificateFault::NoAuthorities))) {
        say.found(
            Finding::warning(
                "sts.policy",
                &host,
                format!("the certificate of {host} is not good, so that its policy does not count"),
            )
            .seen("tls", host.clone(), fault.to_string())
            .fix(format!("Get a certificate for {host} from a public authority.")),
        );
        return None;
    }
    if let Some(finding) = wrong_answer(&host, answer) {
        say.found(finding.seen("http", host.clone(), format!("GET {url}: {}", answer.line)));
        return None;
    }
    body(&host, answer, say)
}

/// Whether the web server came as far as TLS: then silence is its own, and not a filter's.
fn began_tls(fetched: &Fetched) -> bool {
    fetched.hops.last().is_some_and(|hop| hop.tls.is_some())
}

fn unfetched(host: &str, stop: &Stop) -> Finding {
    let (title, fix) = match stop {
        Stop::NoAddress { .. } => (
            format!("{host} does not exist, so that nobody gets the MTA-STS policy"),
            "Publish an address for it, and serve the policy there; or remove the _mta-sts record.",
        ),
        Stop::Connect(..) => (
            format!("{host} takes no connections, so that nobody gets the MTA-STS policy"),
            "Let a web server serve the policy there by HTTPS.",
        ),
        Stop::Tls(..) => (
            format!("{host} does not speak TLS as it should, so that nobody gets the MTA-STS policy"),
            "Let the web server of that name speak TLS 1.2 or newer with a certificate for it.",
        ),
        _ => (
            format!("{host} does not answer as a web server should"),
            "Let a web server serve the policy there by HTTPS.",
        ),
    };
    Finding::warning("sts.policy", host, title).fix(fix)
}

fn wrong_answer(host: &str, answer: &Answer) -> Option<Finding> {
    let found = |title: String, fix: &str| Some(Finding::warning("sts.policy", host, title).fix(fix));
    match answer.status {
        // RFC 8461 §3.3: senders may stop at 64 KB, and do.
        200 if answer.cut => found(
            format!("{host} sends more than 64 KB where the MTA-STS policy should be"),
            "Serve the policy alone: four lines are enough for most domains.",
        ),
        200 => None,
        301 | 302 | 303 | 307 | 308 => {
            let to = answer.field("location").unwrap_or("another page");
            found(
                format!("{host} sends those who want the policy on to {to}, which senders do not follow"),
                "Serve the policy at its own address, with status 200.",
            )
        }
        status => found(
            format!("{host} answers {status} where the MTA-STS policy should be"),
            "Put the file at /.well-known/mta-sts.txt of that host.",
        ),
    }
}

fn body(host: &str, answer: &Answer, say: &mut Say) -> Option<Policy> {
    let text = String::from_utf8_lossy(&answer.body);
    let read = mta_sts::read_policy(&text);
    let valid = read.value.valid();
    let weight = |kind: PolicyOddity| match kind {
        PolicyOddity::ModeTesting
        | PolicyOddity::ModeNone
        | PolicyOddity::MaxAgeBelowADay
        | PolicyOddity::KeyUnknown => None,
        _ if !valid => Some(Severity::Warning),
        // A pattern that nobody can read leaves a host out, and with it its mail.
        PolicyOddity::MxUnreadable => Some(Severity::Warning),
        _ => Some(Severity::Note),
    };
    let mut found = Vec::new();
    let weighed: Vec<_> = read.remarks.iter().filter_map(|remark| Some((weight(remark.kind)?, remark))).collect();
    if let Some(worst) = weighed.iter().map(|(severity, _)| *severity).max() {
        let title = if valid {
            "the MTA-STS policy has lines that are not as they should be"
        } else {
            "senders cannot use the MTA-STS policy"
        };
        let mut finding = Finding::new("sts.policy", host, worst, title);
        for (_, remark) in weighed {
            let (line, span) = line_of(&text, &remark.span);
            finding = finding.meaning(remark.text.clone()).seen_at("http", host, line, span);
        }
        found.push(match read.corrected {
            Some(corrected) => finding.fix(format!("Serve this policy instead:\n{corrected}")),
            None => finding.fix("Write the marked lines anew."),
        });
    }
    let media = answer.media_type();
    if media.as_deref().is_some_and(|media| !media.eq_ignore_ascii_case("text/plain")) && found.is_empty() {
        found.push(
            Finding::note("sts.policy", host, "the MTA-STS policy is not served as text/plain")
                .seen("http", host, format!("Content-Type: {}", media.unwrap_or_default()))
                .fix("Serve the file as text/plain; some senders insist."),
        );
    }
    let mode = read.value.mode.map_or("none", Mode::name);
    say.found_or_fine("sts.policy", found, format!("mode {mode}"));
    valid.then_some(read.value)
}

/// The line that holds a place, and the place in it.
fn line_of(text: &str, span: &std::ops::Range<usize>) -> (String, std::ops::Range<usize>) {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let within = |at: usize| at.saturating_sub(start).min(line.len());
    (line.to_owned(), within(span.start)..within(span.end))
}

fn hosts(facts: &Facts, policy: &Policy, say: &mut Say) {
    if policy.mode == Some(Mode::None) {
        return say.not_applicable("sts.match", "the policy says mode none");
    }
    let Some(records) = facts.mx.as_ref().and_then(|mx| mx.records.as_ref().ok()) else {
        return say.untested("sts.match", "the mail hosts are not known");
    };
    let hosts: Vec<&str> = records.iter().map(|(_, host)| host.as_str()).filter(|host| *host != ".").collect();
    let strangers: Vec<&str> = hosts.iter().copied().filter(|host| !policy.allows(host)).collect();
    if hosts.is_empty() || strangers.is_empty() {
        let found = certificates(facts, policy, &hosts);
        return say.found_or_fine("sts.match", found, "the policy names every mail host");
    }
    let domain = &facts.domain;
    let enforced = policy.mode == Some(Mode::Enforce);
    let all = strangers.len() == hosts.len();
    let title = format!("the MTA-STS policy of {domain} does not name {}", strangers.join(", "));
    let finding = match enforced {
        true => Finding::problem("sts.match", domain, title)
            .impact(Impact::None, if all { Impact::Broken } else { Impact::AtRisk })
            .meaning("Senders that heed MTA-STS, the largest among them, do not deliver to a host that is not named."),
        false => Finding::warning("sts.match", domain, title)
            .impact(Impact::None, Impact::None)
            .meaning("In mode testing senders deliver all the same, and report it."),
    };
    let lines: Vec<String> = strangers.iter().map(|host| format!("mx: {host}")).collect();
    say.found(
        finding
            .seen("dns", "", format!("{domain} MX {}", hosts.join(", ")))
            .seen("http", format!("mta-sts.{domain}"), format!("mx: {}", policy.mx.join(", ")))
            .fix(format!("Add to the policy, and change the id in the record: {}", lines.join("; "))),
    );
}

/// Hosts that the policy names, and whose certificates are for other names: senders that heed
/// the policy do not deliver to them (RFC 8461 §4.2).
fn certificates(facts: &Facts, policy: &Policy, named: &[&str]) -> Vec<Finding> {
    if policy.mode != Some(Mode::Enforce) || facts.policy.as_ref().and_then(PolicyFacts::enforced).is_none() {
        return Vec::new();
    }
    let hosts: Vec<_> =
        facts.hosts.iter().flatten().filter(|host| named.iter().any(|name| same(name, &host.name))).collect();
    let shown = |host: &HostFacts| host.addresses.iter().any(|address| address.certificate.is_some());
    let others = hosts.iter().any(|host| shown(host) && misnamed(host).is_none());
    let found = hosts.iter().filter_map(|host| {
        let (address, certificate) = misnamed(host)?;
        let name = &host.name;
        Some(
            Finding::problem(
                "sts.match",
                name.clone(),
                format!("the MTA-STS policy demands a certificate for {name}, and that host shows one for other names"),
            )
            .impact(Impact::None, if others { Impact::AtRisk } else { Impact::Broken })
            .meaning("Senders that heed MTA-STS, the largest among them, do not deliver to this host.")
            .seen("tls", address.to.to_string(), certificate.line())
            .seen("http", format!("mta-sts.{}", facts.domain), "mode: enforce")
            .because_of("mx.cname", name)
            .fix(format!("Get a certificate for {name}, the name in the MX record.")),
        )
    });
    found.collect()
}

fn misnamed(host: &HostFacts) -> Option<(&AddressFacts, &CertificateFacts)> {
    host.addresses.iter().find_map(|address| {
        let certificate = address.certificate.as_ref().filter(|certificate| !certificate.named)?;
        Some((address, certificate))
    })
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}
