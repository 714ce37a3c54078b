//! The node: its parts, its border with the driver, and what moves between streams and pool.

use crate::slots::{Slots, StreamId};
use crate::up::Up;
use core::time::Duration;
use mainstay_base::{Errno, Instant, Rng, SocketId};
use mainstay_layers::{ConnInfo, Registry};
use mainstay_policy::Policy;
use mainstay_pool::{Next, Place, Pool, Request, ResolveId, Resolved};
use mainstay_stream::{Blobs, CreateError, Event, Flags, Info, Stream};
use mainstay_tls::WallClock;
use std::sync::Arc;

/// What a node is made with.
#[derive(Debug, Default)]
pub struct Config {
    /// Limits of the pool and everything below it.
    pub pool: mainstay_pool::Config,
    /// The device's credentials and names (SS-835).
    pub blobs: Blobs,
    /// Most streams at once; 0 means 65 536 (chosen: far above any device, bounds a runaway).
    pub stream_max: usize,
}

/// What the last `Up` was, as far as its answer matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    State,
    Payload,
    Tx,
}

/// One device.
#[derive(Debug)]
pub struct Node {
    pub(crate) policy: Arc<Policy>,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) pool: Pool,
    pub(crate) slots: Slots,
    pub(crate) rng: Rng,
    pub(crate) asked: Option<Asked>,
    pub(crate) refused_commands: u64,
    /// The wall clock: seconds of 1970-01-01 at an instant.
    wall: Option<(Instant, Duration)>,
    stream_max: usize,
}

impl Node {
    /// A node without streams; `seed` is the driver's entropy.
    #[must_use]
    pub fn new(seed: [u8; 32], config: Config) -> Self {
        let mut rng = Rng::new(seed);
        let pool = Pool::new(config.pool, Registry::new(WallClock::new(None)), rng.fork());
        Self {
            policy: Arc::new(Policy::default()),
            blobs: Arc::new(config.blobs),
            pool,
            slots: Slots::default(),
            rng,
            asked: None,
            refused_commands: 0,
            wall: None,
            stream_max: if config.stream_max == 0 { 65_536 } else { config.stream_max },
        }
    }

    /// Creates a stream of the policy in force; CREATING comes with the next calls of `next`.
    ///
    /// # Errors
    /// `UnknownStreamtype` (SS-005), `Unsupported` for a streamtype whose keys this version cannot
    /// honour, `Limit`.
    pub fn create(&mut self, now: Instant, streamtype: &str) -> Result<StreamId, CreateError> {
        if self.slots.len() >= self.stream_max {
            return Err(CreateError::Limit);
        }
        let found =
            self.policy.streamtypes.get(streamtype).ok_or(CreateError::UnknownStreamtype)?;
        let info = Info { index: self.slots.vacant(), blobs: Arc::clone(&self.blobs) };
        let stream = Stream::new(now, &self.policy, found, &info)?;
        Ok(self.slots.insert(stream))
    }

    /// The wall clock at `now`, as time since 1970-01-01. Certificates are judged by it.
    pub fn set_wall(&mut self, now: Instant, wall: Duration) {
        self.wall = Some((now, wall));
        self.pool.registry_mut().clock().set(Some(wall.as_secs()));
    }

    /// The wall clock, if it was ever set.
    #[must_use]
    pub fn wall(&self, now: Instant) -> Option<Duration> {
        self.wall.map(|(at, wall)| wall + now.since(at))
    }

    /// The next thing for the application, in order; answer it before asking again. `input` is
    /// what `handle_bytes` announced, the same slice until this returns `None`.
    pub fn next<'b>(&'b mut self, now: Instant, input: &'b mut [u8]) -> Option<Up<'b>> {
        let (id, said) = loop {
            if let Some(id) = self.slots.active() {
                if let Some(event) = self.advance(now, id) {
                    break (id, Said::Event(event));
                }
                continue;
            }
            match self.pool.poll_next(now, input)? {
                Next::Event(channel, event) => {
                    let Some(id) = self.slots.at(channel) else { continue };
                    if let Some(stream) = self.slots.get_mut(id) {
                        stream.handle_event(now, &mut self.rng, event);
                    }
                    self.slots.touch(id);
                }
                Next::Payload(place) => {
                    let Some(id) = self.slots.at(place.channel()) else { continue };
                    let Some(stream) = self.slots.get_mut(id) else { continue };
                    let payload = self.pool.lend(&place, input);
                    let Some(flags) = stream.handle_payload(now, &payload) else {
                        self.slots.touch(id);
                        continue;
                    };
                    self.asked = Some(Asked::Payload);
                    break (id, Said::Payload(place, flags));
                }
            }
        };
        let is_open = self.slots.get(id)?.is_open();
        let room = if is_open { self.pool.room(id.channel()) } else { 0 };
        let view = self.slots.get(id)?;
        Some(match said {
            Said::Event(event) => Up::Event { id, view, event, room },
            Said::Payload(place, flags) => {
                let payload = self.pool.lend(&place, input);
                Up::Payload { id, view, payload, flags, room }
            }
        })
    }

