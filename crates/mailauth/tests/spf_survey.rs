//! The tree of a policy: what it costs, what it lets through, and where it is broken.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use postrider_dns::{Answer, Failure, Kind, Looking, Record, Resolver, Zone};
use postrider_mailauth::spf::{Bounds, Found, Node, Target, Tree, survey};
use std::sync::Mutex;
use std::time::Duration;

const ZONE: &str = r#"
plain.test      TXT   "v=spf1 mx a:www.plain.test ip4:192.0.2.0/24 -all"
plain.test      MX    10 mx1.plain.test
plain.test      MX    20 mx2.plain.test
mx1.plain.test  A     198.51.100.1
mx1.plain.test  AAAA  2001:db8::1
mx2.plain.test  A     192.0.2.9
www.plain.test  A     198.51.100.2

deep.test       TXT   "v=spf1 include:a.deep.test include:b.deep.test a mx ptr exists:%{i}.x.test ~all"
deep.test       A     192.0.2.1
a.deep.test     TXT   "v=spf1 include:c.deep.test include:c.deep.test ip4:192.0.2.0/25 ?all"
b.deep.test     TXT   "v=spf1 redirect=c.deep.test"
c.deep.test     TXT   "v=spf1 a:h1.deep.test a:h2.deep.test ip4:192.0.2.0/24 -all"
h1.deep.test    A     192.0.2.1

idle.test       TXT   "v=spf1 include:plain.test -all include:none.test redirect=none.test"
loop.test       TXT   "v=spf1 include:loop2.test -all"
loop2.test      TXT   "v=spf1 include:loop.test -all"
broken.test     TXT   "v=spf1 include:none.test include:twice.test include:gone.test include:down.test include:text.test include:bad.test a:x..y.test -all"
none.test       A     192.0.2.1
twice.test      TXT   "v=spf1 -all"
twice.test      TXT   "v=spf1 ~all"
down.test       SERVFAIL
text.test       TXT   "v=spf2.0/pra -all"
bad.test        TXT   "v=spf1 ip4:192.0.2.0/99 ip4:198.51.100.0/24 -all"
macro.test      TXT   "v=spf1 include:%{ir}.%{v}.%{d}.has.test include:_spf.%{d2} -all"
_spf.macro.test TXT   "v=spf1 ip4:192.0.2.1 -all"
open.test       TXT   "v=spf1 +all"
soft.test       TXT   "v=spf1 ?include:open.test ~ip4:192.0.2.1 -all"
many.test       TXT   "v=spf1 mx -all"
many.test       MX    1 m1.many.test
many.test       MX    2 m2.many.test
many.test       MX    3 m3.many.test
m1.many.test    A     192.0.2.1
m2.many.test    TXT   "no address"
m3.many.test    A     192.0.2.1
void.test       TXT   "v=spf1 a:v1.test mx:v2.test exists:v3.test a:down.test -all"
"#;

async fn tree(domain: &str) -> Tree {
    survey(&Zone::parse(ZONE).unwrap(), domain, &Bounds::default()).await
}

#[tokio::test]
async fn trees_are_counted_as_a_check_would_in_the_worst_case() {
    // domain, look-ups, void ones, IPv4 addresses, IPv6 addresses, whether more may pass
    let table = [
        ("plain.test", 2, 0, 258, 1, false),
        // a: 1 + (1 + 2) + (1 + 2); b: 1 + 1 + 2; and a, mx, ptr, exists.
        ("deep.test", 15, 4, 256, 0, true),
        ("idle.test", 3, 0, 258, 1, false),
        ("loop.test", 2, 0, 0, 0, false),
        ("broken.test", 7, 0, 256, 0, true),
        ("macro.test", 2, 0, 1, 0, true),
        ("open.test", 0, 0, 1 << 32, u128::MAX, false),
        ("soft.test", 1, 0, 0, 0, false),
        ("many.test", 1, 0, 1, 0, false),
        ("void.test", 4, 3, 0, 0, true),
        ("gone.test", 0, 0, 0, 0, false),
    ];
    for (domain, lookups, voids, v4, v6, open) in table {
        let tree = tree(domain).await;
        let Node { addresses, .. } = &tree.root;
        let found = (tree.root.lookups, tree.root.voids, addresses.count_v4(), addresses.count_v6(), tree.root.open);
        assert_eq!(found, (lookups, voids, v4, v6, open), "{domain}");
        assert!(!tree.cut, "{domain}");
    }
}

