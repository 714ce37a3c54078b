//! What a machine hears and says over connections of a network: facts, bytes in their order, ends.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Errno, Instant, Rng, SocketId};
use mainstay_net::connections::{Border, Fact, Limits, resume, serve};
use mainstay_net::network::{Config, Event, Network};
use mainstay_net::{Capabilities, Connections, InterfaceId, InterfaceOptions, Medium, Prefix};
use mainstay_tcp::{Handle, Push};
use mainstay_wire::offload::Offload;
use std::collections::VecDeque;

const PORT: u16 = 7;
const ID: SocketId = SocketId(3);
const ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))];

fn network(which: usize, send_bytes: usize) -> (Network, InterfaceId) {
    let mut config = Config { send_bytes, ..Config::default() };
    config.stack.probes_v4 = 0;
    let mut network = Network::new(config, Rng::from_run(which as u64));
    let options =
        InterfaceOptions { medium: Medium::Ip, mtu: 1500, offload: Capabilities::default() };
    let prefix = Prefix::new(ADDRESSES[which], 24).unwrap();
    let id = network.add_interface(Instant::ZERO, options, &[prefix], &[]).unwrap();
    (network, id)
}

/// A machine with one connection, and its peer.
struct World {
    now: Instant,
    connections: Connections,
    interfaces: [InterfaceId; 2],
    far: Network,
    guest: Option<Handle>,
    facts: Vec<Fact>,
    room: usize,
    got: Vec<u8>,
    eof: usize,
    out: VecDeque<u8>,
    wants: bool,
    written: usize,
    /// Most that was ever asked for at once.
    asked: Vec<usize>,
}

impl World {
    fn new(send_bytes: usize) -> Self {
        let ((near, ours), (mut far, theirs)) = (network(0, send_bytes), network(1, 1 << 20));
        far.listen((ADDRESSES[1], PORT).into()).unwrap();
        Self {
            now: Instant::from_millis(1),
            connections: Connections::new(near),
            interfaces: [ours, theirs],
            far,
            guest: None,
            facts: Vec::new(),
            room: usize::MAX,
            got: Vec::new(),
            eof: 0,
            out: VecDeque::new(),
            wants: false,
            written: 0,
            asked: Vec::new(),
        }
    }

    /// With a connection that is open.
    fn open(send_bytes: usize) -> Self {
        let mut world = Self::new(send_bytes);
        let target = SocketAddr::new(ADDRESSES[1], PORT);
        world.connections.connect(world.now, ID, target, true).unwrap();
        world.run(Duration::from_millis(10));
        assert!(matches!(world.facts[..], [Fact::Opened(ID, Ok(ends))] if ends.peer == target));
        world
    }

    fn settle(&mut self) {
        let now = self.now;
        self.connections.network_mut().handle_timeout(now);
        self.far.handle_timeout(now);
        loop {
            let mut busy = serve(self, now) | resume(self);
            let mut frame = vec![0; Network::MAX_TRANSMIT];
            while let Some(out) = self.connections.network_mut().poll_transmit(now, &mut frame) {
                busy = true;
                let bytes = &frame[..out.len];
                let _counted =
                    self.far.handle_input(now, self.interfaces[1], bytes, Offload::default());
            }
            while let Some(event) = self.far.poll_event(now) {
                if let Event::Incoming(listener) = event {
                    self.guest = self.far.accept(listener, 0);
                }
            }
            while let Some(out) = self.far.poll_transmit(now, &mut frame) {
                busy = true;
                let (near, bytes) = (self.connections.network_mut(), &frame[..out.len]);
                let _counted =
                    near.handle_input(now, self.interfaces[0], bytes, Offload::default());
            }
            if !busy {
                return;
            }
        }
    }

