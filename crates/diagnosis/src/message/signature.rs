//! A signature field (RFC 6376 §3.5; RFC 8617 §4.1.2 and §4.1.3), taken apart.

use super::canon::Form;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Names in `h=` behind this many are passed over.
const NAMES_MAX: usize = 512;
const TAGS_MAX: usize = 64;

/// Signers leave the padding off, and encoders leave bits behind.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// With what it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA over SHA-256.
    RsaSha256,
    /// RSA over SHA-1, which nobody may accept any more (RFC 8301 §3.1).
    RsaSha1,
    /// Ed25519 (RFC 8463).
    Ed25519,
}

impl Algorithm {
    /// The word in `a=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha1 => "rsa-sha1",
            Self::Ed25519 => "ed25519-sha256",
        }
    }
}

/// Which field it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// DKIM-Signature.
    Dkim,
    /// ARC-Message-Signature.
    ArcMessage,
    /// ARC-Seal.
    ArcSeal,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Where it stands.
    pub field: usize,
    /// In which field.
    pub kind: Kind,
    /// `a=`.
    pub algorithm: Algorithm,
    /// `d=`, in lower case.
    pub domain: String,
    /// `s=`, in lower case.
    pub selector: String,
    /// `b=`.
    pub signature: Vec<u8>,
    /// `bh=`.
    pub body_hash: Vec<u8>,
    /// `h=`, in lower case.
    pub names: Vec<Box<str>>,
    /// `c=`, of the header.
    pub header: Form,
    /// `c=`, of the body.
    pub body: Form,
    /// `l=`.
    pub length: Option<u64>,
    /// `t=`, in seconds.
    pub signed: Option<i64>,
    /// `x=`, in seconds.
    pub expires: Option<i64>,
    /// `i=`, as written; with ARC, the number of the set.
    pub identity: Option<String>,
    /// `cv=` of a seal.
    pub chain: Option<String>,
    /// `z=`: the signed fields as they were, name and value.
    pub copies: Vec<(String, String)>,
}

impl Signature {
    /// Where the key is.
    pub fn key_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// How it is called.
    pub fn called(&self) -> String {
        format!("d={} s={}", self.domain, self.selector)
    }

    /// Whether a field is signed.
    pub fn signs(&self, name: &str) -> bool {
        self.names.iter().any(|signed| &**signed == name)
    }
}

/// Reads the value of a signature field, or says why it cannot be one.
pub fn read(field: usize, kind: Kind, value: &str) -> Result<Signature, String> {
    let tags = tags(value)?;
    let get = |name: &str| tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str());
    let need = |name: &str| {
        get(name).filter(|value| !value.is_empty()).ok_or_else(|| format!("it has no {name}=, which must be there"))
    };
    if kind == Kind::Dkim && need("v")? != "1" {
        return Err(format!("v= must be 1, not {}", short(get("v").unwrap_or_default())));
    }
    let algorithm = match need("a")?.to_ascii_lowercase().as_str() {
        "rsa-sha256" => Algorithm::RsaSha256,
        "rsa-sha1" => Algorithm::RsaSha1,
        "ed25519-sha256" => Algorithm::Ed25519,
        other => return Err(format!("a= names an algorithm nobody knows: {}", short(other))),
    };
    let (header, body) = forms(get("c").unwrap_or("simple"))?;
    let seal = kind == Kind::ArcSeal;
    let name = |tag: &str| match need(tag)?.to_ascii_lowercase() {
        name if name.len() > 253 => Err(format!("{tag}= is longer than a name can be")),
        name => Ok(name),
    };
    let names = if seal { Vec::new() } else { names(need("h")?) };
    let body_hash = if seal { Vec::new() } else { base64(need("bh")?).ok_or("bh= is no base64")? };
    Ok(Signature {
        field,
        kind,
        algorithm,
        domain: name("d")?.trim_end_matches('.').to_owned(),
        selector: name("s")?,
        signature: base64(need("b")?).ok_or("b= is no base64")?,
        body_hash,
        names,
        header,
        body,
        length: number("l", get("l"))?.and_then(|length| u64::try_from(length).ok()),
        signed: number("t", get("t"))?,
        expires: number("x", get("x"))?,
        identity: get("i").map(str::to_owned),
        chain: get("cv").map(str::to_ascii_lowercase),
        copies: get("z").map(copies).unwrap_or_default(),
    })
}

