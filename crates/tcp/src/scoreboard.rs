//! What the peer says it holds ahead of SND.UNA (RFC 2018, TCP-270..273).
//!
//! Everything is a distance from SND.UNA. Which blocks may be believed, which bytes are lost and what to send again is
//! decided in recovery; here they are only remembered, in a fixed number of ranges, so that no peer can make an
//! operation cost more than those (TCP-540).

use crate::offset::Offset;
use core::fmt::Debug;

/// A memory of selectively acknowledged bytes; [`NoSack`] for connections without.
pub trait Sacked: Default + Debug {
    /// Remembers `left..right` as held by the peer. By how many bytes [`sacked`](Self::sacked) grew.
    ///
    /// Where there is no memory for one more range, one is forgotten: never the highest nor, if there are more than
    /// two, the lowest; of the rest the shortest, of equally short ones the highest (TCP-271).
    fn insert(&mut self, left: usize, right: usize) -> usize;

    /// SND.UNA moves by `n`. How many of the bytes it passes were held.
    fn advance(&mut self, n: usize) -> usize;

    /// Forgets everything: the retransmission timer expired, or the peer reneged (TCP-273).
    fn clear(&mut self);

    /// How many bytes are held.
    fn sacked(&self) -> usize;

    /// The end of the highest range; `None` if there is none.
    fn highest(&self) -> Option<usize>;

    /// Whether all of `left..right` is held.
    fn contains(&self, left: usize, right: usize) -> bool;

    /// Whether the byte at SND.UNA is held, which an honest peer would have acknowledged (TCP-273).
    fn starts_at_zero(&self) -> bool;

    /// The first bytes not held at or behind `from` and before the highest that is, start and end.
    fn next_hole(&self, from: usize) -> Option<(usize, usize)>;

    /// How many bytes are held at or behind `offset`.
    fn above(&self, offset: usize) -> usize;

    /// The ranges, ascending, with gaps between them.
    fn ranges(&self) -> impl Iterator<Item = (usize, usize)>;

    /// How many ranges there are.
    fn count(&self) -> usize;

    /// How many bytes of `left..right` are held.
    fn within(&self, left: usize, right: usize) -> usize {
        self.above(left) - self.above(right.max(left))
    }

    /// How many ranges begin at or behind `offset`.
    fn ranges_from(&self, offset: usize) -> usize {
        self.ranges().filter(|range| range.0 >= offset).count()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The invariants of TCP-712, with `flight` bytes between SND.UNA and the highest sent.
    ///
    /// # Panics
    /// When one does not hold.
    fn check(&self, flight: usize);
}

/// Up to `S` ranges, sorted, with gaps between them (TCP-270).
#[derive(Clone, Debug)]
pub struct Scoreboard<O: Offset, const S: usize> {
    ranges: [(O, O); S],
    sacked: O,
    used: u16,
}

impl<O: Offset, const S: usize> Default for Scoreboard<O, S> {
    fn default() -> Self {
        const { assert!(S > 0 && S < u16::MAX as usize, "a number of ranges") }
        Self { ranges: [(O::default(), O::default()); S], sacked: O::default(), used: 0 }
    }
}

impl<O: Offset, const S: usize> Sacked for Scoreboard<O, S> {
    fn insert(&mut self, left: usize, right: usize) -> usize {
        let right = right.min(O::MAX);
        if left >= right {
            return 0;
        }
        let first = self.used().partition_point(|range| range.1.get() < left);
        let behind = self.used().partition_point(|range| range.0.get() <= right);
        if first < behind {
            return self.merge(first, behind, left, right);
        }
        let before = self.sacked();
        let Some(first) = self.make_room(first, right - left) else { return 0 };
        let used = usize::from(self.used);
        self.ranges.copy_within(first..used, first + 1);
        self.ranges[first] = (O::from_usize(left), O::from_usize(right));
        self.used += 1;
        self.sacked = O::from_usize(self.sacked() + (right - left));
        self.sacked().saturating_sub(before)
    }

