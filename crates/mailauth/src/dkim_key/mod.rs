//! DKIM key records (RFC 6376 §3.6.1, RFC 8463, RFC 8301), read to the end whatever is wrong.
//!
//! What makes verifiers pass over the key altogether is told by [`KeyRecord::usable`]; everything
//! else is a remark. Not here: which selector belongs to whom, and whether there are several
//! records at one name, which leaves it open which one a verifier takes (RFC 6376 §3.6.2.2).

mod public_key;

use crate::reading::{Reading, Remarks, quoted};
use crate::tags::{self, Piece, Tag};
use public_key::Material;
use std::ops::Range;

/// What there is to say about a key record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum Oddity {
    VersionWrong,
    VersionNotFirst,
    SemicolonMissing,
    KeyMissing,
    Revoked,
    Base64Broken,
    KeyCutOff,
    KeyUnreadable,
    PrivateKey,
    PemLinesLeftIn,
    RsaBelow1024,
    RsaBelow2048,
    RsaAbove4096,
    RsaWithoutEnvelope,
    Ed25519Length,
    Ed25519InEnvelope,
    KeyTypeUnknown,
    KeyTypeDiffers,
    OnlySha1,
    HashUnknown,
    Testing,
    ExactDomainOnly,
    FlagUnknown,
    NotForMail,
    Granularity,
    TagUnknown,
    TagTwice,
    TagCase,
    WordsWithoutTag,
    EmptyTag,
    EscapesLeftIn,
    SignatureTag,
}

/// What a key record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Of what kind the key is by `k=`.
    pub algorithm: Algorithm,
    /// The key of `p=`.
    pub key: Key,
    /// `t=y`: the domain only tries DKIM out, so that a failed signature must not count against it.
    pub testing: bool,
    /// `t=s`: the domain in `i=` must be that of `d=`.
    pub exact_domain: bool,
    /// What `h=` allows; empty when everything is.
    pub hashes: Vec<Box<str>>,
    /// Whether a signature can be verified with the record as it stands.
    pub usable: bool,
}

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA (RFC 6376 §3.3).
    Rsa,
    /// Ed25519 (RFC 8463).
    Ed25519,
    /// Some other word.
    Unknown,
}

/// The key itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// RSA of so many bits.
    Rsa {
        /// Of the modulus.
        bits: usize,
    },
    /// Ed25519.
    Ed25519,
    /// `p=` is there and empty: the key was withdrawn (RFC 6376 §3.6.1).
    Revoked,
    /// There is no `p=`.
    Missing,
    /// There are octets that are no key.
    Unreadable,
}

/// What verifiers stumble over, so that the key counts as not there.
const FATAL: [Oddity; 16] = [
    Oddity::SemicolonMissing,
    Oddity::VersionWrong,
    Oddity::VersionNotFirst,
    Oddity::KeyMissing,
    Oddity::Revoked,
    Oddity::Base64Broken,
    Oddity::KeyCutOff,
    Oddity::KeyUnreadable,
    Oddity::PrivateKey,
    Oddity::PemLinesLeftIn,
    Oddity::RsaBelow1024,
    Oddity::Ed25519Length,
    Oddity::KeyTypeUnknown,
    Oddity::KeyTypeDiffers,
    Oddity::NotForMail,
    Oddity::TagTwice,
];

/// Reads one record, its strings joined.
///
/// ```
/// use postrider_mailauth::dkim_key::{self, Key, Oddity};
/// let read = dkim_key::read("v=DKIM1; p=");
/// assert_eq!((read.value.key, read.has(Oddity::Revoked)), (Key::Revoked, true));
/// ```
pub fn read(text: &str) -> Reading<KeyRecord, Oddity> {
    let mut reader = Reader::new();
    if let Some(span) = tags::escapes(text, "n") {
        let what = "the record has quotation marks or backslashes in it: they belong into a zone file, not into a form";
        reader.mended(Oddity::EscapesLeftIn, span, what);
        // A verifier sees `DKIM1\` or `"v`, which is another version or no tag at all.
        reader.broken = true;
    }
    for (index, piece) in tags::pieces(text).into_iter().enumerate() {
        match piece {
            Piece::Tag(tag) => reader.tag(tag, index),
            Piece::Bare(words, span) => reader.bare(words, span),
            Piece::Empty(span) => {
                reader.mended(Oddity::EmptyTag, span, "there is nothing between two semicolons");
            }
        }
    }
    reader.finish(text)
}

struct Reader<'a> {
    remarks: Remarks<Oddity>,
    seen: Vec<Tag<'a>>,
    record: KeyRecord,
    written: Vec<(String, String)>,
    mend: bool,
    broken: bool,
}

