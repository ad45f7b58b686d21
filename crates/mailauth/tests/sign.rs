//! Signed here, verified by mail-auth's verifier with the public keys in memory; and bad keys.
//!
//! The keys under `keys/` were made for these tests and are used nowhere else.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use bytes::Bytes;
use mail_auth::common::cache::NoCache;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
use postrider_mailauth::{KeySettings, Settings, Signer};
use postrider_smtp::Content;
use std::borrow::Borrow;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const MESSAGE: &str = "From: Ann <ann@shop.example>\r\nTo: tom@customer.example\r\nSubject:  Your\r\n order\r\n\
    Date: Mon, 24 Nov 2025 16:50:08 +0000\r\nMessage-ID: <order-4711@shop.example>\r\n\r\nHello  Tom. \r\n\r\nAnn\r\n\r\n\r\n";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

fn key(domain: &str, selector: &str, name: &str) -> KeySettings {
    KeySettings { domain: domain.parse().unwrap(), selector: selector.into(), file: file(name) }
}

fn signer(keys: Vec<KeySettings>) -> Signer {
    Signer::open(&Settings { keys, ..Settings::default() }).unwrap()
}

fn sign(signer: &Signer, message: &str) -> String {
    signer.sign(&Content::split(Bytes::from(message.to_owned()))).unwrap()
}

/// The public keys, as a cache that is never missed.
struct PublicKeys;

impl ResolverCache<Box<str>, Txt> for PublicKeys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let is = |text: &str| <Box<str> as Borrow<Q>>::borrow(&text.into()) == name;
        let record = if is("rsa._domainkey.shop.example.") {
            concat!("v=DKIM1; k=rsa; p=", include_str!("keys/rsa.p"))
        } else if is("ed._domainkey.shop.example.") {
            concat!("v=DKIM1; k=ed25519; p=", include_str!("keys/ed25519.p"))
        } else {
            return Some(Txt::Error(mail_auth::Error::NotAligned));
        };
        Some(Txt::DomainKey(Arc::new(DomainKey::parse(record.as_bytes()).unwrap())))
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

/// For each signature, in their order: whether it holds.
async fn verify(message: &str) -> Vec<bool> {
    let nobody = MessageAuthenticator::new(ResolverConfig::default(), ResolverOpts::default()).unwrap();
    let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let outputs = nobody
        .verify_dkim(Parameters {
            params: &message,
            cache_txt: Some(&PublicKeys),
            cache_mx: None::<&NoCache<_, _>>,
            cache_ptr: None::<&NoCache<_, _>>,
            cache_ipv4: None::<&NoCache<_, _>>,
            cache_ipv6: None::<&NoCache<_, _>>,
        })
        .await;
    outputs.iter().map(|output| *output.result() == DkimResult::Pass).collect()
}

fn both() -> Signer {
    signer(vec![key("shop.example", "ed", "ed25519.pem"), key("shop.example", "rsa", "rsa.pem")])
}

#[tokio::test]
async fn both_signatures_hold_and_rsa_stands_first() {
    let fields = sign(&both(), MESSAGE);
    assert_eq!(fields.matches("DKIM-Signature: ").count(), 2);
    assert!(fields.ends_with("\r\n") && fields.split("\r\n").all(|line| line.len() <= 998), "{fields}");
    assert!(fields.find("a=rsa-sha256") < fields.find("a=ed25519-sha256"), "{fields}");
    assert!(fields.contains("c=relaxed/relaxed") && !fields.contains("l="), "{fields}");
    assert_eq!(verify(&format!("{fields}{MESSAGE}")).await, [true, true]);
}

#[tokio::test]
async fn a_pkcs1_key_signs_too() {
    let fields = sign(&signer(vec![key("shop.example", "rsa", "rsa-pkcs1.pem")]), MESSAGE);
    assert_eq!(verify(&format!("{fields}{MESSAGE}")).await, [true]);
}

