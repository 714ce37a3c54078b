//! What can be seen of a stream from outside.

use super::Stream;
use crate::counters::{Counters, Tag};
use crate::lifecycle::Life;
use crate::metadata::{declared, header_name};
use mainstay_policy::{State, Streamtype};

impl Stream {
    /// The last state delivered; transient ones (TIMEOUT, user states) aside (SS-105).
    #[must_use]
    pub const fn state(&self) -> State {
        self.last
    }

    /// The state that awaits its answer.
    #[must_use]
    pub const fn standing(&self) -> Option<State> {
        self.standing
    }

    /// The newest value of a declared metadata, or, with `direct_proto_str`, a header of the current
    /// response (SS-226, SS-227, SS-455).
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&[u8]> {
        if declared(&self.streamtype, name).is_some() {
            return self.metadata.newest(&self.streamtype, name);
        }
        let headers = self.head.as_ref().filter(|_| self.streamtype.direct_proto_str)?.headers();
        headers.get(header_name(name)?).map(|value| value.as_bytes())
    }

    /// The name in logs (SS-028).
    #[must_use]
    pub fn tag(&self) -> Tag<'_> {
        Tag { index: self.index, streamtype: &self.streamtype.name, path: self.opener().path() }
    }

    /// What the stream is an instance of.
    #[must_use]
    pub fn streamtype(&self) -> &Streamtype {
        &self.streamtype
    }

    /// The policy's label for the payload (SS-211).
    #[must_use]
    pub fn payload_fmt(&self) -> Option<&str> {
        self.streamtype.payload_fmt.as_deref()
    }

    /// What was counted (SS-970).
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Failed attempts since the last success (SS-140).
    #[must_use]
    pub const fn attempts(&self) -> u16 {
        self.series.attempts()
    }

    /// Whether CONNECTED was delivered and the connection still serves.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.told && matches!(self.life, Life::Connected)
    }

    /// Whether the stream is destroyed or destroying itself (SS-131).
    #[must_use]
    pub const fn is_destroyed(&self) -> bool {
        self.doomed || matches!(self.life, Life::Dying | Life::Over)
    }

    /// Whether a sent message still lacks its end (SS-310).
    #[must_use]
    pub const fn message_open(&self) -> bool {
        self.way.message_open
    }

    /// Whether a way for payload is open: `send` may be called.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_destroyed() && self.may_send()
    }

    /// Messages begun that have no outcome yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.ledger.pending()
    }

    /// ws: whether the message last received is binary (SS-544).
    #[must_use]
    pub const fn rx_binary(&self) -> bool {
        self.rx_binary
    }

    /// mqtt: the topic of the message last received (SS-569).
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.topics.as_ref().and_then(|topics| topics.received.as_deref())
    }

    /// ws: the code the peer closed with, of the last connection that ended (SS-936).
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        self.close_code
    }

    /// HTTP: the status of the current response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.transaction
            .as_ref()
            .map(|transaction| transaction.status)
            .filter(|&status| status != 0)
    }

    /// The streamtype the current chunk belongs to; without rideshare always the stream's own
    /// (SS-224).
    #[must_use]
    pub fn rideshare(&self) -> &str {
        &self.streamtype.name
    }
}
