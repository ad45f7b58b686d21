//! How envelopes, plans and outcomes are written into one column: compact, versioned, read back whole.
//!
//! A row of the spool is written and removed within milliseconds on the fast path, so what is not
//! searched for by SQL is packed into one blob. The first octet is the version of the packing.
//! Texts are a length of two octets and UTF-8, so that an admin's `strings` still finds an address.
//!
//! Not here: compression. Envelopes are short, and bodies are the sender's bytes.

use postrider_smtp::{Address, BodyType, Destination, DsnReturn, Envelope, Notify, Recipient};
use std::fmt::Display;
use std::io::Write as _;

/// The version of the packing that is written.
const VERSION: u8 = 1;
/// Texts longer than this are cut; addresses and DSN parameters are far shorter by their own limits.
const TEXT_BYTES_MAX: usize = 60_000;

/// The bytes are not what [`facts`] or [`plan`] wrote: the file was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

/// Packs who handed a message in, and its envelope.
pub(crate) fn facts(client: &str, envelope: &Envelope, out: &mut Vec<u8>) {
    out.push(VERSION);
    out.push(flags(envelope));
    text(client, out);
    match &envelope.sender {
        Some(sender) => text(sender, out),
        None => text("", out),
    }
    text(envelope.envid.as_deref().unwrap_or_default(), out);
    count(envelope.recipients.len(), out);
    for recipient in &envelope.recipients {
        text(&recipient.address, out);
        out.push(wishes(recipient));
        if let Some(orcpt) = &recipient.orcpt {
            text(orcpt, out);
        }
    }
}

/// Unpacks what [`facts`] packed: the client and the envelope.
pub(crate) fn read_facts(bytes: &[u8]) -> Result<(String, Envelope), Damaged> {
    let mut from = Reader(bytes);
    if from.octet()? != VERSION {
        return Err(Damaged);
    }
    let flags = from.octet()?;
    let client = from.text()?.to_owned();
    let sender = match from.text()? {
        "" => None,
        sender => Some(Address::parse(sender).map_err(|_| Damaged)?),
    };
    let envid = Some(from.text()?).filter(|envid| !envid.is_empty()).map(Into::into);
    let many = from.count()?;
    // A damaged count must not reserve memory: four octets are the least a recipient takes.
    let mut recipients = Vec::with_capacity(many.min(bytes.len() / 4));
    for _ in 0..many {
        recipients.push(read_recipient(&mut from)?);
    }
    let body = match flags & 3 {
        0 => BodyType::SevenBit,
        1 => BodyType::EightBitMime,
        2 => BodyType::BinaryMime,
        _ => return Err(Damaged),
    };
    let ret = match flags >> 2 & 3 {
        0 => None,
        1 => Some(DsnReturn::Full),
        2 => Some(DsnReturn::Headers),
        _ => return Err(Damaged),
    };
    let (smtputf8, require_tls) = (flags & 16 != 0, flags & 32 != 0);
    Ok((client, Envelope { sender, recipients, body, smtputf8, ret, envid, require_tls }))
}

/// Whether the envelope in `bytes` has this address as sender or as a recipient; letters match in either case.
/// Gives the sender's match, and the indices of the recipients that match.
pub(crate) fn find_address(envelope: &Envelope, address: &str) -> (bool, Vec<u32>) {
    let same = |candidate: &Address| candidate.to_string().eq_ignore_ascii_case(address);
    let sender = envelope.sender.as_ref().is_some_and(same);
    let found = (0..).zip(&envelope.recipients).filter(|(_, recipient)| same(&recipient.address));
    (sender, found.map(|(index, _)| index).collect())
}

fn flags(envelope: &Envelope) -> u8 {
    let body = match envelope.body {
        BodyType::SevenBit => 0,
        BodyType::EightBitMime => 1,
        BodyType::BinaryMime => 2,
    };
    let ret = match envelope.ret {
        None => 0,
        Some(DsnReturn::Full) => 1,
        Some(DsnReturn::Headers) => 2,
    };
    body | ret << 2 | u8::from(envelope.smtputf8) << 4 | u8::from(envelope.require_tls) << 5
}

fn wishes(recipient: &Recipient) -> u8 {
    let notify = recipient.notify.map_or(0, |notify| {
        1 | u8::from(notify.success) << 1 | u8::from(notify.failure) << 2 | u8::from(notify.delay) << 3
    });
    notify | u8::from(recipient.orcpt.is_some()) << 4
}

fn read_recipient(from: &mut Reader<'_>) -> Result<Recipient, Damaged> {
    let address = Address::parse(from.text()?).map_err(|_| Damaged)?;
    let wishes = from.octet()?;
    let notify = (wishes & 1 != 0).then_some(Notify {
        success: wishes & 2 != 0,
        failure: wishes & 4 != 0,
        delay: wishes & 8 != 0,
    });
    let orcpt = if wishes & 16 != 0 { Some(from.text()?.into()) } else { None };
    Ok(Recipient { address, notify, orcpt })
}

