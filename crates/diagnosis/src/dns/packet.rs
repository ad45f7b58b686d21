//! A DNS message, read as far as diagnosis needs it.
//!
//! Reading is lenient: a record that makes no sense is kept as [`Data::Odd`], and only a
//! message whose sections cannot be walked is [`NotAPacket`].

use bytes::Bytes;
use domain::base::iana::Rtype;
use domain::base::opt::ExtendedError;
use domain::base::{Message, ParsedName, Record};
use domain::rdata::AllRecordData;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A record as the DNS library reads it.
type Parsed<'a> = Record<ParsedName<&'a [u8]>, AllRecordData<&'a [u8], ParsedName<&'a [u8]>>>;

/// Records that are kept of one message.
const RECORDS_MAX: usize = 2_000;

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a DNS message: {0}")]
pub struct NotAPacket(String);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packet {
    /// The response code, with the extended bits of EDNS.
    pub rcode: u16,
    /// The server says that it is authoritative (AA).
    pub authoritative: bool,
    /// It did not fit (TC).
    pub truncated: bool,
    /// The server would recurse (RA).
    pub recursive: bool,
    /// The server vouches for it by DNSSEC (AD).
    pub authentic: bool,
    /// Whether the server speaks EDNS.
    pub edns: bool,
    /// Extended errors (RFC 8914): number and text.
    pub extended: Vec<(u16, String)>,
    /// The answer section.
    pub answers: Vec<Rr>,
    /// The authority section.
    pub authority: Vec<Rr>,
    /// The additional section, without OPT.
    pub additional: Vec<Rr>,
    /// The message as it came.
    pub octets: Bytes,
    /// How long it took to come; nothing where it was read without being asked for.
    pub took: Duration,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rr {
    /// Its owner, lower case, without the trailing dot.
    pub name: String,
    /// Its type.
    pub kind: Rtype,
    /// How many seconds it may be kept.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says. Names are lower case, without the trailing dot; the root is `"."`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the fields are those of the RFCs")]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx {
        preference: u16,
        exchange: String,
    },
    Ns(String),
    Cname(String),
    Ptr(String),
    /// The strings as they stand in the record.
    Txt(Vec<Vec<u8>>),
    Soa {
        primary: String,
        mailbox: String,
        serial: u32,
        refresh: u32,
        retry: u32,
        expire: u32,
        minimum: u32,
    },
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: String,
    },
    Tlsa {
        usage: u8,
        selector: u8,
        matching: u8,
        data: Vec<u8>,
    },
    Caa {
        flags: u8,
        tag: String,
        value: Vec<u8>,
    },
    Ds {
        tag: u16,
        algorithm: u8,
        digest_type: u8,
        digest: Vec<u8>,
    },
    Dnskey {
        flags: u16,
        algorithm: u8,
        tag: u16,
        key: Vec<u8>,
    },
    Rrsig {
        covered: u16,
        algorithm: u8,
        original_ttl: u32,
        expiration: u32,
        inception: u32,
        tag: u16,
        signer: String,
    },
    Nsec3Param {
        algorithm: u8,
        iterations: u16,
        salt: usize,
    },
    /// Of another type, or of one of these and broken.
    Odd(Vec<u8>),
}

impl Packet {
    /// Reads a message.
    pub fn read(octets: &[u8]) -> Result<Self, NotAPacket> {
        let broken = |error: &dyn fmt::Display| NotAPacket(error.to_string());
        let message = Message::from_slice(octets).map_err(|error| broken(&error))?;
        let header = message.header();
        let mut packet = Self {
            rcode: message.opt_rcode().to_int(),
            authoritative: header.aa(),
            truncated: header.tc(),
            recursive: header.ra(),
            authentic: header.ad(),
            octets: Bytes::copy_from_slice(octets),
            ..Self::default()
        };
        if let Some(opt) = message.opt() {
            packet.edns = true;
            for error in opt.opt().iter::<ExtendedError<_>>().flatten().take(8) {
                let text = error.text_slice().map(|text| String::from_utf8_lossy(text).into_owned());
                packet.extended.push((error.code().to_int(), text.unwrap_or_default()));
            }
        }
        let (_, answer, authority, additional) = message.sections().map_err(|error| broken(&error))?;
        for (section, into) in
            [(answer, &mut packet.answers), (authority, &mut packet.authority), (additional, &mut packet.additional)]
        {
            for record in section {
                // RFC 2181 §9: a truncated message may end within a record.
                let record = match record {
                    Ok(record) => record,
                    Err(_) if packet.truncated => break,
                    Err(error) => return Err(broken(&error)),
                };
                if record.rtype() != Rtype::OPT && into.len() < RECORDS_MAX {
                    into.push(Rr {
                        name: text(&record.owner()),
                        kind: record.rtype(),
                        ttl: record.ttl().as_secs(),
                        data: match record.to_record::<AllRecordData<_, _>>() {
                            Ok(Some(record)) => Data::from_record(&record),
                            _ => Data::Odd(Vec::new()),
                        },
                    });
                }
            }
        }
        Ok(packet)
    }