#[tokio::test]
async fn what_may_change_on_the_way_and_what_may_not() {
    let fields = sign(&both(), MESSAGE);
    let table = [
        ("a Received field is added", format!("Received: x\r\n{fields}{MESSAGE}"), true),
        (
            "blanks are folded",
            format!("{fields}{}", MESSAGE.replace("Subject:  Your\r\n order", "Subject: Your order")),
            true,
        ),
        ("a list field is added", format!("{fields}List-Id: x\r\n{MESSAGE}"), true),
        ("the subject is changed", format!("{fields}{}", MESSAGE.replace("order", "ordeal")), false),
        ("the body is changed", format!("{fields}{}", MESSAGE.replace("Hello", "Hullo")), false),
        ("a second From is added", format!("{fields}From: evil@evil.example\r\n{MESSAGE}"), false),
    ];
    for (what, message, holds) in table {
        assert_eq!(verify(&message).await, [holds, holds], "{what}");
    }
}

#[tokio::test]
async fn messages_with_little_in_them() {
    for message in
        ["From: ann@shop.example\r\n\r\n", "From: ann@shop.example\r\n", "From: ann@shop.example\r\n\r\n\r\n"]
    {
        let fields = sign(&both(), message);
        let ended = if message.ends_with("\r\n\r\n") { message.to_owned() } else { format!("{message}\r\n") };
        assert_eq!(verify(&format!("{fields}{ended}")).await, [true, true], "{message:?}");
    }
}

#[test]
fn the_domain_of_from_chooses_the_key() {
    let keys = || vec![key("shop.example", "rsa", "rsa.pem"), key("own.shop.example", "ed", "ed25519.pem")];
    let strict = Signer::open(&Settings { keys: keys(), parents: false, ..Settings::default() }).unwrap();
    let table = [
        ("a@shop.example", "d=shop.example;", true),
        ("a@news.shop.example", "d=shop.example;", false),
        ("a@deep.own.shop.example", "d=own.shop.example;", false),
        ("a@own.shop.example", "d=own.shop.example;", true),
        ("a@notshop.example", "", true),
        ("a@example", "", true),
    ];
    let signer = signer(keys());
    for (from, tag, exact) in table {
        let message = MESSAGE.replace("ann@shop.example>", &format!("{from}>"));
        let fields = sign(&signer, &message);
        assert_eq!((fields.is_empty(), fields.contains(tag)), (tag.is_empty(), true), "{from}: {fields}");
        assert_eq!(sign(&strict, &message).is_empty(), tag.is_empty() || !exact, "{from}");
    }
    assert_eq!(sign(&signer, "Subject: nobody's\r\n\r\n"), "");
}

#[test]
fn bad_keys_are_named_with_what_to_do() {
    let table = [
        ("missing.pem", "cannot be read"),
        ("rsa.p", "holds no private key in PEM form"),
        ("public.pem", "is a public key"),
        ("encrypted.pem", "is encrypted; decrypt it"),
        ("ec.pem", "elliptic curve"),
        ("rsa-512.pem", "less than 1,024 bits"),
    ];
    for (name, says) in table {
        let settings = Settings { keys: vec![key("shop.example", "s", name)], ..Settings::default() };
        let error = Signer::open(&settings).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains(name) && error.contains(says), "{name}: {error}");
        assert!(!error.contains("PRIVATE KEY-----"), "{error}");
    }
    let twice = vec![key("shop.example", "s", "rsa.pem"), key("shop.example", "s", "ed25519.pem")];
    let error = Signer::open(&Settings { keys: twice, ..Settings::default() }).err().unwrap();
    assert!(error.to_string().contains("selector of another key"), "{error}");
    let selector = vec![key("shop.example", "a b", "rsa.pem")];
    let error = Signer::open(&Settings { keys: selector, ..Settings::default() }).err().unwrap();
    assert!(error.to_string().contains("no DNS name"), "{error}");
}
