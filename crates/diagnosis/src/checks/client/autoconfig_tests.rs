use super::super::Resolved;
use super::super::srv::{SrvRecord, SrvSet};
use super::*;
use crate::finding::State;

fn file(servers: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><clientConfig version=\"1.1\"><emailProvider id=\"example.com\">\
         <domain>example.com</domain>{servers}</emailProvider></clientConfig>"
    )
}

fn incoming(host: &str, port: &str, socket: &str) -> String {
    format!(
        "<incomingServer type=\"imap\"><hostname>{host}</hostname><port>{port}</port><socketType>{socket}</socketType>\
         <username>%EMAILADDRESS%</username></incomingServer>"
    )
}

#[test]
fn files_that_can_be_read_and_files_that_cannot() {
    let good = read(&file(&incoming("imap.example.com", "993", "SSL"))).unwrap();
    let want = ConfigServer {
        service: Service::Imap,
        host: "imap.example.com".into(),
        port: 993,
        mode: Mode::Implicit,
        user: "%EMAILADDRESS%".into(),
    };
    assert_eq!(good, [want]);
    let table = [
        (file(&incoming("a", "0", "SSL")), "the <port> of its IMAP server is \"0\""),
        (file(&incoming("", "993", "SSL")), "its IMAP server has no <hostname>"),
        (file(&incoming("a", "993", "TLS")), "the <socketType>"),
        (file(""), "it names no IMAP, POP3 or SMTP server"),
        (file("<incomingServer><hostname>a</hostname></incomingServer>"), "a <incomingServer> has no type"),
        ("<a/>".into(), "its root is <a>, not <clientConfig>"),
        ("<clientConfig/>".into(), "there is no <emailProvider> in it"),
        ("<clientConfig>".into(), ""),
        ("<!DOCTYPE a [<!ENTITY b \"b\">]><clientConfig>&b;</clientConfig>".into(), "DTD"),
    ];
    for (text, want) in table {
        let fault = read(&text).unwrap_err();
        assert!(fault.contains(want), "{text}: {fault}");
    }
    assert!(read(&format!("<clientConfig>{}</clientConfig>", "<a>".repeat(20_000))).is_err());
}

fn facts(pages: Vec<Page>) -> ClientFacts {
    let pages = pages.into_iter().map(|page| ("https://autoconfig.example.com/".to_owned(), page)).collect();
    let mut facts = ClientFacts {
        domain: "example.com".into(),
        autoconfig: Some(AutoconfigSeen { pages, ..AutoconfigSeen::default() }),
        ..ClientFacts::default()
    };
    for (name, ip) in [("imap.example.com", "192.0.2.1"), ("old.example.net", "192.0.2.9")] {
        facts.names.insert(name.into(), Resolved { ips: vec![ip.parse().unwrap()], ..Resolved::default() });
    }
    facts.names.insert("gone.example.com".into(), Resolved::default());
    facts
}

fn config(host: &str, port: &str, socket: &str) -> Page {
    Page::Config(read(&file(&incoming(host, port, socket))).unwrap())
}

#[test]
fn what_is_said_of_a_file() {
    let failed = |silent| Page::Failed { why: "x".into(), silent };
    let table = [
        ("good", vec![config("imap.example.com", "993", "SSL")], State::Fine, ""),
        ("own port", vec![config("imap.example.com", "10143", "STARTTLS")], State::Fine, ""),
        ("for the domain", vec![config("imap.%EMAILDOMAIN%", "993", "SSL")], State::Fine, ""),
        (
            "first is no file, then it is",
            vec![failed(false), config("imap.example.com", "993", "SSL")],
            State::Fine,
            "",
        ),
        ("web site", vec![Page::Other("404".into())], State::NotApplicable, ""),
        ("bad certificate, no file", vec![failed(false)], State::NotApplicable, ""),
        ("silence", vec![failed(true)], State::Untested, ""),
        ("broken", vec![Page::Broken("x".into())], State::Found, "cannot be read"),
        ("clear", vec![config("imap.example.com", "143", "plain")], State::Found, "without TLS"),
        ("wrong mode", vec![config("imap.example.com", "993", "STARTTLS")], State::Found, "STARTTLS for port 993"),
        ("gone", vec![config("gone.example.com", "993", "SSL")], State::Found, "no address"),
    ];
    for (name, pages, state, words) in table {
        let mut say = Say::default();
        judge(&facts(pages), &mut say);
        assert_eq!(say.state_of("cl.autoconf"), Some(state), "{name}");
        let titles: Vec<&str> = say.findings().iter().map(|finding| finding.title.as_str()).collect();
        assert!(
            titles.len() == usize::from(!words.is_empty()) && titles.iter().all(|title| title.contains(words)),
            "{name}: {titles:?}"
        );
    }
}

#[test]
fn a_file_and_records_that_lead_to_different_machines() {
    let said = |target: &str| {
        let mut facts = facts(vec![config("imap.example.com", "993", "SSL")]);
        let records = vec![SrvRecord { priority: 0, weight: 0, port: 993, target: target.into() }];
        let name = "_imaps._tcp.example.com".into();
        facts.srv.push(SrvSet { name, service: Service::Imap, mode: Mode::Implicit, records, failure: None });
        let mut say = Say::default();
        judge(&facts, &mut say);
        say.findings().len()
    };
    assert_eq!((said("old.example.net"), said("imap.example.com"), said(".")), (1, 0, 0));
}
