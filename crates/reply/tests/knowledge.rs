//! All knowledge that is compiled in proves itself: every entry by its own examples.

use postrider_reply::Decoder;

#[test]
fn every_example_is_decided_by_its_entry() {
    let disputes: Vec<_> = Decoder::new().disputes().iter().map(ToString::to_string).collect();
    assert!(disputes.is_empty(), "{disputes:#?}");
}

#[test]
fn entries_have_what_a_reader_needs() {
    let decoder = Decoder::new();
    assert!(decoder.entries().count() > 1000);
    for entry in decoder.entries() {
        assert!(!entry.matches.is_empty() && !entry.source.is_empty(), "{}", entry.id);
        let dated = entry.seen.len() == 7 && entry.seen.starts_with("20") && entry.seen.as_bytes()[4] == b'-';
        assert!(dated, "{}: seen {}", entry.id, entry.seen);
        for text in entry.summary.iter().chain(&entry.advice) {
            assert!(text.ends_with(['.', '?', '!', '/']) || text.contains("http"), "{}: {text}", entry.id);
        }
    }
}
