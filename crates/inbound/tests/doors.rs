//! The doors over real loopback sockets, in front of a relay that only takes notes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use postrider_inbound::{Door, Inbound, Settings, Users};
use postrider_relay::accept::{Accept, Origin, Received, Refusal};
use postrider_smtp::{MessageId, Reply, ReplyCode, Timestamp};
use postrider_transport::tls::server::ServerTls;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// A relay that takes notes.
#[derive(Debug, Default)]
struct Desk {
    taken: Mutex<Vec<Received>>,
    refused: Mutex<Vec<Refusal>>,
    full: bool,
}

impl Accept for Desk {
    async fn accept(&self, received: Received) -> Result<MessageId, Reply> {
        self.taken.lock().unwrap().push(received);
        Ok(MessageId::at(Timestamp(1_800_000_000_000), 1))
    }

    fn refuses_now(&self) -> Option<Reply> {
        self.full.then(|| Reply::new(ReplyCode::NO_STORAGE_452, "4.3.1 the disk is full"))
    }

    fn refused(&self, refusal: Refusal) {
        self.refused.lock().unwrap().push(refusal);
    }
}

struct House {
    inbound: Inbound<Desk>,
    desk: Arc<Desk>,
}

impl House {
    fn new(settings: Settings) -> Self {
        Self::with(Desk::default(), settings)
    }

    fn with(desk: Desk, settings: Settings) -> Self {
        let desk = Arc::new(desk);
        Self { inbound: Inbound::new(desk.clone(), settings), desk }
    }

    async fn open(&self, door: Door) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbound = self.inbound.clone();
        tokio::spawn(async move { inbound.listen(listener, door).await });
        address
    }

    async fn connect(&self, door: Door) -> Peer<TcpStream> {
        Peer(BufStream::new(TcpStream::connect(self.open(door).await).await.unwrap()))
    }

    fn refusals(&self, reason: &str) -> u64 {
        self.inbound.counters().refusals.iter().find(|(name, _)| *name == reason).unwrap().1
    }
}

/// The client's end of a connection.
struct Peer<S>(BufStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// One reply, its lines joined by ` / `; empty when the connection is closed.
    async fn reply(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                match self.0.read_u8().await {
                    Ok(byte) => line.push(byte),
                    Err(_) => return lines.join(" / "),
                }
            }
            let line = String::from_utf8(line).unwrap().trim_end().to_owned();
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines.join(" / ");
            }
        }
    }

    /// `C:` sends a line, `S:` wants a reply with that beginning, `CLOSED` the end.
    async fn talk(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(line) = line.strip_prefix("C:") {
                self.send(&format!("{}\r\n", line.trim_start())).await;
            } else if line == "CLOSED" {
                assert_eq!(self.reply().await, "");
            } else {
                let want = line.strip_prefix("S: ").unwrap();
                let got = self.reply().await;
                assert!(got.starts_with(want), "wanted {want:?}, got {got:?}");
            }
        }
    }
}

fn settings() -> Settings {
    Settings::new("relay.example")
}

fn with_users(settings: Settings) -> Settings {
    let hash = Users::hash("sk_test_123").unwrap();
    Settings { users: Arc::new(Users::new([("apikey", hash.as_str())]).unwrap()), ..settings }
}

fn with_tls(settings: Settings) -> Settings {
    Settings { tls: Some(ServerTls::self_signed(&["relay.example"]).unwrap()), ..settings }
}

/// A client that takes any certificate.
async fn under_tls(socket: TcpStream) -> Peer<tokio_rustls::client::TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody::TakesAnybody(provider)))
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    Peer(BufStream::new(connector.connect("relay.example".try_into().unwrap(), socket).await.unwrap()))
}

#[tokio::test]
async fn this_machine_relays() {
    let house = House::new(settings());
    let mut peer = house.connect(Door::Relay).await;
    peer.talk(
        "S: 220 relay.example
         C: EHLO app
         S: 250-relay.example hello app
         C: MAIL FROM:<a@b.example>
         S: 250 2.1.0
         C: RCPT TO:<c@d.example>
         S: 250 2.1.5
         C: DATA
         S: 354
         C: Subject: x
         C:
         C: text
         C: .
         S: 250 2.0.0 ok, taken as 0
         C: QUIT
         S: 221 2.0.0
         CLOSED",
    )
    .await;
    let taken = house.desk.taken.lock().unwrap();
    let received = &taken[0];
    assert_eq!((received.origin, received.client.protocol), (Origin::Relay, "ESMTP"));
    assert_eq!((received.client.hello.as_str(), &received.message[..]), ("app", &b"Subject: x\r\n\r\ntext\r\n"[..]));
    let counters = house.inbound.counters();
    assert_eq!((counters.sessions, counters.messages, counters.octets), (1, 1, 20));
}

