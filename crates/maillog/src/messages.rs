//! What earlier lines said about messages that are still under way, in bounded memory.
//!
//! One table from queue id to message, with a list by last use threaded through it. When it is
//! full, the message that was not mentioned for the longest time goes; what later lines say of
//! it is then told without sender and Message-ID. Slots are used again with their buffers, so a
//! log of any length costs no allocation once the table has its size.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The longest sender, client or Message-ID that is kept: an address has at most 254 octets
/// (RFC 5321 §4.5.3.1.3), and what is longer is kept by its beginning.
pub const FIELD_BYTES_MAX: usize = 320;

/// No slot.
const NONE: u32 = u32::MAX;

/// A text that may be unknown, and whose buffer is used again.
#[derive(Debug, Default)]
pub(crate) struct Field {
    text: String,
    known: bool,
}

impl Field {
    pub(crate) fn set(&mut self, text: &str) {
        self.text.clear();
        self.text.push_str(&text[..text.floor_char_boundary(FIELD_BYTES_MAX)]);
        self.known = true;
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.known.then_some(self.text.as_str())
    }

    fn forget(&mut self) {
        self.known = false;
    }
}

/// What is known about one message.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) from: Field,
    pub(crate) message_id: Field,
    pub(crate) client: Field,
    pub(crate) size: Option<u64>,
    /// Its arrival is in the log.
    pub(crate) arrived: bool,
    /// It was told as received or queued.
    pub(crate) told: bool,
}

impl Message {
    /// As if nothing had been said.
    pub(crate) fn begin(&mut self) {
        self.from.forget();
        self.message_id.forget();
        self.client.forget();
        self.size = None;
        self.arrived = false;
        self.told = false;
    }
}

#[derive(Debug)]
struct Slot {
    hash: u64,
    id: String,
    message: Message,
    /// The neighbours in the list by last use.
    newer: u32,
    older: u32,
}

/// The messages under way.
#[derive(Debug)]
pub(crate) struct Messages {
    hasher: FixedState,
    table: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    messages_max: usize,
    /// How many had to go for want of room.
    pub(crate) forgotten: u64,
}

impl Messages {
    pub(crate) fn new(messages_max: usize) -> Self {
        Self {
            hasher: FixedState::default(),
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            messages_max: messages_max.clamp(1, NONE as usize - 1),
            forgotten: 0,
        }
    }

    /// Two hosts may give the same id, so the host is a part of the key.
    fn hash(&self, host: &str, id: &str) -> u64 {
        self.hasher.hash_one((host, id))
    }

    fn place(&self, hash: u64, id: &str) -> Option<u32> {
        let same = |place: &u32| {
            let slot = &self.slots[*place as usize];
            slot.hash == hash && slot.id == id
        };
        self.table.find(hash, same).copied()
    }

    /// The message of that id, made when it is not there; the newest from now on.
    pub(crate) fn open(&mut self, host: &str, id: &str) -> &mut Message {
        let id = &id[..id.floor_char_boundary(FIELD_BYTES_MAX)];
        let hash = self.hash(host, id);
        let place = match self.place(hash, id) {
            Some(place) if place == self.newest => place,
            Some(place) => {
                self.unlink(place);
                self.link(place);
                place
            }
            None => self.make(hash, id),
        };
        &mut self.slots[place as usize].message
    }

    /// The message of that id, if it is there.
    pub(crate) fn get(&self, host: &str, id: &str) -> Option<&Message> {
        let id = &id[..id.floor_char_boundary(FIELD_BYTES_MAX)];
        self.place(self.hash(host, id), id).map(|place| &self.slots[place as usize].message)
    }

    /// The message is done: its id may be given again.
    pub(crate) fn close(&mut self, host: &str, id: &str) {
        let id = &id[..id.floor_char_boundary(FIELD_BYTES_MAX)];
        if let Some(place) = self.place(self.hash(host, id), id) {
            self.remove(place);
        }
    }

    fn make(&mut self, hash: u64, id: &str) -> u32 {
        if self.table.len() >= self.messages_max {
            self.remove(self.oldest);
            self.forgotten += 1;
        }
        let place = match self.free.pop() {
            Some(place) => {
                let slot = &mut self.slots[place as usize];
                slot.hash = hash;
                slot.id.clear();
                slot.id.push_str(id);
                slot.message.begin();
                place
            }
            None => {
                let message = Message::default();
                self.slots.push(Slot { hash, id: id.to_owned(), message, newer: NONE, older: NONE });
                // Never more slots than messages_max, which fits.
                (self.slots.len() - 1) as u32
            }
        };
        self.link(place);
        let slots = &self.slots;
        self.table.insert_unique(hash, place, |place| slots[*place as usize].hash);
        place
    }

    fn remove(&mut self, place: u32) {
        let hash = self.slots[place as usize].hash;
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == place) {
            entry.remove();
            self.unlink(place);
            self.free.push(place);
        }
    }

    fn link(&mut self, place: u32) {
        let older = self.newest;
        let slot = &mut self.slots[place as usize];
        (slot.newer, slot.older) = (NONE, older);
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    fn unlink(&mut self, place: u32) {
        let (newer, older) = (self.slots[place as usize].newer, self.slots[place as usize].older);
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_mentioned_for_the_longest_time_goes() {
        let mut messages = Messages::new(3);
        for id in ["a", "b", "c", "a", "d"] {
            messages.open("mx", id).from.set(id);
        }
        let known = |id: &str| messages.get("mx", id).and_then(|message| message.from.get());
        assert_eq!([known("a"), known("b"), known("c"), known("d")], [Some("a"), None, Some("c"), Some("d")]);
        assert_eq!((messages.slots.len(), messages.forgotten), (3, 1));
    }

    #[test]
    fn a_closed_id_is_given_again_and_knows_nothing() {
        let mut messages = Messages::new(2);
        for round in 0..1000 {
            let id = (round % 7).to_string();
            assert_eq!(messages.open("mx", &id).from.get(), None);
            messages.open("mx", &id).from.set("x");
            messages.close("mx", &id);
            messages.close("mx", "never there");
        }
        assert_eq!((messages.slots.len(), messages.table.len(), messages.newest, messages.oldest), (1, 0, NONE, NONE));
    }

    #[test]
    fn two_hosts_may_give_the_same_id() {
        let mut messages = Messages::new(9);
        messages.open("mx1", "a").from.set("one");
        messages.open("mx2", "a").from.set("two");
        assert_eq!(messages.get("mx1", "a").and_then(|message| message.from.get()), Some("one"));
    }

    #[test]
    fn many_ids_in_any_order_keep_list_and_table_together() {
        let mut messages = Messages::new(50);
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = ((seed >> 33) % 120).to_string();
            if seed >> 62 == 0 {
                messages.close("", &id);
            } else {
                messages.open("", &id);
            }
        }
        let (mut length, mut place) = (0, messages.newest);
        while place != NONE {
            (length, place) = (length + 1, messages.slots[place as usize].older);
        }
        assert_eq!((length, messages.slots.len()), (messages.table.len(), messages.table.len() + messages.free.len()));
    }
}
