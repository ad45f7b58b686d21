//! Who is told of what, and who never is.

use crate::common::House;
use postrider_smtp::Notify;

const NO_SUCH_USER: &[(&str, &str)] = &[("tom@x.example", "550 5.1.1 no such user")];

#[tokio::test]
async fn about_a_null_sender_message_nobody_is_told() {
    let house = House::new().await;
    house.host.rcpt(NO_SUCH_USER);
    house.submit(None, &["tom@x.example"]).await.unwrap();
    house.told.until(1, "failed").await;
    // A notice would have been kept in the same step as the failure.
    house.until_kept(0, 0).await;
    assert_eq!(house.told.lines(), ["accepted <> → tom@x.example", "failed tom@x.example #1 mailbox-unknown"]);
}

#[tokio::test]
async fn who_wants_no_notice_gets_none() {
    let house = House::new().await;
    house.host.rcpt(NO_SUCH_USER);
    house.send_notify("tom@x.example", Notify::NEVER).await;
    house.told.until(1, "failed").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.told.lines().len(), 2);
}

#[tokio::test]
async fn a_bounce_that_cannot_be_delivered_is_the_end_of_it() {
    let house = House::new().await;
    house.host.rcpt(&[("tom@x.example", "550 5.1.1 no such user"), ("ann@home.example", "550 5.1.1 nor this one")]);
    house.send(&["tom@x.example"]).await;
    house.told.until(2, "failed").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.told.events().iter().filter(|event| event.name() == "noticed").count(), 1);
}

#[tokio::test]
async fn success_is_told_when_the_next_hop_will_not() {
    let house = House::new().await;
    house.send_notify("tom@x.example", Notify { success: true, failure: true, delay: false }).await;
    house.told.until(2, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(
        house.told.lines()[1..],
        [
            "delivered tom@x.example #1",
            "accepted <> → ann@home.example",
            "noticed ann@home.example of Success: tom@x.example",
            "delivered ann@home.example #1",
        ]
    );
}
