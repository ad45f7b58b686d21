//! Passwords: from a terminal that does not show them, a file descriptor, a variable of the
//! environment, or a line of input. Never from the command line, where other users could see them.

use crate::exit::{Exit, Failure};
use std::fs::File;
use std::io::{BufRead, Read, Write as _};

/// The longest password, in octets: what SASL PLAIN can carry in one line anyway.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Asks on the terminal, with a prompt on standard error.
pub(crate) fn ask(prompt: &str, terminal: impl BufRead) -> Result<String, Failure> {
    eprint!("{prompt}: ");
    let _ = std::io::stderr().flush();
    let hidden = Hidden::new();
    let password = line(terminal);
    drop(hidden);
    eprintln!();
    password
}

/// The first line.
pub(crate) fn line(input: impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input.take(PASSWORD_BYTES_MAX).read_line(&mut line).map_err(|error| unreadable(&error))?;
    checked(&line)
}

/// A line of an open file descriptor. Not an octet more is read: the next line may be another password.
pub(crate) fn of_descriptor(number: u32) -> Result<String, Failure> {
    let mut file = descriptor(number).map_err(|error| unreadable(&error))?;
    let mut octets = Vec::new();
    let mut one = [0; 1];
    while (octets.len() as u64) < PASSWORD_BYTES_MAX {
        match file.read(&mut one) {
            Ok(0) => break,
            Ok(_) if one[0] == b'\n' => break,
            Ok(_) => octets.push(one[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    checked(&String::from_utf8_lossy(&octets))
}

/// A descriptor that this program was started with; by the kernel itself where /dev/fd is not to be had.
fn descriptor(number: u32) -> std::io::Result<File> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    if let Ok(file) = File::open(format!("/dev/fd/{number}")) {
        return Ok(file);
    }
    let number = i32::try_from(number).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(own, number, PidfdGetfdFlags::empty())?.into())
}

/// A variable of the environment.
pub(crate) fn of_variable(name: &str) -> Result<String, Failure> {
    match std::env::var(name) {
        Ok(value) => checked(&value),
        Err(_) => Err(Failure::new(Exit::Usage, format!("the environment has no variable {name}, or it is not UTF-8"))),
    }
}

fn checked(line: &str) -> Result<String, Failure> {
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(Exit::Data, "no password was given: type it, or write it to standard input"));
    }
    Ok(password.to_owned())
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Data, format!("cannot read the password: {error}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_end_is_no_part_of_the_password() {
        assert_eq!(line("p w\r\n".as_bytes()).unwrap(), "p w");
        assert_eq!(line("\n".as_bytes()).unwrap_err().exit, Exit::Data);
    }

    #[test]
    fn a_variable_that_is_not_there_is_wrong_usage() {
        assert_eq!(of_variable("POSTRIDER_NO_SUCH_VARIABLE").unwrap_err().exit, Exit::Usage);
        assert!(of_descriptor(4_000_000).is_err());
    }
}
