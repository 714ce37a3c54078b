//! The firmware against a second engine, over a link that loses packets.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use mainstay_base::{Instant, Rng};
use mainstay_firmware::{Device, Echo, Memory, packet, std_server, tiny_server};
use mainstay_tcp::congestion::CongestionControl;
use mainstay_tcp::congestion::Cubic;
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::{CopyQueue, RingQueue};
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, Handle, Listener, Path, Profile, Push, Settings, Slot,
    State, Std, Tables,
};
use std::collections::VecDeque;

const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
const CLIENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 8);
const ECHO: u16 = 7;

/// Both ends of a wire in memory; every `losing`th packet is lost.
#[derive(Default)]
struct Wire {
    now: Instant,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    losing: usize,
    count: usize,
}

impl Wire {
    fn loses(&mut self) -> bool {
        self.count += 1;
        self.losing > 0 && self.count.is_multiple_of(self.losing)
    }
}

impl Device for Wire {
    fn now(&mut self) -> Instant {
        self.now
    }

    fn receive(&mut self, packet: &mut [u8]) -> Option<usize> {
        let bytes = self.to_server.pop_front()?;
        packet.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(bytes.len())
    }

    fn transmit(&mut self, packet: &[u8]) {
        if !self.loses() {
            self.to_client.push_back(packet.to_vec());
        }
    }

    fn wait(&mut self, _until: Option<Instant>) {}
}

struct InVecs;

type Parts = Std<Vec<u8>, RingQueue<Vec<u8>>>;

impl Tables for InVecs {
    type Profile = Parts;
    type Slots = [Slot<Parts>; 1];
    type Listeners = [Listener; 0];
    type Index = Scan;
    type Memory = ();
}

/// The peer: sends, reads what comes back, finishes.
struct Client {
    engine: Engine<InVecs>,
    handle: Handle,
    text: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
}

impl Client {
    fn new(text: Vec<u8>, now: Instant) -> Self {
        type Settled = Settings<<Cubic as CongestionControl>::Config>;
        let settings: &'static Settled = Box::leak(Box::new(Settings::host(Default::default())));
        let mut engine = Engine::new(
            Config::default(),
            Rng::from_run(1),
            [Slot::default()],
            [],
            Scan::default(),
        );
        let queue = RingQueue::new(vec![0; 4000]);
        let endpoint = Endpoint::new(vec![0; 4500], queue, settings, ()).unwrap();
        let handle = engine.attach(endpoint).unwrap();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| {
            Some(Path { source: CLIENT.into(), mtu: packet::PACKET_MAX })
        };
        let server = SocketAddr::from((SERVER, ECHO));
        engine.at(now, handle).unwrap().connect(server, FastOpen::No, &mut paths).unwrap();
        Self { engine, handle, text, sent: 0, received: Vec::new() }
    }

    fn turn(&mut self, wire: &mut Wire) -> Option<Instant> {
        while let Some(bytes) = wire.to_client.pop_front() {
            let (meta, segment) = packet::read(&bytes, CLIENT).unwrap();
            let _ = self.engine.handle_segment(wire.now, &meta, segment);
        }
        self.engine.handle_timeout(wire.now);
        while self.engine.poll_event().is_some() {}
        let mut live = self.engine.at(wire.now, self.handle).unwrap();
        self.sent += live.write(&self.text[self.sent..], Push::Now).unwrap_or(0);
        if self.sent == self.text.len() {
            let _ = live.finish();
        }
        let mut piece = [0; 1000];
        while let count @ 1.. = live.read(&mut piece).unwrap() {
            self.received.extend_from_slice(&piece[..count]);
        }
        let mut bytes = [0; packet::PACKET_MAX as usize];
        while let Some(segment) = self.engine.poll_transmit(wire.now) {
            let len = packet::write(&segment, &mut bytes).unwrap();
            if !wire.loses() {
                wire.to_server.push_back(bytes[..len].to_vec());
            }
        }
        self.engine.next_deadline()
    }

    fn state(&self) -> State {
        self.engine.endpoint(self.handle).unwrap().state()
    }
}

/// Until the client has its echo and both have finished; says how many packets that took.
fn converse<P: Profile>(server: &mut Echo<P>, losing: usize, len: usize) -> usize
where
    P::Queue: CopyQueue,
{
    let mut wire = Wire { now: Instant::from_millis(1), losing, ..Wire::default() };
    let text: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut client = Client::new(text, wire.now);
    for _ in 0..100_000 {
        let deadlines = [client.turn(&mut wire), server.turn(&mut wire)];
        if client.state() == State::TimeWait {
            assert_eq!(client.received, client.text);
            return wire.count;
        }
        if wire.to_client.is_empty() && wire.to_server.is_empty() {
            wire.now = deadlines.into_iter().flatten().min().unwrap().max(wire.now);
        }
    }
    assert_eq!(client.received.len(), len, "it does not end");
    wire.count
}

// Covers TCP-001, TCP-655
#[test]
fn the_smallest_server_sends_back_what_it_gets_also_over_a_bad_link() {
    for losing in [0, 11] {
        let mut memory = Memory::new();
        let mut server = tiny_server(&mut memory, SERVER, [7; 32]).unwrap();
        for _ in 0..3 {
            converse(&mut server, losing, 50_000); // one after the other: places are used again
        }
    }
}

// Covers TCP-001, TCP-655
#[test]
fn the_server_for_embedded_systems_does_the_same() {
    for losing in [0, 11] {
        let mut memory = Memory::new();
        let mut server = std_server(&mut memory, SERVER, [7; 32]).unwrap();
        for _ in 0..3 {
            converse(&mut server, losing, 50_000);
        }
    }
}

#[test]
fn packets_for_others_and_nonsense_are_not_answered() {
    let mut memory = Memory::new();
    let mut server = tiny_server(&mut memory, SERVER, [7; 32]).unwrap();
    let mut wire = Wire { now: Instant::from_millis(1), ..Wire::default() };
    wire.to_server.extend([
        vec![],
        vec![0x60; 39],
        vec![0x60; 41],
        vec![0xff; 1280],
        vec![1; 2000],
    ]);
    assert_eq!(server.turn(&mut wire), None);
    assert!(wire.to_client.is_empty());
}
