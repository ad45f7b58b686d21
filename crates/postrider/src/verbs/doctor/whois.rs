//! `postrider doctor whois DOMAIN`: who registered it where, until when, who runs its name
//! servers, and what is odd about it. One screen.

use super::WorldArgs;
use crate::exit::{Exit, Failure};
use crate::verbs::paint::{Look, Tone, cells, wrapped};
use postrider_diagnosis::finding::{Finding, Severity};
use postrider_diagnosis::net::Live;
use postrider_diagnosis::registration::{Looked, dns_company, look};
use postrider_diagnosis::registry::consult::{Consulted, Source};
use postrider_diagnosis::registry::{Moment, Registration, Secure, State};
use postrider_diagnosis::{Target, moment};
use postrider_smtp::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Where the values begin.
const COLUMN: usize = 16;

/// Does it.
pub(super) fn run(domain: &str, as_json: bool, world: &WorldArgs) -> Result<Exit, Failure> {
    let (Target::Domain { name, .. } | Target::Host { name, .. }) = super::target(domain)? else {
        let said = format!("{domain} is an address; name the domain whose registration is wanted");
        return Err(Failure::new(Exit::Usage, said));
    };
    let ctx = world.ctx(Arc::new(Live::new(world.source)), world.settings()?)?;
    let runtime = super::runtime()?;
    let looked = runtime.block_on(look(&ctx, &name));
    // What still waits for a silent host is left behind.
    runtime.shutdown_background();
    let text = if as_json {
        let page = page(&name, &looked);
        serde_json::to_string_pretty(&page).map_err(|error| Failure::new(Exit::System, error.to_string()))? + "\n"
    } else {
        screen(&name, &looked, Look::of_stdout())
    };
    super::print(&text)?;
    Ok(exit(&looked))
}

/// 0 nothing odd, 1 warnings, 2 a problem, 3 nothing could be learnt.
fn exit(looked: &Looked) -> Exit {
    match looked.findings.iter().map(|finding| finding.severity).max() {
        Some(Severity::Problem) => Exit::Problem,
        Some(Severity::Warning) => Exit::Failed,
        _ if looked.facts.registry.as_ref().is_none_or(|consulted| consulted.found.is_none()) => Exit::Unsure,
        _ => Exit::Ok,
    }
}

fn screen(asked: &str, looked: &Looked, look: Look) -> String {
    let mut screen = Screen { text: String::from("\n"), look };
    let facts = &looked.facts;
    let nothing = Consulted::default();
    let consulted = facts.registry.as_ref().unwrap_or(&nothing);
    let domain = if consulted.domain.is_empty() { asked } else { &consulted.domain };
    let record = consulted.found.as_ref().map(|(record, _)| record);
    let (state, tone) = standing(looked, consulted);
    let _ = writeln!(screen.text, "  {}   {}", look.paint(domain, Tone::Strong), look.paint(&state, tone));
    if asked != domain {
        screen.row("asked", &format!("{asked}, which lies in it"));
    }
    if let Some(record) = record {
        screen.record(record, facts.now);
    }
    let names = names(looked, record);
    if !names.is_empty() {
        let company = dns_company(facts).unwrap_or_default();
        screen.row("name servers", &format!("{company}: {}", names.join(", ")));
    }
    if let Some(record) = record {
        screen.row("abuse", &joined([&record.abuse_email, &record.abuse_phone]));
    }
    screen.sources(consulted);
    screen.odd(looked);
    screen.text
}

/// The state in words: the worst that was found, else what the registry says.
fn standing(looked: &Looked, consulted: &Consulted) -> (String, Tone) {
    let worst = looked.findings.iter().find(|finding| finding.severity == Severity::Problem);
    match (worst, &consulted.found) {
        (Some(finding), _) => (finding.title.clone(), Tone::Bad),
        (None, Some((record, _))) if record.is(State::AutoRenew) => {
            (format!("registered; it {}", State::AutoRenew.meaning()), Tone::Good)
        }
        (None, Some(_)) => ("registered".into(), Tone::Good),
        (None, None) => ("what its registry says could not be learnt".into(), Tone::Waiting),
    }
}

fn names(looked: &Looked, record: Option<&Registration>) -> Vec<String> {
    let zone = looked.facts.zone.as_ref();
    let delegated = zone.map(|zone| zone.delegation.as_slice()).unwrap_or_default();
    if delegated.is_empty() {
        record.and_then(|record| record.nameservers.clone()).unwrap_or_default()
    } else {
        delegated.iter().map(|server| server.name.clone()).collect()
    }
}

