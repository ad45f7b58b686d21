//! What is known of a message, and what the world says about it.

use super::arc::{self, Arc as Chain};
use super::claims::{self, Claim};
use super::dmarc::Walks;
use super::lint::addresses;
use super::raw::Message;
use super::received::{NAME_BYTES_MAX, cut};
use super::signature::{self, Kind, Signature};
use super::verify::{KeyAnswer, Keys};
use super::way::{self, Way};
use super::{Options, dmarc};
use futures_util::future::join_all;
use postrider_dns::Resolver;
use postrider_mailauth::dmarc::discover;
use postrider_mailauth::spf::{self, Evaluation, Request};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Signatures behind this many are passed over, as receivers do.
const SIGNATURES_MAX: usize = 20;

/// What the envelope said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The address of the host that handed it over.
    pub ip: Option<IpAddr>,
    /// What that host called itself.
    pub helo: Option<String>,
    /// The sender; empty for notices, `None` when nothing tells.
    pub sender: Option<String>,
}

impl Envelope {
    /// The domain SPF is about: of the sender, or the HELO name when there is no sender.
    pub fn domain(&self) -> String {
        let sender = self.sender.as_deref().unwrap_or_default();
        let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        let domain = if domain.is_empty() { self.helo.as_deref().unwrap_or_default() } else { domain };
        domain.trim_end_matches('.').to_ascii_lowercase()
    }
}

/// All that one inspection saw.
#[derive(Debug, Clone, Default)]
pub struct MessageFacts {
    /// What the message is called: a file.
    pub name: String,
    /// What time it is, in seconds.
    pub now: i64,
    /// What the user said.
    pub options: Options,
    /// The message.
    pub message: Message,
    /// Its way.
    pub way: Way,
    /// What others say of it.
    pub claims: Vec<Claim>,
    /// The domain in From.
    pub author: Option<String>,
    /// The envelope, as far as it can be told.
    pub envelope: Envelope,
    /// The DKIM signatures, or why they cannot be read.
    pub signatures: Vec<(usize, Result<Signature, String>)>,
    /// The chain of forwarders, not yet verified.
    pub arc: Chain,
    /// The keys.
    pub keys: Keys,
    /// What SPF says; `None` when it was not asked.
    pub spf: Option<Evaluation>,
    /// Why it was not.
    pub spf_untested: String,
    /// The walks to DMARC records.
    pub walks: Walks,
}

impl Default for Chain {
    fn default() -> Self {
        Self { sets: Vec::new(), chain: arc::Chain::None }
    }
}

/// Reads a message; asks nobody.
pub fn read(name: &str, octets: Vec<u8>, options: Options, now: i64) -> MessageFacts {
    let message = Message::read(octets);
    let way = way::read(&message, &options.trust);
    let claims = claims::read(&message, &way, &options.trust);
    let author = message.first("from").and_then(|from| author(&from));
    let envelope = envelope(&message, &way, &claims, &options);
    let fields = message.all("dkim-signature").iter().take(SIGNATURES_MAX);
    let signatures =
        fields.map(|field| (*field, signature::read(*field, Kind::Dkim, &message.value(*field)))).collect();
    let arc = arc::read(&message);
    let name = name.to_owned();
    MessageFacts {
        name,
        now,
        options,
        message,
        way,
        claims,
        author,
        envelope,
        signatures,
        arc,
        ..MessageFacts::default()
    }
}

/// The domain of the first author, in A-labels.
fn author(from: &str) -> Option<String> {
    let address = addresses(from).into_iter().next()?;
    let domain = address.rsplit_once('@')?.1.trim().trim_end_matches('.').to_ascii_lowercase();
    let domain = if domain.is_ascii() { domain } else { idna::domain_to_ascii(&domain).ok()? };
    (!domain.is_empty() && domain.len() <= 253).then_some(domain)
}

