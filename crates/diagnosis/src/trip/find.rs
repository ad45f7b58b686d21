//! A mailbox that is watched for marked mail: opened before anything is sent, so that only what is new is looked at.

use super::hops;
use super::model::{Arrived, Mailbox, Place, PlaceKind, Step, ms};
use super::open::{HANDSHAKE_LIMIT, Tools, in_words};
use super::plan::{Server, TlsBegins};
use super::submit::Login;
use crate::imap::{FaultKind, Folder, FolderUse, Imap, ImapFault, ImapLimits, Marks};
use postrider_smtp::TroubleKind;
use postrider_transport::Stream;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Folders are listed anew after so many looks: a filter may have made one.
const LIST_EVERY: u32 = 10;
/// Of a bounce so much is read.
const BOUNCE_BYTES_MAX: u32 = 64 * 1024;
/// So many suspects are read for one bounce.
const BOUNCES_MAX: usize = 5;

/// An open mailbox.
pub(super) struct Watched {
    imap: Imap<Stream>,
    folders: Vec<Folder>,
    before: HashMap<String, Marks>,
    /// As of the last look.
    now: HashMap<String, Marks>,
    looks: u32,
}

/// A mail that was found.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) folder: Folder,
    pub(super) uid: u32,
}

/// Why a mailbox cannot be opened.
struct Closed {
    why: String,
    login_refused: bool,
    reached: bool,
}

impl Watched {
    /// Opens the mailbox on the first of the servers that can be reached, and tells how that went.
    pub(super) async fn open(tools: &Tools, servers: &[Server], login: &Login, told: &mut Mailbox) -> Option<Self> {
        for server in servers {
            let mut steps = Vec::new();
            // The first is the likeliest; only one that answers says more.
            let first = told.host.is_none();
            told.host.get_or_insert_with(|| server.shown());
            match Self::open_one(tools, server, login, &mut steps).await {
                Ok((watched, full)) => {
                    (told.host, told.trouble) = (Some(server.shown()), None);
                    (told.login_refused, told.full, told.steps) = (false, full, steps);
                    return Some(watched);
                }
                Err(closed) => {
                    if first || closed.reached {
                        told.host = Some(server.shown());
                        told.trouble = Some(format!("{}: {}", server.shown(), closed.why));
                        (told.login_refused, told.steps) = (closed.login_refused, steps);
                    }
                    if closed.reached {
                        return None;
                    }
                }
            }
        }
        None
    }

    async fn open_one(
        tools: &Tools,
        server: &Server,
        login: &Login,
        steps: &mut Vec<Step>,
    ) -> Result<(Self, bool), Closed> {
        let mut imap = talk(tools, server, steps).await?;
        let began = Instant::now();
        imap.imap.login(&login.user, &login.password, imap.in_clear).await.map_err(|fault| Closed {
            login_refused: matches!(fault.kind, FaultKind::Login(_)),
            why: fault.to_string(),
            reached: true,
        })?;
        steps.push(Step { what: "log in".into(), ms: ms(began.elapsed()) });
        let mut imap = imap.imap;
        let fault = |fault: ImapFault| Closed { why: fault.to_string(), login_refused: false, reached: true };
        let began = Instant::now();
        let folders = imap.folders().await.map_err(fault)?;
        let before = imap.marks(&folders).await.map_err(fault)?;
        let full = imap.quota().await.map_err(fault)?.iter().any(crate::imap::QuotaUse::is_full);
        steps.push(Step { what: format!("look at {} folders", folders.len()), ms: ms(began.elapsed()) });
        Ok((Self { imap, folders, now: before.clone(), before, looks: 0 }, full))
    }

    /// Asks what is new. With it, [`Watched::find`] and [`Watched::suspects`] know where to look.
    async fn look(&mut self) -> Result<(), ImapFault> {
        self.looks += 1;
        if self.looks.is_multiple_of(LIST_EVERY) {
            self.folders = self.imap.folders().await?;
        }
        self.now = self.imap.marks(&self.folders).await?;
        Ok(())
    }

    /// Folders in which something may be new, the inbox first and views of all mail last; from which UID on.
    fn changed(&self) -> Vec<(Folder, Option<u32>)> {
        let mut changed: Vec<(Folder, Option<u32>)> = Vec::new();
        for folder in self.folders.iter().filter(|folder| folder.selectable) {
            let now = self.now.get(&folder.wire_name).copied().unwrap_or_default();
            match self.before.get(&folder.wire_name) {
                // Where the server keeps no marks, only looking helps.
                None if now == Marks::default() => changed.push((folder.clone(), None)),
                None => changed.push((folder.clone(), Some(1))),
                Some(before) if before.uid_validity != now.uid_validity => changed.push((folder.clone(), Some(1))),
                Some(before) if before != &now => changed.push((folder.clone(), before.uid_next)),
                Some(_) => {}
            }
        }
        changed.sort_by_key(|(folder, _)| match folder.purpose {
            FolderUse::Inbox => 0,
            FolderUse::Junk => 1,
            FolderUse::Other | FolderUse::Archive | FolderUse::Trash => 2,
            FolderUse::All | FolderUse::Flagged => 3,
            FolderUse::Sent | FolderUse::Drafts => 4,
        });
        changed
    }

