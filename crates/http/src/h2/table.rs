//! The streams of one connection: by slot for the flags, by id for the caller.

use super::ready::Ready;
use core::task::Waker;
use std::collections::VecDeque;
use std::sync::Arc;

/// Up to as many streams as there are flags. Slots and their wakers are used again.
#[derive(Debug)]
pub(super) struct Table<S> {
    ready: Arc<Ready>,
    slots: Vec<Slot<S>>,
    free: Vec<u16>,
    /// Sorted by id.
    ids: Vec<(u32, u16)>,
    /// Slots whose received payload may be pulled.
    readable: VecDeque<u16>,
    max: u16,
}

#[derive(Debug)]
struct Slot<S> {
    waker: Waker,
    listed: bool,
    stream: Option<(u32, S)>,
}

impl<S> Table<S> {
    pub(super) const fn new(ready: Arc<Ready>, max: u16) -> Self {
        Self {
            ready,
            slots: Vec::new(),
            free: Vec::new(),
            ids: Vec::new(),
            readable: VecDeque::new(),
            max,
        }
    }

    /// How many streams there are.
    pub(super) const fn count(&self) -> usize {
        self.ids.len()
    }

    /// Whether no slot is free.
    pub(super) fn is_full(&self) -> bool {
        self.ids.len() >= usize::from(self.max)
    }

    /// The slot of `id`.
    pub(super) fn find(&self, id: u32) -> Option<u16> {
        let at = self.ids.binary_search_by_key(&id, |entry| entry.0).ok()?;
        self.ids.get(at).map(|entry| entry.1)
    }

    /// Adds a stream; `None` if the table is full or the id in use.
    pub(super) fn insert(&mut self, id: u32, stream: S) -> Option<u16> {
        let at = self.ids.binary_search_by_key(&id, |entry| entry.0).err()?;
        if self.is_full() {
            return None;
        }
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            let slot = u16::try_from(self.slots.len()).ok()?;
            let waker = self.ready.stream_waker(slot);
            self.slots.push(Slot { waker, listed: false, stream: None });
            slot
        };
        self.slots.get_mut(usize::from(slot))?.stream = Some((id, stream));
        self.ids.insert(at, (id, slot));
        Some(slot)
    }

    /// The stream in `slot` with its id and its waker.
    pub(super) fn get(&mut self, slot: u16) -> Option<(u32, &mut S, &Waker)> {
        let slot = self.slots.get_mut(usize::from(slot))?;
        let (id, stream) = slot.stream.as_mut()?;
        Some((*id, stream, &slot.waker))
    }

    /// The stream of `id` with its slot and its waker.
    pub(super) fn find_mut(&mut self, id: u32) -> Option<(u16, &mut S, &Waker)> {
        let slot = self.find(id)?;
        self.get(slot).map(|(_, stream, waker)| (slot, stream, waker))
    }

    /// Takes the stream out; its slot is free.
    pub(super) fn remove(&mut self, slot: u16) -> Option<(u32, S)> {
        let removed = self.slots.get_mut(usize::from(slot))?.stream.take()?;
        if let Ok(at) = self.ids.binary_search_by_key(&removed.0, |entry| entry.0) {
            self.ids.remove(at);
        }
        self.free.push(slot);
        Some(removed)
    }

    /// Flags every stream.
    pub(super) fn wake_all(&self) {
        for (_, slot) in &self.ids {
            self.ready.set(*slot);
        }
    }

    /// Says that payload may be pulled from `slot`.
    pub(super) fn list(&mut self, slot: u16) {
        if let Some(entry) = self.slots.get_mut(usize::from(slot))
            && !entry.listed
        {
            entry.listed = true;
            self.readable.push_back(slot);
        }
    }

    /// The slot whose payload is to be pulled next; stays so until `unlist`.
    pub(super) fn next_readable(&self) -> Option<u16> {
        self.readable.front().copied()
    }

    /// All of them.
    pub(super) fn readable(&self) -> Vec<u16> {
        self.readable.iter().copied().collect()
    }

    /// Says that there is no more to pull from the next readable slot.
    pub(super) fn unlist(&mut self) {
        if let Some(slot) = self.readable.pop_front()
            && let Some(entry) = self.slots.get_mut(usize::from(slot))
        {
            entry.listed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_ids_are_unique() {
        let mut table = Table::new(Ready::new(2), 2);
        let first = table.insert(9, 'a').unwrap();
        assert_eq!(table.insert(9, 'b'), None);
        assert!(table.insert(3, 'b').is_some());
        assert_eq!(table.insert(4, 'c'), None);
        assert_eq!(table.remove(first), Some((9, 'a')));
        assert_eq!(table.insert(4, 'c'), Some(first));
        assert_eq!(table.find(9), None);
        assert_eq!(table.count(), 2);
    }
}
