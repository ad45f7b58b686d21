//! The dot journal: which messages' final dot may be out at this instant.
//!
//! Between the final dot and its recorded reply, a message may or may not be delivered (RFC 5321
//! §4.5.4.1, RFC 1047). The journal names such messages after a SIGKILL. It is a file of fixed
//! slots, written without a sync: the page cache outlives the process. It does *not* outlive a
//! power cut; then a duplicate may come without being named, but nothing is lost.
//!
//! Invariant: a slot is on the page cache before the dot is handed to the socket, and is cleared
//! only after the outcome is recorded and its event written. A slot dropped without being cleared
//! stays set: its dot is still in doubt.

use crate::SpoolError;
use postrider_smtp::MessageId;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Slots in the journal: more dots than any relay has out at one time. With all taken, dots go unnamed.
pub const SLOTS: u32 = 4096;
/// Octets of one slot: message, recipient, check.
const SLOT_BYTES: usize = 16;

/// A journal of dots that may be out.
#[derive(Clone)]
pub struct Dots(Arc<Journal>);

struct Journal {
    file: File,
    /// A stack, so that a quiet relay writes the same page again and again.
    free: Mutex<Vec<u32>>,
}

/// A slot that names one job's message. See [`Slot::clear`].
#[must_use = "a slot that is dropped uncleared stays set until the next start"]
pub struct Slot {
    journal: Arc<Journal>,
    index: u32,
}

/// A slot that a previous life left set.
pub(crate) struct Leftover {
    pub(crate) message: MessageId,
    /// The first recipient of the job.
    pub(crate) recipient: u32,
    pub(crate) slot: Slot,
}

impl Dots {
    /// Opens the journal, or makes it. Gives the slots that were left set; they stay set until cleared.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Leftover>), SpoolError> {
        let trouble = |error: io::Error| SpoolError::Disk(format!("{}: {error}", path.display()));
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(trouble)?;
        let mut bytes = Vec::new();
        (&mut file).take(u64::from(SLOTS) * SLOT_BYTES as u64).read_to_end(&mut bytes).map_err(trouble)?;
        // The whole length is written once, so that taking a slot on a full disk needs no new block.
        bytes.resize(SLOTS as usize * SLOT_BYTES, 0);
        file.write_all_at(&bytes, 0).map_err(trouble)?;

        let journal = Arc::new(Journal { file, free: Mutex::new(Vec::with_capacity(SLOTS as usize)) });
        let mut leftovers = Vec::new();
        let mut free = Vec::new();
        for (index, slot) in (0..SLOTS).zip(bytes.chunks_exact(SLOT_BYTES)) {
            match decode(slot) {
                Some((message, recipient)) => {
                    let slot = Slot { journal: Arc::clone(&journal), index };
                    leftovers.push(Leftover { message, recipient, slot });
                }
                None => free.push(index),
            }
        }
        free.reverse();
        *journal.free() = free;
        Ok((Self(journal), leftovers))
    }

    /// Marks that the final dot of a job may be out: the message, and the first recipient of the job.
    /// `None` when all slots are taken or the write failed: the job goes on, unnamed.
    pub fn take(&self, message: MessageId, recipient: u32) -> Option<Slot> {
        let index = self.0.free().pop()?;
        if self.0.write(index, &encode(message, recipient)).is_err() {
            self.0.free().push(index);
            return None;
        }
        Some(Slot { journal: Arc::clone(&self.0), index })
    }
}

impl Slot {
    /// The outcome is recorded, and its event is written.
    pub fn clear(self) {
        // A slot that cannot be cleared is kept out of use: at worst the next start names a message too many.
        if self.journal.write(self.index, &[0; SLOT_BYTES]).is_ok() {
            self.journal.free().push(self.index);
        }
    }
}

impl Journal {
    fn write(&self, index: u32, slot: &[u8; SLOT_BYTES]) -> io::Result<()> {
        self.file.write_all_at(slot, u64::from(index) * SLOT_BYTES as u64)
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(message: MessageId, recipient: u32) -> [u8; SLOT_BYTES] {
    let number = message.to_i64().cast_unsigned();
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&number.to_le_bytes());
    slot[8..12].copy_from_slice(&recipient.to_le_bytes());
    slot[12..].copy_from_slice(&check(number, recipient).to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(MessageId, u32)> {
    let (number, rest) = slot.split_first_chunk::<8>()?;
    let (recipient, rest) = rest.split_first_chunk::<4>()?;
    let (number, recipient) = (u64::from_le_bytes(*number), u32::from_le_bytes(*recipient));
    let checked = rest == check(number, recipient).to_le_bytes();
    checked.then(|| MessageId::from_i64(number.cast_signed())).flatten().map(|message| (message, recipient))
}

/// Tells a slot from zeroes and from foreign bytes; never 0.
fn check(number: u64, recipient: u32) -> u32 {
    let mixed = (number ^ u64::from(recipient).rotate_left(40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed >> 32) as u32) | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_smtp::Timestamp;
    use std::path::PathBuf;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("postrider-dots-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn message(ms: i64) -> MessageId {
        MessageId::at(Timestamp(1_800_000_000_000 + ms), 0)
    }

    #[test]
    fn what_was_not_cleared_is_left_over_and_may_be_cleared_later() {
        let path = path("left");
        let (dots, left) = Dots::open(&path).unwrap();
        assert!(left.is_empty());
        dots.take(message(1), 0).unwrap().clear();
        let _killed = dots.take(message(2), 7).unwrap();
        dots.take(message(3), 0).unwrap().clear();
        for _ in 0..2 {
            let (_, left) = Dots::open(&path).unwrap();
            let left: Vec<_> = left.iter().map(|left| (left.message, left.recipient)).collect();
            assert_eq!(left, [(message(2), 7)]);
        }
        let (_, left) = Dots::open(&path).unwrap();
        left.into_iter().for_each(|left| left.slot.clear());
        assert!(Dots::open(&path).unwrap().1.is_empty());
    }

    #[test]
    fn with_all_slots_taken_it_says_so_and_goes_on() {
        let (dots, _) = Dots::open(&path("full")).unwrap();
        let mut slots: Vec<Slot> = (0..i64::from(SLOTS)).map(|ms| dots.take(message(ms), 0).unwrap()).collect();
        assert!(dots.take(message(-1), 0).is_none());
        slots.pop().unwrap().clear();
        assert!(dots.take(message(-1), 0).is_some());
    }

    #[test]
    fn foreign_bytes_are_no_dots() {
        let path = path("foreign");
        std::fs::write(&path, b"this is a letter to somebody, not a journal of dots").unwrap();
        assert!(Dots::open(&path).unwrap().1.is_empty());
    }
}
