//! One connection, live, recorded or replayed.

use super::tape::{Cable, Event};
use postrider_smtp::{Phase, Trouble, TroubleKind};
use postrider_transport::Stream;
use postrider_transport::tls::client::{ClientTls, Trust};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// What a TLS handshake showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSeen {
    /// The version, as in `TLSv1.3`.
    pub version: String,
    /// The cipher suite, by its IANA name.
    pub cipher: String,
    /// The certificates as DER, the host's own first.
    #[serde(with = "chain")]
    pub chain: Vec<Vec<u8>>,
}

impl TlsSeen {
    /// The chain as the TLS library has it.
    pub fn certificates(&self) -> Vec<CertificateDer<'_>> {
        self.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect()
    }
}

/// Certificates in a case file: base64.
mod chain {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(chain: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(chain.iter().map(|der| STANDARD.encode(der)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).collect()
    }
}

#[derive(Debug)]
enum Side {
    Live(Box<Stream>),
    Script(VecDeque<(Duration, Event)>),
    /// TLS was tried and failed: there is nothing left to talk on.
    Gone,
}

/// A connection: octets both ways, TLS when asked for, and the time of what happened last.
#[derive(Debug)]
pub struct Wire {
    side: Side,
    began: Instant,
    last: Duration,
    tape: Option<Cable>,
    secret: bool,
    waiting: bool,
}

impl Wire {
    pub(super) fn live(stream: Stream, began: Instant) -> Self {
        let side = Side::Live(Box::new(stream));
        Self { side, began, last: since(began), tape: None, secret: false, waiting: false }
    }

    pub(super) fn taped(mut self, mut cable: Cable) -> Self {
        cable.note(self.last, Event::Connected);
        self.tape = Some(cable);
        self
    }

    pub(super) fn script(events: VecDeque<(Duration, Event)>, connected: Duration) -> Self {
        Self {
            side: Side::Script(events),
            began: Instant::now(),
            last: connected,
            tape: None,
            secret: false,
            waiting: false,
        }
    }

    /// When the last thing happened, since the connection was begun; as recorded in a replay.
    pub fn elapsed(&self) -> Duration {
        self.last
    }

    /// From here on what is sent is a secret (or no longer): it is not recorded.
    pub fn secret(&mut self, secret: bool) {
        self.secret = secret;
    }

