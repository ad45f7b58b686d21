//! Authentication-Results fields (RFC 8601), read as leniently as the world writes them.
//!
//! Understood beyond the grammar: a field without the name of its author, results without a
//! semicolon between them, and values with `=` in them. Not here: whose field may be believed,
//! which is a matter of where in the message it stands and whose name it bears (RFC 8601 §5).

use crate::reading::{Reading, Remarks, bounded, quoted};
use std::ops::Range;

/// What there is to say about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum Oddity {
    AuthorMissing,
    SemicolonMissing,
    CommentUnclosed,
    QuoteUnclosed,
    WordAlone,
}

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthResults {
    /// The authserv-id: who says it.
    pub author: Option<Box<str>>,
    /// The version behind it.
    pub version: Option<u32>,
    /// What was found; empty also where the field says `none`.
    pub results: Vec<MethodResult>,
}

impl AuthResults {
    /// The results of one method, such as `dkim`.
    pub fn of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a MethodResult> {
        self.results.iter().filter(move |result| &*result.method == method)
    }
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MethodResult {
    /// Such as `spf`, in lower case.
    pub method: Box<str>,
    /// Such as `pass`, in lower case.
    pub result: Box<str>,
    /// The reason given.
    pub reason: Option<Box<str>>,
    /// What it is about, such as `smtp.mailfrom`.
    pub properties: Vec<Property>,
    /// What stands in parentheses.
    pub comments: Vec<Box<str>>,
    /// Where it stands in the field.
    pub span: Range<usize>,
}

impl MethodResult {
    /// The value of a property, by its whole name.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|property| &*property.name == name).map(|property| &*property.value)
    }

    /// The domain of a property's value, be it a domain or an address.
    pub fn domain(&self, name: &str) -> Option<&str> {
        let value = self.property(name)?;
        Some(value.rsplit_once('@').map_or(value, |(_, domain)| domain))
    }
}

/// One thing that a result is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Type and name with a dot between them, in lower case; or a name alone.
    pub name: Box<str>,
    /// The value, without quotation marks.
    pub value: Box<str>,
}

/// A field is cut off behind this.
const FIELD_BYTES_MAX: usize = 64 * 1024;
const RESULTS_MAX: usize = 256;
const PROPERTIES_MAX: usize = 64;

/// Methods of the registry (RFC 8601 §6.2) and some of large providers, which begin a result even
/// where the semicolon before it is missing.
const METHODS: [&str; 13] = [
    "spf",
    "dkim",
    "dmarc",
    "arc",
    "auth",
    "iprev",
    "dkim-adsp",
    "domainkeys",
    "sender-id",
    "rrvs",
    "smime",
    "bimi",
    "dnswl",
];

/// Reads the body of a field, folded or not.
///
/// ```
/// use postrider_mailauth::auth_results;
/// let read = auth_results::read("mx.example; spf=pass (see there) smtp.mailfrom=a@b.example; dkim=none");
/// assert_eq!(read.value.author.as_deref(), Some("mx.example"));
/// assert_eq!(read.value.results[0].domain("smtp.mailfrom"), Some("b.example"));
/// ```
pub fn read(field: &str) -> Reading<AuthResults, Oddity> {
    let field = bounded(field, FIELD_BYTES_MAX);
    let mut reader =
        Reader { scanner: Scanner::new(field), value: AuthResults::default(), open: None, at: Place::Author };
    while let Some(token) = reader.scanner.next() {
        reader.take(token);
    }
    let end = reader.scanner.at;
    reader.close(end);
    let Reader { scanner, value, at, .. } = reader;
    let mut remarks = scanner.remarks;
    if at == Place::Author && value.author.is_none() {
        remarks.add(Oddity::AuthorMissing, 0..0, "nobody says here who found this out");
    }
    remarks.into_reading(value, None)
}

#[derive(Debug, PartialEq)]
enum Token {
    Semicolon,
    Comment(String),
    Word(String, Range<usize>),
    Pair { name: String, value: String, span: Range<usize> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first semicolon.
    Author,
    /// Behind a semicolon, before a result.
    Between,
    /// In a result.
    Result,
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    value: AuthResults,
    open: Option<MethodResult>,
    at: Place,
}

impl Reader<'_> {
    fn take(&mut self, token: Token) {
        match token {
            Token::Semicolon => {
                let end = self.scanner.at.saturating_sub(1);
                self.close(end);
                self.at = Place::Between;
            }
            Token::Comment(comment) => {
                if let Some(open) = self.open.as_mut().filter(|open| open.comments.len() < PROPERTIES_MAX) {
                    open.comments.push(comment.into());
                }
            }
            Token::Word(word, span) => self.word(word, span),
            Token::Pair { name, value, span } => self.pair(&name, value, span),
        }
    }

