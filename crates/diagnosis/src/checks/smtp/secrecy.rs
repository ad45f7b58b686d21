//! Is the way to the host encrypted: smtp.starttls, smtp.strip, tls.vers.

use super::demand::{self, Demand};
use super::view::{octets, place, told};
use super::{AddressFacts, HostFacts, View};
use crate::finding::{Finding, Impact, Say};
use crate::session::{BRIEF, OldTls};
use postrider_smtp::client::Ended;
use postrider_smtp::{Phase, Reply, TroubleKind};

pub(super) fn judge(view: &View<'_>, say: &mut Say) {
    let working = view.working();
    if working.is_empty() {
        for id in ["smtp.starttls", "smtp.strip", "tls.vers"] {
            say.untested(id, "no mail host takes commands");
        }
    }
    for (host, address) in working {
        starttls(view, host, address, say);
        versions(view, host, address, say);
    }
}

fn starttls(view: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let main = &address.main;
    let name = &host.name;
    let demand = demand::of(view, name);
    if let Some(seen) = &main.tls {
        say.fine("smtp.starttls", format!("{name}: {} {}", seen.version, seen.cipher));
        match demand {
            Demand::Nothing => say.not_applicable("smtp.strip", "nothing demands TLS of the hosts"),
            by => say.fine("smtp.strip", format!("{name} offers TLS, as {} demands", by.by())),
        }
        return;
    }
    let Some(fault) = fault(view, host, address) else {
        say.untested("smtp.starttls", format!("{name}: the session ended before it"));
        say.untested("smtp.strip", format!("{name}: the session ended before it"));
        return;
    };
    if demand == Demand::Nothing {
        say.not_applicable("smtp.strip", "nothing demands TLS of the hosts");
        say.found(fault);
        return;
    }
    say.found(
        Finding::problem("smtp.strip", name.clone(), format!("{name} does not do TLS, which {} demands", demand.by()))
            .impact(Impact::None, if other_host_has_tls(view, host) { Impact::AtRisk } else { Impact::Broken })
            .meaning("Senders that heed it do not deliver to this host. Either the host lost its TLS, or somebody on the way takes STARTTLS out.")
            .seen("smtp", place(host, address), fault.evidence.first().map(|seen| seen.text.clone()).unwrap_or_default())
            .fix(match demand {
                Demand::DaneKey => format!("Switch STARTTLS on at {name}; until then, take its TLSA records out."),
                _ => format!("Switch STARTTLS on at {name}; until then, set the policy to mode: testing and give it a new id."),
            }),
    );
    say.found(fault.because_of("smtp.strip", name));
}

fn other_host_has_tls(view: &View<'_>, host: &HostFacts) -> bool {
    view.working().iter().any(|(other, address)| other.name != host.name && address.main.tls.is_some())
}

/// Why there is no TLS; `None` when it was not got that far.
fn fault(view: &View<'_>, host: &HostFacts, address: &AddressFacts) -> Option<Finding> {
    let main = &address.main;
    let name = &host.name;
    let peer = main.peer_in_clear()?;
    let warning =
        |title: String| Finding::warning("smtp.starttls", name.clone(), title).impact(Impact::None, Impact::None);
    if !peer.starttls {
        return Some(not_offered(
            host,
            address,
            warning(format!("{name} does not offer STARTTLS: mail to it is not encrypted")),
        ));
    }
    match (&main.opening.starttls, &main.tls_trouble) {
        (Some(reply), _) if !reply.code().is_positive() => Some(refused(view, host, address, reply)),
        (Some(_), Some(trouble)) => {
            let (why, fix) = failure(address, &trouble.detail);
            let finding = warning(format!("{name} offers STARTTLS, and {why}"))
                .impact(Impact::None, if in_clear_works(address) { Impact::None } else { Impact::AtRisk })
                .meaning("Many senders then try again without encryption; some wait, and give the mail back.")
                .seen("tls", place(host, address), trouble.detail.clone())
                .fix(fix);
            Some(if is_old_only(address) { finding.because_of("tls.vers", name) } else { finding })
        }
        _ => match &main.ended {
            Some(Ended::Broken(trouble))
                if trouble.kind == TroubleKind::Timeout && main.gave_up.is_some_and(|waited| waited < BRIEF) =>
            {
                None
            }
            Some(Ended::Broken(trouble)) if trouble.phase == Phase::StartTls => Some(
                warning(format!("{name} offers STARTTLS, and {}", broken(trouble.kind)))
                    .impact(Impact::None, Impact::AtRisk)
                    .seen("smtp", place(host, address), trouble.detail.clone())
                    .fix("Look at the server's log and at any filter in front of it: behind \"220\" to STARTTLS only TLS may follow."),
            ),
            _ => None,
        },
    }
}

