//! Whether a text can be a domain of mail addresses at all.

use super::canonical;
use serde::Serialize;

/// A domain that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// As it is asked for: lower case, A-labels.
    pub ascii: String,
    /// As people write it.
    pub unicode: String,
    /// A label that mixes scripts whose letters look alike.
    pub mixed: Option<String>,
}

/// What is wrong with a domain's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum NameFault {
    /// There is nothing.
    #[error("there is no name")]
    Empty,
    /// RFC 1035 §2.3.4: at most 255 octets on the wire, 253 in text.
    #[error("it is {0} characters long; a domain has at most 253")]
    TooLong(usize),
    /// Two dots in a row, or one at the beginning.
    #[error("there is nothing between two dots, or before the first")]
    EmptyLabel,
    /// RFC 1035 §2.3.4.
    #[error("the part {0} is longer than 63 characters")]
    LongLabel(String),
    /// RFC 1123 §2.1.
    #[error("the part {0} begins or ends with a hyphen")]
    Hyphen(String),
    /// RFC 1123 §2.1: letters, digits and hyphens.
    #[error("{1:?} in {0} is no letter, digit or hyphen")]
    Character(String, char),
    /// RFC 3696 §2.
    #[error("the last part, {0}, is a number: no top-level domain is")]
    NumericTld(String),
    /// An address.
    #[error("it is an IP address, not a domain")]
    Address,
    /// A name without a dot.
    #[error("there is no dot in it: a top-level domain has no mail")]
    SingleLabel,
    /// RFC 5891 §4.
    #[error("it is not a valid internationalised name")]
    Idna,
}

const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Looks at a name; one dot at its end is allowed.
pub fn check(text: &str) -> Result<Checked, NameFault> {
    let bare = text.trim();
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    if bare.is_empty() {
        return Err(NameFault::Empty);
    }
    if bare.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
        return Err(NameFault::Address);
    }
    if bare.len() > 4 * NAME_MAX {
        return Err(NameFault::TooLong(bare.chars().count()));
    }
    if bare.split('.').any(str::is_empty) {
        return Err(NameFault::EmptyLabel);
    }
    let ascii = if bare.is_ascii() { bare.to_ascii_lowercase() } else { canonical(bare).ok_or(NameFault::Idna)? };
    for label in ascii.split('.') {
        if label.is_empty() {
            return Err(NameFault::EmptyLabel);
        }
        if let Some(bad) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return Err(NameFault::Character(label.to_owned(), bad));
        }
        if label.len() > LABEL_MAX {
            return Err(NameFault::LongLabel(label.to_owned()));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameFault::Hyphen(label.to_owned()));
        }
    }
    if ascii.len() > NAME_MAX {
        return Err(NameFault::TooLong(ascii.len()));
    }
    let Some((_, tld)) = ascii.rsplit_once('.') else { return Err(NameFault::SingleLabel) };
    if tld.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NameFault::NumericTld(tld.to_owned()));
    }
    let (unicode, valid) = idna::domain_to_unicode(&ascii);
    // Punycode that decodes to nothing allowed was never registered.
    if valid.is_err() && ascii.split('.').any(|label| label.starts_with("xn--")) {
        return Err(NameFault::Idna);
    }
    let mixed = unicode.split('.').find(|label| mixes_scripts(label)).map(str::to_owned);
    Ok(Checked { ascii, unicode, mixed })
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Script {
    Latin,
    Cyrillic,
    Greek,
    Armenian,
    Other,
}

const fn script(c: char) -> Script {
    match c as u32 {
        0x41..=0x5a | 0x61..=0x7a | 0xc0..=0x24f | 0x1e00..=0x1eff => Script::Latin,
        0x370..=0x3ff | 0x1f00..=0x1fff => Script::Greek,
        0x400..=0x52f | 0x1c80..=0x1c8f => Script::Cyrillic,
        0x530..=0x58f => Script::Armenian,
        _ => Script::Other,
    }
}

/// Latin letters beside Cyrillic, Greek or Armenian ones. Other mixes, as of Han and kana or of
/// Latin and Han, are how people write.
fn mixes_scripts(label: &str) -> bool {
    let latin = label.chars().any(|c| script(c) == Script::Latin);
    let others = [Script::Cyrillic, Script::Greek, Script::Armenian];
    let found = others.iter().filter(|other| label.chars().any(|c| script(c) == **other)).count();
    usize::from(latin) + found > 1
}

