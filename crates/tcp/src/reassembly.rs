//! Received bytes: the ring they stand in and the memory of which of them came ahead of their turn.
//!
//! Out-of-order bytes are written straight to their final place (TCP-450); an [`Assembly`] remembers which places
//! are taken. Sequence numbers, the FIN and the window belong to `receive`: here everything is a distance from the
//! in-order edge, the place of the next byte expected.

mod bitmap;
mod ranges;
mod ring;

pub use bitmap::Bitmap;
pub use ranges::Ranges;
pub use ring::{Ring, Written};

use crate::offset::Offset;
use core::fmt::Debug;

/// Where out-of-order bytes are remembered.
///
/// All offsets are distances from the in-order edge, in bytes; `marks` is the part of the storage behind the data.
pub trait Assembly<O: Offset>: Default + Debug {
    /// How many bytes of a storage of `storage` bytes are left for data (TCP-012).
    #[must_use]
    fn data_len(storage: usize) -> usize;

    /// The first held byte in `from..to`, or `to`.
    fn first_held(&self, marks: &[u8], place: Place, from: usize, to: usize) -> usize;

    /// The first byte in `from..to` that is not held, or `to`.
    fn first_free(&self, marks: &[u8], place: Place, from: usize, to: usize) -> usize;

    /// Remembers `from..to` as held; some of it may be already. `false` and no effect if there is no memory for it.
    #[must_use]
    fn mark(&mut self, marks: &mut [u8], place: Place, from: usize, to: usize) -> bool;

    /// The edge moves by `n`: everything below is forgotten.
    fn advance(&mut self, marks: &mut [u8], place: Place, n: usize);

    /// The data of the ring, `capacity` bytes, was rotated left by `by`.
    fn rotate(&mut self, marks: &mut [u8], capacity: usize, by: usize);

    /// How many bytes are held.
    fn count(&self, marks: &[u8], capacity: usize) -> usize;

    /// Forgets everything, whatever the marks were before.
    fn clear(&mut self, marks: &mut [u8], capacity: usize);
}

/// Where in the ring the offsets of an [`Assembly`] begin.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The ring position of the in-order edge.
    pub edge: usize,
    /// The ring's length, more than `edge` unless zero.
    pub capacity: usize,
}
