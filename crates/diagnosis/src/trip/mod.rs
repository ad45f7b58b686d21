//! A round trip: A sends a marked mail to B, B answers, and both mailboxes are watched. What is
//! seen is judged at the end: which direction works, and who must act.
//!
//! The order: find the servers ([`plan`]), open both mailboxes (`find`), hand in A's mail
//! (`submit`), look for it, hand in B's, look for that, tidy up, judge ([`judge()`]). Each
//! part may fail without the others: B writes to A even when A's mail did not arrive, as only
//! that tells one direction from both. Every wait ends with the time that the user gave.
//!
//! Not here: passwords' way to us, and the look of the report; both are the binary's.

mod find;
mod hops;
mod judge;
mod mail;
mod model;
mod open;
pub mod plan;
mod submit;

pub use judge::{exit_code, judge};
pub use model::*;
pub use submit::Login;

use find::{Spot, Watched};
use model::ms;
use open::Tools;
use plan::Server;
use postrider_dns::Resolver;
use postrider_reply::Decoder;
use postrider_smtp::{Address, Host};
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One of the two.
#[derive(Debug, Clone)]
pub struct Account {
    /// The address.
    pub address: Address,
    /// Servers that take its mail, in their order.
    pub submission: Vec<Server>,
    /// Servers that show its mailbox.
    pub imap: Vec<Server>,
    /// Who it is to them.
    pub login: Login,
    /// Why it is not to send, when it is not.
    pub silent: Option<String>,
}

/// What is to be done.
pub struct Request {
    /// Whose mail is in question.
    pub a: Account,
    /// The other one.
    pub b: Account,
    /// Only A to B.
    pub one_way: bool,
    /// How long all of it may take.
    pub patience: Duration,
    /// Leave the test mails where they are.
    pub keep: bool,
    /// Names.
    pub resolver: Arc<dyn Resolver>,
    /// Certificates.
    pub tls: Arc<ClientTls>,
    /// Look at certificates even on this machine.
    pub strict_tls: bool,
    /// What we call ourselves to servers.
    pub hello: Host,
    /// Reads a mail: what bounced, if that is what it tells.
    pub read_bounce: fn(&[u8], &Decoder) -> Option<Bounced>,
}

/// Between two looks, at first and later: most mail is there at once.
const LOOK_SOON: Duration = Duration::from_millis(100);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For a bounce where the mailbox cannot be looked into.
const BOUNCE_PATIENCE: Duration = Duration::from_secs(15);
/// What is kept of the time for tidying up.
const TIDY: Duration = Duration::from_secs(20);

/// Does it. `tell` hears what is being done, for a line that shows that we live.
pub async fn run(request: &Request, tell: &(dyn Fn(&str) + Send + Sync)) -> Report {
    let began = Instant::now();
    let tools = Tools {
        resolver: request.resolver.clone(),
        tls: request.tls.clone(),
        strict: request.strict_tls,
        decoder: Decoder::new(),
        hello: request.hello.clone(),
    };
    tell("opening both mailboxes");
    let limit = request.patience / 2;
    let (mut a, mut b) = tokio::join!(End::open(&tools, &request.a, limit), End::open(&tools, &request.b, limit));
    let until = began + request.patience;
    let now = Instant::now();
    // The way back needs its share of the time.
    let half = if request.one_way { until } else { now + until.saturating_duration_since(now) / 2 };
    let trip = Trip { request, tools: &tools, tell };
    let (first, second) = (trip.token(), trip.token());
    let mut out = trip.leg(&mut a, &mut b, &first, None, half).await;
    let looked_until = Instant::now();
    let back = if request.one_way {
        Leg::NotTried { why: "only one way was asked for".into() }
    } else {
        // Without a mail that arrived there is nothing to answer; a new mail shows as well whether A receives.
        let answers = matches!(out, Leg::Arrived { .. }).then_some(first.as_str());
        trip.leg(&mut b, &mut a, &second, answers, until).await
    };
    trip.look_again(&mut out, &mut b, &first, looked_until.elapsed()).await;
    let left_behind = if request.keep { Vec::new() } else { trip.tidy(&mut a, &mut b, &[&first, &second]).await };
    let mailboxes = vec![a.close().await, b.close().await];
    let facts = Facts {
        a: request.a.address.to_string(),
        b: request.b.address.to_string(),
        mailboxes,
        out,
        back,
        one_way: request.one_way,
        left_behind,
        took_ms: ms(began.elapsed()),
    };
    Report { schema: SCHEMA, at: seconds_now(), verdict: judge(&facts), facts }
}

/// One of the two, with its mailbox as far as it could be opened.
struct End<'a> {
    account: &'a Account,
    mailbox: Mailbox,
    watched: Option<Watched>,
    /// Bounces that our mails caused.
    came_back: Vec<Spot>,
}

impl<'a> End<'a> {
    async fn open(tools: &Tools, account: &'a Account, limit: Duration) -> Self {
        let address = account.address.to_string();
        let mut mailbox = Mailbox::closed(&address);
        let opening = Watched::open(tools, &account.imap, &account.login, &mut mailbox);
        let watched = match tokio::time::timeout(limit, opening).await {
            Ok(watched) => watched,
            Err(_) => {
                let host = mailbox.host.as_deref().unwrap_or("its server");
                mailbox.trouble = Some(format!("{host} did not let us in within {} s", limit.as_secs()));
                None
            }
        };
        Self { account, mailbox, watched, came_back: Vec::new() }
    }

    async fn close(self) -> Mailbox {
        if let Some(watched) = self.watched {
            watched.close().await;
        }
        self.mailbox
    }

