//! The whole tree of a domain's policy, without an address to check.
//!
//! Looking and building are apart: [`build`] makes the tree from the answers there are, and says
//! what else it would ask; [`survey`] asks all of that at once and builds again. So what is on
//! one level of the tree is looked up in parallel, nothing is asked twice, and a tree can be
//! built from answers that were written down.
//!
//! The tree is what a check goes through in the worst case, when nothing matches before the end.

use super::addresses::Addresses;
use super::expand::expand;
use super::macros::MacroString;
use super::matching::address;
use super::names;
use super::parse::parse;
use super::record::{Form, Mechanism, Prefixes, Qualifier, Record, Term};
use super::select::{Selected, is_spf, select};
use super::tree::{Branch, Found, Node, Target, Tree};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use postrider_dns::{Failure, Kind, Record as DnsRecord, Resolver};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How far a survey may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Terms that look something up, counted as a check would: each time they are met.
    pub lookups_max: usize,
    /// How deep records may lie below each other.
    pub depth_max: usize,
    /// Questions put to the DNS.
    pub questions_max: usize,
    /// Mail exchanges of one domain whose addresses are asked for.
    pub exchanges_max: usize,
    /// All of it together; what has not come by then is left out.
    pub time_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            lookups_max: 100,
            depth_max: 20,
            questions_max: 400,
            exchanges_max: 10,
            time_max: Duration::from_secs(10),
        }
    }
}

/// One question to the DNS: a name in canonical form, and a type.
pub type Question = (Box<str>, Kind);

/// What the DNS said.
pub type Answers = BTreeMap<Question, Result<Vec<DnsRecord>, Failure>>;

