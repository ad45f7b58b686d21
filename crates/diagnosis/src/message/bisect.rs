//! What was done to a message on its way, found out by undoing it: a change is named only when
//! the signature holds without it.
//!
//! Footers of any length are found in one pass, as the hash of a beginning is at hand wherever a
//! line ends. Everything else is a guess from a list, and each is tried.

use super::canon::{self, Ends, Form};
use super::raw::{Message, with_crlf};
use super::signature::{Signature, short};
use super::verify::{Edits, Key, Keys, keys_of, signed_octets};

/// A body is not hashed again and again beyond this many octets in all.
const HASHED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Lines at the top of a body that may have been put there.
const TOP_LINES_MAX: usize = 40;
/// A longer header is not tried in other shapes.
const HEADER_BYTES_MAX: usize = 128 * 1024;
/// Headers tried against a signature.
const HEADERS_MAX: usize = 600;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In a word, for tables.
    pub kind: &'static str,
    /// In a sentence, without a full stop.
    pub what: String,
    /// What shows it: a line of the message.
    pub proof: String,
}

impl Change {
    fn new(kind: &'static str, what: impl Into<String>, proof: impl Into<String>) -> Self {
        Self { kind, what: what.into(), proof: proof.into() }
    }
}

/// What was done to the body, if that can be told.
pub fn body(message: &Message, signature: &Signature) -> Option<Change> {
    let body = message.body();
    let want = signature.body_hash.as_slice();
    if let Some(length) = signature.length {
        let has = canon::body(body, signature.body, Ends::Crlf, None).1;
        if has < length {
            let what = format!("the body is shorter than what was signed: {has} octets of {length}");
            return Some(Change::new("cut", what, ""));
        }
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        let what = if message.has_body { "there is no body here: it got lost" } else { "only the header was saved" };
        return Some(Change::new("missing", what, ""));
    }
    let mut trial = Trial { form: signature.body, want, length: signature.length, left: HASHED_BYTES_MAX };
    blanks(body, &mut trial)
        .or_else(|| added(body, &mut trial))
        .or_else(|| parts(message, body, &mut trial))
        .or_else(|| rewritten(message, body, &mut trial))
}

/// Bodies that are tried, within bounds.
struct Trial<'a> {
    form: Form,
    want: &'a [u8],
    length: Option<u64>,
    left: usize,
}

impl Trial<'_> {
    /// Whether there is room for one more: asked before a body is put together.
    fn has_room(&self, body: &[u8]) -> bool {
        self.left >= body.len()
    }

    fn fits(&mut self, body: &[u8]) -> bool {
        self.fits_in(body, self.form, Ends::Crlf)
    }

    fn fits_in(&mut self, body: &[u8], form: Form, ends: Ends) -> bool {
        match self.left.checked_sub(body.len().max(1)) {
            None => false,
            Some(left) => {
                self.left = left;
                canon::body(body, form, ends, self.length).0.as_slice() == self.want
            }
        }
    }
}

fn blanks(body: &[u8], trial: &mut Trial<'_>) -> Option<Change> {
    if trial.fits_in(body, trial.form, Ends::Any) {
        return Some(Change::new("line-ends", "the line ends were changed: it holds with CRLF everywhere", ""));
    }
    let other = trial.form.other();
    if trial.fits_in(body, other, Ends::Crlf) || trial.fits_in(body, other, Ends::Any) {
        let what = match trial.form {
            Form::Simple => "only blanks in the lines of the body were changed, which c=…/relaxed would have survived",
            Form::Relaxed => "the signer hashed the body by another form than the c= it wrote",
        };
        return Some(Change::new("blanks", what, ""));
    }
    None
}

/// Something below the body, or above it.
fn added(body: &[u8], trial: &mut Trial<'_>) -> Option<Change> {
    trial.left = trial.left.checked_sub(body.len())?;
    if trial.length.is_none()
        && let Some(end) = canon::beginning(body, trial.form, trial.want)
    {
        let footer = body.get(end..).unwrap_or_default();
        let (count, first) = told(footer);
        return Some(Change::new("footer", format!("{count} added below the body"), first));
    }
    let mut at = 0;
    for _ in 0..TOP_LINES_MAX {
        at += line_end(body.get(at..)?)?;
        let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
        if trial.fits(rest) {
            let (count, first) = told(body.get(..at).unwrap_or_default());
            return Some(Change::new("banner", format!("{count} put above the body"), first));
        }
    }
    None
}

fn line_end(octets: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', octets).map(|end| end + 1)
}

