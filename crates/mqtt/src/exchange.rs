//! PUBLISH in both directions: what client and server sessions have in common.
//!
//! Owns the output queue, the publish being written, those that wait for acknowledgement, the one being
//! received, and the packet ids of received QoS 2 messages. Knows neither opening nor keep-alive.
//! Spec: MQTT 3.1.1 §3.3 to §3.7, §4.3, §4.4; SS-564 to SS-567.

use std::collections::VecDeque;

use mainstay_base::{Instant, Outcome, Peer, Reason};

use crate::arrival::{Arrival, Complete, Payload};
use crate::error::{Fault, Misuse};
use crate::inflight::{Inflight, Stage};
use crate::limits::{Config, REPEAT_WAIT, REPEATS_MAX, size};
use crate::message::{self, DUP, PublishHead};
use crate::output::Output;

/// A message to publish. Its payload follows by `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// A valid topic name of at most `Config::topic_max` bytes.
    pub topic: &'a str,
    /// 0 to 2.
    pub qos: u8,
    /// The server keeps it for later subscribers.
    pub retain: bool,
    /// Bytes of payload in all.
    pub len: u32,
    /// The caller's name for it; comes back with its outcome.
    pub tag: u64,
}

/// Counts since the connection began; saturating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Acknowledgements of what is not in flight: late, double or invented.
    pub strays: u32,
    /// Packets sent again (SS-566).
    pub repeats: u32,
    /// Received QoS 2 messages that were delivered before and thrown away.
    pub duplicates: u32,
}

/// What is kept over the rests of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carry {
    /// See [`Inflight::begin`].
    pub(crate) turn: u16,
    pub(crate) counters: Counters,
}

/// The publish being written.
#[derive(Clone, Copy, Debug)]
struct Open {
    left: usize,
    /// Bytes of its head: they do not lessen the room that was promised for its payload.
    head: usize,
    tag: u64,
    /// None with QoS 0.
    slot: Option<OpenSlot>,
}

/// Where the publish being written is in flight.
#[derive(Clone, Copy, Debug)]
struct OpenSlot {
    index: u16,
    /// What it waits for once it is whole.
    stage: Stage,
    /// Whether a copy is kept.
    kept: bool,
}

/// Both directions.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) output: Output,
    /// Packets of ours that wait for the open publish to be whole.
    held: Vec<u8>,
    open: Option<Open>,
    inflight: Inflight,
    pub(crate) arrival: Arrival,
    /// Ids of received QoS 2 messages without PUBREL yet, sorted.
    received: Vec<u16>,
    outcomes: VecDeque<(u64, Outcome)>,
    pub(crate) carry: Carry,
    /// Over: nothing is written any more.
    closed: bool,
    /// The reader sleeps: an acknowledgement may have come and not be heard.
    asleep: bool,
}

impl Exchange {
    /// Begins a publish; the session is open.
    pub(crate) fn publish(
        &mut self,
        now: Instant,
        config: &Config,
        publish: &Publish<'_>,
    ) -> Result<(), Misuse> {
        if self.open.is_some() {
            return Err(Misuse::Unfinished);
        }
        let Publish { topic, qos, retain, len, tag } = *publish;
        let mut head = PublishHead { topic, id: 0, qos, retain, dup: false };
        let packet_len = head.packet_len(len)?;
        if topic.len() > usize::from(config.topic_max) {
            return Err(Misuse::Topic);
        }
        if self.output.len() >= config.send_room() || (qos > 0 && self.window_is_full(config)) {
            return Err(Misuse::NoRoom);
        }
        let mut slot = None;
        if qos > 0 {
            let begun = self.inflight.begin(config.window(), &mut self.carry.turn, tag);
            let (index, id) = begun.ok_or(Misuse::NoRoom)?;
            let stage = if qos == 1 { Stage::Puback } else { Stage::Pubrec };
            head.id = id;
            slot = Some(OpenSlot { index, stage, kept: packet_len <= config.inflight_bytes });
        }
        let start = self.output.tail().len();
        head.write(packet_len, self.output.tail());
        if let Some(OpenSlot { index, kept: true, .. }) = slot {
            let head = self.output.since(start);
            self.inflight.keep_head(index, head, head.len() + size(len));
        }
        let head = self.output.tail().len() - start;
        self.open = Some(Open { left: size(len), head, tag, slot });
        self.complete(now, config);
        Ok(())
    }

    /// Appends payload to the open publish, up to the room there is.
    pub(crate) fn send(&mut self, now: Instant, config: &Config, bytes: &[u8]) -> usize {
        let Some(open) = &mut self.open else { return 0 };
        let room = (config.send_room() + open.head).saturating_sub(self.output.len());
        let count = bytes.len().min(room).min(open.left);
        let bytes = bytes.get(..count).unwrap_or_default();
        open.left -= count;
        self.output.tail().extend_from_slice(bytes);
        if let Some(OpenSlot { index, kept: true, .. }) = open.slot {
            self.inflight.keep(index, bytes);
        }
        self.complete(now, config);
        count
    }

