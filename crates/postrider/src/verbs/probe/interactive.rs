//! Telnet for people: what is typed is sent, what comes is explained.

use super::screen::Screen;
use crate::verbs::secret;
use postrider_diagnosis::ctx::Ctx;
use postrider_diagnosis::session::Session;
use postrider_smtp::client::Credentials;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the user is told.
const HELP: &str = "\
Type SMTP commands: MAIL FROM:<a@b>, RCPT TO:<c@d>, RSET, VRFY, NOOP, HELP, DATA, QUIT.
  starttls     begin TLS
  auth USER    log in; the password is asked for and not shown
  ?            this
Behind DATA, type the message and a dot on a line of its own. It IS sent then.
";

/// Longer lines are not commands, and lines of a message are at most 998 octets (RFC 5322 §2.1.1).
const LINE_BYTES_MAX: usize = 4096;
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Reads lines until QUIT, the end of the input, or the end of the session.
pub(super) async fn talk(ctx: &Ctx, session: &mut Session, _screen: &Arc<Mutex<Screen>>) {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        eprint!("{HELP}");
    }
    // What comes behind a 334 is a secret.
    let mut challenged = false;
    while !session.is_over() {
        if terminal {
            eprint!("smtp> ");
            let _ = std::io::stderr().flush();
        }
        let Some(line) = next_line().await else { return };
        session.extend(Instant::now() + ctx.settings.budget.max(Duration::from_secs(5)));
        let words = line.trim();
        let mut parts = words.split_ascii_whitespace();
        let verb = parts.next().unwrap_or_default().to_ascii_lowercase();
        match (verb.as_str(), parts.next(), parts.next()) {
            ("", ..) if !challenged => {}
            ("?", ..) => eprint!("{HELP}"),
            ("quit", None, _) if !challenged => return,
            ("starttls", None, _) if !challenged => session.start_tls().await,
            ("auth", Some(user), None) if !is_mechanism(user) => log_in(session, user).await,
            _ => {
                let shown = if challenged { "****".to_owned() } else { masked(words) };
                let reply = session.ask_shown("typed", words, &shown).await;
                let code = reply.map(|reply| reply.code().number());
                challenged = code == Some(334);
                if code == Some(354) {
                    message(session).await;
                }
            }
        }
    }
}

async fn log_in(session: &mut Session, user: &str) {
    let user = user.to_owned();
    let asked = {
        let prompt = format!("Password of {user}");
        tokio::task::spawn_blocking(move || secret::ask(&prompt, std::io::stdin().lock())).await
    };
    match asked {
        Ok(Ok(password)) => session.log_in(Credentials { user, password, in_clear: false }).await,
        Ok(Err(failure)) => eprintln!("{failure}"),
        Err(_) => {}
    }
}

async fn message(session: &mut Session) {
    let mut text = String::new();
    loop {
        let Some(line) = next_line().await else { break };
        if text.len() + line.len() > MESSAGE_BYTES_MAX {
            eprintln!("the message is too long: the connection is left without its end");
            return;
        }
        if line == "." {
            break;
        }
        text.push_str(&line);
        text.push_str("\r\n");
    }
    let shown = format!("(a message of {} octets)", text.len());
    session.ask_shown("message", &format!("{text}."), &shown).await;
}

async fn next_line() -> Option<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let mut input = std::io::Read::take(std::io::stdin().lock(), LINE_BYTES_MAX as u64);
        match input.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    });
    read.await.ok().flatten()
}

/// Mechanism names (RFC 4422 §3.1) that users type by hand; a user is seldom called so.
fn is_mechanism(word: &str) -> bool {
    let known = ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "GSSAPI", "NTLM", "DIGEST-MD5"];
    known.iter().any(|name| name.eq_ignore_ascii_case(word)) || word.to_ascii_uppercase().starts_with("SCRAM-")
}

/// A command as it is shown: what follows an AUTH mechanism is a secret.
fn masked(line: &str) -> String {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(verb), Some(mechanism), Some(_)) if verb.eq_ignore_ascii_case("auth") => {
            format!("{verb} {mechanism} ****")
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_are_typed_are_not_shown() {
        assert_eq!(masked("auth PLAIN AHRvbQBwZW5jaWw="), "auth PLAIN ****");
        assert_eq!(masked("AUTH LOGIN"), "AUTH LOGIN");
        assert_eq!(masked("MAIL FROM:<a@b> SIZE=1 X"), "MAIL FROM:<a@b> SIZE=1 X");
        assert!(is_mechanism("scram-sha-256") && !is_mechanism("tom"));
    }
}
