//! Where the root is: the built-in table of its servers, and a reader of root hints files.
//!
//! A hints file is what `named.root` is (NS, A and AAAA lines in zone-file form), or one server
//! a line as `name address…`. Both may be mixed; comments begin with `;` or `#`.

use super::names::{Server, plain};
use std::net::IpAddr;

/// A hints file with more servers than this is not one.
const SERVERS_MAX: usize = 64;

/// The root's servers, as IANA has published them since 2023-11-27.
const IANA: [(&str, &str, &str); 13] = [
    ("a.root-servers.net", "198.41.0.4", "2001:503:ba3e::2:30"),
    ("b.root-servers.net", "170.247.170.2", "2801:1b8:10::b"),
    ("c.root-servers.net", "192.33.4.12", "2001:500:2::c"),
    ("d.root-servers.net", "199.7.91.13", "2001:500:2d::d"),
    ("e.root-servers.net", "192.203.230.10", "2001:500:a8::e"),
    ("f.root-servers.net", "192.5.5.241", "2001:500:2f::f"),
    ("g.root-servers.net", "192.112.36.4", "2001:500:12::d0d"),
    ("h.root-servers.net", "198.97.190.53", "2001:500:1::53"),
    ("i.root-servers.net", "192.36.148.17", "2001:7fe::53"),
    ("j.root-servers.net", "192.58.128.30", "2001:503:c27::2:30"),
    ("k.root-servers.net", "193.0.14.129", "2001:7fd::1"),
    ("l.root-servers.net", "199.7.83.42", "2001:500:9f::42"),
    ("m.root-servers.net", "202.12.27.33", "2001:dc3::35"),
];

/// Why a text is no list of root servers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHints {
    /// A line of it says nothing that belongs there.
    #[error(
        "line {0} of the root hints cannot be read: {1}; it is to be an NS, A or AAAA record, or a name and its addresses"
    )]
    Line(usize, String),
    /// No server in it has an address.
    #[error("the root hints name no server with an address")]
    Empty,
}

/// The root servers of the internet.
pub fn iana() -> Vec<Server> {
    let server = |(name, four, six): (&str, &str, &str)| Server {
        name: name.to_owned(),
        ips: [four, six].iter().filter_map(|ip| ip.parse().ok()).collect(),
    };
    IANA.into_iter().map(server).collect()
}

/// Reads a hints file.
///
/// ```
/// use postrider_diagnosis::dns::hints;
/// let text = ".  3600000  NS  A.ROOT-SERVERS.NET.\nA.ROOT-SERVERS.NET.  3600000  A  198.41.0.4\n";
/// assert_eq!(hints::read(text).unwrap()[0].name, "a.root-servers.net");
/// assert!(hints::read("<html>").is_err());
/// ```
pub fn read(text: &str) -> Result<Vec<Server>, NotHints> {
    let mut servers: Vec<Server> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split([';', '#']).next().unwrap_or_default().split_whitespace().collect();
        // $TTL and $ORIGIN say nothing that is needed here: names in hints are absolute.
        let Some(first) = words.first().filter(|word| !word.starts_with('$')) else { continue };
        let bad = || NotHints::Line(index + 1, line.trim().chars().take(60).collect());
        let (name, ips) = match kind_of(&words) {
            Some(("NS", [target])) if servers.len() < SERVERS_MAX => (plain(target), Vec::new()),
            Some(("A" | "AAAA", [ip])) => (plain(first), vec![ip.parse().map_err(|_| bad())?]),
            None if words.len() >= 2 => {
                (plain(first), words[1..].iter().map(|ip| ip.parse()).collect::<Result<_, _>>().map_err(|_| bad())?)
            }
            _ => return Err(bad()),
        };
        add(&mut servers, name, ips);
    }
    servers.retain(|server| !server.ips.is_empty());
    if servers.is_empty() { Err(NotHints::Empty) } else { Ok(servers) }
}

/// The type of a line in zone-file form and its data; TTL and class may stand before in any order.
fn kind_of<'a>(words: &'a [&'a str]) -> Option<(&'static str, &'a [&'a str])> {
    let at = words.iter().skip(1).take(3).position(|word| is_type(word).is_some())? + 1;
    Some((is_type(words[at])?, &words[at + 1..]))
}

fn is_type(word: &str) -> Option<&'static str> {
    ["NS", "A", "AAAA"].into_iter().find(|kind| word.eq_ignore_ascii_case(kind))
}

fn add(servers: &mut Vec<Server>, name: String, ips: Vec<IpAddr>) {
    match servers.iter().position(|server| server.name == name) {
        Some(at) => {
            let server = &mut servers[at];
            for ip in ips {
                if !server.ips.contains(&ip) {
                    server.ips.push(ip);
                }
            }
        }
        None if servers.len() < SERVERS_MAX => servers.push(Server { name, ips }),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match read(text) {
            Ok(servers) => {
                let told = |server: &Server| format!("{} {:?}", server.name, server.ips);
                servers.iter().map(told).collect::<Vec<_>>().join("; ")
            }
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn every_root_server_has_both_addresses() {
        let servers = iana();
        assert_eq!(servers.len(), 13);
        assert!(servers.iter().all(|server| server.ips.len() == 2), "{servers:?}");
    }

    #[test]
    fn hints_in_the_forms_people_have() {
        let named = "; This file\n.      3600000      NS    A.ROOT.TEST.\nA.ROOT.TEST. 3600000 IN A 192.0.2.1\nA.ROOT.TEST. 3600000 AAAA 2001:db8::1 ; v6\n";
        assert_eq!(told(named), "a.root.test [192.0.2.1, 2001:db8::1]");
        assert_eq!(told("$TTL 5\na. 127.0.0.1\n# x\nb 127.0.0.2 ::1\n"), "a [127.0.0.1]; b [127.0.0.2, ::1]");
        assert_eq!(told(". IN NS a.\n"), "the root hints name no server with an address");
        assert_eq!(told(""), "the root hints name no server with an address");
        assert!(told("a.\tA\t999.0.0.1").starts_with("line 1 of the root hints cannot be read: a.\tA\t999.0.0.1"));
        assert!(told("\n\nlonely").starts_with("line 3 of the root hints"));
    }
}
