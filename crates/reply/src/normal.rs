//! Text brought into one form, so that phrases are found however a host writes them.
//!
//! Lower case, Latin letters without accents, plain quotes, `_` and `-` as spaces, one space
//! for any white space; an e-mail address becomes `@`, an IP address `0.0.0.0`. Phrases and
//! replies go through the same function, in linear time.

/// What stands for any IP address.
pub(crate) const ANY_IP: &str = "0.0.0.0";

/// The normalised text.
pub(crate) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for token in Tokens(text) {
        match token {
            Token::Blank => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            Token::Word(word) => push_word(word, &mut out),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

enum Token<'a> {
    Blank,
    Word(&'a str),
}

/// Words, divided by ASCII white space.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.0.as_bytes();
        let blank = bytes.first()?.is_ascii_whitespace();
        let end = bytes.iter().position(|byte| byte.is_ascii_whitespace() != blank).unwrap_or(bytes.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(if blank { Token::Blank } else { Token::Word(token) })
    }
}

fn push_word(word: &str, out: &mut String) {
    let bytes = word.as_bytes();
    let (mut address, mut numbers, mut letters, mut dashes) = (false, 0, true, false);
    for byte in bytes {
        match byte {
            b'@' => address = true,
            b'.' | b':' => numbers += 1,
            b'_' | b'-' => dashes = true,
            128.. => letters = false,
            _ => {}
        }
    }
    if address && let Some((before, after)) = around_address(word) {
        push_plain(before, out);
        out.push('@');
        return push_word(after, out);
    }
    if numbers >= 2
        && let Some((before, after)) = around_ip(word)
    {
        push_plain(before, out);
        if !before.is_empty() && before.ends_with(|last: char| last.is_ascii_alphanumeric()) {
            out.push(' ');
        }
        out.push_str(ANY_IP);
        return push_word(after, out);
    }
    match (letters, dashes) {
        (true, false) => {
            let start = out.len();
            out.push_str(word);
            out[start..].make_ascii_lowercase();
        }
        (true, true) => push_ascii(word, out),
        (false, _) => push_plain(word, out),
    }
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

/// ASCII, byte by byte.
fn push_ascii(word: &str, out: &mut String) {
    for byte in word.bytes() {
        match byte {
            b'_' | b'-' => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            byte => out.push(char::from(byte.to_ascii_lowercase())),
        }
    }
}

fn push_plain(word: &str, out: &mut String) {
    for letter in word.chars() {
        match letter {
            '_' | '-' | '\u{2010}'..='\u{2015}' | '\u{a0}' | '\u{3000}' => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            letter if letter.is_ascii() => out.push(letter.to_ascii_lowercase()),
            letter => match plain(letter) {
                Some(plain) => out.push_str(plain),
                None => out.extend(letter.to_lowercase()),
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
