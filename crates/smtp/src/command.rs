//! Commands as clients write them (RFC 5321 §4.1.1 and its extensions).
//!
//! Taken tolerantly where libraries of the field stray and no harm is done: any case, spaces
//! after `FROM:`, an address without brackets, trailing spaces. Refused where harm would be done:
//! control characters anywhere, 8-bit octets anywhere but in UTF-8 addresses.
//!
//! Deliberately not here: whether a command may come *now*; that is [`crate::server`]'s.

use crate::{Address, AddressError, BodyType, DsnReturn, Notify, Recipient, Reply, ReplyCode};
use std::fmt;

/// The longest ENVID, in octets of xtext (RFC 3461 §4.4).
pub const ENVID_BYTES_MAX: usize = 100;
/// The longest ORCPT, in octets of xtext (RFC 3461 §4.2).
pub const ORCPT_BYTES_MAX: usize = 500;

/// The first word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the words")]
pub enum Verb {
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 14] = [
        Self::Ehlo,
        Self::Helo,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Bdat,
        Self::Rset,
        Self::Noop,
        Self::Quit,
        Self::Vrfy,
        Self::Expn,
        Self::Help,
        Self::StartTls,
        Self::Auth,
    ];

    /// The word, as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Bdat => "BDAT",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word().eq_ignore_ascii_case(word))
    }
}

/// One command.
///
/// ```
/// use postrider_smtp::command::Command;
/// let command = Command::parse(b"mail from: <tom@example.com> size=1030").unwrap();
/// let Command::Mail(mail) = command else { panic!() };
/// assert_eq!((mail.sender.unwrap().to_string().as_str(), mail.size), ("tom@example.com", Some(1030)));
/// assert!(Command::parse(b"MAIL TO:<tom@example.com>").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// EHLO and the client's name. Anything is taken as a name: it proves nothing anyway.
    Ehlo(&'a str),
    /// HELO and the client's name.
    Helo(&'a str),
    /// MAIL FROM.
    Mail(Mail),
    /// RCPT TO.
    Rcpt(Recipient),
    /// DATA.
    Data,
    /// BDAT (RFC 3030 §2).
    Bdat(Chunk),
    /// RSET.
    Rset,
    /// NOOP; its argument says nothing.
    Noop,
    /// QUIT.
    Quit,
    /// VRFY; who is asked for is not looked at.
    Vrfy,
    /// EXPN; likewise.
    Expn,
    /// HELP; likewise.
    Help,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH (RFC 4954).
    Auth {
        /// The mechanism, as written.
        mechanism: &'a str,
        /// The initial response in base64, or `=` for an empty one.
        initial: Option<&'a str>,
    },
}

/// MAIL FROM with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// The reverse path; `None` is `<>`.
    pub sender: Option<Address>,
    /// `SIZE` (RFC 1870).
    pub size: Option<u64>,
    /// `BODY` (RFC 6152, RFC 3030); `None` when nothing was said.
    pub body: Option<BodyType>,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `RET` (RFC 3461).
    pub ret: Option<DsnReturn>,
    /// `ENVID` (RFC 3461), in xtext as given.
    pub envid: Option<Box<str>>,
    /// `REQUIRETLS` (RFC 8689).
    pub require_tls: bool,
}

/// The argument of BDAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command line.
    pub size: u64,
    /// Whether it is the last of its message.
    pub last: bool,
}

