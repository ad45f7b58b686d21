//! The relay's side of the control socket.

use crate::control::answers;
use crate::control::protocol::{Answer, Handing, Request};
use crate::control::server::Desk;
use bytes::Bytes;
use postrider_relay::{Accept, Client, Received, Relay};
use postrider_smtp::{Address, Envelope, Recipient, Reply, ReplyCode};
use postrider_spool::Origin;
use std::path::PathBuf;

/// Answers for a running relay.
pub(crate) struct RelayDesk {
    /// The relay.
    pub(crate) relay: Relay,
    /// Where its events are.
    pub(crate) events: PathBuf,
    /// The largest message taken.
    pub(crate) message_bytes_max: u64,
}

impl Desk for RelayDesk {
    fn message_bytes_max(&self) -> u64 {
        self.message_bytes_max
    }

    async fn answer(&self, request: Request, message: Bytes) -> Answer {
        self.carry_out(request, message).await.unwrap_or_else(|answer| answer)
    }
}

impl RelayDesk {
    async fn carry_out(&self, request: Request, message: Bytes) -> Result<Answer, Answer> {
        let relay = &self.relay;
        Ok(match request {
            Request::Destinations => {
                let rows = relay.destinations(answers::DESTINATIONS_MAX).await;
                let count = relay.count().await;
                answers::destinations(count.and_then(|count| Ok((count, rows?))))
            }
            Request::List(page) => answers::list(relay.look(answers::page_query(&page)?).await),
            Request::Show { message } => self.show(&message).await?,
            Request::Operate { part, surgery } => {
                let query = answers::query(&part)?;
                answers::operated(relay.operate(query, answers::surgery(surgery), "control socket").await)
            }
            Request::Send(handing) => self.accept(&handing, message).await,
        })
    }

    async fn show(&self, message: &str) -> Result<Answer, Answer> {
        let id = answers::message_id(message)?;
        let events = self.events.clone();
        // The files of a busy relay are large; no worker of the runtime waits for them.
        let told = tokio::task::spawn_blocking(move || postrider_events::history(&events, id)).await;
        let told = told.ok().and_then(Result::ok).unwrap_or_default();
        let kept = match self.relay.kept(id).await {
            Ok(kept) => self.relay.look(answers::rows_of(id)).await.map(|page| (kept, page)),
            Err(error) => Err(error),
        };
        Ok(answers::show(id, kept, told))
    }

    async fn accept(&self, handing: &Handing, message: Bytes) -> Answer {
        let envelope = match envelope(handing) {
            Ok(envelope) => envelope,
            Err(reply) => return refused(&reply),
        };
        if let Some(reply) = self.relay.refuses_now() {
            return refused(&reply);
        }
        let client =
            Client { peer: None, hello: String::new(), protocol: "local", tls: None, user: Some(handing.user.clone()) };
        match self.relay.accept(Received { origin: Origin::Submission, client, envelope, message }).await {
            Ok(id) => Answer::Accepted { message: id.to_string() },
            Err(reply) => refused(&reply),
        }
    }
}

fn refused(reply: &Reply) -> Answer {
    Answer::Refused { reply: reply.to_string(), transient: reply.code().is_transient() }
}

fn envelope(handing: &Handing) -> Result<Envelope, Reply> {
    let address = |text: &String| {
        Address::parse(text)
            .map_err(|error| Reply::new(ReplyCode::BAD_MAILBOX_NAME_553, format!("5.1.3 {text}: {error}")))
    };
    let sender = handing.sender.as_ref().map(address).transpose()?;
    let recipients: Vec<_> =
        handing.recipients.iter().map(|text| address(text).map(Recipient::new)).collect::<Result<_, _>>()?;
    if recipients.is_empty() {
        return Err(Reply::new(ReplyCode::FAILED_554, "5.5.1 no recipients"));
    }
    // Whether any of it needs SMTPUTF8 is for the relay to see.
    Ok(Envelope { sender, recipients, smtputf8: true, ..Envelope::default() })
}
