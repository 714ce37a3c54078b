//! Which of the bytes in flight are lost: the part of recovery that differs between profiles.
//!
//! [`Rack`] remembers when each segment left (RFC 8985); [`Episode`] has two sequence numbers and counts
//! (RFC 6675, RFC 6582). Both say what to send again; when and how much of it is up to the window.

mod episode;
mod fifo;
mod rack;
mod record;

pub use episode::Episode;
pub use fifo::{Fifo, Ring};
pub use rack::Rack;
pub use record::Record;

use crate::scoreboard::Sacked;
use crate::seq::Seq;
use core::fmt::Debug;

/// What is in flight, as the methods of [`Losses`] need to see it.
#[derive(Debug)]
pub struct Flight<'a, B> {
    /// The oldest byte that is not acknowledged.
    pub una: Seq,
    /// The byte after the newest that was sent.
    pub nxt: Seq,
    /// What the peer holds beyond that.
    pub board: &'a B,
    /// The segment size.
    pub mss: u32,
    /// Microseconds, modulo 2^32.
    pub now: u32,
}

/// Round trips as detection needs them, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Trips {
    /// The smallest of late.
    pub min: u32,
    /// The smoothed one.
    pub smoothed: u32,
    /// What an acknowledgement echoes proves that the original arrived, not what was sent again.
    pub original: bool,
}

/// The newest segment that one acknowledgement says was delivered.
#[derive(Clone, Copy, Debug)]
pub struct Newest<S> {
    /// When it left.
    pub sent: u32,
    /// Its end.
    pub end: Seq,
    /// It had been sent before.
    pub resent: bool,
    /// It was acknowledged together with something that had been sent before, and may have arrived long ago: nobody knows
    /// for which of the two the acknowledgement waited (RFC 6298 §3, TCP-402).
    pub ambiguous: bool,
    /// What the delivery rate is measured by.
    pub stamp: S,
}

/// What detection found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// So many bytes more are lost.
    pub lost: u32,
    /// More may be in so many microseconds.
    pub recheck: Option<u32>,
}

/// Bytes to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The first.
    pub start: Seq,
    /// The one after the last.
    pub end: Seq,
}

/// See the module.
pub trait Losses: Default + Debug {
    /// What the delivery rate is measured by.
    type Stamp: Copy + Default + Debug;
    /// Losses are found by time, also of what was sent again (TCP-281).
    const BY_TIME: bool;

    /// Bytes up to `end` left for the first time.
    fn sent(&mut self, una: Seq, end: Seq, now: u32, stamp: Self::Stamp);

    /// Bytes left again.
    fn resent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole, stamp: Self::Stamp);

    /// Nothing after `nxt` left after all (TCP-553).
    fn unsent(&mut self, una: Seq, nxt: Seq);

    /// A hole that was lost did not leave again after all (TCP-553).
    fn unresent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole);

    /// Everything before `una` is acknowledged, `acked` bytes more than before. Called before `board` and `una` are brought
    /// up to date.
    fn acknowledged(
        &mut self,
        una: Seq,
        acked: u32,
        trips: Trips,
        now: u32,
    ) -> Option<Newest<Self::Stamp>>;

    /// The peer holds what lies between `left` and `right`, and `board` knows.
    fn sacked<B: Sacked>(
        &mut self,
        flight: &Flight<'_, B>,
        hole: Hole,
        trips: Trips,
    ) -> Option<Newest<Self::Stamp>>;

    /// Finds losses. `duplicates` counts what arrived after the oldest hole, in segments.
    fn detect<B: Sacked>(
        &mut self,
        flight: &Flight<'_, B>,
        trips: Trips,
        recovering: bool,
        duplicates: u32,
    ) -> Found;

    /// The oldest `len` bytes are lost (RFC 6582, partial acknowledgement); says how many were not known to be.
    fn lose_first<B: Sacked>(&mut self, flight: &Flight<'_, B>, len: u32) -> u32;

    /// Everything that is not held is lost (RFC 6298 §5.4); says how many bytes were not known to be.
    fn lose_all<B: Sacked>(&mut self, flight: &Flight<'_, B>) -> u32;

    /// Nothing is lost after all.
    fn unlose(&mut self);

    /// What to send again first.
    fn next<B: Sacked>(&self, flight: &Flight<'_, B>) -> Option<Hole>;

    /// Whether the byte at `una`, the oldest in flight, was sent again.
    fn is_resent(&self, una: Seq) -> bool;

    /// Bytes that are lost and were not sent again since.
    fn lost(&self) -> u32;

    /// Nothing was sent again or delivered out of its turn, so there is nothing for [`detect`](Self::detect) to find while
    /// nothing is held or lost.
    fn is_orderly(&self) -> bool;

    /// A duplicate was reported (TCP-276): what was sent again had arrived.
    fn duplicated(&mut self, round: Seq);

    /// A recovery is over.
    fn recovered(&mut self);

    /// Nothing is in flight any more; the next byte that will be is `una`.
    fn clear(&mut self, una: Seq);

    /// Panics if the records do not cover the flight (TCP-712).
    fn check(&self, una: Seq, nxt: Seq);
}
