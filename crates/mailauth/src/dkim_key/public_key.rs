//! The value of `p=`: base64 to a key, with the place of what is wrong.

use super::Oddity;
use crate::der::{self, DerFault};
use crate::reading::{Remark, quoted};
use crate::tags::is_escape;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::ops::Range;

/// Whatever padding there is or is not, as verifiers differ and the key is the same.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// Ed25519, 1.3.101.112.
const ED25519: [u8; 3] = [0x2b, 0x65, 0x70];
const NULL: [u8; 2] = [0x05, 0x00];

/// What the octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Material {
    Rsa { bits: usize },
    Ed25519,
    Unreadable,
}

pub(super) struct Decoded {
    pub(super) material: Material,
    pub(super) remarks: Vec<Remark<Oddity>>,
    /// Base64 of the same key in the form DKIM wants, where it was in another.
    pub(super) replaced: Option<String>,
}

impl Decoded {
    fn unreadable(kind: Oddity, span: Range<usize>, text: impl Into<String>) -> Self {
        Self { material: Material::Unreadable, remarks: vec![Remark { kind, span, text: text.into() }], replaced: None }
    }
}

/// Decodes a value that begins at `at` in its record.
pub(super) fn decode(value: &str, at: usize) -> Decoded {
    let whole = at..at + value.len();
    let (inner, pem) = without_pem(value);
    if inner.is_some_and(|label| label.contains("PRIVATE")) {
        return Decoded::unreadable(Oddity::PrivateKey, whole, PRIVATE);
    }
    let mut digits = String::with_capacity(value.len());
    let mut ends = 0..value.len();
    if let Some(body) = pem {
        ends = body;
    }
    let body = value.get(ends.clone()).unwrap_or_default();
    for (offset, c) in body.char_indices() {
        match c {
            // RFC 6376 §2.10: white space anywhere in base64 is passed over.
            c if c.is_ascii_whitespace() || is_escape(c) => {}
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '=' => digits.push(c),
            _ => {
                let start = at + ends.start + offset;
                let what = format!("{} is not a character of base64", quoted(&c.to_string()));
                return Decoded::unreadable(Oddity::Base64Broken, start..start + c.len_utf8(), what);
            }
        }
    }
    let Ok(octets) = LENIENT.decode(digits.as_bytes()) else {
        let what = "the base64 does not come out even: a part of the key is missing, or = stands inside";
        return Decoded::unreadable(Oddity::Base64Broken, whole, what);
    };
    let mut decoded = material(&octets, whole.clone());
    if inner.is_some() {
        let what = "the lines around a PEM file do not belong into p=".to_owned();
        decoded.remarks.push(Remark { kind: Oddity::PemLinesLeftIn, span: whole, text: what });
        decoded.replaced.get_or_insert(digits);
    }
    decoded
}

const PRIVATE: &str =
    "this is the private key: it must be replaced by a new pair at once, as everyone can read it here";

/// The label and the inside of `-----BEGIN …-----` and `-----END …-----`.
fn without_pem(value: &str) -> (Option<&str>, Option<Range<usize>>) {
    let Some((before, rest)) = value.split_once("-----BEGIN") else { return (None, None) };
    let Some((label, _)) = rest.split_once("-----") else { return (None, None) };
    let start = before.len() + "-----BEGIN".len() + label.len() + "-----".len();
    let inside = value.get(start..).unwrap_or_default();
    let end = start + inside.find("-----").unwrap_or(inside.len());
    (Some(label), Some(start..end))
}

