//! The scoreboard against a vector of flags, one per byte.

use mainstay_tcp::scoreboard::{NoSack, Sacked, Scoreboard};
use proptest::prelude::*;

/// How far offsets go here.
const FLIGHT: usize = 120;

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, usize),
    Advance(usize),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..FLIGHT, 1..16_usize).prop_map(|(left, len)| Step::Insert(left, (left + len).min(FLIGHT))),
        4 => (0..25_usize).prop_map(Step::Advance),
        1 => Just(Step::Clear),
    ]
}

fn runs(held: &[bool]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in held.iter().enumerate().filter(|(_, held)| **held) {
        match runs.last_mut() {
            Some(run) if run.1 == at => run.1 += 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

fn count(held: &[bool]) -> usize {
    held.iter().filter(|held| **held).count()
}

fn same<S: Sacked>(board: &S, held: &[bool]) {
    board.check(FLIGHT);
    assert!(board.ranges().eq(runs(held)));
    assert_eq!(board.count(), runs(held).len());
    assert_eq!(board.is_empty(), runs(held).is_empty());
    assert_eq!(board.sacked(), count(held));
    let highest = held.iter().rposition(|held| *held).map(|at| at + 1);
    assert_eq!(board.highest(), highest);
    assert_eq!(board.starts_at_zero(), held[0]);
    for at in 0..FLIGHT {
        assert_eq!(board.above(at), count(&held[at..]));
        let hole = (at..highest.unwrap_or(0)).find(|at| !held[*at]);
        let hole = hole.map(|from| (from, (from..FLIGHT).find(|at| held[*at]).unwrap_or(FLIGHT)));
        assert_eq!(board.next_hole(at), hole, "the hole at {at}");
        for len in [0, 1, 9] {
            let end = (at + len).min(FLIGHT);
            assert_eq!(
                board.contains(at, end),
                held[at..end].iter().all(|held| *held),
                "{at}..{end}"
            );
        }
    }
}

fn follow<S: Sacked>(steps: &[Step]) {
    let mut board = S::default();
    let mut held = vec![false; FLIGHT];
    for step in steps {
        match *step {
            Step::Insert(left, right) => {
                let fresh = count(&vec![true; right - left]) - count(&held[left..right]);
                held[left..right].fill(true);
                assert_eq!(board.insert(left, right), fresh);
            }
            Step::Advance(n) => {
                assert_eq!(board.advance(n), count(&held[..n]));
                held.drain(..n);
                held.resize(FLIGHT, false);
            }
            Step::Clear => {
                board.clear();
                held.fill(false);
            }
        }
        same(&board, &held);
    }
}

proptest! {
    // Covers TCP-270, TCP-712
    #[test]
    fn with_room_for_all_ranges_nothing_is_forgotten(steps in prop::collection::vec(step(), 1..60)) {
        follow::<Scoreboard<u16, 60>>(&steps);
        follow::<Scoreboard<u32, 256>>(&steps);
    }

    // Covers TCP-270, TCP-271, TCP-712
    #[test]
    fn with_too_little_room_only_known_bytes_are_said_to_be_held(steps in prop::collection::vec(step(), 1..80)) {
        let mut board = Scoreboard::<u16, 3>::default();
        let mut held = vec![false; FLIGHT];
        for step in steps {
            match step {
                Step::Insert(left, right) => {
                    let highest = board.highest().max(Some(right));
                    let lowest = board.ranges().next().map_or(left, |range| range.0.min(left));
                    let before = board.sacked();
                    held[left..right].fill(true);
                    let grown = board.insert(left, right);
                    prop_assert_eq!(grown, board.sacked().saturating_sub(before));
                    prop_assert_eq!(board.highest(), highest);
                    prop_assert_eq!(board.ranges().next().map(|range| range.0), Some(lowest));
                }
                Step::Advance(n) => {
                    let below: usize = board.ranges().map(|(left, right)| right.min(n) - left.min(n)).sum();
                    prop_assert_eq!(board.advance(n), below);
                    held.drain(..n);
                    held.resize(FLIGHT, false);
                }
                Step::Clear => {
                    board.clear();
                    held.fill(false);
                }
            }
            board.check(FLIGHT);
            for (left, right) in board.ranges() {
                prop_assert!(held[left..right].iter().all(|held| *held));
            }
        }
    }
}

#[test]
fn without_selective_acknowledgment_nothing_is_remembered() {
    assert_eq!(size_of::<NoSack>(), 0);
    let mut none = NoSack;
    assert_eq!(none.insert(3, 9), 0);
    same(&none, &[false; FLIGHT]);
}
