//! Looking into a mailbox after login: folders, what is new in them, single mails, quota.

use super::folder::{Folder, quoted};
use super::{FaultKind, Imap, ImapFault, ImapStream};
use std::collections::HashMap;

/// How far a folder has come: mail that arrives later gets a UID of at least `uid_next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Changes when UIDs are given out anew (RFC 3501 §2.3.1.1).
    pub uid_validity: Option<u32>,
    /// The next UID to be given out, or a lower one.
    pub uid_next: Option<u32>,
    /// How many messages there are.
    pub messages: Option<u32>,
}

/// What was fetched of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Its UID.
    pub uid: u32,
    /// When the server stored it (INTERNALDATE), as written.
    pub stored: Option<String>,
    /// The octets that were asked for.
    pub octets: Vec<u8>,
}

/// How much of something is used (RFC 9208).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaUse {
    /// `STORAGE` in units of 1,024 octets, or `MESSAGE`.
    pub resource: String,
    /// So much is used.
    pub used: u64,
    /// So much may be.
    pub limit: u64,
}

impl QuotaUse {
    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.limit > 0 && self.used >= self.limit
    }
}

/// New messages looked at one by one where SEARCH finds nothing.
const LOOKED_AT_MAX: u32 = 100;

impl<S: ImapStream> Imap<S> {
    /// All folders of the mailbox, with what they are for.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, ImapFault> {
        // RFC 6154 §2: with the extended LIST the uses are told for sure.
        if self.can("SPECIAL-USE") && self.can("LIST-EXTENDED") {
            match self.command("LIST", "LIST \"\" \"*\" RETURN (SPECIAL-USE)").await {
                Ok(heard) => return Ok(heard.folders),
                Err(ImapFault { kind: FaultKind::Refused(_), .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(self.command("LIST", "LIST \"\" \"*\"").await?.folders)
    }

    /// How far these folders have come. One that the server does not tell about is left out.
    pub async fn marks(&mut self, folders: &[Folder]) -> Result<HashMap<String, Marks>, ImapFault> {
        // RFC 5819: all of them with one question.
        if self.can("LIST-STATUS") && folders.len() > 2 {
            match self.command("LIST", "LIST \"\" \"*\" RETURN (STATUS (UIDNEXT UIDVALIDITY MESSAGES))").await {
                Ok(heard) if !heard.statuses.is_empty() => return Ok(heard.statuses),
                Ok(_) | Err(ImapFault { kind: FaultKind::Refused(_), .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        let mut all = HashMap::new();
        for folder in folders.iter().filter(|folder| folder.selectable) {
            let Some(name) = quoted(&folder.wire_name) else { continue };
            match self.command("STATUS", &format!("STATUS {name} (UIDNEXT UIDVALIDITY MESSAGES)")).await {
                Ok(heard) => all.extend(heard.statuses),
                Err(ImapFault { kind: FaultKind::Refused(_), .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(all)
    }

    /// The UIDs of mails in that folder whose Message-ID has the token in it, from `from_uid` on when it
    /// is given. Then the new mails are also looked at one by one, as not every server searches well.
    pub async fn find(&mut self, folder: &Folder, token: &str, from_uid: Option<u32>) -> Result<Vec<u32>, ImapFault> {
        let Some(token_quoted) = quoted(token) else { return Ok(Vec::new()) };
        self.open(folder, false).await?;
        let range = from_uid.map(|uid| format!("UID {uid}:* ")).unwrap_or_default();
        let searched = self.command("SEARCH", &format!("UID SEARCH {range}HEADER Message-ID {token_quoted}")).await;
        let mut found = match searched {
            Ok(heard) => heard.found,
            Err(ImapFault { kind: FaultKind::Refused(_), .. }) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        if let (true, Some(from)) = (found.is_empty(), from_uid) {
            found = self.look_through(token, from).await?;
        }
        self.close_folder().await?;
        // `n:*` always has the last message in it, whatever its UID (RFC 3501 §6.4.8).
        found.retain(|uid| from_uid.is_none_or(|from| *uid >= from));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn look_through(&mut self, token: &str, from: u32) -> Result<Vec<u32>, ImapFault> {
        let to = from.saturating_add(LOOKED_AT_MAX);
        let line = format!("UID FETCH {from}:{to} (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID SUBJECT {MARK_FIELD})])");
        let heard = match self.command("FETCH", &line).await {
            Ok(heard) => heard,
            Err(ImapFault { kind: FaultKind::Refused(_), .. }) => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        };
        let has = |octets: &[u8]| String::from_utf8_lossy(octets).contains(token);
        Ok(heard.fetched.iter().filter(|mail| has(&mail.octets)).map(|mail| mail.uid).collect())
    }

    /// The whole header of a mail.
    pub async fn header(&mut self, folder: &Folder, uid: u32) -> Result<Option<Fetched>, ImapFault> {
        self.fetch(folder, uid, "UID INTERNALDATE BODY.PEEK[HEADER]").await
    }

    /// The beginning of a mail, at most so many octets.
    pub async fn beginning(&mut self, folder: &Folder, uid: u32, bytes_max: u32) -> Result<Option<Fetched>, ImapFault> {
        self.fetch(folder, uid, &format!("UID BODY.PEEK[]<0.{bytes_max}>")).await
    }

    async fn fetch(&mut self, folder: &Folder, uid: u32, what: &str) -> Result<Option<Fetched>, ImapFault> {
        self.open(folder, false).await?;
        let heard = self.command("FETCH", &format!("UID FETCH {uid} ({what})")).await?;
        self.close_folder().await?;
        Ok(heard.fetched.into_iter().find(|mail| mail.uid == uid))
    }

    /// The UIDs of mails in that folder that came after `from_uid` and whose text has the words in it.
    pub async fn find_text(&mut self, folder: &Folder, words: &str, from_uid: u32) -> Result<Vec<u32>, ImapFault> {
        let Some(words) = quoted(words) else { return Ok(Vec::new()) };
        self.open(folder, false).await?;
        let searched = self.command("SEARCH", &format!("UID SEARCH UID {from_uid}:* TEXT {words}")).await;
        self.close_folder().await?;
        match searched {
            Ok(heard) => Ok(heard.found.into_iter().filter(|uid| *uid >= from_uid).collect()),
            Err(ImapFault { kind: FaultKind::Refused(_), .. }) => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// Removes a mail for good, and no other: says whether it is gone.
    pub async fn remove(&mut self, folder: &Folder, uid: u32) -> Result<bool, ImapFault> {
        self.open(folder, true).await?;
        self.command("STORE", &format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")).await?;
        let gone = if self.can("UIDPLUS") {
            self.command("EXPUNGE", &format!("UID EXPUNGE {uid}")).await.is_ok()
        } else {
            // EXPUNGE takes all that is marked: only when nothing else is (RFC 4315 §2.1 says why).
            let marked = self.command("SEARCH", "UID SEARCH DELETED").await?.found;
            marked == [uid] && self.command("EXPUNGE", "EXPUNGE").await.is_ok()
        };
        // CLOSE would remove what others have marked; another folder, opened for reading, closes this one.
        if self.can("UNSELECT") {
            self.command("UNSELECT", "UNSELECT").await?;
        } else {
            self.open(folder, false).await?;
            self.close_folder().await?;
        }
        Ok(gone)
    }

    /// How full the mailbox is; nothing where the server does not tell.
    pub async fn quota(&mut self) -> Result<Vec<QuotaUse>, ImapFault> {
        if !self.can("QUOTA") {
            return Ok(Vec::new());
        }
        match self.command("GETQUOTAROOT", "GETQUOTAROOT INBOX").await {
            Ok(heard) => Ok(heard.quotas),
            Err(ImapFault { kind: FaultKind::Refused(_), .. }) => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// Opens a folder, and gives how far it has come. Reading marks nothing as seen.
    pub async fn open(&mut self, folder: &Folder, to_change: bool) -> Result<Marks, ImapFault> {
        let name = quoted(&folder.wire_name).unwrap_or_default();
        let heard = match to_change {
            true => self.command("SELECT", &format!("SELECT {name}")).await?,
            false => self.command("EXAMINE", &format!("EXAMINE {name}")).await?,
        };
        Ok(heard.marks)
    }

    /// Closes a folder that was opened for reading: STATUS is not for an open one (RFC 3501 §6.3.10).
    async fn close_folder(&mut self) -> Result<(), ImapFault> {
        match self.command("CLOSE", "CLOSE").await {
            Ok(_) | Err(ImapFault { kind: FaultKind::Refused(_), .. }) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}

/// The header field that marks test mails of ours.
pub(crate) const MARK_FIELD: &str = "X-Postrider-Roundtrip";
