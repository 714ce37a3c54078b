//! Who exists: streams by id, which of them have something to say, and their deadlines.

use mainstay_base::Instant;
use mainstay_pool::ChannelId;
use mainstay_stream::Stream;
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};

/// A stream's name in its node; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl StreamId {
    /// The place; free again when the stream is gone.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) const fn channel(self) -> ChannelId {
        ChannelId(self.index)
    }
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) stream: Stream,
    generation: u32,
    armed: Option<Instant>,
    listed: bool,
}

/// All streams of a node.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Slab<Slot>,
    generation: u32,
    /// Streams that may have something to say, each once.
    active: VecDeque<StreamId>,
    timers: BTreeSet<(Instant, u32)>,
}

impl Slots {
    /// The place the next stream will get.
    pub(crate) fn vacant(&self) -> u32 {
        u32::try_from(self.slots.vacant_key()).unwrap_or(u32::MAX)
    }

    pub(crate) fn insert(&mut self, stream: Stream) -> StreamId {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = Slot { stream, generation, armed: None, listed: false };
        let index = u32::try_from(self.slots.insert(slot)).unwrap_or(u32::MAX);
        let id = StreamId { index, generation };
        self.touch(id);
        id
    }

    pub(crate) fn remove(&mut self, id: StreamId) {
        if self.get(id).is_none() {
            return;
        }
        let slot = self.slots.remove(id.index());
        if let Some(armed) = slot.armed {
            self.timers.remove(&(armed, id.index));
        }
        if slot.listed {
            self.active.retain(|&other| other != id);
        }
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<&Stream> {
        let slot = self.slots.get(id.index())?;
        (slot.generation == id.generation).then_some(&slot.stream)
    }

    pub(crate) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        let slot = self.slots.get_mut(id.index())?;
        (slot.generation == id.generation).then_some(&mut slot.stream)
    }

    /// The stream in a channel's place.
    pub(crate) fn at(&self, channel: ChannelId) -> Option<StreamId> {
        let generation = self.slots.get(channel.0 as usize)?.generation;
        Some(StreamId { index: channel.0, generation })
    }

    pub(crate) fn ids(&self) -> Vec<StreamId> {
        let each = self.slots.iter();
        each.filter_map(|(index, slot)| {
            let index = u32::try_from(index).ok()?;
            Some(StreamId { index, generation: slot.generation })
        })
        .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// After each call into a stream: it may have something to say, and another deadline, which
    /// counts once it has said everything.
    pub(crate) fn touch(&mut self, id: StreamId) {
        let Some(slot) = self.slots.get_mut(id.index()) else { return };
        if slot.generation != id.generation {
            return;
        }
        if !slot.listed {
            slot.listed = true;
            self.active.push_back(id);
        }
    }

    /// Brings a stream's entry in the table up to date.
    fn arm(&mut self, id: StreamId) {
        let Some(slot) = self.slots.get_mut(id.index()) else { return };
        // An entry that is too early is corrected when it fires: the busy path leaves the table be.
        let Some(deadline) = slot.stream.poll_timeout() else { return };
        if slot.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        if let Some(armed) = slot.armed.replace(deadline) {
            self.timers.remove(&(armed, id.index));
        }
        self.timers.insert((deadline, id.index));
    }

    /// A stream that may have something to say; it stays listed until `quiet`.
    pub(crate) fn active(&self) -> Option<StreamId> {
        self.active.front().copied()
    }

    /// The front stream said everything.
    pub(crate) fn quiet(&mut self) {
        let Some(id) = self.active.pop_front() else { return };
        if let Some(slot) = self.slots.get_mut(id.index()) {
            slot.listed = false;
            self.arm(id);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// A stream whose entry has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<StreamId> {
        let &(at, index) = self.timers.first()?;
        if now < at {
            return None;
        }
        self.timers.pop_first();
        let slot = self.slots.get_mut(index as usize)?;
        slot.armed = None;
        Some(StreamId { index, generation: slot.generation })
    }
}