/// Why a line is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The first word is none of ours.
    #[error("command not recognised")]
    Unknown,
    /// NUL or another control character.
    #[error("a command must not contain control characters")]
    Control,
    /// Octets above 127 outside of an address, or not UTF-8.
    #[error("a command must be ASCII, addresses may be UTF-8")]
    EightBit,
    /// What the command needs is missing or not well formed; how it is written.
    #[error("that is written: {0}")]
    Argument(&'static str),
    /// The address of MAIL or RCPT is none.
    #[error("{1}")]
    Address(Verb, AddressError),
    /// A parameter nobody knows.
    #[error("parameter not recognised: {0}")]
    UnknownParameter(Box<str>),
    /// A parameter twice.
    #[error("parameter given twice: {0}")]
    Twice(&'static str),
    /// A known parameter with a value that makes no sense.
    #[error("the value of {0} is not well formed")]
    Value(&'static str),
}

impl CommandError {
    /// What the client is told.
    pub fn reply(&self) -> Reply {
        let (code, enhanced) = match self {
            Self::Unknown => (ReplyCode::UNRECOGNISED_500, "5.5.1"),
            Self::Control | Self::EightBit => (ReplyCode::UNRECOGNISED_500, "5.5.2"),
            Self::Argument(_) | Self::Twice(_) | Self::Value(_) => (ReplyCode::BAD_ARGUMENT_501, "5.5.4"),
            // RFC 3463 §3.2: 5.1.7 is a bad sender address, 5.1.3 a bad recipient address.
            Self::Address(Verb::Mail, _) => (ReplyCode::BAD_ARGUMENT_501, "5.1.7"),
            Self::Address(..) => (ReplyCode::BAD_ARGUMENT_501, "5.1.3"),
            // RFC 5321 §4.1.1.11: 555 for parameters that are not recognised.
            Self::UnknownParameter(_) => (ReplyCode::BAD_MAIL_OR_RCPT_PARAMETER_555, "5.5.4"),
        };
        Reply::new(code, format!("{enhanced} {self}"))
    }
}

impl<'a> Command<'a> {
    /// Parses a line, its end taken off.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(CommandError::Control);
        }
        let line = std::str::from_utf8(line).map_err(|_| CommandError::EightBit)?;
        let line = line.trim_matches([' ', '\t']);
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let verb =
            Verb::of(word).ok_or(if word.is_ascii() { CommandError::Unknown } else { CommandError::EightBit })?;
        // RFC 6531 §3.3: UTF-8 stands in addresses only.
        if !rest.is_ascii() && !matches!(verb, Verb::Mail | Verb::Rcpt | Verb::Vrfy | Verb::Expn) {
            return Err(CommandError::EightBit);
        }
        Self::of(verb, rest.trim_start_matches([' ', '\t']))
    }

    fn of(verb: Verb, rest: &'a str) -> Result<Self, CommandError> {
        match verb {
            Verb::Ehlo => named(rest, "EHLO your.host.name").map(Self::Ehlo),
            Verb::Helo => named(rest, "HELO your.host.name").map(Self::Helo),
            Verb::Mail => parse_mail(rest).map(Self::Mail),
            Verb::Rcpt => parse_rcpt(rest).map(Self::Rcpt),
            Verb::Bdat => parse_chunk(rest).map(Self::Bdat),
            Verb::Auth => parse_auth(rest),
            Verb::Data => bare(rest, "DATA", Self::Data),
            Verb::Rset => bare(rest, "RSET", Self::Rset),
            Verb::StartTls => bare(rest, "STARTTLS", Self::StartTls),
            // A client that means to leave is let go, whatever it says behind it.
            Verb::Quit => Ok(Self::Quit),
            Verb::Noop => Ok(Self::Noop),
            Verb::Vrfy => Ok(Self::Vrfy),
            Verb::Expn => Ok(Self::Expn),
            Verb::Help => Ok(Self::Help),
        }
    }

    /// Its verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Ehlo(_) => Verb::Ehlo,
            Self::Helo(_) => Verb::Helo,
            Self::Mail(_) => Verb::Mail,
            Self::Rcpt(_) => Verb::Rcpt,
            Self::Data => Verb::Data,
            Self::Bdat(_) => Verb::Bdat,
            Self::Rset => Verb::Rset,
            Self::Noop => Verb::Noop,
            Self::Quit => Verb::Quit,
            Self::Vrfy => Verb::Vrfy,
            Self::Expn => Verb::Expn,
            Self::Help => Verb::Help,
            Self::StartTls => Verb::StartTls,
            Self::Auth { .. } => Verb::Auth,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The first word of what follows; there must be one.
fn named<'a>(rest: &'a str, form: &'static str) -> Result<&'a str, CommandError> {
    rest.split_ascii_whitespace().next().ok_or(CommandError::Argument(form))
}

/// RFC 5321 §4.1.1.4: no parameter is permitted, and a strange one is a strange client.
fn bare<'a>(rest: &str, form: &'static str, command: Command<'a>) -> Result<Command<'a>, CommandError> {
    if rest.is_empty() { Ok(command) } else { Err(CommandError::Argument(form)) }
}

fn parse_mail(rest: &str) -> Result<Mail, CommandError> {
    const FORM: &str = "MAIL FROM:<you@example.com>";
    let rest = strip_word(rest, "FROM:").ok_or(CommandError::Argument(FORM))?;
    let (path, parameters) = split_path(rest).ok_or(CommandError::Argument(FORM))?;
    let sender = if path.is_empty() { None } else { Some(address(Verb::Mail, path)?) };
    let mut mail = Mail { sender, ..Mail::default() };
    let mut seen = Seen::default();
    for parameter in parameters.split_ascii_whitespace() {
        mail_parameter(&mut mail, &mut seen, parameter)?;
    }
    Ok(mail)
}

fn mail_parameter(mail: &mut Mail, seen: &mut Seen, parameter: &str) -> Result<(), CommandError> {
    let (name, value) = split_parameter(parameter);
    match seen.name(name, &["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "REQUIRETLS", "AUTH"])? {
        "SIZE" => {
            let digits = value.filter(|v| v.len() <= 20 && v.bytes().all(|b| b.is_ascii_digit()));
            mail.size = Some(digits.and_then(|v| v.parse().ok()).ok_or(CommandError::Value("SIZE"))?);
        }
        "BODY" => {
            let bodies = [
                ("7BIT", BodyType::SevenBit),
                ("8BITMIME", BodyType::EightBitMime),
                ("BINARYMIME", BodyType::BinaryMime),
            ];
            mail.body = Some(one_of(value, &bodies).ok_or(CommandError::Value("BODY"))?);
        }
        "RET" => {
            let returns = [("FULL", DsnReturn::Full), ("HDRS", DsnReturn::Headers)];
            mail.ret = Some(one_of(value, &returns).ok_or(CommandError::Value("RET"))?);
        }
        "ENVID" => {
            let envid = value.filter(|v| v.len() <= ENVID_BYTES_MAX && is_xtext(v));
            mail.envid = Some(envid.ok_or(CommandError::Value("ENVID"))?.into());
        }
        "SMTPUTF8" if value.is_none() => mail.smtputf8 = true,
        "REQUIRETLS" if value.is_none() => mail.require_tls = true,
        name @ ("SMTPUTF8" | "REQUIRETLS") => return Err(CommandError::Value(name)),
        // RFC 4954 §5: a client that is not trusted in this is to be heard as `AUTH=<>`; none is.
        _ => {}
    }
    Ok(())
}

fn parse_rcpt(rest: &str) -> Result<Recipient, CommandError> {
    const FORM: &str = "RCPT TO:<them@example.com>";
    let rest = strip_word(rest, "TO:").ok_or(CommandError::Argument(FORM))?;
    let (path, parameters) = split_path(rest).ok_or(CommandError::Argument(FORM))?;
    // RFC 5321 §4.1.1.3 has `<Postmaster>` without a domain; a relay has no domain to give it.
    let mut recipient = Recipient::new(address(Verb::Rcpt, path)?);
    let mut seen = Seen::default();
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = split_parameter(parameter);
        match seen.name(name, &["NOTIFY", "ORCPT"])? {
            "NOTIFY" => recipient.notify = Some(value.and_then(notify).ok_or(CommandError::Value("NOTIFY"))?),
            _ => {
                let orcpt = value.filter(|v| v.len() <= ORCPT_BYTES_MAX && is_orcpt(v));
                recipient.orcpt = Some(orcpt.ok_or(CommandError::Value("ORCPT"))?.into());
            }
        }
    }
    Ok(recipient)
}

fn parse_chunk(rest: &str) -> Result<Chunk, CommandError> {
    const FORM: CommandError = CommandError::Argument("BDAT size [LAST]");
    let mut words = rest.split_ascii_whitespace();
    let size = words.next().filter(|w| w.len() <= 20 && w.bytes().all(|b| b.is_ascii_digit())).ok_or(FORM)?;
    let size = size.parse().map_err(|_| FORM)?;
    match (words.next(), words.next()) {
        (None, _) => Ok(Chunk { size, last: false }),
        (Some(word), None) if word.eq_ignore_ascii_case("LAST") => Ok(Chunk { size, last: true }),
        _ => Err(FORM),
    }
}

fn parse_auth(rest: &str) -> Result<Command<'_>, CommandError> {
    const FORM: CommandError = CommandError::Argument("AUTH mechanism [initial-response]");
    let mut words = rest.split_ascii_whitespace();
    let mechanism = words.next().ok_or(FORM)?;
    let initial = words.next();
    if words.next().is_some() { Err(FORM) } else { Ok(Command::Auth { mechanism, initial }) }
}