#[tokio::test]
async fn each_branch_says_what_it_costs_and_where_it_stands() {
    let tree = tree("deep.test").await;
    let branches: Vec<_> = tree
        .root
        .branches
        .iter()
        .map(|branch| (tree.root.text(branch), branch.number, branch.lookups, branch.voids))
        .collect();
    assert_eq!(
        branches,
        [
            ("include:a.deep.test", Some(1), 7, 2),
            ("include:b.deep.test", Some(8), 4, 1),
            ("a", Some(12), 1, 0),
            ("mx", Some(13), 1, 1),
            ("ptr", Some(14), 1, 0),
            ("exists:%{i}.x.test", Some(15), 1, 0),
            ("~all", None, 0, 0),
        ]
    );
    let domains: Vec<&str> = tree.nodes().iter().map(|node| &*node.domain).collect();
    assert_eq!(domains, ["deep.test", "a.deep.test", "c.deep.test", "c.deep.test", "b.deep.test", "c.deep.test"]);
}

#[tokio::test]
async fn what_is_found_below_is_told_apart() {
    let kind = |found: &Found| match found {
        Found::Record(record) if record.is_valid() => "record",
        Found::Record(_) => "faults",
        Found::NoRecord { absence: Some(Failure::NoSuchDomain { .. }), .. } => "no domain",
        Found::NoRecord { absence: Some(_), .. } => "no text",
        Found::NoRecord { absence: None, .. } => "other texts",
        Found::Many(records) if records.len() == 2 => "two",
        Found::Many(_) => "many",
        Found::Failed(_) => "trouble",
        Found::NotAName => "no name",
        Found::Loop => "loop",
        Found::NotAsked => "not asked",
    };
    let tree_of_broken = tree("broken.test").await;
    let found: Vec<_> = tree_of_broken.nodes().iter().map(|node| (kind(&node.found), node.found.is_error())).collect();
    let want = [
        ("record", false),
        ("no text", true),
        ("two", true),
        ("no domain", true),
        ("trouble", false),
        ("other texts", true),
        ("faults", true),
    ];
    assert_eq!(found, want);
    assert_eq!(tree_of_broken.root.branches[6].target, Target::NotAName("x..y.test".into()));
    let looped = tree("loop.test").await;
    assert_eq!(looped.nodes().iter().map(|node| kind(&node.found)).collect::<Vec<_>>(), ["record", "record", "loop"]);
}

#[tokio::test]
async fn terms_that_are_never_reached_cost_nothing_and_are_not_looked_up() {
    let tree = tree("idle.test").await;
    let reached: Vec<bool> = tree.root.branches.iter().map(|branch| branch.reached).collect();
    assert_eq!(reached, [true, true, false, false]);
    assert!(tree.root.branches[2..].iter().all(|branch| branch.target == Target::Nothing));
}

#[tokio::test]
async fn mail_exchanges_are_counted_and_the_dead_are_named() {
    let tree = tree("many.test").await;
    let Target::Exchanges { hosts, dead, .. } = &tree.root.branches[0].target else { panic!("{tree:?}") };
    assert_eq!((*hosts, dead.as_slice()), (3, ["m2.many.test".into()].as_slice()));
}

/// Gives the same record to everything, and notes the questions.
struct Everywhere(&'static str, Mutex<Vec<(String, Kind)>>);

impl Resolver for Everywhere {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        self.1.lock().unwrap().push((name.to_owned(), kind));
        let records = match kind {
            Kind::Txt => vec![Record::Txt(self.0.into())],
            _ => vec![Record::A("192.0.2.1".parse().unwrap())],
        };
        let answer = Answer { records, ttl: Duration::ZERO, authentic: false, canonical: None };
        Box::pin(async move { Ok(answer) })
    }
}

#[tokio::test]
async fn a_tree_without_end_is_cut_and_nothing_is_asked_twice() {
    let table = [
        // Names that grow until they no longer fit.
        ("v=spf1 include:a.%{d} -all", 20),
        ("v=spf1 include:a.%{d} include:b.%{d} include:c.%{d} -all", 100),
        ("v=spf1 a:a.%{d} a:b.%{d} redirect=c.%{d}", 60),
    ];
    for (record, lookups) in table {
        let world = Everywhere(record, Mutex::default());
        let bounds = Bounds::default();
        let tree = survey(&world, "x.test", &bounds).await;
        assert!(tree.cut, "{record}");
        assert!(tree.root.lookups >= lookups, "{record}: {}", tree.root.lookups);
        let mut asked = world.1.into_inner().unwrap();
        let count = asked.len();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), count, "{record}");
        assert!(count <= bounds.questions_max, "{record}: {count}");
    }
}
