//! A number alone: a reply code, a status, a status that lost its dots, or no SMTP at all.

use super::model::{Explained, Kind, Reading};
use super::reader::{Hints, Reader};
use postrider_reply::reference::{Popular, StandsFor};
use postrider_smtp::{EnhancedStatus, Outcome, Phase, ReplyCode, Said, Trouble};

/// What stands there alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bare {
    /// A number, and a status if one stands beside it.
    Number(u32, Option<EnhancedStatus>),
    Status(EnhancedStatus),
    /// `4xx`: all codes with that first digit.
    Digit(u8),
    /// The name of an operating system's error.
    Name(String),
}

/// Words that people put before a code.
const AROUND: [&str; 9] = ["smtp", "error", "code", "status", "errno", "reply", "esmtp", "err", "number"];

/// The number, status or name that the text consists of.
pub(super) fn bare(text: &str) -> Option<Bare> {
    if text.len() > 60 {
        return None;
    }
    let mut words = text
        .split(|c: char| c.is_whitespace() || c == ':' || c == '=')
        .map(|word| word.trim_matches(['#', '"', '\'', '(', ')', '[', ']', ',', '?', '!', '.', '<', '>']))
        .filter(|word| !word.is_empty() && !AROUND.iter().any(|around| word.eq_ignore_ascii_case(around)));
    let (first, second) = (words.next()?, words.next());
    if words.next().is_some() {
        return None;
    }
    let status = match second {
        Some(word) => Some(word.parse::<EnhancedStatus>().ok()?),
        None => None,
    };
    if let Ok(status) = first.parse()
        && second.is_none()
    {
        return Some(Bare::Status(status));
    }
    if first.len() <= 5 && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return first.parse().ok().map(|number| Bare::Number(number, status));
    }
    if let Some(digit) = digit_for_all(first).filter(|_| second.is_none()) {
        return Some(Bare::Digit(digit));
    }
    let name = first.strip_prefix("WSA").unwrap_or(first);
    let is_name = name.len() > 3 && name.starts_with('E') && name.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_name && second.is_none()).then(|| Bare::Name(first.to_owned()))
}

/// `5xx`, `5XX`, `5yz`.
fn digit_for_all(word: &str) -> Option<u8> {
    let lower = word.to_ascii_lowercase();
    let rest = lower.get(1..).filter(|rest| matches!(*rest, "xx" | "yz" | "**"));
    let digit = lower.as_bytes()[0];
    rest.filter(|_| (b'1'..=b'5').contains(&digit)).map(|_| digit - b'0')
}

/// What popular lists say about a first digit, and what the standard says.
const DIGITS: [(u8, &str, &str); 5] = [
    (
        1,
        "No mail server sends 1yz (RFC 5321 §4.2.1 knows the first digits 2 to 5). Such a number comes from the program or the operating system.",
        "A syntax error.",
    ),
    (2, "Done (RFC 5321 §4.2.1).", "All is well."),
    (
        3,
        "Go on (RFC 5321 §4.2.1): only 334 and 354 exist, and neither is an error.",
        "Something in the sender's configuration.",
    ),
    (
        4,
        "Not now (RFC 5321 §4.2.1): the command was not accepted this time. The reason may lie with the sender as well as with the receiver.",
        "A temporary fault; sending again may help.",
    ),
    (
        5,
        "Never like this (RFC 5321 §4.2.1): the same request is not to be repeated. By itself it says nothing against the address.",
        "A lasting fault; sending again will not help.",
    ),
];

/// Explains it.
pub(super) fn explain(reader: &Reader, bare: &Bare, hints: &Hints) -> Explained {
    let mut explained = Explained::new(Kind::Code);
    match bare {
        Bare::Status(status) => {
            let said = Said { enhanced: Some(*status), ..Said::default() };
            explained.reply = Some(reader.spoken(said, hints));
        }
        Bare::Digit(digit) => of_digit(reader, *digit, hints, &mut explained),
        Bare::Name(name) => of_system(reader, |errno| errno.name == name, None, &mut explained),
        Bare::Number(number, status) => of_number(reader, *number, *status, hints, &mut explained),
    }
    if explained.reply.is_none() {
        explained.reply = Some(reader.spoken(Said::default(), hints));
    }
    explained
}