    fn advance(&mut self, n: usize) -> usize {
        let before = self.sacked();
        if before == 0 {
            return 0;
        }
        let used = usize::from(self.used);
        let gone = self.used().partition_point(|range| range.1.get() <= n);
        self.ranges.copy_within(gone..used, 0);
        self.set_used(used - gone);
        let mut sacked = 0;
        for range in &mut self.ranges[..used - gone] {
            let (left, right) = (range.0.get().saturating_sub(n), range.1.get() - n);
            *range = (O::from_usize(left), O::from_usize(right));
            sacked += right - left;
        }
        self.sacked = O::from_usize(sacked);
        before.saturating_sub(sacked)
    }

    fn clear(&mut self) {
        self.used = 0;
        self.sacked = O::default();
    }

    #[inline]
    fn sacked(&self) -> usize {
        self.sacked.get()
    }

    fn highest(&self) -> Option<usize> {
        self.used().last().map(|range| range.1.get())
    }

    fn contains(&self, left: usize, right: usize) -> bool {
        let index = self.used().partition_point(|range| range.1.get() < right);
        left >= right || self.used().get(index).is_some_and(|range| range.0.get() <= left)
    }

    fn starts_at_zero(&self) -> bool {
        self.used().first().is_some_and(|range| range.0.get() == 0)
    }

    fn next_hole(&self, from: usize) -> Option<(usize, usize)> {
        let index = self.used().partition_point(|range| range.1.get() <= from);
        let (left, right) = self.range(index)?;
        if from < left {
            return Some((from, left));
        }
        let (end, _) = self.range(index + 1)?;
        Some((right, end))
    }

    fn above(&self, offset: usize) -> usize {
        let index = self.used().partition_point(|range| range.1.get() <= offset);
        self.used().iter().skip(index).map(|range| range.1.get() - range.0.get().max(offset)).sum()
    }

    fn ranges(&self) -> impl Iterator<Item = (usize, usize)> {
        self.used().iter().map(|range| (range.0.get(), range.1.get()))
    }

    fn count(&self) -> usize {
        usize::from(self.used)
    }

    fn check(&self, flight: usize) {
        let mut end = None;
        let mut sacked = 0;
        for (left, right) in self.ranges() {
            assert!(left < right, "an empty range");
            assert!(end.is_none_or(|end| end < left), "ranges out of order, or touching");
            end = Some(right);
            sacked += right - left;
        }
        assert!(end.is_none_or(|end| end <= flight), "a range beyond what was sent");
        assert_eq!(sacked, self.sacked(), "held bytes are counted wrong");
    }
}

impl<O: Offset, const S: usize> Scoreboard<O, S> {
    fn used(&self) -> &[(O, O)] {
        self.ranges.get(..usize::from(self.used)).unwrap_or(&[])
    }

    fn range(&self, index: usize) -> Option<(usize, usize)> {
        self.used().get(index).map(|range| (range.0.get(), range.1.get()))
    }

    fn set_used(&mut self, used: usize) {
        self.used = u16::try_from(used).unwrap_or(u16::MAX);
    }

    /// Makes the ranges `first..behind`, which `left..right` touches, one. How many bytes that adds.
    fn merge(&mut self, first: usize, behind: usize, left: usize, right: usize) -> usize {
        let joined = &self.used()[first..behind];
        let held: usize = joined.iter().map(|range| range.1.get() - range.0.get()).sum();
        let left = joined.first().map_or(left, |range| range.0.get().min(left));
        let right = joined.last().map_or(right, |range| range.1.get().max(right));
        let used = usize::from(self.used);
        self.ranges[first] = (O::from_usize(left), O::from_usize(right));
        self.ranges.copy_within(behind..used, first + 1);
        self.set_used(used - (behind - first - 1));
        let fresh = (right - left).saturating_sub(held);
        self.sacked = O::from_usize(self.sacked() + fresh);
        fresh
    }

