//! What waits to be acknowledged: the application's own buffers, lent to the connection until then (TCP-030 to 039).
//!
//! The engine never writes through a buffer and never copies one: a segment refers to the bytes where they lie.

mod array;
mod ring;

pub use array::{ArrayQueue, SlotQueue, Slots};
pub use ring::{CopyQueue, RingQueue};

use core::ops::Deref;
use core::pin::Pin;

/// How many slices one segment may refer to (TCP-607).
pub const SLICES_MAX: usize = 4; // chosen: two for a ring that wraps, and two more for short buffers

/// A stable view of bytes that can be lent (TCP-031).
///
/// `&[u8]` is one without room. So is whatever leads to bytes when it is pinned, such as a `Pin<Box<[u8]>>` or a
/// `Pin<Arc<[u8]>>` where there is an allocator. The bytes must stay what they are while they are lent.
pub trait TxBuf {
    /// The bytes to send.
    fn bytes(&self) -> &[u8];

    /// Room after them that [`extend`](Self::extend) may turn into bytes to send. None by default.
    fn capacity_tail(&mut self) -> &mut [u8] {
        &mut []
    }

    /// Turns the first `count` bytes of that room into bytes to send; never more than there are.
    fn extend(&mut self, count: usize) {
        debug_assert_eq!(count, 0, "a buffer without room was extended");
    }
}

impl TxBuf for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<B: Deref<Target = [u8]>> TxBuf for Pin<B> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// An owned array of which the first `len` bytes are to be sent and the others are room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayBuf<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> ArrayBuf<N> {
    /// A copy of `bytes`; `None` if there are more than `N`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut own = [0; N];
        own.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { bytes: own, len: bytes.len() })
    }
}

impl<const N: usize> TxBuf for ArrayBuf<N> {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn capacity_tail(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.len..).unwrap_or(&mut [])
    }

    fn extend(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(N);
    }
}

/// Buffers in the order they are sent, from the first byte that is not acknowledged (TCP-032).
pub trait TxQueue {
    /// What is lent.
    type Buf;

    /// Takes a buffer, or gives it back if there is no room for one more.
    ///
    /// # Errors
    /// The buffer, when the queue is full.
    fn push(&mut self, buffer: Self::Buf) -> Result<(), Self::Buf>;

    /// Bytes that are not acknowledged.
    fn len(&self) -> usize;

    /// Whether there is no byte that is not acknowledged.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The room in the last buffer, while a byte is unacknowledged (TCP-039).
    fn tail_mut(&mut self) -> Option<&mut [u8]>;

    /// Turns the first `count` bytes of that room into bytes to send; `false` if there is less room (TCP-038).
    fn extend(&mut self, count: usize) -> bool;

    /// `len` bytes from the `offset`th on; fewer if they lie in more than [`SLICES_MAX`] pieces or end before.
    fn slices(&self, offset: usize, len: usize) -> Slices<'_>;

    /// How many of the `len` bytes from the `offset`th unacknowledged one on a segment can refer to: all of them, unless
    /// they lie in more pieces than [`Slices`] has room for.
    fn reach(&self, offset: usize, len: usize) -> usize {
        self.slices(offset, len).len()
    }

    /// The first `count` bytes are acknowledged.
    fn acknowledge(&mut self, count: usize);

    /// The next buffer of which every byte is acknowledged, in the order of [`push`](Self::push).
    fn done(&mut self) -> Option<Self::Buf>;

    /// The next buffer whatever is acknowledged of it.
    fn reclaim(&mut self) -> Option<Self::Buf>;

    /// Whether [`done`](Self::done) would give one.
    fn has_done(&self) -> bool;
}

/// Pieces of one segment's payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slices<'a> {
    parts: [&'a [u8]; SLICES_MAX],
    count: usize,
}

impl<'a> Slices<'a> {
    /// Nothing.
    pub const EMPTY: Self = Self { parts: [&[]; SLICES_MAX], count: 0 };

    /// One piece.
    #[must_use]
    #[inline]
    pub const fn one(part: &'a [u8]) -> Self {
        Self { parts: [part, &[], &[], &[]], count: if part.is_empty() { 0 } else { 1 } }
    }

    /// Adds a piece and says whether there was room; an empty one is left out.
    pub fn push(&mut self, part: &'a [u8]) -> bool {
        if part.is_empty() {
            return true;
        }
        let Some(place) = self.parts.get_mut(self.count) else { return false };
        *place = part;
        self.count += 1;
        true
    }

    /// The pieces, none of them empty.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[&'a [u8]] {
        self.parts.get(..self.count).unwrap_or(&[])
    }

    /// Bytes in all pieces.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.as_slice().iter().map(|part| part.len()).sum()
    }

    /// Whether there is no byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}
