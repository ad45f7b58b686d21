//! A destination that is down for a while.

use crate::common::House;

#[tokio::test]
async fn a_host_that_is_down_is_left_alone_and_all_goes_when_it_is_back() {
    let queue = postrider_queue::Settings { jobs_max: 20, ..postrider_queue::Settings::default() };
    let house = House::with(queue).await;
    house.host.greets("421 4.3.2 down for maintenance");
    let names: Vec<String> = (0..60).map(|n| format!("u{n}@x.example")).collect();
    for name in &names {
        house.send(&[name]).await;
        assert!(house.relay().snapshot(1).jobs <= 20, "jobs in memory are bounded");
    }
    house.told.until(3, "deferred").await;
    house.until_kept(60, 60).await;
    // All are back on disk, most of them untried; those that were in memory say why they wait.
    let all_wait = async {
        while house.rows().await.rows.iter().any(|row| row.due.is_none()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::common::GUARD, all_wait).await.expect("nothing stays in memory during the pause");
    for row in house.rows().await.rows.iter().filter(|row| row.standing.attempts == 0) {
        assert!(row.reason.is_empty() || row.reason.starts_with("site-paused:"), "{}", row.reason);
    }
    assert!(house.told.events().iter().filter(|event| event.name() == "deferred").count() <= 20);
    assert!(house.told.events().iter().all(|event| event.name() != "delivered"));

    house.host.rcpt(&[]);
    house.settle().await;
    house.told.until(60, "delivered").await;
    for name in &names {
        assert_eq!(house.host.taken_for(name), 1, "{name}");
    }
}
