//! What lies between a handle and its stream: messages on their way out, chunks that came, and
//! what became of the messages.

use super::INBOX_MAX;
use super::letters::Waiting;
use crate::stream::{Chunk, Closed};
use mainstay_base::{Local, Outcome, Reason};
use mainstay_node::StreamId;
use mainstay_policy::State;
use mainstay_stream::{CreateError, Flags, PayloadId};
use std::collections::{BTreeMap, VecDeque};

/// Both sides of it.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) id: Option<StreamId>,
    pub(crate) state: Option<State>,
    /// How many states were told, as which of them each came last, and how many the handle knows of.
    told: u64,
    last: BTreeMap<State, u64>,
    known: u64,
    pub(crate) reason: Option<Reason>,
    pub(crate) inbox: VecDeque<Chunk>,
    pub(crate) inbox_bytes: usize,
    pub(crate) asleep: bool,
    /// A message of which not all was received: what is gathered of it, or that it was too large.
    partial: Vec<u8>,
    too_large: bool,
    pub(crate) outbox: VecDeque<Outgoing>,
    pub(crate) outbox_bytes: usize,
    pub(crate) next_ticket: u64,
    /// How often a metadata was wished for, and set.
    pub(crate) metadata_asked: u64,
    pub(super) metadata_set: u64,
    /// Messages that left the outbox, by their number on the stream.
    pub(super) flights: VecDeque<(PayloadId, u64)>,
    /// Outcomes nobody fetched yet, of tickets that are still held.
    pub(crate) outcomes: BTreeMap<u64, Option<Outcome>>,
    /// The message whose length the stream was told last: only that one may begin.
    pub(super) announced: Option<u64>,
    /// A message was begun since the last attempt was asked for.
    pub(super) begun: bool,
    pub(crate) over: Option<Closed>,
    pub(super) waiting: Waiting,
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ticket: u64,
    pub(crate) payload: Vec<u8>,
    pub(crate) sent: usize,
    /// As many metadata were wished for before it.
    pub(crate) after: u64,
}

impl Inside {
    /// The stream is in another state.
    pub(super) fn enter(&mut self, state: State) {
        self.state = Some(state);
        self.told += 1;
        self.last.insert(state, self.told);
    }

    /// The handle commands something: what it waits for next comes after this.
    pub(crate) const fn command(&mut self) {
        self.known = self.told;
    }

    /// Whether the stream is in `state`, or was since the handle last commanded or waited.
    pub(crate) fn reached(&mut self, state: State) -> Option<Result<(), Closed>> {
        let at = self.last.get(&state).copied().filter(|&at| at > self.known);
        if at.is_some() || self.state == Some(state) {
            self.known = at.unwrap_or(self.known);
            return Some(Ok(()));
        }
        self.over.clone().map(Err)
    }

    /// Takes a chunk; whether the loop must hear that there is room again.
    pub(crate) fn take(&mut self, resume: &mut bool) -> Option<Result<Chunk, Closed>> {
        let Some(chunk) = self.inbox.pop_front() else {
            return self.over.clone().map(Err);
        };
        self.inbox_bytes -= chunk.bytes.len();
        if self.asleep && self.inbox_bytes < INBOX_MAX / 2 {
            self.asleep = false;
            *resume = true;
        }
        Some(Ok(chunk))
    }

    /// Takes chunks until a message is whole. What is gathered stays here meanwhile, so that nothing
    /// is lost with whoever gives up waiting.
    pub(crate) fn gather(
        &mut self,
        len_max: usize,
        resume: &mut bool,
    ) -> Option<Result<Vec<u8>, Closed>> {
        loop {
            let chunk = match self.take(resume)? {
                Ok(chunk) => chunk,
                Err(closed) => return Some(Err(closed)),
            };
            let end = chunk.flags.has(Flags::EOM);
            if !self.too_large {
                if chunk.bytes.len() > len_max.saturating_sub(self.partial.len()) {
                    self.partial = Vec::new();
                    self.too_large = !end;
                    return Some(Err(Closed::TooLarge));
                }
                self.partial.extend_from_slice(&chunk.bytes);
                if end {
                    return Some(Ok(core::mem::take(&mut self.partial)));
                }
            }
            self.too_large &= !end;
        }
    }

    /// Whether every message has its outcome.
    pub(crate) fn is_settled(&self) -> bool {
        self.outbox.is_empty() && self.flights.is_empty()
    }

    /// The connection is gone: a message half sent will not be completed.
    pub(super) fn interrupted(&mut self) {
        self.asleep = false;
        if let Some(front) = self.outbox.pop_front_if(|front| front.sent > 0) {
            self.outbox_bytes -= front.payload.len() - front.sent;
        }
    }

    /// The length of the next message, which the caller announces to the stream. One posted after a
    /// metadata waits for that.
    pub(super) fn announce(&mut self) -> Option<u64> {
        let front = self.outbox.front().filter(|front| front.after <= self.metadata_set)?;
        self.announced = Some(front.ticket);
        Some(front.payload.len() as u64)
    }

    /// The stream tells what became of `id`, or of all up to it; whether that was before all of it
    /// had left.
    pub(super) fn ended(&mut self, id: PayloadId, outcome: Outcome, through: bool) -> bool {
        let mut early = false;
        let Self { flights, outcomes, outbox, outbox_bytes, .. } = self;
        flights.retain(|&(flight, ticket)| {
            let hit = flight == id || (through && flight < id);
            if !hit {
                return true;
            }
            if let Some(slot) = outcomes.get_mut(&ticket) {
                *slot = Some(outcome);
            }
            // Its rest has nowhere to go.
            if let Some(left) = outbox.pop_front_if(|front| front.ticket == ticket) {
                *outbox_bytes -= left.payload.len() - left.sent;
                early = true;
            }
            false
        });
        early
    }

    /// No attempt will be made: what never left is refused.
    pub(super) fn refuse(&mut self) {
        let reason = self.reason.unwrap_or(Reason::Local(Local::Limit));
        for message in self.outbox.drain(..) {
            if let Some(slot) = self.outcomes.get_mut(&message.ticket) {
                *slot = Some(Outcome::Refused(reason));
            }
        }
        self.outbox_bytes = 0;
    }

    /// The stream is gone: nobody will hear what became of what left, what never left is refused.
    pub(super) fn end(&mut self) {
        let reason = Reason::Local(Local::Destroyed);
        for (_, ticket) in self.flights.drain(..) {
            if let Some(slot) = self.outcomes.get_mut(&ticket) {
                *slot = Some(Outcome::Unknown(reason));
            }
        }
        for slot in self.outcomes.values_mut().filter(|slot| slot.is_none()) {
            *slot = Some(Outcome::Refused(reason));
        }
        self.outbox.clear();
        self.outbox_bytes = 0;
        self.over.get_or_insert(Closed::Destroyed(self.reason));
    }
}

impl From<CreateError> for Closed {
    fn from(error: CreateError) -> Self {
        Self::Refused(error)
    }
}
