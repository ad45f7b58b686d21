//! Which mails the demo sends: to whom, how many, and what they look like.

use bytes::Bytes;
use postrider_smtp::Content;
use postrider_world::{HOME, Persona, SPAM_MARK};

/// The fewest mails that still give every neighbour one.
pub(crate) const LETTERS_MIN: usize = 50;
/// The most; enough for a while, and few enough to keep their standing in memory.
pub(crate) const LETTERS_MAX: usize = 100_000;

/// One neighbour's share of the mail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// The mail domain, as the screen shows it.
    pub(crate) domain: &'static str,
    /// Of a thousand mails.
    per_mille: usize,
    /// Whether its mail is still waiting at the end of the demo, whatever we do.
    pub(crate) stuck: bool,
}

const fn share(domain: &'static str, per_mille: usize) -> Share {
    Share { domain, per_mille, stuck: false }
}

const fn stuck(domain: &'static str, per_mille: usize) -> Share {
    Share { domain, per_mille, stuck: true }
}

/// The name under which the domains below `hosted.test` are shown together.
const HOSTED: &str = "hosted.test";
/// How many domains there are below it.
const HOSTED_DOMAINS: usize = 15;

/// All shares, in the order of the screen. They make a thousand.
pub(crate) const SHARES: [Share; 22] = [
    share("open.test", 248),
    share(HOSTED, 150),
    share("greylist.test", 80),
    share("rate.test", 60),
    share("users.test", 60),
    share("tls.test", 50),
    share("busy.test", 50),
    share("flaky.test", 40),
    share("filter.test", 40),
    share("backup.test", 26),
    share("slow.test", 20),
    share("small.test", 20),
    share("old.test", 20),
    stuck("full.test", 30),
    share("overfull.test", 20),
    stuck("blocked.test", 30),
    stuck("down.test", 20),
    stuck("silent.test", 4),
    stuck("broken.test", 10),
    stuck("lost.test", 2),
    share("gone.test", 10),
    share("null.test", 10),
];

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// The sender.
    pub(crate) from: String,
    /// The recipient.
    pub(crate) to: String,
    subject: &'static str,
    /// Octets of filling.
    filling: usize,
}

/// Octets of an ordinary mail's body, and of one that is too large for `small.test`.
const FILLING: usize = 2_000;
const FILLING_LARGE: usize = 100_000;

/// What ordinary mails are about.
const SUBJECTS: [&str; 6] = [
    "Your order is on its way",
    "Please confirm your address",
    "Invoice for October",
    "The minutes of Tuesday",
    "Your password was changed",
    "News from the workshop",
];
const SENDERS: [&str; 4] = ["shop", "news", "billing", "tom"];

/// The mails, well shuffled: the same for the same seed.
pub(crate) fn letters(count: usize, seed: u64) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(count);
    for (share, quota) in SHARES.iter().zip(quotas(count)) {
        letters.extend((0..quota).map(|nth| letter(share.domain, nth)));
    }
    shuffle(&mut letters, seed);
    for (index, letter) in letters.iter_mut().enumerate() {
        letter.number = index + 1;
    }
    letters
}

/// How many mails each share gets: at least one, and together as many as asked for.
fn quotas(count: usize) -> [usize; SHARES.len()] {
    let mut quotas = SHARES.map(|share| (share.per_mille * count / 1000).max(1));
    // What rounding left over goes to the first, the largest; what it took too much is taken there.
    let sum: usize = quotas.iter().sum();
    quotas[0] = (quotas[0] + count).saturating_sub(sum);
    quotas
}

fn letter(domain: &'static str, nth: usize) -> Letter {
    let every_other = nth.is_multiple_of(2);
    // Every other mail to these three is of the kind they refuse.
    let local = if domain == "users.test" && every_other { "gone" } else { "user" };
    let subject = if domain == "filter.test" && every_other { SPAM_MARK } else { SUBJECTS[nth % SUBJECTS.len()] };
    let filling = if domain == "small.test" && every_other { FILLING_LARGE } else { FILLING };
    let to = match domain {
        HOSTED => format!("user{nth}@company{}.{HOSTED}", nth % HOSTED_DOMAINS + 1),
        domain => format!("{local}{nth}@{domain}"),
    };
    let from = format!("{}@{HOME}", SENDERS[nth % SENDERS.len()]);
    Letter { number: 0, from, to, subject, filling }
}

/// Fisher and Yates with SplitMix64.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        items.swap(last, usize::try_from(word % (last as u64 + 1)).unwrap_or(0));
    }
}

impl Letter {
    /// The Message-ID, by which the world counts what it took.
    pub(crate) fn id(&self) -> String {
        format!("<demo-{}@{HOME}>", self.number)
    }

    /// The mail itself. Date is left out: the relay adds it.
    pub(crate) fn content(&self) -> Content {
        const LINE: &str = "The quick brown fox jumps over the lazy dog, and the mail gets through.\r\n";
        let Self { from, to, subject, .. } = self;
        let id = self.id();
        let mut text = format!(
            "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nMessage-ID: {id}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        );
        text.push_str(&LINE.repeat(self.filling / LINE.len()));
        Content::split(Bytes::from(text))
    }
}

/// The row of the screen to which a recipient's domain belongs.
pub(crate) fn row_of(domain: &str) -> Option<usize> {
    let domain = if domain.ends_with(".hosted.test") { HOSTED } else { domain };
    SHARES.iter().position(|share| share.domain == domain)
}

/// How the neighbour behaves, in a few words.
pub(crate) fn behaviour(domain: &str) -> &'static str {
    match Persona::of(domain) {
        Some(persona) => persona.summary,
        None => "fifteen domains behind one host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_make_a_thousand_and_every_neighbour_gets_mail() {
        assert_eq!(SHARES.iter().map(|share| share.per_mille).sum::<usize>(), 1000);
        for count in [LETTERS_MIN, 99, 1000, 12_345] {
            let letters = letters(count, 1);
            assert_eq!(letters.len(), count);
            for (row, share) in SHARES.iter().enumerate() {
                let of_row = |letter: &&Letter| letter.to.split('@').nth(1).and_then(row_of) == Some(row);
                assert!(letters.iter().any(|letter| of_row(&letter)), "{} of {count}", share.domain);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_mails() {
        assert_eq!(letters(200, 7), letters(200, 7));
        assert_ne!(letters(200, 7), letters(200, 8));
    }

    #[test]
    fn mails_are_whole_and_of_the_kind_their_neighbour_refuses() {
        let letters = letters(1000, 1);
        let of = |domain: &str| letters.iter().filter(|l| l.to.ends_with(domain)).collect::<Vec<_>>();
        assert_eq!(of("@users.test").iter().filter(|l| l.to.starts_with("gone")).count(), 30);
        assert_eq!(of("@small.test").iter().filter(|l| l.content().len() > 90_000).count(), 10);
        let spam = |l: &&&Letter| String::from_utf8_lossy(&l.content().head).contains(SPAM_MARK);
        assert_eq!(of("@filter.test").iter().filter(spam).count(), 20);
        let text = String::from_utf8(letters[0].content().head.to_vec()).unwrap();
        assert!(text.contains("Message-ID: <demo-1@home.test>\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }
}
