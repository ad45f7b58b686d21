//! A mail host on a real socket that answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the host is asked to answer.
pub enum Said<'a> {
    /// A client has connected.
    Connected,
    /// RCPT TO.
    Rcpt(&'a str),
    /// The final dot.
    Dot(&'a Mail),
}

/// What it does.
pub enum Says {
    Reply(String),
    /// Closes the connection without a word.
    Vanishes,
    /// Says nothing, and keeps the connection.
    Hangs,
}

/// A message up to its final dot.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

type Manners = Box<dyn FnMut(Said<'_>) -> Says + Send>;

/// Listens on loopback until it is dropped.
pub struct Host {
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    manners: Manners,
    taken: Vec<Mail>,
}

impl Host {
    /// A host that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner { manners: Box::new(|_| says("250 2.0.0 ok")), taken: Vec::new() }));
        let shared = inner.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let inner = shared.clone();
                tokio::spawn(async move { serve(socket, &inner).await });
            }
        });
        Self { address, task, inner }
    }

    /// From now on it answers so.
    pub fn answers(&self, manners: impl FnMut(Said<'_>) -> Says + Send + 'static) {
        self.inner().manners = Box::new(manners);
    }

    /// From now on these recipients are answered so, and everything else is taken.
    pub fn rcpt(&self, answers: &[(&'static str, &'static str)]) {
        let answers = answers.to_vec();
        self.answers(move |said| match said {
            Said::Rcpt(to) => says(answers.iter().find(|(who, _)| *who == to).map_or("250 2.1.5 ok", |(_, says)| says)),
            _ => says("250 2.0.0 ok"),
        });
    }

    /// From now on it greets so.
    pub fn greets(&self, greeting: &'static str) {
        self.answers(move |said| if let Said::Connected = said { says(greeting) } else { says("250 2.0.0 ok") });
    }

    /// Messages whose final dot it has seen and answered with 250, and those it vanished after.
    pub fn taken(&self) -> Vec<Mail> {
        self.inner().taken.clone()
    }

    /// How often it took a message for this recipient.
    pub fn taken_for(&self, to: &str) -> usize {
        self.taken().iter().filter(|mail| mail.to.iter().any(|it| it == to)).count()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn says(reply: &str) -> Says {
    Says::Reply(reply.to_owned())
}

async fn serve(socket: TcpStream, inner: &Mutex<Inner>) -> Option<()> {
    let mut wire = BufReader::new(socket);
    let greeting = ask(inner, Said::Connected).await?;
    let greeting = if greeting.starts_with("250") { "220 mx ready".to_owned() } else { greeting };
    say(&mut wire, &greeting).await?;
    let mut mail = Mail::default();
    loop {
        let line = hear(&mut wire).await?;
        let path = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(path, _)| path);
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => say(&mut wire, "250-mx\r\n250 PIPELINING").await?,
            "MAIL" => {
                mail = Mail { from: path.to_owned(), ..Mail::default() };
                say(&mut wire, "250 2.1.0 ok").await?;
            }
            "RCPT" => {
                let reply = ask(inner, Said::Rcpt(path)).await?;
                if reply.starts_with('2') {
                    mail.to.push(path.to_owned());
                }
                say(&mut wire, &reply).await?;
            }
            "DATA" if mail.to.is_empty() => say(&mut wire, "554 5.5.1 no valid recipients").await?,
            "DATA" => {
                say(&mut wire, "354 go on").await?;
                loop {
                    let line = hear(&mut wire).await?;
                    if line == "." {
                        break;
                    }
                    mail.text.push_str(&line);
                    mail.text.push('\n');
                }
                let answer = (inner.lock().unwrap().manners)(Said::Dot(&mail));
                // What it says nothing about it has taken all the same: the worst case for the relay.
                if !matches!(&answer, Says::Reply(reply) if !reply.starts_with('2')) {
                    inner.lock().unwrap().taken.push(std::mem::take(&mut mail));
                }
                let reply = words(answer).await?;
                say(&mut wire, &reply).await?;
            }
            "QUIT" => {
                say(&mut wire, "221 bye").await?;
                return None;
            }
            _ => say(&mut wire, "250 2.0.0 ok").await?,
        }
    }
}

async fn ask(inner: &Mutex<Inner>, said: Said<'_>) -> Option<String> {
    let answer = (inner.lock().unwrap().manners)(said);
    words(answer).await
}

async fn words(answer: Says) -> Option<String> {
    match answer {
        Says::Reply(reply) => Some(reply),
        Says::Vanishes => None,
        Says::Hangs => std::future::pending().await,
    }
}

async fn say(wire: &mut BufReader<TcpStream>, reply: &str) -> Option<()> {
    wire.write_all(format!("{reply}\r\n").as_bytes()).await.ok()
}

async fn hear(wire: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let count = wire.read_line(&mut line).await.ok()?;
    (count > 0).then(|| line.trim_end().to_owned())
}
