//! One transmission (TCP-280).

use crate::seq::Seq;

/// When the bytes up to `end` left last; they begin where the record before ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<S> {
    /// The byte after the last.
    pub end: Seq,
    /// Microseconds, modulo 2^32.
    pub sent: u32,
    /// What the delivery rate is measured by.
    pub stamp: S,
    /// They left more than once.
    pub resent: bool,
    /// They are lost and have not left since.
    pub lost: bool,
    /// The peer holds all of them.
    pub held: bool,
}

impl<S: Copy> Record<S> {
    /// Whether nothing but the time would be lost by making one of the two.
    pub(super) const fn is_like(&self, next: &Self) -> bool {
        self.lost == next.lost && self.resent == next.resent && self.held == next.held
    }

    /// This record and the one after it as one. The later time stands, so that losses are found late, never early;
    /// what only one of them has lost counts as sent again for the same reason (TCP-280).
    pub(super) fn merged(self, next: Self) -> Self {
        let newest = if later(self.sent, next.sent) { self } else { next };
        Self {
            end: next.end,
            sent: newest.sent,
            stamp: newest.stamp,
            resent: self.resent || next.resent || self.lost != next.lost,
            lost: self.lost && next.lost,
            held: self.held && next.held,
        }
    }
}

/// Whether time `a` is later than `b`, modulo 2^32.
#[inline]
pub(crate) const fn later(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) & (1 << 31) != 0
}
