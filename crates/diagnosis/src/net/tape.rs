//! What was heard, kept: a case file.
//!
//! One JSON object a line: a [`Heading`], then [`Entry`]s in the order they happened. Octets are
//! text where they are UTF-8 and base64 where not, so that a person can read a session in it.

use super::{Answered, Ask, Dial, Silence, TlsSeen, Transport, Under, Wire, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_smtp::{Phase, Trouble, TroubleKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A recording is not kept beyond so many entries.
const ENTRIES_MAX: usize = 200_000;

/// The first line of a case file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// `postrider.case/1`.
    pub schema: String,
    /// What was looked at.
    pub target: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What the run was told.
    pub settings: serde_json::Value,
    /// How many entries follow, so that a file that was cut off is known for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entries: Option<usize>,
    /// The certificate authorities it was given, as PEM; else the system's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ca: Option<String>,
}

/// One thing that was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// A DNS question and its answer.
    Dns {
        /// Who was asked.
        server: SocketAddr,
        /// How.
        by: Transport,
        /// The name.
        name: String,
        /// The type's number.
        kind: u16,
        /// Whether recursion was asked for.
        recursion: bool,
        /// The datagram size offered.
        edns: Option<u16>,
        /// How long it took, in microseconds.
        us: u64,
        /// The message.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        message: Option<Octets>,
        /// Or why there is none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        silence: Option<Silence>,
    },
    /// A connection was tried.
    Connect {
        /// Its number in this file.
        wire: u32,
        /// Where to.
        to: SocketAddr,
        /// What for.
        purpose: String,
        /// How long it took, in microseconds.
        us: u64,
        /// What stood in the way.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        trouble: Option<TroubleSeen>,
    },
    /// Something happened on a connection.
    Wire {
        /// Its number.
        wire: u32,
        /// When, in microseconds since it was begun.
        us: u64,
        /// What.
        event: Event,
    },
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It stands.
    Connected,
    /// We sent that; secrets are left out.
    Said(Octets),
    /// The peer sent that.
    Heard(Octets),
    /// Nothing came for as long as we waited.
    Silent,
    /// The peer closed it.
    Closed,
    /// It broke.
    Broke(Fault),
    /// TLS began.
    Tls(TlsSeen),
    /// TLS failed.
    TlsFailed(TroubleSeen),
}

impl Event {
    pub(super) fn said(octets: &[u8]) -> Self {
        Self::Said(Octets(octets.to_vec()))
    }

    pub(super) fn heard(octets: &[u8]) -> Self {
        Self::Heard(Octets(octets.to_vec()))
    }

    pub(super) fn broke(error: &io::Error) -> Self {
        Self::Broke(Fault { errno: error.raw_os_error(), text: error.to_string() })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Connected => "a connection",
            Self::Said(_) => "something we said",
            Self::Heard(_) => "something the peer said",
            Self::Silent => "silence",
            Self::Closed => "the peer's end",
            Self::Broke(_) => "a broken connection",
            Self::Tls(_) | Self::TlsFailed(_) => "TLS",
        }
    }
}

/// An input/output error that can be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The operating system's number.
    pub errno: Option<i32>,
    /// Its words.
    pub text: String,
}

impl Fault {
    pub(super) fn error(&self) -> io::Error {
        self.errno.map_or_else(|| io::Error::other(self.text.clone()), io::Error::from_raw_os_error)
    }
}

/// A [`Trouble`] that can be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleSeen {
    /// Where in the session.
    pub phase: String,
    /// Its kind.
    pub kind: String,
    /// The operating system's number.
    pub errno: Option<i32>,
    /// In words.
    pub detail: String,
}

impl From<&Trouble> for TroubleSeen {
    fn from(trouble: &Trouble) -> Self {
        Self {
            phase: trouble.phase.name().to_owned(),
            kind: trouble.kind.name().to_owned(),
            errno: trouble.errno,
            detail: trouble.detail.clone(),
        }
    }
}

impl TroubleSeen {
    pub(super) fn trouble(&self) -> Trouble {
        Trouble {
            phase: Phase::from_name(&self.phase).unwrap_or(Phase::Connect),
            kind: TroubleKind::ALL
                .into_iter()
                .find(|kind| kind.name() == self.kind)
                .unwrap_or(TroubleKind::ConnectionLost),
            errno: self.errno,
            detail: self.detail.clone(),
        }
    }
}

/// Octets in a case file.
#[derive(Clone, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.contains('\0') => serializer.collect_str(&format_args!("={text}")),
            _ => serializer.collect_str(&format_args!("*{}", STANDARD.encode(&self.0))),
        }
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_at_checked(1) {
            Some(("=", text)) => Ok(Self(text.as_bytes().to_vec())),
            Some(("*", coded)) => STANDARD.decode(coded).map(Self).map_err(serde::de::Error::custom),
            _ => Err(serde::de::Error::custom("octets begin with = (text) or * (base64)")),
        }
    }
}

/// Keeps what a world says.
pub struct Tape {
    world: Arc<dyn World>,
    reel: Reel,
    wires: AtomicU32,
}

type Reel = Arc<Mutex<Vec<Entry>>>;

impl Tape {
    /// A world that is recorded.
    pub fn recording(world: Arc<dyn World>) -> Self {
        Self { world, reel: Reel::default(), wires: AtomicU32::new(0) }
    }

    /// What was heard so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.reel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(reel: &Reel, entry: Entry) {
    let mut entries = reel.lock().unwrap_or_else(PoisonError::into_inner);
    if entries.len() < ENTRIES_MAX {
        entries.push(entry);
    }
}

pub(super) fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What a wire tells the tape by.
#[derive(Debug)]
pub(super) struct Cable {
    reel: Reel,
    wire: u32,
}

impl Cable {
    pub(super) fn note(&mut self, at: Duration, event: Event) {
        note(&self.reel, Entry::Wire { wire: self.wire, us: us(at), event });
    }
}

impl World for Tape {
    fn ask<'a>(&'a self, ask: &'a Ask) -> Under<'a, Answered> {
        Box::pin(async move {
            let answered = self.world.ask(ask).await;
            let (message, silence) = match &answered.message {
                Ok(octets) => (Some(Octets(octets.clone())), None),
                Err(silence) => (None, Some(silence.clone())),
            };
            note(
                &self.reel,
                Entry::Dns {
                    server: ask.server,
                    by: ask.by,
                    name: ask.name.clone(),
                    kind: ask.kind.to_int(),
                    recursion: ask.recursion,
                    edns: ask.edns,
                    us: us(answered.took),
                    message,
                    silence,
                },
            );
            answered
        })
    }

    fn connect<'a>(&'a self, dial: &'a Dial) -> Under<'a, Result<Wire, Trouble>> {
        Box::pin(async move {
            let began = std::time::Instant::now();
            let connected = self.world.connect(dial).await;
            let took = connected.as_ref().map_or_else(|_| began.elapsed(), Wire::elapsed);
            let wire = self.wires.fetch_add(1, Ordering::Relaxed);
            note(
                &self.reel,
                Entry::Connect {
                    wire,
                    to: dial.to,
                    purpose: dial.purpose.clone(),
                    us: us(took),
                    trouble: connected.as_ref().err().map(TroubleSeen::from),
                },
            );
            connected.map(|connection| connection.taped(Cable { reel: Arc::clone(&self.reel), wire }))
        })
    }

    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        self.world.source(to)
    }
}
