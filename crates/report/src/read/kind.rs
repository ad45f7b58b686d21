//! What sort of mail it is: a report tells of itself by its sender, its subject, its return path
//! and its words; an automatic reply by its fields (RFC 3834) or its words.

use super::head::Head;
use super::mime::{Media, Part, starts};
use super::model::{Action, Kind, Reported};
use super::page::Page;
use super::phrases::{self, Role};
use super::prose::Prose;
use super::status::Deliveries;

/// All that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Signs<'s, 'a> {
    pub(super) head: &'s Head<'a>,
    pub(super) parts: &'s [Part<'a>],
    pub(super) page: &'s Page<'s>,
    pub(super) told: &'s Deliveries,
    pub(super) prose: &'s Prose,
    /// Whether it has fields of a delivery status.
    pub(super) with_fields: bool,
}

/// The sort of a mail that is no complaint.
pub(super) fn of(signs: &Signs<'_, '_>) -> Kind {
    if signs.with_fields {
        return of_actions(&signs.told.reported, signs.page);
    }
    if signs.parts.iter().any(|part| part.media == Media::Disposition) {
        return Kind::NotAReport;
    }
    let subject = signs.head.decoded("Subject").unwrap_or_default();
    if is_answer(signs, &subject) {
        return Kind::AutoReply;
    }
    if is_report(signs, &subject) {
        return if is_late(signs) { Kind::Delay } else { Kind::Bounce };
    }
    if signs.page.any(Role::Answer) { Kind::AutoReply } else { Kind::NotAReport }
}

/// Fields say it themselves (RFC 3464 §2.3.3); where they do not, the status does.
fn of_actions(reported: &[Reported], page: &Page<'_>) -> Kind {
    let mut late = false;
    for one in reported.iter().filter(|one| !one.is_done()) {
        let class = one.status.map(|status| status.class());
        match (one.action, class) {
            (Some(Action::Delayed), _) => late = true,
            (None, Some(4)) if page.any(Role::Wait) && !page.any(Role::Final) => late = true,
            _ => return Kind::Bounce,
        }
    }
    if late { Kind::Delay } else { Kind::NotAReport }
}

/// Whether a program answers for a person, or asks who is writing.
fn is_answer(signs: &Signs<'_, '_>, subject: &str) -> bool {
    let Signs { head, page, .. } = signs;
    let says = |name: &str, word: &str| head.value(name).is_some_and(|value| starts(&value, word));
    let replied = says("Auto-Submitted", "auto-replied")
        || says("Precedence", "auto_reply")
        || ["X-Autoreply", "X-Autorespond", "X-Autoreply-From", "X-Mail-Autoreply"].iter().any(|name| head.has(name));
    let away = phrases::has(subject, Role::Away);
    let own_words = page.any(Role::Mark) || page.any(Role::List) || head.has("X-Failed-Recipients");
    let bounced =
        is_from_daemon(head) && (own_words || page.any(Role::Fail)) || own_words && !signs.prose.reported.is_empty();
    (page.any(Role::Ask) && !own_words) || (replied || away) && !bounced
}

fn is_report(signs: &Signs<'_, '_>, subject: &str) -> bool {
    let Signs { head, page, prose, .. } = signs;
    if head.has("X-Failed-Recipients") || signs.parts.iter().any(|part| part.media == Media::Status) {
        return true;
    }
    let from = is_from_daemon(head);
    if !from && is_answered(subject) {
        return false; // It quotes one.
    }
    let titled = phrases::has(subject, Role::Subject);
    let unreturned = head.value("Return-Path").is_some_and(|path| path.trim() == "<>");
    let tells = [Role::Fail, Role::List, Role::Late, Role::Label, Role::Final, Role::Wait]
        .into_iter()
        .any(|role| page.any(role));
    let marked = page.any(Role::Mark);
    let named = !prose.reported.is_empty();
    (from || titled || unreturned) && (tells || marked)
        || from && titled
        || marked && named
        || named && page.any(Role::List)
}

/// Whether a person answers a mail of that subject.
fn is_answered(subject: &str) -> bool {
    const MARKS: [&str; 6] = ["re:", "aw:", "sv:", "antw:", "odp:", "rv:"];
    MARKS.iter().any(|mark| starts(subject.trim_start(), mark))
}

/// Whether a mail system wrote it.
fn is_from_daemon(head: &Head<'_>) -> bool {
    ["From", "Sender"].iter().any(|name| head.decoded(name).is_some_and(|from| phrases::has(&from, Role::Daemon)))
}

/// Whether it is still being tried.
fn is_late(signs: &Signs<'_, '_>) -> bool {
    let Signs { page, prose, .. } = signs;
    let late = prose.reported.iter().any(|one| one.action == Some(Action::Delayed));
    let failed = prose.reported.iter().any(|one| one.action == Some(Action::Failed)) && page.any(Role::List);
    !page.any(Role::Final) && (late && !failed || page.any(Role::Wait) && !page.any(Role::List))
}
