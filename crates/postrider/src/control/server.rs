//! The answering side of the control socket.

use super::protocol::{Answer, REQUEST_BYTES_MAX, Request};
use bytes::Bytes;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Requests at one time; the next ones wait at the door.
const REQUESTS_MAX: usize = 16;
/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Who answers.
pub(crate) trait Desk: Send + Sync + 'static {
    /// The largest message taken, in octets.
    fn message_bytes_max(&self) -> u64;
    /// Carries a request out; the message is empty but for [`Request::Send`].
    fn answer(&self, request: Request, message: Bytes) -> impl Future<Output = Answer> + Send;
}

/// The socket, bound; its file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket. One left behind by a dead relay is replaced, one that answers is not.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another relay is running on this data folder"));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(self, desk: Arc<impl Desk>) {
        let seats = Arc::new(Semaphore::new(REQUESTS_MAX));
        loop {
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let desk = Arc::clone(&desk);
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &*desk).await {
                            tracing::debug!(%error, "control connection broke");
                        }
                        drop(seat);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket: cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, desk: &impl Desk) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (request, message) = tokio::time::timeout(REQUEST_TIMEOUT, read(&mut stream, desk.message_bytes_max()))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let answer = match request {
        Ok(request) => desk.answer(request, message).await,
        Err(message) => Answer::Trouble { message, missing: false },
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
}

/// A request, or why it is none; and the message behind it.
async fn read(
    stream: &mut BufReader<UnixStream>,
    message_bytes_max: u64,
) -> io::Result<(Result<Request, String>, Bytes)> {
    let mut line = Vec::new();
    let mut head = (&mut *stream).take(REQUEST_BYTES_MAX as u64);
    head.read_until(b'\n', &mut line).await?;
    let request = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => request,
        Err(error) => return Ok((Err(format!("this is not a request: {error}")), Bytes::new())),
    };
    let Request::Send(handing) = &request else { return Ok((Ok(request), Bytes::new())) };
    if handing.octets > message_bytes_max {
        let message = format!("the message is larger than {message_bytes_max} octets (limits.message_size)");
        return Ok((Err(message), Bytes::new()));
    }
    let mut message = vec![0; usize::try_from(handing.octets).unwrap_or(usize::MAX)];
    stream.read_exact(&mut message).await?;
    Ok((Ok(request), message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::client::{AskError, ask};
    use crate::control::protocol::{Handing, Operation, Part};

    /// Answers with what it was asked, so that the wire is all that is tested.
    struct Echo;

    impl Desk for Echo {
        fn message_bytes_max(&self) -> u64 {
            100
        }

        async fn answer(&self, request: Request, message: Bytes) -> Answer {
            Answer::Accepted { message: format!("{request:?} {message:?}") }
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("postrider-control-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    async fn asked(socket: &Path, request: Request, message: &'static [u8]) -> Result<Answer, AskError> {
        let socket = socket.to_owned();
        tokio::task::spawn_blocking(move || ask(&socket, &request, message)).await.unwrap()
    }

    #[tokio::test]
    async fn requests_and_messages_arrive_as_they_were_sent() {
        let folder = folder("round");
        let socket = folder.join("control.sock");
        let serving = tokio::spawn(Control::bind(&socket).unwrap().serve(Arc::new(Echo)));
        let operate = Request::Operate {
            part: Part { destination: Some("example.com".into()), ..Part::default() },
            surgery: Operation::Hold,
        };
        let handing = Handing { sender: None, recipients: vec!["a@b.example".into()], user: "me".into(), octets: 4 };
        for (request, message) in
            [(Request::Destinations, &b""[..]), (operate, b""), (Request::Send(handing.clone()), b"A: b")]
        {
            let want = Answer::Accepted { message: format!("{request:?} {:?}", Bytes::from_static(message)) };
            assert_eq!(asked(&socket, request, message).await.unwrap(), want);
        }
        let large = Request::Send(Handing { octets: 101, ..handing });
        let answer = asked(&socket, large, b"").await.unwrap();
        assert!(
            matches!(&answer, Answer::Trouble { message, .. } if message.contains("limits.message_size")),
            "{answer:?}"
        );
        serving.abort();
        let _ = serving.await;
        assert!(!socket.exists(), "the socket's file goes with the relay");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_dead_relays_socket_is_replaced_and_a_living_ones_is_not() {
        let folder = folder("stale");
        let socket = folder.join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(matches!(asked(&socket, Request::Destinations, b"").await, Err(AskError::NotRunning)));
        let living = Control::bind(&socket).unwrap();
        assert_eq!(Control::bind(&socket).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
        drop(living);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
