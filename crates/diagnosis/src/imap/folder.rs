//! Folders: their names on the wire, what they are for, and how they are shown.

use async_imap::imap_proto::{MailboxListData, NameAttribute};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What a folder is for (RFC 6154 §2), by its attribute or, without one, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FolderUse {
    /// Where new mail arrives.
    Inbox,
    /// Where mail goes that is taken for spam.
    Junk,
    /// Copies of what was sent.
    Sent,
    /// What was deleted.
    Trash,
    /// What is being written.
    Drafts,
    /// What was put away.
    Archive,
    /// A view of all mail.
    All,
    /// A view of marked mail.
    Flagged,
    /// Anything else.
    Other,
}

/// A folder of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name as the server writes it (modified UTF-7, RFC 3501 §5.1.3, or UTF-8).
    pub wire_name: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub purpose: FolderUse,
    /// Whether the server itself said what it is for.
    pub purpose_said: bool,
    /// Whether it can hold mail.
    pub selectable: bool,
}

impl Folder {
    pub(super) fn of_list(data: &MailboxListData<'_>) -> Self {
        let wire_name = data.name.to_string();
        let name = decoded(&wire_name);
        let said = data.name_attributes.iter().find_map(purpose_of);
        let selectable = !data.name_attributes.iter().any(|attribute| match attribute {
            NameAttribute::NoSelect => true,
            // RFC 5258 §3.1: a name that is listed and is not there.
            NameAttribute::Extension(name) => name.eq_ignore_ascii_case("\\NonExistent"),
            _ => false,
        });
        let inbox = wire_name.eq_ignore_ascii_case("INBOX");
        let purpose = if inbox { FolderUse::Inbox } else { said.unwrap_or_else(|| purpose_by_name(&name, data)) };
        Self { wire_name, name, purpose, purpose_said: said.is_some() || inbox, selectable }
    }
}

fn purpose_of(attribute: &NameAttribute<'_>) -> Option<FolderUse> {
    match attribute {
        NameAttribute::All => Some(FolderUse::All),
        NameAttribute::Archive => Some(FolderUse::Archive),
        NameAttribute::Drafts => Some(FolderUse::Drafts),
        NameAttribute::Flagged => Some(FolderUse::Flagged),
        NameAttribute::Junk => Some(FolderUse::Junk),
        NameAttribute::Sent => Some(FolderUse::Sent),
        NameAttribute::Trash => Some(FolderUse::Trash),
        // What some servers said before RFC 6154.
        NameAttribute::Extension(name) if name.eq_ignore_ascii_case("\\Spam") => Some(FolderUse::Junk),
        _ => None,
    }
}

/// By the last part of the name, as mail programs make them.
fn purpose_by_name(name: &str, data: &MailboxListData<'_>) -> FolderUse {
    let last = match data.delimiter.as_deref() {
        Some(delimiter) if !delimiter.is_empty() => name.rsplit(delimiter).next().unwrap_or(name),
        _ => name,
    };
    let lower = last.to_lowercase();
    let table: [(&[&str], FolderUse); 4] = [
        (
            &[
                "junk",
                "spam",
                "junk e-mail",
                "junk email",
                "junk mail",
                "bulk",
                "bulk mail",
                "quarantine",
                "spamverdacht",
                "unerwünscht",
                "courrier indésirable",
                "indésirables",
                "correo no deseado",
                "posta indesiderata",
                "ongewenste e-mail",
                "lixo eletrônico",
            ],
            FolderUse::Junk,
        ),
        (&["sent", "sent items", "sent messages", "sent mail", "gesendet"], FolderUse::Sent),
        (&["trash", "deleted items", "deleted messages", "papierkorb"], FolderUse::Trash),
        (&["drafts", "entwürfe"], FolderUse::Drafts),
    ];
    let found = table.iter().find(|(names, _)| names.contains(&lower.as_str()));
    found.map_or(FolderUse::Other, |(_, purpose)| *purpose)
}

/// Modified UTF-7 to text (RFC 3501 §5.1.3). What is not proper is shown as it stands.
fn decoded(name: &str) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((plain, coded)) = rest.split_once('&') {
        text.push_str(plain);
        let Some((coded, behind)) = coded.split_once('-') else { return name.to_owned() };
        if coded.is_empty() {
            text.push('&');
        } else {
            match shifted(coded) {
                Some(letters) => text.push_str(&letters),
                None => return name.to_owned(),
            }
        }
        rest = behind;
    }
    text + rest
}

fn shifted(coded: &str) -> Option<String> {
    let octets = STANDARD_NO_PAD.decode(coded.replace(',', "/")).ok()?;
    let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    (octets.len().is_multiple_of(2)).then(|| String::from_utf16(&units).ok()).flatten()
}

/// A name as a quoted string (RFC 3501 §4.3); `None` for what cannot be one.
pub(super) fn quoted(text: &str) -> Option<String> {
    if text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_to_people() {
        let table = [
            ("INBOX", "INBOX"),
            ("Gel&APY-scht", "Gelöscht"),
            ("Q&-A", "Q&A"),
            ("&U,BTFw-", "台北"),
            ("broken&", "broken&"),
            ("broken&!!-", "broken&!!-"),
            ("&AA-", "&AA-"),
            ("Entwürfe", "Entwürfe"),
        ];
        for (wire, want) in table {
            assert_eq!(decoded(wire), want, "{wire}");
        }
    }

    #[test]
    fn what_folders_are_for() {
        use FolderUse as U;
        let of = |attributes: Vec<NameAttribute<'static>>, name: &'static str| {
            let data = MailboxListData { name_attributes: attributes, delimiter: Some("/".into()), name: name.into() };
            let folder = Folder::of_list(&data);
            (folder.purpose, folder.purpose_said, folder.selectable)
        };
        assert_eq!(of(vec![], "inbox"), (U::Inbox, true, true));
        assert_eq!(of(vec![NameAttribute::Junk], "Rubbish"), (U::Junk, true, true));
        assert_eq!(of(vec![], "INBOX/Spam"), (U::Junk, false, true));
        assert_eq!(of(vec![], "Unerw&APw-nscht"), (U::Junk, false, true));
        assert_eq!(of(vec![], "Spam recipes"), (U::Other, false, true));
        assert_eq!(of(vec![NameAttribute::NoSelect], "[Gmail]"), (U::Other, false, false));
        assert_eq!(of(vec![NameAttribute::Extension("\\NonExistent".into())], "x"), (U::Other, false, false));
    }

    #[test]
    fn names_cannot_smuggle_commands() {
        assert_eq!(quoted("a\"b\\c").as_deref(), Some("\"a\\\"b\\\\c\""));
        assert_eq!(quoted("a\r\nb"), None);
    }
}
