//! What is wrong with a record's syntax, where, and what to write instead.

use super::record::Span;
use std::fmt;

/// One syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands in the record; empty when something is missing there.
    pub span: Span,
    /// What it is.
    pub flaw: Flaw,
    /// What to write in place of the span, when that is plain.
    pub instead: Option<Box<str>>,
}

impl Fault {
    pub(super) fn new(span: Span, flaw: Flaw) -> Self {
        Self { span, flaw, instead: None }
    }

    pub(super) fn instead(self, text: impl Into<Box<str>>) -> Self {
        Self { instead: Some(text.into()), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.flaw)?;
        match self.instead.as_deref() {
            Some("") => write!(f, " (leave it out)"),
            Some(" ") => write!(f, " (put a space here)"),
            Some(text) => write!(f, " (write `{}`)", text.escape_debug()),
            None => Ok(()),
        }
    }
}

/// What a syntax error is (RFC 7208 §4.6.1, §5, §6, §7.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The text does not begin as a record does.
    #[error("the record must begin with `v=spf1` and a space")]
    Version,
    /// Something else than a space between or inside terms.
    #[error("only spaces may stand between terms, and here stands {}", of_character(*.0))]
    Separator(char),
    /// A character beyond ASCII.
    #[error("only ASCII may stand in the record, and here stands {}", of_character(*.0))]
    NotAscii(char),
    /// A sign or nothing where a mechanism should be.
    #[error("a mechanism is missing here")]
    NoMechanism,
    /// No such mechanism.
    #[error("there is no mechanism of the name `{0}`")]
    UnknownMechanism(Box<str>),
    /// A mechanism that needs a value stands bare.
    #[error("`{0}` needs a value behind a colon")]
    ValueMissing(&'static str),
    /// Nothing behind the colon or the equals sign.
    #[error("nothing stands behind `{0}`")]
    ValueEmpty(&'static str),
    /// `all` takes nothing.
    #[error("`all` takes no value")]
    ValueUnexpected,
    /// This mechanism takes no prefix length.
    #[error("`{0}` takes no prefix length")]
    PrefixUnexpected(&'static str),
    /// A prefix length that is no number, or too large.
    #[error("a prefix length of IPv4 is a number from 0 to 32, without leading zeros")]
    Prefix4,
    /// A prefix length that is no number, or too large.
    #[error("a prefix length of IPv6 is a number from 0 to 128, without leading zeros")]
    Prefix6,
    /// One slash where two belong.
    #[error("a prefix length of IPv6 stands behind two slashes here")]
    SlashMissing,
    /// Not an IPv4 address.
    #[error("this is not an IPv4 address of four numbers from 0 to 255")]
    Address4,
    /// Not an IPv6 address.
    #[error("this is not an IPv6 address")]
    Address6,
    /// The address is of the other kind.
    #[error("this is an address of the other kind, for which there is `{0}`")]
    OtherFamily(&'static str),
    /// A port behind the address.
    #[error("an address has no port here")]
    Port,
    /// An address where a name belongs.
    #[error("`{0}` takes a host name; for an address there is `ip4` or `ip6`")]
    AddressForName(&'static str),
    /// A name of one label.
    #[error("a domain name needs at least one dot")]
    OneLabel,
    /// A name whose last label cannot be one.
    #[error(
        "a domain name ends in letters, digits and hyphens, not in digits alone and not with a hyphen at either side"
    )]
    TopLabel,
    /// A percent sign that begins nothing.
    #[error("`%` must be followed by `{{`, `%`, `_` or `-`")]
    Percent,
    /// A macro that is not closed.
    #[error("this macro has no closing `}}`")]
    MacroOpen,
    /// No such macro.
    #[error("there is no macro of this letter")]
    MacroLetter,
    /// A macro for explanations elsewhere.
    #[error("the macros `c`, `r` and `t` are for the text of explanations only")]
    MacroPlace,
    /// Something else behind the letter.
    #[error("behind the letter of a macro may stand a number from 1, `r`, and delimiters of `.-+,/_=`, in this order")]
    MacroTransformer,
    /// Not a name of a modifier.
    #[error("the name of a modifier begins with a letter and goes on with letters, digits, `-`, `_` and `.`")]
    ModifierName,
    /// A sign before a modifier.
    #[error("a modifier takes no `+`, `-`, `~` or `?`")]
    ModifierQualified,
    /// A modifier written as a mechanism.
    #[error("`{0}` is a modifier, its value stands behind `=`")]
    ModifierColon(&'static str),
    /// May stand once.
    #[error("`{0}` may stand only once in a record")]
    Twice(&'static str),
}

/// A character that may be invisible, in words.
fn of_character(c: char) -> String {
    let name = match c {
        '\t' => "a tab",
        '\r' | '\n' => "a line break",
        '\0' => "a null octet",
        '\u{a0}' | '\u{202f}' => "a no-break space",
        '\u{200b}' | '\u{2060}' | '\u{feff}' => "an invisible character",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "a long dash",
        '\u{2018}'..='\u{201f}' => "a curved quotation mark",
        '\u{fffd}' => "an octet beyond ASCII",
        _ => "",
    };
    let code = u32::from(c);
    match name {
        "" if c.is_control() => format!("the control character U+{code:04X}"),
        "" => format!("`{c}` (U+{code:04X})"),
        _ => format!("{name} (U+{code:04X})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_what_cannot_be_seen() {
        let span = Span::new(3, 4);
        let table = [
            (
                Fault::new(span, Flaw::Separator('\t')).instead(" "),
                "only spaces may stand between terms, and here stands a tab (U+0009) (put a space here)",
            ),
            (
                Fault::new(span, Flaw::NotAscii('\u{2013}')).instead("-"),
                "only ASCII may stand in the record, and here stands a long dash (U+2013) (write `-`)",
            ),
            (
                Fault::new(span, Flaw::Separator('\u{7}')),
                "only spaces may stand between terms, and here stands the control character U+0007",
            ),
            (Fault::new(span, Flaw::Percent), "`%` must be followed by `{`, `%`, `_` or `-`"),
            (Fault::new(span, Flaw::ValueUnexpected).instead(""), "`all` takes no value (leave it out)"),
        ];
        for (fault, text) in table {
            assert_eq!(fault.to_string(), text);
        }
    }
}
