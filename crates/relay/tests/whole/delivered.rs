//! Mail that goes out, and recipients that part ways.

use crate::common::{House, MINUTE, Said, says};

#[tokio::test]
async fn a_message_is_delivered_and_forgotten() {
    let house = House::new().await;
    let id = house.send(&["tom@x.example"]).await;
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.told.lines(), ["accepted <ann@home.example> → tom@x.example", "delivered tom@x.example #1"]);
    let taken = house.host.taken();
    assert_eq!((taken.len(), &*taken[0].from), (1, "ann@home.example"));
    let text = &taken[0].text;
    assert!(
        text.starts_with("Received: from client.example ([192.0.2.1])\n\tby relay.example with ESMTP id "),
        "{text}"
    );
    assert!(text.contains(&format!("Message-ID: <{id}@relay.example>\n")), "{text}");
    assert!(text.contains("Date: Tue, 24 Nov 2026 16:00:00 +0000\n"), "{text}");
    assert!(text.ends_with("Subject: hi\n\nhello\n"), "{text}");
}

#[tokio::test]
async fn each_recipient_gets_its_own_fate() {
    let house = House::new().await;
    house.host.rcpt(&[("two@x.example", "450 4.2.1 busy mailbox"), ("three@x.example", "550 5.1.1 no such user")]);
    house.send(&["one@x.example", "two@x.example", "three@x.example"]).await;
    // The third recipient's bounce is delivered too.
    house.told.until(2, "delivered").await;
    house.until_kept(1, 1).await;
    assert_eq!(
        house.told.lines()[..6],
        [
            "accepted <ann@home.example> → one@x.example two@x.example three@x.example",
            "delivered one@x.example #1",
            "deferred two@x.example #1 mailbox-disabled",
            "failed three@x.example #1 mailbox-unknown",
            "accepted <> → ann@home.example",
            "noticed ann@home.example of Failure: three@x.example",
        ]
    );
    let row = &house.rows().await.rows[0];
    assert_eq!((row.standing.index, row.standing.attempts, row.held), (1, 1, false));
    assert!(row.reason.contains("450 4.2.1 busy mailbox"), "{}", row.reason);
    let bounce = house.host.taken().into_iter().find(|mail| mail.to == ["ann@home.example"]).unwrap();
    assert_eq!(bounce.from, "");
    assert!(bounce.text.contains("550 5.1.1 no such user") && bounce.text.contains("three@x.example"));
    assert!(!bounce.text.contains("Final-Recipient: rfc822; two@x.example"), "{}", bounce.text);

    house.host.rcpt(&[]);
    house.clock.forward(10 * MINUTE);
    house.told.until(3, "delivered").await;
    house.until_kept(0, 0).await;
    assert_eq!(house.told.lines().last().unwrap(), "delivered two@x.example #2");
    assert_eq!([house.host.taken_for("one@x.example"), house.host.taken_for("two@x.example")], [1, 1]);
}

#[tokio::test]
async fn a_refusal_after_the_dot_is_for_all() {
    let house = House::new().await;
    house.host.answers(|said| match said {
        Said::Dot(mail) if !mail.from.is_empty() => says("554 5.7.1 looks like spam"),
        _ => says("250 ok"),
    });
    house.send(&["one@x.example", "two@x.example"]).await;
    house.told.until(1, "delivered").await;
    house.until_kept(0, 0).await;
    let lines = house.told.lines();
    assert!(lines[1].starts_with("failed one@x.example #1 ") && lines[2].starts_with("failed two@x.example #1 "));
    assert_eq!(lines[4], "noticed ann@home.example of Failure: one@x.example two@x.example");
}