fn envelope(message: &Message, way: &Way, claims: &[Claim], options: &Options) -> Envelope {
    let entry = way.entry().map(|hop| &hop.received);
    let claimed = || {
        let spf = claims::trusted(claims, "spf").next()?;
        spf.property("smtp.mailfrom").map(str::to_owned)
    };
    // RFC 5321 §4.4: the last host writes the sender into Return-Path.
    let path = message.first("return-path").map(|path| path.trim().trim_matches(['<', '>']).trim().to_owned());
    let sender = options.mail_from.clone().or(path).or_else(|| entry?.sender.clone()).or_else(claimed);
    let short = |name: String| cut(name.trim_matches(['[', ']', '<', '>']), NAME_BYTES_MAX).to_owned();
    Envelope {
        ip: options.ip.or_else(|| entry?.ip),
        helo: options.helo.clone().or_else(|| entry?.helo.clone()).map(short),
        sender: sender.map(short),
    }
}

/// Asks for keys, SPF and DMARC records, for not longer than that.
pub async fn gather(resolver: &dyn Resolver, mut facts: MessageFacts, limit: Duration) -> MessageFacts {
    if facts.options.offline {
        let offline = || KeyAnswer::Trouble("not asked, as --offline was given".into());
        facts.keys = key_names(&facts).into_iter().map(|name| (name, offline())).collect();
        facts.spf_untested = "not asked, as --offline was given".into();
        return facts;
    }
    let names: Vec<String> = key_names(&facts).into_iter().collect();
    let keys = join_all(names.into_iter().map(|name| key(resolver, name, limit)));
    let walks = join_all(walked(&facts).into_iter().map(|domain| async move {
        let walk = tokio::time::timeout(limit, discover(resolver, &domain)).await.ok()?;
        Some((domain, walk))
    }));
    let request = request(&facts, limit);
    let spf = async {
        match &request {
            Ok(request) => Ok(spf::evaluate(resolver, request).await),
            Err(why) => Err((*why).to_owned()),
        }
    };
    let (keys, walks, spf) = tokio::join!(keys, walks, spf);
    facts.keys = keys.into_iter().collect();
    facts.walks = walks.into_iter().flatten().collect();
    match spf {
        Ok(evaluation) => facts.spf = Some(evaluation),
        Err(why) => facts.spf_untested = why,
    }
    facts
}

async fn key(resolver: &dyn Resolver, name: String, limit: Duration) -> (String, KeyAnswer) {
    let answer = match tokio::time::timeout(limit, postrider_dns::txt(resolver, &name)).await {
        Err(_) => KeyAnswer::Trouble("no answer in time".into()),
        Ok(Err(failure)) if failure.is_absence() => KeyAnswer::Absent,
        Ok(Err(failure)) => KeyAnswer::Trouble(failure.to_string()),
        Ok(Ok(answer)) => KeyAnswer::Texts(answer.records.iter().map(ToString::to_string).collect()),
    };
    (name, answer)
}

fn key_names(facts: &MessageFacts) -> BTreeSet<String> {
    let signatures = facts.signatures.iter().filter_map(|(_, read)| read.as_ref().ok());
    let sets = facts.arc.sets.iter().flat_map(|set| [&set.message, &set.seal]);
    signatures.chain(sets).map(Signature::key_name).collect()
}

/// The domain in From, and those that may be of the same organization.
fn walked(facts: &MessageFacts) -> BTreeSet<String> {
    let Some(author) = &facts.author else { return BTreeSet::new() };
    let signed = facts.signatures.iter().filter_map(|(_, read)| Some(read.as_ref().ok()?.domain.clone()));
    let others = signed.chain([facts.envelope.domain()]);
    let mut domains: BTreeSet<String> = others.filter(|domain| dmarc::may_be_kin(author, domain)).take(8).collect();
    domains.insert(author.clone());
    domains
}

fn request(facts: &MessageFacts, limit: Duration) -> Result<Request, &'static str> {
    let Envelope { ip, helo, sender } = &facts.envelope;
    let ip = ip.ok_or("which host handed it over cannot be told from the Received fields; --ip names it")?;
    let helo = helo.as_deref().unwrap_or("unknown.invalid");
    let sender = sender.as_deref().ok_or("the envelope's sender is nowhere in the message; --mail-from names it")?;
    let mut request = Request::mail_from(ip, helo, sender);
    request.limits.time_max = limit;
    request.seconds = u64::try_from(facts.now).unwrap_or(0);
    Ok(request)
}
