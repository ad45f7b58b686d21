//! `postrider passwd`: a hash for a `[[user]]`, from a password that is never an argument.

use crate::exit::{Exit, Failure};
use postrider_inbound::Users;
use std::io::{BufRead, IsTerminal, Write};

/// The longest password, in octets: what SASL PLAIN can carry in one line anyway.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// The arguments of `passwd`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  postrider passwd alice                      asks for the password
  pass show mail/alice | postrider passwd alice
  postrider passwd alice >> /etc/postrider/postrider.toml

The password is read from the terminal or from standard input, never from the command line, where
other users could see it. Printed is a [[user]] table for the configuration.
Exit codes: 0 done, 65 no password was given, 71 the system cannot hash it.")]
pub(crate) struct Args {
    /// The user's name
    name: String,
}

/// Does it.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let stdin = std::io::stdin();
    let password = if stdin.is_terminal() { ask(stdin.lock())? } else { read_line(stdin.lock())? };
    let hash = Users::hash(&password).map_err(|error| Failure::new(Exit::System, error.to_string()))?;
    println!("[[user]]\nname = {}\nhash = \"{hash}\"", toml_edit::Value::from(args.name.as_str()));
    Ok(Exit::Ok)
}

fn ask(terminal: impl BufRead) -> Result<String, Failure> {
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

fn read_line(input: impl BufRead) -> Result<String, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_end_is_no_part_of_the_password() {
        assert_eq!(read_line("p w\r\n".as_bytes()).unwrap(), "p w");
        assert_eq!(read_line("\n".as_bytes()).unwrap_err().exit, Exit::Data);
    }
}
