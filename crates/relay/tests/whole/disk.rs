//! A disk that is full, or sick.

use crate::common::{House, MINUTE};
use postrider_spool::SpoolError;

#[tokio::test]
async fn what_cannot_be_kept_is_not_accepted() {
    let house = House::new().await;
    for (error, reply) in [
        (SpoolError::Full("test".into()), "452 4.3.1 no room for mail at the moment, try again later"),
        (SpoolError::Disk("test".into()), "451 4.3.0 the message could not be stored, try again later"),
    ] {
        house.disk(Some(error));
        let refused = house.submit(Some("ann@home.example"), &["tom@x.example"]).await.unwrap_err();
        assert_eq!(refused.to_string(), reply);
    }
    house.disk(None);
    house.send(&["tom@x.example"]).await;
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.host.taken().len(), 1, "what was refused did not go out");
}

#[tokio::test]
async fn an_outcome_is_recorded_when_the_disk_is_back_and_nothing_is_sent_twice() {
    let house = House::new().await;
    let faults = house.faults.clone();
    house.host.answers(move |said| {
        // The disk fills up between the final dot and its record.
        if let crate::common::Said::Dot(_) = said {
            *faults.writes.lock().unwrap() = Some(SpoolError::Full("test".into()));
        }
        crate::common::says("250 ok")
    });
    house.send(&["tom@x.example"]).await;
    while house.host.taken().is_empty() {
        tokio::task::yield_now().await;
    }
    house.clock.forward(10 * MINUTE);
    house.until_kept(1, 1).await;
    assert_eq!(house.told.lines().len(), 1, "nothing is told that is not recorded");
    house.disk(None);
    house.settle().await;
    house.told.until(1, "delivered").await;
    assert_eq!(house.host.taken().len(), 1);
}

#[tokio::test]
async fn one_message_that_cannot_be_read_does_not_stop_the_others() {
    let house = House::new().await;
    house.host.rcpt(&[("tom@x.example", "450 4.2.1 busy"), ("tim@x.example", "450 4.2.1 busy")]);
    let broken = house.send(&["tom@x.example"]).await;
    house.send(&["tim@x.example"]).await;
    house.told.until(2, "deferred").await;
    house.host.rcpt(&[]);
    house.faults.unreadable.lock().unwrap().insert(broken);
    house.clock.forward(10 * MINUTE);
    house.told.until(1, "delivered").await;
    house.until_kept(1, 1).await;
    let reason = async {
        while !house.rows().await.rows[0].reason.contains("cannot be read from the spool") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::common::GUARD, reason).await.expect("the reason stands in the queue");
    house.faults.unreadable.lock().unwrap().clear();
    house.clock.forward(10 * MINUTE);
    house.told.until(2, "delivered").await;
    house.until_kept(0, 0).await;
}
