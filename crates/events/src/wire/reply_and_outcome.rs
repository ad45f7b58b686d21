//! Replies and outcomes as JSON objects.

use postrider_smtp::{Outcome, Phase, Reply, ReplyCode, Trouble, TroubleKind};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// `{"code":"550","enhanced":"5.1.1","text":"5.1.1 no such user"}`; lines are joined by `\n`.
pub(crate) mod reply {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(reply: &Reply, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Reply", 3)?;
        reply_fields(reply, &mut object)?;
        object.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Reply, D::Error> {
        ReplyWire::deserialize(from)?.read()
    }
}

/// `kind` is `replied`, `unreached` or `in-doubt`; `phase` is always there; then a reply's
/// fields, or `trouble`, `errno` and `detail`.
pub(crate) mod outcome {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Outcome", 5)?;
        match outcome {
            Outcome::Replied { phase, reply } => {
                object.serialize_field("kind", "replied")?;
                object.serialize_field("phase", phase.name())?;
                reply_fields(reply, &mut object)?;
            }
            Outcome::Unreached(trouble) => trouble_fields("unreached", trouble, &mut object)?,
            Outcome::InDoubt(trouble) => trouble_fields("in-doubt", trouble, &mut object)?,
        }
        object.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Outcome, D::Error> {
        OutcomeWire::deserialize(from)?.read()
    }
}

fn reply_fields<O: SerializeStruct>(reply: &Reply, object: &mut O) -> Result<(), O::Error> {
    object.serialize_field("code", &Shown(reply.code()))?;
    object.serialize_field("enhanced", &reply.enhanced().map(Shown))?;
    object.serialize_field("text", &Shown(Lines(reply)))
}

fn trouble_fields<O: SerializeStruct>(kind: &str, trouble: &Trouble, object: &mut O) -> Result<(), O::Error> {
    object.serialize_field("kind", kind)?;
    object.serialize_field("phase", trouble.phase.name())?;
    object.serialize_field("trouble", trouble.kind.name())?;
    object.serialize_field("errno", &trouble.errno)?;
    object.serialize_field("detail", &trouble.detail)
}

struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

struct Lines<'a>(&'a Reply);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.lines().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct ReplyWire {
    code: String,
    text: String,
}

impl ReplyWire {
    fn read<E: de::Error>(self) -> Result<Reply, E> {
        let code = self.code.parse().ok().and_then(ReplyCode::new);
        let code = code.ok_or_else(|| E::custom(format_args!("not a reply code: {:?}", self.code)))?;
        Ok(Reply::new(code, self.text))
    }
}

#[derive(Deserialize)]
struct OutcomeWire {
    kind: String,
    phase: String,
    code: Option<String>,
    text: Option<String>,
    trouble: Option<String>,
    errno: Option<i32>,
    detail: Option<String>,
}

impl OutcomeWire {
    fn read<E: de::Error>(self) -> Result<Outcome, E> {
        let phase = Phase::from_name(&self.phase);
        let phase = phase.ok_or_else(|| E::custom(format_args!("not a phase: {:?}", self.phase)))?;
        if self.kind == "replied" {
            let code = self.code.ok_or_else(|| E::missing_field("code"))?;
            let reply = ReplyWire { code, text: self.text.unwrap_or_default() }.read()?;
            return Ok(Outcome::Replied { phase, reply });
        }
        let name = self.trouble.ok_or_else(|| E::missing_field("trouble"))?;
        let kind = TroubleKind::from_name(&name);
        let kind = kind.ok_or_else(|| E::custom(format_args!("not a kind of trouble: {name:?}")))?;
        let trouble = Trouble { phase, kind, errno: self.errno, detail: self.detail.unwrap_or_default() };
        match self.kind.as_str() {
            "unreached" => Ok(Outcome::Unreached(trouble)),
            "in-doubt" => Ok(Outcome::InDoubt(trouble)),
            other => Err(E::custom(format_args!("not a kind of outcome: {other:?}"))),
        }
    }
}
