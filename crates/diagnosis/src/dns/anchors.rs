//! What is trusted without proof: DNSSEC trust anchors.
//!
//! Read from a file as any validator has it: DS or DNSKEY records in zone-file form, Unbound's
//! `root.key` with its comments, or BIND's `trust-anchors { … };`, `managed-keys` and
//! `trusted-keys`. What is read is kept as a line of zone file each, which is the form of
//! [`Settings::anchors`](crate::ctx::Settings::anchors) and of case files.

use super::names::plain;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::base::Name;
use domain::base::iana::{DigestAlgorithm, SecurityAlgorithm};
use domain::rdata::Dnskey;
use std::str::FromStr as _;

/// Anchors that are read of one file.
const ANCHORS_MAX: usize = 64;

/// IANA's anchors of the root: KSK-2017 and KSK-2024, as DS records.
pub const IANA: [&str; 2] = [
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
];

/// Why a text holds no trust anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnchors {
    /// One of its records cannot be read.
    #[error("a trust anchor cannot be read: {0}; it is to be a DS or DNSKEY record, or BIND's trust-anchors")]
    Record(String),
    /// There is none.
    #[error("there is no DS or DNSKEY record among the trust anchors")]
    Empty,
}

/// One trust anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The zone it is for.
    pub zone: String,
    /// The digest or the key.
    pub trusted: Trusted,
}

/// In what form a key is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of RFC 4034 §2 and §5")]
pub enum Trusted {
    Ds { tag: u16, algorithm: u8, digest_type: u8, digest: Vec<u8> },
    Dnskey { flags: u16, algorithm: u8, key: Vec<u8> },
}

impl Anchor {
    /// Reads one line in zone-file form, as [`read`] gives it.
    pub fn parse(line: &str) -> Result<Self, NotAnchors> {
        let bad = || NotAnchors::Record(shortened(line));
        let words: Vec<&str> = line.split_whitespace().filter(|word| !matches!(*word, "(" | ")")).collect();
        let zone = words.first().ok_or_else(bad)?;
        let at = words.iter().skip(1).take(3).position(|word| is_kind(word)).ok_or_else(bad)? + 1;
        Self::from_words(zone, words[at], &words[at + 1..]).ok_or_else(bad)
    }

    fn from_words(zone: &str, kind: &str, data: &[&str]) -> Option<Self> {
        let [first, second, third, rest @ ..] = data else { return None };
        let trusted = if kind.eq_ignore_ascii_case("DS") {
            Trusted::Ds {
                tag: first.parse().ok()?,
                algorithm: algorithm(second)?,
                digest_type: third.parse().ok()?,
                digest: unhex(&rest.concat())?,
            }
        } else {
            // RFC 4034 §2.1.2: the protocol is always 3.
            (*second == "3").then_some(())?;
            let key = STANDARD.decode(rest.concat()).ok().filter(|key| !key.is_empty())?;
            Trusted::Dnskey { flags: first.parse().ok()?, algorithm: algorithm(third)?, key }
        };
        Some(Self { zone: plain(zone), trusted })
    }

    /// The key tag.
    pub fn tag(&self) -> u16 {
        match &self.trusted {
            Trusted::Ds { tag, .. } => *tag,
            Trusted::Dnskey { flags, algorithm, key } => {
                Dnskey::new(*flags, 3, SecurityAlgorithm::from_int(*algorithm), key.as_slice())
                    .map_or(0, |key| key.key_tag())
            }
        }
    }

    /// Whether that key of the anchor's zone is the trusted one.
    pub fn trusts(&self, key: &Dnskey<Vec<u8>>) -> bool {
        match &self.trusted {
            Trusted::Ds { tag, algorithm, digest_type, digest } => {
                *tag == key.key_tag()
                    && *algorithm == key.algorithm().to_int()
                    && digest_of(key, &self.zone, *digest_type).is_some_and(|found| found == *digest)
            }
            // The flags are left out: a key that was revoked (RFC 5011 §2.1) is not trusted either way.
            Trusted::Dnskey { algorithm, key: trusted, .. } => {
                *algorithm == key.algorithm().to_int() && trusted == key.public_key() && key.flags() & 0x80 == 0
            }
        }
    }