    /// What a server of a zone answers when it is asked for its SOA.
    #[cfg(test)]
    pub(crate) fn soa_of(zone: &str) -> Self {
        let data = Data::Soa {
            primary: format!("ns1.{zone}"),
            mailbox: format!("hostmaster.{zone}"),
            serial: 2_026_112_701,
            refresh: 7200,
            retry: 3600,
            expire: 1_209_600,
            minimum: 3600,
        };
        let soa = Rr { name: zone.to_owned(), kind: Rtype::SOA, ttl: 3600, data };
        Self { authoritative: true, answers: vec![soa], ..Self::default() }
    }

    /// The response code by its usual name.
    pub fn rcode_name(&self) -> String {
        match self.rcode {
            0 => "NOERROR".into(),
            1 => "FORMERR".into(),
            2 => "SERVFAIL".into(),
            3 => "NXDOMAIN".into(),
            4 => "NOTIMP".into(),
            5 => "REFUSED".into(),
            9 => "NOTAUTH".into(),
            16 => "BADVERS".into(),
            other => format!("RCODE {other}"),
        }
    }

    /// The answers of that type, whoever owns them.
    pub fn of(&self, kind: Rtype) -> impl Iterator<Item = &Rr> {
        self.answers.iter().filter(move |rr| rr.kind == kind)
    }

    /// The start of authority in the authority section: of which zone nothing is (RFC 2308 §2).
    pub fn denial(&self) -> Option<(&str, u32)> {
        self.authority.iter().find_map(|rr| match &rr.data {
            Data::Soa { minimum, .. } => Some((rr.name.as_str(), rr.ttl.min(*minimum))),
            _ => None,
        })
    }

    /// Whether it sends us on to the servers of a zone below (RFC 1034 §4.3.2).
    pub fn referral(&self) -> Option<&str> {
        let ns = self.authority.iter().find(|rr| rr.kind == Rtype::NS)?;
        let answered = !self.answers.is_empty() || self.authority.iter().any(|rr| rr.kind == Rtype::SOA);
        (self.rcode == 0 && !answered).then_some(ns.name.as_str())
    }
}

