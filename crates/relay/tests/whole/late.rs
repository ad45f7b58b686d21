//! Mail that is late, and mail whose time is up.

use crate::common::{DAY, HOUR, House, MINUTE};

#[tokio::test]
async fn the_sender_hears_once_of_a_delay_and_once_of_the_end() {
    let house = House::new().await;
    house.host.rcpt(&[("tom@x.example", "450 4.2.1 busy mailbox")]);
    house.send(&["tom@x.example"]).await;
    house.told.until(1, "deferred").await;
    // Not late yet.
    house.clock.forward(3 * HOUR);
    house.told.until(2, "deferred").await;
    house.clock.forward(2 * HOUR);
    house.told.until(3, "deferred").await;
    house.told.until(1, "delivered").await;
    house.clock.forward(5 * HOUR);
    house.told.until(4, "deferred").await;
    house.until_kept(1, 1).await;
    house.clock.forward(5 * DAY);
    house.told.until(2, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(
        house.told.lines()[1..],
        [
            "deferred tom@x.example #1 mailbox-disabled",
            "deferred tom@x.example #2 mailbox-disabled",
            "deferred tom@x.example #3 mailbox-disabled",
            "accepted <> → ann@home.example",
            "noticed ann@home.example of Delay: tom@x.example",
            "delivered ann@home.example #1",
            "deferred tom@x.example #4 mailbox-disabled",
            "deferred tom@x.example #5 mailbox-disabled",
            "expired tom@x.example after 5",
            "accepted <> → ann@home.example",
            "noticed ann@home.example of Failure: tom@x.example",
            "delivered ann@home.example #1",
        ]
    );
}

#[tokio::test]
async fn work_whose_lease_ran_out_in_line_is_done_once() {
    let house = House::new().await;
    house.host.rcpt(&[("tom@x.example", "450 4.2.1 busy mailbox")]);
    house.send(&["tom@x.example"]).await;
    house.told.until(1, "deferred").await;
    // The retry is claimed under a lease, delivered, and cannot be recorded for longer than that.
    house.host.rcpt(&[]);
    house.disk(Some(postrider_spool::SpoolError::Full("test".into())));
    house.clock.forward(10 * MINUTE);
    while house.host.taken_for("tom@x.example") == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        house.clock.forward(10 * MINUTE);
        // The spool works in real time: a lease is held longer before this clock goes on.
        house.until_leased().await;
    }
    house.disk(None);
    house.settle().await;
    house.told.until(1, "delivered").await;
    assert_eq!(house.host.taken_for("tom@x.example"), 1);
}