    fn word(&mut self, word: String, span: Range<usize>) {
        match (self.at, &self.value.author) {
            (Place::Author, None) => self.value.author = Some(word.into()),
            (Place::Author, Some(_)) if self.value.version.is_none() && word.bytes().all(|b| b.is_ascii_digit()) => {
                self.value.version = word.parse().ok();
            }
            // RFC 8601 §2.2: `none` says that nothing was looked at.
            (Place::Between, _) if word.eq_ignore_ascii_case("none") => {}
            _ => {
                let what = format!("{} says nothing where it stands", quoted(&word));
                self.scanner.remarks.add(Oddity::WordAlone, span, what);
            }
        }
    }

    fn pair(&mut self, name: &str, value: String, span: Range<usize>) {
        let (name, _version) = name.split_once('/').unwrap_or((name, ""));
        let name = name.trim().to_ascii_lowercase();
        let begins = match self.at {
            Place::Author => {
                if self.value.author.is_none() {
                    let what = "the field does not begin with the name of who wrote it";
                    self.scanner.remarks.add(Oddity::AuthorMissing, span.start..span.start, what);
                }
                true
            }
            Place::Between => true,
            Place::Result => METHODS.contains(&name.as_str()),
        };
        if !begins {
            return self.property(name, value);
        }
        if self.at != Place::Between && self.value.author.is_some() {
            let what = "a semicolon is missing before this result";
            self.scanner.remarks.add(Oddity::SemicolonMissing, span.start..span.start, what);
        }
        self.close(span.start);
        self.at = Place::Result;
        let result = value.to_ascii_lowercase().into();
        self.open = Some(MethodResult { method: name.into(), result, span, ..MethodResult::default() });
    }

    fn property(&mut self, name: String, value: String) {
        let Some(open) = &mut self.open else { return };
        if name == "reason" {
            open.reason = Some(value.into());
        } else if open.properties.len() < PROPERTIES_MAX {
            open.properties.push(Property { name: name.into(), value: value.into() });
        }
    }

