//! Two endpoints and somebody between them, who drops, delays, repeats and reorders; with the first byte odd he also edits
//! and forges, and then only the invariants hold. At the end he goes away, and everything must come to an end.

use super::endpoint::{Side, Words, side, span};
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_wire::ip::Ecn;

type Segment = (Ecn, Option<u16>, Vec<u8>);

struct Pair {
    now: Instant,
    sides: [Box<dyn Side>; 2],
    /// On the way from each side, and what once was.
    ways: [Vec<Segment>; 2],
    past: [Vec<Segment>; 2],
}

/// Kept to be repeated.
const PAST: usize = 16;
/// On the way at most.
const WAY: usize = 64;

/// Runs one input.
pub fn run(input: &[u8]) {
    let mut words = Words(input);
    let forges = words.byte() % 2 == 1;
    let sides = [0, 1].map(|which| side(&mut words, which, !forges));
    let now = Instant::from_micros(1_000_000);
    let mut pair = Pair { now, sides, ways: Default::default(), past: Default::default() };
    pair.sides[1].listen();
    pair.sides[0].connect();
    pair.drain();
    let mut aborted = false;
    for _ in 0..400 {
        if words.is_over() {
            break;
        }
        let (what, which) = (words.byte(), usize::from(words.byte() % 2));
        match what % 16 {
            0..=4 => pair.deliver(which, 0),
            5 => pair.deliver(which, usize::from(words.byte())),
            6 => pair.lose(which, usize::from(words.byte())),
            7 => pair.repeat(which, usize::from(words.byte())),
            8 if forges => pair.edit(which, &mut words),
            9 => pair.pass(span(&mut words).min(Duration::from_secs(20))),
            10 | 11 => pair.pass_to_deadline(),
            _ => {
                let (command, count) = (words.byte(), usize::from(words.word()));
                aborted |= matches!(command % 12, 9 | 11);
                pair.sides[which].command(command, count);
            }
        }
        pair.drain();
    }
    if !forges && !aborted && pair.now < Instant::from_micros(40_000_000) {
        pair.finish();
    }
}

impl Pair {
    fn drain(&mut self) {
        for which in 0..2 {
            let before = self.ways[which].len();
            self.sides[which].drain(&mut self.ways[which]);
            for segment in &self.ways[which][before..] {
                self.past[which].push(segment.clone());
            }
            let excess = self.past[which].len().saturating_sub(PAST);
            self.past[which].drain(..excess);
            self.ways[which].truncate(WAY.max(before));
        }
    }

    fn give(&mut self, from: usize, segment: &Segment) {
        self.sides[1 - from].receive(segment.0, segment.1, &segment.2);
    }

    fn deliver(&mut self, from: usize, index: usize) {
        if self.ways[from].is_empty() {
            return;
        }
        let index = index % self.ways[from].len();
        let segment = self.ways[from].remove(index);
        self.give(from, &segment);
    }

    fn lose(&mut self, from: usize, index: usize) {
        if !self.ways[from].is_empty() {
            let index = index % self.ways[from].len();
            self.ways[from].remove(index);
        }
    }

    fn repeat(&mut self, from: usize, index: usize) {
        if let Some(segment) = self.past[from].get(index % PAST).cloned() {
            self.give(from, &segment);
        }
    }

    /// One word of the oldest segment becomes another.
    fn edit(&mut self, from: usize, words: &mut Words<'_>) {
        let (place, value) = (usize::from(words.byte()) * 2, words.word());
        let Some((_, _, bytes)) = self.ways[from].first_mut() else { return };
        if let Some(place) = bytes.get_mut(place..place + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.deadline().filter(|next| *next <= end) {
            self.at(next);
            self.drain();
        }
        self.at(end);
    }

    fn pass_to_deadline(&mut self) {
        if let Some(next) = self.deadline() {
            self.at(next);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.sides.iter().filter_map(|side| side.deadline()).min()
    }

    fn at(&mut self, now: Instant) {
        self.now = self.now.max(now);
        for side in &mut self.sides {
            side.now(self.now);
            side.timeout();
        }
    }

    /// Nothing is wrong any more: both finish, all that was queued arrives.
    fn finish(&mut self) {
        let end = self.now + Duration::from_secs(1000);
        loop {
            self.drain();
            let mut quiet = true;
            for which in 0..2 {
                self.sides[which].command(8, 0);
                self.sides[which].command(5, 70_000);
                for segment in core::mem::take(&mut self.ways[which]) {
                    quiet = false;
                    self.give(which, &segment);
                }
            }
            self.drain();
            if !quiet || self.ways.iter().any(|way| !way.is_empty()) {
                self.at(self.now + Duration::from_millis(1));
                continue;
            }
            let Some(next) = self.deadline() else { break };
            assert!(next < end, "it does not end");
            self.at(next);
        }
        let (a, b) = (self.sides[0].bytes(), self.sides[1].bytes());
        assert!(self.sides.iter().all(|side| side.is_over()), "it is not over");
        let ends = self.sides.iter().map(|side| side.describe()).collect::<Vec<_>>();
        assert_eq!((a.0, b.0), (b.1, a.1), "bytes are missing: {ends:#?}");
    }
}
