//! A store whose keys are small numbers, so that lists can name entries without owning them.

/// The place of an entry. Good only while the entry is there; who removes an entry makes sure
/// that no list names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u32);

/// Entries by key. Freed places are used again, the last one first.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<Key>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, entry: T) -> Key {
        if let Some(key) = self.free.pop() {
            self.places[key.0 as usize] = Some(entry);
            return key;
        }
        self.places.push(Some(entry));
        Key(u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.places.get_mut(key.0 as usize)?.take();
        if entry.is_some() {
            self.free.push(key);
        }
        entry
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.places.get(key.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.places.get_mut(key.0 as usize)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let filled = |(at, place): (usize, &Option<T>)| place.as_ref().map(|_| Key(u32::try_from(at).unwrap_or(0)));
        self.places.iter().enumerate().filter_map(filled).collect()
    }
}
