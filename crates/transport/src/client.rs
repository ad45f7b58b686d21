//! The driver of a client session: it reads, writes and waits, and knows nothing of mail.

use crate::tls::TlsFacts;
use crate::tls::client::{ClientTls, Trust};
use crate::{Stream, trouble};
use bytes::{Buf, Bytes};
use postrider_smtp::TroubleKind;
use postrider_smtp::client::{Client, Ended, Flight, Sent, Step, Transaction};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Replies are short: this holds those of a flight of a hundred recipients.
const READ_BYTES: usize = 4096;
/// Slices per system call; a message has three, one with dots to double a few more.
const SLICES_MAX: usize = 16;

/// What a driver needs to put TLS on a connection.
#[derive(Debug, Clone)]
pub struct TlsPlan {
    /// The client side of TLS.
    pub tls: Arc<ClientTls>,
    /// The host's name, for SNI and the certificate.
    pub host: Arc<str>,
    /// Which certificates will do.
    pub trust: Trust,
}

/// Why [`Session::run`] came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The session takes a transaction.
    Ready,
    /// A transaction came to its end.
    Sent(Sent),
    /// The session is over.
    Closed(Ended),
}

/// A client session on its stream.
pub struct Session {
    client: Client,
    /// `None` while TLS begins, and when it could not.
    stream: Option<Stream>,
    plan: TlsPlan,
    tls: Option<TlsFacts>,
    buffer: Box<[u8; READ_BYTES]>,
}

impl Session {
    /// A session on a fresh connection; `tls` when it is under TLS from its first octet.
    pub fn new(client: Client, stream: Stream, plan: TlsPlan, tls: Option<TlsFacts>) -> Self {
        let mut session = Self { client, stream: Some(stream), plan, tls, buffer: Box::new([0; READ_BYTES]) };
        session.note_tls();
        session
    }

    /// The machine.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// What TLS was agreed on.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// Hands in a transaction, for [`Session::run`] to carry out.
    pub fn send(&mut self, transaction: Arc<Transaction>) {
        self.client.send(transaction);
    }

    /// Drives the session until something happens. `before_end` is called right before the
    /// octets that end a message are handed to the socket.
    pub async fn run(&mut self, before_end: &(dyn Fn() + Send + Sync)) -> Happened {
        loop {
            match self.client.step(Instant::now().into_std()) {
                Step::NeedInput => self.read().await,
                Step::Write(flight) => {
                    if flight.ends_message {
                        before_end();
                    }
                    self.write(flight).await;
                }
                Step::StartTls => self.start_tls().await,
                Step::Ready => return Happened::Ready,
                Step::Sent(sent) => return Happened::Sent(sent),
                // Nothing is asked here but transactions.
                Step::Answered(_) => {}
                Step::Closed(ended) => {
                    self.stream = None;
                    return Happened::Closed(ended);
                }
            }
        }
    }

    /// Hears what came while the session was idle, without waiting: a host that said goodbye
    /// is known before a message is tried on it.
    pub fn hear_idle(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let Some(stream) = &mut self.stream else { return };
        let mut room = ReadBuf::new(&mut self.buffer[..]);
        if let Poll::Ready(read) = Pin::new(stream).poll_read(&mut context, &mut room) {
            let read = read.map(|()| room.filled().len());
            self.came(read);
        }
    }

    /// Says QUIT and waits for the answer, not long.
    pub async fn quit(mut self) {
        self.client.quit();
        while let Happened::Ready | Happened::Sent(_) = self.run(&|| {}).await {}
    }

