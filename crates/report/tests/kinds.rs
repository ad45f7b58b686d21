//! What sort of mail it is: the sender, the subject, further fields and a few words decide.

use postrider_report::{Kind, read};

/// Sort, From, Subject, further fields (`; ` between them), words.
const MAILS: &[(Kind, &str, &str, &str, &str)] = &[
    // Programs that answer for people.
    (
        Kind::AutoReply,
        "Tom <tom@example.net>",
        "Automatic reply: Minutes",
        "X-Auto-Response-Suppress: All",
        "I am out of the office.",
    ),
    (Kind::AutoReply, "Tom <tom@example.net>", "Abwesenheitsnotiz: Protokoll", "", "Ich bin bis Montag nicht im Haus."),
    (
        Kind::AutoReply,
        "Tom <tom@example.net>",
        "Réponse automatique : procès-verbal",
        "",
        "Je suis absent jusqu'au 4 mai.",
    ),
    (Kind::AutoReply, "Tom <tom@example.net>", "Respuesta automática: Acta", "", "Estoy fuera de la oficina."),
    (
        Kind::AutoReply,
        "Tom <tom@example.net>",
        "Re: Minutes",
        "Auto-Submitted: auto-replied",
        "This mailbox is no longer in use; your mail was not read.",
    ),
    (
        Kind::AutoReply,
        "Tom <tom@example.net>",
        "Re: Minutes",
        "X-Autoreply: yes; Return-Path: <>",
        "Mails to tom@example.net are not delivered any more.",
    ),
    (
        Kind::AutoReply,
        "Shop <help@shop.example>",
        "[Ticket 4711] We received your request",
        "Auto-Submitted: auto-replied",
        "Someone will answer within a day.",
    ),
    // Mail systems that tell of something else than a failure.
    (
        Kind::NotAReport,
        "postmaster@example.net",
        "Report Domain: shop.example Submitter: example.net",
        "",
        "This is a DMARC aggregate report.",
    ),
    (Kind::NotAReport, "MAILER-DAEMON@example.net", "Daily statistics", "", "Messages received: 17"),
    (
        Kind::NotAReport,
        "mailman-bounces@lists.example.org",
        "Your message to board awaits moderator approval",
        "Precedence: bulk",
        "Your mail to 'board' is being held until the list moderator can review it.",
    ),
    (
        Kind::NotAReport,
        "board-request@lists.example.org",
        "confirm 4711",
        "Precedence: bulk",
        "Please confirm your subscription to the mailing list.",
    ),
    // People and shops.
    (
        Kind::NotAReport,
        "Eva <eva@example.net>",
        "Undeliverable parcel",
        "",
        "The parcel came back, can you send me the right address?",
    ),
    (
        Kind::NotAReport,
        "Eva <eva@example.net>",
        "Fwd: bounce",
        "",
        "My mail to tom@example.net failed, see below. Why?",
    ),
    (
        Kind::NotAReport,
        "Eva <eva@example.net>",
        "Re: Undeliverable: Minutes",
        "",
        "This one?\n\n> Your message did not reach the following recipients:\n> bob@example.org",
    ),
    (
        Kind::NotAReport,
        "Shop <news@shop.example>",
        "Your mailbox is almost full of offers",
        "List-Unsubscribe: <https://shop.example/u>",
        "Act now!",
    ),
    (Kind::NotAReport, "Eva <eva@example.net>", "", "", ""),
    // Reports without a single field of a report.
    (
        Kind::Bounce,
        "postmaster@example.net",
        "Undeliverable: Minutes",
        "",
        "Your message did not reach some or all of the intended recipients.\n\ntom@example.net\n550 5.1.1 unknown",
    ),
    (
        Kind::Bounce,
        "Mail Delivery System <MAILER-DAEMON@example.net>",
        "Unzustellbar: Protokoll",
        "",
        "Ihre Nachricht konnte nicht zugestellt werden:\n\n<tom@example.net>\n550 Benutzer unbekannt",
    ),
    (
        Kind::Bounce,
        "MAILER-DAEMON@example.net",
        "failure notice",
        "Auto-Submitted: auto-replied",
        "Sorry, the following message could not be delivered.\n\n<tom@example.net>: 550 no such user",
    ),
    (
        Kind::Delay,
        "Mail Delivery Subsystem <MAILER-DAEMON@example.net>",
        "Warning: could not send message for past 4 hours",
        "",
        "THIS IS A WARNING MESSAGE ONLY.\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nThe following addresses had transient non-fatal errors:\n<tom@example.net>\n\nWill keep trying until message is 5 days old",
    ),
];

#[test]
fn sorts_of_mail_are_told_apart() {
    let mut wrong = Vec::new();
    for (kind, from, subject, further, words) in MAILS {
        let further: String = further.split("; ").filter(|it| !it.is_empty()).map(|it| format!("{it}\n")).collect();
        let mail = format!("From: {from}\nTo: ann@shop.example\nSubject: {subject}\n{further}\n{words}\n");
        let found = read(mail.as_bytes());
        if found.kind != *kind {
            wrong.push(format!("{kind} is read as {}: {subject} ({})", found.kind, found.format));
        }
        let told = matches!(kind, Kind::Bounce | Kind::Delay);
        if told && found.recipients.iter().map(|one| one.recipient.as_str()).ne(["tom@example.net"]) {
            wrong.push(format!("{subject}: {:?}", found.recipients));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
