//! From what was seen to the answer: which direction works, who must act, and what to do. Pure.

use super::model::{
    Actor, Answer, Arrived, Authentication, Bounced, Direction, Facts, Health, Leg, Mailbox, PlaceKind, Stage, Stop,
    Taken,
};
use postrider_reply::{Cause, Disposition, Verdict, Who};

/// A mail that takes longer from server to mailbox is slow: people notice.
const SLOW_MS: u64 = 60_000;

/// One end of a direction.
#[derive(Clone, Copy)]
struct End<'a> {
    address: &'a str,
    person: Actor,
    host: Actor,
    mailbox: Option<&'a Mailbox>,
}

/// The answer to all that was seen.
pub fn judge(facts: &Facts) -> Answer {
    let mailbox = |address: &str| facts.mailboxes.iter().find(|mailbox| mailbox.address == address);
    let a = End { address: &facts.a, person: Actor::A, host: Actor::AHost, mailbox: mailbox(&facts.a) };
    let b = End { address: &facts.b, person: Actor::B, host: Actor::BHost, mailbox: mailbox(&facts.b) };
    let sending = direction(&facts.out, a, b);
    let receiving = direction(&facts.back, b, a);
    let headline = headline(sending.health, receiving.health, facts.one_way).to_owned();
    // What is worst is first to be seen to; of two equals, what A can do more about.
    let first = if rank(receiving.health) > rank(sending.health) { &receiving } else { &sending };
    Answer { act: first.act, headline, sending, receiving }
}

/// The exit code of an answer: 0 works, 1 works but not well, 2 broken, 3 could not tell.
pub fn exit_code(facts: &Facts, answer: &Answer) -> u8 {
    let asked = if facts.one_way { vec![&answer.sending] } else { vec![&answer.sending, &answer.receiving] };
    let has = |health| asked.iter().any(|direction| direction.health == health);
    match () {
        () if has(Health::Broken) => 2,
        () if has(Health::Unknown) => 3,
        () if has(Health::AtRisk) => 1,
        () => 0,
    }
}

const fn rank(health: Health) -> u8 {
    match health {
        Health::Ok => 0,
        Health::Unknown => 1,
        Health::AtRisk => 2,
        Health::Broken => 3,
    }
}

fn headline(sending: Health, receiving: Health, one_way: bool) -> &'static str {
    use Health::{AtRisk, Broken, Ok, Unknown};
    match (sending, receiving) {
        (Ok, _) if one_way => "sending works",
        (AtRisk, _) if one_way => "sending works, but not well",
        (Broken, _) if one_way => "sending is broken",
        (Unknown, _) if one_way => "whether sending works could not be found out",
        (Ok, Ok) => "both sending and receiving work",
        (AtRisk, Ok) => "both sending and receiving work, but sending not well",
        (Ok, AtRisk) => "both sending and receiving work, but receiving not well",
        (AtRisk, AtRisk) => "both sending and receiving work, but neither well",
        (Broken, Ok | AtRisk) => "sending is broken, receiving works",
        (Ok | AtRisk, Broken) => "receiving is broken, sending works",
        (Broken, Broken) => "neither sending nor receiving works",
        (Broken, Unknown) => "sending is broken; receiving could not be tested",
        (Unknown, Broken) => "receiving is broken; sending could not be tested",
        (Ok | AtRisk, Unknown) => "sending works; receiving could not be tested",
        (Unknown, Ok | AtRisk) => "receiving works; sending could not be tested",
        (Unknown, Unknown) => "neither sending nor receiving could be tested",
    }
}

fn direction(leg: &Leg, from: End<'_>, to: End<'_>) -> Direction {
    match leg {
        Leg::NotTried { why } => Direction {
            health: Health::Unknown,
            sentence: format!("mail from {} to {} was not tested: {why}", from.address, to.address),
            act: Actor::Nobody,
            advice: Vec::new(),
        },
        Leg::NotTaken(stop) => not_taken(stop, from, to),
        Leg::Bounced { taken, bounce } => bounced(taken, bounce, from, to),
        Leg::Missing { taken, waited_ms } => missing(taken, *waited_ms, from, to),
        Leg::Unseen { taken, why } => unseen(taken, why, from, to),
        Leg::Arrived { arrived, .. } => come(arrived, from, to),
    }
}

