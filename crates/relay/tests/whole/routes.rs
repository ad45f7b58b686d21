//! What the DNS says, and what becomes of the mail.

use crate::common::House;

#[tokio::test]
async fn trouble_in_the_dns_has_its_cause() {
    for (to, fate) in [
        ("tom@servfail.example", "deferred tom@servfail.example #1 routing-failed"),
        ("tom@timeout.example", "deferred tom@timeout.example #1 routing-failed"),
        ("tom@nowhere.example", "failed tom@nowhere.example #1 domain-not-found"),
        ("tom@nullmx.example", "failed tom@nullmx.example #1 no-mx"),
    ] {
        let house = House::new().await;
        house.submit(None, &[to]).await.unwrap();
        house.told.until(1, fate.split(' ').next().unwrap()).await;
        let left = u64::from(fate.starts_with("deferred"));
        house.until_kept(left, left).await;
        assert_eq!(house.told.lines()[1], fate);
    }
}
