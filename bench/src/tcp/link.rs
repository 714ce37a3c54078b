//! A wire in memory: a bounded queue of frames, the same for everybody who is measured.

use core::ops::Range;

/// Room for a super-segment with its headers.
const FRAME_MAX: usize = 1 << 16;
/// Where frames begin: a cache line apart.
const LINE: usize = 64;

/// One direction.
pub(crate) struct Link {
    storage: Vec<u8>,
    /// Frames that were not taken, from the oldest.
    frames: Vec<Range<usize>>,
    taken: usize,
    count_max: usize,
    end: usize,
}

impl Link {
    /// For at most so many frames, of at most so many bytes each.
    pub(crate) fn new(count_max: usize, len_max: usize) -> Self {
        let len = (len_max.min(FRAME_MAX) + LINE).next_multiple_of(LINE);
        Self {
            storage: vec![0; len * count_max],
            frames: Vec::with_capacity(count_max),
            taken: 0,
            count_max,
            end: 0,
        }
    }

    /// Whether another frame may be put in; all must be taken before there is room again.
    pub(crate) fn has_room(&self) -> bool {
        self.frames.len() < self.count_max
    }

    /// The place of the next frame, `len` bytes.
    pub(crate) fn put(&mut self, len: usize) -> &mut [u8] {
        let place = self.end..self.end + len;
        self.end = place.end.next_multiple_of(LINE);
        self.frames.push(place.clone());
        &mut self.storage[place]
    }

    /// The oldest frame.
    pub(crate) fn take(&mut self) -> Option<&[u8]> {
        let place = self.frames.get(self.taken)?.clone();
        self.taken += 1;
        if self.taken == self.frames.len() {
            self.frames.clear();
            (self.taken, self.end) = (0, 0);
        }
        Some(&self.storage[place])
    }
}