/// Packs where each recipient goes. The usual case, its own domain, is an empty text.
pub(crate) fn plan<'a>(of: impl Iterator<Item = (&'a Recipient, &'a Destination)>, out: &mut Vec<u8>) {
    out.push(VERSION);
    for (recipient, destination) in of {
        match destination {
            Destination::Domain(domain) if recipient.address.domain() == Some(domain) => text("", out),
            other => text(other, out),
        }
    }
}

/// Unpacks what [`plan`] packed for these recipients.
pub(crate) fn read_plan(bytes: &[u8], recipients: &[Recipient]) -> Result<Vec<Destination>, Damaged> {
    let mut from = Reader(bytes);
    if from.octet()? != VERSION {
        return Err(Damaged);
    }
    let destination = |recipient: &Recipient| match from.text()? {
        "" => Ok(Destination::of(&recipient.address)),
        text => text.parse().map_err(|_| Damaged),
    };
    recipients.iter().map(destination).collect()
}

/// Packs the outcomes of an attempt.
pub(crate) fn outcomes(outcomes: &[(u32, String)]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (recipient, words) in outcomes {
        out.extend_from_slice(&recipient.to_le_bytes());
        text(words, &mut out);
    }
    out
}

/// Unpacks what [`outcomes`] packed.
pub(crate) fn read_outcomes(bytes: &[u8]) -> Result<Vec<(u32, String)>, Damaged> {
    let mut from = Reader(bytes);
    if from.octet()? != VERSION {
        return Err(Damaged);
    }
    let mut found = Vec::new();
    while !from.0.is_empty() {
        let recipient = u32::from_le_bytes(from.take()?);
        found.push((recipient, from.text()?.to_owned()));
    }
    Ok(found)
}

/// Writes the text straight behind its length, which is filled in afterwards: no string in between.
fn text(words: impl Display, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{words}");
    let mut end = out.len();
    if end - start - 2 > TEXT_BYTES_MAX {
        end = start + 2 + TEXT_BYTES_MAX;
        while out[end] & 0xC0 == 0x80 {
            end -= 1;
        }
        out.truncate(end);
    }
    let length = u16::try_from(end - start - 2).unwrap_or(0);
    out[start..start + 2].copy_from_slice(&length.to_le_bytes());
}

fn count(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn octet(&mut self) -> Result<u8, Damaged> {
        Ok(self.take::<1>()?[0])
    }

    fn count(&mut self) -> Result<usize, Damaged> {
        usize::try_from(u32::from_le_bytes(self.take()?)).map_err(|_| Damaged)
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let (text, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(address: &str) -> Recipient {
        Recipient::new(Address::parse(address).unwrap())
    }

    fn full() -> Envelope {
        Envelope {
            sender: Some(Address::parse("\"odd name\"@x.example").unwrap()),
            recipients: vec![
                recipient("a@b.example"),
                Recipient { notify: Some(Notify::NEVER), ..recipient("ü@[192.0.2.1]") },
                Recipient {
                    notify: Some(Notify { success: true, ..Notify::default() }),
                    orcpt: Some("rfc822;c@d.example".into()),
                    ..recipient("c@[IPv6:2001:db8::1]")
                },
            ],
            body: BodyType::BinaryMime,
            smtputf8: true,
            ret: Some(DsnReturn::Headers),
            envid: Some("QQ314159".into()),
            require_tls: true,
        }
    }

    #[test]
    fn envelopes_are_read_back_as_written() {
        for envelope in [full(), Envelope::default()] {
            let mut out = Vec::new();
            facts("192.0.2.9", &envelope, &mut out);
            assert_eq!(read_facts(&out), Ok(("192.0.2.9".to_owned(), envelope)));
        }
    }

    #[test]
    fn plans_and_outcomes_are_read_back_as_written() {
        let envelope = full();
        let plan_of: Vec<Destination> =
            ["b.example", "route:smart", "[IPv6:2001:db8::1]"].iter().map(|d| d.parse().unwrap()).collect();
        let mut out = Vec::new();
        plan(envelope.recipients.iter().zip(&plan_of), &mut out);
        assert_eq!(read_plan(&out, &envelope.recipients), Ok(plan_of));
        let said = vec![(0, "rcpt: 250 ok".to_owned()), (7, String::new())];
        assert_eq!(read_outcomes(&outcomes(&said)), Ok(said));
    }

    #[test]
    fn every_cut_of_a_packed_envelope_is_damage_and_not_a_panic() {
        let mut out = Vec::new();
        facts("client", &full(), &mut out);
        for end in 0..out.len() {
            assert_eq!(read_facts(&out[..end]), Err(Damaged), "cut at {end}");
        }
        out[0] = VERSION + 1;
        assert_eq!(read_facts(&out), Err(Damaged), "a later packing");
    }

    #[test]
    fn an_endless_text_is_cut_between_characters() {
        let mut out = Vec::new();
        text("é".repeat(40_000), &mut out);
        assert_eq!(Reader(&out).text().map(str::len), Ok(TEXT_BYTES_MAX));
    }
}