    fn line(&self) -> String {
        let zone = if self.zone == "." { "." } else { &format!("{}.", self.zone) };
        match &self.trusted {
            Trusted::Ds { tag, algorithm, digest_type, digest } => {
                let digest: String = digest.iter().map(|octet| format!("{octet:02X}")).collect();
                format!("{zone} IN DS {tag} {algorithm} {digest_type} {digest}")
            }
            Trusted::Dnskey { flags, algorithm, key } => {
                format!("{zone} IN DNSKEY {flags} 3 {algorithm} {}", STANDARD.encode(key))
            }
        }
    }
}

/// The digest of a key as a DS record has it; `None` for digests that are not known.
pub(crate) fn digest_of(key: &Dnskey<Vec<u8>>, zone: &str, digest_type: u8) -> Option<Vec<u8>> {
    use domain::dnssec::validator::base::DnskeyExt as _;
    let name = Name::<Vec<u8>>::from_str(zone).ok()?;
    key.digest(&name, DigestAlgorithm::from_int(digest_type)).ok().map(|digest| digest.as_ref().to_vec())
}

/// The anchors of a run's settings; IANA's when there are none. What cannot be read is left out,
/// as [`read`] has read it before.
pub fn anchors(lines: &[String]) -> Vec<Anchor> {
    if lines.is_empty() {
        return IANA.iter().filter_map(|line| Anchor::parse(line).ok()).collect();
    }
    lines.iter().filter_map(|line| Anchor::parse(line).ok()).collect()
}

/// Reads a file of trust anchors into lines of zone file.
///
/// ```
/// use postrider_diagnosis::dns::anchors;
/// let text = "; autotrust\n.\t86400\tIN\tDS\t20326 8 2 E06D44B8 0B8F ;;state=2\n";
/// assert_eq!(anchors::read(text).unwrap(), [". IN DS 20326 8 2 E06D44B80B8F"]);
/// assert!(anchors::read("# nothing").is_err());
/// ```
pub fn read(text: &str) -> Result<Vec<String>, NotAnchors> {
    let is_bind = ["trust-anchors", "managed-keys", "trusted-keys"].iter().any(|word| text.contains(word));
    let anchors = if is_bind { read_bind(text)? } else { read_zone(text)? };
    if anchors.is_empty() { Err(NotAnchors::Empty) } else { Ok(anchors.iter().map(Anchor::line).collect()) }
}

fn read_zone(text: &str) -> Result<Vec<Anchor>, NotAnchors> {
    let mut anchors = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.split([';', '#']).next().unwrap_or_default();
        open.push_str(line);
        open.push(' ');
        // RFC 1035 §5.1: within parentheses, a record goes on over the end of the line.
        if open.matches('(').count() > open.matches(')').count() && open.len() < 65_536 {
            continue;
        }
        let record = std::mem::take(&mut open).replace(['(', ')'], " ");
        let about_keys = record.split_whitespace().skip(1).take(3).any(is_kind);
        if record.trim().is_empty() || record.trim_start().starts_with('$') {
            continue;
        }
        // A root zone's other records may stand in the file; they are not anchors.
        if !about_keys {
            match record.split_whitespace().nth(1) {
                Some(_) => continue,
                None => return Err(NotAnchors::Record(shortened(&record))),
            }
        }
        if anchors.len() < ANCHORS_MAX {
            anchors.push(Anchor::parse(&record)?);
        }
    }
    Ok(anchors)
}

