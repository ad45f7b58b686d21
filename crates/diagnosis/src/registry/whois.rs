//! Reading WHOIS answers (RFC 3912), which have no form at all.
//!
//! Most are lines of a label and a value; some put values in lines below a heading. The labels
//! are data, a table for all registries together, and so are the phrases by which servers say
//! that a domain is free, or that they were asked too often. What is not recognised is left out.

use super::bootstrap::rows;
use super::{Ds, Field, Registration, Said, Secure, State, Status, canonical, date, plain};
use std::net::IpAddr;

const LABELS: &str = include_str!("data/whois-labels.tsv");
const PHRASES: &str = include_str!("data/whois-phrases.tsv");
const LINES_MAX: usize = 2000;
const LIST_MAX: usize = 40;
const VALUE_MAX: usize = 300;

/// What a WHOIS answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A record of the domain.
    Found(Box<Registration>),
    /// Somebody else knows: the host, and its port when it is not 43.
    Ask(Server),
    /// Nobody holds the domain; the line that says so.
    Free(String),
    /// The server does not want to tell; the line that says so.
    Refused(String),
    /// Nothing this program understands; the first line of it.
    Unreadable(String),
}

/// A WHOIS server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.port, self.host.contains(':')) {
            (PORT, _) => f.write_str(&self.host),
            (port, true) => write!(f, "[{}]:{port}", self.host),
            (port, false) => write!(f, "{}:{port}", self.host),
        }
    }
}

const PORT: u16 = 43;

impl Server {
    /// Reads `host`, `host:port`, `[address]:port` or `whois://host[:port]`.
    pub fn read(text: &str) -> Option<Self> {
        let bare = text.trim();
        let bare = ["whois://", "rwhois://", "//"].iter().find_map(|scheme| bare.strip_prefix(scheme)).unwrap_or(bare);
        // A page about WHOIS is no WHOIS server.
        if bare.contains("://") {
            return None;
        }
        let bare = bare.trim_end_matches('/').split_whitespace().next()?;
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self { host: address.to_string(), port: PORT });
        }
        let (host, port) = match bare.strip_prefix('[') {
            Some(rest) => match rest.split_once(']')? {
                (host, "") => (host, PORT),
                (host, port) => (host, port.strip_prefix(':')?.parse().ok()?),
            },
            None => match bare.rsplit_once(':') {
                Some((host, port)) => (host, port.parse().ok()?),
                None => (bare, PORT),
            },
        };
        let is_address = host.parse::<IpAddr>().is_ok();
        let is_name = host.contains('.') || host == "localhost";
        let is_clean = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if port != 0 && (is_address || (is_name && is_clean)) {
            Some(Self { host: host.to_ascii_lowercase(), port })
        } else {
            None
        }
    }
}

/// The line to send for a domain; some servers want to be asked in their own way.
pub fn question(server: &Server, domain: &str) -> String {
    match server.host.as_str() {
        // Without the word it looks for hosts and registrars of that name as well.
        "whois.verisign-grs.com" => format!("domain {domain}\r\n"),
        "whois.denic.de" => format!("-T dn,ace {domain}\r\n"),
        // In English, please.
        "whois.jprs.jp" => format!("{domain}/e\r\n"),
        _ => format!("{domain}\r\n"),
    }
}

/// Reads an answer to a question about `domain`.
pub fn read(octets: &[u8], domain: &str) -> Answer {
    let text = String::from_utf8_lossy(octets);
    let tld = domain.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let mut reader = Reader { tld: &tld, ..Reader::default() };
    for (index, line) in text.lines().take(LINES_MAX).enumerate() {
        reader.line(index + 1, line);
    }
    let phrase = |kind: &str| text.lines().take(LINES_MAX).find(|line| says(line, kind)).map(shortened);
    let record = reader.record;
    let asked = canonical(domain);
    let ours = record.domain.is_none() || record.domain == asked;
    let free = phrase("free");
    let told = record.created.is_some() || record.expires.is_some() || record.nameservers.is_some();
    if ours && !record.is_empty() && (free.is_none() || told) {
        return Answer::Found(Box::new(record.plain()));
    }
    if let Some(server) = reader.refer {
        return Answer::Ask(server);
    }
    if let Some(line) = free {
        return Answer::Free(line);
    }
    match phrase("limit") {
        Some(line) => Answer::Refused(line),
        None => Answer::Unreadable(text.lines().map(shortened).find(|line| !line.is_empty()).unwrap_or_default()),
    }
}

