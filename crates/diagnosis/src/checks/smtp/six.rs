//! `dns.v6` for mail hosts: an IPv6 address that takes no mail while the IPv4 address does.

use super::view::{Standing, last_words, place};
use super::{AddressFacts, HostFacts, View};
use crate::finding::{Actor, Finding, Impact, Say};

const ID: &str = "dns.v6";

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    let with: Vec<(&HostFacts, &AddressFacts)> = view.addresses().filter(|(_, address)| address.to.is_ipv6()).collect();
    if with.is_empty() {
        return say.not_applicable(ID, "no mail host has an IPv6 address");
    }
    let standing = |address: &AddressFacts| view.standing(address);
    if with.iter().all(|(_, address)| standing(address) == Standing::Unknown) {
        return say.untested(ID, "there is no IPv6 from here to the mail hosts");
    }
    let mut fine = true;
    for (host, address) in with.iter().filter(|(_, address)| standing(address) == Standing::Dead) {
        let by_four = |other: &&AddressFacts| other.to.is_ipv4() && view.standing(other) == Standing::Works;
        // A host that is dead either way has no trouble of IPv6.
        let Some(four) = host.addresses.iter().find(by_four) else { continue };
        fine = false;
        let name = &host.name;
        let finding = Finding::warning(ID, name.clone(), format!("{name} takes mail by IPv4, and does not by IPv6"))
            .impact(Impact::None, Impact::AtRisk)
            .act(Actor::You)
            .meaning("Senders that prefer IPv6 lose time at each mail, and those with IPv6 alone do not get through.")
            .seen("smtp", place(host, address), last_words(address.talk()))
            .seen("smtp", place(host, four), last_words(four.talk()))
            .because_of("net.class", name)
            .because_of("smtp.banner", name)
            .because_of("smtp.ehlo", name)
            .fix(format!(
                "Let the mail server listen on {} and open its port in the firewall; or remove that AAAA record.",
                address.to.ip()
            ))
            .change("remove", name, "AAAA", &address.to.ip().to_string(), "");
        say.found(finding);
    }
    if fine {
        say.fine(ID, "no mail host that works by IPv4 fails by IPv6");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Facts;
    use crate::finding::State;
    use crate::session::SessionFacts;
    use postrider_smtp::{Phase, Reply, ReplyCode, Trouble, TroubleKind};
    use std::net::SocketAddr;

    fn address(ip: &str, trouble: Option<TroubleKind>) -> AddressFacts {
        let to = SocketAddr::new(ip.parse().unwrap(), 25);
        let mut session = SessionFacts::new("mx", to);
        match trouble {
            Some(kind) => {
                session.unreached = Some(Trouble { phase: Phase::Connect, kind, errno: None, detail: String::new() });
            }
            None => {
                let reply = |code| Reply::new(ReplyCode::new(code).unwrap(), "mx");
                let (greeting, hello) = (reply(220), reply(250));
                session.opening.first = b"220 mx\r\n".to_vec();
                session.opening.greeting = Some(greeting);
                session.opening.in_clear = Some(hello);
            }
        }
        AddressFacts::new(to, session)
    }

    #[test]
    fn mail_hosts_and_ipv6() {
        let (four, six) = ("192.0.2.1", "2001:db8::1");
        let refused = Some(TroubleKind::ConnectionRefused);
        let table = [
            (vec![address(four, None)], State::NotApplicable),
            (vec![address(four, None), address(six, None)], State::Fine),
            (vec![address(four, None), address(six, refused)], State::Found),
            // Without IPv6 here nothing is known.
            (vec![address(four, None), address(six, Some(TroubleKind::Unreachable))], State::Untested),
            // Dead either way: no matter of IPv6.
            (vec![address(four, refused), address(six, refused)], State::Fine),
        ];
        for (addresses, want) in table {
            let hosts = [HostFacts { name: "mx".into(), preference: 10, addresses }];
            let facts = Facts::default();
            let mut say = Say::default();
            judge(&View::of(&facts, &hosts), &mut say);
            assert_eq!(say.state_of(ID), Some(want), "{hosts:?}");
        }
    }
}