/// BIND's form: `. initial-ds 20326 8 2 "…";`, `initial-key`, `static-ds`, `static-key`, or none
/// of these words in `trusted-keys`.
fn read_bind(text: &str) -> Result<Vec<Anchor>, NotAnchors> {
    let text = without_comments(text);
    let mut anchors = Vec::new();
    for statement in text.split([';', '{', '}']) {
        let plain_words = statement.replace('"', " ");
        let words: Vec<&str> = plain_words.split_whitespace().collect();
        let [zone, rest @ ..] = words.as_slice() else { continue };
        let (kind, data) = match rest {
            ["initial-ds" | "static-ds", data @ ..] => ("DS", data),
            ["initial-key" | "static-key", data @ ..] => ("DNSKEY", data),
            [flags, "3", ..] if flags.parse::<u16>().is_ok() => ("DNSKEY", rest),
            _ => continue,
        };
        let anchor = Anchor::from_words(zone, kind, data);
        anchors.push(anchor.ok_or_else(|| NotAnchors::Record(shortened(statement)))?);
        if anchors.len() >= ANCHORS_MAX {
            break;
        }
    }
    Ok(anchors)
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut bare = String::new();
    while let Some(at) = rest.find("/*") {
        bare.push_str(&rest[..at]);
        rest = rest[at..].find("*/").map_or("", |end| &rest[at + end + 2..]);
    }
    bare.push_str(rest);
    // A key in base64 may hold two slashes, so only those after a blank begin a comment.
    let line = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        let end = if line.trim_start().starts_with("//") { Some(0) } else { line.find(" //").or(line.find("\t//")) };
        line[..end.unwrap_or(line.len())].to_owned()
    };
    bare.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_kind(word: &str) -> bool {
    word.eq_ignore_ascii_case("DS") || word.eq_ignore_ascii_case("DNSKEY")
}

fn algorithm(word: &str) -> Option<u8> {
    word.parse().ok().or_else(|| {
        SecurityAlgorithm::from_mnemonic(word.to_ascii_uppercase().as_bytes()).map(SecurityAlgorithm::to_int)
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn shortened(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=";

    #[test]
    fn the_built_in_anchor_is_the_digest_of_the_roots_key() {
        let [anchor, _] = anchors(&[]).try_into().unwrap();
        let key = STANDARD.decode(KEY).unwrap();
        let key = Dnskey::new(257, 3, SecurityAlgorithm::RSASHA256, key).unwrap();
        assert!(anchor.trusts(&key));
        let other = Dnskey::new(256, 3, SecurityAlgorithm::RSASHA256, vec![3, 1, 0, 1, 9]).unwrap();
        assert!(!anchor.trusts(&other));
    }

    #[test]
    fn anchors_in_the_forms_validators_have() {
        let dnskey = format!(". IN DNSKEY 257 3 8 {KEY}");
        let folded = format!("test. 300 DNSKEY 257 3 RSASHA256 (\n  {} ; half\n {} )\n", &KEY[..100], &KEY[100..]);
        let bind = format!(
            "// x\ntrust-anchors {{ /* all; of */\n . initial-key 257 3 8 \"{}\n {}\";\n \"lab\" static-ds 7 13 2 \"0a0B\"; # y\n}};\n",
            &KEY[..90],
            &KEY[90..]
        );
        let table = [
            (dnskey.clone(), vec![dnskey.clone()]),
            (folded, vec![format!("test. IN DNSKEY 257 3 8 {KEY}")]),
            (bind, vec![dnskey.clone(), "lab. IN DS 7 13 2 0A0B".to_owned()]),
            ("test. DS 7 13 2 0A\n; c\ntest. NS a.test.\n".into(), vec!["test. IN DS 7 13 2 0A".into()]),
        ];
        for (text, want) in table {
            assert_eq!(read(&text).unwrap(), want, "{text}");
        }
        assert_eq!(Anchor::parse(&dnskey).unwrap().tag(), 20326);
    }

    #[test]
    fn what_is_no_anchor_is_said() {
        for (text, want) in [
            ("", "there is no DS or DNSKEY record"),
            (". DS 1 8 2 ABC", "a trust anchor cannot be read: . DS 1 8 2 ABC"),
            (". DS 1 8", "a trust anchor cannot be read: . DS 1 8"),
            (". DNSKEY 257 3 8 !!!", "a trust anchor cannot be read"),
            ("<html>", "a trust anchor cannot be read: <html>"),
            ("trust-anchors { . initial-ds x; };", "a trust anchor cannot be read"),
        ] {
            let fault = read(text).unwrap_err().to_string();
            assert!(fault.starts_with(want), "{text}: {fault}");
        }
    }
}
