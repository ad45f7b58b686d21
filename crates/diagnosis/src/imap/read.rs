//! What one command's responses said, taken out of the parser's types.

use super::folder::Folder;
use super::mailbox::{Fetched, Marks, QuotaUse};
use async_imap::imap_proto::rfc2087::QuotaResourceName;
use async_imap::imap_proto::{
    AttributeValue, Capability, MailboxDatum, Outcome, Response, ResponseCode, Status, StatusAttribute,
};
use std::collections::HashMap;

/// More of one sort than any mailbox has is not kept.
const ENTRIES_MAX: usize = 20_000;

/// The responses to one command.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The last untagged OK, NO, BAD, PREAUTH or BYE.
    pub(super) state: Option<(Status, String)>,
    /// Tag, status and words that end an answer.
    pub(super) tagged: Option<(String, Status, String)>,
    /// The server waits for more.
    pub(super) wanted: bool,
    pub(super) capabilities: Vec<String>,
    pub(super) folders: Vec<Folder>,
    pub(super) found: Vec<u32>,
    pub(super) statuses: HashMap<String, Marks>,
    /// What an opened folder says of itself.
    pub(super) marks: Marks,
    pub(super) fetched: Vec<Fetched>,
    pub(super) quotas: Vec<QuotaUse>,
}

impl Heard {
    pub(super) fn take(&mut self, response: &Response<'_>) {
        match response {
            Response::Capabilities(list) => self.capabilities = names(list),
            Response::Continue(_) => self.wanted = true,
            Response::Done { tag, status, outcome } => {
                self.coded(outcome);
                self.tagged = Some((tag.0.clone(), same(status), words(outcome)));
            }
            Response::Data { status, outcome } => {
                self.coded(outcome);
                self.state = Some((same(status), words(outcome)));
            }
            Response::MailboxData(datum) => self.datum(datum),
            Response::Fetch(_, attributes) => self.message(attributes),
            Response::Quota(quota) => {
                let uses = quota.resources.iter().map(|resource| QuotaUse {
                    resource: match &resource.name {
                        QuotaResourceName::Storage => "STORAGE".to_owned(),
                        QuotaResourceName::Message => "MESSAGE".to_owned(),
                        QuotaResourceName::Atom(name) => name.to_string(),
                    },
                    used: resource.usage,
                    limit: resource.limit,
                });
                self.quotas.extend(uses);
                self.quotas.truncate(ENTRIES_MAX);
            }
            _ => {}
        }
    }

    fn coded(&mut self, outcome: &Outcome<'_>) {
        match &outcome.code {
            Some(ResponseCode::Capabilities(list)) => self.capabilities = names(list),
            Some(ResponseCode::UidNext(uid)) => self.marks.uid_next = Some(*uid),
            Some(ResponseCode::UidValidity(number)) => self.marks.uid_validity = Some(*number),
            _ => {}
        }
    }

    fn datum(&mut self, datum: &MailboxDatum<'_>) {
        match datum {
            MailboxDatum::List(data) if self.folders.len() < ENTRIES_MAX => self.folders.push(Folder::of_list(data)),
            MailboxDatum::Search(list) => {
                let room = ENTRIES_MAX.saturating_sub(self.found.len());
                self.found.extend(list.iter().take(room));
            }
            MailboxDatum::Exists(count) => self.marks.messages = Some(*count),
            MailboxDatum::Status { mailbox, status } if self.statuses.len() < ENTRIES_MAX => {
                let marks = self.statuses.entry(mailbox.to_string()).or_default();
                for attribute in status {
                    match attribute {
                        StatusAttribute::Messages(count) => marks.messages = Some(*count),
                        StatusAttribute::UidNext(uid) => marks.uid_next = Some(*uid),
                        StatusAttribute::UidValidity(number) => marks.uid_validity = Some(*number),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, attributes: &[AttributeValue<'_>]) {
        let mut fetched = Fetched::default();
        for attribute in attributes {
            match attribute {
                AttributeValue::Uid(uid) => fetched.uid = *uid,
                AttributeValue::InternalDate(date) => fetched.stored = Some(date.to_string()),
                AttributeValue::BodySection { data: Some(data), .. } => fetched.octets = data.to_vec(),
                _ => {}
            }
        }
        // Flags that changed elsewhere come unasked, without UID.
        if fetched.uid != 0 && self.fetched.len() < ENTRIES_MAX {
            self.fetched.push(fetched);
        }
    }
}

fn names(list: &[Capability<'_>]) -> Vec<String> {
    let name = |capability: &Capability<'_>| match capability {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(mechanism) => format!("AUTH={}", mechanism.to_ascii_uppercase()),
        Capability::Atom(atom) => atom.to_ascii_uppercase(),
    };
    list.iter().map(name).collect()
}

/// The words with their code, as far as the parser keeps it: codes it does not know are in the text.
pub(super) fn words(outcome: &Outcome<'_>) -> String {
    let code = match &outcome.code {
        Some(ResponseCode::Alert) => "[ALERT] ",
        Some(ResponseCode::TryCreate) => "[TRYCREATE] ",
        _ => "",
    };
    let text = outcome.information.as_deref().unwrap_or_default();
    let text: String = text.chars().take(WORDS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{code}{text}").trim().to_owned()
}

/// The parser's status cannot be copied.
fn same(status: &Status) -> Status {
    match status {
        Status::Ok => Status::Ok,
        Status::No => Status::No,
        Status::Bad => Status::Bad,
        Status::PreAuth => Status::PreAuth,
        Status::Bye => Status::Bye,
    }
}

/// So many letters of a server's words are kept.
const WORDS_MAX: usize = 400;