fn joined<const N: usize>(parts: [&Option<String>; N]) -> String {
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

struct Screen {
    text: String,
    look: Look,
}

impl Screen {
    /// A label and its value; nothing when there is no value.
    fn row(&mut self, label: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        for (index, line) in wrapped(value, self.look.columns.saturating_sub(COLUMN).max(30)).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let gap = " ".repeat(COLUMN.saturating_sub(2 + cells(label)));
            let _ = writeln!(self.text, "  {}{gap}{line}", self.look.paint(label, Tone::Faint));
        }
    }

    fn record(&mut self, record: &Registration, now: Timestamp) {
        let id = record.registrar_id.as_ref().map(|id| format!("IANA number {id}"));
        self.row("registrar", &joined([&record.registrar, &id, &record.registrar_url]));
        self.row("holder", record.holder.as_deref().unwrap_or_default());
        self.row("since", &when(record.created, now));
        self.row("changed", &when(record.changed, now));
        self.row("ends", &when(record.expires, now));
        let states: Vec<&str> = record.statuses.iter().map(|status| status.text.as_str()).collect();
        self.row("state", &states.join(", "));
        let secure = match &record.secure {
            Secure::Unsaid => String::new(),
            Secure::Unsigned => "not signed".into(),
            Secure::Signed(records) if records.is_empty() => "signed".into(),
            Secure::Signed(records) => {
                let keys: Vec<String> = records.iter().map(|ds| ds.key_tag.to_string()).collect();
                format!("signed, key {}", keys.join(", "))
            }
        };
        self.row("DNSSEC", &secure);
    }

    /// Who was asked, and how that went where it did not go well.
    fn sources(&mut self, consulted: &Consulted) {
        match &consulted.found {
            Some((_, Source::Rdap(url))) => self.row("told by", &format!("RDAP, {url}")),
            Some((_, Source::Whois(server))) => self.row("told by", &format!("WHOIS, {server}")),
            None => self.row("registry", consulted.nobody.as_deref().unwrap_or_default()),
        }
        let by_rdap = matches!(consulted.found, Some((_, Source::Rdap(_))));
        for asked in consulted.rdap.iter().filter(|_| !by_rdap) {
            self.row("RDAP", &format!("{}: {}", asked.url, asked.end));
        }
        for asked in consulted.whois.iter().filter(|_| consulted.found.is_none()) {
            self.row("WHOIS", &format!("{}: {}", asked.server, asked.end));
        }
    }

    fn odd(&mut self, looked: &Looked) {
        if looked.findings.is_empty() {
            if looked.facts.registry.as_ref().is_some_and(|consulted| consulted.found.is_some()) {
                self.text.push_str("\n  Nothing about it is odd.\n");
            }
            return;
        }
        for finding in &looked.findings {
            self.finding(finding);
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let (sign, tone) = match finding.severity {
            Severity::Problem => ("✖", Tone::Bad),
            Severity::Warning => ("!", Tone::Waiting),
            Severity::Note => ("·", Tone::Faint),
        };
        let id = self.look.paint(finding.id, Tone::Faint);
        let _ = writeln!(
            self.text,
            "\n  {} {}   {id}",
            self.look.paint(sign, tone),
            self.look.paint(&finding.title, Tone::Strong)
        );
        let room = self.look.columns.saturating_sub(4).max(30);
        for evidence in &finding.evidence {
            for line in wrapped(&evidence.text, room) {
                let _ = writeln!(self.text, "    {}", self.look.paint(&line, Tone::Faint));
            }
        }
        let fix = format!("Fix: {}", finding.fix.text);
        for line in finding.meaning.iter().chain([&fix]).flat_map(|text| wrapped(text, room)) {
            let _ = writeln!(self.text, "    {line}");
        }
    }
}

/// A day, and how far away it is.
fn when(moment: Option<Moment>, now: Timestamp) -> String {
    let Some(moment) = moment else { return String::new() };
    let days = moment.days_from(now);
    let ago = moment.days_ago(now);
    let far = match days {
        730.. => format!("in {} years", days / 365),
        2.. => format!("in {days} days"),
        1 => "tomorrow".into(),
        0 => "today".into(),
        _ if ago < 1 => "in the last day".into(),
        _ if ago < 2 => "a day ago".into(),
        _ if ago < 730 => format!("{ago} days ago"),
        _ => format!("{} years ago", ago / 365),
    };
    format!("{} ({far})", moment.day())
}

/// The JSON object, `postrider.whois/1`.
fn page(asked: &str, looked: &Looked) -> Value {
    let facts = &looked.facts;
    let consulted = facts.registry.as_ref();
    let found = consulted.and_then(|consulted| consulted.found.as_ref());
    // With no record, the end of a registration is found only where nobody holds the domain.
    let nobody = looked.findings.iter().any(|finding| finding.id == "reg.expiry");
    let registered = if found.is_some() { Some(true) } else { nobody.then_some(false) };
    let source = found.map(|(_, source)| {
        let (kind, server) = source.evidence();
        json!({ "kind": kind, "server": server })
    });
    let ms = |took: std::time::Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let rdap = consulted.into_iter().flat_map(|consulted| &consulted.rdap).map(
        |asked| json!({ "kind": "rdap", "server": asked.url, "came": asked.end.to_string(), "ms": ms(asked.took) }),
    );
    let whois = consulted.into_iter().flat_map(|consulted| &consulted.whois).map(|asked| {
        json!({ "kind": "whois", "server": asked.server.to_string(), "came": asked.end.to_string(), "ms": ms(asked.took) })
    });
    json!({
        "schema": "postrider.whois/1",
        "target": asked,
        "at": moment(facts.now.0),
        "domain": facts.domain,
        "registered": registered,
        "registration": found.map(|(record, _)| record),
        "source": source,
        "asked": rdap.chain(whois).collect::<Vec<_>>(),
        "nobody": consulted.and_then(|consulted| consulted.nobody.clone()),
        "name_servers": { "company": dns_company(facts), "hosts": names(looked, found.map(|(record, _)| record)) },
        "findings": looked.findings,
        "checks": looked.checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_diagnosis::Facts;
    use postrider_diagnosis::registry::rdap;

    const NOW: Timestamp = Timestamp(1_795_780_800_000);

    fn looked(members: &str) -> Looked {
        let json = format!(r#"{{"ldhName":"good.test",{members}}}"#);
        let record = rdap::read(json.as_bytes(), "good.test").unwrap();
        let registry = Consulted {
            domain: "good.test".into(),
            found: Some((record, Source::Rdap("http://rdap.test/domain/good.test".into()))),
            ..Consulted::default()
        };
        let facts = Facts { domain: "good.test".into(), now: NOW, registry: Some(registry), ..Facts::default() };
        Looked { facts, findings: Vec::new(), checks: Vec::new() }
    }

    #[test]
    fn one_screen() {
        let looked = looked(
            r#""status":["active"],"entities":[{"roles":["registrar"],"handle":"Registrar \u001b[31mB.V."},
            {"roles":["abuse"],"vcardArray":["vcard",[["email",{},"text","abuse@r.test"]]]}],
            "events":[{"eventAction":"registration","eventDate":"2011-03-01T00:00:00Z"},
            {"eventAction":"expiration","eventDate":"2027-03-01T00:00:00Z"}],
            "nameservers":["ada.ns.cloudflare.com"],"secureDNS":{"delegationSigned":true}"#,
        );
        let look = Look { colour: false, columns: 80 };
        let text = screen("www.good.test", &looked, look);
        for line in [
            "  good.test   registered\n",
            "  asked         www.good.test, which lies in it\n",
            "  registrar     Registrar [31mB.V.\n",
            "  since         2011-03-01 (15 years ago)\n",
            "  ends          2027-03-01 (in 93 days)\n",
            "  state         active\n",
            "  DNSSEC        signed\n",
            "  name servers  Cloudflare: ada.ns.cloudflare.com\n",
            "  abuse         abuse@r.test\n",
            "  told by       RDAP, http://rdap.test/domain/good.test\n",
            "  Nothing about it is odd.\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        let page = page("good.test", &looked);
        assert_eq!(page["registered"], json!(true));
        assert_eq!(page["registration"]["expires"], json!("2027-03-01T00:00:00Z"));
        assert_eq!(page["name_servers"]["company"], json!("Cloudflare"));
    }

    #[test]
    fn days_in_words() {
        let at = |days: i64| when(Some(Moment { at: Timestamp(NOW.0 + days * 86_400_000), day_only: false }), NOW);
        for (days, far) in [(0, "today"), (1, "tomorrow"), (5, "in 5 days"), (800, "in 2 years"), (-10, "10 days ago")]
        {
            assert!(at(days).ends_with(&format!("({far})")), "{}", at(days));
        }
    }
}
