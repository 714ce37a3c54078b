//! The pool: its parts, its commands and views. What it does with sockets is in `opening.rs`,
//! `input.rs`, `output.rs`, `timers.rs` and `closing.rs`.

use crate::border::{Request, ResolveId};
use crate::channel::{ChannelId, Chunk, Event, Misuse, Open, Payload};
use crate::connection::Connection;
use crate::input::Current;
use crate::key::Index;
use crate::limits::Config;
use crate::queue::{Item, Place, Queue};
use crate::session::Session;
use mainstay_base::{Instant, Rng, SocketId};
use mainstay_layers::{ConnInfo, Registry};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All connections of a device.
#[derive(Debug)]
pub struct Pool {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) rng: Rng,
    pub(crate) channels: Vec<Option<Channel>>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) sockets: Slab<Socket>,
    pub(crate) index: Index,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) resolving: BTreeMap<ResolveId, usize>,
    pub(crate) resolve_next: u32,
    pub(crate) wanting: VecDeque<SocketId>,
    /// Connections whose reader woke up and left input with us.
    pub(crate) ready: VecDeque<usize>,
    pub(crate) timers: BTreeSet<(Instant, usize)>,
    pub(crate) queue: Queue,
    pub(crate) current: Option<Current>,
    /// The connection whose wish to write and whose timer are still to be noted.
    pub(crate) unsettled: Option<usize>,
    pub(crate) scratch: Vec<u8>,
    pub(crate) idle: VecDeque<usize>,
}

/// A channel's place.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) connection: usize,
    pub(crate) want_tx: bool,
    pub(crate) paused: bool,
    /// When the peer last said something on it, or it was opened.
    pub(crate) progress: Instant,
}

/// A transport endpoint of ours.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Whose it is; `None` once its end was asked for.
    pub(crate) connection: Option<usize>,
    pub(crate) wanting: bool,
}

/// What the pool has to say, in order.
#[derive(Debug)]
pub enum Next {
    /// Something happened on a channel.
    Event(ChannelId, Event),
    /// Payload came for a channel: `lend` gives it, until the next call of `poll_next`.
    Payload(Place),
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(config: Config, registry: Registry, rng: Rng) -> Self {
        Self {
            config,
            registry,
            rng,
            channels: Vec::new(),
            connections: Slab::new(),
            sockets: Slab::new(),
            index: Index::default(),
            requests: VecDeque::new(),
            resolving: BTreeMap::new(),
            resolve_next: 0,
            wanting: VecDeque::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            queue: Queue::default(),
            current: None,
            unsettled: None,
            scratch: Vec::new(),
            idle: VecDeque::new(),
        }
    }

    /// Brings a channel up: on a connection that fits, on one being opened, or on a new one.
    ///
    /// Ends with `Event::Closed` or `Event::Finished`. The channel must not be open already;
    /// if it is, nothing happens.
    pub fn open(&mut self, now: Instant, channel: ChannelId, open: impl Into<Box<Open>>) {
        if self.channel(channel).is_none() {
            self.place(now, channel, open.into(), false);
        }
    }