    /// Ends the open publish if it is whole, and lets out what waited for that.
    fn complete(&mut self, now: Instant, config: &Config) {
        let Some(Open { left: 0, tag, slot, .. }) = self.open else { return };
        self.open = None;
        match slot {
            Some(OpenSlot { index, stage, .. }) => {
                self.inflight.enter(index, stage);
                self.inflight.queued(index, self.output.end());
            }
            None => self.output.mark_sent(tag),
        }
        if !self.held.is_empty() {
            let held = core::mem::take(&mut self.held);
            self.output.tail().extend_from_slice(&held);
        }
        self.handle_timeout(now, config);
    }

    /// Writes a packet that is no PUBLISH, now or when the open publish is whole.
    pub(crate) fn control(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.closed {
            return;
        }
        write(if self.open.is_some() { &mut self.held } else { self.output.tail() });
    }

    /// An acknowledgement came for what we published.
    pub(crate) fn acknowledged(&mut self, now: Instant, config: &Config, ack: Stage, id: u16) {
        let index = self.inflight.find(config.window(), id);
        let found = index.and_then(|index| self.inflight.slot(index).map(|slot| (index, slot)));
        // An answer to what has not left us is none.
        let found =
            found.filter(|(_, slot)| slot.sends > 1 || (slot.sends == 1 && slot.due.is_some()));
        match found.map(|(index, slot)| (index, slot.stage, slot.tag)) {
            Some((index, Stage::Pubrec, _)) if ack == Stage::Pubrec => {
                self.inflight.advance(index, now);
                self.handle_timeout(now, config);
            }
            Some((index, stage, tag)) if ack == stage => {
                self.inflight.end(index);
                self.outcomes.push_back((tag, Outcome::Acknowledged));
            }
            other => {
                let counter = &mut self.carry.counters.strays;
                *counter = counter.saturating_add(1);
                // The server must get rid of the id, or it would take its next use for a duplicate.
                if ack == Stage::Pubrec && other.is_none_or(|(_, stage, _)| stage == Stage::Pubcomp)
                {
                    self.control(|out| message::pubrel(out, id));
                }
            }
        }
    }

    /// PUBREL: the id of a received QoS 2 message is free again. MQTT 3.1.1 §4.3.3.
    pub(crate) fn released(&mut self, id: u16) {
        match self.received.binary_search(&id) {
            Ok(index) => {
                self.received.remove(index);
                if self.received.is_empty() {
                    self.received = Vec::new();
                }
            }
            Err(_) => self.carry.counters.strays = self.carry.counters.strays.saturating_add(1),
        }
        self.control(|out| message::pubcomp(out, id));
    }

    /// The head of a message came; `available` bytes at `offset` of the input may be its payload.
    pub(crate) fn arrive(
        &mut self,
        config: &Config,
        head: &PublishHead<'_>,
        len: u32,
        offset: usize,
        available: usize,
    ) -> Result<usize, Fault> {
        let mut discard = false;
        if head.qos == 2 {
            discard = self.received.binary_search(&head.id).is_ok();
            if discard {
                let counter = &mut self.carry.counters.duplicates;
                *counter = counter.saturating_add(1);
            } else if self.received.len() >= usize::from(config.received_max) {
                return Err(Fault::TooLarge);
            }
        }
        self.arrival.begin(head, len, discard);
        Ok(self.continue_arrival(offset, available))
    }

    /// More payload of the message that arrives.
    pub(crate) fn continue_arrival(&mut self, offset: usize, available: usize) -> usize {
        let taken = self.arrival.take(offset, available);
        self.answer();
        taken
    }