    /// The mail of that token, if it has arrived. Copies of what the owner sent do not count.
    pub(super) async fn find(&mut self, token: &str) -> Result<Option<Spot>, ImapFault> {
        self.look().await?;
        for (folder, from) in self.changed() {
            if matches!(folder.purpose, FolderUse::Sent | FolderUse::Drafts) {
                continue;
            }
            if let Some(uid) = self.search(&folder, token, from).await?.first() {
                return Ok(Some(Spot { folder, uid: *uid }));
            }
        }
        Ok(None)
    }

    /// A folder that cannot be opened has nothing in it for us.
    async fn search(&mut self, folder: &Folder, token: &str, from: Option<u32>) -> Result<Vec<u32>, ImapFault> {
        match self.imap.find(folder, token, from).await {
            Err(ImapFault { kind: FaultKind::Refused(_), .. }) => Ok(Vec::new()),
            found => found,
        }
    }

    /// Where it is, how it came there, and what its receiver thinks of its sender.
    pub(super) async fn describe(&mut self, spot: &Spot, after: Duration, taken_at: Option<i64>) -> Arrived {
        let header = self.imap.header(&spot.folder, spot.uid).await.ok().flatten().unwrap_or_default().octets;
        let kind = match spot.folder.purpose {
            FolderUse::Inbox => PlaceKind::Inbox,
            FolderUse::Junk => PlaceKind::Junk,
            _ => PlaceKind::Elsewhere,
        };
        let name: String = spot.folder.name.chars().filter(|c| !c.is_control()).collect();
        Arrived {
            place: Place { kind, folder: name },
            after_ms: ms(after),
            hops: hops::hops(&header, taken_at),
            authentication: hops::authentication(&header),
        }
    }

    /// New mails that speak of the token and are not marked with it themselves: perhaps a bounce.
    pub(super) async fn suspects(&mut self, token: &str) -> Result<Vec<(Spot, Vec<u8>)>, ImapFault> {
        self.look().await?;
        let mut suspects = Vec::new();
        for (folder, from) in self.changed() {
            if !matches!(folder.purpose, FolderUse::Inbox | FolderUse::Junk) {
                continue;
            }
            let marked = self.search(&folder, token, from).await?;
            let found = match self.imap.find_text(&folder, token, from.unwrap_or(1)).await {
                Err(ImapFault { kind: FaultKind::Refused(_), .. }) => continue,
                found => found?,
            };
            for uid in found.into_iter().filter(|uid| !marked.contains(uid)).take(BOUNCES_MAX) {
                if let Some(mail) = self.imap.beginning(&folder, uid, BOUNCE_BYTES_MAX).await? {
                    suspects.push((Spot { folder: folder.clone(), uid }, mail.octets));
                }
            }
        }
        Ok(suspects)
    }

    /// Removes all mails of these tokens, wherever they are, and what came back; gives how many stay.
    pub(super) async fn clean(&mut self, tokens: &[&str], came_back: &[Spot]) -> Result<usize, ImapFault> {
        self.look().await?;
        let mut left = 0;
        for spot in came_back {
            left += usize::from(!self.imap.remove(&spot.folder, spot.uid).await?);
        }
        for (folder, from) in self.changed() {
            for token in tokens {
                for uid in self.search(&folder, token, from).await? {
                    match self.imap.remove(&folder, uid).await {
                        Ok(true) => {}
                        Ok(false) | Err(ImapFault { kind: FaultKind::Refused(_), .. }) => left += 1,
                        Err(fault) => return Err(fault),
                    }
                }
            }
        }
        Ok(left)
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        self.imap.logout().await;
    }
}

/// A talk before login.
struct Talk {
    imap: Imap<Stream>,
    in_clear: bool,
}

async fn talk(tools: &Tools, server: &Server, steps: &mut Vec<Step>) -> Result<Talk, Closed> {
    let limits = ImapLimits::default();
    let opened = tools.open(server, steps).await.map_err(|trouble| Closed {
        // A host that was named and has a bad certificate is reached: another port would not be better.
        reached: trouble.kind == TroubleKind::TlsFailed && server.is_stated(),
        why: trouble.detail,
        login_refused: false,
    })?;
    let fault = |fault: ImapFault| Closed { why: fault.to_string(), login_refused: false, reached: true };
    let began = Instant::now();
    let imap = Imap::greet(opened.stream, opened.tls.is_some(), limits).await.map_err(fault)?;
    steps.push(Step { what: "greeting".into(), ms: ms(began.elapsed()) });
    if server.tls == TlsBegins::AtOnce || (opened.loopback && !imap.can("STARTTLS")) {
        return Ok(Talk { imap, in_clear: opened.loopback });
    }
    let began = Instant::now();
    let Stream::Plain(socket) = imap.starttls().await.map_err(fault)? else {
        return Err(Closed { why: "TLS twice makes no sense".into(), login_refused: false, reached: true });
    };
    let begun = tools.tls.begin(socket, &server.host, opened.trust, HANDSHAKE_LIMIT).await;
    let (stream, _) = begun.map_err(|trouble| Closed {
        why: in_words(trouble, server).detail,
        login_refused: false,
        reached: true,
    })?;
    steps.push(Step { what: "STARTTLS".into(), ms: ms(began.elapsed()) });
    let imap = Imap::after_starttls(stream, limits).await.map_err(fault)?;
    Ok(Talk { imap, in_clear: false })
}
