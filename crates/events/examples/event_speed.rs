//! How long one event takes: `cargo run --release -p postrider-events --example event_speed`.

use postrider_events::{Attempted, Event, JsonLines, Settings, Sink, Via};
use postrider_reply::{Context, Decoder};
use postrider_smtp::{MessageId, Outcome, Phase, Reply, ReplyCode, Timestamp};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outcome =
        Outcome::Replied { phase: Phase::Dot, reply: Reply::new(ReplyCode::OK_250, "2.0.0 Ok: queued as 4bXyZ1") };
    let event = Event::Delivered(Box::new(Attempted {
        at: Timestamp(1_795_539_008_123),
        message: MessageId::at(Timestamp(1_795_539_008_000), 1),
        sender: Some("ann@shop.example".parse()?),
        recipient: "tom@customer.example".parse()?,
        destination: "customer.example".parse()?,
        attempt: 1,
        took_ms: 84,
        via: Via { site: Some("mx.mailhost.example".into()), ..Via::default() },
        verdict: Decoder::new().decode(&outcome, &Context::default()),
        outcome,
        next: None,
        transcript: None,
    }));

    let mut out = Vec::new();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        out.clear();
        black_box(&event).to_json_line(&mut out);
    }
    println!("   as JSON: {:>6} ns, {} octets", start.elapsed().as_nanos() / u128::from(ROUNDS), out.len());

    let dir = std::env::temp_dir().join("postrider-event-speed");
    let sink = JsonLines::open(Settings::new(&dir))?;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        sink.emit(&event);
    }
    println!("   emitted: {:>6} ns", start.elapsed().as_nanos() / u128::from(ROUNDS));
    sink.flush();
    println!("and written: {:>5} ns, {} lost", start.elapsed().as_nanos() / u128::from(ROUNDS), sink.lost());
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