    /// Where a range of `len` bytes that belongs before the one numbered `index` goes, after forgetting one if all are
    /// used; `None` if it is itself the one to forget.
    fn make_room(&mut self, index: usize, len: usize) -> Option<usize> {
        let used = usize::from(self.used);
        if used < S {
            return Some(index);
        }
        // Counted as if the new one were in: numbered `index`, with those from there on one higher.
        let len_of = |number: usize| match number {
            _ if number == index => len,
            _ => self
                .range(number - usize::from(number > index))
                .map_or(0, |range| range.1 - range.0),
        };
        let lowest = usize::from(used > 1);
        let forgotten = (lowest..used).rev().min_by_key(|&number| len_of(number))?;
        if forgotten == index {
            return None;
        }
        self.sacked = O::from_usize(self.sacked().saturating_sub(len_of(forgotten)));
        let gone = forgotten - usize::from(forgotten > index);
        self.ranges.copy_within(gone + 1..used, gone);
        self.set_used(used - 1);
        Some(index - usize::from(gone < index))
    }
}

/// The memory of a connection that does without selective acknowledgments: none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSack;

impl Sacked for NoSack {
    fn insert(&mut self, _left: usize, _right: usize) -> usize {
        0
    }

    fn advance(&mut self, _n: usize) -> usize {
        0
    }

    fn clear(&mut self) {}

    fn sacked(&self) -> usize {
        0
    }

    fn highest(&self) -> Option<usize> {
        None
    }

    fn contains(&self, left: usize, right: usize) -> bool {
        left >= right
    }

    fn starts_at_zero(&self) -> bool {
        false
    }

    fn next_hole(&self, _from: usize) -> Option<(usize, usize)> {
        None
    }

    fn above(&self, _offset: usize) -> usize {
        0
    }

    fn ranges(&self) -> impl Iterator<Item = (usize, usize)> {
        core::iter::empty()
    }

    fn count(&self) -> usize {
        0
    }

    fn check(&self, _flight: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board<const S: usize>(ranges: &[(usize, usize)]) -> Scoreboard<u16, S> {
        let mut board = Scoreboard::default();
        for &(left, right) in ranges {
            board.insert(left, right);
            board.check(usize::MAX);
        }
        board
    }

    fn holds<const S: usize>(board: &Scoreboard<u16, S>, expected: &[(usize, usize)]) {
        assert!(board.ranges().eq(expected.iter().copied()), "{board:?}, not {expected:?}");
    }

    // Covers TCP-271
    #[test]
    fn of_a_range_too_many_the_shortest_in_the_middle_is_forgotten() {
        let full = [(10, 11), (20, 28), (30, 33), (50, 51)];
        let mut high = board::<4>(&full);
        assert_eq!(
            high.insert(60, 61),
            0,
            "the one that was highest is now the shortest of the rest"
        );
        holds(&high, &[(10, 11), (20, 28), (30, 33), (60, 61)]);
        let mut low = board::<4>(&full);
        low.insert(4, 5);
        holds(&low, &[(4, 5), (20, 28), (30, 33), (50, 51)]);
        let mut longer = board::<4>(&full);
        assert_eq!(longer.insert(40, 45), 2, "five for three");
        holds(&longer, &[(10, 11), (20, 28), (40, 45), (50, 51)]);
        let mut shorter = board::<4>(&full);
        assert_eq!(shorter.insert(40, 42), 0);
        holds(&shorter, &full);
    }

    #[test]
    fn of_equally_short_ranges_the_lowest_stay() {
        let mut board = board::<4>(&[(10, 11), (20, 21), (30, 31), (40, 41)]);
        board.insert(25, 26);
        holds(&board, &[(10, 11), (20, 21), (25, 26), (40, 41)]);
    }

    #[test]
    fn one_range_alone_is_the_highest() {
        let mut board = board::<1>(&[(10, 20)]);
        board.insert(5, 8);
        holds(&board, &[(10, 20)]);
        board.insert(30, 31);
        holds(&board, &[(30, 31)]);
    }

    // Covers TCP-273
    #[test]
    fn a_peer_that_holds_the_byte_it_does_not_acknowledge_is_noticed() {
        let mut board = board::<4>(&[(10, 20)]);
        assert_eq!(board.advance(9), 0);
        assert!(!board.starts_at_zero());
        assert_eq!(board.advance(1), 0);
        assert!(board.starts_at_zero());
        board.clear();
        assert_eq!((board.sacked(), board.highest(), board.starts_at_zero()), (0, None, false));
    }

    #[test]
    fn what_offsets_cannot_say_is_left_out() {
        let mut board = Scoreboard::<u16, 4>::default();
        assert_eq!(board.insert(65_530, 70_000), 5);
        assert_eq!(board.insert(70_000, 70_001), 0);
        board.check(65_535);
    }
}
