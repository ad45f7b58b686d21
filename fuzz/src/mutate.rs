//! Changes to inputs, by a small generator of numbers that gives the same for the same seed.

/// SplitMix64: short, and good enough to choose mutations.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; zero when that is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { usize::try_from(self.number() % bound as u64).unwrap_or(0) }
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> Option<&'a T> {
        from.get(self.below(from.len())).copied()
    }
}

/// Inputs do not grow beyond this.
pub const INPUT_BYTES_MAX: usize = 8 * 1024;
const MUTATIONS_MAX: usize = 6;

/// Words that mean something to one side or the other, and octets that are often mistreated.
const WORDS: [&[u8]; 64] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"..",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"<>",
    b"<",
    b">",
    b"@",
    b"\"",
    b"\\",
    b"[",
    b"]",
    b":",
    b"=",
    b"+",
    b" ",
    b"\t",
    b"-",
    b"EHLO a.example\r\n",
    b"HELO b\r\n",
    b"MAIL FROM:<a@b.example>\r\n",
    b"RCPT TO:<c@d.example>\r\n",
    b"DATA\r\n",
    b"BDAT 5\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 99999999999999999999\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"AUTH LOGIN\r\n",
    b"*\r\n",
    b" SIZE=",
    b" BODY=8BITMIME",
    b" NOTIFY=SUCCESS,FAILURE",
    b" ORCPT=rfc822;a+2B@b",
    b" SMTPUTF8",
    b"220 x\r\n",
    b"250 2.1.0 ok\r\n",
    b"250-PIPELINING\r\n",
    b"250 CHUNKING\r\n",
    b"334 \r\n",
    b"354 go\r\n",
    b"421 4.3.2 bye\r\n",
    b"550-5.1.1 no\r\n",
    crate::server_session::HANDSHAKE_OVER,
    b"; ",
    b"; p=",
    b"v=DMARC1",
    b"v=DKIM1",
    b"rua=mailto:",
    b"\xef\xbb\xbf",
    b"-----BEGIN ",
    b"!10m",
];

/// A seed, changed in one to a few places.
pub fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
    for _ in 0..=random.below(MUTATIONS_MAX) {
        mutate(&mut input, seeds, random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(64) + 1);
    match random.below(9) {
        0 => drop(input.drain(at..end)),
        1 | 2 => {
            let word = random.pick(&WORDS).unwrap_or_default();
            drop(input.splice(at..at, word.iter().copied()));
        }
        3 => {
            let word = random.pick(&WORDS).unwrap_or_default();
            drop(input.splice(at..end, word.iter().copied()));
        }
        4 => {
            let again = input[at..end].to_vec();
            drop(input.splice(at..at, again));
        }
        5 => {
            if let Some(octet) = input.get_mut(at) {
                *octet ^= 1 << random.below(8);
            }
        }
        6 => {
            let octet = u8::try_from(random.below(256)).unwrap_or_default();
            input.insert(at, octet);
        }
        7 => {
            // The start of one input and the end of another.
            let other = seeds.get(random.below(seeds.len())).map(Vec::as_slice).unwrap_or_default();
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        _ => {
            // A stretch far longer than any bound on lines, now and then.
            let count = if random.below(16) == 0 { 5000 } else { random.below(300) };
            let octet = input.get(at).copied().unwrap_or(b'a');
            drop(input.splice(at..at, std::iter::repeat_n(octet, count)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let seeds = vec![b"EHLO a\r\n".to_vec(), b"QUIT\r\n".to_vec()];
        let inputs = |seed| {
            let mut random = Random::new(seed);
            (0..500).map(|_| mutated(&seeds, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        assert!(inputs(3).iter().all(|input| input.len() <= INPUT_BYTES_MAX));
    }
}