    /// Moves a stream's requests to the pool; its next event, or it is quiet.
    fn advance(&mut self, now: Instant, id: StreamId) -> Option<Event> {
        let channel = id.channel();
        if !self.obey(now, id) {
            return None;
        }
        let mut event = self.slots.get_mut(id).and_then(Stream::poll_event);
        // The room that was told may have gone to another stream of the connection meanwhile.
        if matches!(event, Some(Event::Tx { .. })) && self.pool.room(channel) == 0 {
            if let Some(stream) = self.slots.get_mut(id) {
                stream.postpone_tx();
            }
            self.obey(now, id);
            event = self.slots.get_mut(id).and_then(Stream::poll_event);
        }
        let Some(event) = &mut event else {
            self.slots.quiet();
            return None;
        };
        self.asked = match event {
            Event::State { .. } => Some(Asked::State),
            Event::Tx { room, .. } => {
                *room = (*room).min(self.pool.room(channel));
                Some(Asked::Tx)
            }
            Event::EndOfMessage(_) => Some(Asked::Payload),
            Event::Outcome(..) | Event::SentThrough(_) => None,
        };
        Some(*event)
    }

    /// Moves a stream's requests to the pool; `false` when the stream is gone by it.
    fn obey(&mut self, now: Instant, id: StreamId) -> bool {
        let channel = id.channel();
        while let Some(request) = self.slots.get_mut(id).and_then(Stream::poll_request) {
            use mainstay_stream::Request as Wish;
            match request {
                Wish::Open(open) => self.pool.open(now, channel, open),
                Wish::Close(how) => {
                    self.pool.close(now, channel, how);
                    if matches!(how, mainstay_pool::Close::Abort(_)) {
                        self.pool.forget(now, channel);
                    }
                }
                Wish::WantTx => self.pool.want_tx(channel),
                Wish::Confirm => self.pool.confirm(now, channel),
                Wish::Over => {
                    self.pool.forget(now, channel);
                    self.slots.quiet();
                    self.slots.remove(id);
                    return false;
                }
            }
        }
        true
    }

    /// What the driver shall do next.
    pub fn poll_request(&mut self) -> Option<Request> {
        self.pool.poll_request()
    }

    /// Answer to `OpenTcp`, `OpenUnix`, `OpenMem`.
    pub fn handle_opened(&mut self, now: Instant, id: SocketId, result: Result<(), Errno>) {
        self.pool.handle_opened(now, id, result);
    }

    /// Answer to `Resolve`.
    pub fn handle_resolved(&mut self, now: Instant, id: ResolveId, resolved: &Resolved) {
        self.pool.handle_resolved(now, id, resolved);
    }

    /// How many bytes may be read from a socket now; 0 while its reader sleeps.
    #[must_use]
    pub fn room(&self, id: SocketId) -> usize {
        self.pool.read_room(id)
    }

    /// `len` bytes, at most `room`, lie at the front of the slice given to `next`.
    pub fn handle_bytes(&mut self, id: SocketId, len: usize) {
        self.pool.handle_bytes(id, len);
    }

    /// The peer ended its direction.
    pub fn handle_eof(&mut self, now: Instant, id: SocketId) {
        self.pool.handle_eof(now, id);
    }

    /// A socket is lost.
    pub fn handle_lost(&mut self, now: Instant, id: SocketId, errno: Errno) {
        self.pool.handle_lost(now, id, errno);
    }

    /// Everything polled for a socket so far was handed to the kernel.
    pub fn handle_written(&mut self, now: Instant, id: SocketId) {
        self.pool.handle_written(now, id);
    }

    /// Acts on every deadline that has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pool.handle_timeout(now);
        while let Some(id) = self.slots.pop_due(now) {
            if let Some(stream) = self.slots.get_mut(id) {
                stream.handle_timeout(now, &mut self.rng);
            }
            self.slots.touch(id);
        }
    }

    /// The earliest deadline; later than `now` once everything is drained.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.pool.poll_timeout(), self.slots.poll_timeout()].into_iter().flatten().min()
    }

    /// A socket that wants to write, each once until polled.
    pub fn poll_wanting(&mut self) -> Option<SocketId> {
        self.pool.poll_wanting()
    }

    /// Appends about `limit` bytes for a socket; the driver keeps what the kernel does not take
    /// and polls no more for that socket until it is written.
    pub fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize) {
        if let Some(wall) = self.wall(now) {
            self.pool.registry_mut().clock().set(Some(wall.as_secs()));
        }
        self.pool.poll_transmit(now, id, out, limit);
    }

    /// A stream, to look at.
    #[must_use]
    pub fn stream(&self, id: StreamId) -> Option<&Stream> {
        self.slots.get(id)
    }

    /// All streams, in their places' order.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamId> {
        self.slots.ids()
    }

    /// Payload bytes a `send` on this stream takes now.
    #[must_use]
    pub fn send_room(&mut self, id: StreamId) -> usize {
        if self.slots.get(id).is_none() {
            return 0;
        }
        self.pool.room(id.channel())
    }

    /// What is known of a stream's connection (SS-243).
    #[must_use]
    pub fn connection_info(&self, id: StreamId) -> Option<ConnInfo> {
        self.slots.get(id).and_then(|_| self.pool.info(id.channel()))
    }

    /// A number for the connection a stream rides on: equal for streams that share one.
    #[must_use]
    pub fn connection(&self, id: StreamId) -> Option<usize> {
        self.slots.get(id).and_then(|_| self.pool.connection(id.channel()))
    }

    /// How many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.pool.connection_count()
    }

    /// How many messages that handlers sent were refused because they should have known better: each
    /// got its outcome.
    #[must_use]
    pub const fn refused_commands(&self) -> u64 {
        self.refused_commands
    }
}

/// What `next` found, before it is lent.
enum Said {
    Event(Event),
    Payload(Place, Flags),
}
