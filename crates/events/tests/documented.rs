//! `docs/events.md` and the code say the same.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod samples;

use postrider_events::{Event, SCHEMA};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/events.md");

fn line(event: &Event) -> String {
    let mut out = Vec::new();
    event.to_json_line(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_kind_has_its_example_as_it_is_written() {
    for event in samples::all() {
        let line = line(&event);
        assert!(PAGE.contains(&line), "docs/events.md lacks:\n{line}");
        assert!(PAGE.contains(&format!("\n### `{}`\n", event.name())), "no section for {}", event.name());
    }
    let names: BTreeSet<_> = samples::all().iter().map(Event::name).collect();
    assert_eq!(names, Event::NAMES.into_iter().collect());
}

#[test]
fn every_example_of_the_page_is_read_and_written_back() {
    let examples: Vec<_> = PAGE.lines().filter(|line| line.starts_with("{\"schema\"")).collect();
    assert_eq!(examples.len(), samples::all().len());
    for example in examples {
        let event = Event::from_json_line(example.as_bytes()).unwrap();
        assert_eq!(line(&event).trim_end(), example);
    }
}

#[test]
fn every_field_is_explained() {
    fn names(value: &serde_json::Value, into: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    into.insert(name.clone());
                    names(value, into);
                }
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, into)),
            _ => {}
        }
    }
    let mut fields = BTreeSet::new();
    for event in samples::all() {
        names(&serde_json::from_str(&line(&event)).unwrap(), &mut fields);
    }
    for field in fields {
        assert!(PAGE.contains(&format!("\n| `{field}` |")), "docs/events.md does not explain {field:?}");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    assert!(line(&samples::delivered()).contains(SCHEMA));
    for bad in [
        &b""[..],
        b"{}",
        b"\xff\xfe",
        br#"{"schema":"postrider.events/2","event":"held"}"#,
        br#"{"schema":"postrider.events/1","event":"unheard-of"}"#,
        br#"{"schema":"postrider.events/1","event":"held"}"#,
    ] {
        assert!(Event::from_json_line(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    let cut = line(&samples::delivered());
    assert!(Event::from_json_line(&cut.as_bytes()[..cut.len() / 2]).is_err());
}
