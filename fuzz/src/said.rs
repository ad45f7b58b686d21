//! Quoted replies: whatever is quoted is read, and there is a verdict on it.

use postrider_reply::{Context, Decoder, Disposition};
use postrider_smtp::Said;
use postrider_smtp::said::SAID_BYTES_MAX;
use std::sync::OnceLock;

/// The verdict keeps its promises: it names only what was said, and no fault of ours costs an address.
pub fn run(data: &[u8]) {
    static DECODER: OnceLock<Decoder> = OnceLock::new();
    let decoder = DECODER.get_or_init(Decoder::new);
    let text = String::from_utf8_lossy(data);
    let (host, quoted) = text.split_once('\u{1}').unwrap_or(("", &text));
    let said = Said::parse(quoted);
    assert!(said.text.len() <= SAID_BYTES_MAX, "{} octets of text", said.text.len());
    if let Some(code) = said.code {
        assert!(quoted.contains(&code.to_string()), "{code} was not said");
    }
    let context = Context { host, ..Context::default() };
    let verdict = decoder.explain(&said, &context);
    assert_eq!((verdict.evidence.code, verdict.evidence.enhanced), (said.code, said.enhanced));
    assert!(!verdict.summary.is_empty(), "a verdict without words");
    assert!(!verdict.suppress || verdict.disposition == Disposition::Fail, "suppressed for what may pass");
    assert_eq!(verdict, decoder.explain(&Said::parse(quoted), &context), "the same words, another verdict");
    decoder.weigh(&said, &context);
}