/// The name with look-alike letters of other scripts replaced by the Latin ones they resemble.
pub(super) fn skeleton(unicode: &str) -> String {
    const ALIKE: &[(char, char)] = &[
        ('а', 'a'),
        ('в', 'b'),
        ('с', 'c'),
        ('ԁ', 'd'),
        ('е', 'e'),
        ('ё', 'e'),
        ('һ', 'h'),
        ('і', 'i'),
        ('ї', 'i'),
        ('ј', 'j'),
        ('к', 'k'),
        ('ӏ', 'l'),
        ('м', 'm'),
        ('п', 'n'),
        ('о', 'o'),
        ('р', 'p'),
        ('ԛ', 'q'),
        ('г', 'r'),
        ('ѕ', 's'),
        ('т', 't'),
        ('ѵ', 'v'),
        ('ԝ', 'w'),
        ('х', 'x'),
        ('у', 'y'),
        ('α', 'a'),
        ('ε', 'e'),
        ('ι', 'i'),
        ('κ', 'k'),
        ('ν', 'v'),
        ('ο', 'o'),
        ('ρ', 'p'),
        ('τ', 't'),
        ('υ', 'u'),
        ('χ', 'x'),
        ('օ', 'o'),
        ('ս', 'u'),
        ('ո', 'n'),
        ('ց', 'g'),
        ('ı', 'i'),
        ('ɡ', 'g'),
        ('ǃ', 'l'),
    ];
    let alike = |c: char| ALIKE.iter().find(|(other, _)| *other == c).map_or(c, |(_, latin)| *latin);
    unicode.chars().flat_map(char::to_lowercase).map(alike).collect()
}

/// The part of a name that is registered: one label below the public suffix of a registry.
pub fn registrable(name: &str) -> Option<String> {
    let ascii = canonical(name)?;
    let mut suffix = psl::suffix(ascii.as_bytes())?;
    // Suffixes that companies opened below their own domain (github.io) are no registries.
    while suffix.typ() == Some(psl::Type::Private) {
        let text = std::str::from_utf8(suffix.as_bytes()).ok()?;
        let (_, parent) = text.split_once('.')?;
        suffix = psl::suffix(parent.as_bytes())?;
    }
    let length = suffix.as_bytes().len();
    let front = ascii.get(..ascii.len().checked_sub(length + 1)?)?;
    let label = front.rsplit('.').next().filter(|label| !label.is_empty())?;
    ascii.get(ascii.len() - length - 1 - label.len()..).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be() {
        for (text, ascii) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com.", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("a-b.c--d.test", "a-b.c--d.test"),
            ("1.2.test", "1.2.test"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let checked = check(text).unwrap();
            assert_eq!((checked.ascii.as_str(), checked.mixed), (ascii, None), "{text}");
        }
    }

    #[test]
    fn names_that_cannot() {
        let long = format!("{}.test", "a".repeat(64));
        let longer = format!("{}test", "abcdefghi.".repeat(26));
        for (text, fault) in [
            ("", NameFault::Empty),
            (".", NameFault::Empty),
            ("a..test", NameFault::EmptyLabel),
            (".a.test", NameFault::EmptyLabel),
            (long.as_str(), NameFault::LongLabel("a".repeat(64))),
            (longer.as_str(), NameFault::TooLong(264)),
            ("-a.test", NameFault::Hyphen("-a".into())),
            ("a-.test", NameFault::Hyphen("a-".into())),
            ("a_b.test", NameFault::Character("a_b".into(), '_')),
            ("a b.test", NameFault::Character("a b".into(), ' ')),
            ("a@b.test", NameFault::Character("a@b".into(), '@')),
            ("example.123", NameFault::NumericTld("123".into())),
            ("192.0.2.1", NameFault::Address),
            ("[::1]", NameFault::Address),
            ("localhost", NameFault::SingleLabel),
            ("xn--a-.test", NameFault::Hyphen("xn--a-".into())),
            ("xn--99999999.test", NameFault::Idna),
        ] {
            assert_eq!(check(text).unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn scripts_that_look_alike() {
        // The second letter is Cyrillic.
        assert_eq!(check("gm\u{430}il.com").unwrap().mixed.as_deref(), Some("gm\u{430}il"));
        assert_eq!(check("яндекс.рф").unwrap().mixed, None);
        assert_eq!(check("tシャツ.test").unwrap().mixed, None);
        assert_eq!(skeleton("gm\u{430}il.com"), "gmail.com");
    }

    #[test]
    fn what_is_registered() {
        for (name, wanted) in [
            ("example.com", Some("example.com")),
            ("a.b.example.co.uk", Some("example.co.uk")),
            ("x.github.io", Some("github.io")),
            ("mail.bad.test", Some("bad.test")),
            ("bad.test", Some("bad.test")),
            ("com", None),
            ("co.uk", None),
            ("", None),
        ] {
            assert_eq!(registrable(name).as_deref(), wanted, "{name}");
        }
    }
}
