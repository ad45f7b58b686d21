//! The peer that takes the final dot and says nothing.

use crate::common::{House, MINUTE, Said, Says, says};
use postrider_events::Event;

/// Sent once more, and not a third time; the sender is told, and need not ask for how long.
#[tokio::test]
async fn peer_vanishes_after_every_final_dot() {
    let house = House::new().await;
    house.host.answers(|said| match said {
        Said::Dot(_) => Says::Vanishes,
        _ => says("250 ok"),
    });
    house.send(&["tom@x.example"]).await;
    house.told.until(1, "in-doubt").await;
    house.until_kept(1, 1).await;
    house.clock.forward(20 * MINUTE);
    house.told.until(1, "noticed").await;
    let events = house.told.events();
    let expired = events.iter().find_map(|event| if let Event::Expired(it) = event { Some(it) } else { None }).unwrap();
    assert_eq!((expired.attempts, &*expired.reason), (2, "in-doubt"));
    assert_eq!(house.host.taken_for("tom@x.example"), 2);
    let lines = house.told.lines();
    let of_tom: Vec<_> = lines.iter().filter(|line| line.contains("tom@x.example")).skip(1).collect();
    let want = ["in-doubt tom@x.example #1 connection-timeout", "in-doubt tom@x.example #2 connection-timeout"];
    assert_eq!(of_tom[..2], want);
    assert_eq!(of_tom[2..], ["expired tom@x.example after 2", "noticed ann@home.example of Failure: tom@x.example"]);
}

#[tokio::test]
async fn peer_vanishes_after_final_dot() {
    let house = House::new().await;
    let mut vanished = false;
    house.host.answers(move |said| match said {
        Said::Dot(_) if !std::mem::replace(&mut vanished, true) => Says::Vanishes,
        _ => says("250 ok"),
    });
    house.send(&["tom@x.example"]).await;
    house.told.until(1, "in-doubt").await;
    house.until_kept(1, 1).await;
    // RFC 1047 §3: not sent again at once.
    house.clock.forward(10 * MINUTE);
    let due = house.rows().await.rows[0].due.unwrap();
    assert!(house.told.events().iter().all(|event| event.name() != "delivered"));
    assert!(due > house.told.events()[1].at().plus(14 * MINUTE));
    house.clock.forward(10 * MINUTE);
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    let lines = house.told.lines();
    assert!(lines[1].starts_with("in-doubt tom@x.example #1 "), "{lines:?}");
    assert_eq!(lines[2], "delivered tom@x.example #2");
    assert_eq!(house.host.taken_for("tom@x.example"), 2, "the duplicate that was named");
}
