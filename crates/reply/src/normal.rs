//! Text brought into one form, so that phrases are found however a host writes them.
//!
//! Lower case, Latin letters without accents, plain quotes, `_` and `-` as spaces, one space
//! for any white space; an e-mail address becomes `@`, an IP address `0.0.0.0`. Phrases and
//! replies go through the same function, in linear time.

/// What stands for any IP address.
pub(crate) const ANY_IP: &str = "0.0.0.0";

/// What a byte is to the words around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// White space: words end.
    Blank,
    /// `_` and `-`: as a blank, but the word goes on.
    Dash,
    Plain,
    /// `.` and `:`: two of them may make an IP address.
    Dot,
    /// `@`, and whatever is not ASCII: the word is looked at as a whole.
    Odd,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0C => Class::Blank,
            b'_' | b'-' => Class::Dash,
            b'.' | b':' => Class::Dot,
            b'@' | 128.. => Class::Odd,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// The normalised text.
pub(crate) fn normalise(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 8);
    let (mut from, mut kept, mut dots, mut odd) = (0, 0, 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match CLASSES[usize::from(byte)] {
            Class::Plain => out.push(byte.to_ascii_lowercase()),
            Class::Dash => push_blank(&mut out),
            Class::Dot => {
                dots += 1;
                out.push(byte);
            }
            Class::Odd => {
                odd = true;
                out.push(byte);
            }
            Class::Blank => {
                if odd || dots >= 2 {
                    out.truncate(kept);
                    push_word(&text[from..at], &mut out);
                }
                push_blank(&mut out);
                (from, kept, dots, odd) = (at + 1, out.len(), 0, false);
            }
        }
    }
    if odd || dots >= 2 {
        out.truncate(kept);
        push_word(&text[from..], &mut out);
    }
    out.truncate(out.trim_ascii_end().len());
    // Words were taken whole or in ASCII, so this is what they were: text.
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// One blank, however often it is asked for.
fn push_blank(out: &mut Vec<u8>) {
    if out.last().is_some_and(|last| *last != b' ') {
        out.push(b' ');
    }
}

/// A word that has an address in it, or letters that are not ASCII.
fn push_word(word: &str, out: &mut Vec<u8>) {
    if let Some((before, after)) = around_address(word) {
        push_plain(before, out);
        out.push(b'@');
        return push_word(after, out);
    }
    if let Some((before, after)) = around_ip(word) {
        push_plain(before, out);
        if before.ends_with(|last: char| last.is_ascii_alphanumeric()) {
            out.push(b' ');
        }
        out.extend_from_slice(ANY_IP.as_bytes());
        return push_word(after, out);
    }
    push_plain(word, out);
}

