//! A world on paper, for tests: zones as text, served at addresses, with faults on demand.
//!
//! No socket is opened and nothing waits. A test reads like the situation it is about:
//!
//! ```text
//! let paper = Paper::small()                               // root, test, good.test; all is well
//!     .serve("127.2.0.2", "good.test", &GOOD.replace("10 mx1", "10 old-mx")) // another copy there
//!     .fault("127.2.0.3", Fault::Says(5))                   // this one answers REFUSED
//!     .sign("good.test", Signing::default())                // signed, and its DS in the zone above
//!     .speaks("127.3.0.1:25", "220 mx1.good.test ESMTP\r\n");
//! let ctx = paper.ctx();                                   // at NOW, hints and anchor set
//! ```
//!
//! - Zone text is zone-file text; names without a dot at the end are below the zone, and the
//!   TTL is 300 unless said. An address may serve many zones; the last text given for an
//!   address and zone counts. Any port will do.
//! - Servers answer as RFC 1034 §4.3.2 has it: referrals with glue, CNAME, wildcards, NXDOMAIN
//!   and NODATA with SOA; REFUSED for zones they do not have. An address that was never named
//!   is silent.
//! - A name with RD=1 is found from the zones of that address only: to make a resolver, serve
//!   the zones it is to know there.
//! - Signing is by Ed25519 with one key a zone, and NSEC. Sign the zones above as well, up to
//!   the root, or the chain has no beginning: [`Paper::signed`] signs all.

mod sign;
mod zone;

pub(crate) use sign::Signing;

use super::{Answered, Ask, Dial, Silence, Transport, Under, Wire, World};
use crate::ctx::{Ctx, Settings};
use crate::dns::{Names, Server, Sources};
use postrider_smtp::{Phase, Timestamp, Trouble, TroubleKind};
use postrider_transport::tls::client::ClientTls;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use zone::Copy;

/// The time in this world: 2026-11-27 12:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_795_780_800_000);

/// The root zone of [`Paper::small`], at 127.2.0.250.
pub(crate) const ROOT: &str = "@ SOA a.root. nobody. 1 1800 900 604800 300
@ NS a.root.
a.root. A 127.2.0.250
test. NS ns.nic.test.
ns.nic.test. A 127.2.0.251
";
/// The zone `test` of [`Paper::small`], at 127.2.0.251.
pub(crate) const TEST: &str = "@ SOA ns.nic hostmaster.nic 1 1800 900 604800 300
@ NS ns.nic
ns.nic A 127.2.0.251
good NS ns1.good
good NS ns2.good
ns1.good A 127.2.0.1
ns2.good A 127.2.0.2
";
/// A healthy zone, at 127.2.0.1 and 127.2.0.2.
pub(crate) const GOOD: &str = "@ 3600 SOA ns1 hostmaster 2026112701 7200 1800 1209600 300
@ 3600 NS ns1
@ 3600 NS ns2
ns1 3600 A 127.2.0.1
ns2 3600 A 127.2.0.2
@ 3600 MX 10 mx1
@ 3600 MX 20 mx2
mx1 3600 A 127.3.0.1
mx2 3600 A 127.3.0.2
@ 3600 TXT \"v=spf1 mx -all\"
_dmarc 3600 TXT \"v=DMARC1; p=reject\"
";

/// What is wrong with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer at all.
    Silent,
    /// No answer by UDP.
    SilentUdp,
    /// No connection by TCP.
    SilentTcp,
    /// The host says that nothing listens.
    Closed,
    /// There is no way there from here.
    Unreachable,
    /// This response code to everything.
    Says(u8),
    /// This response code for one name.
    SaysOf(u8, &'static str),
    /// The answers are right and do not claim authority.
    NoAuthority,
    /// It sends everybody back to the root.
    Upward,
    /// By UDP, every answer is cut off.
    Truncates,
    /// Its answers have a head that promises more records than there are.
    LiesAboutLength,
    /// FORMERR to whatever has an OPT record.
    NoEdns,
    /// Octets that are no DNS message.
    Garbage,
}

/// A world on paper. See the module.
#[derive(Default)]
pub(crate) struct Paper {
    copies: BTreeMap<(IpAddr, String), String>,
    faults: HashMap<IpAddr, Vec<Fault>>,
    signings: HashMap<(Option<IpAddr>, String), Signing>,
    lines: HashMap<SocketAddr, Vec<String>>,
    built: OnceLock<Vec<(IpAddr, Copy)>>,
    keys: sign::Keys,
    asked: Mutex<Vec<Ask>>,
}

impl Paper {
    /// The root, `test` and `good.test`, all well.
    pub(crate) fn small() -> Self {
        Self::default().serve("127.2.0.250", ".", ROOT).serve("127.2.0.251", "test", TEST).serve(
            "127.2.0.1 127.2.0.2",
            "good.test",
            GOOD,
        )
    }

