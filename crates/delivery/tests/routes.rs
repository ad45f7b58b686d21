//! Which hosts a destination leads to, and why to none.

#[expect(dead_code, reason = "each test file uses its part of it")]
#[expect(clippy::expect_used, reason = "a test that cannot go on fails")]
mod net;

use net::{deliver, delivery, settings, to};
use postrider_delivery::{Settings, StaticRoute};
use postrider_smtp::TroubleKind;

const ZONE: &str = "
    plain.example           MX     20 b.mx.example
    plain.example           MX     10 a.mx.example
    nomx.example            A      127.0.0.1
    null.example            MX     0 .
    alias.example           CNAME  plain.example
    servfail.example        SERVFAIL
    timeout.example         TIMEOUT
    us-first.example        MX     10 relay.example
    us-first.example        MX     20 a.mx.example
    us-second.example       MX     10 a.mx.example
    us-second.example       MX     20 relay.example
    us-second.example       MX     30 c.mx.example
    us-by-number.example    MX     10 us.mx.example
    us.mx.example           A      127.0.0.9
    private.example         MX     10 private.mx.example
    private.mx.example      A      10.1.2.3
    private.mx.example      AAAA   fd00::1
    nowhere.example         MX     10 gone.mx.example
    empty.example           TXT    \"no address\"
    sick.example            MX     10 sick.mx.example
    sick.mx.example         SERVFAIL
    one.customer.example    MX     10 one-customer.mail.big.example
    two.customer.example    MX     10 two-customer.mail.big.example";

#[tokio::test]
async fn destinations_and_their_hosts() {
    let own = vec!["relay.example".parse().unwrap()];
    let delivery = delivery(Settings { own_names: own, ..settings(25) }, ZONE);
    let table = [
        ("plain.example", "mx.example: a.mx.example b.mx.example"),
        ("alias.example", "mx.example: a.mx.example b.mx.example"),
        ("nomx.example", "nomx.example: nomx.example"),
        ("us-second.example", "mx.example: a.mx.example"),
        ("[192.0.2.1]", "[192.0.2.1]: [192.0.2.1]"),
        ("one.customer.example", "mail.big.example: one-customer.mail.big.example"),
        ("two.customer.example", "mail.big.example: two-customer.mail.big.example"),
    ];
    for (destination, want) in table {
        let route = delivery.route(&to(destination)).await.unwrap();
        let hosts: Vec<&str> = route.hosts.iter().map(|host| &*host.name).collect();
        assert_eq!(format!("{}: {}", route.site, hosts.join(" ")), want, "{destination}");
    }
}

#[tokio::test]
async fn destinations_that_lead_nowhere() {
    let own = vec!["relay.example".parse().unwrap()];
    let own_addresses = vec!["127.0.0.9".parse().unwrap()];
    let settings = Settings { own_names: own, own_addresses, private_addresses: false, ..settings(25) };
    let delivery = delivery(settings, ZONE);
    let table = [
        ("missing.example", TroubleKind::DomainNotFound),
        ("null.example", TroubleKind::NullMx),
        ("servfail.example", TroubleKind::DnsFailed),
        ("timeout.example", TroubleKind::DnsTimeout),
        ("us-first.example", TroubleKind::LoopsBack),
        ("us-by-number.example", TroubleKind::LoopsBack),
        ("private.example", TroubleKind::PrivateAddress),
        ("nowhere.example", TroubleKind::NoAddress),
        ("empty.example", TroubleKind::NoAddress),
        ("sick.example", TroubleKind::DnsFailed),
    ];
    for (domain, want) in table {
        let got = deliver(&delivery, &[&format!("tom@{domain}"), &format!("ann@{domain}")]).await;
        assert_eq!(got, vec![format!("unreached {want}"); 2], "{domain}");
    }
    assert_eq!(deliver(&delivery, &["tom@[127.0.0.1]"]).await, ["unreached private-address"]);
}

#[tokio::test]
async fn a_domain_with_300_exchanges_is_looked_at_within_bounds() {
    let zone: String = (0..300).map(|n| format!("many.example MX {n} mx{n}.example\n")).collect();
    let delivery = delivery(settings(25), &zone);
    let route = delivery.route(&to("many.example")).await.unwrap();
    assert_eq!((route.hosts.len(), &*route.hosts[0].name), (10, "mx0.example"));
    assert_eq!(deliver(&delivery, &["tom@many.example"]).await, ["unreached no-address"]);
}

#[tokio::test]
async fn the_narrowest_pattern_wins() {
    let route = |pattern: &str| StaticRoute::new(pattern.parse().unwrap(), "smart.example".parse().unwrap(), 587);
    let routes = ["*", ".example.com", "*.example.com", "mail.example.com", ".b.example.com"].map(route).into();
    let delivery = delivery(Settings { routes, ..settings(25) }, "x.example A 127.0.0.1");
    let table = [
        ("a@other.example", "route:*"),
        ("a@[192.0.2.1]", "route:*"),
        ("a@example.com", "route:.example.com"),
        ("a@x.example.com", "route:*.example.com"),
        ("a@mail.example.com", "route:mail.example.com"),
        ("a@x.b.example.com", "route:.b.example.com"),
    ];
    for (address, want) in table {
        assert_eq!(delivery.destination(&address.parse().unwrap()).to_string(), want, "{address}");
    }
    assert_eq!(delivery.route(&to("route:*")).await.unwrap().port, 587);
    let unknown = delivery.route(&to("route:of yesterday")).await.unwrap_err();
    assert_eq!(unknown.kind, TroubleKind::LocalFault);
}
