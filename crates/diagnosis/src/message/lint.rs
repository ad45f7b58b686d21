//! What is wrong with the message itself (RFC 5322, RFC 2045, RFC 8058).

use super::bisect::{boundaries, boundary, shown};
use super::raw::Message;
use super::received::when;
use super::signature::short;
use super::verify::{Outcome, Verified};
use super::way::Way;
use crate::finding::{Finding, Severity};

const ID: &str = "msg.lint";

/// RFC 5322 §3.6: these may be there once.
const ONCE: [&str; 10] =
    ["from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"];
/// RFC 2045: these too.
const ONCE_MIME: [&str; 3] = ["mime-version", "content-type", "content-transfer-encoding"];
/// Dates this far ahead of the receiver's clock are told, in seconds.
const AHEAD_MAX: i64 = 24 * 3600;
/// Dates this far behind are told.
const BEHIND_MAX: i64 = 14 * 24 * 3600;

/// All that is wrong.
pub(super) fn judge(message: &Message, way: &Way, now: i64, signatures: &[Verified]) -> Vec<Finding> {
    let mut findings = Vec::new();
    from(message, &mut findings);
    date(message, way, now, &mut findings);
    ids(message, &mut findings);
    repeated(message, &mut findings);
    lines(message, &mut findings);
    eight_bit(message, &mut findings);
    mime(message, &mut findings);
    unsubscribe(message, signatures, &mut findings);
    findings
}

fn problem(subject: &str, title: impl Into<String>) -> Finding {
    Finding::problem(ID, subject, title)
}

fn warning(subject: &str, title: impl Into<String>) -> Finding {
    Finding::warning(ID, subject, title)
}

