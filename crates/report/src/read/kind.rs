//! What sort of mail it is: a report tells of itself by its sender, its subject, its return path
//! and its words; an automatic reply by its fields (RFC 3834) or its words.

use super::address;
use super::head::Head;
use super::mime::{Media, Part, starts};
use super::model::{Action, Kind, Reported};
use super::page::Page;
use super::phrases::{self, Role};
use super::prose::Prose;
use super::reason;
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
    let subject = signs.head.decoded("Subject").unwrap_or_default();
    if signs.parts.iter().any(|part| part.media == Media::Disposition) {
        // Filters of mailboxes refuse mail by a receipt (RFC 5429 §2.2).
        let refused = is_from_daemon(signs.head) && phrases::has(&subject, Role::Subject);
        return if refused && signs.page.any(Role::Fail) { Kind::Bounce } else { Kind::NotAReport };
    }
    if is_answer(signs, &subject) {
        return Kind::AutoReply;
    }
    if is_report(signs, &subject) {
        return if is_late(signs, &subject) { Kind::Delay } else { Kind::Bounce };
    }
    if signs.page.any(Role::Answer) || is_replied(signs.head) { Kind::AutoReply } else { Kind::NotAReport }
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
    let replied = is_replied(head);
    let away = phrases::has(subject, Role::Away);
    let marked = page.any(Role::Mark) || head.has("X-Failed-Recipients");
    let own_words = marked || page.any(Role::List);
    let from = is_from_daemon(head);
    let certain = marked || own_words && (from || phrases::has(subject, Role::Subject));
    let titled =
        phrases::first(subject, Role::Subject).is_some_and(|at| phrases::first(subject, Role::Away) > Some(at));
    let bounced = from && (own_words || page.any(Role::Fail) || titled) || certain && !signs.prose.reported.is_empty();
    (page.any(Role::Ask) && !certain) || (replied || away) && !bounced
}

/// Whether the fields say that a program answered (RFC 3834 §5), or those that came before them.
fn is_replied(head: &Head<'_>) -> bool {
    let says = |name: &str, word: &str| head.value(name).is_some_and(|value| starts(&value, word));
    says("Auto-Submitted", "auto-replied")
        || says("Precedence", "auto_reply")
        || ["X-Autoreply", "X-Autorespond", "X-Autoreply-From", "X-Mail-Autoreply"].iter().any(|name| head.has(name))
}

fn is_report(signs: &Signs<'_, '_>, subject: &str) -> bool {
    let Signs { head, parts, page, prose, .. } = signs;
    if head.has("X-Failed-Recipients") || parts.iter().any(|part| part.media == Media::Status) {
        return true;
    }
    let titled = phrases::has(subject, Role::Subject);
    let any = |roles: &[Role]| roles.iter().any(|role| page.any(*role));
    let lists = any(&[Role::List, Role::Late]);
    if any(&[Role::Done]) && !lists || !titled && phrases::has(subject, Role::Other) {
        return false;
    }
    let marked = page.any(Role::Mark);
    let named = !prose.reported.is_empty();
    let from = is_from_daemon(head);
    if is_answered(subject) && !(from && (marked || prose.listed)) || is_traffic(head) {
        return false; // It quotes one.
    }
    if from && titled {
        return true;
    }
    let tells = lists || any(&[Role::Label, Role::Fail, Role::Final, Role::Wait]);
    if from {
        let coded = prose.lone.is_some() && reason::has_code(&prose.words);
        return marked || lists || tells && names_another(signs) || coded;
    }
    let returns = parts.iter().any(|part| matches!(part.media, Media::Message | Media::Headers));
    let unreturned = head.value("Return-Path").is_some_and(|path| path.trim() == "<>");
    let strong = marked || lists || page.any(Role::Label);
    let coded = prose.reported.iter().any(|one| reason::has_code(&one.said));
    named && (marked || page.any(Role::List) && coded)
        || titled && (strong || tells && (returns || unreturned))
        || unreturned && strong && named
}

/// Whether it names a recipient other than the one who reads it.
fn names_another(signs: &Signs<'_, '_>) -> bool {
    let to = signs.head.value("To").unwrap_or_default().to_ascii_lowercase();
    signs.prose.reported.iter().any(|one| !to.contains(&one.recipient.to_ascii_lowercase()))
}

/// Whether a person answers or passes on a mail of that subject.
fn is_answered(subject: &str) -> bool {
    const MARKS: [&str; 11] = ["re:", "aw:", "sv:", "antw:", "odp:", "rv:", "fwd:", "fw:", "wg:", "tr:", "i:"];
    MARKS.iter().any(|mark| starts(subject.trim_start(), mark))
}

/// Whether a mailing list or a shop sent it, and no mail system did through one.
fn is_traffic(head: &Head<'_>) -> bool {
    let list = ["List-Id", "List-Unsubscribe", "X-Mailman-Version"].iter().any(|name| head.has(name));
    let from = head.value("From").unwrap_or_default();
    list && !address::first(&from).is_some_and(|found| address::is_daemon(found.address))
}

/// Whether a mail system wrote it.
fn is_from_daemon(head: &Head<'_>) -> bool {
    ["From", "Sender"].iter().any(|name| head.decoded(name).is_some_and(|from| phrases::has(&from, Role::Daemon)))
}

/// Whether it is still being tried.
fn is_late(signs: &Signs<'_, '_>, subject: &str) -> bool {
    let Signs { page, prose, .. } = signs;
    let late = prose.reported.iter().any(|one| one.action == Some(Action::Delayed));
    let failed = prose.reported.iter().any(|one| one.action == Some(Action::Failed)) && page.any(Role::List);
    let waits = page.any(Role::Wait);
    let titled = phrases::has(subject, Role::Tardy);
    !page.any(Role::Final) && (titled && waits || late && !failed || waits && !page.any(Role::List))
}
