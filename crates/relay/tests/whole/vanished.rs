//! The peer that takes the final dot and says nothing.

use crate::common::{House, MINUTE, Said, Says, says};

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
