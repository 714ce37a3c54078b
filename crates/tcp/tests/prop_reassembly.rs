//! The receive ring against a vector with one entry per byte of the window.

use mainstay_tcp::offset::Offset;
use mainstay_tcp::reassembly::{Assembly, Bitmap, Ranges, Ring, Written};
use proptest::prelude::*;

/// More ranges than a ring of this test can have gaps.
type Plenty = Ranges<u16, 512>;

#[derive(Clone, Debug)]
enum Step {
    /// At this part of the window, so many bytes.
    Write(prop::sample::Index, usize),
    /// At the edge, so many bytes.
    InOrder(usize),
    /// The same, straight into the free places.
    Place(usize),
    Commit(usize),
    Contiguify,
    Clear,
}

fn step(longest: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (any::<prop::sample::Index>(), 0..longest).prop_map(|(at, len)| Step::Write(at, len)),
        5 => (0..longest).prop_map(Step::InOrder),
        2 => (0..longest).prop_map(Step::Place),
        6 => (0..2 * longest).prop_map(Step::Commit),
        3 => Just(Step::Contiguify),
        1 => Just(Step::Clear),
    ]
}

fn steps() -> impl Strategy<Value = (usize, Vec<Step>)> {
    prop_oneof![4 => 1..400_usize, 1 => 1000..3000_usize].prop_flat_map(|capacity| {
        let longest = 2 + capacity / 3;
        (Just(capacity), prop::collection::vec(step(longest), 1..120))
    })
}

/// What was delivered and not read, and the window from the edge on.
#[derive(Default)]
struct Model {
    capacity: usize,
    unread: Vec<u8>,
    ahead: Vec<Option<u8>>,
    newest: usize,
    previous: usize,
    stamp: u8,
}

impl Model {
    fn new(capacity: usize) -> Self {
        Self { capacity, ahead: vec![None; capacity], ..Self::default() }
    }

    fn room(&self) -> usize {
        self.capacity - self.unread.len()
    }

    /// Bytes never sent before, so that which copy is held shows.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len)
            .map(|_| {
                self.stamp = self.stamp.wrapping_add(1);
                self.stamp
            })
            .collect()
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Written {
        let mut written = Written::default();
        let had: Vec<bool> = self.ahead.iter().map(Option::is_some).collect();
        let end = offset + bytes.len();
        written.duplicate = (offset..end)
            .find(|at| had[*at])
            .map(|from| (from, (from..end).find(|at| !had[*at]).unwrap_or(end)));
        for (at, byte) in bytes.iter().enumerate() {
            let place = &mut self.ahead[offset + at];
            written.fresh += usize::from(place.is_none());
            place.get_or_insert(*byte);
        }
        if offset > 0 && !bytes.is_empty() {
            if self.newest > 0 && self.run_of(self.newest) != self.run_of(offset) {
                self.previous = self.newest;
            }
            self.newest = offset;
        }
        while let Some(byte) = self.ahead.first().copied().flatten() {
            self.unread.push(byte);
            self.ahead.remove(0);
            self.ahead.push(None);
            written.advanced += 1;
        }
        self.newest = self.newest.saturating_sub(written.advanced);
        self.previous = self.previous.saturating_sub(written.advanced);
        written
    }

    fn ascending(&self) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (at, _) in self.ahead.iter().enumerate().filter(|(_, byte)| byte.is_some()) {
            match runs.last_mut() {
                Some(run) if run.1 == at => run.1 += 1,
                _ => runs.push((at, at + 1)),
            }
        }
        runs
    }

    fn run_of(&self, offset: usize) -> Option<(usize, usize)> {
        self.ascending().into_iter().find(|run| (run.0..run.1).contains(&offset))
    }

    fn runs(&self) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let newest = [self.newest, self.previous].into_iter().filter_map(|at| self.run_of(at));
        for run in newest.chain(self.ascending()) {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        runs
    }

    fn held(&self) -> usize {
        self.ahead.iter().flatten().count()
    }
}

/// A ring with its storage, which does to itself what a step did to the model.
struct Subject<O: Offset, A: Assembly<O>> {
    ring: Ring<O, A>,
    storage: Vec<u8>,
}

impl<O: Offset, A: Assembly<O>> Subject<O, A> {
    /// The smallest storage for `capacity` bytes of data, and dirty.
    fn new(capacity: usize) -> Self {
        let len = (capacity..).find(|len| Ring::<O, A>::capacity_of(*len) == capacity);
        let mut storage = vec![0xa5; len.unwrap_or(0)];
        let mut ring = Ring::new();
        ring.clear(&mut storage);
        Self { ring, storage }
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        let [near, far] = self.ring.free_spans(&mut self.storage);
        for (place, byte) in near.iter_mut().chain(far).zip(bytes) {
            *place = *byte;
        }
        self.ring.placed(&mut self.storage, bytes.len())
    }