    /// Lends the slice that waits; with the last one the message is acknowledged.
    pub(crate) fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        let payload = self.arrival.lend(input)?;
        self.answer();
        Some(payload)
    }

    /// Acknowledges the message if it was taken whole.
    fn answer(&mut self) {
        match self.arrival.poll_complete() {
            Some(Complete { qos: 1, id }) => self.control(|out| message::puback(out, id)),
            Some(Complete { qos: 2, id }) => {
                if let Err(index) = self.received.binary_search(&id) {
                    self.received.insert(index, id);
                }
                self.control(|out| message::pubrec(out, id));
            }
            Some(Complete { .. }) | None => {}
        }
    }

    /// Sends again what is due, and gives up what was sent often enough. SS-566.
    pub(crate) fn handle_timeout(&mut self, now: Instant, config: &Config) {
        if self.asleep {
            return;
        }
        while let Some((index, due)) = self.inflight.first_due() {
            let Some(slot) = self.inflight.slot(index).filter(|_| due <= now) else { return };
            if slot.sends > REPEATS_MAX {
                let outcome = Outcome::Refused(Reason::Peer(Peer::Unacknowledged));
                self.outcomes.push_back((slot.tag, outcome));
                self.inflight.end(index);
                continue;
            }
            if self.open.is_some() {
                return;
            }
            let first = slot.sends == 0;
            if slot.stage == Stage::Pubcomp {
                message::pubrel(self.output.tail(), slot.id);
            } else if slot.copy.is_empty() || self.output.len() >= config.send_room() {
                self.inflight.skipped(index, now + REPEAT_WAIT);
                continue;
            } else {
                let start = self.output.tail().len();
                self.output.tail().extend_from_slice(&slot.copy);
                if let Some(byte) = self.output.tail().get_mut(start) {
                    *byte |= DUP;
                }
            }
            if !first {
                self.carry.counters.repeats = self.carry.counters.repeats.saturating_add(1);
            }
            self.inflight.queued(index, self.output.end());
        }
    }

    /// The reader sleeps, or wakes and has time to hear what came meanwhile.
    pub(crate) fn pause(&mut self, now: Instant, asleep: bool) {
        if self.asleep && !asleep {
            self.inflight.postpone(now + REPEAT_WAIT);
        }
        self.asleep = asleep;
    }

    /// When `handle_timeout` has something to do; what waits for the open publish has no time.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let (index, due) = self.inflight.first_due().filter(|_| !self.asleep)?;
        let over = self.inflight.slot(index)?.sends > REPEATS_MAX;
        (over || self.open.is_none()).then_some(due)
    }

    /// Hands out queued bytes.
    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) -> usize {
        let count = self.output.drain(out, limit);
        self.inflight.drained(self.output.drained(), now + REPEAT_WAIT);
        count
    }

    /// The next publish that is over, and how.
    pub(crate) fn poll_outcome(&mut self) -> Option<(u64, Outcome)> {
        let sent = self.output.poll_sent().map(|tag| (tag, Outcome::Sent));
        sent.or_else(|| self.outcomes.pop_front())
    }

    /// The connection is over: every publish gets its outcome, and nothing more is written.
    pub(crate) fn close(&mut self, reason: Reason) {
        self.closed = true;
        while let Some(tag) = self.output.poll_sent() {
            self.outcomes.push_back((tag, Outcome::Sent));
        }
        let open = self.open.take().filter(|open| open.slot.is_none());
        let mut lost = |tag| self.outcomes.push_back((tag, Outcome::Unknown(reason)));
        while let Some(tag) = self.output.poll_unsent() {
            lost(tag);
        }
        while let Some(tag) = self.inflight.end_any() {
            lost(tag);
        }
        if let Some(open) = open {
            lost(open.tag);
        }
        self.output.clear();
        self.held = Vec::new();
        self.received = Vec::new();
    }

    /// Whether the payload of a publish of ours is not complete.
    pub(crate) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Payload bytes that may be sent now: of the open publish, or of the next.
    pub(crate) fn room_down(&self, config: &Config) -> usize {
        let head = self.open.map_or(0, |open| open.head);
        let room = (config.send_room() + head).saturating_sub(self.output.len());
        match self.open {
            Some(open) => room.min(open.left),
            None if self.window_is_full(config) => 0,
            None => room,
        }
    }

    /// Whether answers to more input would still be bounded.
    pub(crate) fn takes_input(&self, config: &Config) -> bool {
        !self.arrival.is_pending() && self.output.len() + self.held.len() <= 2 * config.send_room()
    }

    /// Heap bytes held.
    pub(crate) fn memory(&self) -> usize {
        let (ids, outcomes) =
            (self.received.capacity() * 2, self.outcomes.capacity() * size_of::<(u64, Outcome)>());
        let arriving = self.arrival.topic.capacity();
        self.output.memory()
            + self.held.capacity()
            + self.inflight.memory()
            + arriving
            + ids
            + outcomes
    }

    /// Nothing is under way: the whole exchange may be forgotten but for `carry`.
    pub(crate) fn is_quiet(&self) -> bool {
        let out = self.output.is_quiet() && self.held.is_empty() && self.open.is_none();
        let waiting = self.inflight.count() > 0 || !self.outcomes.is_empty();
        out && !waiting && !self.arrival.is_active() && self.received.is_empty()
    }

    fn window_is_full(&self, config: &Config) -> bool {
        self.inflight.count() >= config.window()
            || self.inflight.kept() >= size(config.inflight_bytes).max(1)
    }
}