    /// The octets that come next, at most 16 KiB; empty when the peer closed the connection.
    /// [`io::ErrorKind::TimedOut`] when nothing came within the limit.
    pub async fn hear(&mut self, limit: Duration) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 16 * 1024];
        match tokio::time::timeout(limit, self.read(&mut buffer)).await {
            Ok(read) => {
                buffer.truncate(read?);
                Ok(buffer)
            }
            Err(_) => {
                self.gave_up_waiting();
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// Sends all of it.
    pub async fn say(&mut self, octets: &[u8], limit: Duration) -> io::Result<()> {
        match tokio::time::timeout(limit, async {
            self.write_all(octets).await?;
            self.flush().await
        })
        .await
        {
            Ok(written) => {
                self.acknowledge_at_once();
                written
            }
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// A TLS 1.3 host sends its tickets behind the handshake; until they are acknowledged, its
    /// side may hold its reply back (Nagle), and our kernel would take 40 ms to acknowledge
    /// them. Times are to be the host's, so it is told not to wait; where it cannot, they are longer.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Side::Live(stream) = &self.side {
            let _ = stream.socket().set_quickack(true);
        }
    }

    /// Puts TLS on the connection; any certificate is taken, and kept for the judge.
    pub async fn start_tls(&mut self, tls: &ClientTls, host: &str, limit: Duration) -> Result<TlsSeen, Trouble> {
        let seen = match std::mem::replace(&mut self.side, Side::Gone) {
            Side::Live(stream) => self.handshake(*stream, tls, host, limit).await,
            Side::Script(mut events) => {
                while matches!(events.front(), Some((_, Event::Said(_) | Event::Connected))) {
                    events.pop_front();
                }
                let next = events.pop_front();
                self.side = Side::Script(events);
                match next {
                    Some((at, Event::Tls(seen))) => {
                        self.last = at;
                        return Ok(seen);
                    }
                    Some((at, Event::TlsFailed(trouble))) => {
                        self.last = at;
                        return Err(trouble.trouble());
                    }
                    other => Err(off_script(other.as_ref())),
                }
            }
            Side::Gone => Err(failed("the connection is gone")),
        };
        let (at, event) = match &seen {
            Ok(seen) => (self.last, Event::Tls(seen.clone())),
            Err(trouble) => (self.last, Event::TlsFailed(trouble.into())),
        };
        if let Some(tape) = &mut self.tape {
            tape.note(at, event);
        }
        seen
    }

    async fn handshake(
        &mut self,
        stream: Stream,
        tls: &ClientTls,
        host: &str,
        limit: Duration,
    ) -> Result<TlsSeen, Trouble> {
        let Stream::Plain(socket) = stream else { return Err(failed("the connection is already under TLS")) };
        let begun = tls.begin(socket, host, Trust::Any, limit).await;
        self.last = since(self.began);
        let (stream, facts) = begun?;
        let chain = stream.certificates().iter().map(|der| der.as_ref().to_vec()).collect();
        self.side = Side::Live(Box::new(stream));
        Ok(TlsSeen { version: facts.version.to_owned(), cipher: facts.cipher, chain })
    }

    /// Tells the tape that a wait was given up, so that a replay gives up at the same place.
    fn gave_up_waiting(&mut self) {
        self.last = since(self.began);
        self.waiting = false;
        if let Some(tape) = &mut self.tape {
            tape.note(self.last, Event::Silent);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // A read that was never answered was given up by somebody outside.
        if self.waiting {
            self.gave_up_waiting();
        }
    }
}

/// How long ago that was, as exact as a recording is.
fn since(began: Instant) -> Duration {
    Duration::from_micros(super::tape::us(began.elapsed()))
}

fn failed(detail: &str) -> Trouble {
    Trouble { phase: Phase::StartTls, kind: TroubleKind::TlsFailed, errno: None, detail: detail.to_owned() }
}

fn off_script(event: Option<&(Duration, Event)>) -> Trouble {
    let what = event.map_or("the end of the recording", |(_, event)| event.name());
    failed(&format!("the recording has {what} where TLS began"))
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match &mut this.side {
            Side::Live(stream) => {
                let before = buf.filled().len();
                let polled = Pin::new(stream.as_mut()).poll_read(cx, buf);
                this.waiting = polled.is_pending();
                if let Poll::Ready(read) = &polled {
                    this.last = since(this.began);
                    let event = match read {
                        Ok(()) if buf.filled().len() == before => Event::Closed,
                        Ok(()) => Event::heard(&buf.filled()[before..]),
                        Err(error) => Event::broke(error),
                    };
                    if let Some(tape) = &mut this.tape {
                        tape.note(this.last, event);
                    }
                }
                polled
            }
            Side::Script(events) => Poll::Ready(play(events, &mut this.last, buf)),
            Side::Gone => Poll::Ready(Ok(())),
        }
    }
}

/// Reads the next event of a recording that a reader would notice.
fn play(events: &mut VecDeque<(Duration, Event)>, last: &mut Duration, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    while let Some((at, event)) = events.pop_front() {
        *last = at;
        match event {
            Event::Heard(octets) => {
                let now = octets.0.len().min(buf.remaining());
                buf.put_slice(&octets.0[..now]);
                if now < octets.0.len() {
                    events.push_front((at, Event::heard(&octets.0[now..])));
                }
                return Ok(());
            }
            Event::Silent => return Err(io::ErrorKind::TimedOut.into()),
            Event::Broke(fault) => return Err(fault.error()),
            Event::Closed => return Ok(()),
            Event::Connected | Event::Said(_) => {}
            // TLS is begun by whoever speaks, never by a read: what follows is not for this reader.
            tls @ (Event::Tls(_) | Event::TlsFailed(_)) => {
                events.push_front((at, tls));
                return Ok(());
            }
        }
    }
    Ok(())
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match &mut this.side {
            Side::Live(stream) => {
                let polled = Pin::new(stream.as_mut()).poll_write(cx, octets);
                if let (Poll::Ready(Ok(length)), Some(tape)) = (&polled, &mut this.tape) {
                    let shown = if this.secret { b"(not recorded)".as_slice() } else { &octets[..*length] };
                    tape.note(since(this.began), Event::said(shown));
                }
                polled
            }
            // What was said is told by the recording; nobody hears it again.
            Side::Script(_) => Poll::Ready(Ok(octets.len())),
            Side::Gone => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.side {
            Side::Live(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Side::Script(_) | Side::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.side {
            Side::Live(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Side::Script(_) | Side::Gone => Poll::Ready(Ok(())),
        }
    }
}