fn not_offered(host: &HostFacts, address: &AddressFacts, finding: Finding) -> Finding {
    let reply = address.main.opening.in_clear.as_ref().map(told).unwrap_or_default();
    let finding = finding
        .meaning(
            "Senders deliver all the same, in clear: anybody on the way can read it. Some providers mark such mail.",
        )
        .seen("smtp", place(host, address), reply)
        .fix("Give the server a certificate and switch STARTTLS on (Postfix: smtpd_tls_security_level = may).");
    // What overwrites extensions, or knows only HELO, has taken this one as well.
    finding.because_of("smtp.ehlo", &host.name)
}

fn refused(view: &View<'_>, host: &HostFacts, address: &AddressFacts, reply: &Reply) -> Finding {
    let name = &host.name;
    let verdict = view.verdict(address, Phase::StartTls, reply);
    Finding::warning("smtp.starttls", name.clone(), format!("{name} offers STARTTLS and refuses it with {}", reply.code()))
        .impact(Impact::None, Impact::None)
        .meaning(verdict.summary)
        .meaning("Mail goes in clear where the sender allows that.")
        .seen("smtp", place(host, address), told(reply))
        .fix("The server cannot use its certificate or key: see its log for why (file missing, not readable, key does not fit).")
}

fn broken(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::ProtocolViolation => "goes on in clear behind \"go ahead\"",
        TroubleKind::Timeout => "never answers it",
        _ => "closes the connection over it",
    }
}

/// What a failed handshake is, in words, and what to do.
fn failure(address: &AddressFacts, detail: &str) -> (String, String) {
    let detail = detail.to_ascii_lowercase();
    let log =
        "See the server's log for the TLS error; try `openssl s_client -starttls smtp -connect HOST:25`.".to_owned();
    if let Some(OldTls::Taken { version, .. }) = address.old.as_ref().and_then(|old| old.old) {
        let fix = "Update the server's TLS library, and allow TLS 1.2 and 1.3.".to_owned();
        return (format!("does no better than {version}, which senders no longer speak"), fix);
    }
    if detail.contains("no end of the tls handshake") {
        ("the handshake hangs".into(), log)
    } else if detail.contains("closed the connection") || detail.contains("eof") || detail.contains("reset") {
        ("closes the connection in the handshake".into(), log)
    } else if detail.contains("corrupt message") || detail.contains("invalidcontenttype") || detail.contains("in clear")
    {
        ("sends what is no TLS in place of the handshake".into(), log)
    } else {
        ("the handshake fails".into(), log)
    }
}

fn in_clear_works(address: &AddressFacts) -> bool {
    address.clear.as_ref().is_some_and(|clear| clear.answer("mail").is_some_and(|reply| reply.code().is_positive()))
}

fn is_old_only(address: &AddressFacts) -> bool {
    address.main.tls.is_none() && matches!(address.old.as_ref().and_then(|old| old.old), Some(OldTls::Taken { .. }))
}

fn versions(_: &View<'_>, host: &HostFacts, address: &AddressFacts, say: &mut Say) {
    let name = &host.name;
    let Some(old) = &address.old else {
        let offered = address.main.opening.starttls.is_some();
        if let (Some(seen), false) = (&address.main.tls, offered) {
            return say.fine("tls.vers", format!("{name}: {}", seen.version));
        }
        match (offered, address.limit()) {
            (_, Some(_)) => say.untested("tls.vers", format!("{name}: rate limited")),
            (true, None) => say.untested("tls.vers", format!("{name}: no time was left")),
            (false, None) => say.not_applicable("tls.vers", format!("{name} does no TLS")),
        }
        return;
    };
    match (old.old, &address.main.tls) {
        (Some(OldTls::Taken { version, cipher }), None) => say.found(
            Finding::warning("tls.vers", name.clone(), format!("{name} does no better than {version}"))
                .meaning(
                    "Senders of today speak TLS 1.2 and 1.3 only (RFC 8996): they deliver in clear, or not at all.",
                )
                .seen("tls", place(host, address), format!("{version}, cipher suite 0x{cipher:04x}"))
                .fix("Update the server's TLS library, and allow TLS 1.2 and 1.3."),
        ),
        (Some(OldTls::Taken { version, cipher }), Some(seen)) => say.found(
            Finding::note(
                "tls.vers",
                name.clone(),
                format!("{name} still takes {version} from those who have no better"),
            )
            .impact(Impact::None, Impact::None)
            .meaning(format!(
                "It speaks {} with everybody else. For mail, old encryption is better than none.",
                seen.version
            ))
            .seen("tls", place(host, address), format!("{version}, cipher suite 0x{cipher:04x}"))
            .fix("Switch it off when your log shows that nobody needs it (Postfix: smtpd_tls_protocols = >=TLSv1.2)."),
        ),
        (Some(OldTls::Refused(_) | OldTls::Nothing), Some(seen)) => {
            say.fine("tls.vers", format!("{name}: {}, nothing older than 1.2", seen.version));
        }
        (Some(_), None) => say.untested("tls.vers", format!("{name}: no TLS of any version came about")),
        (None, _) => say.untested("tls.vers", format!("{name}: {}", octets(super::view::last_words(old).as_bytes()))),
    }
}