/// The tags, blanks inside values of lists and base64 left for those who read them.
fn tags(value: &str) -> Result<Vec<(String, String)>, String> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for piece in value.split(';').filter(|piece| !piece.trim().is_empty()).take(TAGS_MAX) {
        let (name, value) =
            piece.split_once('=').ok_or_else(|| format!("{} has no equals sign", short(piece.trim())))?;
        let name = name.trim().to_owned();
        if tags.iter().any(|(other, _)| *other == name) {
            // RFC 6376 §3.2: tags with duplicate names void the whole list.
            return Err(format!("{}= is there twice, which makes the whole void", short(&name)));
        }
        tags.push((name, value.trim().to_owned()));
    }
    Ok(tags)
}

fn forms(value: &str) -> Result<(Form, Form), String> {
    let form = |word: &str| match word.trim().to_ascii_lowercase().as_str() {
        "simple" => Ok(Form::Simple),
        "relaxed" => Ok(Form::Relaxed),
        other => Err(format!("c= knows simple and relaxed, not {}", short(other))),
    };
    // RFC 6376 §3.5: without a second word the body is simple.
    let (header, body) = value.split_once('/').unwrap_or((value, "simple"));
    Ok((form(header)?, form(body)?))
}

fn names(value: &str) -> Vec<Box<str>> {
    value.split(':').map(|name| name.trim().to_ascii_lowercase().into()).take(NAMES_MAX).collect()
}

fn number(tag: &str, value: Option<&str>) -> Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(None) };
    // RFC 6376 §3.5: up to 76 digits; what does not fit is beyond all time.
    match value.bytes().all(|octet| octet.is_ascii_digit()) && !value.is_empty() && value.len() <= 76 {
        true => Ok(Some(value.parse().unwrap_or(i64::MAX))),
        false => Err(format!("{tag}= is no number: {}", short(value))),
    }
}

fn base64(value: &str) -> Option<Vec<u8>> {
    let bare: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    LENIENT.decode(bare).ok()
}

/// `z=` (RFC 6376 §3.5): fields with a bar between them, in DKIM's quoted-printable.
fn copies(value: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let bare: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
        let mut out = Vec::with_capacity(bare.len());
        let mut at = 0;
        while let Some(octet) = bare.get(at) {
            let hex = bare.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *octet == b'=') {
                Some(decoded) => {
                    out.push(decoded);
                    at += 3;
                }
                None => {
                    out.push(*octet);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let fields = value.split('|').filter_map(|field| field.split_once(':')).take(NAMES_MAX);
    fields.map(|(name, value)| (name.trim().to_ascii_lowercase(), decode(value))).collect()
}

/// A stranger's words, short.
pub(crate) fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_signature_says() {
        let read = read(0, Kind::Dkim, "v=1; a=rsa-sha256; d=Shop.Example; s=S1; c=relaxed; h=From: To :from; t=5; x=9; l=12; i=@shop.example; bh=AA AA; b=AAA=; z=From:a=3Db|To: x").unwrap();
        assert_eq!((read.domain.as_str(), read.key_name().as_str()), ("shop.example", "s1._domainkey.shop.example"));
        assert_eq!((read.header, read.body, read.length), (Form::Relaxed, Form::Simple, Some(12)));
        assert_eq!((read.signed, read.expires, read.body_hash.len()), (Some(5), Some(9), 3));
        assert_eq!(read.names, ["from".into(), "to".into(), Box::<str>::from("from")]);
        assert_eq!(read.copies, [("from".into(), "a=b".into()), ("to".into(), "x".into())]);
    }

    #[test]
    fn why_it_is_none() {
        let table = [
            ("", "it has no v=, which must be there"),
            ("v=2; a=x", "v= must be 1, not 2"),
            ("v=1; a=rsa-md5", "a= names an algorithm nobody knows: rsa-md5"),
            ("v=1; a=rsa-sha256; c=nofws", "c= knows simple and relaxed, not nofws"),
            ("v=1; v=1", "v= is there twice, which makes the whole void"),
            ("v=1; hello", "hello has no equals sign"),
            ("v=1; a=rsa-sha256; h=from; bh=!; d=a; s=b", "bh= is no base64"),
            ("v=1; a=rsa-sha256; h=from; bh=AAAA; d=a; s=b", "it has no b=, which must be there"),
            ("v=1; a=rsa-sha256; h=from; bh=AAAA; d=a; s=b; b=AAAA; x=soon", "x= is no number: soon"),
        ];
        for (value, want) in table {
            assert_eq!(read(0, Kind::Dkim, value).err().as_deref(), Some(want), "{value}");
        }
    }
}