/// Looks at all records that the policy of a domain is made of.
///
/// ```
/// use postrider_dns::Zone;
/// use postrider_mailauth::spf::{Bounds, survey};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let zone = Zone::parse("example.test TXT \"v=spf1 include:mail.test -all\"\nmail.test TXT \"v=spf1 ip4:192.0.2.0/24 mx\"").unwrap();
/// let tree = survey(&zone, "example.test", &Bounds::default()).await;
/// assert_eq!((tree.root.lookups, tree.root.voids), (2, 1));
/// assert_eq!(tree.root.addresses.count_v4(), 256);
/// # });
/// ```
pub async fn survey(resolver: &dyn Resolver, domain: &str, bounds: &Bounds) -> Tree {
    let mut answers = Answers::new();
    let end = tokio::time::Instant::now() + bounds.time_max;
    loop {
        let (mut tree, missing) = build(domain, &answers, bounds);
        let room = bounds.questions_max.saturating_sub(answers.len());
        if missing.is_empty() || room == 0 {
            tree.cut |= !missing.is_empty();
            return tree;
        }
        let asked = missing.into_iter().take(room).map(|question| async move {
            let answer = resolver.look_up(&question.0, question.1).await.map(|answer| answer.records);
            (question, answer)
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        loop {
            match tokio::time::timeout_at(end, asked.next()).await {
                Ok(Some((question, answer))) => answers.insert(question, answer),
                Ok(None) => break,
                Err(_) => return Tree { cut: true, ..build(domain, &answers, bounds).0 },
            };
        }
    }
}

/// Makes the tree from the answers there are; and the questions that are still open.
pub fn build(domain: &str, answers: &Answers, bounds: &Bounds) -> (Tree, BTreeSet<Question>) {
    let domain = names::canonical(domain);
    let mut builder = Builder {
        answers,
        bounds,
        origin: &domain,
        missing: BTreeSet::new(),
        above: Vec::new(),
        lookups: 0,
        cut: false,
    };
    let root = builder.node(&domain);
    (Tree { root, cut: builder.cut }, builder.missing)
}

struct Builder<'a> {
    answers: &'a Answers,
    bounds: &'a Bounds,
    /// The domain that is surveyed.
    origin: &'a str,
    missing: BTreeSet<Question>,
    /// The domains on the way from the root to here.
    above: Vec<String>,
    /// Look-ups so far, in the order of evaluation.
    lookups: usize,
    cut: bool,
}

impl<'a> Builder<'a> {
    fn node(&mut self, domain: &str) -> Node {
        let found = self.found(domain);
        let mut node = Node {
            domain: domain.into(),
            found,
            branches: Vec::new(),
            lookups: 0,
            voids: 0,
            addresses: Addresses::default(),
            open: false,
        };
        let Found::Record(record) = &node.found else {
            node.open = matches!(node.found, Found::NotAsked | Found::Failed(_));
            return node;
        };
        let record = Arc::clone(record);
        self.above.push(domain.to_owned());
        node.branches = self.branches(&record, domain);
        self.above.pop();
        node.lookups = node.branches.iter().map(|branch| branch.lookups).sum();
        node.voids = node.branches.iter().map(|branch| branch.voids).sum();
        let passing = || node.branches.iter().filter(|branch| branch.reached && passes(&record, branch.term));
        node.open = passing().any(is_open);
        node.addresses = Addresses::union(passing().map(|branch| branch.addresses.clone()));
        node
    }

    fn found(&mut self, domain: &str) -> Found {
        if !names::can_be_checked(domain) {
            return Found::NotAName;
        }
        if self.above.iter().any(|above| above == domain) {
            return Found::Loop;
        }
        if self.above.len() >= self.bounds.depth_max {
            self.cut = true;
            return Found::NotAsked;
        }
        let texts: Vec<Box<str>> = match self.ask(domain, Kind::Txt) {
            None => return Found::NotAsked,
            Some(Err(failure)) if failure.is_absence() => {
                return Found::NoRecord { absence: Some(failure.clone()), texts: Vec::new() };
            }
            Some(Err(failure)) => return Found::Failed(failure.clone()),
            Some(Ok(records)) => records
                .iter()
                .filter_map(|record| if let DnsRecord::Txt(text) = record { Some(text.clone()) } else { None })
                .collect(),
        };
        match select(&texts) {
            Selected::One(text) => Found::Record(Arc::new(parse(text))),
            Selected::Many => Found::Many(texts.into_iter().filter(|text| is_spf(text)).collect()),
            Selected::None => Found::NoRecord { absence: None, texts },
        }
    }

    /// A branch for each term. `redirect` is looked at last, wherever it stands (RFC 7208 §6.1).
    fn branches(&mut self, record: &Record, domain: &str) -> Vec<Branch> {
        let end = record.all().map_or(usize::MAX, |(index, _)| index);
        let redirect = record.redirect().map(|(index, _)| index);
        let mut branches: Vec<Branch> = Vec::with_capacity(record.terms.len());
        for (index, term) in record.terms.iter().enumerate().filter(|(index, _)| Some(*index) != redirect) {
            branches.push(self.branch(index, term, index <= end, domain));
        }
        if let Some((index, term)) = redirect.and_then(|index| Some((index, record.terms.get(index)?))) {
            let branch = self.branch(index, term, end == usize::MAX, domain);
            branches.insert(index.min(branches.len()), branch);
        }
        branches
    }

    fn branch(&mut self, index: usize, term: &Term, reached: bool, domain: &str) -> Branch {
        let mut branch = Branch {
            term: index,
            span: term.span,
            reached,
            number: None,
            lookups: 0,
            voids: 0,
            addresses: Addresses::default(),
            target: Target::Nothing,
        };
        if !reached {
            return branch;
        }
        if !term.looks_up() {
            branch.addresses = written_addresses(term);
            return branch;
        }
        self.lookups += 1;
        branch.number = Some(self.lookups);
        branch.lookups = 1;
        if self.lookups > self.bounds.lookups_max {
            self.cut = true;
            branch.target = Target::NotAsked;
            return branch;
        }
        match &term.form {
            Form::Redirect(target) | Form::Directive { mechanism: Mechanism::Include(target), .. } => {
                self.below(&mut branch, target, domain);
            }
            Form::Directive { mechanism, .. } => self.host_term(&mut branch, mechanism, domain),
            _ => {}
        }
        branch
    }

    /// `include` and `redirect`.
    fn below(&mut self, branch: &mut Branch, target: &MacroString, domain: &str) {
        let Some(name) = self.name(target, domain) else {
            branch.target = Target::Message;
            return;
        };
        let node = self.node(&name);
        branch.lookups += node.lookups;
        branch.voids = node.voids;
        branch.addresses = node.addresses.clone();
        branch.target = Target::Node(Box::new(node));
    }

    /// `a`, `mx`, `exists` and `ptr`.
    fn host_term(&mut self, branch: &mut Branch, mechanism: &Mechanism, domain: &str) {
        let target = match mechanism {
            Mechanism::A { target, .. } | Mechanism::Mx { target, .. } => target.as_ref(),
            Mechanism::Exists(target) => Some(target),
            // Its names are those of the client's address.
            _ => None,
        };
        let name = match target {
            Some(target) => self.name(target, domain),
            None => Some(domain.to_owned()),
        };
        let Some(name) = name.filter(|_| !matches!(mechanism, Mechanism::Ptr(_))) else {
            branch.target = Target::Message;
            return;
        };
        if !names::can_be_asked(&name) {
            branch.target = Target::NotAName(name.into());
            return;
        }
        match mechanism {
            Mechanism::A { prefixes, .. } => self.host(branch, &name, *prefixes),
            Mechanism::Mx { prefixes, .. } => self.exchanges(branch, &name, *prefixes),
            _ => self.existence(branch, &name),
        }
    }

    fn host(&mut self, branch: &mut Branch, name: &str, prefixes: Prefixes) {
        let Some(found) = self.addresses(name) else {
            branch.target = Target::NotAsked;
            return;
        };
        let (addresses, failure) = match found {
            Ok(addresses) => (addresses, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        branch.voids = usize::from(failure.as_ref().is_some_and(Failure::is_absence));
        branch.addresses = networks(&addresses, prefixes);
        branch.target = Target::Host { name: name.into(), addresses: addresses.len(), failure };
    }

    fn existence(&mut self, branch: &mut Branch, name: &str) {
        branch.target = match self.ask(name, Kind::A) {
            None => Target::NotAsked,
            Some(Ok(records)) => {
                // A name that is there matches every client.
                branch.addresses = Addresses::all();
                Target::Host { name: name.into(), addresses: records.len(), failure: None }
            }
            Some(Err(failure)) => {
                branch.voids = usize::from(failure.is_absence());
                Target::Host { name: name.into(), addresses: 0, failure: Some(failure.clone()) }
            }
        };
    }

    fn exchanges(&mut self, branch: &mut Branch, name: &str, prefixes: Prefixes) {
        let records = match self.ask(name, Kind::Mx) {
            None => {
                branch.target = Target::NotAsked;
                return;
            }
            Some(Err(failure)) => {
                branch.voids = usize::from(failure.is_absence());
                let failure = Some(failure.clone());
                branch.target = Target::Exchanges { name: name.into(), hosts: 0, dead: Vec::new(), failure };
                return;
            }
            Some(Ok(records)) => records,
        };
        let hosts = records.iter().filter_map(|record| match record {
            DnsRecord::Mx(mx) if !matches!(&*mx.exchange, "" | ".") => Some(&mx.exchange),
            _ => None,
        });
        let mut dead = Vec::new();
        let mut found = Vec::new();
        for host in hosts.take(self.bounds.exchanges_max) {
            match self.addresses(host) {
                Some(Ok(addresses)) => found.push(networks(&addresses, prefixes)),
                Some(Err(failure)) if failure.is_absence() => dead.push(host.clone()),
                Some(Err(_)) | None => {}
            }
        }
        branch.addresses = Addresses::union(found);
        branch.target = Target::Exchanges { name: name.into(), hosts: records.len(), dead, failure: None };
    }

    /// The addresses of a host, of both kinds; both are asked for at once. `None` when that is
    /// still to be done. One kind is enough; without any, trouble is told before absence.
    fn addresses(&mut self, host: &str) -> Option<Result<Vec<IpAddr>, Failure>> {
        if !names::can_be_asked(host) {
            return Some(Ok(Vec::new()));
        }
        let (four, six) = (self.ask(host, Kind::A), self.ask(host, Kind::Aaaa));
        Some(match (four?, six?) {
            (Err(four), Err(six)) if four.is_absence() => Err(six.clone()),
            (Err(four), Err(_)) => Err(four.clone()),
            (four, six) => {
                let both = [four, six].into_iter().flatten().flatten();
                Ok(both.filter_map(address).collect())
            }
        })
    }

    /// The answer to a question; without one it is put on the list.
    fn ask(&mut self, name: &str, kind: Kind) -> Option<&'a Result<Vec<DnsRecord>, Failure>> {
        let question = (names::canonical(name).into(), kind);
        let answer = self.answers.get(&question);
        if answer.is_none() {
            self.missing.insert(question);
        }
        answer
    }

    /// The name a term points to, when it is the same for every message of the domain.
    fn name(&self, target: &MacroString, domain: &str) -> Option<String> {
        let expanded = expand(target, |letter| match letter {
            b'd' => Some(Cow::Borrowed(domain)),
            b'o' => Some(Cow::Borrowed(self.origin)),
            _ => None,
        })?;
        Some(names::canonical(names::fitting(expanded.strip_suffix('.').unwrap_or(&expanded))))
    }
}

/// Whether a term lets through what it matches.
fn passes(record: &Record, term: usize) -> bool {
    match record.terms.get(term).map(|term| &term.form) {
        Some(Form::Directive { qualifier, .. }) => *qualifier == Qualifier::Pass,
        Some(Form::Redirect(_)) => true,
        _ => false,
    }
}

/// Whether a branch may match addresses that it does not tell.
fn is_open(branch: &Branch) -> bool {
    match &branch.target {
        Target::Message | Target::NotAsked => true,
        Target::Node(node) => node.open,
        Target::Host { failure, .. } | Target::Exchanges { failure, .. } => {
            failure.as_ref().is_some_and(|failure| !failure.is_absence())
        }
        Target::Nothing | Target::NotAName(_) => false,
    }
}

/// The addresses that stand in the term itself.
fn written_addresses(term: &Term) -> Addresses {
    match &term.form {
        Form::Directive { mechanism: Mechanism::Ip4 { network, prefix }, .. } => {
            Addresses::network((*network).into(), *prefix)
        }
        Form::Directive { mechanism: Mechanism::Ip6 { network, prefix }, .. } => {
            Addresses::network((*network).into(), *prefix)
        }
        Form::Directive { mechanism: Mechanism::All, .. } => Addresses::all(),
        _ => Addresses::default(),
    }
}

fn networks(addresses: &[IpAddr], prefixes: Prefixes) -> Addresses {
    Addresses::union(addresses.iter().map(|ip| {
        let prefix = if ip.is_ipv4() { prefixes.v4 } else { prefixes.v6 };
        Addresses::network(*ip, prefix)
    }))
}