/// The registrar's own WHOIS server, when a record names one.
pub fn registrar_server(record: &Registration) -> Option<Server> {
    let line = record.words(Field::RegistrarWhois).next()?;
    Server::read(line.text.split_once(':')?.1)
}

fn shortened(line: &str) -> String {
    plain(line.trim()).chars().take(160).collect()
}

fn says(line: &str, kind: &str) -> bool {
    let lower: String = line.trim().chars().take(200).collect::<String>().to_lowercase();
    let squeezed = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    rows(PHRASES).filter(|(_, says)| *says == kind).any(|(phrase, _)| match phrase.strip_prefix('^') {
        Some(start) => squeezed.starts_with(start) || squeezed.trim_start_matches(['%', '#', ' ']).starts_with(start),
        // Terms of use speak of limits at length; only short lines refuse.
        None => squeezed.len() < 120 && squeezed.contains(phrase),
    })
}

#[derive(Default)]
struct Reader<'a> {
    tld: &'a str,
    record: Registration,
    refer: Option<Server>,
    /// The heading whose values are being read.
    section: Option<String>,
    /// Whether a value of the section was seen.
    begun: bool,
    /// Within a paragraph about a person.
    foreign: bool,
    fresh: bool,
}

/// Labels that begin a paragraph about somebody, with dates of its own.
const PEOPLE: &[&str] =
    &["nic-hdl", "contact", "person", "role", "nic-hdl-br", "tech-c", "zone-c", "admin-c", "contact id", "holder-c"];

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) {
        let bare = line.trim();
        if bare.is_empty() {
            self.fresh = true;
            self.foreign = false;
            // Some leave a line free between a heading and its values.
            if self.begun {
                self.section = None;
            }
            return;
        }
        if bare.starts_with(['%', '#', ';']) || bare.starts_with(">>>") || bare.starts_with("--") {
            return;
        }
        let first_of_paragraph = std::mem::take(&mut self.fresh);
        let (label, value) = split(bare);
        if let Some(label) = &label
            && first_of_paragraph
            && PEOPLE.contains(&label.as_str())
        {
            self.foreign = true;
        }
        let field = label.as_deref().and_then(|label| self.field(label));
        match (field, label) {
            (Some(field), Some(label)) if !value.is_empty() => {
                self.take(field, value, bare, number);
                // .pl goes on below with further name servers.
                if field == Field::Nameserver && !line.starts_with([' ', '\t']) {
                    self.section = Some(label);
                    self.begun = true;
                } else if self.section.as_deref().is_none_or(|section| field_of(section).is_some()) {
                    self.keep_section_while_indented(line);
                }
            }
            (_, Some(label)) if value.is_empty() => {
                self.foreign = PEOPLE.contains(&label.as_str());
                self.section = Some(label);
                self.begun = false;
            }
            (None, Some(_)) => self.begun = true,
            (_, None) => self.value(line, bare, number),
            (Some(_), Some(_)) => {}
        }
    }

    fn keep_section_while_indented(&mut self, line: &str) {
        if !line.starts_with([' ', '\t']) {
            self.section = None;
        }
    }

    /// A line without a label: a value below a heading, or a heading without a colon.
    fn value(&mut self, line: &str, bare: &str, number: usize) {
        let heading = bare.to_ascii_lowercase();
        let is_heading = field_of(&heading).is_some() && !line.starts_with([' ', '\t']) && !bare.contains('.');
        if is_heading || matches!(heading.as_str(), "relevant dates" | "registrant" | "technical contacts") {
            self.section = Some(heading);
            self.begun = false;
            return;
        }
        let Some(section) = self.section.clone() else { return };
        let Some(field) = field_of(&section) else {
            self.begun = true;
            return;
        };
        let field = match field {
            // "Abuse Contact:" with a phone number and an address below.
            Field::AbuseEmail if !bare.contains('@') => Field::AbusePhone,
            field => field,
        };
        // Below "Registrar:" comes the name first, then streets and towns.
        let many = matches!(field, Field::Nameserver | Field::Status | Field::AbuseEmail | Field::AbusePhone);
        if many || !self.begun {
            let value = if field == Field::Registrar { bare.split(" [Tag =").next().unwrap_or(bare) } else { bare };
            self.take(field, value, bare, number);
        }
        self.begun = true;
    }

    fn field(&self, label: &str) -> Option<Field> {
        let within = self.section.as_ref().and_then(|section| field_of(&format!("{section}/{label}")));
        within.or_else(|| field_of(label)).filter(|field| {
            let dated =
                matches!(field, Field::Created | Field::Changed | Field::Expires | Field::Status | Field::Domain);
            !(self.foreign && dated)
        })
    }

    fn take(&mut self, field: Field, value: &str, line: &str, number: usize) {
        let value: String = value.trim().chars().take(VALUE_MAX).collect();
        if value.is_empty() {
            return;
        }
        let taken = self.store(field, value);
        if taken && self.record.said.len() < 200 {
            self.record.said.push(Said { field, text: shortened(line), line: Some(number) });
        }
    }

    /// Whether the value was of use.
    fn store(&mut self, field: Field, value: String) -> bool {
        let record = &mut self.record;
        let place = match field {
            Field::Refer => {
                let server = Server::read(&value);
                let new = self.refer.is_none() && server.is_some();
                self.refer = self.refer.take().or(server);
                return new;
            }
            Field::RegistrarWhois => return record.words(Field::RegistrarWhois).next().is_none(),
            Field::Created | Field::Changed | Field::Expires => {
                let place = match field {
                    Field::Created => &mut record.created,
                    Field::Changed => &mut record.changed,
                    _ => &mut record.expires,
                };
                if place.is_none() {
                    *place = date::read(&value, self.tld);
                    return place.is_some();
                }
                return false;
            }
            Field::Status => return status(record, &value),
            Field::Nameserver => return nameservers(record, &value),
            Field::Dnssec => return dnssec(record, &value),
            Field::Ds => return ds(record, &value),
            Field::Domain => {
                let name = value.split_whitespace().next().and_then(canonical);
                if record.domain.is_none() && name.as_deref().is_some_and(|name| !name.contains('[')) {
                    record.domain = name;
                    return true;
                }
                return false;
            }
            Field::Registrar => &mut record.registrar,
            Field::RegistrarId => &mut record.registrar_id,
            Field::RegistrarUrl => &mut record.registrar_url,
            Field::AbuseEmail if !value.contains('@') => return false,
            Field::AbuseEmail => &mut record.abuse_email,
            Field::AbusePhone => &mut record.abuse_phone,
            Field::Holder => &mut record.holder,
        };
        if place.is_none() {
            *place = Some(value);
            return true;
        }
        false
    }
}

