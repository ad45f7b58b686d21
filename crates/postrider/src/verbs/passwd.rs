//! `postrider passwd`: a hash for a `[[user]]`, from a password that is never an argument.

use crate::exit::{Exit, Failure};
use crate::verbs::secret;
use postrider_inbound::Users;
use std::io::IsTerminal;

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
    let password =
        if stdin.is_terminal() { secret::ask("Password", stdin.lock())? } else { secret::line(stdin.lock())? };
    let hash = Users::hash(&password).map_err(|error| Failure::new(Exit::System, error.to_string()))?;
    println!("[[user]]\nname = {}\nhash = \"{hash}\"", toml_edit::Value::from(args.name.as_str()));
    Ok(Exit::Ok)
}
