//! The protocol on a connection, whichever it is: one face for input, output, time and loss.
//!
//! Owns the translation of each machine's events into channel events. Does not own sockets,
//! layers or reuse.

pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod mqtt;
pub(crate) mod raw;
pub(crate) mod ws;

use crate::channel::{ChannelId, Chunk, Misuse};
use crate::queue::Queue;
use mainstay_base::{Instant, Reason, Rng};

/// The channel of what nobody owns any more. No slab grows that far.
pub(crate) const NOBODY: ChannelId = ChannelId(u32::MAX);

/// The protocol machine of an open connection.
#[derive(Debug)]
pub(crate) enum Session {
    /// The layers below are not up yet.
    Waiting,
    /// One HTTP/1.1 transaction at a time.
    H1(Box<h1::Session>),
    /// Many HTTP/2 transactions.
    H2(Box<h2::Session>),
    /// One WebSocket.
    Ws(Box<ws::Session>),
    /// Members of one MQTT connection.
    Mqtt(Box<mqtt::Session>),
    /// Bytes.
    Raw(Box<raw::Session>),
}

/// Calls the same method on whichever machine there is.
macro_rules! each {
    ($self:expr, $session:ident => $call:expr, $none:expr) => {
        match $self {
            Session::Waiting => $none,
            Session::H1($session) => $call,
            Session::H2($session) => $call,
            Session::Ws($session) => $call,
            Session::Mqtt($session) => $call,
            Session::Raw($session) => $call,
        }
    };
}

impl Session {
    /// Takes one unit from the front of `bytes` and queues what it says, in wire order.
    pub(crate) fn handle_input(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        queue: &mut Queue,
    ) -> usize {
        each!(self, session => session.handle_input(now, bytes, queue), 0)
    }

    /// The peer ended in order.
    pub(crate) fn handle_eof(&mut self, now: Instant, queue: &mut Queue) {
        each!(self, session => session.handle_eof(now, queue), ());
    }

    /// The connection died. Messages in flight get their outcomes.
    pub(crate) fn handle_lost(&mut self, now: Instant, reason: Reason, queue: &mut Queue) {
        each!(self, session => session.handle_lost(now, reason, queue), ());
    }

    /// Everything polled so far was handed to the transport.
    pub(crate) fn handle_written(&mut self, now: Instant, queue: &mut Queue) {
        match self {
            Self::Waiting | Self::H1(_) | Self::H2(_) => {}
            Self::Ws(session) => session.handle_written(now, queue),
            Self::Mqtt(session) => session.handle_written(now, queue),
            Self::Raw(session) => session.handle_written(queue),
        }
    }

    /// A deadline of the machine may have passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
        match self {
            Self::Waiting | Self::Raw(_) => {}
            Self::H1(session) => session.handle_timeout(now, queue),
            Self::H2(session) => session.handle_timeout(now, queue),
            Self::Ws(session) => session.handle_timeout(now, queue),
            Self::Mqtt(session) => session.handle_timeout(now, queue),
        }
    }

    /// The machine's next deadline.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Waiting | Self::Raw(_) => None,
            Self::H1(session) => session.poll_timeout(),
            Self::H2(session) => session.poll_timeout(),
            Self::Ws(session) => session.poll_timeout(),
            Self::Mqtt(session) => session.poll_timeout(),
        }
    }

    /// Appends at most `limit` bytes to `out`.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        limit: usize,
        queue: &mut Queue,
    ) {
        match self {
            Self::Waiting => {}
            Self::H1(session) => session.client.poll_transmit(now, out, limit),
            Self::H2(session) => session.poll_transmit(now, out, limit, queue),
            Self::Ws(session) => session.client.poll_transmit(now, out, limit),
            Self::Mqtt(session) => session.client.poll_transmit(now, out, limit),
            Self::Raw(session) => session.poll_transmit(out, limit),
        }
    }

    /// Whether `poll_transmit` has something.
    pub(crate) fn wants_transmit(&self) -> bool {
        match self {
            Self::Waiting => false,
            Self::H1(session) => session.client.wants_transmit(),
            Self::H2(session) => session.client.wants_transmit(),
            Self::Ws(session) => session.client.wants_transmit(),
            Self::Mqtt(session) => session.client.wants_transmit(),
            Self::Raw(session) => session.wants_transmit(),
        }
    }

    /// Payload bytes `send` takes for this channel now.
    pub(crate) fn room(&mut self, channel: ChannelId) -> usize {
        match self {
            Self::Waiting => 0,
            Self::H1(session) => session.room(),
            Self::H2(session) => session.client.stream_room(channel.0),
            Self::Ws(session) => session.client.room().down,
            Self::Mqtt(session) => session.room(channel),
            Self::Raw(session) => session.room(),
        }
    }

    /// Frames a chunk; all or nothing.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        channel: ChannelId,
        chunk: &Chunk<'_>,
    ) -> Result<(), Misuse> {
        match self {
            Self::Waiting => Err(Misuse::NotOpen),
            Self::H1(session) => session.send(now, chunk),
            Self::H2(session) => session.send(now, channel, chunk),
            Self::Ws(session) => session.send(now, rng, chunk),
            Self::Mqtt(session) => session.send(now, channel, chunk),
            Self::Raw(session) => session.send(chunk),
        }
    }

    /// The channel's number is given to somebody else: what is still said on it is for nobody.
    pub(crate) fn orphan(&mut self, channel: ChannelId) {
        match self {
            Self::Waiting | Self::H1(_) | Self::H2(_) => {}
            Self::Ws(session) => session.orphan(),
            Self::Raw(session) => session.orphan(),
            Self::Mqtt(session) => session.orphan(channel),
        }
    }

    /// Sends a protocol ping, where there is one.
    pub(crate) fn ping(&mut self, now: Instant, rng: &mut Rng) {
        match self {
            Self::Waiting | Self::H1(_) | Self::Raw(_) => {}
            Self::H2(session) => session.client.ping(now),
            Self::Ws(session) => session.client.ping(now, rng),
            Self::Mqtt(session) => session.client.ping(now),
        }
    }
}
