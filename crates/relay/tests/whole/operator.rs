//! The operator's hand on the queue.

use crate::common::{House, SECOND};
use postrider_spool::{QueueQuery, Surgery};

fn at_x() -> QueueQuery {
    QueueQuery { destination: Some("x.example".parse().unwrap()), ..QueueQuery::default() }
}

#[tokio::test]
async fn a_message_is_retried_or_dropped_by_hand() {
    let house = House::new().await;
    house.host.rcpt(&[("tom@x.example", "450 4.2.1 busy"), ("tim@x.example", "450 4.2.1 busy")]);
    house.send(&["tom@x.example"]).await;
    let tim = house.send(&["tim@x.example"]).await;
    house.told.until(2, "deferred").await;
    house.host.rcpt(&[]);
    let of_tim = QueueQuery { message: Some(tim), ..QueueQuery::default() };
    assert_eq!(house.relay().operate(of_tim, Surgery::Drop, "root").await.unwrap(), 1);
    assert_eq!(house.relay().operate(at_x(), Surgery::Retry, "root").await.unwrap(), 1);
    house.clock.forward(SECOND);
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.host.taken_for("tim@x.example"), 0);
    let lines = house.told.lines();
    assert!(lines.contains(&"dropped 1 by root".to_owned()) && lines.contains(&"retried 1 by root".to_owned()));
}

#[tokio::test]
async fn a_held_destination_holds_new_mail_and_over_a_restart() {
    let mut house = House::new().await;
    assert_eq!(house.relay().operate(at_x(), Surgery::Hold, "root").await.unwrap(), 0);
    house.send(&["tom@x.example"]).await;
    let held = |rows: postrider_spool::QueuePage| rows.rows.iter().map(|row| row.held).collect::<Vec<_>>();
    assert_eq!(held(house.rows().await), [true]);

    house.stop().await;
    house.start();
    house.send(&["tim@x.example"]).await;
    house.send(&["kim@y.example"]).await;
    house.told.until(1, "delivered").await;
    house.until_kept(2, 2).await;
    assert_eq!(held(house.rows().await), [true, true]);
    assert_eq!(house.host.taken().len(), 1, "what is not held goes on");

    assert_eq!(house.relay().operate(at_x(), Surgery::Release, "root").await.unwrap(), 2);
    house.clock.forward(SECOND);
    house.told.until(3, "delivered").await;
    house.until_kept(0, 0).await;
    house.stop().await;
    house.start();
    house.send(&["tom@x.example"]).await;
    house.told.until(4, "delivered").await;
}