fn of_digit(reader: &Reader, digit: u8, hints: &Hints, explained: &mut Explained) {
    let row = DIGITS.iter().find(|(one, ..)| *one == digit);
    explained.readings = row.map_or_else(Vec::new, |(_, standard, popular)| {
        vec![Reading::new("the standard", *standard), Reading::new("popular lists", *popular)]
    });
    // Nobody has 299, 399, 499 or 599: what is left is the first digit.
    let code = ReplyCode::new(u16::from(digit) * 100 + 99);
    let mut spoken = reader.spoken(Said { code, ..Said::default() }, hints);
    spoken.code = None;
    spoken.verdict.evidence.code = None;
    spoken.verdict.summary = match digit {
        1 => "No mail server gives such a code.",
        2 => "The command was done.",
        3 => "The server waits for more; nothing is wrong.",
        4 => "The server did not accept it this time; trying again may help.",
        _ => "The server did not accept it, and the same again will not help.",
    }
    .into();
    explained.reply = Some(spoken);
}

fn of_number(reader: &Reader, number: u32, status: Option<EnhancedStatus>, hints: &Hints, explained: &mut Explained) {
    let popular = reader.popular.iter().find(|row| u32::from(row.code) == number);
    explained.readings = popular.map(Reading::of_popular).unwrap_or_default();
    let code = u16::try_from(number).ok().and_then(ReplyCode::new);
    let Some(code) = code else {
        let same = |errno: &postrider_reply::Errno| i64::from(errno.number) == i64::from(number);
        of_system(reader, same, i32::try_from(number).ok(), explained);
        return;
    };
    let stands_for = popular.and_then(|row| row.stands_for);
    if stands_for == Some(StandsFor::Http) {
        explained.notes.push(format!("SMTP has no {code}; web interfaces have one. Where did the number come from?"));
    }
    let lost = lost_dots(reader, code, stands_for).filter(|_| status.is_none());
    if let Some(lost) = lost.filter(|_| stands_for.is_some() || popular.is_none()) {
        let how = "that is custom among list makers, no standard";
        explained.notes.push(format!("Read as {lost} with the dots lost ({how})."));
    }
    let said = Said { code: Some(code), enhanced: status.or(lost), ..Said::default() };
    let mut spoken = reader.spoken(said, hints);
    spoken.enhanced = status;
    explained.reply = Some(spoken);
    if hints.phase.is_none() && status.is_none() {
        explained.readings.extend(by_phase(reader, code));
    }
    if explained.readings.is_empty() && !reader.is_listed(code) {
        let digit = DIGITS.iter().find(|(one, ..)| *one == code.class());
        explained.readings.extend(digit.map(|(_, says, _)| Reading::new(format!("{}yz", code.class()), *says)));
        explained.notes.push(format!("No standard has {code}; such a code is taken by its first digit."));
    }
}

/// What a code means in one phase and another, where that differs.
fn by_phase(reader: &Reader, code: ReplyCode) -> Vec<Reading> {
    let rows = reader.decoder.listed_codes();
    let of_code: Vec<_> = rows.iter().filter(|row| row.key.parse() == Ok(code.number())).collect();
    if of_code.len() < 2 {
        return Vec::new();
    }
    let named = |phases: &str| if phases.is_empty() { "elsewhere".to_owned() } else { format!("at {phases}") };
    of_code.iter().map(|row| Reading::new(named(row.phases), row.summary)).collect()
}

/// The status that a code of three digits would be with dots between them.
fn lost_dots(reader: &Reader, code: ReplyCode, stands_for: Option<StandsFor>) -> Option<EnhancedStatus> {
    if let Some(StandsFor::Status(status)) = stands_for {
        return (!reader.is_listed(code)).then_some(status);
    }
    let (subject, detail) = (code.number() / 10 % 10, code.number() % 10);
    let status = EnhancedStatus::new(code.class(), subject, detail)?;
    let could_be = stands_for.is_none() && !reader.is_listed(code) && subject > 0;
    (could_be && reader.decoder.status_summary(status).is_some()).then_some(status)
}