    /// Frames a piece of payload; all of it or nothing.
    ///
    /// # Errors
    /// `NotOpen` without such a channel or before it is open, `NoRoom` for more than `room`,
    /// `Framing` for flags or lengths that contradict each other.
    pub fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        chunk: &Chunk<'_>,
    ) -> Result<(), Misuse> {
        let at = self.channel(channel).ok_or(Misuse::NotOpen)?.connection;
        let connection = self.connections.get_mut(at).ok_or(Misuse::NotOpen)?;
        connection.session.send(now, &mut self.rng, channel, chunk)?;
        self.settle_later(now, at);
        Ok(())
    }

    /// Payload bytes `send` takes for this channel now; 0 when it is not open.
    #[must_use]
    pub fn room(&mut self, channel: ChannelId) -> usize {
        let Some(at) = self.channel(channel).map(|place| place.connection) else { return 0 };
        self.connections.get_mut(at).map_or(0, |connection| connection.session.room(channel))
    }

    /// Asks for one `Event::Writable`, at once if there is room.
    pub fn want_tx(&mut self, channel: ChannelId) {
        let room = self.room(channel) > 0;
        let Some(place) = self.channel_mut(channel) else { return };
        place.want_tx = !room;
        if room {
            self.queue.event(channel, Event::Writable);
        }
    }

    /// Lets the reader of a channel sleep, or wakes it. What came meanwhile lies in the
    /// transport's buffer and closes the peer's window; at most one read lies here.
    pub fn pause(&mut self, now: Instant, channel: ChannelId, paused: bool) {
        let Some(place) = self.channel_mut(channel) else { return };
        if place.paused == paused {
            return;
        }
        place.paused = paused;
        place.progress = now;
        let at = place.connection;
        let sleeps = self.is_paused(at);
        let Some(connection) = self.connections.get_mut(at) else { return };
        match &mut connection.session {
            Session::H2(session) => session.pause(channel, paused, &mut self.queue),
            Session::Mqtt(session) => session.client.pause(now, sleeps),
            Session::Waiting | Session::H1(_) | Session::Ws(_) | Session::Raw(_) => {}
        }
        if !sleeps {
            // What the peer said meanwhile was not heard: its silence counts from now.
            if let Some(watch) = connection.watch.as_deref_mut() {
                watch.prove(now);
            }
            self.wake(at);
        }
        self.settle(now, at);
    }

    /// The application knows that the connection is good (SS-242).
    pub fn confirm(&mut self, now: Instant, channel: ChannelId) {
        let Some(at) = self.channel(channel).map(|place| place.connection) else { return };
        if let Some(watch) = self.connections.get_mut(at).and_then(|c| c.watch.as_deref_mut()) {
            watch.prove(now);
        }
        self.settle(now, at);
    }

    /// Asks the peer for a proof of life, where the protocol has a ping.
    pub fn ping(&mut self, now: Instant, channel: ChannelId) {
        let Some(at) = self.channel(channel).map(|place| place.connection) else { return };
        if let Some(connection) = self.connections.get_mut(at) {
            connection.session.ping(now, &mut self.rng);
        }
        self.settle(now, at);
    }

    /// What is known of a channel's connection.
    #[must_use]
    pub fn info(&self, channel: ChannelId) -> Option<ConnInfo> {
        let place = self.channel(channel)?;
        self.connections.get(place.connection).map(|connection| connection.stack.info())
    }

    /// A number for the connection a channel rides on: equal for channels that share one.
    #[must_use]
    pub fn connection(&self, channel: ChannelId) -> Option<usize> {
        self.channel(channel).map(|place| place.connection)
    }

    /// How many connections there are, idle ones and those being closed included.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// The trust stores and identities connections are made with. A change counts from the next
    /// connection on (LAY-196).
    pub const fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The next thing that happened, in order. `input` is what was announced by `handle_bytes`,
    /// the same slice until this returns `None`; empty when nothing was announced.
    pub fn poll_next(&mut self, now: Instant, input: &mut [u8]) -> Option<Next> {
        loop {
            match self.queue.pop() {
                Some(Item::Event(channel, event)) => {
                    // A pong proves the connection, not that anybody works on the transaction.
                    if !matches!(event, Event::Valid) {
                        self.note_progress(now, channel);
                    }
                    return Some(Next::Event(channel, event));
                }
                Some(Item::Payload(place)) => {
                    self.note_progress(now, place.channel());
                    if !place.is_end() {
                        self.hear(now, place.channel());
                    }
                    return Some(Next::Payload(place));
                }
                None => {
                    if !self.step(now, input) {
                        self.settle_rest();
                        return None;
                    }
                }
            }
        }
    }

    /// The bytes of a payload just announced; `input` as in `poll_next`.
    #[must_use]
    pub fn lend<'b>(&'b self, place: &Place, input: &'b [u8]) -> Payload<'b> {
        self.queue.lend(place, input)
    }

    /// A message goes on, behind which an answer to a ping would wait.
    fn hear(&mut self, now: Instant, channel: ChannelId) {
        let Some(at) = self.channel(channel).map(|place| place.connection) else { return };
        if let Some(connection) = self.connections.get_mut(at)
            && matches!(connection.session, Session::Ws(_) | Session::Mqtt(_))
            && let Some(watch) = connection.watch.as_deref_mut()
        {
            watch.hear(now);
        }
    }

    fn note_progress(&mut self, now: Instant, channel: ChannelId) {
        if let Some(place) = self.channel_mut(channel) {
            place.progress = now;
        }
    }

    /// What the driver shall do next.
    pub fn poll_request(&mut self) -> Option<Request> {
        let request = self.requests.pop_front()?;
        if let Request::Abort(id) | Request::Close(id) = request {
            // Only now may the number be given again: the driver hears of both in this order.
            self.sockets.try_remove(id.0 as usize);
        }
        Some(request)
    }

    pub(crate) fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.channels.get(channel.0 as usize)?.as_ref()
    }

    pub(crate) fn channel_mut(&mut self, channel: ChannelId) -> Option<&mut Channel> {
        self.channels.get_mut(channel.0 as usize)?.as_mut()
    }

    /// Whether nobody takes what comes on this connection.
    pub(crate) fn is_paused(&self, at: usize) -> bool {
        let Some(connection) = self.connections.get(at) else { return false };
        if matches!(connection.session, Session::H2(_)) {
            return false;
        }
        connection.members.iter().any(|member| self.channel(member).is_some_and(|c| c.paused))
    }

    /// The connection of a live socket.
    pub(crate) fn owner(&self, id: SocketId) -> Option<usize> {
        self.sockets.get(id.0 as usize)?.connection
    }
}