    /// These addresses, with blanks between, serve that zone from that text.
    pub(crate) fn serve(mut self, ips: &str, zone: &str, text: &str) -> Self {
        for ip in ips.split_whitespace() {
            self.copies.insert((ip.parse().unwrap(), zone.to_owned()), text.to_owned());
        }
        self
    }

    /// The server at that address has that fault, besides those it has.
    pub(crate) fn fault(mut self, ip: &str, fault: Fault) -> Self {
        self.faults.entry(ip.parse().unwrap()).or_default().push(fault);
        self
    }

    /// That zone is signed, and its DS stands in the zone above.
    pub(crate) fn sign(mut self, zone: &str, signing: Signing) -> Self {
        self.signings.insert((None, zone.to_owned()), signing);
        self
    }

    /// One server's copy of a signed zone is signed otherwise.
    pub(crate) fn sign_at(mut self, ip: &str, zone: &str, signing: Signing) -> Self {
        self.signings.insert((Some(ip.parse().unwrap()), zone.to_owned()), signing);
        self
    }

    /// All zones there are so far are signed as they should be.
    pub(crate) fn signed(mut self) -> Self {
        let zones: Vec<String> = self.copies.keys().map(|(_, zone)| zone.clone()).collect();
        for zone in zones {
            self.signings.entry((None, zone)).or_default();
        }
        self
    }

    /// Whoever connects there hears this and then the end.
    pub(crate) fn speaks(mut self, to: &str, text: &str) -> Self {
        self.lines.entry(to.parse().unwrap()).or_default().push(text.to_owned());
        self
    }

    /// The settings of a run in this world.
    pub(crate) fn settings(&self) -> Settings {
        let roots = self.copies.keys().filter(|(_, zone)| zone == ".");
        let hints = roots.map(|(ip, _)| Server { name: format!("root{ip}"), ips: vec![*ip] }).collect();
        let anchors = match self.signings.get(&(None, ".".to_owned())) {
            Some(_) => vec![self.keys.anchor(".")],
            None => Vec::new(),
        };
        Settings {
            sources: Sources { hints, port: 53, closed: true, resolvers: Vec::new() },
            anchors,
            ..Settings::default()
        }
    }

    /// Everything a gatherer needs, in this world.
    pub(crate) fn ctx(self) -> Ctx {
        let settings = self.settings();
        self.ctx_with(settings)
    }

    /// The same with other settings.
    pub(crate) fn ctx_with(self, settings: Settings) -> Ctx {
        Ctx::new(Arc::new(self), Arc::new(ClientTls::new(None).unwrap()), NOW, settings)
    }

    /// Just the names of this world.
    pub(crate) fn names(self) -> Names {
        let sources = self.settings().sources;
        Names::new(Arc::new(self), sources)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }

    fn copies(&self) -> &[(IpAddr, Copy)] {
        self.built.get_or_init(|| {
            let build = |((ip, zone), text): (&(IpAddr, String), &String)| {
                let mut copy = Copy::read(zone, text);
                // The DS of every signed zone right below goes into this one.
                for ((at, child), signing) in &self.signings {
                    if at.is_none() && copy.delegates(child) {
                        copy.add(self.keys.ds(child, signing));
                    }
                }
                let own = self.signings.get(&(Some(*ip), zone.clone()));
                if let Some(signing) = own.or_else(|| self.signings.get(&(None, zone.clone()))) {
                    self.keys.sign(&mut copy, signing, NOW);
                }
                (*ip, copy)
            };
            self.copies.iter().map(build).collect()
        })
    }

    fn reply(&self, ask: &Ask) -> Result<Vec<u8>, Silence> {
        let ip = ask.server.ip();
        let faults = self.faults.get(&ip).map(Vec::as_slice).unwrap_or_default();
        let zones: Vec<&Copy> = self.copies().iter().filter(|(at, _)| *at == ip).map(|(_, copy)| copy).collect();
        let has = |fault: &Fault| faults.contains(fault);
        let mute = match ask.by {
            Transport::Udp => has(&Fault::SilentUdp),
            Transport::Tcp => has(&Fault::SilentTcp),
        };
        if mute || has(&Fault::Silent) || (zones.is_empty() && faults.is_empty()) {
            return Err(Silence::TimedOut);
        }
        if has(&Fault::Closed) {
            return Err(Silence::Refused);
        }
        if has(&Fault::Unreachable) {
            return Err(Silence::Unreachable);
        }
        if has(&Fault::Garbage) {
            return Err(Silence::Garbage("it is shorter than the head of a DNS message".into()));
        }
        let code = faults.iter().find_map(|fault| match fault {
            Fault::Says(code) => Some(*code),
            Fault::SaysOf(code, name) if *name == ask.name => Some(*code),
            Fault::NoEdns if ask.edns.is_some() => Some(1),
            _ => None,
        });
        let shape = zone::Shape {
            code,
            authority: !has(&Fault::NoAuthority),
            upward: has(&Fault::Upward),
            truncated: has(&Fault::Truncates) && ask.by == Transport::Udp,
            edns: !has(&Fault::NoEdns),
        };
        let mut octets = zone::reply(&zones, ask, &shape);
        if has(&Fault::LiesAboutLength) {
            // ANCOUNT: nine more than there are.
            octets[7] = octets[7].wrapping_add(9);
        }
        Ok(octets)
    }
}