/// What stands before and after the first e-mail address of a word, and the brackets around it.
fn around_address(word: &str) -> Option<(&str, &str)> {
    let bytes = word.as_bytes();
    let at = memchr::memchr(b'@', bytes)?;
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&*+-/=?^_`{|}~.".contains(byte) || *byte >= 128;
    let domain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.[]:".contains(byte) || *byte >= 128;
    let mut start = at - bytes[..at].iter().rev().take_while(|byte| local(byte)).count();
    let mut end = at + 1 + bytes[at + 1..].iter().take_while(|byte| domain(byte)).count();
    end = at + 1 + word[at + 1..end].trim_end_matches(['.', ':', '-', ']']).len();
    if start == at || end == at + 1 {
        return None;
    }
    let opens = start > 0 && matches!(bytes[start - 1], b'<' | b'[' | b'(' | b'"' | b'\'');
    let closes = bytes.get(end).is_some_and(|byte| matches!(byte, b'>' | b']' | b')' | b'"' | b'\''));
    if opens && closes {
        start -= 1;
        end += 1;
    }
    Some((&word[..start], &word[end..]))
}

/// What stands before and after the first IP address of a word, and the brackets around it.
fn around_ip(word: &str) -> Option<(&str, &str)> {
    let bytes = word.as_bytes();
    let part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'.' || *byte == b':';
    let mut from = 0;
    loop {
        let start = from + bytes[from..].iter().position(|byte| byte.is_ascii_hexdigit())?;
        let length = bytes[start..].iter().take_while(|byte| part(byte)).count();
        let whole = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        let token = without_port(word[start..start + length].trim_end_matches(['.', ':']));
        if whole && is_ip(token) && !bytes.get(start + token.len()).is_some_and(u8::is_ascii_alphanumeric) {
            let end = start + token.len();
            let brackets = start > 0 && bytes[start - 1] == b'[' && bytes.get(end) == Some(&b']');
            let (start, end) = if brackets { (start - 1, end + 1) } else { (start, end) };
            return Some((&word[..start], &word[end..]));
        }
        from = start + length;
    }
}

/// `192.0.2.1:25` is an address and a port.
fn without_port(token: &str) -> &str {
    match token.split_once(':') {
        Some((address, port)) if address.contains('.') && !port.contains(':') => address,
        _ => token,
    }
}

/// Loosely: a masked address such as `x.xx.xx.xx` is none, `192.0.2.256` is one.
fn is_ip(token: &str) -> bool {
    let dots = token.bytes().filter(|byte| *byte == b'.').count();
    let colons = token.bytes().filter(|byte| *byte == b':').count();
    match (dots, colons) {
        (3, 0) => {
            token.split('.').all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
        }
        (0 | 3, 2..=7) => colons == 7 || token.contains("::"),
        _ => false,
    }
}

fn push_plain(word: &str, out: &mut Vec<u8>) {
    for letter in word.chars() {
        match letter {
            '_' | '-' | '\u{2010}'..='\u{2015}' | '\u{a0}' | '\u{3000}' => push_blank(out),
            letter if letter.is_ascii() => out.push(letter.to_ascii_lowercase() as u8),
            letter => match plain(letter) {
                Some(plain) => out.extend_from_slice(plain.as_bytes()),
                None => {
                    for lower in letter.to_lowercase() {
                        out.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            },
        }
    }
}

/// The letter without its accent; quotes made plain; what is invisible left out.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à'..='å' | 'À'..='Å' | 'ā' | 'ă' | 'ą' | 'Ā' | 'Ă' | 'Ą' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' | 'ć' | 'č' | 'Ć' | 'Č' | 'ĉ' | 'ċ' => "c",
        'ď' | 'đ' | 'Ď' | 'Đ' | 'ð' => "d",
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => "e",
        'ğ' | 'Ğ' | 'ģ' => "g",
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'į' | 'ı' | 'İ' | 'Ī' => "i",
        'ł' | 'Ł' | 'ľ' | 'ļ' | 'ĺ' => "l",
        'ñ' | 'Ñ' | 'ń' | 'ň' | 'Ń' | 'Ň' | 'ņ' => "n",
        'ò'..='ö' | 'ø' | 'Ò'..='Ö' | 'Ø' | 'ō' | 'ő' | 'Ő' => "o",
        'œ' | 'Œ' => "oe",
        'ř' | 'ŕ' | 'Ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' | 'Ś' | 'Š' | 'Ş' | 'Ș' => "s",
        'ß' => "ss",
        'ť' | 'ţ' | 'ț' | 'Ť' | 'Ţ' | 'Ț' => "t",
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' | 'ů' | 'ű' | 'ų' | 'Ů' | 'Ű' => "u",
        'ý' | 'ÿ' | 'Ý' => "y",
        'ź' | 'ż' | 'ž' | 'Ź' | 'Ż' | 'Ž' => "z",
        '\u{2018}' | '\u{2019}' | '\u{b4}' | '\u{2bc}' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '«' | '»' => "\"",
        '\u{200b}'..='\u{200f}' | '\u{ad}' | '\u{feff}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_one_form() {
        let table = [
            ("Non-Existent   USER_name\r\nhere", "non existent user name here"),
            ("Boîte pleine, Größe, ЯЩИК, 信箱", "boite pleine, grosse, ящик, 信箱"),
            ("isn’t “here”", "isn't \"here\""),
            ("<Joe.Doe+x@example.com>... User unknown", "@... user unknown"),
            ("user joe@example.com: not found", "user @: not found"),
            ("(joe@example.com, [b@c.example])", "(@, @)"),
            ("ends with joe@example.com.", "ends with @."),
            ("@ alone, a@, @b", "@ alone, a@, @b"),
            ("client [192.0.2.1] 198.51.100.7:25, 2001:db8::1.", "client 0.0.0.0 0.0.0.0:25, 0.0.0.0."),
            ("mx.example.com[192.0.2.1]:25:", "mx.example.com 0.0.0.0:25:"),
            ("at 12:30:45 version 1.2.3 5.7.1", "at 12:30:45 version 1.2.3 5.7.1"),
            ("--_ dash --", "dash"),
        ];
        for (text, want) in table {
            assert_eq!(normalise(text), want, "{text:?}");
        }
    }
}