fn not_taken(stop: &Stop, from: End<'_>, to: End<'_>) -> Direction {
    let host = stop.host.as_deref().unwrap_or("the server");
    let (who, advice) = told(stop.means.as_ref());
    // The host that answers is the sender's own, so that its "receiving side" is the sender's host.
    let by_words = match who {
        Who::Sender => from.person,
        Who::SenderAdmin | Who::RecipientAdmin => from.host,
        Who::Recipient => to.person,
        Who::Network => Actor::Network,
        Who::Nobody => Actor::Nobody,
    };
    let for_now = stop.means.as_ref().is_some_and(|means| means.disposition == Disposition::Retry);
    let meaning = meaning(stop.means.as_ref(), &stop.said);
    let (address, other) = (from.address, to.address);
    let name_it = format!("Name the server: --{}-smtp HOST:PORT.", side(from));
    let (sentence, act, advice) = match stop.stage {
        Stage::Server => {
            (format!("no server that takes mail from {address} was found: {}", stop.said), from.person, vec![name_it])
        }
        Stage::Connect if !stop.named => (
            format!("no server that takes mail from {address} could be reached: {}", stop.said),
            from.person,
            vec![name_it],
        ),
        Stage::Connect => (
            format!("{address} cannot hand mail in: {host} cannot be reached: {}", stop.said),
            if by_words == Actor::Network { Actor::Network } else { from.host },
            CONNECT_ADVICE.map(str::to_owned).into(),
        ),
        Stage::Tls if stop.wrong_mode => (
            format!("{address} cannot hand mail in: {}", stop.said),
            from.person,
            vec![
                "Use port 465 with TLS from the start (smtps://HOST:465) or port 587 with STARTTLS (smtp://HOST:587)."
                    .into(),
            ],
        ),
        Stage::Tls => (
            format!("{address} cannot hand mail in: no trusted TLS with {host}: {}", stop.said),
            from.host,
            TLS_ADVICE.map(str::to_owned).into(),
        ),
        Stage::Login => (
            format!("{address} cannot hand mail in: {host} refuses the login: {meaning}"),
            if for_now { from.host } else { from.person },
            vec![check_login(from)],
        ),
        Stage::Sender | Stage::Recipient | Stage::Message => {
            let now = if for_now { " at the moment" } else { "" };
            (format!("{host} does not take mail from {address} to {other}{now}: {meaning}"), by_words, advice)
        }
    };
    Direction { health: health_of(stop, from), sentence, act, advice }
}

/// What a mail that was not taken says about the direction.
fn health_of(stop: &Stop, from: End<'_>) -> Health {
    match stop.stage {
        // A guessed server that does not answer says nothing about the right one.
        Stage::Server => Health::Unknown,
        Stage::Connect if !stop.named => Health::Unknown,
        // That B is not let in at B's own server says nothing about A's mailbox.
        Stage::Connect | Stage::Tls | Stage::Login | Stage::Sender if from.person == Actor::B => Health::Unknown,
        _ => Health::Broken,
    }
}

const CONNECT_ADVICE: [&str; 3] = [
    "Check host and port.",
    "Try from another network: many block the ports for mail. If it works there, this network must open them.",
    "If it lasts, who runs the server must look at the service and its firewall.",
];

const TLS_ADVICE: [&str; 2] = [
    "Renew or correct the certificate, or connect by the name that is in it.",
    "For an authority of your own, give its certificate with --ca FILE.",
];

fn check_login(end: End<'_>) -> String {
    format!(
        "Check user name (--{}-user) and password of {}; many providers want an app password.",
        side(end),
        end.address
    )
}

fn bounced(taken: &Taken, bounce: &Bounced, from: End<'_>, to: End<'_>) -> Direction {
    let (who, mut advice) = told(Some(&bounce.means));
    let act = match who {
        Who::Sender => from.person,
        Who::SenderAdmin => from.host,
        Who::Recipient => to.person,
        Who::RecipientAdmin => to.host,
        Who::Network => Actor::Network,
        Who::Nobody => Actor::Nobody,
    };
    let by = bounce.host.as_deref().unwrap_or("a server on the way");
    if !bounce.said.is_empty() {
        advice.insert(0, format!("{by} said: {}", bounce.said));
    }
    let sentence = format!(
        "mail from {} to {} was taken by {} and came back from {by}: {}",
        from.address,
        to.address,
        taken.host,
        meaning(Some(&bounce.means), &bounce.said)
    );
    Direction { health: Health::Broken, sentence, act, advice }
}

fn missing(taken: &Taken, waited_ms: u64, from: End<'_>, to: End<'_>) -> Direction {
    let waited = waited_ms / 1000;
    if to.mailbox.is_some_and(|mailbox| mailbox.full) {
        return Direction {
            health: Health::Broken,
            sentence: format!("mail from {} does not arrive: the mailbox of {} is full", from.address, to.address),
            act: to.person,
            advice: vec![format!("Make room in the mailbox of {}.", to.address)],
        };
    }
    let sentence = if taken.in_doubt {
        format!(
            "the connection to {} broke when it was handed the mail, which did not arrive at {} within {waited} s",
            taken.host, to.address
        )
    } else {
        format!(
            "{} took the mail from {}, but it did not arrive in the mailbox of {} within {waited} s",
            taken.host, from.address, to.address
        )
    };
    let advice = vec![
        format!("Ask who runs {} what became of it: its answer was {:?}.", taken.host, taken.reply),
        "A first mail may be made to wait for some minutes (greylisting): try again with --timeout 900.".into(),
        format!("See whether {} forwards its mail, or a filter removes it.", to.address),
        format!("Examine the domain of {0}: postrider doctor {1}.", to.address, domain_of(to.address)),
    ];
    // Either side may have lost it. A's mail is in question, and B is there to compare with.
    Direction { health: Health::Broken, sentence, act: Actor::AHost, advice }
}

