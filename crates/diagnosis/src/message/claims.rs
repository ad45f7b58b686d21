//! What others say that they found out: Authentication-Results, and which of it may be believed.
//!
//! RFC 8601 §5: a field is worth something when a host of the receiver wrote it, and its place
//! shows that: above the first Received of a stranger. Below that, anybody may have written
//! anything, also under the receiver's name.

use super::raw::Message;
use super::received::{NAME_BYTES_MAX, cut};
use super::signature::short;
use super::way::Way;
use postrider_mailauth::auth_results::{self, AuthResults, MethodResult};

/// Fields behind this many are passed over.
const FIELDS_MAX: usize = 50;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where it stands.
    pub field: usize,
    /// Who says it.
    pub author: Option<String>,
    /// What it says.
    pub read: AuthResults,
    /// Whether it may be believed.
    pub trusted: bool,
    /// Why not.
    pub why: &'static str,
    /// As written, in one line.
    pub text: String,
}

/// The claims of a message, from the top.
pub fn read(message: &Message, way: &Way, own: &[String]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let boundary = way.boundary().unwrap_or(usize::MAX);
    let border = way.entry().map_or(usize::MAX, |hop| hop.field);
    for field in message.all("authentication-results").iter().take(FIELDS_MAX) {
        let text = message.value(*field);
        let read = auth_results::read(&text).value;
        let author = read.author.as_deref().map(|author| cut(author, NAME_BYTES_MAX).to_ascii_lowercase());
        let top = claims.first().map(|claim: &Claim| claim.author.clone());
        let same = top.as_ref().is_none_or(|top| *top == author);
        let named = author.as_ref().is_some_and(|author| own.iter().any(|name| name.eq_ignore_ascii_case(author)));
        // Filters write below the Received of their own host, and above it; when the house has
        // written above it, what stands below is a stranger's.
        let above = claims.iter().any(|claim| claim.trusted && claim.field < border);
        let (trusted, why) = if *field > boundary {
            (false, "it stands below the first Received of a host outside: anybody may have written it")
        } else if *field > border && above {
            (false, "it came with the message: the receiver's own stands above")
        } else if !same && !named {
            (false, "it bears another name than the topmost one; --trust takes it")
        } else {
            (true, "")
        };
        claims.push(Claim { field: *field, author, read, trusted, why, text });
    }
    claims
}

/// What the trusted claims say of a method, such as `dkim`.
pub fn trusted<'a>(claims: &'a [Claim], method: &'a str) -> impl Iterator<Item = &'a MethodResult> {
    claims.iter().filter(|claim| claim.trusted).flat_map(move |claim| claim.read.of(method))
}

/// A result in words.
pub fn words(result: &MethodResult) -> String {
    let about = |names: &[&str]| {
        names.iter().find_map(|name| result.domain(name)).map(|domain| format!(" for {}", cut(domain, NAME_BYTES_MAX)))
    };
    let about = match &*result.method {
        "spf" => about(&["smtp.mailfrom", "smtp.mail", "smtp.helo"]),
        "dkim" => about(&["header.d", "header.i"]),
        "dmarc" => about(&["header.from"]),
        _ => None,
    };
    let reason = result.reason.as_deref().or_else(|| result.comments.first().map(|comment| &**comment));
    let reason = reason.map(|reason| format!(" ({})", short(reason))).unwrap_or_default();
    format!("{} {}{}{reason}", short(&result.method.to_uppercase()), short(&result.result), about.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::way;

    const DATE: &str = "Fri, 27 Nov 2026 12:00:00 +0000";

    fn trust(text: &str, own: &[&str]) -> Vec<bool> {
        let message = Message::read(text.replace("DATE", DATE).into_bytes());
        let own: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
        let way = way::read(&message, &own);
        read(&message, &way, &own).iter().map(|claim| claim.trusted).collect()
    }

    #[test]
    fn whom_to_believe() {
        let forged = "Authentication-Results: mx.b.example; dkim=pass header.d=bank.example\n\
             Received: from mx.b.example (x [192.0.2.1]) by mx.b.example with SMTP; DATE\n\
             Authentication-Results: mx.b.example; dmarc=pass\n\
             Received: from pc by out.a.example; DATE\n\
             Authentication-Results: mx.b.example; spf=pass\n\n";
        assert_eq!(trust(forged, &[]), [true, false, false]);
        let forged = forged.replace("from mx.b.example (x ", "from out.a.example (out.a.example ");
        assert_eq!(trust(&forged, &[]), [true, false, false]);
        let filter = "Received: from out.a.example (out.a.example [192.0.2.1]) by mx.b.example with SMTP; DATE\n\
             Authentication-Results: mx.b.example; dmarc=pass\n\
             Authentication-Results: scan.c.example; spam=no\nFrom: a\n\n";
        assert_eq!(trust(filter, &[]), [true, false]);
        assert_eq!(trust(filter, &["scan.c.example"]), [true, true]);
    }

    #[test]
    fn results_in_words() {
        let read = auth_results::read("x; spf=fail (no) smtp.mailfrom=a@b.example; dkim=pass header.i=@c.example");
        let told: Vec<String> = read.value.results.iter().map(words).collect();
        assert_eq!(told, ["SPF fail for b.example (no)", "DKIM pass for c.example"]);
    }
}
