//! A queue that copies: a ring in the caller's storage (TCP-091).

use super::{Slices, TxQueue};
use core::convert::Infallible;
use core::fmt;

/// A queue that takes copies of bytes.
pub trait CopyQueue: TxQueue {
    /// Copies as many of `bytes` as there is room for, from the first on, and says how many.
    fn write(&mut self, bytes: &[u8]) -> usize;

    /// Room for so many bytes.
    fn room(&self) -> usize;
}

/// A ring over storage of the caller's, all of which can be used.
pub struct RingQueue<S> {
    storage: S,
    start: usize,
    len: usize,
}

impl<S: AsRef<[u8]>> fmt::Debug for RingQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.storage.as_ref().len();
        f.debug_struct("RingQueue").field("len", &self.len).field("of", &size).finish()
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> RingQueue<S> {
    /// An empty queue.
    pub const fn new(storage: S) -> Self {
        Self { storage, start: 0, len: 0 }
    }

    /// The storage again.
    ///
    /// # Errors
    /// The queue, while it has bytes that are not acknowledged: the end of the connection empties it.
    pub fn into_storage(self) -> Result<S, Self> {
        if self.len > 0 { Err(self) } else { Ok(self.storage) }
    }

    /// Where the `offset`th byte lies.
    fn place(&self, offset: usize) -> usize {
        let place = self.start + offset;
        let size = self.storage.as_ref().len();
        if place >= size { place - size } else { place }
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> CopyQueue for RingQueue<S> {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        let (bytes, at) = (&bytes[..taken], self.place(self.len));
        let storage = self.storage.as_mut();
        let first = taken.min(storage.len() - at);
        storage[at..at + first].copy_from_slice(&bytes[..first]);
        storage[..taken - first].copy_from_slice(&bytes[first..]);
        self.len += taken;
        taken
    }

    fn room(&self) -> usize {
        self.storage.as_ref().len() - self.len
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> TxQueue for RingQueue<S> {
    type Buf = Infallible;

    fn push(&mut self, buffer: Infallible) -> Result<(), Infallible> {
        match buffer {}
    }

    fn len(&self) -> usize {
        self.len
    }

    fn tail_mut(&mut self) -> Option<&mut [u8]> {
        None
    }

    fn extend(&mut self, _count: usize) -> bool {
        false
    }

    fn slices(&self, offset: usize, len: usize) -> Slices<'_> {
        let Some(len) = self.len.checked_sub(offset).map(|rest| rest.min(len)) else {
            return Slices::EMPTY;
        };
        let (storage, at) = (self.storage.as_ref(), self.place(offset));
        let first = len.min(storage.len() - at);
        let mut slices = Slices::one(&storage[at..at + first]);
        slices.push(&storage[..len - first]);
        slices
    }

    fn reach(&self, _offset: usize, len: usize) -> usize {
        len // a ring is never more than two pieces
    }

    fn acknowledge(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start = self.place(count);
        self.len -= count;
        if self.len == 0 {
            self.start = 0; // the next write lies in one piece
        }
    }

    fn done(&mut self) -> Option<Infallible> {
        None
    }

    /// Forgets what is queued: copies need not be given back.
    fn reclaim(&mut self) -> Option<Infallible> {
        self.acknowledge(self.len);
        None
    }

    fn has_done(&self) -> bool {
        false
    }
}
