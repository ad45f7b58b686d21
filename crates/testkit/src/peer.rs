//! A mail host that plays scripts, on a real socket.
//!
//! ```text
//! S: 220 mx.example           the host says this
//! C: MAIL FROM:<a@x.example>  the client must say this
//! C: RCPT TO:*                … or something that begins so
//! MESSAGE                     a message up to the lone dot is read
//! RAW 2000 x                  so many of these letters are sent, without a line end
//! RESET                       the connection is reset
//! OCTETS 22                   so many octets are read
//! TLS                         the handshake, with a certificate nobody trusts
//! CLOSE                       the connection is closed
//! HANG                        nothing more is said or read, until the client goes
//! LOOP                        what follows is played again and again
//! ```
//!
//! Each connection plays the next script; the last one is for all that follow. A client that
//! does not keep to the script is written down (`!! …`) and the connection closed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes its end, when it comes, a reset.
    fn reset(&self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn reset(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Wire for TlsStream<Box<dyn Wire>> {
    fn reset(&self) -> io::Result<()> {
        self.get_ref().0.reset()
    }
}

/// A host; it stops when it is dropped.
pub struct Peer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<String>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    /// Listens at a free port of that address, or at that port, and plays scripts.
    ///
    /// # Panics
    /// When the address cannot be had.
    #[expect(clippy::expect_used, reason = "a test without its peer is no test")]
    pub async fn start(ip: &str, port: u16, scripts: &[&str]) -> Self {
        let ip: IpAddr = ip.parse().expect("an IP address");
        let listener = TcpListener::bind(SocketAddr::new(ip, port)).await.expect("a port to listen at");
        let address = listener.local_addr().expect("the port that was given");
        let seen: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let task = tokio::spawn(listen(listener, scripts, seen.clone()));
        Self { address, seen, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients said, a list of lines per connection; messages with their lines.
    pub fn seen(&self) -> Vec<Vec<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it as one list.
    pub fn lines(&self) -> Vec<String> {
        self.seen().concat()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, scripts: Vec<String>, seen: Arc<Mutex<Vec<Vec<String>>>>) {
    let mut sessions = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let number = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(Vec::new());
            seen.len() - 1
        };
        let script = scripts.get(number).or(scripts.last()).cloned().unwrap_or_default();
        let note = Note { seen: seen.clone(), number };
        sessions.spawn(async move {
            if let Err(error) = play(&script, socket, &note).await {
                note.line(format!("!! {error}"));
            }
        });
    }
}

struct Note {
    seen: Arc<Mutex<Vec<Vec<String>>>>,
    number: usize,
}

impl Note {
    fn line(&self, line: String) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)[self.number].push(line);
    }
}

async fn play(script: &str, socket: TcpStream, note: &Note) -> io::Result<()> {
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut wire: BufReader<Box<dyn Wire>> = BufReader::new(Box::new(socket));
    let mut again = None;
    let mut at = 0;
    loop {
        let Some(line) = lines.get(at).copied() else {
            match again {
                Some(start) if start < at => at = start,
                _ => return Ok(()),
            }
            continue;
        };
        at += 1;
        match line.split_once(' ').unwrap_or((line, "")) {
            ("S:", said) => wire.write_all(format!("{said}\r\n").as_bytes()).await?,
            ("C:", wanted) => hear(&mut wire, wanted, note).await?,
            ("MESSAGE", _) => while hear_line(&mut wire, note).await? != "." {},
            ("OCTETS", count) => {
                let mut octets = vec![0; count.parse().map_err(io::Error::other)?];
                wire.read_exact(&mut octets).await?;
                note.line(String::from_utf8_lossy(&octets).into_owned());
            }
            ("TLS", _) => {
                let under = acceptor()?.accept(wire.into_inner()).await?;
                wire = BufReader::new(Box::new(under));
            }
            ("RAW", what) => {
                let (count, text) = what.split_once(' ').unwrap_or((what, "x"));
                let count = count.parse().map_err(io::Error::other)?;
                wire.write_all(text.repeat(count).as_bytes()).await?;
            }
            ("RESET", _) => return wire.get_ref().reset(),
            ("CLOSE", _) => return Ok(()),
            ("HANG", _) => {
                wire.flush().await?;
                let mut rest = Vec::new();
                wire.read_to_end(&mut rest).await?;
                return Ok(());
            }
            ("LOOP", _) => again = Some(at),
            (word, _) => return Err(io::Error::other(format!("not a word of a script: {word}"))),
        }
    }
}

async fn hear(wire: &mut BufReader<Box<dyn Wire>>, wanted: &str, note: &Note) -> io::Result<()> {
    let line = hear_line(wire, note).await?;
    let fits = match wanted.strip_suffix('*') {
        Some(begin) => line.starts_with(begin),
        None => line == wanted,
    };
    if fits { Ok(()) } else { Err(io::Error::other(format!("want {wanted:?}, got {line:?}"))) }
}

async fn hear_line(wire: &mut BufReader<Box<dyn Wire>>, note: &Note) -> io::Result<String> {
    let mut line = String::new();
    wire.flush().await?;
    if wire.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    note.line(line.clone());
    Ok(line)
}

fn acceptor() -> io::Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(vec!["mx.example".to_owned()]).map_err(io::Error::other)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(io::Error::other)?;
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
