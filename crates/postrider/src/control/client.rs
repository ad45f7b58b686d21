//! The asking side of the control socket: blocking, as verbs have nothing else to do.

use super::protocol::{Answer, Request};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take: a drop of a million recipients does.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest answer, in octets: a message with twenty transcripts, or [`super::protocol::ROWS_MAX`] rows.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Why the relay was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// No relay runs on this data folder.
    #[error("no relay is running there")]
    NotRunning,
    /// There is a relay, and this user may not talk to it.
    #[error("you may not talk to the running relay: be its user, in its group, or root")]
    NotAllowed,
    /// The connection broke.
    #[error("the relay did not answer: {0}")]
    Broken(#[from] io::Error),
    /// The answer makes no sense: another version answers.
    #[error("the relay's answer cannot be understood; is it of another version? {0}")]
    Foreign(#[from] serde_json::Error),
}

/// Asks the relay behind the socket.
pub(crate) fn ask(socket: &Path, request: &Request, message: &[u8]) -> Result<Answer, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
            AskError::NotRunning
        }
        io::ErrorKind::PermissionDenied => AskError::NotAllowed,
        _ => AskError::Broken(error),
    })?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.write_all(message)?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(AskError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(serde_json::from_str(&answer)?)
}
