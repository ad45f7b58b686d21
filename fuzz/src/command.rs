//! Command lines: parsing is total, and what it refuses gets a reply that a client can read.

use postrider_smtp::command::Command;

/// Every line of the input is a command or is refused with a 5yz of one short line.
pub fn run(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        match Command::parse(line) {
            Ok(command) => {
                let verb = command.verb().to_string();
                let said = String::from_utf8_lossy(line).trim_start_matches([' ', '\t']).to_ascii_uppercase();
                assert!(said.starts_with(&verb), "{said:?} was taken for {verb}");
            }
            Err(error) => {
                let reply = error.reply();
                assert!(reply.code().is_permanent(), "{reply}");
                assert_eq!(reply.to_wire().matches("\r\n").count(), 1, "{reply}");
                assert!(!reply.to_wire().trim_end().contains(char::is_control), "{reply}");
            }
        }
    }
}
