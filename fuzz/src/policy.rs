//! Records about mail: any text is read, every place is in the text, and what is proposed in its
//! place needs no mending itself.

use postrider_mailauth::{Reading, auth_results, bimi, caa, dkim_key, dmarc, mta_sts, tlsrpt};
use std::fmt::Debug;

/// Reads the text as each kind of record.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    mends(&text, dkim_key::read);
    mends(&text, dmarc::read);
    mends(&text, mta_sts::read);
    mends(&text, mta_sts::read_policy);
    mends(&text, tlsrpt::read);
    mends(&text, bimi::read);
    in_place(&text, &bimi::read_picture(&text));
    in_place(&text, &auth_results::read(&text));
    in_place(&text, &caa::read(data.first().copied().unwrap_or_default(), "issue", &text));
    let targets = dmarc::targets(&text);
    assert!(targets.len() <= dmarc::QUERIES_MAX && caa::climb(&text).count() > 0);
    let (pattern, host) = text.split_once(' ').unwrap_or((&text, ""));
    assert!(!mta_sts::matches(pattern, host) || !host.is_empty() || pattern.trim_end_matches('.').is_empty());
}

fn mends<T: PartialEq + Debug, K: Copy + PartialEq + Debug>(text: &str, read: fn(&str) -> Reading<T, K>) {
    let found = read(text);
    in_place(text, &found);
    if let Some(corrected) = &found.corrected {
        let again = read(corrected);
        assert_eq!(again.corrected, None, "{text:?} was mended to {corrected:?}, which is not good enough");
    }
}

fn in_place<T, K: Debug>(text: &str, read: &Reading<T, K>) {
    for remark in &read.remarks {
        assert!(text.get(remark.span.clone()).is_some(), "{remark:?} is not in {text:?}");
        assert!(!remark.text.is_empty() && !remark.text.contains(char::is_control), "{remark:?}");
    }
}
