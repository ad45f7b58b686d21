//! The little of DER that public keys need (X.690 §8, §10): nested values with a tag and a length.

use std::fmt;

/// Why octets are not what was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DerFault {
    /// The value says it is longer than the octets there are.
    Short { wanted: usize, there: usize },
    /// Another kind of value, or a length no key has.
    Other,
}

impl fmt::Display for DerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { wanted, there } => write!(f, "it is cut off: {there} of {wanted} octets are there"),
            Self::Other => f.write_str("it is no public key in DER"),
        }
    }
}

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_ID: u8 = 0x06;

/// The content of the value at the start, which must have this tag, and what follows it.
pub(crate) fn value(octets: &[u8], tag: u8) -> Result<(&[u8], &[u8]), DerFault> {
    let (&found, rest) = octets.split_first().ok_or(DerFault::Other)?;
    let (&first, rest) = rest.split_first().ok_or(DerFault::Other)?;
    if found != tag {
        return Err(DerFault::Other);
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // At most three octets of length: no key has 16 MB.
        0x81..=0x83 => {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count).ok_or(DerFault::Other)?;
            let length = digits.iter().fold(0_usize, |length, octet| (length << 8) | usize::from(*octet));
            (length, rest.get(count..).unwrap_or_default())
        }
        _ => return Err(DerFault::Other),
    };
    match (rest.get(..length), rest.get(length..)) {
        (Some(content), Some(after)) => Ok((content, after)),
        _ => Err(DerFault::Short { wanted: octets.len() - rest.len() + length, there: octets.len() }),
    }
}

/// A value with its tag and length.
pub(crate) fn written(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut octets = vec![tag];
    if content.len() < 0x80 {
        octets.push(u8::try_from(content.len()).unwrap_or_default());
    } else {
        let digits: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
        octets.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
        octets.extend(digits);
    }
    octets.extend(content);
    octets
}

/// How many bits an unsigned integer has.
pub(crate) fn bits(integer: &[u8]) -> usize {
    let significant = integer.iter().position(|octet| *octet != 0).map_or(&[][..], |at| &integer[at..]);
    significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let octets = [written(SEQUENCE, &[&content]), vec![9]].concat();
            assert_eq!(value(&octets, SEQUENCE), Ok((content.as_slice(), &[9][..])), "{length}");
            assert_eq!(value(&octets, INTEGER), Err(DerFault::Other));
        }
        assert_eq!(value(&[SEQUENCE, 5, 1, 2], SEQUENCE), Err(DerFault::Short { wanted: 7, there: 4 }));
        assert_eq!(value(&[SEQUENCE, 0x84, 0, 0, 0, 0], SEQUENCE), Err(DerFault::Other));
        assert_eq!(value(&[SEQUENCE], SEQUENCE), Err(DerFault::Other));
    }

    #[test]
    fn bits_are_counted_without_leading_zeros() {
        for (octets, want) in [(&[][..], 0), (&[0, 0], 0), (&[0, 0x80, 0], 16), (&[1, 0], 9), (&[0x7f], 7)] {
            assert_eq!(bits(octets), want, "{octets:?}");
        }
    }
}
