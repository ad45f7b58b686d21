//! `postrider sendmail`, also under the name `sendmail`: the interface every program on a Unix machine knows.

mod input;
mod options;

use crate::cli::ConfigArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::submit::{Outgoing, hand_in, host_name, user_name};
use crate::verbs::queue;
use input::{Input, ReadError};
use options::{Mode, Options};
use postrider_smtp::Address;
use std::ffi::OsString;

const HELP: &str = "\
Take a message on standard input, as the classic sendmail does.

Usage: sendmail [-t] [-i] [-f SENDER] [-F NAME] [RECIPIENT]...
       sendmail -bp            print the queue, as mailq does
       sendmail -q             try the queue now

  -t         recipients are in To, Cc and Bcc of the message
  -i, -oi    a line with only a dot does not end the message
  -f, -r     the sender (envelope); <> is the null sender
  -F         the sender's full name, for a From field if there is none
  -bm        take a message; the default
  Other options of the classic are taken and ignored.

The relay is found by the configuration: /etc/postrider/postrider.toml, $POSTRIDER_CONFIG,
or $POSTRIDER_DATA.

Exit codes: 0 taken, 64 wrong usage or no recipients, 65 not a message, 67 a recipient cannot be,
69 refused, 75 try again later, 78 the configuration has faults.

Examples:
  printf 'Subject: hi\\n\\nhello\\n' | sendmail tom@example.com
  sendmail -t -i < message.eml
";

/// Does it.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<Exit, Failure> {
    let options = options::parse(arguments).map_err(|message| Failure::new(Exit::Usage, message))?;
    match options.mode {
        Mode::Help => {
            print!("{HELP}");
            Ok(Exit::Ok)
        }
        Mode::Queue => queue::overview(&ConfigArgs::default()),
        Mode::RunQueue => queue::retry_all(&ConfigArgs::default()),
        Mode::Message => take(&options),
    }
}

fn take(options: &Options) -> Result<Exit, Failure> {
    let config = ConfigArgs::default().for_client()?;
    let bytes_max = config.values.message_size.0;
    let input =
        Input::read(&mut std::io::stdin().lock(), options.dot_is_text, bytes_max).map_err(|error| match error {
            ReadError::TooLarge => Failure::new(Exit::Data, format!("the message is larger than {bytes_max} octets")),
            ReadError::Broken(error) => Failure::new(Exit::Io, format!("cannot read the message: {error}")),
        })?;
    let outgoing = prepare(options, input, &config)?;
    hand_in(&config, &outgoing)?;
    Ok(Exit::Ok)
}

/// Sender, recipients and message; the message made whole.
fn prepare(options: &Options, mut input: Input, config: &Config) -> Result<Outgoing, Failure> {
    if input.is_empty() {
        return Err(Failure::new(Exit::Data, "there was no message on standard input"));
    }
    let mut named = options.recipients.clone();
    if options.from_header {
        named.extend(input.recipients());
    }
    if named.is_empty() {
        let hint = if options.from_header { "the header names none" } else { "name them, or use -t" };
        return Err(Failure::new(Exit::Usage, format!("no recipients: {hint}")));
    }
    let host = host_name(config);
    let mut recipients: Vec<Address> = Vec::new();
    for name in &named {
        let address = address(name, &host).map_err(|message| Failure::new(Exit::NoUser, message))?;
        if !recipients.contains(&address) {
            recipients.push(address);
        }
    }
    let sender = match options.sender.as_deref().map(|sender| sender.trim_matches(['<', '>', ' '])) {
        Some("") => None,
        Some(sender) => Some(address(sender, &host).map_err(|message| Failure::new(Exit::Usage, message))?),
        None => Some(address(&user_name(), &host).map_err(|message| Failure::new(Exit::Usage, message))?),
    };
    input.remove_bcc();
    if !input.has("from") {
        let author = sender.as_ref().map_or_else(|| format!("postmaster@{host}"), ToString::to_string);
        let name: String = options.full_name.iter().flat_map(|name| name.chars()).filter(|c| !c.is_control()).collect();
        let quoted = name.replace(['\\', '"'], "");
        let value = if quoted.is_empty() { author } else { format!("\"{quoted}\" <{author}>") };
        input.prepend("From", &value);
    }
    Ok(Outgoing { sender, recipients, message: input.into_message() })
}

/// An address; one without a domain belongs to this machine.
fn address(text: &str, host: &str) -> Result<Address, String> {
    let text = text.trim();
    let whole = if text.contains('@') { text.to_owned() } else { format!("{text}@{host}") };
    Address::parse(&whole).map_err(|error| format!("{text:?} is not an address: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn prepared(options: &Options, text: &str) -> Result<String, Failure> {
        let sets = vec!["hostname=here.test".to_owned()];
        let config = Sources { sets, ..Sources::default() }.load().unwrap();
        let input = Input::read(&mut text.as_bytes(), false, 10_000).unwrap();
        let outgoing = prepare(options, input, &config)?;
        let sender = outgoing.sender.map_or_else(|| "<>".to_owned(), |sender| sender.to_string());
        let recipients = outgoing.recipients.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let message = String::from_utf8(outgoing.message).unwrap().replace("\r\n", "\n");
        Ok(format!("{sender} -> {recipients}\n{message}"))
    }

    #[test]
    fn messages_are_made_whole() {
        let from = Options { sender: Some("me@y.test".into()), from_header: true, ..Options::default() };
        let text = "To: tom, a@x.test\nBcc: b@x.test, a@x.test\n\nhi\n";
        let want = "me@y.test -> tom@here.test a@x.test b@x.test\nFrom: me@y.test\nTo: tom, a@x.test\n\nhi\n";
        assert_eq!(prepared(&from, text).unwrap(), want);
        let null = Options {
            sender: Some("<>".into()),
            full_name: Some("The \"Daemon\"\n".into()),
            recipients: vec!["a@x.test".into()],
            ..Options::default()
        };
        let want = "<> -> a@x.test\nFrom: \"The Daemon\" <postmaster@here.test>\nSubject: x\n\n";
        assert_eq!(prepared(&null, "Subject: x\n").unwrap(), want);
    }

    #[test]
    fn faults_have_the_classic_exit_codes() {
        let to = |recipient: &str| Options { recipients: vec![recipient.into()], ..Options::default() };
        let table = [
            (to("a b@x.test"), "A: b\n\n", Exit::NoUser),
            (to("a@x.test"), "", Exit::Data),
            (Options::default(), "A: b\n\n", Exit::Usage),
            (Options { from_header: true, ..Options::default() }, "A: b\n\n", Exit::Usage),
            (Options { sender: Some("@".into()), ..to("a@x.test") }, "A: b\n\n", Exit::Usage),
        ];
        for (options, text, exit) in table {
            assert_eq!(prepared(&options, text).unwrap_err().exit, exit, "{options:?}");
        }
    }
}
