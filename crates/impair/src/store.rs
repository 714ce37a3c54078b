//! The frames under way and the buffers they lie in, both used again: at a steady load nothing is allocated.

use crate::direction::Wire;
use crate::limits::{FRAMES_MAX, FREE_MAX, SMALL};
use core::mem;

/// A frame under way.
#[derive(Clone, Debug)]
pub(crate) struct Frame<T> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) meta: T,
    pub(crate) wire: Wire,
    /// How many frames are to overtake it.
    pub(crate) hold: u16,
}

#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    slots: Vec<Option<Frame<T>>>,
    vacant: Vec<usize>,
    /// The capacity of the buffers of all frames.
    held: usize,
    small: Free,
    large: Free,
}

/// Buffers that wait for frames.
#[derive(Clone, Debug, Default)]
struct Free {
    buffers: Vec<Vec<u8>>,
    capacity: usize,
}

impl<T> Store<T> {
    pub(crate) fn new() -> Self {
        let (small, large) = (Free::default(), Free::default());
        Self { slots: Vec::new(), vacant: Vec::new(), held: 0, small, large }
    }

    /// A copy of the bytes, if a frame more can be held. An empty store takes any.
    pub(crate) fn copy(&mut self, bytes: &[u8], memory_max: usize) -> Option<Vec<u8>> {
        let free = if bytes.len() <= SMALL { &mut self.small } else { &mut self.large };
        let mut buffer = free.take(bytes.len());
        let sum = self.held.saturating_add(buffer.capacity());
        if self.len() > 0 && (sum > memory_max || self.len() >= FRAMES_MAX) {
            self.recycle(buffer);
            return None;
        }
        buffer.extend_from_slice(bytes);
        Some(buffer)
    }

    /// Keeps a frame and says where.
    pub(crate) fn insert(&mut self, frame: Frame<T>) -> usize {
        self.held = self.held.saturating_add(frame.bytes.capacity());
        if let Some(slot) = self.vacant.pop() {
            self.slots[slot] = Some(frame);
            return slot;
        }
        self.slots.push(Some(frame));
        self.slots.len() - 1
    }

    pub(crate) fn hold(&self, slot: usize) -> u16 {
        self.slots.get(slot).and_then(Option::as_ref).map_or(0, |frame| frame.hold)
    }

    /// Gives a frame out in the caller's buffer, by exchange.
    pub(crate) fn take(&mut self, slot: usize, buf: &mut Vec<u8>) -> Option<(T, Wire)> {
        let mut frame = self.slots.get_mut(slot)?.take()?;
        self.vacant.push(slot);
        self.held = self.held.saturating_sub(frame.bytes.capacity());
        mem::swap(buf, &mut frame.bytes);
        self.recycle(frame.bytes);
        Some((frame.meta, frame.wire))
    }

    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        match buffer.capacity() {
            0..SMALL => {}
            capacity if capacity < 2 * SMALL => self.small.give(buffer),
            _ => self.large.give(buffer),
        }
    }

    /// The number of frames.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// The capacity of their buffers.
    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

impl Free {
    fn take(&mut self, len: usize) -> Vec<u8> {
        let mut buffer = self.buffers.pop().unwrap_or_default();
        self.capacity = self.capacity.saturating_sub(buffer.capacity());
        buffer.reserve(len.max(SMALL));
        buffer
    }

    fn give(&mut self, buffer: Vec<u8>) {
        let sum = self.capacity.saturating_add(buffer.capacity());
        if sum <= FREE_MAX {
            self.capacity = sum;
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: Vec<u8>) -> Frame<()> {
        let wire = Wire::single(bytes.len());
        Frame { bytes, meta: (), wire, hold: 0 }
    }

    #[test]
    fn buffers_are_used_again() {
        let mut store = Store::new();
        let mut out = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..10 {
            let bytes = store.copy(&[1; 1500], usize::MAX).unwrap();
            seen.push(bytes.as_ptr());
            let slot = store.insert(frame(bytes));
            assert!(store.take(slot, &mut out).is_some());
            assert_eq!(out, [1; 1500]);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), store.slots.len()), (2, 1));
    }

    #[test]
    fn a_small_frame_does_not_sit_in_a_large_buffer() {
        let mut store = Store::<()>::new();
        store.recycle(Vec::with_capacity(65_536));
        assert!(store.copy(&[0; 60], usize::MAX).unwrap().capacity() < 2 * SMALL);
        assert_eq!(store.copy(&[0; 60_000], usize::MAX).unwrap().capacity(), 65_536);
    }

    #[test]
    fn what_is_kept_for_later_is_bounded() {
        let mut store = Store::<()>::new();
        (0..100).for_each(|_| store.recycle(Vec::with_capacity(65_536)));
        assert_eq!(store.large.capacity, FREE_MAX);
        assert_eq!(store.held(), 0);
    }
}
