//! One direction of a link: frames in, the same frames out when they are due.

use crate::bottleneck::Bottleneck;
use crate::codel::Law;
use crate::counters::{Counters, Dropped};
use crate::damage;
use crate::impairment::{Impairment, Management};
use crate::limits::HELD_BACK_MAX;
use crate::loss::{Losses, happens};
use crate::store::{Frame, Store};
use core::cmp::Reverse;
use mainstay_base::{Instant, Rng, Verdict};
use std::collections::BinaryHeap;

/// What a frame is on the wire.
///
/// A frame may stand for several segments that are cut later (segmentation offload). Its bytes then take the time
/// of all of them at the bottleneck, and it is lost as one: the share of segments lost is right, each loss takes
/// the whole frame. Where single segments are to be lost, or bytes be damaged, frames have to come singly
/// ([`Impairment::wants_single_segments`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Bytes of all segments with their headers.
    pub len: usize,
    /// Segments; at least 1.
    pub count: u32,
    /// Bytes of the longest segment with its headers.
    pub largest: usize,
}

impl Wire {
    /// A frame that is one segment.
    #[must_use]
    pub const fn single(len: usize) -> Self {
        Self { len, count: 1, largest: len }
    }

    /// A frame of `len` bytes, `headers` of them headers, that is cut into segments of at most `size` bytes of payload.
    /// A size of 0, and headers as long as the frame, mean a single one.
    #[must_use]
    pub fn cut(len: usize, headers: usize, size: usize) -> Self {
        let payload = len.saturating_sub(headers);
        if size == 0 || payload <= size {
            return Self::single(len);
        }
        let count = payload.div_ceil(size);
        let len = payload.saturating_add(count.saturating_mul(headers));
        Self { len, count: u32::try_from(count).unwrap_or(u32::MAX), largest: headers + size }
    }
}

/// One direction of a link. `T` is what travels with each frame, untouched.
///
/// Bounded: frames are held only while they wait at the bottleneck (`queue_bytes`), travel (`rate` times `delay` and
/// `jitter`) or are held back (64), and never more than `memory_max` bytes of buffers, which a frame of up to 2 KiB
/// takes 2 KiB of; above that they are dropped. One frame is always taken. Up to 8 MiB of buffers are kept for later.
#[derive(Clone, Debug)]
pub struct Direction<T = ()> {
    impairment: Impairment,
    rng: Rng,
    losses: Losses,
    law: Law,
    bottleneck: Bottleneck,
    store: Store<T>,
    /// When each frame is due, its number, its slot.
    line: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    held_back: Vec<HeldBack>,
    /// Frames that were put on the line so far.
    number: u64,
    /// The latest time a frame on the line was ever due.
    latest: Instant,
    counters: Counters,
}

/// A frame that was due and waits for others to overtake it.
#[derive(Clone, Copy, Debug)]
struct HeldBack {
    slot: usize,
    left: u16,
    until: Instant,
}

impl<T: Copy> Direction<T> {
    /// Nothing under way.
    #[must_use]
    pub fn new(impairment: Impairment, rng: Rng) -> Self {
        Self {
            impairment,
            rng,
            losses: Losses::default(),
            law: Law::default(),
            bottleneck: Bottleneck::default(),
            store: Store::new(),
            line: BinaryHeap::new(),
            held_back: Vec::new(),
            number: 0,
            latest: Instant::ZERO,
            counters: Counters::default(),
        }
    }