#[tokio::test]
async fn strangers_do_not_relay() {
    let house = House::new(Settings { trust_loopback: false, ..settings() });
    house
        .connect(Door::Relay)
        .await
        .talk(
            "S: 220
             C: HELO x
             S: 250
             C: MAIL FROM:<a@b.example>
             S: 250
             C: RCPT TO:<c@d.example>
             S: 550 5.7.1 relaying denied: 127.0.0.1 is not in a listed network
             C: DATA
             S: 554 5.5.1 no valid recipients",
        )
        .await;
    house
        .connect(Door::Submission)
        .await
        .talk(
            "S: 220
             C: EHLO x
             S: 250
             C: MAIL FROM:<a@b.example>
             S: 530 5.7.0 authentication required",
        )
        .await;
    assert_eq!(house.inbound.counters().relaying_denied, 2);
    assert_eq!(house.desk.refused.lock().unwrap().len(), 2, "both are told");
}

#[tokio::test]
async fn users_relay_after_starttls_and_under_implicit_tls() {
    let house = House::new(with_users(with_tls(Settings { trust_loopback: false, ..settings() })));
    let mut clear = TcpStream::connect(house.open(Door::Submission).await).await.unwrap();
    let mut peer = Peer(BufStream::new(&mut clear));
    peer.talk("S: 220\nC: EHLO x\nS: 250\nC: STARTTLS\nS: 220 2.0.0").await;
    drop(peer);
    let transaction = "C: EHLO x
         S: 250
         C: AUTH PLAIN AGFwaWtleQBza190ZXN0XzEyMw==
         S: 235
         C: MAIL FROM:<a@b.example> REQUIRETLS
         S: 250
         C: RCPT TO:<c@d.example>
         S: 250
         C: BDAT 4 LAST
         C: x:
         S: 250 2.0.0 ok, taken";
    under_tls(clear).await.talk(transaction).await;

    let implicit = TcpStream::connect(house.open(Door::SubmissionTls).await).await.unwrap();
    let mut peer = under_tls(implicit).await;
    peer.talk("S: 220").await;
    peer.talk(transaction).await;

    let taken = house.desk.taken.lock().unwrap();
    assert_eq!(taken.len(), 2);
    for received in taken.iter() {
        assert_eq!((received.origin, received.client.protocol), (Origin::Submission, "ESMTPSA"));
        assert_eq!(received.client.user.as_deref(), Some("apikey"));
        assert!(received.client.tls.as_deref().unwrap().starts_with("TLSv1.3 TLS13_"), "{:?}", received.client.tls);
        assert!(received.envelope.require_tls);
    }
}

#[tokio::test]
async fn clear_text_where_tls_is_due_is_answered_in_clear() {
    let hint = "S: 554 5.5.1 TLS is spoken here from the first octet: connect with TLS, or use the port for STARTTLS";
    let house = House::new(with_tls(settings()));
    house.connect(Door::SubmissionTls).await.talk(&format!("C: EHLO x\n{hint}\nCLOSED")).await;
    house
        .connect(Door::Submission)
        .await
        .talk(&format!("S: 220\nC: STARTTLS\nS: 220\nC: EHLO x\n{hint}\nCLOSED"))
        .await;

    // A client that waits for our greeting says nothing.
    let mut settings = with_tls(settings());
    settings.patience.handshake = Duration::from_millis(20);
    House::new(settings).connect(Door::SubmissionTls).await.talk(&format!("{hint}\nCLOSED")).await;
}

#[tokio::test]
async fn http_and_tls_on_the_clear_port_are_told_so() {
    let house = House::new(settings());
    house
        .connect(Door::Relay)
        .await
        .talk(
            "S: 220\nC: GET / HTTP/1.1\nC: Host: x\nC:\nS: 554 5.5.1 this port speaks SMTP and you speak HTTP\nCLOSED",
        )
        .await;
    let mut peer = house.connect(Door::Relay).await;
    peer.0.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
    peer.0.flush().await.unwrap();
    peer.talk("S: 220\nS: 554 5.5.1 this port begins in clear and you began with TLS\nCLOSED").await;
    assert_eq!((house.refusals("spoke-http"), house.refusals("spoke-tls")), (1, 1));
}

#[tokio::test]
async fn who_guesses_passwords_is_turned_away() {
    let house = House::new(with_users(Settings { login_failures_max: 4, ..settings() }));
    let address = house.open(Door::Submission).await;
    let guess = "C: AUTH PLAIN AGFwaWtleQB3cm9uZw==\n";
    let connect = || async { Peer(BufStream::new(TcpStream::connect(address).await.unwrap())) };
    let wrong = format!("{guess}S: 535 5.7.8\n");
    connect().await.talk(&format!("S: 220\nC: EHLO x\nS: 250\n{}S: 421 4.7.0 too many\nCLOSED", wrong.repeat(3))).await;
    // The fourth, and then even the right password is not looked at.
    let right = "C: AUTH PLAIN AGFwaWtleQBza190ZXN0XzEyMw==\n";
    let away = "S: 421 4.7.0 too many failed logins from your address: try again in 10 minutes\nCLOSED";
    connect().await.talk(&format!("S: 220\nC: EHLO x\nS: 250\n{wrong}{right}{away}")).await;
    assert_eq!((house.refusals("login-failed"), house.inbound.counters().logins), (4, 0));
}