fn status(record: &mut Registration, value: &str) -> bool {
    // `Status: ok, clientTransferProhibited` and `REGISTERED, DELEGATED, VERIFIED` look alike.
    let whole = State::read(value);
    let parts: Vec<&str> = if whole == State::Other && value.contains(',') {
        value.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    } else {
        vec![value]
    };
    for part in parts {
        if record.statuses.len() < LIST_MAX && !record.statuses.iter().any(|known| known.text == part) {
            record.statuses.push(Status { text: part.to_owned(), state: State::read(part) });
        }
    }
    true
}

fn nameservers(record: &mut Registration, value: &str) -> bool {
    let mut taken = false;
    for word in value.split([' ', '\t', ',', '(', '[', '|']) {
        let word = word.trim_end_matches([')', ']', '.']);
        let host = word.contains('.')
            && word.parse::<IpAddr>().is_err()
            && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
            && word.rsplit('.').next().is_some_and(|last| last.chars().any(char::is_alphabetic));
        let names = record.nameservers.as_deref().unwrap_or_default();
        if host
            && names.len() < LIST_MAX
            && let Some(name) = canonical(word)
            && !names.contains(&name)
        {
            record.nameservers.get_or_insert_default().push(name);
            taken = true;
        }
    }
    taken
}

fn dnssec(record: &mut Registration, value: &str) -> bool {
    if record.secure != Secure::Unsaid {
        return false;
    }
    let word = value.to_ascii_lowercase();
    record.secure = match word.split_whitespace().next().unwrap_or_default() {
        "signeddelegation" | "signed" | "yes" | "active" => Secure::Signed(Vec::new()),
        "unsigned" | "no" | "inactive" | "unsigneddelegation" => Secure::Unsigned,
        _ => return false,
    };
    true
}