/// How many lines, and the first that says something.
fn told(octets: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(octets.get(..octets.len().min(4096)).unwrap_or_default()).into_owned();
    let count = octets.split(|octet| *octet == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    let says = |line: &&str| line.chars().any(char::is_alphanumeric) && !line.starts_with("--");
    let first = text.lines().find(says).or_else(|| text.lines().find(|line| !line.trim().is_empty()));
    let count = if count == 1 { "1 line was".to_owned() } else { format!("{count} lines were") };
    (count, short(first.unwrap_or_default().trim()))
}

/// A body of parts: wrapped into another, or a part or lines put into it.
fn parts(message: &Message, body: &[u8], trial: &mut Trial<'_>) -> Option<Change> {
    let boundary = boundary(message)?;
    let starts = boundaries(body, &boundary);
    for pair in starts.windows(2) {
        let &[(_, start), (end, _)] = pair else { continue };
        if !trial.has_room(body) {
            return None;
        }
        let part = body.get(start..end)?;
        // The line end before a boundary belongs to the boundary (RFC 2046 §5.1.1).
        let bare = part.strip_suffix(b"\r\n").unwrap_or(part);
        let inner = inner_body(bare);
        if trial.fits(inner) {
            let what = "the message was wrapped into a part of another one, as lists do to add a footer";
            return Some(Change::new("wrapped", what, ""));
        }
        // A whole part that was put in.
        let before = body.get(..starts.iter().map(|(at, _)| *at).take_while(|at| *at < start).last()?)?;
        let without = [before, body.get(end..)?].concat();
        if trial.fits(&without) {
            return Some(Change::new("part", "a part was added to the body", told(inner).1));
        }
    }
    for (end, _) in starts.iter().skip(1) {
        if let Some(change) = inside(body, *end, trial) {
            return Some(change);
        }
    }
    None
}

/// Lines put into a part, right above a boundary.
fn inside(body: &[u8], end: usize, trial: &mut Trial<'_>) -> Option<Change> {
    let head = body.get(..end)?;
    let mut at = end;
    for _ in 0..TOP_LINES_MAX {
        let above = head.get(..at)?.strip_suffix(b"\n")?;
        at = above.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
        let candidates: [&[u8]; 2] = [b"", b"\r\n"];
        for filler in candidates {
            if !trial.has_room(body) {
                return None;
            }
            let without = [head.get(..at)?, filler, body.get(end..)?].concat();
            if trial.fits(&without) {
                let (count, first) = told(head.get(at..)?);
                return Some(Change::new("inside", format!("{count} added to a part of the body"), first));
            }
        }
    }
    None
}

/// The body of a part: behind its own header.
fn inner_body(part: &[u8]) -> &[u8] {
    if let Some(rest) = part.strip_prefix(b"\r\n") {
        return rest;
    }
    part.windows(4).position(|octets| octets == b"\r\n\r\n").and_then(|at| part.get(at + 4..)).unwrap_or_default()
}

/// Where each line with the boundary begins and ends.
pub(crate) fn boundaries(body: &[u8], boundary: &str) -> Vec<(usize, usize)> {
    let mark = format!("--{boundary}");
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let end = line_end(rest).map_or(body.len(), |end| at + end);
        if rest.starts_with(mark.as_bytes()) && found.len() < 200 {
            found.push((at, end));
        }
        at = end;
    }
    found
}

/// The boundary of a message of parts.
pub(crate) fn boundary(message: &Message) -> Option<String> {
    let kind = message.first("content-type")?;
    if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let at = kind.to_ascii_lowercase().find("boundary")?;
    let value = kind.get(at + "boundary".len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split([';', ' ', '\t']).next()?,
    };
    (!value.is_empty()).then(|| value.to_owned())
}

