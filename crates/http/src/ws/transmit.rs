//! Frames sent: one queue, where messages end in it, and the pong that waits when it is full.

use super::Chunk;
use super::control::Masks;
use super::frame::{Header, Opcode};
use crate::Misuse;
use crate::output::Output;
use core::num::NonZeroU64;
use mainstay_base::Rng;
use std::collections::VecDeque;

/// The sending half.
#[derive(Debug)]
pub(crate) struct Transmitter {
    pub(crate) output: Output,
    send_max: u32,
    message_open: bool,
    /// A ping waits for room.
    ping: bool,
    /// The latest ping's payload, when its pong waits for room.
    #[expect(clippy::box_collection, reason = "rare; an idle connection is small")]
    pong: Option<Box<Vec<u8>>>,
    /// A client's source of masks for its own frames; a server masks nothing.
    masks: Option<Masks>,
    /// Bytes ever queued.
    queued: u64,
    marks: Marks,
    /// The last message polled wholly and not yet reported.
    polled: Option<u64>,
}

/// Marks to make room for when a second message is queued. chosen: half a batch.
const MARKS_STEP: usize = 32;

/// Where messages end in the output. The newest stands apart, so that one in flight needs no heap.
#[derive(Debug, Default)]
struct Marks {
    newest: Option<(NonZeroU64, u64)>,
    #[expect(clippy::box_collection, reason = "empty at rest; an idle connection is small")]
    older: Option<Box<VecDeque<(NonZeroU64, u64)>>>,
}

impl Marks {
    /// A message ends at `end`, which is not 0 because a frame has a header.
    fn push(&mut self, end: u64, tag: u64) {
        let Some(end) = NonZeroU64::new(end) else { return };
        if let Some(older) = self.newest.replace((end, tag)) {
            let list =
                self.older.get_or_insert_with(|| Box::new(VecDeque::with_capacity(MARKS_STEP)));
            list.push_back(older);
        }
    }

    /// The tag of the last mark at or before `position`; it and all before it are let go.
    fn pass(&mut self, position: u64) -> Option<u64> {
        if let Some((_, tag)) = self.newest.take_if(|(end, _)| end.get() <= position) {
            self.older = None;
            return Some(tag);
        }
        let older = self.older.as_mut()?;
        let mut passed = None;
        while let Some((_, tag)) = older.pop_front_if(|(end, _)| end.get() <= position) {
            passed = Some(tag);
        }
        passed
    }
}

impl Transmitter {
    pub(crate) fn new(send_max: usize, masks: Option<Masks>) -> Self {
        Self {
            output: Output::default(),
            send_max: u32::try_from(send_max).unwrap_or(u32::MAX),
            message_open: false,
            ping: false,
            pong: None,
            masks,
            queued: 0,
            marks: Marks::default(),
            polled: None,
        }
    }

    /// The queue, for a handshake's head: before the first frame, and counted by no mark.
    pub(crate) fn raw(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let tail = self.output.tail(256);
        let before = tail.len();
        write(tail);
        self.queued += (tail.len() - before) as u64;
    }

    pub(crate) const fn message_open(&self) -> bool {
        self.message_open
    }

    /// Payload bytes that `send` takes.
    pub(crate) const fn room(&self) -> usize {
        self.output.room(self.send_max as usize)
    }

    /// Queues one data frame, all or nothing.
    pub(crate) fn send(&mut self, rng: &mut Rng, bytes: &[u8], chunk: Chunk) -> Result<(), Misuse> {
        if chunk.start == self.message_open {
            return Err(Misuse::Framing);
        }
        let room = self.room();
        if room == 0 || bytes.len() > room {
            return Err(Misuse::NoRoom);
        }
        let opcode = match (chunk.start, chunk.binary) {
            (false, _) => Opcode::Continuation,
            (true, false) => Opcode::Text,
            (true, true) => Opcode::Binary,
        };
        let mask = self.masks.as_ref().map(|_| rng.next_u32().to_ne_bytes());
        self.frame(chunk.end, opcode, mask, bytes);
        self.message_open = !chunk.end;
        if chunk.end {
            self.marks.push(self.queued, chunk.tag);
        }
        Ok(())
    }

    /// Queues a ping, at the latest when there is room again; several that wait become one.
    pub(crate) fn ping(&mut self) {
        self.ping = true;
        self.flush_control();
    }

    /// Queues a pong, or keeps the latest until there is room (RFC 6455 §5.5.3).
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        if self.room() > 0 && self.pong.is_none() {
            self.control(Opcode::Pong, payload);
        } else {
            self.pong = Some(Box::new(payload.to_vec()));
        }
    }

    /// Queues a close frame whether there is room or not: there is only one.
    pub(crate) fn close(&mut self, payload: &[u8]) {
        self.ping = false;
        self.pong = None;
        self.control(Opcode::Close, payload);
    }

    /// Moves at most `limit` bytes to `out`.
    pub(crate) fn poll(&mut self, out: &mut Vec<u8>, mut limit: usize) {
        loop {
            limit -= self.output.poll(out, limit);
            if limit == 0 || !self.flush_control() {
                break;
            }
        }
        let position = self.queued - self.output.len() as u64;
        if let Some(tag) = self.marks.pass(position) {
            self.polled = Some(tag);
        }
    }

    /// The last message that was polled wholly, once.
    pub(crate) const fn take_polled(&mut self) -> Option<u64> {
        self.polled.take()
    }

    /// Whether a message was polled wholly, and not yet said to be written.
    pub(crate) const fn has_polled(&self) -> bool {
        self.polled.is_some()
    }

    pub(crate) const fn wants(&self) -> bool {
        !self.output.is_empty() || self.ping || self.pong.is_some()
    }

    /// Forgets what is queued.
    pub(crate) fn clear(&mut self) {
        self.output.clear();
        self.marks = Marks::default();
        self.ping = false;
        self.pong = None;
    }

    /// Bytes of heap held, when nothing waits.
    #[cfg(test)]
    pub(crate) const fn heap(&self) -> usize {
        assert!(self.pong.is_none() && self.marks.older.is_none(), "something waits");
        self.output.heap()
    }

    /// Queues what waited, if there is room; says whether it did.
    fn flush_control(&mut self) -> bool {
        if self.room() == 0 {
            return false;
        }
        let pong = self.pong.take();
        if let Some(payload) = &pong {
            self.control(Opcode::Pong, payload);
        }
        let ping = core::mem::take(&mut self.ping);
        if ping {
            self.control(Opcode::Ping, &[]);
        }
        ping || pong.is_some()
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) {
        let mask = self.masks.as_mut().map(Masks::next);
        self.frame(true, opcode, mask, payload);
    }

    fn frame(&mut self, fin: bool, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) {
        let tail = self.output.tail(payload.len() + super::frame::HEADER_MAX);
        let before = tail.len();
        Header { fin, opcode, mask, len: payload.len() as u64 }.write_frame(payload, tail);
        self.queued += (tail.len() - before) as u64;
    }
}
