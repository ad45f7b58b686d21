//! Text with macros (RFC 7208 §7): how it is read. What macros become is in `expand`.

use super::fault::{Fault, Flaw};
use super::record::Span;

/// Text with macros in it, or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacroString {
    /// Where it stands in its record.
    pub span: Span,
    pub(super) pieces: Vec<Piece>,
}

impl MacroString {
    /// The macros in it, by their letters in lower case, in their order.
    pub fn letters(&self) -> impl Iterator<Item = char> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Macro(expand) => Some(char::from(expand.letter)),
            Piece::Literal(_) | Piece::Escape(_) => None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is.
    Literal(Box<str>),
    /// What `%%`, `%_` and `%-` stand for.
    Escape(&'static str),
    Macro(Macro),
}

/// `%{letter number r delimiters}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Macro {
    /// In lower case.
    pub(super) letter: u8,
    /// Written in upper case: what it becomes is escaped as in URLs.
    pub(super) escaped: bool,
    /// How many parts from the right are kept.
    pub(super) keep: Option<usize>,
    pub(super) reversed: bool,
    /// Where the value is cut into parts; at dots when empty.
    pub(super) delimiters: Box<str>,
}

/// Where a text with macros stands, which decides about the macros it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// The name a mechanism, `redirect` or `exp` points to.
    Name,
    /// The value of an unknown modifier, or an explanation: all macros.
    Free,
}

/// Reads a stretch of a text; nothing but faults when there are any.
pub(super) fn read(text: &str, span: Span, setting: Setting) -> Result<MacroString, Vec<Fault>> {
    let mut pieces = Vec::new();
    let mut faults = Vec::new();
    let mut at = span.start;
    while at < span.end {
        let rest = Span::new(at, span.end).of(text);
        let Some(percent) = rest.find('%') else {
            pieces.push(Piece::Literal(rest.into()));
            break;
        };
        if percent > 0 {
            pieces.push(Piece::Literal(rest[..percent].into()));
        }
        at += percent;
        match piece(text, Span::new(at, span.end), setting) {
            Ok((piece, end)) => {
                pieces.push(piece);
                at = end;
            }
            Err((fault, end)) => {
                faults.push(fault);
                at = end;
            }
        }
    }
    if faults.is_empty() { Ok(MacroString { span, pieces }) } else { Err(faults) }
}

/// What begins with the percent sign at the start of `span`, and where it ends.
fn piece(text: &str, span: Span, setting: Setting) -> Result<(Piece, usize), (Fault, usize)> {
    let rest = span.of(text);
    let two = span.start + 2;
    match rest.as_bytes().get(1) {
        Some(b'%') => Ok((Piece::Escape("%"), two)),
        Some(b'_') => Ok((Piece::Escape(" "), two)),
        Some(b'-') => Ok((Piece::Escape("%20"), two)),
        Some(b'{') => {
            let Some(length) = rest.find('}') else {
                return Err((Fault::new(span, Flaw::MacroOpen), span.end));
            };
            let whole = Span::new(span.start, span.start + length + 1);
            match expansion(&rest[2..length], setting) {
                Ok(expand) => Ok((Piece::Macro(expand), whole.end)),
                Err(flaw) => Err((Fault::new(whole, flaw), whole.end)),
            }
        }
        _ => Err((Fault::new(Span::new(span.start, span.start + 1), Flaw::Percent), span.start + 1)),
    }
}

/// What stands between the braces.
fn expansion(inner: &str, setting: Setting) -> Result<Macro, Flaw> {
    let first = inner.bytes().next().ok_or(Flaw::MacroLetter)?;
    let letter = first.to_ascii_lowercase();
    match letter {
        b's' | b'l' | b'o' | b'd' | b'i' | b'p' | b'v' | b'h' => {}
        // RFC 7208 §7.2: only in explanations.
        b'c' | b'r' | b't' if setting == Setting::Free => {}
        b'c' | b'r' | b't' => return Err(Flaw::MacroPlace),
        _ => return Err(Flaw::MacroLetter),
    }
    let rest = &inner[1..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = rest.split_at(digits);
    let keep = match digits {
        "" => None,
        // A number that does not fit keeps everything, as any number of parts does.
        digits => Some(digits.parse().unwrap_or(usize::MAX)),
    };
    // RFC 7208 §7.3: the number must not be zero.
    if keep == Some(0) {
        return Err(Flaw::MacroTransformer);
    }
    let (reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(delimiters) => (true, delimiters),
        None => (false, rest),
    };
    if !delimiters.bytes().all(|byte| b".-+,/_=".contains(&byte)) {
        return Err(Flaw::MacroTransformer);
    }
    Ok(Macro { letter, escaped: first.is_ascii_uppercase(), keep, reversed, delimiters: delimiters.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_error_is_found_where_it_stands() {
        let table = [
            ("a%{d}.%{i2r.-}.x", Ok("di")),
            ("%%%_%-", Ok("")),
            ("%{D300}", Ok("d")),
            ("%(ir).x%", Err(vec![("%", Flaw::Percent), ("%", Flaw::Percent)])),
            ("x.%{d", Err(vec![("%{d", Flaw::MacroOpen)])),
            (
                "%{a}.%{r}.%{d0}",
                Err(vec![("%{a}", Flaw::MacroLetter), ("%{r}", Flaw::MacroPlace), ("%{d0}", Flaw::MacroTransformer)]),
            ),
            ("%{}", Err(vec![("%{}", Flaw::MacroLetter)])),
            ("%{dr2}", Err(vec![("%{dr2}", Flaw::MacroTransformer)])),
        ];
        for (text, want) in table {
            let found = read(text, Span::new(0, text.len()), Setting::Name);
            match (found, want) {
                (Ok(found), Ok(letters)) => assert_eq!(found.letters().collect::<String>(), letters, "{text}"),
                (Err(found), Err(want)) => {
                    let found: Vec<_> = found.iter().map(|fault| (fault.span.of(text), fault.flaw.clone())).collect();
                    assert_eq!(found, want, "{text}");
                }
                (found, want) => panic!("{text}: {found:?} for {want:?}"),
            }
        }
    }
}