impl<'a> Reader<'a> {
    fn new() -> Self {
        let record = KeyRecord {
            algorithm: Algorithm::Rsa,
            key: Key::Missing,
            testing: false,
            exact_domain: false,
            hashes: Vec::new(),
            usable: false,
        };
        Self { remarks: Remarks::new(), seen: Vec::new(), record, written: Vec::new(), mend: false, broken: false }
    }

    fn add(&mut self, kind: Oddity, span: Range<usize>, text: impl Into<String>) {
        self.broken |= FATAL.contains(&kind);
        self.remarks.add(kind, span, text);
    }

    fn mended(&mut self, kind: Oddity, span: Range<usize>, text: impl Into<String>) {
        self.mend = true;
        self.add(kind, span, text);
    }

    fn bare(&mut self, words: &str, span: Range<usize>) {
        if words.contains("-----") {
            return self.mended(Oddity::PemLinesLeftIn, span, "the lines around a PEM file do not belong here");
        }
        // RFC 6376 §3.2: such a list is no tag-list, and verifiers may refuse the whole.
        self.broken = true;
        self.mended(Oddity::WordsWithoutTag, span, format!("{} has no equals sign and no name", quoted(words)));
    }

    fn tag(&mut self, tag: Tag<'a>, index: usize) {
        let plain = tag.plain_name();
        let lower = plain.to_ascii_lowercase();
        let known = ["v", "k", "p", "h", "s", "t", "n", "g"].contains(&lower.as_str());
        if known && lower != plain {
            // RFC 6376 §3.2: names are case-sensitive, so that this tag is passed over as unknown.
            self.broken |= lower == "p";
            self.mended(Oddity::TagCase, tag.name_span(), format!("tags are in lower case: {lower}, not {plain}"));
        }
        if self.seen.iter().any(|before| before.plain_name().eq_ignore_ascii_case(&lower)) {
            let what = format!("{} is there twice, which makes the whole record void", quoted(tag.name));
            return self.mended(Oddity::TagTwice, tag.span(), what);
        }
        self.seen.push(tag);
        match lower.as_str() {
            "v" => self.version(tag, index),
            "k" => self.key_type(tag),
            "h" => self.hashes(tag),
            "s" => self.services(tag),
            "t" => self.flags(tag),
            "g" => return self.mended(Oddity::Granularity, tag.span(), "g= is from before 2011 and means nothing now"),
            "n" | "p" => {}
            "a" | "b" | "bh" | "c" | "d" | "i" | "q" | "l" | "x" | "z" => {
                let what = format!("{}= belongs into a signature, not into the key record", tag.name);
                return self.mended(Oddity::SignatureTag, tag.span(), what);
            }
            _ => self.add(Oddity::TagUnknown, tag.span(), format!("{} is not a tag of DKIM", quoted(tag.name))),
        }
        let value = tag.plain_value();
        let value = if lower == "v" { "DKIM1".to_owned() } else { value };
        let name = if known { lower } else { plain };
        self.written.push((name, value));
    }

    /// RFC 6376 §3.6.1: optional, but then the first tag and exactly this.
    fn version(&mut self, tag: Tag<'a>, index: usize) {
        if let Some((next, blank)) = tags::after_version(&tag, "DKIM1") {
            self.mended(Oddity::SemicolonMissing, blank, "a semicolon is missing after v=DKIM1");
            self.tag(next, 1);
        } else if tag.value != "DKIM1" {
            let what = format!("v= must be DKIM1, not {}: verifiers discard the record", quoted(tag.value));
            self.mended(Oddity::VersionWrong, tag.value_span(), what);
        }
        if index != 0 {
            self.mended(
                Oddity::VersionNotFirst,
                tag.span(),
                "v=DKIM1 must be the first tag, or the record is discarded",
            );
        }
    }

    fn key_type(&mut self, tag: Tag<'_>) {
        self.record.algorithm = match tag.value {
            "rsa" => Algorithm::Rsa,
            "ed25519" => Algorithm::Ed25519,
            other => {
                let what = format!("k= knows rsa and ed25519, not {}: verifiers pass over the key", quoted(other));
                self.add(Oddity::KeyTypeUnknown, tag.value_span(), what);
                Algorithm::Unknown
            }
        };
    }

    fn hashes(&mut self, tag: Tag<'_>) {
        for (hash, span) in tags::parts(tag.value, tag.value_span().start, ':') {
            if !["sha1", "sha256"].contains(&hash) {
                self.add(Oddity::HashUnknown, span, format!("h= knows sha256, not {}", quoted(hash)));
            }
            self.record.hashes.push(hash.into());
        }
        let hashes = &self.record.hashes;
        if !hashes.iter().any(|hash| &**hash == "sha256") {
            // RFC 8301 §3.1: sha1 must neither be signed with nor be accepted.
            self.broken = true;
            self.add(Oddity::OnlySha1, tag.span(), "h= does not allow sha256, and nothing else is accepted any more");
        }
    }

