//! Whether this machine's own way out on port 25 is open: asked before the other side is blamed.
//!
//! The target's own mail hosts are the first witnesses: when one of them greets, the way is open
//! and nobody else is asked. Only when all are silent, control hosts that are known to take
//! mail are knocked at, on port 25 and, to compare, on 587 and 443, IPv4 and IPv6 apart.
//!
//! Where nothing tells, the way is unknown, which is never a fault.

mod gather;
mod letter;
#[cfg(test)]
mod tests;

pub use gather::{gather, tried};

use crate::facts::Facts;
use crate::finding::{Confidence, Finding, Impact, Say};
use postrider_smtp::{Trouble, TroubleKind};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The check's id.
const ID: &str = "net.egress25";

/// What came of knocking at one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knock {
    /// It spoke: its first line.
    Spoke(String),
    /// The connection stands; nothing was said, or nothing was waited for.
    Connected,
    /// The connection stood and was closed or reset before a word.
    Dropped,
    /// No answer to the attempt.
    TimedOut,
    /// The attempt was turned down at once.
    Refused,
    /// The network says that there is no way.
    Unreachable(String),
    /// This machine itself could not try.
    Untried(String),
}

impl Knock {
    /// From what stood in the way of a connection.
    pub fn of(trouble: &Trouble) -> Self {
        match trouble.kind {
            TroubleKind::ConnectTimeout | TroubleKind::Timeout => Self::TimedOut,
            TroubleKind::ConnectionRefused => Self::Refused,
            TroubleKind::ConnectionLost => Self::Dropped,
            TroubleKind::Unreachable => Self::Unreachable(trouble.detail.clone()),
            _ => Self::Untried(trouble.detail.clone()),
        }
    }

    /// Whether the other machine itself was reached.
    const fn reached(&self) -> bool {
        matches!(self, Self::Spoke(_) | Self::Connected | Self::Dropped | Self::Refused)
    }

    /// Whether it shows that port 25 is open: a greeting, or a connection that lasts. A host that lets
    /// its greeting wait, as a trap for spam, is reached all the same.
    fn passes(&self) -> bool {
        matches!(self, Self::Connected) || self.greeted().is_some()
    }

    fn greeted(&self) -> Option<&str> {
        match self {
            Self::Spoke(line) if is_smtp(line) => Some(line),
            _ => None,
        }
    }
}

impl fmt::Display for Knock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spoke(line) => f.write_str(line),
            Self::Connected => f.write_str("connects"),
            Self::Dropped => f.write_str("connects, and is cut off before a word"),
            Self::TimedOut => f.write_str("no answer"),
            Self::Refused => f.write_str("refused"),
            Self::Unreachable(why) => write!(f, "no way there: {why}"),
            Self::Untried(why) => write!(f, "not tried: {why}"),
        }
    }
}

/// A line that an SMTP server begins with: three digits, then a space, a dash or nothing.
fn is_smtp(line: &str) -> bool {
    let octets = line.as_bytes();
    octets.len() >= 3
        && matches!(octets[0], b'2' | b'4' | b'5')
        && octets[1..3].iter().all(u8::is_ascii_digit)
        && matches!(octets.get(3), None | Some(b' ' | b'-'))
}

/// A mail host of the target, and what it did on its port 25.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub host: String,
    /// Its address.
    pub to: SocketAddr,
    /// What came of it.
    pub knock: Knock,
}

/// A host that is known to take mail, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// What it was found by: a domain, or what the user named.
    pub name: String,
    /// The host.
    pub host: String,
    /// Its address and the port that takes mail.
    pub to: SocketAddr,
    /// On that port.
    pub mail: Knock,
    /// On 587 and on 443.
    pub others: Vec<(u16, Knock)>,
}

impl Control {
    fn reached(&self) -> bool {
        self.mail.reached() || self.others.iter().any(|(_, knock)| knock.reached())
    }
}

/// Why control hosts were asked or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Asked {
    /// The target's own hosts answered.
    #[default]
    NotNeeded,
    /// There was nothing to explain: no mail host of the target was knocked at.
    NothingToExplain,
    /// A closed network, and the user named none.
    NoneKnown,
    /// They were to be asked, and no name of them could be found.
    NoneFound,
    /// They were to be asked, and too little time was left to tell silence from slowness.
    NoTime,
    /// They were asked.
    Yes,
}

/// All that was seen of the way out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressFacts {
    /// The target's mail hosts.
    pub ours: Vec<Tried>,
    /// The control hosts.
    pub controls: Vec<Control>,
    /// Whether they were asked.
    pub asked: Asked,
    /// What answered at an address where nothing can live, when that was tried.
    pub nowhere: Option<(SocketAddr, Knock)>,
    /// The address of this machine towards them, as the system has it.
    pub source: Option<IpAddr>,
}

/// How port 25 is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Attempts are swallowed.
    Swallowed,
    /// Attempts are turned down on the way.
    TurnedDown,
    /// Connections stand and are cut off.
    CutOff,
}

