//! A probe as JSON: postrider.probe/1.

use super::end::End;
use crate::exit::{Exit, Failure};
use postrider_diagnosis::moment;
use postrider_diagnosis::session::{By, SessionFacts};
use postrider_reply::{Context, Decoder};
use postrider_smtp::{Outcome, Phase};
use serde_json::{Value, json};

/// The object, with its line end.
pub(super) fn text(target: &str, facts: Option<&SessionFacts>, end: &End) -> Result<String, Failure> {
    let mut object = json!({
        "schema": "postrider.probe/1",
        "target": target,
        "outcome": end.word(),
        "why": end.why,
        "warnings": end.warnings,
    });
    if let (Some(facts), Some(fields)) = (facts, object.as_object_mut()) {
        fields.insert("host".into(), json!(facts.host));
        fields.insert("address".into(), json!(facts.to.to_string()));
        fields.insert("steps".into(), steps(facts));
        fields.insert("session".into(), lines(facts));
        fields.insert("offers".into(), offers(facts));
        fields.insert("replies".into(), replies(facts));
        if let Some(seen) = &facts.tls {
            fields.insert("tls".into(), json!({ "version": seen.version, "cipher": seen.cipher }));
        }
        if let Some(certificate) = &end.certificate {
            let faults: Vec<&String> =
                end.warnings.iter().filter(|warning| warning.starts_with("the certificate")).collect();
            fields.insert(
                "certificate".into(),
                json!({
                    "names": certificate.names,
                    "issuer": certificate.issuer,
                    "not_before": moment(certificate.not_before),
                    "not_after": moment(certificate.not_after),
                    "key": format!("{} {}", certificate.key.kind, certificate.key.bits),
                    "verified": faults.is_empty(),
                }),
            );
        }
    }
    serde_json::to_string_pretty(&object)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new(Exit::System, format!("cannot be written as JSON: {error}")))
}

fn ms(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn steps(facts: &SessionFacts) -> Value {
    facts.steps.iter().map(|step| json!({ "step": step.step, "ms": ms(step.took) })).collect()
}

fn lines(facts: &SessionFacts) -> Value {
    let by = |by: By| match by {
        By::Us => "client",
        By::Host => "host",
        By::Note => "note",
    };
    facts
        .lines
        .iter()
        .map(|line| json!({ "ms": ms(line.at), "by": by(line.by), "encrypted": line.encrypted, "text": line.text }))
        .collect()
}

fn offers(facts: &SessionFacts) -> Value {
    let reply = facts.opening.under_tls.as_ref().or(facts.opening.in_clear.as_ref());
    reply.map(|reply| reply.lines().skip(1).map(|line| json!(line)).collect()).unwrap_or_default()
}

fn replies(facts: &SessionFacts) -> Value {
    let decoder = std::cell::LazyCell::new(Decoder::new);
    let one = |asked: &postrider_diagnosis::session::Asked| {
        let reply = asked.reply.as_ref()?;
        let mut object = json!({ "command": asked.line, "reply": reply.to_string(), "ms": ms(asked.took) });
        if !reply.code().is_positive() {
            let phase = if asked.name == "rcpt" { Phase::Rcpt } else { Phase::Mail };
            let outcome = Outcome::Replied { phase, reply: reply.clone() };
            let verdict = decoder.decode(&outcome, &Context { host: &facts.host, ..Context::default() });
            object["verdict"] = serde_json::to_value(verdict).unwrap_or_default();
        }
        Some(object)
    };
    facts.asked.iter().filter_map(one).collect()
}
