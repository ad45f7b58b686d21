//! The export format of systemd's journal: `FIELD=value` lines, an empty line ends an entry.
//!
//! A value with line ends or octets that are no text is written as the field's name alone, then
//! its length as eight octets, little end first, then the value. Such a value is put together
//! from the lines it was cut into.

use crate::json::Carried;
use postrider_smtp::Timestamp;

/// The longest value that is put together from several lines.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// An entry that is not complete.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    open: bool,
    entry: Carried<'static>,
    /// The field whose value comes with its length, and what has come of it.
    binary: Option<(String, Vec<u8>)>,
}

impl Journal {
    /// Whether an entry has begun.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the line belongs to an entry.
    pub(crate) fn wants(&self, line: &[u8]) -> bool {
        self.open || line.starts_with(b"__CURSOR=") || line.starts_with(b"__REALTIME_TIMESTAMP=")
    }

    /// Takes a line; gives the entry that it completes.
    pub(crate) fn take(&mut self, line: &[u8]) -> Option<Carried<'static>> {
        if let Some((name, mut value)) = self.binary.take() {
            value.extend_from_slice(&line[..line.len().min(VALUE_BYTES_MAX)]);
            match whole(&value) {
                Some(text) => self.set(&name, text),
                None if value.len() < VALUE_BYTES_MAX => {
                    value.push(b'\n');
                    self.binary = Some((name, value));
                }
                None => {}
            }
            return None;
        }
        if line.is_empty() {
            self.open = false;
            let entry = std::mem::take(&mut self.entry);
            return (!entry.text.is_empty()).then_some(entry);
        }
        self.open = true;
        match memchr::memchr(b'=', line) {
            Some(at) => self.set(&String::from_utf8_lossy(&line[..at]), &line[at + 1..]),
            None => self.binary = Some((String::from_utf8_lossy(line).into_owned(), Vec::new())),
        }
        None
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned().into();
        match name {
            "MESSAGE" => self.entry.text = text(),
            "SYSLOG_IDENTIFIER" => self.entry.program = text(),
            "_HOSTNAME" => self.entry.host = text(),
            "__REALTIME_TIMESTAMP" => {
                let microseconds = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<i64>().ok());
                self.entry.at = microseconds.map(|us| Timestamp(us / 1000));
            }
            _ => {}
        }
    }
}

/// The value behind its length, when all of it is there.
fn whole(value: &[u8]) -> Option<&[u8]> {
    let (length, rest) = value.split_first_chunk::<8>()?;
    rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_its_length_is_put_together() {
        let mut journal = Journal::default();
        let text = "one\ntwo and ten"; // Its length is 15; that of the second is 10, a line end.
        for text in [text, "one\ntwo333"] {
            let mut export = b"__CURSOR=x\nSYSLOG_IDENTIFIER=postfix/smtp\nMESSAGE\n".to_vec();
            export.extend_from_slice(&(text.len() as u64).to_le_bytes());
            export.extend_from_slice(text.as_bytes());
            export.extend_from_slice(b"\n_PID=7\n\n");
            let entries: Vec<_> = export.split(|byte| *byte == b'\n').filter_map(|line| journal.take(line)).collect();
            assert_eq!((entries.len(), &*entries[0].text, &*entries[0].program), (1, text, "postfix/smtp"));
        }
    }
}