    /// A frame that is one segment.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8], meta: T) -> Verdict<Dropped> {
        self.handle_input_as(now, frame, meta, Wire::single(frame.len()))
    }

    /// A frame, and what it is on the wire. The bytes are copied.
    pub fn handle_input_as(
        &mut self,
        now: Instant,
        frame: &[u8],
        meta: T,
        wire: Wire,
    ) -> Verdict<Dropped> {
        self.counters.input.add(wire);
        let verdict = self.check(now, wire).and_then(|()| self.carry(now, frame, meta, wire));
        if let Err(why) = verdict {
            self.counters.drop(why, wire);
            return Verdict::Dropped(why);
        }
        if happens(&mut self.rng, self.impairment.duplicate_per_million)
            && self.carry(now, frame, meta, wire).is_ok()
        {
            self.counters.duplicated.add(wire);
        }
        Verdict::Accepted
    }

    /// From now on another link. What is under way arrives when it was going to, and what comes after it does not
    /// overtake it for the change. The seed's stream, bursts and counts go on.
    pub fn set(&mut self, impairment: Impairment) {
        if self.impairment.rate != impairment.rate {
            self.bottleneck.change();
        }
        self.impairment = impairment;
    }

    /// The next frame that is due, in the order of delivery. It is in `buf` then, in place of what was there;
    /// the memory of that is kept for frames to come.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<T> {
        loop {
            if let Some(slot) = self.overtaken() {
                return self.deliver(slot, buf);
            }
            let line = self.line.peek().map(|Reverse((due, ..))| *due).filter(|due| *due <= now);
            if let Some(at) = self.impatient(line.unwrap_or(now), line.is_none()) {
                let slot = self.held_back.remove(at).slot;
                return self.deliver(slot, buf);
            }
            let _due = line?;
            let Reverse((due, _, slot)) = self.line.pop()?;
            let left = self.store.hold(slot);
            if left == 0 || self.held_back.len() >= HELD_BACK_MAX {
                for held in &mut self.held_back {
                    held.left = held.left.saturating_sub(1);
                }
                return self.deliver(slot, buf);
            }
            let until = due + self.impairment.reorder.patience;
            self.held_back.push(HeldBack { slot, left, until });
            self.counters.held_back = self.counters.held_back.saturating_add(1);
        }
    }

    /// When the next frame may be due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let line = self.line.peek().map(|Reverse((due, ..))| *due);
        self.held_back.iter().map(|held| held.until).chain(line).min()
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What the link does to frames.
    #[must_use]
    pub const fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// How many frames are under way.
    #[must_use]
    pub fn held(&self) -> usize {
        self.store.len()
    }

    /// How many bytes of buffers they take.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.store.held()
    }

    /// How many bytes wait at the bottleneck, that being sent among them.
    pub fn backlog(&mut self, now: Instant) -> usize {
        self.bottleneck.backlog(now)
    }

    /// What is decided before the bottleneck.
    fn check(&mut self, now: Instant, wire: Wire) -> Result<(), Dropped> {
        let link = &self.impairment;
        if link.is_down(now) {
            return Err(Dropped::Down);
        }
        let longest = link.mtu.map(|mtu| usize::from(mtu).saturating_add(link.link_header));
        if longest.is_some_and(|longest| wire.largest > longest) {
            return Err(Dropped::Mtu);
        }
        let lost = self.losses.judge(link.loss, &mut self.rng, wire.count);
        if lost { Err(Dropped::Loss) } else { Ok(()) }
    }

    /// Through the bottleneck and onto the line.
    fn carry(&mut self, now: Instant, frame: &[u8], meta: T, wire: Wire) -> Result<(), Dropped> {
        let copy = self.store.copy(frame, self.impairment.memory_max);
        let mut bytes = copy.ok_or(Dropped::Memory)?;
        let (left, mark) = match self.queue(now, frame, wire) {
            Ok(queued) => queued,
            Err(why) => {
                self.store.recycle(bytes);
                return Err(why);
            }
        };
        self.damage(&mut bytes, mark);
        let due = self.due(left);
        let reorder = self.impairment.reorder;
        let held_back = happens(&mut self.rng, reorder.per_million);
        let hold = if held_back { reorder.frames.max(1) } else { 0 };
        let slot = self.store.insert(Frame { bytes, meta, wire, hold });
        self.line.push(Reverse((due, self.number, slot)));
        self.number = self.number.wrapping_add(1);
        Ok(())
    }

    /// When it has left the bottleneck, and whether that marks it.
    fn queue(
        &mut self,
        now: Instant,
        frame: &[u8],
        wire: Wire,
    ) -> Result<(Instant, bool), Dropped> {
        let link = &self.impairment;
        let Some(rate) = link.rate else { return Ok((now, false)) };
        let starts =
            self.bottleneck.place(now, link.queue_bytes, wire.len).ok_or(Dropped::Queue)?;
        let wait = starts.since(now);
        let markable = || frame.get(link.link_header..).is_some_and(damage::is_markable);
        let mark = match link.management {
            Management::None => false,
            Management::MarkAbove(threshold) => wait > threshold && markable(),
            Management::Codel(codel) => {
                let due = self.law.judge(codel, starts, wait);
                if due && !(codel.ecn && markable()) {
                    return Err(Dropped::Codel);
                }
                due
            }
        };
        Ok((self.bottleneck.take(now, rate, wire.len), mark))
    }

    fn damage(&mut self, bytes: &mut Vec<u8>, mark: bool) {
        let (link, rng, counters) = (&self.impairment, &mut self.rng, &mut self.counters);
        let by_chance = happens(rng, link.mark_per_million);
        let packet = bytes.get_mut(link.link_header..).unwrap_or_default();
        if (mark || by_chance) && damage::mark(packet) {
            counters.marked = counters.marked.saturating_add(1);
        }
        if happens(rng, link.corrupt.per_million) && damage::corrupt(bytes, link.corrupt, rng) {
            counters.corrupted = counters.corrupted.saturating_add(1);
        }
        if happens(rng, link.truncate_per_million)
            && let Some(len) = damage::cut(bytes.len(), link.link_header, rng)
        {
            bytes.truncate(len);
            counters.truncated = counters.truncated.saturating_add(1);
        }
    }

    /// When a frame that left the bottleneck arrives.
    fn due(&mut self, left: Instant) -> Instant {
        let link = &self.impairment;
        let jitter = u64::try_from(link.jitter.as_micros()).unwrap_or(u64::MAX);
        let late = if jitter == 0 { 0 } else { self.rng.below(jitter.saturating_add(1)) };
        let mut due = left + link.delay + core::time::Duration::from_micros(late);
        if !link.reorder.by_jitter {
            due = due.max(self.latest);
        }
        self.latest = self.latest.max(due);
        due
    }

    /// The slot of a frame that as many have overtaken as should.
    fn overtaken(&mut self) -> Option<usize> {
        let at = self.held_back.iter().position(|held| held.left == 0)?;
        Some(self.held_back.remove(at).slot)
    }

    /// Which frame has waited long enough to be overtaken, before `limit` or, if it counts too, at it.
    fn impatient(&self, limit: Instant, inclusive: bool) -> Option<usize> {
        let first = self.held_back.iter().enumerate().min_by_key(|(_, held)| held.until);
        let (at, held) = first?;
        (held.until < limit || inclusive && held.until == limit).then_some(at)
    }

    fn deliver(&mut self, slot: usize, buf: &mut Vec<u8>) -> Option<T> {
        let (meta, wire) = self.store.take(slot, buf)?;
        self.counters.output.add(wire);
        Some(meta)
    }
}