/// What is known of the way out on port 25, for one family of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is open.
    Open,
    /// It is closed, and how.
    Blocked(How),
    /// Somebody on the way answers in the place of the hosts: what shows it.
    Intercepted(String),
    /// Not known, and why.
    Unknown(String),
}

impl EgressFacts {
    /// What is known of IPv4 or IPv6.
    pub fn way(&self, v6: bool) -> Way {
        if let Some((at, knock)) = self.nowhere.as_ref().filter(|(at, knock)| at.is_ipv6() == v6 && connects(knock)) {
            return Way::Intercepted(format!(
                "{} answers on port 25, and no machine can have that address: {knock}",
                at.ip()
            ));
        }
        if self.ours.iter().any(|tried| tried.to.is_ipv6() == v6 && tried.knock.passes()) {
            return Way::Open;
        }
        let controls: Vec<&Control> = self.controls.iter().filter(|control| control.to.is_ipv6() == v6).collect();
        if controls.is_empty() {
            return Way::Unknown(self.why_unknown(v6));
        }
        if let Some(shown) = one_name_for_all(&controls) {
            return Way::Intercepted(shown);
        }
        if controls.iter().any(|control| control.mail.greeted().is_some()) {
            return Way::Open;
        }
        if !controls.iter().any(|control| control.reached()) {
            let family = family(v6);
            return Way::Unknown(format!("this machine reaches none of the control hosts over {family}, on any port"));
        }
        how_closed(&controls)
    }

    fn why_unknown(&self, v6: bool) -> String {
        match self.asked {
            Asked::NotNeeded => {
                format!("no mail host of the target answered over {}, and one did otherwise", family(v6))
            }
            Asked::NothingToExplain => "no mail host of the target was asked on port 25".into(),
            Asked::NoneKnown => "no control target known here".into(),
            Asked::NoneFound => "the names of the control hosts could not be found".into(),
            Asked::NoTime => "too little time was left to ask control hosts".into(),
            Asked::Yes => format!("no control host has an {} address that can be tried", family(v6)),
        }
    }

    /// In a word: `open`, `blocked` or `unknown`.
    pub fn word(&self) -> &'static str {
        match (self.way(false), self.way(true)) {
            (Way::Open, _) => "open",
            (Way::Blocked(_) | Way::Intercepted(_), _) => "blocked",
            (Way::Unknown(_), Way::Open) => "open",
            (Way::Unknown(_), Way::Blocked(_) | Way::Intercepted(_)) => "blocked",
            (Way::Unknown(_), Way::Unknown(_)) => "unknown",
        }
    }

    /// The address of this machine as the internet sees it; an address of a private network is not that.
    pub fn vantage_ip(&self) -> Option<IpAddr> {
        self.source.filter(|ip| is_public(*ip))
    }
}

const fn connects(knock: &Knock) -> bool {
    matches!(knock, Knock::Spoke(_) | Knock::Connected)
}

/// Whether an address is one of the internet (RFC 6890 §2.2).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || ip.is_documentation())
                && !(a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    }
}

/// Hosts of different owners greet with one name: they were never reached.
fn one_name_for_all(controls: &[&Control]) -> Option<String> {
    let mut by_name: Vec<(&str, BTreeSet<String>, &str)> = Vec::new();
    for control in controls {
        let (Some(line), Some(owner)) = (control.mail.greeted(), owner(&control.host)) else { continue };
        let Some(name) = line.get(4..).and_then(|rest| rest.split_ascii_whitespace().next()) else { continue };
        // Only a host name tells; "220 ESMTP ready" is said by many.
        if !name.contains('.') {
            continue;
        }
        match by_name.iter_mut().find(|(known, ..)| known.eq_ignore_ascii_case(name)) {
            Some((_, owners, _)) => {
                owners.insert(owner);
            }
            None => by_name.push((name, BTreeSet::from([owner]), line)),
        }
    }
    let (name, owners, line) = by_name.into_iter().find(|(_, owners, _)| owners.len() > 1)?;
    let owners: Vec<String> = owners.into_iter().collect();
    Some(format!("hosts of {} all greet as {name}: {line}", owners.join(" and ")))
}

/// Whose host it is; addresses have no owner that a name could tell.
fn owner(host: &str) -> Option<String> {
    if host.parse::<IpAddr>().is_ok() { None } else { crate::registry::name::registrable(host) }
}

/// None greeted, and at least one was reached on some port.
fn how_closed(controls: &[&Control]) -> Way {
    let count = |of: fn(&Knock) -> bool| {
        // A host that is not reached at all says nothing about one port.
        controls.iter().filter(|control| control.reached() && of(&control.mail)).count()
    };
    let swallowed = count(|knock| matches!(knock, Knock::TimedOut));
    let turned_down = count(|knock| matches!(knock, Knock::Refused | Knock::Unreachable(_)));
    let cut_off = count(|knock| matches!(knock, Knock::Dropped));
    // A connection that lasts shows that the port is open; whether the host was reached is not known without a word.
    if count(|knock| matches!(knock, Knock::Connected)) > 0 {
        return Way::Unknown("control hosts take the connection and say nothing in time".into());
    }
    let worst = [(swallowed, How::Swallowed), (turned_down, How::TurnedDown), (cut_off, How::CutOff)];
    match worst.into_iter().max_by_key(|(count, _)| *count) {
        // A single host that hangs up may have its own reasons.
        Some((1, How::CutOff | How::TurnedDown)) if swallowed + turned_down + cut_off == 1 => {
            Way::Unknown("only one control host could be asked, and it hangs up".into())
        }
        Some((1.., how)) => Way::Blocked(how),
        _ => Way::Unknown("what the control hosts do tells nothing".into()),
    }
}

