//! A question as octets, and whether octets answer it.

use super::{Ask, Silence};
use domain::base::iana::Class;
use domain::base::message_builder::AdditionalBuilder;
use domain::base::{Message, MessageBuilder, Name};
use std::str::FromStr;

/// The question as it goes out, with that id.
pub fn query(ask: &Ask, id: u16) -> Result<Vec<u8>, Silence> {
    let name = Name::<Vec<u8>>::from_str(if ask.name.is_empty() { "." } else { &ask.name })
        .map_err(|error| Silence::Local(format!("{} is not a name: {error}", ask.name)))?;
    let long = |_| Silence::Local("the question does not fit a message".into());
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(ask.recursion);
    let mut builder = builder.question();
    builder.push((&name, ask.kind, Class::IN)).map_err(long)?;
    let mut builder: AdditionalBuilder<Vec<u8>> = builder.additional();
    if let Some(bytes) = ask.edns {
        builder
            .opt(|opt| {
                opt.set_udp_payload_size(bytes);
                opt.set_dnssec_ok(true);
                Ok(())
            })
            .map_err(long)?;
    }
    Ok(builder.finish())
}

/// Whether that answers the question with that id; what is not ours is no answer at all.
pub(super) fn answers(ask: &Ask, id: u16, octets: &[u8]) -> Result<(), Silence> {
    let garbage = |what: &str| Err(Silence::Garbage(what.to_owned()));
    let Ok(message) = Message::from_slice(octets) else {
        return garbage("it is shorter than the head of a DNS message");
    };
    if message.header().id() != id || !message.header().qr() {
        return garbage("it is not the answer to this question");
    }
    // RFC 8906 §8.1: some servers leave the question out when they refuse.
    if message.header_counts().qdcount() == 0 && message.header().rcode().to_int() != 0 {
        return Ok(());
    }
    match message.first_question() {
        Some(question) if question.qtype() == ask.kind => {
            let asked = Name::<Vec<u8>>::from_str(&ask.name).ok();
            match asked {
                Some(asked) if question.qname() == &asked => Ok(()),
                _ => garbage("it answers another name"),
            }
        }
        _ => garbage("it answers another question"),
    }
}
