//! What a session tells about itself and the message being received.

use super::{Asked, Client, Event, State, Work};
use crate::exchange::Counters;

impl Client {
    /// Whether the session is open: CONNACK came and no end.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether `Closed` or `Refused` was or will be the last event.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether a message of ours awaits more payload.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.exchange.is_open())
    }

    /// The topic of the message being received, or of the last one.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.work.as_ref().map_or("", |work| &work.exchange.arrival.topic)
    }

    /// The QoS of the message being received.
    #[must_use]
    pub fn qos(&self) -> u8 {
        self.work.as_ref().map_or(0, |work| work.exchange.arrival.qos)
    }

    /// Whether the message being received comes from the server's store.
    #[must_use]
    pub fn retain(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.exchange.arrival.retain)
    }

    /// Whether the message being received may have been sent before.
    #[must_use]
    pub fn dup(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.exchange.arrival.dup)
    }

    /// The whole payload length of the message being received.
    #[must_use]
    pub fn payload_len(&self) -> u32 {
        self.work.as_ref().map_or(0, |work| work.exchange.arrival.len)
    }

    /// Heap bytes held now: 0 at rest.
    #[must_use]
    pub fn memory(&self) -> usize {
        let Some(work) = &self.work else { return 0 };
        let asked = work.asked.capacity() * size_of::<Asked>();
        let facts = work.facts.capacity() * size_of::<Event>();
        size_of::<Work>() + work.decoder.memory() + work.exchange.memory() + asked + facts
    }

    /// Counts since the connection began.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.work.as_ref().map_or(self.carry, |work| work.exchange.carry).counters
    }
}