/// The addresses in a field, as far as they can be read.
pub(crate) fn addresses(value: &str) -> Vec<String> {
    use mail_parser::{HeaderValue, parsers::MessageStream};
    let text = format!("{value}\r\n");
    match MessageStream::new(text.as_bytes()).parse_address() {
        HeaderValue::Address(address) => address
            .iter()
            .filter_map(|one| one.address.as_deref())
            .filter(|one| one.contains('@'))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn from(message: &Message, findings: &mut Vec<Finding>) {
    let fields = message.all("from");
    if fields.is_empty() {
        findings.push(
            problem("From", "there is no From field, and large providers refuse such mail").rfc("RFC 5322 §3.6.2"),
        );
        return;
    }
    let value = message.value(fields.first().copied().unwrap_or_default());
    let authors = addresses(&value);
    if authors.is_empty() {
        let finding =
            problem("From", "there is no address in From").seen("message", "", format!("From: {}", short(&value)));
        findings.push(finding.rfc("RFC 5322 §3.6.2"));
    } else if authors.len() > 1 && !message.has("sender") {
        let title = format!("{} authors in From, and no Sender: DMARC cannot tell whom to ask", authors.len());
        let finding = warning("From", title).seen("message", "", format!("From: {}", short(&value)));
        findings.push(finding.rfc("RFC 5322 §3.6.2"));
    }
}

fn date(message: &Message, way: &Way, now: i64, findings: &mut Vec<Finding>) {
    let Some(value) = message.first("date") else {
        findings.push(warning("Date", "there is no Date field, which every message must have").rfc("RFC 5322 §3.6.1"));
        return;
    };
    let line = format!("Date: {}", short(&value));
    let Some(date) = when(&value) else {
        let finding = warning("Date", "the Date field cannot be read").seen("message", "", line);
        findings.push(finding.rfc("RFC 5322 §3.3"));
        return;
    };
    let came = way.came().unwrap_or(now);
    let off = date.saturating_sub(came);
    let ago = super::judge::seconds(off.checked_abs().unwrap_or(i64::MAX));
    if off > AHEAD_MAX {
        let title = format!("the Date is {ago} ahead of the time it came: filters count that as a sign of spam");
        findings.push(warning("Date", title).seen("message", "", line));
    } else if off < -BEHIND_MAX && way.came().is_some() {
        let title = format!("the Date is {ago} before the time it came");
        let finding = Finding::note(ID, "Date", title).seen("message", "", line);
        findings.push(finding.fix("If it did not wait that long, the clock of the machine that wrote it is wrong."));
    }
}

fn ids(message: &Message, findings: &mut Vec<Finding>) {
    let Some(value) = message.first("message-id") else {
        let title = "there is no Message-ID: several providers refuse such mail or call it spam";
        findings.push(warning("Message-ID", title).rfc("RFC 5322 §3.6.4"));
        return;
    };
    let inside = value.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    if inside.is_none_or(|id| id.is_empty() || id.contains(['<', '>', ' '])) {
        let title = "the Message-ID is not one name in angle brackets";
        let finding =
            Finding::note(ID, "Message-ID", title).seen("message", "", format!("Message-ID: {}", short(&value)));
        findings.push(finding.rfc("RFC 5322 §3.6.4"));
    }
}

fn repeated(message: &Message, findings: &mut Vec<Finding>) {
    for name in ONCE.into_iter().chain(ONCE_MIME) {
        let there = message.all(name);
        if there.len() < 2 {
            continue;
        }
        let shown = shown(name);
        let title = format!("{} {shown} fields, and one may be there", there.len());
        // Which one a program shows is anybody's guess, and that is how readers are cheated.
        let grave = name == "from";
        let mut finding = if grave { problem(&shown, title) } else { warning(&shown, title) };
        finding.rfc = if ONCE_MIME.contains(&name) { "RFC 2045 §3" } else { "RFC 5322 §3.6" };
        for field in there.iter().take(3) {
            finding = finding.seen("message", "", format!("{shown}: {}", short(&message.value(*field))));
        }
        findings.push(finding.fix(format!("Write {shown} once; look which program adds the second one.")));
    }
}

fn lines(message: &Message, findings: &mut Vec<Finding>) {
    let lines = &message.lines;
    if lines.long > 0 {
        let title = format!(
            "a line has {} octets, and 998 is the most: relays break or refuse it, and a broken line breaks DKIM",
            lines.longest
        );
        let finding = warning("line length", title).rfc("RFC 5322 §2.1.1");
        let finding = finding.seen("message", "", format!("line {}; {} such lines", lines.first_long, lines.long));
        findings.push(finding.fix("Send long lines as quoted-printable or base64."));
    }
    if lines.lone_lf > 0 || lines.lone_cr > 0 {
        let title = "line ends are mixed: some lines end without CR and LF together, and careful hosts refuse that";
        let seen = format!("{} lone LF, {} lone CR", lines.lone_lf, lines.lone_cr);
        let finding = warning("line ends", title).seen("message", "", seen).rfc("RFC 5321 §2.3.8");
        findings
            .push(finding.fix("Let the program that makes the message end every line with CRLF, and none with less."));
    }
    if lines.nul > 0 {
        let finding = warning("NUL", format!("{} NUL octets are in it, which no mail may have", lines.nul));
        findings.push(finding.rfc("RFC 5322 §4"));
    }
    if let Some(stray) = message.strays.first() {
        let text = message.octets().get(stray.clone()).unwrap_or_default();
        let title = "a line among the fields is no field: some hosts take everything behind it for the body";
        let finding = warning("header", title).seen("message", "", short(&super::raw::unfolded(text)));
        findings.push(finding.rfc("RFC 5322 §2.2"));
    }
    if message.cut {
        findings.push(warning("header", "there are more fields than anybody reads"));
    }
}

fn eight_bit(message: &Message, findings: &mut Vec<Finding>) {
    // RFC 6531 §3.7.3: hosts that took it as UTF-8 mail say so.
    let utf8 = message
        .all("received")
        .iter()
        .take(50)
        .any(|field| message.value(*field).to_ascii_uppercase().contains(" UTF8"));
    if utf8 {
        return;
    }
    // Hosts write what they like into their own fields; what the author wrote counts.
    let names = ["from", "to", "cc", "subject", "reply-to", "sender", "content-type", "content-disposition"];
    let odd = names.into_iter().flat_map(|name| message.all(name)).find(|field| !message.raw(**field).is_ascii());
    if let Some(field) = odd {
        let name = message.fields.get(*field).map(|field| shown(&field.name)).unwrap_or_default();
        let title = format!("{name} has letters beyond ASCII that are not encoded, and no host said SMTPUTF8");
        let finding = warning(&name, title).seen("message", "", format!("{name}: {}", short(&message.value(*field))));
        findings.push(
            finding.rfc("RFC 2047 §5").fix("Encode it as =?utf-8?q?…?=, as mail libraries do when asked for UTF-8."),
        );
    }
}

fn mime(message: &Message, findings: &mut Vec<Finding>) {
    let kind = message.first("content-type").unwrap_or_default();
    let lower = kind.trim_start().to_ascii_lowercase();
    let encoding = message.first("content-transfer-encoding").unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["", "7bit", "8bit", "binary", "quoted-printable", "base64"];
    if !known.contains(&encoding.as_str()) && !encoding.starts_with("x-") {
        let title = format!("Content-Transfer-Encoding is {}, which no program knows", short(&encoding));
        findings.push(warning("MIME", title).rfc("RFC 2045 §6.1"));
    }
    if !lower.starts_with("multipart/") {
        return;
    }
    let seen = format!("Content-Type: {}", short(&kind));
    if ["base64", "quoted-printable"].contains(&encoding.as_str()) {
        let title = format!("a message of parts is encoded as a whole in {encoding}, and its parts cannot be found");
        findings.push(warning("MIME", title).seen("message", "", seen.clone()).rfc("RFC 2045 §6.4"));
        return;
    }
    let Some(boundary) = boundary(message) else {
        let title = "Content-Type says that there are parts, and not what separates them";
        findings.push(warning("MIME", title).seen("message", "", seen).rfc("RFC 2046 §5.1.1"));
        return;
    };
    if !message.has_body {
        return;
    }
    let body = message.body();
    let found = boundaries(body, &boundary);
    let end = format!("--{boundary}--");
    let closed = found.iter().any(|(start, _)| body.get(*start..).is_some_and(|rest| rest.starts_with(end.as_bytes())));
    if found.is_empty() {
        let title = "the line that is to separate the parts is nowhere in the body: it will look empty";
        findings.push(warning("MIME", title).seen("message", "", seen).rfc("RFC 2046 §5.1.1"));
    } else if !closed && found.len() < 200 {
        let title = "the last part has no end: the message was cut off, or made wrongly";
        findings.push(Finding::note(ID, "MIME", title).seen("message", "", seen).rfc("RFC 2046 §5.1.1"));
    }
}

/// One-click unsubscribing (RFC 8058), which large providers ask of senders of bulk mail.
fn unsubscribe(message: &Message, signatures: &[Verified], findings: &mut Vec<Finding>) {
    let list = message.first("list-unsubscribe");
    let post = message.first("list-unsubscribe-post");
    let discussion = message.has("list-post");
    let bulk = message.has("feedback-id")
        || message.first("precedence").is_some_and(|word| word.trim().eq_ignore_ascii_case("bulk"));
    let Some(list) = list else {
        if post.is_some() {
            let title = "List-Unsubscribe-Post is there without List-Unsubscribe, and does nothing";
            findings.push(warning("List-Unsubscribe", title).rfc("RFC 8058 §3.1"));
        } else if bulk && !discussion && !message.has("auto-submitted") {
            let title = "it is marked as bulk mail, and has no List-Unsubscribe field";
            findings.push(Finding::note(ID, "List-Unsubscribe", title).rfc("RFC 8058 §3.1"));
        }
        return;
    };
    let line = format!("List-Unsubscribe: {}", short(&list));
    let say = |severity: Severity, title: String| {
        Finding::new(ID, "List-Unsubscribe", severity, title).seen("message", "", line.clone()).rfc("RFC 8058 §3.1")
    };
    let Some(post) = post else {
        if !discussion {
            let title = "unsubscribing takes more than one click: List-Unsubscribe-Post is missing, which large providers \
                         ask of bulk senders";
            findings
                .push(say(Severity::Note, title.into()).fix("Add: List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
        }
        return;
    };
    if !post.replace(' ', "").eq_ignore_ascii_case("List-Unsubscribe=One-Click") {
        let title = format!("List-Unsubscribe-Post must be List-Unsubscribe=One-Click, not {}", short(&post));
        findings.push(say(Severity::Warning, title));
    }
    let uris = list.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    if !uris.clone().any(|uri| uri.trim().to_ascii_lowercase().starts_with("https://")) {
        let title = "one-click unsubscribing is announced, and no https address is there for it".to_owned();
        findings.push(say(Severity::Warning, title));
    }
    let covers = |verified: &Verified| {
        verified
            .signature
            .as_ref()
            .is_some_and(|signature| signature.signs("list-unsubscribe") && signature.signs("list-unsubscribe-post"))
    };
    if !signatures.iter().any(covers) {
        let title =
            "no DKIM signature covers List-Unsubscribe and List-Unsubscribe-Post, so that providers pass them over";
        let finding = say(Severity::Warning, title.to_owned()).rfc("RFC 8058 §4");
        findings.push(finding.fix("Put both names into h= of the signature."));
    } else if !signatures.iter().any(|verified| covers(verified) && !matches!(verified.outcome, Outcome::Fail(_))) {
        let title = "the DKIM signature that covers List-Unsubscribe does not hold, so that providers pass it over";
        findings.push(say(Severity::Note, title.to_owned()).because_of("dkim.verify", "*"));
    }
}