const fn family(v6: bool) -> &'static str {
    if v6 { "IPv6" } else { "IPv4" }
}

/// Says what is known.
pub(crate) fn judge(facts: &Facts, say: &mut Say) {
    let Some(egress) = &facts.egress else {
        return say.untested(ID, "the way out on port 25 was not looked at");
    };
    let ways = [egress.way(false), egress.way(true)];
    let other_way_open = ways.contains(&Way::Open);
    let mut unknown = Vec::new();
    for (way, v6) in ways.into_iter().zip([false, true]) {
        match way {
            Way::Open => open(egress, v6, say),
            Way::Blocked(how) => say.found(blocked(facts, egress, how, v6, other_way_open)),
            Way::Intercepted(shown) => say.found(intercepted(egress, &shown, v6)),
            Way::Unknown(why) => unknown.push(why),
        }
    }
    if say.state_of(ID).is_none() {
        unknown.dedup();
        say.untested(ID, unknown.first().cloned().unwrap_or_default());
    }
}

/// Open; yet all control hosts may turn this machine away at the door.
fn open(egress: &EgressFacts, v6: bool, say: &mut Say) {
    let greetings: Vec<(&Control, &str)> = egress
        .controls
        .iter()
        .filter(|control| control.to.is_ipv6() == v6)
        .filter_map(|control| control.mail.greeted().map(|line| (control, line)))
        .collect();
    if greetings.len() < 2 || greetings.iter().any(|(_, line)| line.starts_with('2')) {
        return say.fine(ID, format!("port 25 is open over {}", family(v6)));
    }
    let mut finding = Finding::warning(
        ID,
        family(v6),
        "Mail hosts of other owners, asked to compare, all turn this machine away at the door",
    )
    .meaning("Port 25 is open; it is this machine's address that they do not want.")
    .fix("Look the address up in the blocklists, and ask your hoster whether it may send mail at all.");
    for (control, line) in greetings {
        finding = finding.seen("smtp", format!("{} {}", control.host, control.to), line);
    }
    say.found(finding);
}

fn blocked(facts: &Facts, egress: &EgressFacts, how: How, v6: bool, other_way_open: bool) -> Finding {
    let family = family(v6);
    let what = match how {
        How::Swallowed => "are swallowed",
        How::TurnedDown => "are turned down on the way",
        How::CutOff => "are cut off before the other side says a word",
    };
    let title = format!("Port 25 is closed for this machine over {family}: connections {what}, whoever is called");
    let controls: Vec<&Control> = egress.controls.iter().filter(|control| control.to.is_ipv6() == v6).collect();
    let closed = controls.iter().filter(|control| control.reached()).count();
    let mut finding = if other_way_open {
        Finding::warning(ID, family, title).impact(Impact::AtRisk, Impact::None)
    } else {
        Finding::problem(ID, family, title).impact(Impact::Broken, Impact::None)
    };
    finding = finding
        .meaning("This machine cannot hand mail to other mail hosts. Whether the target takes mail cannot be told from here.")
        .confidence(if closed > 1 { Confidence::High } else { Confidence::Medium })
        .fix("Ask whoever connects this machine to the internet to open outgoing TCP port 25, or send through a smart host on port 587.")
        .letter(letter::letter(facts, egress, how, v6));
    for control in controls {
        finding = finding.seen("smtp", format!("{} {}", control.host, control.to.ip()), told(control));
    }
    finding
}

/// One control host in a line.
fn told(control: &Control) -> String {
    let mut line = format!("port {}: {}", control.to.port(), control.mail);
    for (port, knock) in &control.others {
        line.push_str(&format!("; port {port}: {knock}"));
    }
    line
}

fn intercepted(egress: &EgressFacts, shown: &str, v6: bool) -> Finding {
    let refuses = egress.controls.iter().filter(|control| control.to.is_ipv6() == v6);
    let lines: Vec<&str> = refuses.filter_map(|control| control.mail.greeted()).collect();
    let title = "Something between this machine and the internet answers on port 25 in the place of the mail hosts";
    let finding = if !lines.is_empty() && lines.iter().all(|line| !line.starts_with('2')) {
        Finding::problem(ID, family(v6), title)
    } else {
        Finding::warning(ID, family(v6), title)
    };
    finding
        .meaning("What mail hosts seem to say here, they did not say: a firewall, a virus scanner or the provider does.")
        .seen("smtp", "", shown)
        .fix("Ask whoever connects this machine to the internet to take the mail proxy (\"SMTP inspection\") out of the way of outgoing port 25.")
}