impl Data {
    fn from_record(record: &Parsed<'_>) -> Self {
        use AllRecordData as All;
        match record.data() {
            All::A(a) => Self::A(a.addr()),
            All::Aaaa(a) => Self::Aaaa(a.addr()),
            All::Mx(mx) => Self::Mx { preference: mx.preference(), exchange: text(mx.exchange()) },
            All::Ns(ns) => Self::Ns(text(ns.nsdname())),
            All::Cname(cname) => Self::Cname(text(cname.cname())),
            All::Ptr(ptr) => Self::Ptr(text(ptr.ptrdname())),
            All::Txt(txt) => Self::Txt(txt.iter().map(<[u8]>::to_vec).collect()),
            All::Soa(soa) => Self::Soa {
                primary: text(soa.mname()),
                mailbox: text(soa.rname()),
                serial: soa.serial().into_int(),
                refresh: soa.refresh().as_secs(),
                retry: soa.retry().as_secs(),
                expire: soa.expire().as_secs(),
                minimum: soa.minimum().as_secs(),
            },
            All::Srv(srv) => Self::Srv {
                priority: srv.priority(),
                weight: srv.weight(),
                port: srv.port(),
                target: text(srv.target()),
            },
            All::Tlsa(tlsa) => Self::Tlsa {
                usage: tlsa.usage().to_int(),
                selector: tlsa.selector().to_int(),
                matching: tlsa.matching_type().to_int(),
                data: tlsa.data().to_vec(),
            },
            All::Caa(caa) => {
                Self::Caa { flags: caa.flags().bits(), tag: caa.tag().to_string(), value: caa.value().to_vec() }
            }
            All::Ds(ds) => Self::Ds {
                tag: ds.key_tag(),
                algorithm: ds.algorithm().to_int(),
                digest_type: ds.digest_type().to_int(),
                digest: ds.digest().to_vec(),
            },
            All::Dnskey(key) => Self::Dnskey {
                flags: key.flags(),
                algorithm: key.algorithm().to_int(),
                tag: key.key_tag(),
                key: key.public_key().to_vec(),
            },
            All::Rrsig(sig) => Self::Rrsig {
                covered: sig.type_covered().to_int(),
                algorithm: sig.algorithm().to_int(),
                original_ttl: sig.original_ttl().as_secs(),
                expiration: sig.expiration().into_int(),
                inception: sig.inception().into_int(),
                tag: sig.key_tag(),
                signer: text(sig.signer_name()),
            },
            All::Nsec3param(param) => Self::Nsec3Param {
                algorithm: param.hash_algorithm().to_int(),
                iterations: param.iterations(),
                salt: param.salt().as_slice().len(),
            },
            _ => Self::Odd(Vec::new()),
        }
    }

    /// The address it is, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::A(ip) => Some((*ip).into()),
            Self::Aaaa(ip) => Some((*ip).into()),
            _ => None,
        }
    }

    /// The strings of a TXT record as one text, without a space between (RFC 7208 §3.3).
    pub fn txt(&self) -> Option<String> {
        match self {
            Self::Txt(strings) => Some(String::from_utf8_lossy(&strings.concat()).into_owned()),
            _ => None,
        }
    }
}

/// A name as we write names.
fn text(name: &impl fmt::Display) -> String {
    let name = name.to_string().to_ascii_lowercase();
    let bare = name.strip_suffix('.').unwrap_or(&name);
    if bare.is_empty() { ".".to_owned() } else { bare.to_owned() }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// As zone files have it.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(ip) => write!(f, "{ip}"),
            Self::Aaaa(ip) => write!(f, "{ip}"),
            Self::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Self::Ns(name) | Self::Cname(name) | Self::Ptr(name) => f.write_str(name),
            Self::Txt(strings) => {
                let quoted: Vec<String> = strings
                    .iter()
                    .map(|string| {
                        let text = String::from_utf8_lossy(string).replace('\\', "\\\\").replace('"', "\\\"");
                        format!("\"{text}\"")
                    })
                    .collect();
                f.write_str(&quoted.join(" "))
            }
            Self::Soa { primary, mailbox, serial, refresh, retry, expire, minimum } => {
                write!(f, "{primary} {mailbox} {serial} {refresh} {retry} {expire} {minimum}")
            }
            Self::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Tlsa { usage, selector, matching, data } => {
                write!(f, "{usage} {selector} {matching} {}", hex(data))
            }
            Self::Caa { flags, tag, value } => write!(f, "{flags} {tag} \"{}\"", String::from_utf8_lossy(value)),
            Self::Ds { tag, algorithm, digest_type, digest } => {
                write!(f, "{tag} {algorithm} {digest_type} {}", hex(digest))
            }
            Self::Dnskey { flags, algorithm, tag, .. } => write!(f, "{flags} 3 {algorithm} (key {tag})"),
            Self::Rrsig { covered, algorithm, tag, signer, .. } => {
                write!(f, "{} {algorithm} by key {tag} of {signer}", Rtype::from_int(*covered))
            }
            Self::Nsec3Param { algorithm, iterations, salt } => {
                write!(f, "{algorithm} {iterations} ({salt} octets of salt)")
            }
            Self::Odd(_) => f.write_str("(not read)"),
        }
    }
}