/// Takes `FROM:` off, in any case, with or without spaces before and behind it.
fn strip_word<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let (name, after) = rest.split_once(':')?;
    name.trim_end().eq_ignore_ascii_case(&word[..word.len() - 1]).then(|| after.trim_start())
}

/// Parts `<path>` from the parameters. A path without brackets is seen in the field and taken.
fn split_path(rest: &str) -> Option<(&str, &str)> {
    let Some(inner) = rest.strip_prefix('<') else {
        let (path, parameters) = rest.split_once(' ').unwrap_or((rest, ""));
        return (!path.is_empty() && !path.contains(['<', '>'])).then_some((path, parameters));
    };
    let end = path_end(inner)?;
    let parameters = &inner[end + 1..];
    let parted = parameters.is_empty() || parameters.starts_with([' ', '\t']);
    parted.then_some((without_route(inner[..end].trim()), parameters))
}

/// Where the `>` stands that is not within a quoted local part.
fn path_end(inner: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    inner.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' => return !quoted,
            _ => {}
        }
        false
    })
}

/// RFC 5321 §4.1.2, appendix C: a source route is taken and not used.
fn without_route(path: &str) -> &str {
    if path.starts_with('@') { path.split_once(':').map_or(path, |(_, mailbox)| mailbox) } else { path }
}

