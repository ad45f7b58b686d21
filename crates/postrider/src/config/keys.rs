//! Every key there is, in one table: name, type, default, whether a reload takes it up, and what it is for.
//!
//! The table makes three things: [`KEYS`] for `check`, documents and messages; [`Values`] for the
//! program; and the names of environment variables. A key is added here and nowhere else.

use super::typed::{LogFormat, LogLevel, NameServer, Size, Typed};
use postrider_delivery::TlsMode;
use postrider_inbound::Network;
use postrider_smtp::Domain;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// On SIGHUP.
    Live,
    /// When the relay is started anew.
    Restart,
}

/// One key as people see it.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name, with dots.
    pub(crate) name: &'static str,
    /// What it holds, in words.
    pub(crate) kind: &'static str,
    /// Whether several values may be given.
    pub(crate) list: bool,
    /// The default, as it would be written.
    pub(crate) default: &'static str,
    /// When a change takes effect.
    pub(crate) reload: Reload,
    /// What it does, and why the default is what it is.
    help: &'static [&'static str],
}

impl Key {
    /// The key of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The environment variable that sets it: `queue.retry.first` is `POSTRIDER_QUEUE_RETRY_FIRST`.
    pub(crate) fn environment(&self) -> String {
        format!("POSTRIDER_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// What it does, and why the default is what it is.
    pub(crate) fn help(&self) -> String {
        self.help.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// Whoever knows what was said about each key; [`Values::read`] asks it for one after the other.
pub(crate) trait Said {
    /// The value that holds; `None` when a problem was noted instead.
    fn value<T: Typed>(&mut self, key: &'static Key) -> Option<T>;
}

macro_rules! keys {
    ($($(#[doc = $help:literal])+ $name:literal => $field:ident: $type:ty = $default:literal, $reload:ident;)+) => {
        /// All keys, grouped by their first part.
        pub(crate) static KEYS: &[Key] = &[$(Key {
            name: $name,
            kind: <$type as Typed>::KIND,
            list: <$type as Typed>::LIST,
            default: $default,
            reload: Reload::$reload,
            help: &[$($help),+],
        }),+];

        /// The value of every key.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct Values { $($(#[doc = $help])+ pub(crate) $field: $type,)+ }

        impl Values {
            /// Reads all keys; `None` when at least one could not be read, all having been tried.
            pub(crate) fn read(said: &mut impl Said) -> Option<Self> {
                let mut keys = KEYS.iter();
                $(let $field: Option<$type> = keys.next().and_then(|key| said.value(key));)+
                Some(Self { $($field: $field?,)+ })
            }
        }
    };
}

keys! {
    /// The name this relay gives itself in greetings, EHLO, Received fields and bounces.
    /// Empty: the machine's host name. It should resolve to the address mail leaves from.
    "hostname" => hostname: Option<Domain> = "", Live;
    /// The folder that holds the spool, the events and the control socket.
    "data" => data: PathBuf = "/var/lib/postrider", Restart;

    /// Where the relay port listens: servers and applications on listed networks.
    /// The default needs no rights and is reachable from this machine only; a mail server's port is 25.
    "smtp.listen" => smtp_listen: Vec<SocketAddr> = "127.0.0.1:2525", Restart;
    /// Who may relay without a password. Loopback only by default: an open relay is found within hours.
    "smtp.networks" => smtp_networks: Vec<Network> = "127.0.0.0/8, ::1/128", Live;
    /// Where submission with STARTTLS listens (port 587); needs users.
    "submission.listen" => submission_listen: Vec<SocketAddr> = "off", Restart;
    /// Where submission over TLS listens (port 465); needs users.
    "submissions.listen" => submissions_listen: Vec<SocketAddr> = "off", Restart;
    /// Where /metrics and /healthz are served. Loopback by default, as there is no password before them.
    "http.listen" => http_listen: Vec<SocketAddr> = "127.0.0.1:8025", Restart;

    /// The certificate chain for STARTTLS and TLS listeners, PEM. Empty: a self-signed one is made.
    "tls.certificate" => tls_certificate: Option<PathBuf> = "", Live;
    /// The private key of the certificate, PEM.
    "tls.key" => tls_key: Option<PathBuf> = "", Live;

    /// The largest message taken. 50 MiB is what large mailbox providers take, after encoding.
    "limits.message_size" => message_size: Size = "50MiB", Live;
    /// The most recipients of one message. RFC 5321 §4.5.3.1.8 asks for at least 100.
    "limits.recipients" => recipients: u32 = "1000", Live;
    /// The most connections at once, all listeners together. Each costs a few kilobytes while idle.
    "limits.connections" => connections: u32 = "5000", Live;
    /// The most connections at once from one client outside smtp.networks.
    "limits.connections_per_client" => connections_per_client: u32 = "50", Live;
    /// How many refused commands end a session: enough for a clumsy client, too few for a scanner.
    "limits.errors" => errors: u32 = "20", Live;
    /// How many failed AUTH attempts end a session.
    "limits.auth_attempts" => auth_attempts: u32 = "3", Live;

    /// With less free space than this on the disk of the spool, new mail is refused with 452: what
    /// was accepted needs some to go on.
    "spool.free_min" => spool_free_min: Size = "100MiB", Restart;

    /// How long the first retry waits after a failure that may pass. Most trouble (busy, restarting,
    /// greylisting) is over in five minutes.
    "queue.retry.first" => retry_first: Duration = "5m", Live;
    /// The longest wait between two attempts; waits double from the first up to here. Four hours, so
    /// that a host that is back is found within the half day.
    "queue.retry.max" => retry_max: Duration = "4h", Live;
    /// The wait after greylisting, for the first four attempts. Five minutes is the usual window.
    "queue.retry.greylisted" => retry_greylisted: Duration = "5m", Live;
    /// The first wait when a mailbox is full. One hour, as its owner must act first.
    "queue.retry.mailbox_full" => retry_mailbox_full: Duration = "1h", Live;
    /// The first wait when no reply came to the final dot. RFC 1047 asks for ten minutes at least
    /// before what may be a duplicate is sent.
    "queue.retry.in_doubt" => retry_in_doubt: Duration = "15m", Live;
    /// How often a recipient is tried again after no reply came to the final dot. Once: a host that
    /// twice takes a message and never says so has most likely delivered both.
    "queue.retry.in_doubt_times" => retry_in_doubt_times: u32 = "1", Live;
    /// Give up after so many attempts. Empty, as time decides: see queue.expire.
    "queue.retry.attempts_max" => retry_attempts_max: Option<u32> = "", Live;
    /// When to give up and return the message. RFC 5321 §4.5.4.1 asks for four to five days.
    "queue.expire" => expire: Duration = "5d", Live;
    /// The same for bounces and other mail with the null sender. A day: nobody waits for an old bounce.
    "queue.expire_notices" => expire_notices: Duration = "1d", Live;
    /// The same for what words refuse for what it is (policy, content, sender, recipient), though with a
    /// temporary code. A day: somebody must act, and cannot before they are told.
    "queue.expire_refused" => expire_refused: Duration = "1d", Live;
    /// When to tell the sender that the message is late. Four hours is what people have come to know.
    "queue.delay_notice_after" => delay_notice_after: Duration = "4h", Live;
    /// The most deliveries at once. Below the usual limit of 1,024 descriptors, with room for clients.
    "queue.connections_max" => queue_connections_max: u32 = "500", Live;
    /// The most deliveries at once to one site, however many domains it hosts. What large providers
    /// take from a stranger, and enough for thousands of messages a second to a near one.
    "queue.site_connections_max" => site_connections_max: u32 = "20", Live;
    /// The most deliveries at once to one destination. No tighter than its site by default.
    "queue.destination_connections_max" => destination_connections_max: u32 = "20", Live;
    /// The memory for messages waiting for their first attempt; what does not fit is read again from
    /// the spool. A quarter of what a small machine can spare.
    "queue.bytes_max" => queue_bytes_max: Size = "64MiB", Live;

    /// The port of MX hosts. Another than 25 is for tests.
    "delivery.port" => delivery_port: u16 = "25", Live;
    /// Whether MX hosts at private or loopback addresses are used. Off, as a stranger's DNS could
    /// otherwise point mail at the inside of your network; routes are not concerned.
    "delivery.private_addresses" => private_addresses: bool = "false", Live;
    /// The addresses mail leaves from, one per family. Empty: the system chooses.
    "delivery.source_addresses" => source_addresses: Vec<IpAddr> = "", Live;

    /// Whether IPv6 is used where the machine has a route for it.
    "delivery.ipv6" => ipv6: bool = "true", Live;
    /// How MX hosts use TLS. Opportunistic, as a third of the world's hosts have certificates nobody
    /// can verify; a route may ask for more.
    "delivery.tls" => delivery_tls: TlsMode = "opportunistic", Live;
    /// A PEM file of certificate authorities to trust on the way out. Empty: those of the system.
    "delivery.ca_file" => ca_file: Option<PathBuf> = "", Live;
    /// How long a connection attempt may take.
    "delivery.connect_timeout" => connect_timeout: Duration = "30s", Live;

    /// The name servers to ask, in this order. Empty: those of the system.
    "dns.resolver" => dns_resolver: Vec<NameServer> = "", Live;

    /// Whether events are written as JSON lines to DATA/events/. `queue show` reads finished mail from them.
    "events.write" => events_write: bool = "true", Restart;
    /// An events file that has grown to this is followed by the next.
    "events.file_size" => events_file_size: Size = "64MiB", Restart;
    /// How many events files are kept; the oldest goes.
    "events.files" => events_files: u32 = "8", Restart;

    /// How the log on standard error is written.
    "log.format" => log_format: LogFormat = "text", Restart;
    /// How much the log says: at info what did not go well, at debug every message. The events have all.
    "log.level" => log_level: LogLevel = "info", Live;

    /// How long sessions and deliveries may go on after SIGTERM before they are cut.
    /// Below the 30 s after which most supervisors kill.
    "shutdown.grace" => shutdown_grace: Duration = "20s", Live;
}
