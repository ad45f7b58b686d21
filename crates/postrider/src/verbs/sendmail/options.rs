//! The classic command line: single letters, values attached or following, much of it long meaningless.

use std::ffi::OsString;

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// `-bm`, and when nothing is said: take a message.
    #[default]
    Message,
    /// `-bp`: print the queue.
    Queue,
    /// `-q` alone: try the queue now.
    RunQueue,
    /// `--help`.
    Help,
}

/// The command line, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Options {
    /// What is wanted.
    pub(super) mode: Mode,
    /// `-f` or `-r`: the sender; empty and `<>` are the null sender.
    pub(super) sender: Option<String>,
    /// `-F`: the sender's full name.
    pub(super) full_name: Option<String>,
    /// `-t`: recipients are in the header.
    pub(super) from_header: bool,
    /// `-i`, `-oi`: a lone dot is text, not the end.
    pub(super) dot_is_text: bool,
    /// Recipients.
    pub(super) recipients: Vec<String>,
}

/// Options that take a value, attached or following, and mean nothing here: body type, configuration
/// file, hop count, DSN wishes, log label, option, protocol, return, envelope id, trace file.
const IGNORED_WITH_VALUE: &str = "BChLNOpRVX";
/// Options that mean nothing here, whatever is attached to them: aliases, debugging, error mode,
/// gateway, "me too", no aliases, options, queue names, initial submission, verbose.
const IGNORED: &str = "AdeGmnosUvx";

/// Reads the command line; the error is for the caller, exit code 64.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments
        .into_iter()
        .map(|argument| argument.into_string().map_err(|argument| format!("{} is not UTF-8", argument.display())));
    let mut run_queue = false;
    while let Some(argument) = arguments.next().transpose()? {
        let Some(letter) = argument.strip_prefix('-').and_then(|rest| rest.chars().next()) else {
            options.recipients.push(argument);
            continue;
        };
        if argument == "--help" {
            options.mode = Mode::Help;
            return Ok(options);
        }
        if argument == "--" {
            for recipient in arguments.by_ref() {
                options.recipients.push(recipient?);
            }
            break;
        }
        let attached = &argument[1 + letter.len_utf8()..];
        let mut value = || -> Result<String, String> {
            if !attached.is_empty() {
                return Ok(attached.to_owned());
            }
            arguments.next().transpose()?.ok_or_else(|| format!("-{letter} needs a value"))
        };
        match letter {
            'f' | 'r' => options.sender = Some(value()?),
            'F' => options.full_name = Some(value()?),
            't' => options.from_header = true,
            'i' => options.dot_is_text = true,
            'o' if attached == "i" => options.dot_is_text = true,
            'b' => options.mode = mode(attached)?,
            'q' => run_queue = true,
            letter if IGNORED_WITH_VALUE.contains(letter) => drop(value()?),
            letter if IGNORED.contains(letter) => {}
            letter => return Err(format!("there is no option -{letter}; see postrider sendmail --help")),
        }
    }
    let nothing_else = options.recipients.is_empty() && !options.from_header && options.mode == Mode::Message;
    if run_queue && nothing_else {
        options.mode = Mode::RunQueue;
    }
    Ok(options)
}

fn mode(letter: &str) -> Result<Mode, String> {
    match letter {
        "m" => Ok(Mode::Message),
        "p" => Ok(Mode::Queue),
        "s" => Err("-bs (SMTP on standard input) is not offered; connect to the relay's port".to_owned()),
        "d" | "D" => Err("-bd: the relay is started by `postrider serve`".to_owned()),
        "i" => Err("-bi: there are no aliases here".to_owned()),
        other => Err(format!("-b{other} is not offered; there are -bm and -bp")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn the_classic_command_lines() {
        let plain = Options::default();
        let to = |recipients: &[&str]| recipients.iter().map(|&r| r.to_owned()).collect::<Vec<_>>();
        let table = [
            ("tom@x.test", Options { recipients: to(&["tom@x.test"]), ..plain.clone() }),
            ("-t", Options { from_header: true, ..plain.clone() }),
            ("-t -i", Options { from_header: true, dot_is_text: true, ..plain.clone() }),
            ("-oi -t", Options { from_header: true, dot_is_text: true, ..plain.clone() }),
            ("-oem -oi a@x.test", Options { dot_is_text: true, recipients: to(&["a@x.test"]), ..plain.clone() }),
            (
                "-f me@y.test a@x.test",
                Options { sender: Some("me@y.test".into()), recipients: to(&["a@x.test"]), ..plain.clone() },
            ),
            (
                "-fme@y.test -- -odd@x.test",
                Options { sender: Some("me@y.test".into()), recipients: to(&["-odd@x.test"]), ..plain.clone() },
            ),
            (
                "-r <> -FTom a@x.test",
                Options {
                    sender: Some("<>".into()),
                    full_name: Some("Tom".into()),
                    recipients: to(&["a@x.test"]),
                    ..plain.clone()
                },
            ),
            ("-B 8BITMIME -N never -v a@x.test", Options { recipients: to(&["a@x.test"]), ..plain.clone() }),
            ("-bp", Options { mode: Mode::Queue, ..plain.clone() }),
            ("-bm a@x.test", Options { recipients: to(&["a@x.test"]), ..plain.clone() }),
            ("-q", Options { mode: Mode::RunQueue, ..plain.clone() }),
            ("-q30m", Options { mode: Mode::RunQueue, ..plain.clone() }),
            ("-q -t", Options { from_header: true, ..plain.clone() }),
            ("--help", Options { mode: Mode::Help, ..plain.clone() }),
        ];
        for (line, want) in table {
            assert_eq!(read(line), Ok(want), "{line}");
        }
    }

    #[test]
    fn what_is_not_offered_says_what_is() {
        let table = [
            ("-f", "-f needs a value"),
            ("-bs", "-bs (SMTP on standard input) is not offered; connect to the relay's port"),
            ("-bd", "-bd: the relay is started by `postrider serve`"),
            ("-bz", "-bz is not offered; there are -bm and -bp"),
            ("-Z", "there is no option -Z; see postrider sendmail --help"),
        ];
        for (line, want) in table {
            assert_eq!(read(line), Err(want.to_owned()), "{line}");
        }
    }
}
