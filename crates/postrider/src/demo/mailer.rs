//! The application of the demo: hands its mails in by SMTP, over a few connections at a time.

use super::plan::Letter;
use postrider_smtp::client::{Client, Settings, StartTls, Transaction};
use postrider_smtp::{Address, Envelope, Host, Recipient};
use postrider_transport::Stream;
use postrider_transport::client::{Happened, Session, TlsPlan};
use postrider_transport::tls::client::{ClientTls, Trust};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections at a time, as an application with a small pool has.
const CONNECTIONS: usize = 8;

/// Hands all mails in. `Err` says why not all of them went.
pub(crate) async fn hand_in(letters: Arc<[Letter]>, relay: SocketAddr) -> Result<(), String> {
    let tls = Arc::new(ClientTls::new(None).map_err(|error| error.to_string())?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS.min(letters.len()) {
        let plan = TlsPlan { tls: Arc::clone(&tls), host: "localhost".into(), trust: Trust::Any };
        connections.spawn(connection(Arc::clone(&letters), Arc::clone(&next), relay, plan));
    }
    let mut trouble = Ok(());
    while let Some(ended) = connections.join_next().await {
        trouble = trouble.and(ended.map_err(|error| error.to_string()).and_then(|ended| ended));
    }
    trouble
}

/// Takes the next mail until there is none.
async fn connection(
    letters: Arc<[Letter]>,
    next: Arc<AtomicUsize>,
    relay: SocketAddr,
    plan: TlsPlan,
) -> Result<(), String> {
    let socket = TcpStream::connect(relay).await.map_err(|error| format!("connect to {relay}: {error}"))?;
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    let hello = Host::parse("shop.home.test").map_err(|error| error.to_string())?;
    let settings = Settings { hello, starttls: StartTls::Never, ..Settings::default() };
    let mut session = Session::new(Client::new(settings), Stream::Plain(socket), plan, None);
    while let Some(letter) = letters.get(next.fetch_add(1, Ordering::Relaxed)) {
        session.send(Arc::new(transaction(letter)?));
        loop {
            match session.run(&|| {}).await {
                Happened::Ready => {}
                Happened::Sent(sent) => match sent.outcomes.iter().find(|outcome| !outcome.is_delivered()) {
                    None => break,
                    Some(outcome) => return Err(format!("mail {} was not taken: {outcome}", letter.number)),
                },
                Happened::Closed(ended) => return Err(format!("the relay ended the session: {}", ended.outcome())),
            }
        }
    }
    session.quit().await;
    Ok(())
}

fn transaction(letter: &Letter) -> Result<Transaction, String> {
    let address = |text: &str| Address::parse(text).map_err(|error| format!("{text}: {error}"));
    let envelope = Envelope { sender: Some(address(&letter.from)?), ..Envelope::default() };
    let recipients = vec![Recipient::new(address(&letter.to)?)];
    Ok(Transaction { envelope, recipients, content: letter.content() })
}
