//! Drives the receiving side of a session over a socket.
//!
//! Dull by intent: read, `input`, `step`, write, ask the [`Host`], wait for the deadline. Nothing
//! about mail is decided here. Idle sessions hold no read buffer: octets are read into one that
//! belongs to the thread, and copied once, into the message or the command line they are of.

use crate::tls::server::{ServerTls, facts};
use crate::{Stream, TlsFacts};
use postrider_smtp::server::{Answer, Question, Refused, Server, Step};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Who answers a session's questions.
pub trait Host: Send {
    /// Decides. The client waits meanwhile.
    fn answer(&mut self, question: Question) -> impl Future<Output = Answer> + Send;

    /// Something was refused, by the session or by an answer.
    fn refused(&mut self, refused: &Refused) {
        let _ = refused;
    }

    /// The session is under TLS now.
    fn secured(&mut self, facts: &TlsFacts) {
        let _ = facts;
    }
}

/// Whether sessions are to go on; sent to all of them by a [`watch`] channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Going {
    /// Business as usual.
    #[default]
    On,
    /// Each ends when its transaction does.
    Out,
    /// Each ends now.
    Down,
}

/// How a session ended.
#[derive(Debug)]
pub enum Ended {
    /// As the protocol has it: QUIT, or a last reply of ours.
    Closed,
    /// The client went away without QUIT. Between transactions that is a habit, not an error.
    Vanished,
    /// The client spoke in clear where TLS was due, or said nothing there; it was told in clear.
    SpokeClear,
    /// The handshake failed; the TLS library's words.
    TlsFailed(String),
    /// The client did not take our replies in time.
    WriteTimedOut,
    /// The connection broke.
    Broken(io::Error),
}

/// How long a session may keep us waiting where no protocol state says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For a reply to be taken.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(30), write: Duration::from_secs(60) }
    }
}

/// Serves one connection to its end. A [`Server`] that is under TLS from the start gets its
/// handshake first; one that offers STARTTLS must be given `tls`.
pub async fn serve<H: Host>(
    socket: TcpStream,
    server: Server,
    tls: Option<&ServerTls>,
    patience: Patience,
    going: watch::Receiver<Going>,
    host: &mut H,
) -> Ended {
    // Replies are short and whole: nothing is gained by waiting for more (RFC 896).
    if let Err(error) = socket.set_nodelay(true) {
        return Ended::Broken(error);
    }
    let mut going = going;
    let already = *going.borrow_and_update();
    let mut session = Session { stream: None, server, tls, patience, going, host, troubled: false };
    session.heed(already);
    let begun = if session.server.is_tls() { session.handshake(socket).await } else { session.clear(socket) };
    let ended = match begun {
        Ok(()) => session.run().await,
        Err(ended) => return ended,
    };
    session.close().await;
    ended
}

struct Session<'a, H> {
    /// `None` only between STARTTLS and the end of the handshake.
    stream: Option<Stream>,
    server: Server,
    tls: Option<&'a ServerTls>,
    patience: Patience,
    going: watch::Receiver<Going>,
    host: &'a mut H,
    /// Something was refused: octets of the client may be under way while we close.
    troubled: bool,
}

