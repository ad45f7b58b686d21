//! What to write to whoever connects this machine to the internet.

use super::{Control, EgressFacts, How, family};
use crate::facts::Facts;
use crate::report::moment;

/// The letter: what was tried, when, and what is asked for.
pub(super) fn letter(facts: &Facts, egress: &EgressFacts, how: How, v6: bool) -> String {
    let from = egress.source.filter(|ip| ip.is_ipv6() == v6 && !ip.is_loopback());
    let machine = from.map_or_else(|| "our machine".to_owned(), |ip| ip.to_string());
    let what = match how {
        How::Swallowed => "get no answer",
        How::TurnedDown => "are turned down",
        How::CutOff => "are accepted and then cut off",
    };
    let mut letter = format!(
        "Subject: please open outgoing TCP port 25 for {machine}\n\n\
         Hello,\n\n\
         outgoing {} connections from {machine} to TCP port 25 {what}, whichever mail host is called, while \
         other ports of the same hosts can be reached. Tried on {}:\n\n",
        family(v6),
        moment(facts.now.0),
    );
    for control in egress.controls.iter().filter(|control| control.to.is_ipv6() == v6) {
        letter.push_str(&line(control));
    }
    letter.push_str(
        "\nThis machine sends mail to other mail hosts, which take it on port 25 only (RFC 5321 §4.5.4). Please open \
         that port outward for its address, or tell us what you need from us to do so: the reverse name of the \
         address, the domains it sends for, or an upgrade of the contract. If you never open it, please name the \
         smart host we are to use.\n",
    );
    letter
}

fn line(control: &Control) -> String {
    let mut line = format!("  {} ({}): port {} {}", control.host, control.to.ip(), control.to.port(), control.mail);
    for (port, knock) in &control.others {
        line.push_str(&format!(", port {port} {knock}"));
    }
    line.push('\n');
    line
}
