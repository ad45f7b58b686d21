//! From octets to text: transfer encodings (RFC 2045 §6), charsets, encoded words (RFC 2047).
//!
//! What does not decode is kept as it is: half a line of base64 is better than none.

use super::mime::{Part, parameter, starts};
use encoding_rs::{Encoding, ISO_2022_JP, WINDOWS_1252};
use memchr::{memchr, memmem};
use std::borrow::Cow;

/// So much of a part is decoded. Reports say what they have to say in far less.
pub(super) const TEXT_BYTES_MAX: usize = 128 << 10;

/// The text of a part.
pub(super) fn text<'a>(part: &Part<'a>) -> Cow<'a, str> {
    let body = &part.body[..part.body.len().min(TEXT_BYTES_MAX)];
    let octets = transferred(body, &part.head.value("Content-Transfer-Encoding").unwrap_or_default());
    let kind = part.head.value("Content-Type").unwrap_or_default();
    let charset = parameter(&kind, "charset").unwrap_or_default();
    match octets {
        Cow::Borrowed(octets) => characters(octets, charset.as_bytes()),
        Cow::Owned(octets) => Cow::Owned(characters(&octets, charset.as_bytes()).into_owned()),
    }
}

/// Undoes a transfer encoding.
pub(super) fn transferred<'a>(body: &'a [u8], encoding: &str) -> Cow<'a, [u8]> {
    let encoding = encoding.trim_matches(['"', '\'', ' ']);
    if starts(encoding, "quoted-printable") {
        Cow::Owned(quoted_printable(body, false))
    } else if starts(encoding, "base64") {
        Cow::Owned(base64(body))
    } else {
        Cow::Borrowed(body)
    }
}

/// Reads octets in the charset of that name; UTF-8 whenever it is valid UTF-8.
pub(super) fn characters<'a>(octets: &'a [u8], charset: &[u8]) -> Cow<'a, str> {
    let escapes = memchr(0x1B, octets).is_some();
    if !escapes && let Ok(text) = std::str::from_utf8(octets) {
        return Cow::Borrowed(text);
    }
    let named = Encoding::for_label(charset);
    let encoding = match named {
        _ if escapes && memmem::find(octets, b"\x1B$").is_some() => ISO_2022_JP,
        Some(encoding) => encoding,
        None => return String::from_utf8_lossy(octets),
    };
    // A text that claims to be UTF-8 or ASCII and is neither is mostly in Latin letters.
    if encoding == encoding_rs::UTF_8 {
        let mostly_valid = String::from_utf8_lossy(octets);
        let broken = mostly_valid.matches('\u{FFFD}').count();
        if broken * 2 < octets.iter().filter(|byte| !byte.is_ascii()).count() {
            return Cow::Owned(mostly_valid.into_owned());
        }
        return WINDOWS_1252.decode_without_bom_handling(octets).0;
    }
    encoding.decode_without_bom_handling(octets).0
}

/// Undoes quoted-printable (RFC 2045 §6.7), or its form in header fields (RFC 2047 §4.2).
fn quoted_printable(body: &[u8], in_header: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'=' => {
                let hex = body.get(at + 1..at + 3).and_then(|hex| Some((digit(hex[0])?, digit(hex[1])?)));
                if let Some((high, low)) = hex {
                    decoded.push(high << 4 | low);
                    at += 3;
                    continue;
                }
                // A soft line break, with blanks behind it or without.
                let end = body[at + 1..].iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
                match end.map(|end| at + 1 + end) {
                    Some(end) if body[end] == b'\n' => at = end + 1,
                    _ => {
                        decoded.push(b'=');
                        at += 1;
                    }
                }
            }
            b'_' if in_header => {
                decoded.push(b' ');
                at += 1;
            }
            byte => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Undoes base64, past whatever does not belong to it.
fn base64(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (bits, count) = (0, 0); // What follows padding begins anew.
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            // The octet that is full; the bits behind it stay.
            decoded.push((bits >> count & 0xFF) as u8);
            bits &= (1 << count) - 1;
        }
    }
    decoded
}

/// Decodes the encoded words in a header value (RFC 2047 §2), and joins those that stand side by side (§6.2).
pub(super) fn encoded_words(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let between = &rest[..at];
        let Some((word, length)) = encoded_word(&rest[at..]) else {
            text.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            after_word = false;
            continue;
        };
        if !after_word || !between.trim().is_empty() {
            text.push_str(between);
        }
        text.push_str(&word);
        rest = &rest[at + length..];
        after_word = true;
    }
    text.push_str(rest);
    text
}

/// The word that begins here, and how long it is as written.
fn encoded_word(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix("=?")?;
    let (charset, after) = inner.split_once('?')?;
    let (method, after) = after.split_once('?')?;
    let end = after.find("?=")?;
    let payload = &after[..end];
    let octets = match method {
        "Q" | "q" => quoted_printable(payload.as_bytes(), true),
        "B" | "b" => base64(payload.as_bytes()),
        _ => return None,
    };
    // RFC 2231 §5: a language may stand behind the charset.
    let charset = charset.split('*').next().unwrap_or(charset);
    let length = text.len() - after.len() + end + 2;
    Some((characters(&octets, charset.as_bytes()).into_owned(), length))
}