/// A number or name of an operating system, on each system that has it.
fn of_system(
    reader: &Reader,
    same: impl Fn(&postrider_reply::Errno) -> bool,
    number: Option<i32>,
    explained: &mut Explained,
) {
    let rows: Vec<_> = reader.decoder.listed_errnos().iter().filter(|errno| same(errno)).collect();
    let systems =
        rows.iter().map(|row| Reading::new(row.system, format!("{} {}: {}.", row.number, row.name, row.meaning)));
    explained.readings.extend(systems);
    let source = match (rows.first(), number) {
        (Some(_), _) => {
            "It is no answer of a mail server: the program or the operating system of the sending machine gave it."
        }
        (None, Some(100..=199)) => {
            "No mail server sends 1yz: such a number comes from the program or the operating system, and this one is not known here."
        }
        (None, _) => "This is no code of SMTP, and no error of a system that is known here.",
    };
    explained.notes.push(source.to_owned());
    if let Some(row) = rows.first() {
        let detail = row.meaning.to_owned();
        let trouble = Trouble { phase: Phase::Connect, kind: row.trouble, errno: Some(row.number), detail };
        let mut spoken = reader.outcome(&Outcome::Unreached(trouble));
        // The words are ours, not somebody's who said them.
        spoken.text.clear();
        explained.reply = Some(spoken);
    }
}

/// The number of a popular row that a single reply begins with, such as `541 recipient rejected`.
pub(super) fn popular_of<'a>(reader: &'a Reader, said: &Said<'_>) -> Option<&'a Popular> {
    let code = said.code?.number();
    reader.popular.iter().find(|row| row.code == code && row.stands_for.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_reply::{Cause, Confidence};

    #[test]
    fn numbers_are_told_from_replies() {
        let number = |number| Some(Bare::Number(number, None));
        let table = [
            ("550", number(550)),
            ("error 550", number(550)),
            ("SMTP error code: 554.", number(554)),
            ("#10060", number(10060)),
            ("550 5.1.1", Some(Bare::Number(550, EnhancedStatus::new(5, 1, 1)))),
            ("5.7.26", EnhancedStatus::new(5, 7, 26).map(Bare::Status)),
            ("5XX", Some(Bare::Digit(5))),
            ("ECONNREFUSED", Some(Bare::Name("ECONNREFUSED".into()))),
            ("WSAETIMEDOUT", Some(Bare::Name("WSAETIMEDOUT".into()))),
            ("550 no", None),
            ("ERROR", None),
            ("192.0.2.1", None),
            ("EVERYTHING IS LOST", None),
        ];
        for (text, want) in table {
            assert_eq!(bare(text), want, "{text}");
        }
    }

    #[test]
    fn each_number_is_read_for_what_it_is() {
        let reader = Reader::new(false);
        let explained = |text: &str| explain(&reader, &bare(text).unwrap(), &Hints::default());
        let table = [
            ("550", Cause::RecipientRejected, Confidence::Code),
            ("511", Cause::MailboxUnknown, Confidence::Enhanced),
            ("111", Cause::ConnectionRefused, Confidence::Entry),
            ("10060", Cause::ConnectionTimeout, Confidence::Entry),
            ("ECONNREFUSED", Cause::ConnectionRefused, Confidence::Entry),
            ("5.1.1", Cause::MailboxUnknown, Confidence::Enhanced),
        ];
        for (text, cause, confidence) in table {
            let verdict = explained(text).reply.unwrap().verdict;
            assert_eq!((verdict.cause, verdict.confidence), (cause, confidence), "{text}");
        }
        for text in ["599", "5xx", "403", "199", "77777"] {
            assert_eq!(explained(text).reply.unwrap().verdict.confidence, Confidence::Digit, "{text}");
        }
        let readings = explained("61").readings;
        assert!(readings[0].by.contains("macOS") && readings[0].says.contains("ECONNREFUSED"), "{readings:?}");
        assert!(explained("431").notes[0].contains("4.3.1"), "{:?}", explained("431"));
    }

    /// Whoever comes from a popular list finds what it says beside what is right.
    #[test]
    fn every_popular_code_gets_both_readings() {
        let reader = Reader::new(false);
        for row in &reader.popular {
            let explained = explain(&reader, &Bare::Number(row.code.into(), None), &Hints::default());
            let says: Vec<&str> = explained.readings.iter().map(|reading| reading.says.as_str()).collect();
            assert_eq!(says.first(), Some(&row.reading), "{}", row.code);
            assert!(row.popular.is_none_or(|popular| says.contains(&popular)), "{}", row.code);
        }
    }
}
