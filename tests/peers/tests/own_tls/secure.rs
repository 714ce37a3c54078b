//! A stack of layers over a connection of our own TCP, either side, as a driver would serve it.

use core::net::SocketAddr;
use mainstay_base::{Instant, Reason, Rng};
use mainstay_layers::{Event, OsTcpSpec, Registry, Stack, Target, TlsSpec, stack};
use mainstay_net::Network;
use mainstay_peer_tests::own;
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Endpoint, Handle, Push, State};
use mainstay_tls::{Info, ServerConfig};

/// Sealed bytes that wait for room at most.
const WAITING: usize = 1 << 16;

/// One connection and everything it said.
pub(crate) struct Secure {
    handle: Handle,
    stack: Stack,
    opened: bool,
    ended: bool,
    /// Sends back what comes.
    pub(crate) echoes: bool,
    pub(crate) to_send: Vec<u8>,
    sent: usize,
    /// It ends once all is sent.
    pub(crate) ends: bool,
    finished: bool,
    closed: bool,
    pub(crate) received: Vec<u8>,
    pub(crate) events: Vec<Event>,
    out: Vec<u8>,
}

impl Secure {
    fn new(handle: Handle, stack: Stack) -> Self {
        Self {
            handle,
            stack,
            opened: false,
            ended: false,
            echoes: false,
            to_send: Vec::new(),
            sent: 0,
            ends: false,
            finished: false,
            closed: false,
            received: Vec::new(),
            events: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Connects to `server.test` there.
    pub(crate) fn client(
        network: &mut own::Stack,
        peer: SocketAddr,
        tls: &TlsSpec,
        registry: &Registry,
    ) -> Self {
        let spec = stack(OsTcpSpec::default()).layer(tls.clone()).build().unwrap();
        let target = Target::new("server.test", peer.port());
        let rng = &mut Rng::from_run(1);
        let layers = Stack::new(network.now(), &spec, &target, registry, rng).unwrap();
        Self::new(network.connect(peer, 0).handle(), layers)
    }

    /// A connection that came in.
    pub(crate) fn server(now: Instant, handle: Handle, config: &ServerConfig) -> Self {
        Self::new(handle, Stack::accepted(now, Some(config)).unwrap())
    }

    /// Moves bytes between the connection and the layers, and between those and the application.
    pub(crate) fn serve(&mut self, now: Instant, network: &mut Network) {
        let Some(mut live) = network.at(now, self.handle) else { return };
        let state = live.endpoint().map_or(State::Closed, Endpoint::state);
        if !self.opened {
            if !state.is_synchronized() {
                return;
            }
            self.opened = true;
            self.stack.handle_opened(now);
        }
        let mut space = [0; 16_384];
        while let Ok(len @ 1..) = live.read(&mut space) {
            self.give(now, &mut space[..len]);
        }
        if !self.ended && live.endpoint().is_some_and(Endpoint::is_end_of_stream) {
            self.ended = true;
            self.stack.handle_eof(now);
        }
        self.drain();
        self.seal(now);
        let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
        let piece = room.min(self.out.len());
        if piece > 0 && live.write(&self.out[..piece], Push::Now).is_ok() {
            self.out.drain(..piece);
        }
        let over = self.finished || self.failure().is_some();
        if over && self.out.is_empty() && !self.closed {
            self.closed = true;
            live.finish().unwrap_or_default();
        }
        self.drain();
    }

    fn seal(&mut self, now: Instant) {
        while self.stack.is_up() && self.sent < self.to_send.len() && self.out.len() < WAITING {
            let end = self.to_send.len().min(self.sent + WAITING);
            self.sent += self.stack.seal(now, &self.to_send[self.sent..end], &mut self.out);
        }
        let peer_finished = self.events.contains(&Event::PeerFinished);
        let ends = self.ends || (self.echoes && peer_finished);
        if self.stack.is_up() && ends && self.sent == self.to_send.len() && !self.finished {
            self.finished = true;
            self.stack.finish(now);
        }
        while self.stack.wants_transmit() {
            self.stack.poll_transmit(now, &mut self.out, WAITING);
        }
    }

    fn give(&mut self, now: Instant, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = self.stack.handle_input(now, bytes);
            if taken == 0 {
                return; // it has failed
            }
            let (unit, rest) = core::mem::take(&mut bytes).split_at_mut(taken);
            self.drain();
            let plain = self.stack.plain(unit);
            let len = plain.len();
            self.received.extend_from_slice(plain);
            if self.echoes {
                self.to_send.extend_from_slice(plain);
            }
            self.stack.consume(len);
            self.drain();
            bytes = rest;
        }
    }

    fn drain(&mut self) {
        self.events.extend(core::iter::from_fn(|| self.stack.poll_event()));
    }

    /// What was agreed; `None` while it is not up.
    pub(crate) fn info(&self) -> Option<&Info> {
        let up = self.events.iter().find_map(|event| match event {
            Event::Up(info) => Some(info),
            Event::PeerFinished | Event::Failed(_) => None,
        });
        up.and_then(|info| info.tls.as_ref())
    }

    pub(crate) fn failure(&self) -> Option<Reason> {
        let failed = |event: &_| if let Event::Failed(why) = event { Some(*why) } else { None };
        self.events.iter().find_map(failed)
    }

    pub(crate) fn peer_finished(&self) -> bool {
        self.events.contains(&Event::PeerFinished)
    }

    /// Serves it until `done`.
    pub(crate) fn run(&mut self, network: &mut own::Stack, done: impl Fn(&Self) -> bool) {
        network.run_with(|network| {
            let (now, network) = network.network_mut();
            self.serve(now, network);
            done(self)
        });
    }
}
