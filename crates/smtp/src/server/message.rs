//! DATA and BDAT: the message itself.

use super::body::{Body, Fault, Fed, Rules};
use super::question::Says;
use super::transaction::Draft;
use super::{Asked, BareLineEnds, Message, Peer, Progress, Question, Reason, Server, State};
use crate::command::Chunk;
use crate::{Address, BodyType, Envelope, Reply, ReplyCode};
use bytes::Bytes;
use memchr::memmem;

/// A message by DATA, and whether its end was seen.
#[derive(Debug)]
pub(super) struct Dotted {
    body: Body,
    /// [`Fed::All`] while more is to come.
    fed: Fed,
}

/// A message by BDAT, within a chunk.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    left: u64,
    chunk: Chunk,
    given_up: bool,
}

impl Server {
    pub(super) fn data(&mut self, chunk: Option<Chunk>) -> Progress {
        let State::Transaction(peer, draft) = self.take_state() else { return Progress::Made };
        // RFC 3030 §3: a binary message has no dot that could end it.
        if chunk.is_none() && draft.envelope.body == BodyType::BinaryMime {
            self.state = State::Transaction(peer, draft);
            let text = "5.5.1 BODY=BINARYMIME comes by BDAT";
            self.refuse(Reason::Sequence, ReplyCode::BAD_SEQUENCE_503, text);
            return Progress::Made;
        }
        self.state = State::Asked(Asked::Data { peer, draft, chunk });
        Progress::Ask(Question::Data)
    }

    pub(super) fn data_answered(&mut self, peer: Peer, draft: Draft, chunk: Option<Chunk>, says: Says) {
        let usual = if chunk.is_none() { "354 end with a dot on a line of its own" } else { "" };
        if !self.say_answer(says, usual) {
            self.state = State::Ready(peer);
            if let Some(chunk) = chunk {
                self.skip_chunk(chunk);
            }
            return;
        }
        self.body_deadline = None;
        let body = Body::new(self.rules(&draft, chunk.is_none()), draft.size.max(chunk.map_or(0, |c| c.size)));
        self.state = match chunk {
            None => State::Body(peer, draft, Dotted { body, fed: Fed::All }),
            Some(chunk) => State::Chunk(peer, draft, Counted { body, left: chunk.size, chunk, given_up: false }),
        };
    }

    fn rules(&self, draft: &Draft, dotted: bool) -> Rules {
        let normalise = match self.settings.bare_line_ends {
            BareLineEnds::Refuse => false,
            BareLineEnds::NormaliseForOwn => self.facts.own_client || self.user.is_some(),
            BareLineEnds::Normalise => true,
        };
        Rules {
            dotted,
            binary: draft.envelope.body == BodyType::BinaryMime,
            normalise,
            bytes_max: self.settings.limits.message_bytes_max,
            drain_bytes_max: self.settings.limits.drain_bytes_max,
        }
    }

    pub(super) fn bdat(&mut self, chunk: Chunk) -> Progress {
        if !self.settings.extensions.chunking {
            self.refuse(Reason::NotOffered, ReplyCode::NOT_IMPLEMENTED_502, "5.5.1 BDAT is not offered here");
            self.skip_chunk(chunk);
            return Progress::Made;
        }
        match self.take_state() {
            State::Chunks(peer, draft, body) => {
                self.state = State::Chunk(peer, draft, Counted { body, left: chunk.size, chunk, given_up: false });
                Progress::Made
            }
            state => {
                self.state = state;
                self.data(Some(chunk))
            }
        }
    }

    /// RFC 3030 §2: the octets of a refused chunk come all the same, and are not commands.
    pub(super) fn skip_chunk(&mut self, chunk: Chunk) {
        let limits = &self.settings.limits;
        if chunk.size > limits.message_bytes_max.saturating_add(limits.drain_bytes_max) {
            self.state = State::Closing;
        }
        self.input.skip(chunk.size);
    }

