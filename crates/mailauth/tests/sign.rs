//! Signed here, verified by mail-auth's verifier with the public keys in memory; and bad keys.
//!
//! The keys are made when they are needed.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mail_auth::common::cache::NoCache;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
use postrider_mailauth::{KeySettings, Settings, Signer};
use postrider_smtp::Content;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::OsRng;
use std::borrow::Borrow;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const MESSAGE: &str = "From: Ann <ann@shop.example>\r\nTo: tom@customer.example\r\nSubject:  Your\r\n order\r\n\
    Date: Mon, 24 Nov 2025 16:50:08 +0000\r\nMessage-ID: <order-4711@shop.example>\r\n\r\nHello  Tom. \r\n\r\nAnn\r\n\r\n\r\n";

/// Key files of one test, gone when it ends.
struct Keys {
    dir: PathBuf,
    rsa: RsaPrivateKey,
    ed25519: Ed25519Key,
}

impl Keys {
    fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("postrider-mailauth-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        // 1,024 bits are the least that is taken, and quick to make.
        let rsa = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        let der = Ed25519Key::generate_pkcs8().unwrap();
        let keys = Self { dir, rsa, ed25519: Ed25519Key::from_pkcs8_der(&der).unwrap() };
        keys.write("ed25519.pem", &pem("PRIVATE KEY", &der));
        keys.write("rsa.pem", &keys.rsa.to_pkcs8_pem(LineEnding::LF).unwrap());
        keys.write("rsa-pkcs1.pem", &keys.rsa.to_pkcs1_pem(LineEnding::LF).unwrap());
        keys
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.join(name), text).unwrap();
    }

    fn key(&self, domain: &str, selector: &str, name: &str) -> KeySettings {
        KeySettings { domain: domain.parse().unwrap(), selector: selector.into(), file: self.dir.join(name) }
    }

    fn both(&self) -> Signer {
        signer(vec![self.key("shop.example", "ed", "ed25519.pem"), self.key("shop.example", "rsa", "rsa.pem")])
    }

    /// For each signature, in their order: whether it holds.
    async fn verify(&self, message: &str) -> Vec<bool> {
        let nobody = MessageAuthenticator::new(ResolverConfig::default(), ResolverOpts::default()).unwrap();
        let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
        let outputs = nobody
            .verify_dkim(Parameters {
                params: &message,
                cache_txt: Some(self),
                cache_mx: None::<&NoCache<_, _>>,
                cache_ptr: None::<&NoCache<_, _>>,
                cache_ipv4: None::<&NoCache<_, _>>,
                cache_ipv6: None::<&NoCache<_, _>>,
            })
            .await;
        outputs.iter().map(|output| *output.result() == DkimResult::Pass).collect()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn signer(keys: Vec<KeySettings>) -> Signer {
    Signer::open(&Settings { keys, ..Settings::default() }).unwrap()
}

fn sign(signer: &Signer, message: &str) -> String {
    signer.sign(&Content::split(Bytes::from(message.to_owned()))).unwrap()
}

/// The public keys, as a cache that is never missed.
impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let is = |text: &str| <Box<str> as Borrow<Q>>::borrow(&text.into()) == name;
        let record = if is("rsa._domainkey.shop.example.") {
            let public = self.rsa.to_public_key().to_public_key_der().unwrap();
            format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public.as_bytes()))
        } else if is("ed._domainkey.shop.example.") {
            format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(self.ed25519.public_key()))
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

#[tokio::test]
async fn both_signatures_hold_and_rsa_stands_first() {
    let keys = Keys::new("signatures");
    let fields = sign(&keys.both(), MESSAGE);
    assert_eq!(fields.matches("DKIM-Signature: ").count(), 2);
    assert!(fields.ends_with("\r\n") && fields.split("\r\n").all(|line| line.len() <= 998), "{fields}");
    assert!(fields.find("a=rsa-sha256") < fields.find("a=ed25519-sha256"), "{fields}");
    assert!(fields.contains("c=relaxed/relaxed") && !fields.contains("l="), "{fields}");
    assert_eq!(keys.verify(&format!("{fields}{MESSAGE}")).await, [true, true]);
}

