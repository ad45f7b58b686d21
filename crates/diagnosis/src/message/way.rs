//! The way of a message: its hops in the order of travel, where it waited, whose clock is wrong,
//! and where it came into the receiver's house.

use super::raw::Message;
use super::received::{self, Received};
use std::net::IpAddr;

/// Hops behind this many are passed over: RFC 5321 §6.3 has loops end at a hundred.
const HOPS_MAX: usize = 200;

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hop {
    /// The field that tells of it.
    pub field: usize,
    /// What it says.
    pub received: Received,
    /// Seconds since the hop before, as the two clocks have it.
    pub delay: Option<i64>,
    /// Seconds it waited, with wrong clocks reckoned out.
    pub waited: Option<i64>,
    /// Whether the receiver's own host wrote it.
    pub own: bool,
}

/// The whole way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// In the order of travel.
    pub hops: Vec<Hop>,
    /// The hop by which it came into the receiver's house.
    pub border: Option<usize>,
    /// When it was written, in seconds.
    pub date: Option<i64>,
    /// From the first time to the last, in seconds.
    pub total: Option<i64>,
    /// The hop before which it waited longest.
    pub slowest: Option<usize>,
}

impl Way {
    /// When it came in, as the border host has it, or the last host.
    pub fn came(&self) -> Option<i64> {
        let border = self.border.and_then(|border| self.hops.get(border)?.received.at);
        border.or_else(|| self.hops.iter().rev().find_map(|hop| hop.received.at))
    }

    /// The hop at the border.
    pub fn entry(&self) -> Option<&Hop> {
        self.hops.get(self.border?)
    }

    /// The field above which everything is by the receiver's own hosts: the first Received of a
    /// host that is not.
    pub fn boundary(&self) -> Option<usize> {
        self.hops.iter().filter(|hop| !hop.own).map(|hop| hop.field).min()
    }
}

/// Reads the way out of the Received fields. `own` are names that the user trusts.
pub fn read(message: &Message, own: &[String]) -> Way {
    let fields = message.all("received").iter().take(HOPS_MAX);
    let mut hops: Vec<Hop> = fields
        .map(|field| Hop { field: *field, received: received::read(&message.value(*field)), ..Hop::default() })
        .collect();
    let mut houses = houses(message, &hops, own);
    let mut border = None;
    for index in 0..hops.len() {
        // Whoever an own host took it from, and who was no stranger, wrote the field below.
        let own = border.is_none();
        let below = hops.get(index + 1).and_then(|below| below.received.by.clone());
        let Some(hop) = hops.get_mut(index) else { break };
        hop.own = own;
        if !own {
            continue;
        }
        // Large houses have several names: Exchange Online is outlook.com and office365.com.
        if let Some(by) = hop.received.by.as_deref().filter(|by| is_public_name(by)) {
            houses.push(organization(by));
        }
        if comes_from_outside(&hop.received, &houses, below.as_deref()) {
            border = Some(index);
        }
    }
    // From here on in the order of travel.
    hops.reverse();
    let border = border.map(|border| hops.len() - 1 - border);
    let date = message.first("date").as_deref().and_then(received::when);
    let mut way = Way { hops, border, date, total: None, slowest: None };
    measure(&mut way);
    way
}

/// The organizations whose hosts are the receiver's: that of the topmost host, and those named.
fn houses(message: &Message, hops: &[Hop], own: &[String]) -> Vec<String> {
    let by = hops.iter().find_map(|hop| hop.received.by.as_deref().filter(|by| is_public_name(by)));
    let author = message.first("authentication-results").and_then(|value| {
        let read = postrider_mailauth::auth_results::read(&value);
        read.value.author.map(String::from)
    });
    let names = by.map(str::to_owned).into_iter().chain(own.iter().cloned());
    let mut houses: Vec<String> = names.map(|name| organization(&name)).collect();
    // The topmost field counts when nothing else names the house, as with Gmail, whose topmost
    // Received has an address instead of a name.
    if by.is_none() {
        houses.extend(author.map(|author| organization(&author)));
    }
    houses
}

/// The registered domain of a name, or the name.
pub(crate) fn organization(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    psl::domain_str(&name).unwrap_or(&name).to_owned()
}

fn is_public_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let private = ["local", "lan", "internal", "localdomain", "localhost", "home", "arpa", "invalid"];
    name.contains('.')
        && !name.contains(':')
        && name.parse::<IpAddr>().is_err()
        && !private.contains(&last.to_ascii_lowercase().as_str())
}