    /// Gives octets to the message that is coming in, if one is; gives how many it took.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        match &mut self.state {
            State::Body(_, _, dotted) if dotted.fed == Fed::All && !bytes.is_empty() => {
                self.stirred = true;
                dotted.fed = dotted.body.feed(bytes);
                if let Fed::Ended(taken) = dotted.fed { taken } else { bytes.len() }
            }
            State::Chunk(_, _, counted) if counted.left > 0 && !bytes.is_empty() => {
                self.stirred = true;
                let taken = usize::try_from(counted.left).unwrap_or(usize::MAX).min(bytes.len());
                counted.left -= taken as u64;
                counted.given_up |= counted.body.feed(&bytes[..taken]) == Fed::GivenUp;
                taken
            }
            _ => 0,
        }
    }

    pub(super) fn advance_body(&mut self) -> Progress {
        let input = std::mem::take(&mut self.input);
        let taken = self.feed(input.unused());
        self.input = input;
        self.input.consume(taken);
        match self.take_state() {
            State::Body(peer, draft, dotted) => self.advance_dotted(peer, draft, dotted),
            State::Chunk(peer, draft, counted) => self.advance_chunk(peer, draft, counted),
            state => {
                self.state = state;
                Progress::Made
            }
        }
    }

    fn advance_dotted(&mut self, peer: Peer, draft: Draft, dotted: Dotted) -> Progress {
        match dotted.fed {
            Fed::All => {
                self.state = State::Body(peer, draft, dotted);
                Progress::Hungry
            }
            Fed::Ended(_) => self.whole(peer, draft, dotted.body),
            Fed::Smuggled => {
                let text = "5.5.2 a dot between line ends that are not CRLF: that is how mail is smuggled";
                self.refuse_and_close(Reason::Smuggling, ReplyCode::FAILED_554, text);
                Progress::Made
            }
            Fed::GivenUp => self.give_up(),
        }
    }

    fn advance_chunk(&mut self, peer: Peer, draft: Draft, counted: Counted) -> Progress {
        if counted.given_up {
            return self.give_up();
        }
        if counted.left > 0 {
            self.state = State::Chunk(peer, draft, counted);
            return Progress::Hungry;
        }
        if counted.chunk.last {
            return self.whole(peer, draft, counted.body);
        }
        if counted.body.is_too_big() {
            // RFC 3030 §2: the transaction is over, further chunks are skipped with 503.
            self.state = State::Ready(peer);
            let reply = self.too_big();
            self.refuse_reply(Reason::TooBig, reply);
            return Progress::Made;
        }
        self.say(&format!("250 2.0.0 {} octets taken", counted.chunk.size));
        self.state = State::Chunks(peer, draft, counted.body);
        Progress::Made
    }

    fn give_up(&mut self) -> Progress {
        let reply = self.too_big();
        self.say_reply(&reply);
        self.refused = Some(super::Refused { reason: Reason::TooBig, reply });
        self.state = State::Closing;
        Progress::Made
    }

    /// The message is here: asks whether to take it.
    fn whole(&mut self, peer: Peer, draft: Draft, body: Body) -> Progress {
        let content = match body.finish() {
            Ok(content) => Bytes::from(content),
            Err(fault) => {
                self.state = State::Ready(peer);
                let (reason, reply) = self.fault(fault);
                self.refuse_reply(reason, reply);
                return Progress::Made;
            }
        };
        let mut envelope = draft.envelope;
        envelope.smtputf8 = needs_smtputf8(&envelope, draft.smtputf8, &content);
        let message = Message {
            protocol: protocol(peer.extended, self.facts.tls, self.user.is_some(), envelope.smtputf8),
            envelope,
            content,
            hello: peer.name.clone(),
            user: self.user.clone(),
        };
        self.state = State::Asked(Asked::Message { peer });
        Progress::Ask(Question::Message(Box::new(message)))
    }

    fn fault(&self, fault: Fault) -> (Reason, Reply) {
        match fault {
            Fault::TooBig => (Reason::TooBig, self.too_big()),
            Fault::Nul => {
                let text = "5.6.0 the message contains a NUL octet";
                (Reason::BadOctets, Reply::new(ReplyCode::FAILED_554, text))
            }
            Fault::BareLineEnd => {
                let text = "5.6.0 the message has a line end that is not CRLF (RFC 5321 section 2.3.8)";
                (Reason::BareLineEnd, Reply::new(ReplyCode::FAILED_554, text))
            }
        }
    }

    pub(super) fn message_answered(&mut self, peer: Peer, says: Says) {
        self.state = State::Ready(peer);
        if self.say_answer(says, "250 2.0.0 ok, taken") {
            self.counts.idle_commands = 0;
        }
    }
}

/// SMTPUTF8 is what addresses and header fields need, not what the client says: some libraries
/// say it of every message. Raw 8-bit header fields without it are passed on as they are.
fn needs_smtputf8(envelope: &Envelope, asked: bool, content: &[u8]) -> bool {
    let addresses = envelope.sender.iter().chain(envelope.recipients.iter().map(|recipient| &recipient.address));
    asked && (addresses.into_iter().any(Address::needs_smtputf8) || !head(content).is_ascii())
}

fn head(content: &[u8]) -> &[u8] {
    memmem::find(content, b"\r\n\r\n").map_or(content, |end| &content[..end])
}

/// The `with` word of the Received field (RFC 3848, RFC 6531 §4.3).
fn protocol(extended: bool, tls: bool, user: bool, smtputf8: bool) -> &'static str {
    match (smtputf8, extended, tls, user) {
        (true, _, false, false) => "UTF8SMTP",
        (true, _, true, false) => "UTF8SMTPS",
        (true, _, false, true) => "UTF8SMTPA",
        (true, _, true, true) => "UTF8SMTPSA",
        (false, false, false, false) => "SMTP",
        // RFC 3848 has no words for HELO under TLS or with AUTH: those of EHLO are nearest.
        (false, true, false, false) => "ESMTP",
        (false, _, true, false) => "ESMTPS",
        (false, _, false, true) => "ESMTPA",
        (false, _, true, true) => "ESMTPSA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipient;

    #[test]
    fn smtputf8_is_recomputed() {
        let envelope = |to: &str| Envelope {
            recipients: vec![Recipient::new(Address::parse(to).unwrap())],
            ..Envelope::default()
        };
        let table = [
            ("a@b.example", true, "Subject: x\r\n\r\nü\r\n", false),
            ("a@b.example", true, "Subject: ü\r\n\r\nx\r\n", true),
            ("a@b.example", false, "Subject: ü\r\n\r\nx\r\n", false),
            ("ü@b.example", true, "\r\nx\r\n", true),
            ("a@ü.example", true, "Subject: x\r\n\r\n", false),
        ];
        for (to, asked, content, want) in table {
            assert_eq!(needs_smtputf8(&envelope(to), asked, content.as_bytes()), want, "{to} {content:?}");
        }
    }
}