    fn services(&mut self, tag: Tag<'_>) {
        let services = tags::parts(tag.value, tag.value_span().start, ':');
        if !services.iter().any(|(service, _)| ["*", "email"].contains(service)) {
            let what = format!("s= is {}, so that the key is not for mail", quoted(tag.value));
            self.add(Oddity::NotForMail, tag.span(), what);
        }
    }

    fn flags(&mut self, tag: Tag<'_>) {
        for (flag, span) in tags::parts(tag.value, tag.value_span().start, ':') {
            match flag {
                "y" => {
                    self.record.testing = true;
                    self.add(Oddity::Testing, span, "t=y says that DKIM is only tried out here");
                }
                "s" => {
                    self.record.exact_domain = true;
                    self.add(Oddity::ExactDomainOnly, span, "t=s shuts out signatures for subdomains in i=");
                }
                "" if tag.value.is_empty() => {}
                _ => self.add(Oddity::FlagUnknown, span, format!("t= knows y and s, not {}", quoted(flag))),
            }
        }
    }

    fn finish(mut self, text: &str) -> Reading<KeyRecord, Oddity> {
        let key = self.seen.iter().find(|tag| tag.plain_name().eq_ignore_ascii_case("p")).copied();
        let replaced = match key {
            Some(tag) => self.key(tag),
            None => {
                self.add(Oddity::KeyMissing, text.len()..text.len(), "there is no p=, and so no key");
                None
            }
        };
        if let (Some(base64), Some((_, value))) = (&replaced, self.written.iter_mut().find(|(name, _)| name == "p")) {
            value.clone_from(base64);
            self.mend = true;
        }
        self.record.usable = !self.broken;
        let correctable = matches!(self.record.key, Key::Rsa { .. } | Key::Ed25519 | Key::Revoked);
        // The version goes first; it is written even where it was left out, as some expect it.
        let rest = self.written.iter().filter(|(name, _)| name != "v").cloned();
        let written: Vec<_> = std::iter::once(("v".to_owned(), "DKIM1".to_owned())).chain(rest).collect();
        let corrected = (self.mend && correctable).then(|| tags::joined(&written));
        self.remarks.into_reading(self.record, corrected)
    }

    /// The key; its base64 anew where it can be mended.
    fn key(&mut self, tag: Tag<'_>) -> Option<String> {
        if tag.value.is_empty() {
            self.record.key = Key::Revoked;
            self.add(Oddity::Revoked, tag.span(), "p= is empty: the key was withdrawn, and its signatures fail");
            return None;
        }
        let decoded = public_key::decode(tag.value, tag.value_span().start);
        for remark in decoded.remarks {
            self.add(remark.kind, remark.span, remark.text);
        }
        let span = tag.value_span();
        self.record.key = match decoded.material {
            Material::Rsa { bits } => Key::Rsa { bits },
            Material::Ed25519 => Key::Ed25519,
            Material::Unreadable => Key::Unreadable,
        };
        match (self.record.algorithm, self.record.key) {
            (Algorithm::Rsa | Algorithm::Unknown, Key::Rsa { bits }) => self.strength(bits, span),
            (Algorithm::Rsa, Key::Ed25519) => self.differs("ed25519", "rsa", span),
            (Algorithm::Ed25519, Key::Rsa { .. }) => self.differs("rsa", "ed25519", span),
            _ => {}
        }
        decoded.replaced
    }

    fn differs(&mut self, is: &str, said: &str, span: Range<usize>) {
        self.mended(Oddity::KeyTypeDiffers, span, format!("the key is of type {is}, but the record says {said}"));
        match self.written.iter_mut().find(|(name, _)| name == "k") {
            Some((_, value)) => is.clone_into(value),
            None => self.written.insert(0, ("k".to_owned(), is.to_owned())),
        }
    }

    /// RFC 8301 §3.2.
    fn strength(&mut self, bits: usize, span: Range<usize>) {
        match bits {
            0..1024 => {
                let what = format!("the RSA key has {bits} bits; verifiers must not accept fewer than 1024");
                self.add(Oddity::RsaBelow1024, span, what);
            }
            1024..2048 => {
                let what = format!("the RSA key has {bits} bits; 2048 is what signers should use");
                self.add(Oddity::RsaBelow2048, span, what);
            }
            2048..=4096 => {}
            _ => {
                let what = format!("the RSA key has {bits} bits; verifiers need not handle more than 4096");
                self.add(Oddity::RsaAbove4096, span, what);
            }
        }
    }
}

#[cfg(test)]
mod tests;
