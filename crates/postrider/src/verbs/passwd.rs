//! `postrider passwd`: a hash for a `[[user]]`, from a password that is never an argument.

use crate::exit::{Exit, Failure};
use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Argon2, Params};
use std::io::{BufRead, IsTerminal, Read, Write};

/// The longest password, in octets: what SASL PLAIN can carry in one line anyway.
const PASSWORD_BYTES_MAX: u64 = 1024;
/// Salt octets from the system; RFC 9106 §3.1 recommends 16.
const SALT_BYTES: usize = 16;

/// The arguments of `passwd`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider passwd alice                      asks for the password
  pass show mail/alice | postrider passwd alice
  postrider passwd alice >> /etc/postrider/postrider.toml

The password is read from the terminal or from standard input, never from the command line, where
other users could see it. Printed is a [[user]] table for the configuration.
Exit codes: 0 done, 65 no password was given, 71 the system has no random numbers.")]
pub(crate) struct Args {
    /// The user's name
    name: String,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let stdin = std::io::stdin();
    let password = if stdin.is_terminal() { ask(&mut stdin.lock())? } else { read_line(&mut stdin.lock())? };
    let mut salt = [0u8; SALT_BYTES];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut salt))
        .map_err(|error| Failure::new(Exit::System, format!("no random numbers from the system: {error}")))?;
    let hash = hash(&password, &salt)?;
    println!("[[user]]\nname = {}\nhash = \"{hash}\"", toml_edit::Value::from(args.name.as_str()));
    Ok(Exit::Ok)
}

fn ask(terminal: &mut impl BufRead) -> Result<String, Failure> {
    eprint!("Password: ");
    let _ = std::io::stderr().flush();
    let hidden = Hidden::new();
    let password = read_line(terminal);
    drop(hidden);
    eprintln!();
    password
}

/// While it lives, the terminal does not show what is typed.
struct Hidden(Option<rustix::termios::Termios>);

impl Hidden {
    fn new() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(mut silent) = before.clone() {
            silent.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(&stdin, OptionalActions::Flush, &silent);
        }
        Self(before)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Flush, before);
        }
    }
}

fn read_line(input: &mut impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input
        .take(PASSWORD_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| Failure::new(Exit::Data, format!("cannot read the password: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(Exit::Data, "no password was given: type it, or write it to standard input"));
    }
    Ok(password.to_owned())
}

/// Argon2id with the parameters of RFC 9106 §4 scaled to a mail server: 19 MiB, two passes.
fn hash(password: &str, salt: &[u8]) -> Result<String, Failure> {
    let failed = |error: argon2::password_hash::Error| Failure::new(Exit::System, format!("cannot hash: {error}"));
    let salt = SaltString::encode_b64(salt).map_err(failed)?;
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::default());
    argon2.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHash, PasswordVerifier};

    #[test]
    fn the_hash_fits_its_password_and_no_other() {
        let text = hash("correct horse", b"0123456789abcdef").unwrap();
        let parsed = PasswordHash::new(&text).unwrap();
        assert!(text.starts_with("$argon2id$"));
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"battery staple", &parsed).is_err());
    }

    #[test]
    fn the_line_end_is_no_part_of_the_password() {
        assert_eq!(read_line(&mut "p w\r\n".as_bytes()).unwrap(), "p w");
        assert_eq!(read_line(&mut "\n".as_bytes()).unwrap_err().exit, Exit::Data);
    }
}