fn material(octets: &[u8], whole: Range<usize>) -> Decoded {
    let sure = |material| Decoded { material, remarks: Vec::new(), replaced: None };
    if octets.len() == 32 {
        // RFC 8463 §4.2: an Ed25519 key is its 32 octets and nothing else.
        return sure(Material::Ed25519);
    }
    if is_private(octets) {
        return Decoded::unreadable(Oddity::PrivateKey, whole, PRIVATE);
    }
    if let Ok(bits) = rsa_key(octets) {
        // RFC 6376 §3.6.1 names RSAPublicKey, but what its examples and all verifiers have is the
        // envelope around it; some verifiers take both.
        let what = "the RSA key is without the envelope that verifiers expect (SubjectPublicKeyInfo)".to_owned();
        let remarks = vec![Remark { kind: Oddity::RsaWithoutEnvelope, span: whole, text: what }];
        let replaced = Some(base64(&enveloped(octets)));
        return Decoded { material: Material::Rsa { bits }, remarks, replaced };
    }
    match enveloped_key(octets) {
        Ok((algorithm, key)) if algorithm == RSA => match rsa_key(key) {
            Ok(bits) => sure(Material::Rsa { bits }),
            Err(fault) => unreadable(fault, whole),
        },
        Ok((algorithm, key)) if algorithm == ED25519 && key.len() == 32 => {
            let what = "an Ed25519 key stands in p= as its 32 octets, without an envelope".to_owned();
            let remarks = vec![Remark { kind: Oddity::Ed25519InEnvelope, span: whole, text: what }];
            Decoded { material: Material::Ed25519, remarks, replaced: Some(base64(key)) }
        }
        Ok(_) => Decoded::unreadable(Oddity::KeyUnreadable, whole, "the key is of a kind that DKIM does not know"),
        Err(fault) if octets.first() == Some(&der::SEQUENCE) => unreadable(fault, whole),
        Err(_) if octets.len() < 64 => {
            let what = format!("an Ed25519 key has 32 octets, and these are {}", octets.len());
            Decoded::unreadable(Oddity::Ed25519Length, whole, what)
        }
        Err(fault) => unreadable(fault, whole),
    }
}

fn unreadable(fault: DerFault, whole: Range<usize>) -> Decoded {
    let kind = match fault {
        DerFault::Short { .. } => Oddity::KeyCutOff,
        DerFault::Other => Oddity::KeyUnreadable,
    };
    Decoded::unreadable(kind, whole, format!("the key cannot be read: {fault}"))
}

/// The bits of an RSAPublicKey (RFC 8017 §A.1.1): two integers and nothing else.
fn rsa_key(octets: &[u8]) -> Result<usize, DerFault> {
    let (inside, after) = der::value(octets, der::SEQUENCE)?;
    let (modulus, rest) = der::value(inside, der::INTEGER)?;
    let (exponent, rest) = der::value(rest, der::INTEGER)?;
    let whole = after.is_empty() && rest.is_empty() && !exponent.is_empty() && der::bits(modulus) > 0;
    if whole { Ok(der::bits(modulus)) } else { Err(DerFault::Other) }
}

/// The algorithm and the key in a SubjectPublicKeyInfo (RFC 5280 §4.1).
fn enveloped_key(octets: &[u8]) -> Result<(&[u8], &[u8]), DerFault> {
    let (inside, after) = der::value(octets, der::SEQUENCE)?;
    let (algorithm, rest) = der::value(inside, der::SEQUENCE)?;
    let (algorithm, _parameters) = der::value(algorithm, der::OBJECT_ID)?;
    let (key, rest) = der::value(rest, der::BIT_STRING)?;
    match key.split_first() {
        Some((0, key)) if rest.is_empty() && after.is_empty() => Ok((algorithm, key)),
        _ => Err(DerFault::Other),
    }
}

fn enveloped(rsa_key: &[u8]) -> Vec<u8> {
    let algorithm = der::written(der::SEQUENCE, &[&der::written(der::OBJECT_ID, &[&RSA]), &NULL]);
    der::written(der::SEQUENCE, &[&algorithm, &der::written(der::BIT_STRING, &[&[0], rsa_key])])
}

/// RSAPrivateKey and PKCS #8 both begin with a small version number.
fn is_private(octets: &[u8]) -> bool {
    let begins = || {
        let (inside, _) = der::value(octets, der::SEQUENCE).ok()?;
        let (version, rest) = der::value(inside, der::INTEGER).ok()?;
        let (_, rest) = der::value(rest, der::SEQUENCE).map_or_else(
            |_| der::value(rest, der::INTEGER).and_then(|(_, rest)| der::value(rest, der::INTEGER)).ok(),
            |(_, rest)| der::value(rest, der::OCTET_STRING).ok(),
        )?;
        let _ = rest;
        (version.len() == 1).then_some(())
    };
    begins().is_some()
}

fn base64(octets: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(octets)
}
