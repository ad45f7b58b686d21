//! What registries answer: any octets are read, and nothing that is shown moves a cursor.

use postrider_diagnosis::http::{Answer, Url};
use postrider_diagnosis::registry::bootstrap::Bootstrap;
use postrider_diagnosis::registry::whois::Server;
use postrider_diagnosis::registry::{Registration, name, rdap, typo, whois};

/// Reads the octets as each kind of answer.
pub fn run(data: &[u8]) {
    if let Ok(record) = rdap::read(data, "a.test") {
        shown(&record);
    }
    match whois::read(data, "a.test") {
        whois::Answer::Found(record) => shown(&record),
        whois::Answer::Ask(server) => {
            assert_eq!(
                Server::read(&server.to_string()),
                Some(server),
                "a server is named in a way that is understood"
            );
        }
        whois::Answer::Free(words) | whois::Answer::Refused(words) | whois::Answer::Unreadable(words) => plain(&words),
    }
    if let Ok(bootstrap) = Bootstrap::read(data) {
        assert!(bootstrap.bases("a.test").iter().all(|base| base.ends_with('/')));
    }
    if let Ok(answer) = Answer::read(data, 64) {
        assert!(answer.body.len() <= 64 && (100..600).contains(&answer.status));
        plain(&answer.line);
    }
    let text = String::from_utf8_lossy(data);
    if let Some(url) = Url::read(&text) {
        assert_eq!(Url::read(&url.to_string()), Some(url), "a page's address is written as it was read");
    }
    let _ = Url::read("http://a.test/b").and_then(|url| url.join(&text));
    if let Ok(checked) = name::check(&text) {
        assert!(checked.ascii.is_ascii() && checked.ascii.len() <= 253);
        let _ = typo::meant(&checked.unicode);
        let _ = name::registrable(&checked.ascii);
    }
}

fn shown(record: &Registration) {
    let texts = [&record.registrar, &record.holder, &record.abuse_email, &record.abuse_phone, &record.registrar_url];
    for text in texts.into_iter().flatten() {
        plain(text);
    }
    for said in &record.said {
        plain(&said.text);
    }
    for status in &record.statuses {
        plain(&status.text);
    }
}

fn plain(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?} has a control character");
}
