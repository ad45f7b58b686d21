//! SPF records: reading is total, spans are stretches of the text, and a domain that gives the
//! record to every name is evaluated and surveyed within bounds.

use postrider_dns::{Answer, Kind, Looking, Mx, Record as DnsRecord, Resolver};
use postrider_mailauth::spf::{
    Bounds, Form, Found, Limits, Node, Outcome, Record, Request, Span, Target, evaluate, parse, survey,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Each line of the input is a record.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        let record = parse(line);
        spans(line, &record);
        if record.is_valid() {
            let joined: Vec<&str> = record.terms.iter().map(|term| term.span.of(line)).collect();
            let again = parse(&format!("v=spf1 {}", joined.join(" ")));
            assert!(again.is_valid() && again.terms.len() == record.terms.len(), "{line:?} is not read again");
            everywhere(line);
        }
    }
}

fn spans(line: &str, record: &Record) {
    let mut end = 0;
    let inside = |span: Span| line.get(span.start..span.end).is_some();
    for term in &record.terms {
        assert!(inside(term.span) && term.span.start >= end && term.span.start < term.span.end, "{line:?}: {term:?}");
        assert!(!term.span.of(line).contains(' '), "{line:?}: {term:?}");
        end = term.span.end;
        if term.form == Form::Broken {
            let told = record
                .faults
                .iter()
                .any(|fault| fault.span.start <= term.span.end && fault.span.end >= term.span.start);
            assert!(told, "{line:?}: nobody says why {term:?}");
        }
    }
    for fault in &record.faults {
        assert!(inside(fault.span), "{line:?}: {fault:?}");
        assert!(!fault.to_string().contains(char::is_control), "{line:?}: {fault:?}");
    }
    let broken = record.terms.iter().any(|term| term.form == Form::Broken);
    assert!(!broken || !record.is_valid(), "{line:?}");
}

/// The record at every name, with hosts that have every address but the one that asks.
struct Everywhere {
    record: Box<str>,
    asked: Arc<AtomicUsize>,
}

impl Resolver for Everywhere {
    fn look_up<'a>(&'a self, name: &'a str, kind: Kind) -> Looking<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(name.len() <= 254, "{name:?} is no name");
        let record = match kind {
            Kind::Aaaa => DnsRecord::Aaaa([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()),
            Kind::Mx => DnsRecord::Mx(Mx { preference: 1, exchange: "mx.example".into() }),
            Kind::Ptr => DnsRecord::Ptr("host.example".into()),
            Kind::Txt => DnsRecord::Txt(self.record.clone()),
            _ => DnsRecord::A([192, 0, 2, 1].into()),
        };
        let answer = Answer { records: vec![record], ttl: Duration::ZERO, authentic: false, canonical: None };
        Box::pin(async move { Ok(answer) })
    }
}

fn everywhere(line: &str) {
    let asked = Arc::new(AtomicUsize::new(0));
    let world = Everywhere { record: line.into(), asked: Arc::clone(&asked) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let request = Request::mail_from([198, 51, 100, 7].into(), "helo.example", "we ird@sender.example");
    let evaluation = runtime.block_on(evaluate(&world, &request));
    let error = matches!(evaluation.outcome, Outcome::PermError | Outcome::TempError);
    assert_eq!(error, evaluation.cause.is_some(), "{line:?}: {evaluation:?}");
    assert_ne!(evaluation.outcome, Outcome::None, "{line:?}");
    // One question for each term that looks something up and one more for the host behind an
    // `mx`; the domain's own record, the names of the address, and the explanation.
    let most = 2 * Limits::default().lookups_max + 4;
    assert!(asked.swap(0, Ordering::Relaxed) <= most, "{line:?}");
    let bounds = Bounds::default();
    let tree = runtime.block_on(survey(&world, "sender.example", &bounds));
    assert!(asked.load(Ordering::Relaxed) <= bounds.questions_max, "{line:?}");
    // What a check meets, the tree has counted; but for loops, which it tells and leaves, and for
    // what hangs on the message.
    let untold = |node: &Node| node.branches.iter().any(|branch| branch.target == Target::Message);
    if !tree.cut && !tree.nodes().iter().any(|node| node.found == Found::Loop || untold(node)) {
        assert!(tree.root.lookups >= evaluation.lookups, "{line:?}: {tree:?}");
    }
}
