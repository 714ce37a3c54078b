//! One transmission (TCP-280).

use crate::seq::Seq;

/// When the bytes up to `end` left last; they begin where the record before ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<S> {
    /// The byte after the last.
    pub end: Seq,
    /// Microseconds, modulo 2^32; the lowest three bits say what became of it.
    moment: u32,
    /// What the delivery rate is measured by.
    pub stamp: S,
}

/// They left more than once.
const RESENT: u32 = 1;
/// They are lost and have not left since.
const LOST: u32 = 2;
/// The peer holds all of them.
const HELD: u32 = 4;
/// Times are as fine as this mask. chosen: 8 microseconds, as the finest timers (TCP-401, TCP-652)
const TIME: u32 = !(RESENT | LOST | HELD);

impl<S> Record<S> {
    /// Bytes up to `end` leave for the first time.
    #[inline]
    pub const fn new(end: Seq, now: u32, stamp: S) -> Self {
        Self { end, moment: now & TIME, stamp }
    }

    /// When they left last, in microseconds modulo 2^32, to eight of them.
    #[inline]
    #[must_use]
    pub const fn sent(&self) -> u32 {
        self.moment & TIME
    }

    /// They left more than once.
    #[inline]
    #[must_use]
    pub const fn is_resent(&self) -> bool {
        self.moment & RESENT != 0
    }

    /// They are lost and have not left since.
    #[inline]
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.moment & LOST != 0
    }

    /// The peer holds all of them.
    #[inline]
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.moment & HELD != 0
    }

    /// They leave again, now.
    pub(super) fn resend(&mut self, now: u32, stamp: S) {
        (self.moment, self.stamp) = ((now & TIME) | RESENT | (self.moment & HELD), stamp);
    }

    /// They are lost, or not after all.
    pub(super) const fn set_lost(&mut self, lost: bool) {
        self.set(LOST, lost);
    }

    /// The peer holds them, or has lost them again.
    pub(super) const fn set_held(&mut self, held: bool) {
        self.set(HELD, held);
    }

    /// The peer's word that it holds them counts no more. If it does hold them, they came long ago: then they are as good as
    /// sent again, since no round trip can be told from what is said of them later.
    pub(super) const fn forget_held(&mut self) {
        if self.is_held() {
            self.set(HELD, false);
            self.set(RESENT, true);
        }
    }

    const fn set(&mut self, flag: u32, on: bool) {
        self.moment = if on { self.moment | flag } else { self.moment & !flag };
    }
}

impl<S: Copy> Record<S> {
    /// Whether nothing but the time would be lost by making one of the two.
    pub(super) const fn is_like(&self, next: &Self) -> bool {
        (self.moment ^ next.moment) & !TIME == 0
    }

    /// This record and the one after it as one. The later time stands, so that losses are found late, never early;
    /// what only one of them has lost counts as sent again for the same reason (TCP-280).
    pub(super) fn merged(self, next: Self) -> Self {
        let newest = if later(self.sent(), next.sent()) { self } else { next };
        let (either, both) = (self.moment | next.moment, self.moment & next.moment);
        let partly_lost = (either ^ both) & LOST != 0;
        let resent = if partly_lost { RESENT } else { either & RESENT };
        Self {
            end: next.end,
            moment: newest.sent() | resent | (both & (LOST | HELD)),
            stamp: newest.stamp,
        }
    }
}

/// Whether time `a` is later than `b`, modulo 2^32.
#[inline]
pub(crate) const fn later(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) & (1 << 31) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-280, TCP-652
    #[test]
    fn a_pair_made_one_keeps_the_later_time_and_what_holds_for_both() {
        let mut early = Record::new(Seq(10), 1000, ());
        let mut late = Record::new(Seq(20), 2003, ());
        assert_eq!((early.sent(), late.sent(), size_of_val(&early)), (1000, 2000, 8));
        early.set_lost(true);
        late.set_lost(true);
        let both = early.merged(late);
        assert_eq!((both.end, both.sent()), (Seq(20), 2000));
        assert!(both.is_lost() && !both.is_resent() && !both.is_held());
        late.resend(3000, ());
        assert!(late.is_resent() && !late.is_lost() && late.sent() == 3000);
        late.set_held(true);
        let mixed = early.merged(late);
        assert!(!mixed.is_lost() && mixed.is_resent() && !mixed.is_held());
        assert!(!early.is_like(&late) && early.is_like(&early));
    }
}
