//! What became of the frames, in numbers: every drop has a name and a counter.

use crate::direction::Wire;

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// The link was down.
    Down,
    /// It was longer than the link takes.
    Mtu,
    /// It was lost.
    Loss,
    /// The bottleneck's queue was full.
    Queue,
    /// The bottleneck's queue was long for too long.
    Codel,
    /// No more can be held: `memory_max`.
    Memory,
}

/// Frames, and what they are on the wire. All three saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub frames: u64,
    /// Segments on the wire.
    pub segments: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// What became of the frames of one direction so far.
///
/// At any time `input + duplicated = output + dropped() + the frames held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handed in.
    pub input: Tally,
    /// Taken out.
    pub output: Tally,
    /// Copies that were made besides.
    pub duplicated: Tally,
    /// Dropped: the link was down.
    pub down: Tally,
    /// Dropped: too long.
    pub mtu: Tally,
    /// Dropped: lost.
    pub loss: Tally,
    /// Dropped: the queue was full.
    pub queue: Tally,
    /// Dropped: the queue was long for too long.
    pub codel: Tally,
    /// Dropped: no more could be held.
    pub memory: Tally,
    /// Frames with bits flipped.
    pub corrupted: u64,
    /// Frames cut short.
    pub truncated: u64,
    /// Packets that got CE, by chance or by the bottleneck.
    pub marked: u64,
    /// Frames held back for others to overtake.
    pub held_back: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, wire: Wire) {
        self.frames = self.frames.saturating_add(1);
        self.segments = self.segments.saturating_add(u64::from(wire.count));
        self.bytes = self.bytes.saturating_add(u64::try_from(wire.len).unwrap_or(u64::MAX));
    }
}

impl Counters {
    /// Frames that were not taken, whatever the reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let all = [self.down, self.mtu, self.loss, self.queue, self.codel, self.memory];
        all.iter().fold(0, |sum, tally| sum.saturating_add(tally.frames))
    }

    pub(crate) fn drop(&mut self, why: Dropped, wire: Wire) {
        let tally = match why {
            Dropped::Down => &mut self.down,
            Dropped::Mtu => &mut self.mtu,
            Dropped::Loss => &mut self.loss,
            Dropped::Queue => &mut self.queue,
            Dropped::Codel => &mut self.codel,
            Dropped::Memory => &mut self.memory,
        };
        tally.add(wire);
    }
}