fn unseen(taken: &Taken, why: &str, from: End<'_>, to: End<'_>) -> Direction {
    let login_refused = to.mailbox.is_some_and(|mailbox| mailbox.login_refused);
    let sentence = format!(
        "{} took the mail from {}; whether it arrived cannot be seen, as the mailbox of {} cannot be read: {why}",
        taken.host, from.address, to.address
    );
    let advice = if login_refused {
        check_login(to)
    } else {
        format!("If that is the wrong server, name the right one: --{}-imap HOST:PORT.", side(to))
    };
    Direction {
        health: Health::Unknown,
        sentence,
        act: if login_refused { to.person } else { to.host },
        advice: vec![advice],
    }
}

fn come(arrived: &Arrived, from: End<'_>, to: End<'_>) -> Direction {
    let folder = &arrived.place.folder;
    let took = format!("{}.{:03} s", arrived.after_ms / 1000, arrived.after_ms % 1000);
    let way = format!("mail from {} to {}", from.address, to.address);
    match arrived.place.kind {
        PlaceKind::Junk => {
            let (act, advice) = junk_advice(arrived.authentication.as_ref(), from, to);
            Direction {
                health: Health::AtRisk,
                sentence: format!("{way} arrives, but in {folder:?}: it is taken for spam"),
                act,
                advice,
            }
        }
        _ if arrived.after_ms > SLOW_MS => slow(arrived, &way, &took, from, to),
        PlaceKind::Elsewhere => Direction {
            health: Health::Ok,
            sentence: format!("{way} arrives after {took}, in {folder:?}"),
            act: Actor::Nobody,
            advice: vec![format!("If that is a surprise, look at the filters of {}.", to.address)],
        },
        PlaceKind::Inbox => Direction {
            health: Health::Ok,
            sentence: format!("{way} arrives after {took}"),
            act: Actor::Nobody,
            advice: Vec::new(),
        },
    }
}

fn slow(arrived: &Arrived, way: &str, took: &str, from: End<'_>, to: End<'_>) -> Direction {
    let slowest = arrived.hops.iter().enumerate().max_by_key(|(_, hop)| hop.after_s.unwrap_or(0));
    let advice = match slowest.and_then(|(at, hop)| Some((at, hop.by.as_deref()?, hop.after_s?))) {
        Some((_, by, seconds)) if seconds > 10 => vec![format!("{seconds} s of it passed before {by} took it.")],
        _ => Vec::new(),
    };
    // Before the first hop it lay with the sender's host; behind it anywhere, most often at the receiver's door.
    let act = if slowest.is_some_and(|(at, _)| at == 0) { from.host } else { to.host };
    Direction { health: Health::AtRisk, sentence: format!("{way} arrives, but only after {took}"), act, advice }
}

fn junk_advice(authentication: Option<&Authentication>, from: End<'_>, to: End<'_>) -> (Actor, Vec<String>) {
    let domain = domain_of(from.address);
    let mut advice = Vec::new();
    if let Some(seen) = authentication {
        let table = [
            ("SPF", &seen.spf, "let its SPF record name the server that sends"),
            ("DKIM", &seen.dkim, "sign its mail with DKIM"),
            ("DMARC", &seen.dmarc, "publish a DMARC record that its mail passes"),
        ];
        for (name, result, remedy) in table {
            if let Some(result) = result.as_deref().filter(|result| *result != "pass") {
                advice.push(format!("{} found {name} = {result}: {domain} should {remedy}.", seen.by));
            }
        }
    }
    let act = if advice.is_empty() { to.person } else { from.host };
    advice.push(format!("Mark the mail as no spam in the mailbox of {}.", to.address));
    (act, advice)
}

fn told(means: Option<&Verdict>) -> (Who, Vec<String>) {
    match means {
        Some(means) => (means.who, means.advice.iter().map(ToString::to_string).collect()),
        None => (Who::Sender, Vec::new()),
    }
}

/// What words mean in one sentence; the words themselves where that is not known.
fn meaning(means: Option<&Verdict>, said: &str) -> String {
    match means {
        Some(means) if means.cause != Cause::Unknown => {
            format!("{} ({said})", in_a_sentence(means.summary.trim_end_matches('.')))
        }
        _ => said.to_owned(),
    }
}

/// A sentence as part of another one.
fn in_a_sentence(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn domain_of(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or(address)
}

/// How the options of that end begin.
fn side(end: End<'_>) -> &'static str {
    if end.person == Actor::A { "from" } else { "to" }
}

#[cfg(test)]
mod tests;
