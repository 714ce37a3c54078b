//! Both indexes against a naive model: which slot is found, whose turn it is, which deadlines are due.

#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::{Index, List, Node, Scan, Table};
use proptest::prelude::*;
use std::collections::VecDeque;

/// What the engine would know of each slot.
#[derive(Clone, Default)]
struct Slot {
    hash: Option<u64>,
    wants: [bool; 2],
    deadline: Option<Instant>,
}

/// An index, what the engine knows, and the order in which slots wanted.
struct Run<I> {
    index: I,
    slots: Vec<Slot>,
    queues: [VecDeque<usize>; 2],
    now: Instant,
    fifo: bool,
}

fn number(list: List) -> usize {
    usize::from(list == List::Event)
}

impl<I: Index> Run<I> {
    fn new(index: I, count: usize, fifo: bool) -> Self {
        let queues = [VecDeque::new(), VecDeque::new()];
        Self { index, slots: vec![Slot::default(); count], queues, now: Instant::ZERO, fifo }
    }

    fn insert(&mut self, slot: usize, hash: u64) {
        self.slots[slot].hash = Some(hash);
        self.index.insert(slot, hash);
    }

    fn remove(&mut self, slot: usize) {
        self.slots[slot] = Slot::default();
        for queue in &mut self.queues {
            queue.retain(|other| *other != slot);
        }
        self.index.remove(slot);
    }

    /// Every slot is found by its hash, and nothing by another.
    fn find(&self, hash: u64) {
        let slots = &self.slots;
        let mut seen = Vec::new();
        while let Some(slot) = self
            .index
            .find(slots.len(), hash, |slot| slots[slot].hash == Some(hash) && !seen.contains(&slot))
        {
            seen.push(slot);
        }
        seen.sort_unstable();
        let expected: Vec<_> =
            (0..slots.len()).filter(|slot| slots[*slot].hash == Some(hash)).collect();
        assert_eq!(seen, expected);
    }

    fn want(&mut self, list: List, slot: usize) {
        if self.slots[slot].hash.is_some() {
            if !core::mem::replace(&mut self.slots[slot].wants[number(list)], true) {
                self.queues[number(list)].push_back(slot);
            }
            self.index.want(list, slot);
        }
    }

    fn take(&mut self, list: List) {
        let slots = &self.slots;
        let taken = self.index.take(list, slots.len(), |slot| slots[slot].wants[number(list)]);
        let queue = &mut self.queues[number(list)];
        match taken {
            None => assert!(queue.is_empty()),
            Some(slot) => {
                assert!(core::mem::take(&mut self.slots[slot].wants[number(list)]));
                if self.fifo {
                    assert_eq!(queue.front(), Some(&slot));
                }
                queue.retain(|other| *other != slot);
            }
        }
    }

    fn arm(&mut self, slot: usize, at: Option<Instant>) {
        if self.slots[slot].hash.is_some() {
            self.slots[slot].deadline = at;
            self.index.arm(slot, at);
        }
    }

    /// Time passes: what is due is what is due, each once; some of it is armed again. Gives what was due.
    fn pass(&mut self, micros: u64, rng: &mut Rng) -> Vec<usize> {
        self.now = Instant::from_micros(self.now.as_micros() + micros);
        let now = self.now;
        let first = self.slots.iter().filter_map(|slot| slot.deadline).min();
        let known = self.index.deadline(self.slots.len(), |slot| self.slots[slot].deadline);
        assert!(known.is_some() || first.is_none());
        assert!(first.is_none_or(|first| known.unwrap() <= first), "late");
        let is_due = |slot: &Slot| slot.deadline.is_some_and(|at| at <= now);
        let expected: Vec<_> =
            (0..self.slots.len()).filter(|slot| is_due(&self.slots[*slot])).collect();
        let mut due = Vec::new();
        loop {
            let slots = &self.slots;
            let Some(slot) = self.index.due(now, slots.len(), |slot| slots[slot].deadline) else {
                break;
            };
            due.push(slot);
            let again = rng.below(3) > 0;
            let at = again.then(|| Instant::from_micros(now.as_micros() + 1 + rng.below(500)));
            self.arm(slot, at);
        }
        due.sort_unstable();
        assert_eq!(due, expected);
        let left = self.index.deadline(self.slots.len(), |slot| self.slots[slot].deadline);
        assert!(left.is_none_or(|left| left > now), "a deadline stays behind");
        due
    }

