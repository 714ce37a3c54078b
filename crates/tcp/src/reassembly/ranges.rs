//! A few ranges instead of a bitmap (TCP-457): the whole storage is data, and the number of gaps is bounded.

use super::{Assembly, Place};
use crate::offset::Offset;

/// Out-of-order bytes remembered as up to `N` ranges, sorted, with gaps between them.
///
/// A new range for which there is no memory is the one dropped, since those before it may have been promised to the
/// peer (TCP-483). What touches a range already remembered always finds its place.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<O, const N: usize> {
    ranges: [(O, O); N],
    used: u16,
}

impl<O: Offset, const N: usize> Default for Ranges<O, N> {
    fn default() -> Self {
        const { assert!(N > 0 && N <= u16::MAX as usize, "a number of ranges") }
        Self { ranges: [(O::default(), O::default()); N], used: 0 }
    }
}

impl<O: Offset, const N: usize> Ranges<O, N> {
    fn used(&self) -> &[(O, O)] {
        &self.ranges[..usize::from(self.used)]
    }

    /// The first range that ends behind `offset`.
    fn ending_behind(&self, offset: usize) -> Option<(usize, usize)> {
        let used = self.used();
        let index = used.partition_point(|range| range.1.get() <= offset);
        used.get(index).map(|range| (range.0.get(), range.1.get()))
    }
}

impl<O: Offset, const N: usize> Assembly<O> for Ranges<O, N> {
    fn data_len(storage: usize) -> usize {
        storage
    }

    fn first_held(&self, _marks: &[u8], _place: Place, from: usize, to: usize) -> usize {
        self.ending_behind(from).map_or(to, |(left, _)| left.max(from).min(to))
    }

    fn first_free(&self, _marks: &[u8], _place: Place, from: usize, to: usize) -> usize {
        match self.ending_behind(from) {
            Some((left, right)) if left <= from => right.min(to),
            Some(_) | None => from.min(to),
        }
    }

    fn mark(&mut self, _marks: &mut [u8], _place: Place, from: usize, to: usize) -> bool {
        let used = usize::from(self.used);
        let first = self.used().partition_point(|range| range.1.get() < from);
        let behind = self.used().partition_point(|range| range.0.get() <= to);
        if first == behind {
            if used == N {
                return false;
            }
            self.ranges.copy_within(first..used, first + 1);
            self.ranges[first] = (O::from_usize(from), O::from_usize(to));
            self.used += 1;
            return true;
        }
        let left = self.ranges[first].0.get().min(from);
        let right = self.ranges[behind - 1].1.get().max(to);
        self.ranges[first] = (O::from_usize(left), O::from_usize(right));
        self.ranges.copy_within(behind..used, first + 1);
        self.used = self.used.saturating_sub(u16::try_from(behind - first - 1).unwrap_or(u16::MAX));
        true
    }

    fn advance(&mut self, _marks: &mut [u8], _place: Place, n: usize) {
        let used = usize::from(self.used);
        let gone = self.used().partition_point(|range| range.1.get() <= n);
        self.ranges.copy_within(gone..used, 0);
        self.used = self.used.saturating_sub(u16::try_from(gone).unwrap_or(u16::MAX));
        for range in &mut self.ranges[..used - gone] {
            let (left, right) = (range.0.get().saturating_sub(n), range.1.get() - n);
            *range = (O::from_usize(left), O::from_usize(right));
        }
    }

    fn rotate(&mut self, _marks: &mut [u8], _capacity: usize, _by: usize) {}

    fn count(&self, _marks: &[u8], _capacity: usize) -> usize {
        self.used().iter().map(|range| range.1.get() - range.0.get()).sum()
    }

    fn clear(&mut self, _marks: &mut [u8], _capacity: usize) {
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { edge: 0, capacity: 100 };

    // Covers TCP-457
    #[test]
    fn the_range_too_many_is_dropped_and_those_before_it_stay() {
        let mut ranges = Ranges::<u16, 2>::default();
        assert!(ranges.mark(&mut [], PLACE, 10, 20));
        assert!(ranges.mark(&mut [], PLACE, 40, 50));
        assert!(!ranges.mark(&mut [], PLACE, 60, 70));
        assert!(!ranges.mark(&mut [], PLACE, 25, 30));
        assert_eq!(ranges.used(), [(10, 20), (40, 50)]);
        assert!(ranges.mark(&mut [], PLACE, 50, 60), "it touches");
        assert!(ranges.mark(&mut [], PLACE, 20, 40), "it closes a gap");
        assert_eq!(ranges.used(), [(10, 60)]);
    }
}