/// Whether the client was a stranger: a public address, and no name of the house.
fn comes_from_outside(received: &Received, houses: &[String], below: Option<&str>) -> bool {
    let with = received.with.as_deref().unwrap_or_default().to_ascii_uppercase();
    // Fetched from a mailbox, or handed over within: the house goes on there.
    let fetched = ["POP3", "IMAP", "LMTP"].iter().any(|word| with.starts_with(word));
    if fetched || !received.ip.is_some_and(is_public) {
        return false;
    }
    let of_house = |name: &str| is_public_name(name) && houses.contains(&organization(name));
    match (received.name.as_deref(), received.helo.as_deref()) {
        (Some(name), _) => !of_house(name),
        // What the client calls itself is worth something only when the field below is by that
        // very host; Exchange tells no other name.
        (None, Some(helo)) => {
            let label = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
            let same = below.is_some_and(|below| label(below) == label(helo) || of_house(below));
            !(of_house(helo) && same)
        }
        (None, None) => true,
    }
}

/// Whether an address is one of the internet. Documentation's addresses count: examples use them.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            !(v6.is_loopback() || v6.is_unspecified() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80)
        }
    }
}

/// Delays between neighbours, and where it waited.
fn measure(way: &mut Way) {
    let times: Vec<Option<i64>> = way.hops.iter().map(|hop| hop.received.at).collect();
    let mut before: Option<i64> = None;
    for (hop, at) in way.hops.iter_mut().zip(&times) {
        hop.delay = at.zip(before).map(|(at, before)| at.saturating_sub(before));
        before = at.or(before);
    }
    let delays: Vec<Option<i64>> = way.hops.iter().map(|hop| hop.delay).collect();
    for (index, hop) in way.hops.iter_mut().enumerate() {
        // A clock that is off makes one delay longer and a neighbour negative by as much.
        let neighbours = [index.checked_sub(1), index.checked_add(1)];
        let owed = neighbours.into_iter().flatten().filter_map(|at| *delays.get(at)?).filter(|delay| *delay < 0).min();
        hop.waited = hop.delay.map(|delay| delay.saturating_add(owed.unwrap_or(0)).max(0));
    }
    let first = times.iter().flatten().next();
    let last = times.iter().flatten().next_back();
    way.total = first.zip(last).map(|(first, last)| last.saturating_sub(*first)).filter(|_| way.hops.len() > 1);
    let longest = way.hops.iter().enumerate().filter_map(|(index, hop)| Some((hop.waited?, index)));
    way.slowest = longest.filter(|(waited, _)| *waited > 0).max_by_key(|(waited, _)| *waited).map(|(_, index)| index);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(text: &str) -> Way {
        read(&Message::read(text.as_bytes().to_vec()), &[])
    }

    fn at(minutes: u32) -> String {
        format!("Fri, 27 Nov 2026 {:02}:{:02}:00 +0000", 12 + minutes / 60, minutes % 60)
    }

    #[test]
    fn the_border_is_where_a_stranger_hands_over() {
        let text = format!(
            "Received: from mx.b.example (mx.b.example [198.51.100.1]) by store.b.example with LMTP; {}\n\
             Received: from out.a.example (out.a.example [192.0.2.1]) by mx.b.example with ESMTPS; {}\n\
             Received: from pc (pc [10.0.0.5]) by out.a.example with ESMTPSA; {}\n\n",
            at(20),
            at(19),
            at(0)
        );
        let way = way(&text);
        assert_eq!(way.border, Some(1));
        assert_eq!(way.hops.iter().map(|hop| hop.own).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(way.entry().and_then(|hop| hop.received.ip), "192.0.2.1".parse().ok());
        assert_eq!((way.total, way.slowest), (Some(1200), Some(1)));
        assert_eq!(way.boundary(), Some(2));
    }

    #[test]
    fn a_wrong_clock_is_no_waiting() {
        let text = format!(
            "Received: from c by d.example; {}\nReceived: from b by c.example; {}\nReceived: from a by b.example; {}\n\n",
            at(1),
            at(61),
            at(0)
        );
        let way = way(&text);
        assert_eq!(way.hops.iter().map(|hop| hop.delay).collect::<Vec<_>>(), [None, Some(3660), Some(-3600)]);
        assert_eq!(way.hops.iter().map(|hop| hop.waited).collect::<Vec<_>>(), [None, Some(60), Some(0)]);
    }

    #[test]
    fn gmail_has_an_address_for_a_name() {
        let text = format!(
            "Received: by 2002:a05:1 with SMTP id x; {0}\nAuthentication-Results: mx.google.com; spf=pass\n\
             Received: from m.a.example (m.a.example. [192.0.2.3]) by mx.google.com with ESMTPS; {0}\n\n",
            at(0)
        );
        let way = way(&text);
        assert_eq!(way.border, Some(0));
        assert!(way.hops.iter().all(|hop| hop.own));
    }
}