fn address(verb: Verb, path: &str) -> Result<Address, CommandError> {
    Address::parse(path).map_err(|error| CommandError::Address(verb, error))
}

fn split_parameter(parameter: &str) -> (&str, Option<&str>) {
    parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)))
}

fn one_of<T: Copy>(value: Option<&str>, choices: &[(&str, T)]) -> Option<T> {
    choices.iter().find(|(word, _)| value.is_some_and(|v| v.eq_ignore_ascii_case(word))).map(|(_, choice)| *choice)
}

/// Which parameters of a command were there: each may be there once.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    fn name(&mut self, name: &str, known: &[&'static str]) -> Result<&'static str, CommandError> {
        let Some(index) = known.iter().position(|k| k.eq_ignore_ascii_case(name)) else {
            return Err(CommandError::UnknownParameter(name.chars().take(40).collect()));
        };
        if self.0 & (1 << index) != 0 {
            return Err(CommandError::Twice(known[index]));
        }
        self.0 |= 1 << index;
        Ok(known[index])
    }
}

/// RFC 3461 §4.1: NEVER alone, or a list of the others.
fn notify(value: &str) -> Option<Notify> {
    let mut notify = Notify::NEVER;
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        let flag = match word {
            w if w.eq_ignore_ascii_case("SUCCESS") => &mut notify.success,
            w if w.eq_ignore_ascii_case("FAILURE") => &mut notify.failure,
            w if w.eq_ignore_ascii_case("DELAY") => &mut notify.delay,
            _ => return None,
        };
        *flag = true;
    }
    Some(notify)
}

