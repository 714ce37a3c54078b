//! Frames of one system call: one buffer, cut into slots.

use super::Offload;
use super::header::LONG;
use super::header::to_header;
use core::fmt;
use std::io::IoSlice;

/// Frames in order, to be sent or just received; a first-in first-out queue of fixed size.
///
/// The same batch may be received on one link and sent on another: that is a relay.
pub struct Batch {
    /// Slots one after the other: room for the longest header, the frame, one byte that is only
    /// reached by frames too long.
    storage: Vec<u8>,
    frame_max: usize,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy)]
struct Frame {
    slot: usize,
    len: usize,
    offload: Offload,
}

impl Batch {
    /// Room for `count` frames of up to `frame_max` bytes, both at least 1.
    ///
    /// With offload a frame has up to 64 KiB, so 32 of them cost 2 MiB.
    #[must_use]
    pub fn new(count: usize, frame_max: usize) -> Self {
        let (count, frame_max) = (count.max(1), frame_max.max(1));
        let storage = vec![0; count * (LONG + frame_max + 1)];
        Self { storage, frame_max, frames: Vec::with_capacity(count) }
    }

    /// How many frames are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether no frame is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether it takes no more frames before some were sent.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.free_slot().is_none()
    }

    /// The frames, first to last.
    pub fn frames(&self) -> impl Iterator<Item = (Offload, &[u8])> {
        self.frames.iter().map(|f| {
            let begin = f.slot * self.stride() + LONG;
            (f.offload, &self.storage[begin..begin + f.len])
        })
    }

    /// Copies a frame to the end. False if it is full, or the frame longer than it takes.
    #[must_use]
    pub fn push(&mut self, offload: Offload, parts: &[IoSlice<'_>]) -> bool {
        let Some(slot) = self.free_slot() else { return false };
        let len = parts.iter().map(|part| part.len()).sum();
        if len > self.frame_max {
            return false;
        }
        let mut at = slot * self.stride() + LONG;
        for part in parts {
            self.storage[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.frames.push(Frame { slot, len, offload });
        true
    }

    /// Forgets all frames.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    fn stride(&self) -> usize {
        LONG + self.frame_max + 1
    }

    /// The slot after the last frame's; the frames go round in a ring.
    fn free_slot(&self) -> Option<usize> {
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else {
            return Some(0);
        };
        let next = (last.slot + 1) % (self.storage.len() / self.stride());
        (next != first.slot).then_some(next)
    }
}

/// What a link needs of it.
#[cfg(any(target_os = "linux", test))]
impl Batch {
    /// The slots from the given one on, each from its header's first byte to the spare one.
    pub(super) fn slots(&mut self, first: usize, header: usize) -> impl Iterator<Item = &mut [u8]> {
        let stride = self.stride();
        self.storage.chunks_exact_mut(stride).skip(first).map(move |s| &mut s[LONG - header..])
    }

    /// A frame was received into `slot`.
    pub(super) fn received(&mut self, slot: usize, len: usize, offload: Offload) {
        self.frames.push(Frame { slot, len: len.min(self.frame_max), offload });
    }

    pub(super) fn frame_max(&self) -> usize {
        self.frame_max
    }

    /// The frames' facts, first to last.
    pub(super) fn offloads(&self) -> impl Iterator<Item = &Offload> {
        self.frames.iter().map(|f| &f.offload)
    }

    /// Writes the first `count` frames' headers before them, cut to `header` bytes.
    pub(super) fn write_headers(&mut self, count: usize, header: usize) {
        let stride = self.stride();
        for frame in self.frames.iter().take(count) {
            let end = frame.slot * stride + LONG;
            let bytes = to_header(&frame.offload);
            self.storage[end - header..end].copy_from_slice(&bytes[..header]);
        }
    }

    /// The frames with their headers, as they are sent.
    pub(super) fn outgoing(&self, header: usize) -> impl Iterator<Item = &[u8]> {
        self.frames.iter().map(move |f| {
            let begin = f.slot * self.stride() + LONG;
            &self.storage[begin - header..begin + f.len]
        })
    }

    /// The first `count` frames are gone.
    pub(super) fn sent(&mut self, count: usize) {
        self.frames.drain(..count.min(self.frames.len()));
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::header::SHORT;

    fn push(batch: &mut Batch, bytes: &[u8]) -> bool {
        batch.push(Offload::default(), &[IoSlice::new(bytes)])
    }

    fn held(batch: &Batch) -> Vec<Vec<u8>> {
        batch.frames().map(|(_, bytes)| bytes.to_vec()).collect()
    }

    #[test]
    fn frames_stay_in_order_while_the_slots_go_round() {
        let mut batch = Batch::new(3, 4);
        assert!(push(&mut batch, b"a") && push(&mut batch, b"bb") && push(&mut batch, b"cccc"));
        assert!(batch.is_full() && !push(&mut batch, b"d"));
        batch.sent(2);
        assert!(push(&mut batch, b"dd") && push(&mut batch, b"e") && batch.is_full());
        assert_eq!(held(&batch), [b"cccc".to_vec(), b"dd".to_vec(), b"e".to_vec()]);
        batch.sent(3);
        assert!(batch.is_empty() && !batch.is_full());
    }

    #[test]
    fn a_frame_too_long_is_not_taken() {
        let mut batch = Batch::new(1, 4);
        assert!(!push(&mut batch, b"12345"));
        assert!(batch.push(Offload::default(), &[IoSlice::new(b"12"), IoSlice::new(b"34")]));
        assert_eq!(held(&batch), [b"1234".to_vec()]);
    }

    #[test]
    fn what_is_sent_is_the_header_and_the_frame() {
        let mut batch = Batch::new(2, 4);
        assert!(push(&mut batch, b"abc"));
        for (header, len) in [(0, 3), (SHORT, 13), (LONG, 15)] {
            batch.write_headers(1, header);
            let out = batch.outgoing(header).next().unwrap();
            assert_eq!((out.len(), &out[header..]), (len, &b"abc"[..]));
        }
    }
}
