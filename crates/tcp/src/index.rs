//! Which endpoint is meant, which wants something, which deadline comes first (TCP-006, TCP-086, TCP-407).
//!
//! An endpoint is a slot, a number the engine gives it. What its addresses, wishes and deadlines are is the engine's to
//! know: [`Scan`] remembers nothing and asks it for each slot, [`Table`] remembers in storage of the caller.

mod heap;
mod scan;
mod table;

pub use scan::Scan;
pub use table::{Node, Table};

use core::fmt::Debug;
use mainstay_base::Instant;

/// One of the lists a slot can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum List {
    /// It may have something to send.
    Transmit,
    /// It may have something to tell.
    Event,
}

impl List {
    const COUNT: usize = 2;

    const fn number(self) -> usize {
        match self {
            Self::Transmit => 0,
            Self::Event => 1,
        }
    }
}

/// Finds slots: by the hash of their addresses, by what they want, by their deadlines.
///
/// Slots are below `slots`, which is the same or larger in each later call and at most [`capacity`](Self::capacity);
/// others are ignored. A slot of the range that was not inserted is asked about as well, and the closures answer no.
pub trait Index: Debug {
    /// Whether hashes are looked at; where they are not, they need not be computed.
    const HASHED: bool = true;

    /// Whether deadlines are remembered; where they are not, [`arm`](Self::arm) need not be called.
    const ARMED: bool = true;

    /// For how many slots there is room.
    fn capacity(&self) -> usize;

    /// `slot` is found by `hash` from now on, and no longer by the one it had.
    ///
    /// `hash` is keyed (TCP-521): else a peer could choose addresses that all hash alike.
    fn insert(&mut self, slot: usize, hash: u64);

    /// `slot` is not found by its hash, is on no list and has no deadline.
    fn remove(&mut self, slot: usize);

    /// A slot with this hash for which `is` says yes.
    fn find(&self, slots: usize, hash: u64, is: impl FnMut(usize) -> bool) -> Option<usize>;

    /// Puts `slot` at the end of a list, unless it is on it.
    fn want(&mut self, list: List, slot: usize);

    /// Whether `slot` is known to be on a list; where that is not remembered, no.
    #[inline]
    fn is_wanted(&self, _list: List, _slot: usize) -> bool {
        false
    }

    /// Takes one slot off a list: each that wants gets its turn before one gets its second (TCP-144).
    ///
    /// What is asked is `wants`, or what is remembered of [`want`](Self::want), never both: the two must mean the same,
    /// but for a slot that was put on a list and by now wants nothing, which may be taken. One that still wants something
    /// when its turn is over is put on the list again.
    fn take(&mut self, list: List, slots: usize, wants: impl FnMut(usize) -> bool)
    -> Option<usize>;

    /// The earliest deadline of `slot` is now `at`.
    ///
    /// An earlier one may be remembered in its place, so that a deadline that moves away, as most do, costs nothing.
    fn arm(&mut self, slot: usize, at: Option<Instant>);

    /// The first deadline of all, or a moment before it.
    fn deadline(
        &self,
        slots: usize,
        deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<Instant>;

    /// A slot whose deadline is `now` or before.
    ///
    /// The caller runs its timers, [`arms`](Self::arm) it with what is then its deadline, which is later than `now`, and
    /// calls this again with the same `now` until there is none: only then was each slot looked at. In one such round
    /// [`Scan`] gives no slot twice, whatever the caller does; [`Table`] gives one again that was armed for `now` or before.
    fn due(
        &mut self,
        now: Instant,
        slots: usize,
        deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<usize>;
}
