//! Stopping, dying, and coming back.

use crate::common::{HOUR, House, Said, Says, says};
use std::sync::mpsc;
use std::time::Duration;

#[tokio::test]
async fn work_begun_in_the_last_life_is_done_in_this_one() {
    let mut house = House::new().await;
    // The host takes its time over the recipient; the relay dies meanwhile.
    let (reached, at_rcpt) = mpsc::channel();
    house.host.answers(move |said| match said {
        Said::Rcpt(_) => {
            let _ = reached.send(());
            Says::Hangs
        }
        _ => says("250 ok"),
    });
    house.send(&["tom@x.example"]).await;
    tokio::task::spawn_blocking(move || at_rcpt.recv()).await.unwrap().unwrap();
    house.relay().stop(Duration::ZERO).await;
    house.kill().await;
    house.host.rcpt(&[]);
    house.start();
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(
        house.told.lines(),
        ["accepted <ann@home.example> → tom@x.example", "recovered Begun [0]", "delivered tom@x.example #1",]
    );
    assert_eq!(house.host.taken_for("tom@x.example"), 1);
}

#[tokio::test]
async fn a_death_between_dot_and_reply_is_named() {
    let mut house = House::new().await;
    let (reached, at_dot) = mpsc::channel();
    house.host.answers(move |said| match said {
        Said::Dot(_) => {
            let _ = reached.send(());
            Says::Hangs
        }
        _ => says("250 ok"),
    });
    house.send(&["tom@x.example"]).await;
    tokio::task::spawn_blocking(move || at_dot.recv()).await.unwrap().unwrap();
    house.kill().await;
    house.host.rcpt(&[]);
    house.start();
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.told.lines()[1..], ["recovered InDoubt [0]", "delivered tom@x.example #1"]);
}

#[tokio::test]
async fn a_relay_that_stops_takes_nothing_more_and_leaves_the_rest_for_later() {
    let mut house = House::new().await;
    house.host.rcpt(&[("tom@x.example", "450 4.2.1 busy")]);
    house.send(&["tom@x.example"]).await;
    house.told.until(1, "deferred").await;
    house.relay().stop(Duration::from_secs(5)).await;
    let refused = house.submit(Some("ann@home.example"), &["tim@x.example"]).await.unwrap_err();
    assert_eq!(refused.to_string(), "421 4.3.2 shutting down, try again in a minute");
    house.kill().await;
    house.host.rcpt(&[]);
    house.start();
    house.clock.forward(HOUR);
    house.told.until(1, "delivered").await;
    assert_eq!(house.told.lines().last().unwrap(), "delivered tom@x.example #2");
}