#[tokio::test]
async fn crowds_are_turned_away_in_words() {
    let house = House::new(Settings { trust_loopback: false, connections_per_client_max: 1, ..settings() });
    let address = house.open(Door::Relay).await;
    let connect = || async { Peer(BufStream::new(TcpStream::connect(address).await.unwrap())) };
    let mut first = connect().await;
    first.talk("S: 220").await;
    connect().await.talk("S: 421 4.7.0 too many connections from your address\nCLOSED").await;

    // New settings hold for new connections, and the first goes on.
    house.inbound.reload(Settings { connections_max: 1, ..settings() });
    connect().await.talk("S: 421 4.3.2 this host has too many connections\nCLOSED").await;
    first.talk("C: NOOP\nS: 250\nC: QUIT\nS: 221\nCLOSED").await;
    assert_eq!(house.inbound.counters().turned_away, 2);
}

#[tokio::test]
async fn a_full_disk_is_said_at_mail() {
    let house = House::with(Desk { full: true, ..Desk::default() }, settings());
    house
        .connect(Door::Relay)
        .await
        .talk("S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<>\nS: 452 4.3.1 the disk is full")
        .await;
}

#[tokio::test]
async fn messages_in_circles_are_refused() {
    let house = House::new(Settings { received_fields_max: 2, ..settings() });
    let head = "C: Received: from x\n".repeat(3);
    let script = format!(
        "S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<c@d.example>\nS: 250\nC: DATA\nS: 354\n{head}C:\nC: .\n\
         S: 554 5.4.6 the message has been through 3 hosts"
    );
    house.connect(Door::Relay).await.talk(&script).await;
    assert!(house.desk.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn drips_and_half_closed_connections_are_served() {
    let house = House::new(settings());
    let mut peer = house.connect(Door::Relay).await;
    let wire = "HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx: y\r\n\r\n..z\r\n.\r\n";
    for byte in wire.as_bytes() {
        peer.0.write_all(&[*byte]).await.unwrap();
        peer.0.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    peer.0.get_mut().shutdown().await.unwrap();
    peer.talk("S: 220\nS: 250\nS: 250\nS: 250\nS: 354\nS: 250 2.0.0 ok, taken\nCLOSED").await;
    assert_eq!(&house.desk.taken.lock().unwrap()[0].message[..], b"x: y\r\n\r\n.z\r\n");
}

#[tokio::test]
async fn a_stop_lets_transactions_end_and_then_says_421() {
    let house = House::new(settings());
    let address = house.open(Door::Relay).await;
    let connect = || async { Peer(BufStream::new(TcpStream::connect(address).await.unwrap())) };
    let (mut idle, mut busy) = (connect().await, connect().await);
    idle.talk("S: 220\nC: HELO x\nS: 250").await;
    busy.talk("S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<>\nS: 250").await;
    let inbound = house.inbound.clone();
    let stopped = tokio::spawn(async move { inbound.stop(Duration::from_secs(60)).await });
    idle.talk("S: 421 4.3.2 this host is going down\nCLOSED").await;
    busy.talk("C: RCPT TO:<c@d.example>\nS: 250\nC: DATA\nS: 354\nC: x: y\nC:\nC: .\nS: 250\nS: 421 4.3.2\nCLOSED")
        .await;
    assert_eq!(stopped.await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let house = House::new(settings());
    let mut stuck = house.connect(Door::Relay).await;
    stuck.talk("S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<>\nS: 250").await;
    let inbound = house.inbound.clone();
    let stopped = tokio::spawn(async move { inbound.stop(Duration::from_millis(20)).await });
    stuck.talk("S: 421 4.3.2\nCLOSED").await;
    drop(stuck);
    assert_eq!(stopped.await.unwrap(), 0);
}

#[tokio::test]
async fn large_messages_come_through_whole() {
    let house = House::new(settings());
    let mut peer = house.connect(Door::Relay).await;
    peer.talk("S: 220\nC: HELO x\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<c@d.example>\nS: 250\nC: DATA\nS: 354")
        .await;
    let line = format!("{}\r\n", "x".repeat(76));
    peer.send(&format!("a: b\r\n\r\n{}.\r\n", line.repeat(50_000))).await;
    peer.talk("S: 250 2.0.0 ok, taken").await;
    assert_eq!(house.desk.taken.lock().unwrap()[0].message.len(), 8 + line.len() * 50_000);
}

mod anybody {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};
    use std::sync::Arc;

    #[derive(Debug)]
    pub(super) struct TakesAnybody(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for TakesAnybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
