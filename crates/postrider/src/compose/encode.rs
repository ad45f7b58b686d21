//! The encodings of MIME: quoted-printable, base64, encoded words, and parameters in UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// RFC 2045 §6.7 rule 5 and §6.8: at most 76 characters in a line.
const LINE_CHARS_MAX: usize = 76;
/// RFC 2047 §2: at most 75 characters in an encoded word; 45 octets make 60 characters of base64.
const WORD_OCTETS_MAX: usize = 45;

/// Base64 in lines.
pub(super) fn base64_lines(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 4 / 3 + octets.len() / 27 + 4);
    // 57 octets make 76 characters.
    for chunk in octets.chunks(LINE_CHARS_MAX / 4 * 3) {
        STANDARD.encode_string(chunk, &mut text);
        text.push_str("\r\n");
    }
    text
}

/// Quoted-printable of a text with CRLF line ends (RFC 2045 §6.7).
pub(super) fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.strip_suffix("\r\n").unwrap_or(text).split("\r\n") {
        let mut width = 0;
        let octets = line.as_bytes();
        for (index, octet) in octets.iter().enumerate() {
            let last = index + 1 == octets.len();
            let literal = match octet {
                b'=' => false,
                b' ' | b'\t' => !last,
                // Some hosts still end a message at a lone dot, and "From " lines get quoted on disk.
                b'.' | b'F' => index != 0,
                _ => octet.is_ascii_graphic(),
            };
            let needs = if literal { 1 } else { 3 };
            // One column is kept for the soft line break.
            if width + needs > LINE_CHARS_MAX - 1 {
                out.push_str("=\r\n");
                width = 0;
            }
            if literal {
                out.push(char::from(*octet));
            } else {
                let _ = write!(out, "={octet:02X}");
            }
            width += needs;
        }
        out.push_str("\r\n");
    }
    out
}

/// A header value as encoded words (RFC 2047), folded between them; no character is torn apart.
pub(super) fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD_OCTETS_MAX {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect::<Vec<_>>().join("\r\n ")
}

/// `name="value"`, or in the form of RFC 2231 §4 when the value is not plain.
pub(super) fn parameter(name: &str, value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ';
    if value.chars().all(plain) {
        return format!("{name}=\"{value}\"");
    }
    let mut text = format!("{name}*=utf-8''");
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&octet) {
            text.push(char::from(octet));
        } else {
            let _ = write!(text, "%{octet:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_lines_are_short_and_say_what_they_are() {
        let table = [
            ("plain\r\n", "plain\r\n"),
            ("a=b\r\n", "a=3Db\r\n"),
            ("space \r\n", "space=20\r\n"),
            (".\r\nFrom x\r\n", "=2E\r\n=46rom x\r\n"),
            ("\r\n\r\n", "\r\n\r\n"),
            ("é", "=C3=A9\r\n"),
        ];
        for (text, want) in table {
            assert_eq!(quoted_printable(text), want);
        }
        let long = quoted_printable(&"ü".repeat(200));
        assert!(long.lines().all(|line| line.len() <= LINE_CHARS_MAX));
        assert_eq!(long.replace("=\r\n", ""), "=C3=BC".repeat(200) + "\r\n");
    }

    #[test]
    fn encoded_words_stay_short_and_keep_characters_whole() {
        let text = "ä".repeat(100);
        let words = encoded_words(&text);
        let mut back = String::new();
        for word in words.split("\r\n ") {
            assert!(word.len() <= 75);
            let inner = word.strip_prefix("=?utf-8?B?").unwrap().strip_suffix("?=").unwrap();
            back.push_str(std::str::from_utf8(&STANDARD.decode(inner).unwrap()).unwrap());
        }
        assert_eq!(back, text);
    }

    #[test]
    fn names_of_files() {
        assert_eq!(parameter("filename", "a b.txt"), "filename=\"a b.txt\"");
        assert_eq!(parameter("filename", "a\"\r\n.txt"), "filename*=utf-8''a%22%0D%0A.txt");
    }
}