    /// The mailbox broke in the middle: it is not to be asked again.
    fn lost(&mut self, why: String) {
        self.mailbox.trouble = Some(why);
        self.watched = None;
    }
}

struct Trip<'a> {
    request: &'a Request,
    tools: &'a Tools,
    tell: &'a (dyn Fn(&str) + Send + Sync),
}

impl Trip<'_> {
    /// What nobody can guess. Without random numbers TLS does not work either, and nothing is sent.
    fn token(&self) -> String {
        format!("rt{}", self.tools.tls.nonce().unwrap_or_else(|_| format!("{:024x}", seconds_now())))
    }

    /// One direction: hand in, then look until it is there, or came back, or the time is up.
    async fn leg(
        &self,
        from: &mut End<'_>,
        to: &mut End<'_>,
        token: &str,
        answers: Option<&str>,
        until: Instant,
    ) -> Leg {
        if let Some(why) = &from.account.silent {
            return Leg::NotTried { why: why.clone() };
        }
        let (sender, receiver) = (&from.account.address, &to.account.address);
        (self.tell)(&format!("{sender} sends to {receiver}"));
        let date = rfc5322_now();
        let octets = mail::Marked { from: sender, to: receiver, token, date: &date, answers }.write();
        let mail = submit::Mail { from: sender, to: receiver, octets };
        let account = from.account;
        let taken = match submit::hand_in(self.tools, &account.submission, &account.login, &mail, until).await {
            Ok(taken) => taken,
            Err(stop) => return Leg::NotTaken(stop),
        };
        let (since, taken_at) = (Instant::now(), seconds_now());
        // Where nobody can look, only a bounce can tell, and that comes soon or late.
        let until = match (&to.watched, &from.watched) {
            (Some(_), _) => until,
            (None, Some(_)) => until.min(since + BOUNCE_PATIENCE),
            (None, None) => since,
        };
        let mut pause = LOOK_SOON;
        loop {
            let looked = self.look(to, token).await;
            if let (Ok(Some(spot)), Some(watched)) = (&looked, &mut to.watched) {
                let arrived = watched.describe(spot, since.elapsed(), Some(taken_at)).await;
                return Leg::Arrived { taken, arrived };
            }
            if let Some(bounce) = self.bounce(from, token).await {
                return Leg::Bounced { taken, bounce };
            }
            let next = Instant::now() + pause;
            if next >= until {
                return match looked {
                    Err(why) => Leg::Unseen { taken, why },
                    Ok(_) => Leg::Missing { taken, waited_ms: ms(since.elapsed()) },
                };
            }
            let waited = since.elapsed().as_secs();
            (self.tell)(&format!("looking for it in the mailbox of {receiver}, {waited} s so far"));
            tokio::time::sleep_until(next.into()).await;
            pause = (pause * 3 / 2).min(LOOK_EVERY);
        }
    }

    /// A mail that was late for its own share of the time may have come in the other's.
    async fn look_again(&self, leg: &mut Leg, to: &mut End<'_>, token: &str, later: Duration) {
        let Leg::Missing { taken, waited_ms } = leg else { return };
        let (taken, after) = (taken.clone(), Duration::from_millis(*waited_ms) + later);
        if let (Ok(Some(spot)), Some(watched)) = (self.look(to, token).await, &mut to.watched) {
            let arrived = watched.describe(&spot, after, None).await;
            *leg = Leg::Arrived { taken, arrived };
        }
    }

    async fn look(&self, end: &mut End<'_>, token: &str) -> Result<Option<Spot>, String> {
        let Some(watched) = &mut end.watched else {
            return Err(end.mailbox.trouble.clone().unwrap_or_else(|| "it is not open".into()));
        };
        match watched.find(token).await {
            Ok(spot) => Ok(spot),
            Err(fault) => {
                end.lost(fault.to_string());
                Err(fault.to_string())
            }
        }
    }

    /// What came back to the sender, if it did.
    async fn bounce(&self, end: &mut End<'_>, token: &str) -> Option<Bounced> {
        let suspects = match end.watched.as_mut()?.suspects(token).await {
            Ok(suspects) => suspects,
            Err(fault) => {
                end.lost(fault.to_string());
                return None;
            }
        };
        let read =
            |(spot, mail): (Spot, Vec<u8>)| Some((spot, (self.request.read_bounce)(&mail, &self.tools.decoder)?));
        let (spot, bounced) = suspects.into_iter().find_map(read)?;
        end.came_back.push(spot);
        Some(bounced)
    }

    /// Removes the test mails; gives what stays, in words.
    async fn tidy<'e>(&self, a: &mut End<'e>, b: &mut End<'e>, tokens: &[&str]) -> Vec<String> {
        (self.tell)("removing the test mails");
        let mut left = Vec::new();
        for end in [a, b] {
            let address = &end.account.address;
            let Some(watched) = &mut end.watched else { continue };
            match tokio::time::timeout(TIDY, watched.clean(tokens, &end.came_back)).await {
                Ok(Ok(0)) => {}
                Ok(Ok(count)) => left.push(format!("{count} in the mailbox of {address}, marked as deleted only")),
                Ok(Err(fault)) => left.push(format!("perhaps some in the mailbox of {address}: {fault}")),
                Err(_) => left.push(format!("perhaps some in the mailbox of {address}: it took too long")),
            }
        }
        left
    }
}

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The present, as RFC 5322 §3.3 writes it, in UTC.
fn rfc5322_now() -> String {
    jiff::fmt::rfc2822::to_string(&jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default()
}