    /// Ends the result under way; it reaches to here, without what is blank before it.
    fn close(&mut self, end: usize) {
        if let Some(mut open) = self.open.take().filter(|_| self.value.results.len() < RESULTS_MAX) {
            let inside = self.scanner.text.get(open.span.start..end).unwrap_or_default();
            open.span.end = open.span.start + inside.trim_end().len();
            self.value.results.push(open);
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    remarks: Remarks<Oddity>,
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, remarks: Remarks::new() }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    fn next(&mut self) -> Option<Token> {
        self.blanks();
        match self.peek()? {
            ';' => {
                self.bump();
                Some(Token::Semicolon)
            }
            '(' => Some(Token::Comment(self.comment())),
            _ => Some(self.word_or_pair()),
        }
    }

    /// A comment, those inside it included; how deep they are is counted, not climbed.
    fn comment(&mut self) -> String {
        let start = self.at;
        let mut depth = 0_usize;
        let mut inside = String::new();
        while let Some(c) = self.bump() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return inside;
            }
            match c {
                '\\' => inside.extend(self.bump()),
                '(' if depth == 1 => {}
                c if c.is_whitespace() => {
                    self.blanks();
                    inside.push(' ');
                }
                c => inside.push(c),
            }
        }
        self.remarks.add(Oddity::CommentUnclosed, start..start + 1, "this comment has no end");
        inside
    }

    fn word_or_pair(&mut self) -> Token {
        let start = self.at;
        let name = self.word(&['=', ';', '(']);
        let end = self.at;
        // RFC 8601 §2.2 has room for blanks and comments around the equals sign.
        self.blanks();
        while self.peek() == Some('(') && self.equals_behind_comment() {
            self.comment();
            self.blanks();
        }
        if self.peek() != Some('=') {
            self.at = end;
            if name.is_empty() {
                // A lone character that begins nothing: it is passed over, so that there is an end.
                self.bump();
            }
            return Token::Word(name, start..self.at);
        }
        self.bump();
        self.blanks();
        let value = self.word(&[';', '(']);
        Token::Pair { name, value, span: start..self.at }
    }

    /// Whether an equals sign follows the comment that begins here.
    fn equals_behind_comment(&self) -> bool {
        let mut ahead = Scanner { text: self.text, at: self.at, remarks: Remarks::new() };
        ahead.comment();
        ahead.blanks();
        ahead.peek() == Some('=')
    }

    /// Up to a blank or one of these, with quoted parts as what they mean.
    fn word(&mut self, ends: &[char]) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && !ends.contains(c)) {
            self.bump();
            if c == '"' {
                self.quoted(&mut word);
            } else {
                word.push(c);
            }
        }
        word
    }

    fn quoted(&mut self, word: &mut String) {
        let start = self.at - 1;
        while let Some(c) = self.bump() {
            match c {
                '"' => return,
                '\\' => word.extend(self.bump()),
                c => word.push(c),
            }
        }
        self.remarks.add(Oddity::QuoteUnclosed, start..start + 1, "this quotation mark has no other half");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The field in one line.
    fn shown(field: &str) -> String {
        let AuthResults { author, version, results } = read(field).value;
        let version = version.map(|version| format!("/{version}")).unwrap_or_default();
        let results: Vec<String> = results.iter().map(one).collect();
        format!("{}{version}: {}", author.as_deref().unwrap_or("?"), results.join(" | "))
    }

    fn one(result: &MethodResult) -> String {
        let mut text = format!("{}={}", result.method, result.result);
        for comment in &result.comments {
            text += &format!(" ({comment})");
        }
        if let Some(reason) = &result.reason {
            text += &format!(" because {reason}");
        }
        for Property { name, value } in &result.properties {
            text += &format!(" {name}:{value}");
        }
        text
    }

    #[test]
    fn fields_and_what_they_say() {
        use Oddity as O;
        let table = [
            ("mx.example; none", "mx.example: ", vec![]),
            (
                "mx.example 1; spf=pass smtp.mailfrom=a.example",
                "mx.example/1: spf=pass smtp.mailfrom:a.example",
                vec![],
            ),
            (
                "mx.example;\r\n\tdkim=pass header.i=@a.example header.s=s1 header.b=\"ab/c+==\";\r\n spf=Fail (mx.example: a (b)\r\n c) smtp.mailfrom=\"x y\"@a.example;",
                "mx.example: dkim=pass header.i:@a.example header.s:s1 header.b:ab/c+== | spf=fail (mx.example: a (b) c) smtp.mailfrom:x y@a.example",
                vec![],
            ),
            (
                "mx.example; dkim/1=fail reason=\"bad \\\"hash\\\"\" header.d=a.example header.b=abc==",
                "mx.example: dkim=fail because bad \"hash\" header.d:a.example header.b:abc==",
                vec![],
            ),
            (
                "mx.example; dmarc=pass(p=REJECT,sp=NONE) header.from=a.example; spf (x) = (y) pass",
                "mx.example: dmarc=pass (p=REJECT,sp=NONE) header.from:a.example | spf= (y)",
                vec![O::WordAlone],
            ),
            (
                "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=none (message not signed) header.d=none;dmarc=pass action=none header.from=a.example;compauth=pass reason=100",
                "?: spf=pass (sender IP is 192.0.2.1) smtp.mailfrom:a.example | dkim=none (message not signed) header.d:none | dmarc=pass action:none header.from:a.example | compauth=pass because 100",
                vec![O::AuthorMissing],
            ),
            (
                "mx.example; dkim=pass header.d=a.example spf=pass smtp.helo=b.example",
                "mx.example: dkim=pass header.d:a.example | spf=pass smtp.helo:b.example",
                vec![O::SemicolonMissing],
            ),
            ("mx.example; spf=pass (open", "mx.example: spf=pass (open)", vec![O::CommentUnclosed]),
            ("mx.example; spf=pass a.b=\"c", "mx.example: spf=pass a.b:c", vec![O::QuoteUnclosed]),
            ("", "?: ", vec![O::AuthorMissing]),
            ("mx.example; odd", "mx.example: ", vec![O::WordAlone]),
        ];
        for (field, want, remarks) in table {
            assert_eq!(shown(field), want, "{field}");
            assert_eq!(read(field).kinds(), remarks, "{field}");
        }
        let read = read("mx.example; spf=pass smtp.mailfrom=x@a.example ; dkim=none");
        assert_eq!(read.value.of("spf").next().map(|spf| spf.span.clone()), Some(12..46));
    }
}