/// Lines that relays and mailboxes write anew.
fn rewritten(message: &Message, body: &[u8], trial: &mut Trial<'_>) -> Option<Change> {
    let per_line = |from: &[u8], to: &[u8]| -> Option<Vec<u8>> {
        let mut changed = false;
        let mut out = Vec::with_capacity(body.len());
        for line in body.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_prefix(from) {
                Some(rest) => {
                    changed = true;
                    out.extend_from_slice(to);
                    out.extend_from_slice(rest);
                }
                None => out.extend_from_slice(line),
            }
        }
        changed.then_some(out)
    };
    if body.len() > HASHED_BYTES_MAX / 4 || !trial.has_room(body) {
        return None;
    }
    if per_line(b">From ", b"From ").is_some_and(|body| trial.fits(&body)) {
        let what = "lines that begin with \"From \" got a \">\" before it, as mailbox files of the mbox kind do";
        return Some(Change::new("mbox", what, ">From"));
    }
    if per_line(b"..", b".").is_some_and(|body| trial.fits(&body)) {
        return Some(Change::new("dots", "dots at the beginning of lines were left doubled by a relay", ".."));
    }
    let encoding = message.first("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    let decoded = match encoding.trim() {
        "quoted-printable" => mail_parser::decoders::quoted_printable::quoted_printable_decode(body),
        "base64" => mail_parser::decoders::base64::base64_decode(body),
        _ => None,
    }?;
    let what = format!("a relay wrote the body anew in {}, as if 8-bit text could not pass", encoding.trim());
    (trial.fits(&decoded) || trial.fits(&with_crlf(&decoded))).then(|| Change::new("encoding", what, ""))
}

/// What was done to a signed field, if that can be told.
pub fn header(message: &Message, signature: &Signature, keys: &Keys) -> Option<Change> {
    if message.head().len() > HEADER_BYTES_MAX {
        return None;
    }
    let keys = keys_of(signature, keys).ok()?;
    let mut left = HEADERS_MAX;
    let guesses = guesses(message, signature);
    let mut holds = |edits: &Edits, form: Form| try_header(message, signature, &keys, edits, form, &mut left);
    if holds(&Edits::new(), signature.header.other()) {
        let what = "the signer hashed the header by another form than the c= it wrote";
        return Some(Change::new("form", what, ""));
    }
    for guess in &guesses {
        if holds(&guess.edits, signature.header) {
            return Some(guess.change.clone());
        }
    }
    for (index, one) in guesses.iter().enumerate() {
        for other in guesses.get(index + 1..).unwrap_or_default() {
            if one.edits.keys().any(|field| other.edits.contains_key(field)) {
                continue;
            }
            let edits = one.edits.iter().chain(&other.edits).map(|(field, text)| (*field, text.clone())).collect();
            if holds(&edits, signature.header) {
                let what = format!("{}, and {}", one.change.what, other.change.what);
                return Some(Change::new(one.change.kind, what, one.change.proof.clone()));
            }
        }
    }
    None
}

fn try_header(
    message: &Message,
    signature: &Signature,
    keys: &[Key],
    edits: &Edits,
    form: Form,
    left: &mut usize,
) -> bool {
    let Some(fewer) = left.checked_sub(1) else { return false };
    *left = fewer;
    let octets = signed_octets(message, signature, form, edits);
    keys.iter().any(|key| key.signed(&octets, signature))
}

/// A header as it might have been.
struct Guess {
    edits: Edits,
    change: Change,
}