    /// One random thing of each kind; gives what can be compared between two indexes.
    fn step(&mut self, rng: &mut Rng) -> Vec<usize> {
        let slot = usize::try_from(rng.below(self.slots.len() as u64)).unwrap();
        let list = if rng.below(2) == 0 { List::Transmit } else { List::Event };
        let hash = rng.below(40) << 58 | rng.below(3);
        match rng.below(12) {
            0 | 1 => self.insert(slot, hash),
            2 => self.remove(slot),
            3 => self.find(self.slots[slot].hash.unwrap_or(hash)),
            4..7 => self.want(list, slot),
            7 => self.take(list),
            8..10 => {
                let at = (rng.below(4) > 0)
                    .then(|| Instant::from_micros(self.now.as_micros() + 1 + rng.below(300)));
                self.arm(slot, at);
            }
            _ => return self.pass(rng.below(100), rng),
        }
        Vec::new()
    }

    fn drain(&mut self) {
        for list in [List::Transmit, List::Event] {
            for _ in 0..=self.queues[number(list)].len() {
                self.take(list);
            }
        }
    }
}

fn table(count: usize) -> Table<Vec<Node>> {
    Table::new(vec![Node::default(); count])
}

proptest! {
    // Covers TCP-006, TCP-086, TCP-407, TCP-144
    #[test]
    fn both_indexes_do_as_the_model_does(seed: u64, count in 1..60_usize, steps in 1..600_usize) {
        let mut rng = Rng::from_run(seed);
        let mut scanned = Run::new(Scan::default(), count, false);
        let mut tabled = Run::new(table(count), count, true);
        let mut twins = (rng.fork(), Rng::from_run(0));
        twins.1 = twins.0.clone();
        for _ in 0..steps {
            // The draws for re-arming depend on the order of what is due, which may differ.
            let (mut one, mut two) = (twins.0.fork(), twins.1.fork());
            let due = scanned.step(&mut one);
            let other = tabled.step(&mut two);
            prop_assert_eq!(due, other);
            for (left, right) in scanned.slots.iter().zip(&mut tabled.slots) {
                prop_assert_eq!(left.hash, right.hash);
            }
            align(&mut scanned, &mut tabled);
        }
        scanned.drain();
        tabled.drain();
    }

    // Covers TCP-006
    #[test]
    fn a_table_that_grows_keeps_what_it_knows(seed: u64, steps in 1..400_usize) {
        let mut rng = Rng::from_run(seed);
        let mut run = Run::new(table(1), 1, true);
        for _ in 0..steps {
            if rng.below(8) == 0 && run.slots.len() < 100 {
                run.index.storage_mut().push(Node::default());
                run.slots.push(Slot::default());
                prop_assert_eq!(run.index.capacity(), run.slots.len());
            }
            if rng.below(20) == 0 {
                run.index.rehash();
            }
            run.step(&mut rng);
        }
        for slot in 0..run.slots.len() {
            run.find(run.slots[slot].hash.unwrap_or(9));
        }
        run.drain();
    }
}

/// What differs by order alone, whose turn it was and when it is armed for, is made the same again.
fn align(from: &mut Run<Scan>, to: &mut Run<Table<Vec<Node>>>) {
    for slot in 0..from.slots.len() {
        to.arm(slot, from.slots[slot].deadline);
        for list in [List::Transmit, List::Event] {
            if to.slots[slot].wants[number(list)] {
                from.want(list, slot);
            } else if from.slots[slot].wants[number(list)] {
                to.want(list, slot);
            }
        }
    }
}

// Covers TCP-006, TCP-086
#[test]
fn two_thousand_slots() {
    let mut rng = Rng::from_run(2000);
    let mut run = Run::new(table(2000), 2000, true);
    for slot in 0..2000 {
        run.insert(slot, rng.next_u64());
        run.arm(slot, Some(Instant::from_micros(rng.below(100_000))));
    }
    for _ in 0..4000 {
        run.step(&mut rng);
    }
    for slot in 0..2000 {
        run.find(run.slots[slot].hash.unwrap_or(1));
    }
    run.drain();
    for slot in 0..2000 {
        run.remove(slot);
    }
    assert_eq!(run.index.deadline(2000, |_| None), None);
}

// Covers TCP-407
#[test]
fn what_is_outside_the_storage_is_ignored_and_what_is_cancelled_is_at_most_early() {
    let mut table = table(2);
    table.insert(2, 1);
    table.want(List::Event, 2);
    table.arm(2, Some(Instant::ZERO));
    table.remove(7);
    assert_eq!(table.find(2, 1, |_| true), None);
    assert_eq!(table.take(List::Event, 2, |_| true), None);
    assert_eq!(table.deadline(2, |_| None), None);
    let now = Instant::from_millis(1);
    table.insert(1, 1);
    table.arm(1, Some(now));
    table.arm(1, None);
    assert_eq!(table.deadline(2, |_| None), Some(now));
    assert_eq!(table.due(now, 2, |_| None), None);
    assert_eq!(table.deadline(2, |_| None), None);
    let empty: Table<[Node; 0]> = Table::new([]);
    assert_eq!(empty.find(0, 5, |_| true), None);
}
