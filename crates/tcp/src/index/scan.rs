//! The index of a few endpoints: asks each, remembers whose turn it was.

use super::{Index, List};
use mainstay_base::Instant;

/// No storage and O(slots) for everything (TCP-006). The default value is an empty one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Whose turn is next on each list.
    turns: [u32; List::COUNT],
    /// The next to ask in this round of deadlines.
    next_due: u32,
    /// Which round: the low half of its `now`.
    round: u32,
}

const _: () = assert!(size_of::<Scan>() == 16);

impl Index for Scan {
    const HASHED: bool = false;
    const ARMED: bool = false;

    fn capacity(&self) -> usize {
        usize::try_from(u32::MAX).unwrap_or(usize::MAX)
    }

    fn insert(&mut self, _slot: usize, _hash: u64) {}

    fn remove(&mut self, _slot: usize) {}

    fn find(&self, slots: usize, _hash: u64, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        (0..slots).find(|slot| is(*slot))
    }

    fn want(&mut self, _list: List, _slot: usize) {}

    fn take(
        &mut self,
        list: List,
        slots: usize,
        mut wants: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let turn = self.turns.get_mut(list.number())?;
        let mut slot = usize::try_from(*turn).unwrap_or(0);
        for _ in 0..slots {
            slot = if slot < slots { slot } else { 0 };
            if wants(slot) {
                *turn = after(slot);
                return Some(slot);
            }
            slot += 1;
        }
        None
    }

    fn arm(&mut self, _slot: usize, _at: Option<Instant>) {}

    fn deadline(
        &self,
        slots: usize,
        mut deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<Instant> {
        let mut first = None;
        for slot in 0..slots {
            if let Some(at) = deadline(slot)
                && first.is_none_or(|first| at < first)
            {
                first = Some(at);
            }
        }
        first
    }

    fn due(
        &mut self,
        now: Instant,
        slots: usize,
        mut deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<usize> {
        let round = low(now);
        if round != self.round {
            (self.round, self.next_due) = (round, 0);
        }
        let first = usize::try_from(self.next_due).unwrap_or(0);
        let due = (first..slots).find(|slot| deadline(*slot).is_some_and(|at| at <= now));
        self.next_due = due.map_or(0, after);
        due
    }
}

/// The slot after this one.
fn after(slot: usize) -> u32 {
    u32::try_from(slot).map_or(0, |slot| slot.wrapping_add(1))
}

/// The low half, on purpose: it only has to differ from that of the round before.
#[expect(clippy::cast_possible_truncation, reason = "rounds are told apart, not ordered")]
const fn low(now: Instant) -> u32 {
    now.as_micros() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-144
    #[test]
    fn nobody_gets_a_second_turn_before_the_others_had_theirs() {
        let mut scan = Scan::default();
        let mut taken = [0; 4];
        for _ in 0..9 {
            taken[scan.take(List::Transmit, 4, |slot| slot != 2).unwrap()] += 1;
        }
        assert_eq!(taken, [3, 3, 0, 3]);
        assert_eq!(scan.take(List::Event, 4, |slot| slot == 2), Some(2));
        assert_eq!(scan.take(List::Event, 4, |_| false), None);
    }

    // Covers TCP-005
    #[test]
    fn a_deadline_that_does_not_move_is_due_once_in_a_round() {
        let mut scan = Scan::default();
        let now = Instant::from_millis(5);
        for round in [now, now, Instant::from_millis(6)] {
            assert_eq!(scan.due(round, 3, |_| Some(now)), Some(0));
            assert_eq!(scan.due(round, 3, |_| Some(now)), Some(1));
            assert_eq!(scan.due(round, 3, |_| Some(now)), Some(2));
            assert_eq!(scan.due(round, 3, |_| Some(now)), None);
        }
        assert_eq!(scan.due(now, 3, |_| Some(now)), Some(0));
        let later = Instant::from_millis(7);
        assert_eq!(scan.due(later, 3, |_| Some(now)), Some(0)); // a round left early does not hide slots from the next
    }
}