    fn run(&mut self, wait: Duration) {
        let end = self.now + wait;
        loop {
            self.settle();
            let near = self.connections.network().poll_timeout();
            let next = [near, self.far.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = next;
        }
        self.now = end;
    }

    fn peer_says(&mut self, bytes: &[u8], finishes: bool) {
        let mut live = self.far.at(self.now, self.guest.unwrap()).unwrap();
        assert_eq!(live.write(bytes, Push::Now), Ok(bytes.len()));
        if finishes {
            live.finish().unwrap();
        }
    }
}

impl Border for World {
    fn connections(&mut self) -> Option<&mut Connections> {
        Some(&mut self.connections)
    }
    fn handle_fact(&mut self, _now: Instant, fact: Fact) {
        self.facts.push(fact);
    }
    fn handle_eof(&mut self, _now: Instant, id: SocketId) {
        assert_eq!(id, ID);
        self.eof += 1;
    }
    fn room(&self, _id: SocketId) -> usize {
        self.room
    }
    fn handle_bytes(&mut self, _now: Instant, _id: SocketId, bytes: &mut [u8]) {
        assert!(bytes.len() <= self.room && self.eof == 0);
        self.room -= bytes.len();
        self.got.extend_from_slice(bytes);
    }
    fn collect_wanting(&mut self) {
        if core::mem::take(&mut self.wants) {
            self.connections.want(ID);
        }
    }
    fn poll_transmit(&mut self, _now: Instant, _id: SocketId, out: &mut Vec<u8>, limit: usize) {
        self.asked.push(limit);
        // As a record: with less room than its header there is nothing.
        let len = limit.saturating_sub(100).min(self.out.len());
        out.extend(self.out.drain(..len));
    }
    fn handle_written(&mut self, _now: Instant, _id: SocketId, len: usize) {
        self.written += len;
    }
}

// Covers TCP-055
#[test]
fn bytes_that_wait_for_a_sleeping_reader_outlive_the_connection() {
    let mut world = World::open(1 << 20);
    world.room = 0;
    world.peer_says(b"the last words", true);
    world.run(Duration::from_secs(1));
    // Our end too: now both sides have finished, and the connection is over.
    world.connections.finish(ID);
    world.run(Duration::from_secs(100));
    assert_eq!((world.facts.len(), world.eof), (1, 0));
    world.room = 4;
    world.run(Duration::from_secs(1));
    world.room = 100;
    world.run(Duration::from_secs(1));
    assert_eq!((&world.got[..], world.eof), (&b"the last words"[..], 1));
    assert_eq!(world.facts.len(), 1, "nothing was lost: {:?}", world.facts);
    assert!(world.connections.is_empty());
    assert_eq!(world.connections.network().connection_count(), 0);
}

#[test]
fn a_reset_is_told_at_once_and_frees_the_name() {
    let mut world = World::open(1 << 20);
    world.room = 0;
    world.peer_says(b"never read", false);
    world.run(Duration::from_millis(10));
    let guest = world.guest.unwrap();
    world.far.release(world.now, guest);
    world.run(Duration::from_millis(10));
    assert_eq!(world.facts[1..], [Fact::Lost(ID, Errno::Reset)]);
    assert!(world.connections.is_empty() && !world.connections.close(world.now, ID));
}

#[test]
fn who_needs_room_to_say_anything_is_asked_when_there_is_some() {
    for send_bytes in [300, 700, 5000] {
        let mut world = World::open(send_bytes);
        world.connections.set_limits(Limits { send_max: 1, ..Limits::default() });
        world.out = (0..20_000).map(|at: u32| at.to_le_bytes()[0]).collect();
        world.wants = true;
        world.run(Duration::from_secs(10));
        let mut got = vec![0; 30_000];
        let guest = world.guest.unwrap();
        let read = world.far.at(world.now, guest).unwrap().read(&mut got).unwrap();
        assert_eq!((read, world.written, world.out.len()), (20_000, 20_000, 0));
        assert!(world.asked.iter().all(|limit| *limit >= send_bytes.min(512)), "{:?}", world.asked);
        world.connections.finish(ID);
        world.run(Duration::from_secs(1));
        assert!(world.far.engine().endpoint(guest).unwrap().is_end_of_stream());
    }
}

#[test]
fn a_connection_that_is_closed_still_sends_what_it_was_given() {
    let mut world = World::open(1 << 20);
    world.out = (0..5000).map(|_| 7).collect();
    world.wants = true;
    world.settle();
    assert!(world.connections.close(world.now, ID));
    assert_eq!((world.connections.len(), world.connections.leaving()), (1, 1));
    world.run(Duration::from_secs(1));
    let mut got = vec![0; 6000];
    let mut live = world.far.at(world.now, world.guest.unwrap()).unwrap();
    assert_eq!(live.read(&mut got), Ok(5000));
    live.close().unwrap();
    world.run(Duration::from_secs(100));
    assert!(world.connections.is_empty());
    assert_eq!(world.facts.len(), 1);
}