/// RFC 3461 §4: printable ASCII without `+` and `=`, which are written `+2B` and `+3D`.
fn is_xtext(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.iter().enumerate().all(|(at, byte)| match byte {
            b'+' => bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        })
}

/// `type;xtext`, or `utf-8;` and an address in UTF-8 (RFC 6533 §3).
fn is_orcpt(text: &str) -> bool {
    text.split_once(';').is_some_and(|(kind, address)| {
        let utf8 = kind.eq_ignore_ascii_case("utf-8");
        let named = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        named && (is_xtext(address) || utf8 && !address.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &[u8]) -> String {
        Command::parse(line).map_or_else(|error| error.reply().to_string(), |command| format!("{command:?}"))
    }

    #[test]
    fn what_is_refused_and_how() {
        let table: [(&[u8], &str); 22] = [
            (b"", "500 5.5.1"),
            (b"MAILFROM:<a@b.example>", "500 5.5.1"),
            (b"NOOP\0", "500 5.5.2"),
            (b"NOOP \x7f", "500 5.5.2"),
            (b"HELO \xff", "500 5.5.2"),
            (b"EHLO", "501 5.5.4"),
            (b"DATA now", "501 5.5.4"),
            (b"MAIL a@b.example", "501 5.5.4"),
            (b"MAIL FROM:", "501 5.5.4"),
            (b"MAIL FROM:<a@b.example", "501 5.5.4"),
            (b"MAIL FROM:<a@b.example>SIZE=1", "501 5.5.4"),
            (b"MAIL FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
            (b"MAIL FROM:<a@b.example> SIZE=99999999999999999999", "501 5.5.4"),
            (b"MAIL FROM:<a@b.example> BODY=9BIT", "501 5.5.4"),
            (b"MAIL FROM:<a@b.example> ENVID=a+zz", "501 5.5.4"),
            (b"MAIL FROM:<a@> RET=FULL", "501 5.1.7"),
            (b"RCPT TO:<>", "501 5.1.3"),
            (b"RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", "501 5.5.4"),
            (b"RCPT TO:<a@b.example> ORCPT=noxtext", "501 5.5.4"),
            (b"RCPT TO:<a@b.example> X=1", "555 5.5.4"),
            (b"BDAT 1 FIRST", "501 5.5.4"),
            (b"AUTH PLAIN a b", "501 5.5.4"),
        ];
        for (line, want) in table {
            let got = refusal(line);
            assert!(got.starts_with(want), "{:?}: wanted {want}, got {got}", line.escape_ascii().to_string());
        }
    }

    #[test]
    fn all_that_mail_and_rcpt_may_ask_for() {
        let line = b"MAIL FROM:<a@b.example> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2B AUTH=<> REQUIRETLS";
        let want = Mail {
            sender: Address::parse("a@b.example").ok(),
            size: Some(7),
            body: Some(BodyType::EightBitMime),
            smtputf8: true,
            ret: Some(DsnReturn::Headers),
            envid: Some("x+2B".into()),
            require_tls: true,
        };
        assert_eq!(Command::parse(line), Ok(Command::Mail(want)));
        let Ok(Command::Rcpt(recipient)) = Command::parse(b"RCPT TO:<\"a>b\"@c.example> NOTIFY=DELAY ORCPT=rfc822;x@y")
        else {
            panic!("not taken");
        };
        assert_eq!(recipient.address.to_string(), "\"a>b\"@c.example");
        assert_eq!(recipient.notify, Some(Notify { success: false, failure: false, delay: true }));
        assert_eq!(recipient.orcpt.as_deref(), Some("rfc822;x@y"));
        assert_eq!(Command::parse(b"bdat 12 last \t"), Ok(Command::Bdat(Chunk { size: 12, last: true })));
        assert_eq!(Command::parse(b"quit now"), Ok(Command::Quit));
    }
}
