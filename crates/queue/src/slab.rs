//! A store whose keys are small numbers, so that lists can name entries without owning them.

/// The place of an entry, and which of the entries that had this place. A key of an entry that
/// was removed finds nothing, so a list may outlive what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    place: u32,
    tenant: u32,
}

/// Entries by key. Freed places are used again, the last one first.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, entry: T) -> Key {
        if let Some(place) = self.free.pop() {
            let (tenant, slot) = &mut self.places[place as usize];
            *slot = Some(entry);
            return Key { place, tenant: *tenant };
        }
        self.places.push((0, Some(entry)));
        // Four thousand million destinations do not fit any `destinations_max`.
        Key { place: u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX), tenant: 0 }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let (tenant, slot) = self.places.get_mut(key.place as usize)?;
        if *tenant != key.tenant {
            return None;
        }
        let entry = slot.take()?;
        *tenant = tenant.wrapping_add(1);
        self.free.push(key.place);
        Some(entry)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let (tenant, slot) = self.places.get(key.place as usize)?;
        slot.as_ref().filter(|_| *tenant == key.tenant)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (tenant, slot) = self.places.get_mut(key.place as usize)?;
        slot.as_mut().filter(|_| *tenant == key.tenant)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|(_, slot)| slot.as_ref())
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let filled =
            |(place, (tenant, slot)): (u32, &(u32, Option<T>))| slot.as_ref().map(|_| Key { place, tenant: *tenant });
        (0..).zip(&self.places).filter_map(filled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_find_who_moved_in_later() {
        let mut slab = Slab::new();
        let old = slab.insert("old");
        assert_eq!(slab.remove(old), Some("old"));
        let new = slab.insert("new");
        assert_eq!((slab.get(old), slab.get(new)), (None, Some(&"new")));
        assert_eq!((slab.remove(old), slab.len()), (None, 1));
        assert_eq!(slab.keys(), [new]);
    }
}