    async fn read(&mut self) {
        let Some(stream) = &mut self.stream else { return self.closed() };
        let mut room = ReadBuf::new(&mut self.buffer[..]);
        let read = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut room));
        let read = match self.client.deadline() {
            Some(deadline) => match tokio::time::timeout_at(Instant::from_std(deadline), read).await {
                Ok(read) => read,
                // The machine finds out by itself: the next step comes after its deadline.
                Err(_) => return,
            },
            None => read.await,
        };
        let read = read.map(|()| room.filled().len());
        self.came(read);
    }

    /// What a read gave.
    fn came(&mut self, read: io::Result<usize>) {
        match read {
            Ok(0) => self.closed(),
            Ok(count) => self.client.input(&self.buffer[..count]),
            Err(error) => self.broke(&error),
        }
    }

    async fn write(&mut self, flight: Flight) {
        let limit = self.client.write_timeout();
        let mut rest = flight.chunks;
        rest.reverse();
        while !rest.is_empty() {
            match tokio::time::timeout(limit, self.write_some(&rest)).await {
                Ok(Wrote::Some(count)) => advance(&mut rest, count),
                Ok(Wrote::CutShort) => return,
                Ok(Wrote::Failed(error)) => return self.write_failed(&error),
                Err(_) => return self.stalled(limit),
            }
        }
        // All of it is in the stream's hands, so it may arrive, whatever becomes of the flush.
        self.client.written();
        let Some(stream) = &mut self.stream else { return };
        let flush = poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx));
        match tokio::time::timeout(limit, flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.write_failed(&error),
            Err(_) => self.stalled(limit),
        }
    }

    /// Writes what the socket takes. Meanwhile it reads, too: a host whose replies are not
    /// read may stop reading what we write (RFC 2920 §3.1).
    async fn write_some(&mut self, rest: &[Bytes]) -> Wrote {
        let Self { client, stream, buffer, .. } = self;
        let Some(stream) = stream else { return Wrote::Failed(io::ErrorKind::NotConnected.into()) };
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        for (slice, chunk) in slices.iter_mut().zip(rest.iter().rev()) {
            *slice = IoSlice::new(chunk);
        }
        let slices = &slices[..rest.len().min(SLICES_MAX)];
        let mut deaf = false;
        poll_fn(|cx| {
            if let Poll::Ready(wrote) = Pin::new(&mut *stream).poll_write_vectored(cx, slices) {
                return Poll::Ready(match wrote {
                    Ok(0) => Wrote::Failed(io::ErrorKind::WriteZero.into()),
                    Ok(count) => Wrote::Some(count),
                    Err(error) => Wrote::Failed(error),
                });
            }
            while !deaf {
                let mut room = ReadBuf::new(&mut buffer[..]);
                match Pin::new(&mut *stream).poll_read(cx, &mut room) {
                    Poll::Pending => break,
                    // The end of what the host has to say does not keep us from writing.
                    Poll::Ready(Ok(())) if room.filled().is_empty() => deaf = true,
                    Poll::Ready(Ok(())) => client.input(room.filled()),
                    Poll::Ready(Err(error)) => return Poll::Ready(Wrote::Failed(error)),
                }
                if client.is_cut_short() {
                    return Poll::Ready(Wrote::CutShort);
                }
            }
            Poll::Pending
        })
        .await
    }

    async fn start_tls(&mut self) {
        let Some(Stream::Plain(socket)) = self.stream.take() else { return self.closed() };
        let TlsPlan { tls, host, trust } = &self.plan;
        match tls.begin(socket, host, *trust, self.client.handshake_timeout()).await {
            Ok((stream, facts)) => {
                self.stream = Some(stream);
                self.tls = Some(facts);
                self.note_tls();
                self.client.tls_started();
            }
            Err(trouble) => {
                self.client.note(&trouble.detail);
                self.client.lost(trouble.kind, trouble.errno, trouble.detail);
            }
        }
    }

    fn note_tls(&mut self) {
        if let Some(facts) = &self.tls {
            self.client.note(&facts.to_string());
        }
    }

    fn closed(&mut self) {
        self.client.lost(TroubleKind::ConnectionLost, None, "the host closed the connection");
    }

    /// A host may refuse, close, and never read: its parting words are worth more than the error.
    fn write_failed(&mut self, error: &io::Error) {
        self.hear_idle();
        self.broke(error);
    }

    fn broke(&mut self, error: &io::Error) {
        let kind = trouble::kind_of(error, TroubleKind::ConnectionLost);
        self.client.lost(kind, error.raw_os_error(), error.to_string());
    }

    fn stalled(&mut self, limit: Duration) {
        let detail = format!("the host takes no more octets since {} s", limit.as_secs());
        self.client.lost(TroubleKind::Timeout, None, detail);
    }
}

/// What came of a write.
enum Wrote {
    Some(usize),
    /// The host has answered already: the rest is not to be written.
    CutShort,
    Failed(io::Error),
}

/// Takes written octets off; the next chunk is the last of the list.
fn advance(rest: &mut Vec<Bytes>, mut count: usize) {
    while let Some(chunk) = rest.last_mut() {
        if count < chunk.len() {
            chunk.advance(count);
            return;
        }
        count -= chunk.len();
        rest.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_octets_are_taken_off_whole_and_in_part() {
        for count in 0..=6 {
            let mut rest: Vec<Bytes> = ["ef", "cd", "ab"].map(|text| Bytes::from_static(text.as_bytes())).into();
            advance(&mut rest, count);
            rest.reverse();
            assert_eq!(rest.concat(), &b"abcdef"[count..]);
        }
    }
}