impl<H: Host> Session<'_, H> {
    fn clear(&mut self, socket: TcpStream) -> Result<(), Ended> {
        self.stream = Some(Stream::Plain(socket));
        Ok(())
    }

    async fn run(&mut self) -> Ended {
        let mut timer = pin!(sleep_until(Instant::now() + FAR));
        loop {
            match self.server.step(Instant::now().into_std()) {
                Step::NeedInput => {
                    // The timer is only wound when it would ring too late; when it rings too early
                    // the session says so, and it is wound again. Most reads leave it alone.
                    if let Some(deadline) = self.server.deadline().map(Instant::from_std)
                        && (timer.is_elapsed() || timer.deadline() > deadline)
                    {
                        timer.as_mut().reset(deadline);
                    }
                    match self.read(timer.as_mut()).await {
                        Ok(Some(0)) => return Ended::Vanished,
                        Ok(_) => {}
                        Err(error) => return Ended::Broken(error),
                    }
                }
                Step::Write(bytes) => {
                    if let Err(ended) = self.write(&bytes).await {
                        return ended;
                    }
                }
                Step::Ask(question) => {
                    let answer = self.host.answer(question).await;
                    self.server.answer(answer);
                }
                Step::Refused(refused) => {
                    self.troubled = true;
                    self.host.refused(&refused);
                }
                Step::StartTls => {
                    let Some(Stream::Plain(socket)) = self.stream.take() else { return Ended::Closed };
                    if let Err(ended) = self.handshake(socket).await {
                        return ended;
                    }
                    self.server.tls_begun();
                }
                Step::Closed => return Ended::Closed,
            }
        }
    }

    /// Reads once: how much came, or `None` when the timer rang or the word to stop came.
    async fn read(&mut self, timer: Pin<&mut tokio::time::Sleep>) -> io::Result<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Ok(Some(0)) };
        let server = &mut self.server;
        tokio::select! {
            biased;
            count = poll_fn(|cx| read_into(stream, server, cx)) => count.map(Some),
            () = timer => Ok(None),
            Some(going) = next(&mut self.going) => {
                self.heed(going);
                Ok(None)
            }
        }
    }

    fn heed(&mut self, going: Going) {
        match going {
            Going::On => {}
            Going::Out => self.server.stop(false),
            Going::Down => self.server.stop(true),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let Some(stream) = &mut self.stream else { return Err(Ended::Closed) };
        let written = timeout(self.patience.write, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ended::Broken(error)),
            Err(_) => Err(Ended::WriteTimedOut),
        }
    }

    async fn handshake(&mut self, socket: TcpStream) -> Result<(), Ended> {
        let Some(tls) = self.tls else { return Err(Ended::TlsFailed("no certificate is set up".into())) };
        let deadline = Instant::now() + self.patience.handshake;
        let mut first = [0u8; 1];
        match tokio::time::timeout_at(deadline, socket.peek(&mut first)).await {
            Ok(Ok(0)) => return Err(Ended::Vanished),
            // A TLS record begins with its type, 22 for a handshake (RFC 8446 §5.1).
            Ok(Ok(_)) if first[0] == 22 => {}
            Ok(Err(error)) => return Err(Ended::Broken(error)),
            // A client that speaks clear SMTP waits for our greeting, so silence means the same.
            Ok(Ok(_)) | Err(_) => {
                self.stream = Some(Stream::Plain(socket));
                let told = self.write(SPOKE_CLEAR).await;
                self.troubled = true;
                self.close().await;
                return Err(told.err().unwrap_or(Ended::SpokeClear));
            }
        }
        match tokio::time::timeout_at(deadline, tls.acceptor().accept(socket)).await {
            Ok(Ok(stream)) => {
                self.host.secured(&facts(stream.get_ref().1));
                self.stream = Some(Stream::Tls(Box::new(stream.into())));
                Ok(())
            }
            Ok(Err(error)) => Err(Ended::TlsFailed(error.to_string())),
            Err(_) => Err(Ended::TlsFailed("the handshake took too long".into())),
        }
    }

    /// Closes so that the last reply arrives: a socket closed on unread octets is reset, and a
    /// reset destroys what the client has not read yet.
    async fn close(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        let closing = async {
            let _ = stream.shutdown().await;
            let mut left = LINGER_BYTES_MAX;
            let mut scrap = [0u8; 1024];
            while self.troubled && left > 0 {
                match stream.read(&mut scrap).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => left = left.saturating_sub(count),
                }
            }
        };
        let _ = timeout(LINGER, closing).await;
    }
}

/// The next word on whether to go on; `None` at once when nobody is left to send one.
async fn next(going: &mut watch::Receiver<Going>) -> Option<Going> {
    going.changed().await.ok()?;
    Some(*going.borrow_and_update())
}

/// Reads what there is into the thread's buffer and hands it to the session.
fn read_into(stream: &mut Stream, server: &mut Server, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    thread_local! {
        static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        server.input(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}

/// Octets of one read, at most. Large, as messages are; it is one buffer a thread, not a session.
const READ_BYTES: usize = 64 * 1024;
/// How long, and for how many octets, a closed session is listened to.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1024 * 1024;
/// Beyond any deadline of a session.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);
const SPOKE_CLEAR: &[u8] = b"554 5.5.1 TLS is spoken here from the first octet: connect with TLS, \
or use the port for STARTTLS (587)\r\n";