impl World for Paper {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Under<'a, Answered> {
        self.asked.lock().unwrap().push(ask.clone());
        let answered = Answered { message: self.reply(ask), took: Duration::from_millis(1) };
        Box::pin(std::future::ready(answered))
    }

    fn connect<'a>(&'a self, dial: &'a Dial) -> Under<'a, Result<Wire, Trouble>> {
        let wire = match self.lines.get(&dial.to) {
            Some(lines) => {
                let heard = |text: &String| (Duration::from_millis(1), super::tape::Event::heard(text.as_bytes()));
                let events: VecDeque<_> = lines.iter().map(heard).collect();
                Ok(Wire::script(events, Duration::from_millis(1)))
            }
            None => Err(Trouble {
                phase: Phase::Connect,
                kind: TroubleKind::ConnectionRefused,
                errno: None,
                detail: "nothing listens there".into(),
            }),
        };
        Box::pin(std::future::ready(wire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::iana::Rtype;

    async fn told(names: &Names, name: &str, kind: Rtype) -> String {
        let found = names.iterate(name, kind).await;
        match &found.records {
            Ok(records) => records.iter().map(|rr| rr.data.to_string()).collect::<Vec<_>>().join(", "),
            Err(failure) => failure.to_string(),
        }
    }

    #[tokio::test]
    async fn a_small_world_answers_from_the_root_down() {
        let good = format!("{GOOD}www CNAME mx1\n*.wild TXT \"w\"\nout CNAME gone\na.b.c A 127.0.0.9\n");
        let names = Paper::small().serve("127.2.0.1 127.2.0.2", "good.test", &good).names();
        assert_eq!(told(&names, "good.test", Rtype::MX).await, "10 mx1.good.test, 20 mx2.good.test");
        assert_eq!(told(&names, "www.good.test", Rtype::A).await, "127.3.0.1");
        assert_eq!(told(&names, "x.wild.good.test", Rtype::TXT).await, "\"w\"");
        for (name, kind) in [("good.test", Rtype::TLSA), ("b.c.good.test", Rtype::A), ("x.wild.good.test", Rtype::A)] {
            let found = names.iterate(name, kind).await;
            assert!(matches!(found.records, Err(postrider_dns::Failure::NoData { .. })), "{name}: {found:?}");
        }
        for name in ["no.good.test", "bad.test", "out.good.test"] {
            let found = names.iterate(name, Rtype::A).await;
            assert!(matches!(found.records, Err(postrider_dns::Failure::NoSuchDomain { .. })), "{name}: {found:?}");
        }
    }

    #[tokio::test]
    async fn faults_show() {
        for (fault, want) in [
            (Fault::Silent, "no answer"),
            (Fault::Closed, "nothing listens on port 53"),
            (Fault::Says(5), "REFUSED"),
            (Fault::NoAuthority, "does not claim authority"),
            (Fault::Upward, "sends us elsewhere"),
            (Fault::LiesAboutLength, "makes no sense"),
        ] {
            let names = Paper::small().fault("127.2.0.1", fault.clone()).fault("127.2.0.2", fault).names();
            let said = told(&names, "good.test", Rtype::MX).await;
            assert!(said.contains(want), "{want}: {said}");
        }
    }

    #[tokio::test]
    async fn a_signed_world_has_signatures_and_an_anchor() {
        let late = Signing { until: -60, ..Signing::default() };
        let paper = Paper::small()
            .signed()
            .sign("test", Signing::default())
            .sign_at("127.2.0.2", "good.test", late)
            .fault("127.2.0.1", Fault::SaysOf(2, "_dmarc.good.test"))
            .speaks("127.3.0.1:25", "220 hello\r\n");
        let paper = Arc::new(paper);
        let names = Names::new(paper.clone(), paper.settings().sources);
        assert!(paper.settings().anchors[0].starts_with(". IN DNSKEY 257 3 15 "));
        let (packet, _) = names.authoritative("good.test", Rtype::DS, 0).await.unwrap();
        assert_eq!(packet.answers.len(), 2, "a DS and its signature: {packet:?}");
        let (packet, server) = names.authoritative("_dmarc.good.test", Rtype::TXT, 0).await.unwrap();
        assert_eq!((packet.answers.len(), server.ip().to_string().as_str()), (2, "127.2.0.2"));
        assert!(paper.asked().iter().any(|ask| ask.kind == Rtype::DS));
        let dial = Dial { to: "127.3.0.1:25".parse().unwrap(), purpose: "mail".into(), limit: Duration::from_secs(1) };
        let mut wire = paper.connect(&dial).await.unwrap();
        assert_eq!(wire.hear(Duration::from_secs(1)).await.unwrap(), b"220 hello\r\n");
        let ctx = Paper::small().ctx();
        assert_eq!(ctx.addresses("mx1.good.test").await.0.len(), 1);
    }
}