#[tokio::test]
async fn a_pkcs1_key_signs_too() {
    let keys = Keys::new("pkcs1");
    let fields = sign(&signer(vec![keys.key("shop.example", "rsa", "rsa-pkcs1.pem")]), MESSAGE);
    assert_eq!(keys.verify(&format!("{fields}{MESSAGE}")).await, [true]);
}

#[tokio::test]
async fn what_may_change_on_the_way_and_what_may_not() {
    let keys = Keys::new("may");
    let fields = sign(&keys.both(), MESSAGE);
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
        assert_eq!(keys.verify(&message).await, [holds, holds], "{what}");
    }
}

#[tokio::test]
async fn messages_with_little_in_them() {
    let keys = Keys::new("with");
    for message in
        ["From: ann@shop.example\r\n\r\n", "From: ann@shop.example\r\n", "From: ann@shop.example\r\n\r\n\r\n"]
    {
        let fields = sign(&keys.both(), message);
        let ended = if message.ends_with("\r\n\r\n") { message.to_owned() } else { format!("{message}\r\n") };
        assert_eq!(keys.verify(&format!("{fields}{ended}")).await, [true, true], "{message:?}");
    }
}

#[test]
fn the_domain_of_from_chooses_the_key() {
    let keys = Keys::new("domain");
    let both = || vec![keys.key("shop.example", "rsa", "rsa.pem"), keys.key("own.shop.example", "ed", "ed25519.pem")];
    let strict = Signer::open(&Settings { keys: both(), parents: false, ..Settings::default() }).unwrap();
    let table = [
        ("a@shop.example", "d=shop.example;", true),
        ("a@news.shop.example", "d=shop.example;", false),
        ("a@deep.own.shop.example", "d=own.shop.example;", false),
        ("a@own.shop.example", "d=own.shop.example;", true),
        ("a@notshop.example", "", true),
        ("a@example", "", true),
    ];
    let signer = signer(both());
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
    let keys = Keys::new("keys");
    let small = RsaPrivateKey::new(&mut OsRng, 512).unwrap();
    keys.write("small.pem", &small.to_pkcs8_pem(LineEnding::LF).unwrap());
    keys.write("public.pem", &pem("PUBLIC KEY", b"x"));
    keys.write("encrypted.pem", &pem("ENCRYPTED PRIVATE KEY", b"x"));
    keys.write("ec.pem", &pem("EC PRIVATE KEY", b"x"));
    keys.write("garbage.pem", &pem("PRIVATE KEY", b"x"));
    keys.write("text.pem", "hello");
    keys.write("huge.pem", &"x".repeat(100_000));
    let table = [
        ("missing.pem", "cannot be read"),
        ("text.pem", "holds no private key in PEM form"),
        ("garbage.pem", "is neither an RSA nor an Ed25519 key"),
        ("huge.pem", "100000 octets are too many"),
        ("public.pem", "is a public key"),
        ("encrypted.pem", "is encrypted; decrypt it"),
        ("ec.pem", "elliptic curve"),
        ("small.pem", "less than 1,024 bits"),
    ];
    for (name, says) in table {
        let settings = Settings { keys: vec![keys.key("shop.example", "s", name)], ..Settings::default() };
        let error = Signer::open(&settings).err().map(|error| error.to_string()).unwrap();
        assert!(error.contains(name) && error.contains(says), "{name}: {error}");
    }
    let twice = vec![keys.key("shop.example", "s", "rsa.pem"), keys.key("shop.example", "s", "ed25519.pem")];
    let error = Signer::open(&Settings { keys: twice, ..Settings::default() }).err().unwrap();
    assert!(error.to_string().contains("selector of another key"), "{error}");
    let selector = vec![keys.key("shop.example", "a b", "rsa.pem")];
    let error = Signer::open(&Settings { keys: selector, ..Settings::default() }).err().unwrap();
    assert!(error.to_string().contains("no DNS name"), "{error}");
}