/// `370 13 2 BE74…`, the digest in one piece or several.
fn ds(record: &mut Registration, value: &str) -> bool {
    let mut words = value.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<u16>().ok());
    let (Some(key_tag), Some(algorithm), Some(digest_type)) = (number(), number(), number()) else { return false };
    let digest: String = words.collect::<String>().to_ascii_uppercase();
    let (Ok(algorithm), Ok(digest_type)) = (u8::try_from(algorithm), u8::try_from(digest_type)) else { return false };
    if digest.len() < 40 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    let ds = Ds { key_tag, algorithm, digest_type, digest };
    match &mut record.secure {
        Secure::Signed(records) if records.len() < LIST_MAX => records.push(ds),
        Secure::Signed(_) => return false,
        other => *other = Secure::Signed(vec![ds]),
    }
    true
}

fn field_of(label: &str) -> Option<Field> {
    let (_, name) = rows(LABELS).find(|(known, _)| *known == label)?;
    field_named(name)
}

fn field_named(name: &str) -> Option<Field> {
    Some(match name {
        "domain" => Field::Domain,
        "registrar" => Field::Registrar,
        "registrar-id" => Field::RegistrarId,
        "registrar-url" => Field::RegistrarUrl,
        "registrar-whois" => Field::RegistrarWhois,
        "abuse-email" => Field::AbuseEmail,
        "abuse-phone" => Field::AbusePhone,
        "holder" => Field::Holder,
        "status" => Field::Status,
        "created" => Field::Created,
        "changed" => Field::Changed,
        "expires" => Field::Expires,
        "nameserver" => Field::Nameserver,
        "dnssec" => Field::Dnssec,
        "ds" => Field::Ds,
        "refer" => Field::Refer,
        _ => return None,
    })
}

/// The label of a line, brought into the form of the table, and its value.
fn split(line: &str) -> (Option<String>, &str) {
    // "a. [Domain Name]   EXAMPLE.CO.JP"
    let unnumbered = match line.split_once(". [") {
        Some((letter, _)) if letter.len() <= 2 => &line[letter.len() + 2..],
        _ => line,
    };
    if let Some((label, value)) = unnumbered.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (Some(normal(label)), value.trim());
    }
    // "Record expires on 2026-11-30 12:00:00 (UTC+8)"
    for start in ["Record expires on ", "Record created on "] {
        if let Some(value) = line.strip_prefix(start) {
            return (Some(normal(start)), value.trim());
        }
    }
    match line.split_once(':') {
        Some((label, value)) if label.len() <= 60 && !value.starts_with("//") => (Some(normal(label)), value.trim()),
        // "Domain nameservers" columns by dots only: "ns1....... x" do not occur.
        _ => (None, line),
    }
}

fn normal(label: &str) -> String {
    let bare = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '*' | '-' | '[' | ']'));
    let lower = bare.to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "whois_tests.rs"]
mod tests;