/// What may have been changed, the likeliest first.
fn guesses(message: &Message, signature: &Signature) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for (name, value) in &signature.copies {
        for field in message.all(name) {
            let what = format!("{} was changed; it was {}", shown(name), short(value.trim()));
            guesses.push(guess(message, *field, Some(value), Change::new("field", what, line(message, *field))));
        }
    }
    for field in message.all("subject") {
        subject(message, *field, &mut guesses);
    }
    for name in ["x-original-from", "x-mailman-original-from", "reply-to", "sender", "old-from"] {
        for (field, other) in message.all("from").iter().zip(message.all(name)) {
            let value = message.value(*other);
            let what = format!("From was rewritten; it was {}", short(&value));
            guesses.push(guess(message, *field, Some(&value), Change::new("from", what, line(message, *field))));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for name in &signature.names {
        if !seen.contains(&&**name) && seen.len() < 40 {
            seen.push(name);
            field_guesses(message, signature, name, &mut guesses);
        }
    }
    if signature.header == Form::Simple {
        let all = message.fields.iter().enumerate();
        let edits = all.map(|(field, _)| (field, Some(canon_unfolded(message, field)))).take(500).collect();
        let what = "signed fields were folded anew, which c=relaxed would have survived";
        guesses.push(Guess { edits, change: Change::new("folding", what, "") });
    }
    guesses
}

/// Prefixes of lists and filters.
fn subject(message: &Message, field: usize, guesses: &mut Vec<Guess>) {
    let value = message.value(field);
    let mut rest = value.as_str();
    let mut reply = String::new();
    for _ in 0..4 {
        let cut = match rest.chars().next() {
            Some('[') => rest.find(']'),
            Some('(') => rest.find(')'),
            Some('*') => rest.trim_start_matches('*').find('*').map(|at| {
                let lead = rest.len() - rest.trim_start_matches('*').len();
                let run = rest.get(lead + at..).unwrap_or_default();
                lead + at + run.len() - run.trim_start_matches('*').len() - 1
            }),
            _ => {
                rest.split_once(": ").filter(|(word, _)| word.len() <= 20 && !word.contains(' ')).map(|(w, _)| w.len())
            }
        };
        let Some(cut) = cut else { return };
        let (prefix, behind) = rest.split_at((cut + 1).min(rest.len()));
        let behind = behind.trim_start();
        let is_reply =
            ["re:", "aw:", "fwd:", "fw:", "wg:", "sv:", "tr:"].contains(&prefix.to_ascii_lowercase().as_str());
        if is_reply {
            reply.push_str(prefix);
            reply.push(' ');
        } else {
            let what = format!("\"{}\" was put before the subject", short(prefix));
            let change = Change::new("subject", what, line(message, field));
            guesses.push(guess(message, field, Some(&format!("{reply}{behind}")), change));
        }
        rest = behind;
    }
}

/// A field that was added, or written in another way.
fn field_guesses(message: &Message, signature: &Signature, name: &str, guesses: &mut Vec<Guess>) {
    let there = message.all(name);
    for field in there.iter().rev().take(3) {
        let value = message.value(*field);
        let rewritten = |text: &str, how: &str| {
            let what = format!("{} was written anew: {how}", shown(name));
            guess(message, *field, Some(text), Change::new("field", what, line(message, *field)))
        };
        if value.contains('"') {
            guesses.push(rewritten(&value.replace('"', ""), "quotation marks were added"));
        }
        if let Some((words, address)) = value.split_once('<').filter(|(words, _)| !words.contains('"')) {
            let quoted = format!("\"{}\" <{address}", words.trim());
            guesses.push(rewritten(&quoted, "quotation marks were taken away"));
            guesses.push(rewritten(address.trim_end_matches('>'), "a name was put before the address"));
        }
        if name == "content-transfer-encoding" {
            for word in ["8bit", "7bit", "quoted-printable", "base64"] {
                guesses.push(rewritten(word, &format!("it was {word}")));
            }
        }
        if name == "to" && value.to_ascii_lowercase().contains("undisclosed") {
            guesses.push(rewritten("undisclosed-recipients:;", "it was empty"));
        }
        let what = format!("{} was added after signing", shown(name));
        guesses.push(Guess {
            edits: Edits::from([(*field, None)]),
            change: Change::new("added", what, line(message, *field)),
        });
    }
    // From the bottom: signed are the lowest, so a lower one that was added pushes them up.
    if signature.header == Form::Simple {
        for field in there.iter().rev().take(3) {
            let edits = Edits::from([(*field, Some(canon_unfolded(message, *field)))]);
            let what = format!("{} was folded anew, which c=relaxed would have survived", shown(name));
            guesses.push(Guess { edits, change: Change::new("folding", what, line(message, *field)) });
        }
    }
}

fn guess(message: &Message, field: usize, value: Option<&str>, change: Change) -> Guess {
    let text = value.map(|value| {
        let raw = message.raw(field);
        let colon = raw.iter().position(|octet| *octet == b':').map_or(raw.len(), |colon| colon + 1);
        let mut text = raw.get(..colon).unwrap_or_default().to_vec();
        text.push(b' ');
        text.extend_from_slice(value.trim().as_bytes());
        text.extend_from_slice(b"\r\n");
        text
    });
    Guess { edits: Edits::from([(field, text)]), change }
}

fn canon_unfolded(message: &Message, field: usize) -> Vec<u8> {
    let mut text: Vec<u8> =
        message.raw(field).iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    text.extend_from_slice(b"\r\n");
    text
}

fn line(message: &Message, field: usize) -> String {
    let raw = message.raw(field);
    let text = String::from_utf8_lossy(raw.get(..raw.len().min(400)).unwrap_or_default());
    text.split(['\r', '\n']).collect::<String>().trim().to_owned()
}

/// A field's name as people write it.
pub(crate) fn shown(name: &str) -> String {
    match name {
        "message-id" => return "Message-ID".into(),
        "mime-version" => return "MIME-Version".into(),
        _ => {}
    }
    let mut up = true;
    name.chars()
        .map(|c| {
            let shown = if up { c.to_ascii_uppercase() } else { c };
            up = c == '-';
            shown
        })
        .collect()
}
