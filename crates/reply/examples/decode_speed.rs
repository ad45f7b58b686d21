//! How long one decoding takes: `cargo run --release -p postrider-reply --example decode_speed`.

use postrider_reply::{Context, Decoder};
use postrider_smtp::{Outcome, Phase, Reply, ReplyCode, Trouble, TroubleKind};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 200_000;

fn main() {
    let replied = |phase, code, text: &str| Outcome::Replied { phase, reply: Reply::new(code, text) };
    let cases = [
        ("delivered", replied(Phase::Dot, ReplyCode::OK_250, "2.0.0 Ok: queued as 4bXyZ12345")),
        (
            "unknown user",
            replied(Phase::Rcpt, ReplyCode::MAILBOX_UNAVAILABLE_550, "5.1.1 <tom@x.example>: no such user"),
        ),
        ("greylisted", replied(Phase::Rcpt, ReplyCode::LOCAL_ERROR_451, "4.7.1 Greylisted, try again in 300 seconds")),
        (
            "a bare code",
            replied(Phase::Dot, ReplyCode::FAILED_554, "Transaction failed for a reason we keep to ourselves"),
        ),
        (
            "refused",
            Outcome::Unreached(Trouble {
                phase: Phase::Connect,
                kind: TroubleKind::ConnectionRefused,
                errno: Some(111),
                detail: "Connection refused".into(),
            }),
        ),
    ];
    let decoder = Decoder::new();
    for (name, outcome) in &cases {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(decoder.decode(black_box(outcome), &Context::default()));
        }
        println!("{name:>12}: {:>6} ns", start.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}