    fn same_as(&self, model: &Model) {
        self.ring.check(&self.storage);
        assert_eq!(self.ring.unread(), model.unread.len());
        assert_eq!(self.ring.out_of_order(), model.held());
        assert_eq!(self.ring.is_empty(), model.unread.is_empty() && model.held() == 0);
        assert_eq!(self.ring.room(&self.storage), model.room());
        let [near, far] = self.ring.chunks(&self.storage);
        assert_eq!([near, far].concat(), model.unread);
        assert!(!near.is_empty() || far.is_empty());
        let expected = model.runs();
        for most in [0, 1, 2, 3, 4, 500] {
            let mut out = vec![(0, 0); most];
            let count = self.ring.runs(&self.storage, &mut out);
            assert_eq!(out[..count], expected[..most.min(expected.len())], "at most {most}");
        }
    }
}

fn follow<O: Offset, A: Assembly<O>>(capacity: usize, steps: &[Step]) {
    let mut subject = Subject::<O, A>::new(capacity);
    let mut model = Model::new(capacity);
    for step in steps {
        match step {
            Step::Write(..) | Step::InOrder(_) => {
                let (offset, len) = match step {
                    Step::Write(at, len) => (at.index(model.room() + 1), *len),
                    Step::InOrder(len) => (0, *len),
                    Step::Place(_) | Step::Commit(_) | Step::Contiguify | Step::Clear => (0, 0),
                };
                let bytes = model.bytes(len.min(model.room() - offset));
                let written = subject.ring.write(&mut subject.storage, offset, &bytes);
                assert_eq!(written, model.write(offset, &bytes));
            }
            Step::Place(len) => {
                let gap = model.ascending().first().map_or_else(|| model.room(), |run| run.0);
                let [near, far] = subject.ring.free_spans(&mut subject.storage);
                assert_eq!(near.len() + far.len(), gap);
                let bytes = model.bytes((*len).min(gap));
                let advanced = if bytes.is_empty() { 0 } else { subject.place(&bytes) };
                assert_eq!(advanced, model.write(0, &bytes).advanced);
            }
            Step::Commit(n) => {
                let fits = *n <= model.unread.len();
                assert_eq!(subject.ring.commit(subject.storage.len(), *n), fits);
                if fits {
                    model.unread.drain(..*n);
                }
            }
            Step::Contiguify => {
                assert_eq!(subject.ring.contiguify(&mut subject.storage), model.unread);
                let [_, far] = subject.ring.chunks(&subject.storage);
                assert!(far.is_empty());
            }
            Step::Clear => {
                subject.ring.clear(&mut subject.storage);
                model = Model { stamp: model.stamp, ..Model::new(capacity) };
            }
        }
        subject.same_as(&model);
    }
}

proptest! {
    // Covers TCP-450, TCP-452, TCP-453, TCP-455, TCP-711
    #[test]
    fn a_ring_with_a_bitmap_does_as_the_model((capacity, steps) in steps()) {
        follow::<u16, Bitmap>(capacity, &steps);
        follow::<u32, Bitmap>(capacity, &steps);
    }

    // Covers TCP-457
    #[test]
    fn a_ring_with_enough_ranges_does_as_the_model((capacity, steps) in steps()) {
        follow::<u16, Plenty>(capacity, &steps);
    }

    // Covers TCP-457, TCP-483
    #[test]
    fn with_too_few_ranges_nothing_held_is_ever_let_go(
        capacity in 1..300_usize,
        segments in prop::collection::vec((any::<prop::sample::Index>(), 0..30_usize), 1..150),
    ) {
        let mut subject = Subject::<u32, Ranges<u32, 3>>::new(capacity);
        let mut held = vec![false; capacity];
        let mut edge = 0;
        // What is at which place is known from the place, so wrong bytes show.
        let stream: Vec<u8> = (0..=250_u8).cycle().take(capacity).collect();
        for (at, len) in segments {
            let offset = at.index(capacity - edge + 1);
            let len = len.min(capacity - edge - offset);
            let bytes = &stream[edge + offset..edge + offset + len];
            let before = held.iter().filter(|held| **held).count();
            let written = subject.ring.write(&mut subject.storage, offset, bytes);
            subject.ring.check(&subject.storage);
            if written.fresh > 0 {
                held[edge + offset..edge + offset + len].fill(true);
            }
            edge += written.advanced;
            prop_assert_eq!(held.iter().filter(|held| **held).count(), before + written.fresh);
            prop_assert_eq!(edge, held.iter().position(|held| !held).unwrap_or(capacity));
            let [near, far] = subject.ring.chunks(&subject.storage);
            prop_assert_eq!([near, far].concat(), &stream[..edge]);
            let mut out = [(0, 0); 3];
            let count = subject.ring.runs(&subject.storage, &mut out);
            let said: usize = out[..count].iter().map(|(left, right)| right - left).sum();
            prop_assert_eq!(said, subject.ring.out_of_order());
            for (left, right) in &out[..count] {
                prop_assert!(held[edge + left..edge + right].iter().all(|held| *held));
            }
        }
    }
}
