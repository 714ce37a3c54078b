//! The smallest profile sends to a host: windows wider than it can count, round trips without records, losses.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::{CongestionControl, Cubic, reno};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, FastOpen, Handle, Host, Ingress, Listener, Meta, Path, Profile, Push,
    Settings, Slot, State, Tables, Tiny,
};
use mainstay_wire::ip::Ecn;
use std::collections::VecDeque;

const NODE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const DELAY: Duration = Duration::from_millis(30);

type Node = Tiny<Vec<u8>, RingQueue<Vec<u8>>>;
type Peer = Host<Vec<u8>, RingQueue<Vec<u8>>>;
type HostSettings = Settings<<Cubic as CongestionControl>::Config>;

struct In<P>(P);

impl<P: Profile> Tables for In<P> {
    type Profile = P;
    type Slots = [Slot<P>; 1];
    type Listeners = [Listener; 1];
    type Index = Scan;
    type Memory = ();
}

fn engine<P: Profile>(endpoint: Endpoint<P>) -> (Engine<In<P>>, Handle) {
    let rng = Rng::from_run(7);
    let slots = [Slot::default()];
    let mut engine =
        Engine::new(Config::default(), rng, slots, [Listener::default()], Scan::default());
    let handle = engine.attach(endpoint).unwrap();
    (engine, handle)
}

/// What is under way, with when it arrives.
type Line = VecDeque<(Instant, Vec<u8>)>;

/// One end.
struct End<P: Profile> {
    engine: Engine<In<P>>,
    handle: Handle,
    ip: Ipv6Addr,
}

impl<P: Profile> End<P> {
    fn new(endpoint: Endpoint<P>, ip: Ipv6Addr) -> Self {
        let (engine, handle) = engine(endpoint);
        Self { engine, handle, ip }
    }

    /// Puts what is ready on the line, but one in `losing` segments with payload.
    fn send(&mut self, now: Instant, line: &mut Line, losing: u64, rng: &mut Rng) {
        self.engine.handle_timeout(now);
        while self.engine.poll_event().is_some() {}
        while let Some(out) = self.engine.poll_transmit(now) {
            let mut bytes = out.header.to_vec();
            out.payload.as_slice().iter().for_each(|part| bytes.extend_from_slice(part));
            if losing == 0 || bytes.len() < 100 || rng.below(losing) > 0 {
                line.push_back((now + DELAY, bytes));
            }
        }
    }

    /// Takes what has arrived.
    fn receive(&mut self, now: Instant, line: &mut Line, from: Ipv6Addr) {
        while let Some((_, bytes)) = line.pop_front_if(|(at, _)| *at <= now) {
            let (source, destination) = (from.into(), self.ip.into());
            let (ecn, unit, verified) = (Ecn::NotEct, None, false);
            let meta = Meta { source, destination, ecn, unit, verified, mtu: 1280 };
            if let Ingress::Incoming(incoming) = self.engine.handle_segment(now, &meta, &bytes) {
                incoming.accept(self.handle).unwrap();
            }
        }
    }
}

/// Sends `len` bytes from the node to the host; the node's round trip and its largest flight.
fn transfer(settings: Settings<reno::Config>, losing: u64, len: usize) -> (u32, u32) {
    let settings: &'static _ = Box::leak(Box::new(settings));
    let hosts: &'static HostSettings = Box::leak(Box::new(Settings::host(Default::default())));
    let queue = RingQueue::new(vec![0; 120_000]);
    let mut node =
        End::<Node>::new(Endpoint::new(vec![0; 2599], queue, settings, ()).unwrap(), NODE);
    let queue = RingQueue::new(vec![0; 1000]);
    let peer = Endpoint::new(vec![0; 300_000], queue, hosts, ()).unwrap();
    let mut host = End::<Peer>::new(peer, HOST);
    host.engine.listen(SocketAddr::from((HOST, 80))).unwrap();
    let mut now = Instant::from_millis(5_000_000); // a clock that has wrapped once
    let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source: NODE.into(), mtu: 1280 });
    let mut live = node.engine.at(now, node.handle).unwrap();
    live.connect((HOST, 80).into(), FastOpen::No, &mut paths).unwrap();
    let text: Vec<u8> = (0..len).map(|n| u8::try_from(n * n % 253).unwrap()).collect();
    let (mut sent, mut received, mut flight) = (0, Vec::new(), 0);
    let (mut up, mut down, mut rng) = (Line::new(), Line::new(), Rng::from_run(3));
    while host.engine.endpoint(host.handle).unwrap().state() != State::CloseWait {
        assert!(now < Instant::from_millis(5_600_000), "it does not end");
        let mut live = node.engine.at(now, node.handle).unwrap();
        sent += live.write(&text[sent..], Push::Now).unwrap_or(0);
        if sent == len {
            let _ = live.finish();
        }
        node.send(now, &mut up, losing, &mut rng);
        host.send(now, &mut down, 0, &mut rng);
        let facts = node.engine.endpoint(node.handle).unwrap().facts();
        assert!(facts.window <= 65_535, "more than an offset can say");
        flight = facts.flight.max(flight);
        let arrivals = [up.front(), down.front()].map(|next| next.map(|(at, _)| *at));
        let deadlines = [node.engine.next_deadline(), host.engine.next_deadline()];
        now = arrivals.into_iter().chain(deadlines).flatten().min().unwrap().max(now);
        host.receive(now, &mut up, NODE);
        node.receive(now, &mut down, HOST);
        let mut live = host.engine.at(now, host.handle).unwrap();
        let mut piece = [0; 4096];
        while let count @ 1.. = live.read(&mut piece).unwrap() {
            received.extend_from_slice(&piece[..count]);
        }
    }
    assert_eq!(received, text);
    (node.engine.endpoint(node.handle).unwrap().facts().srtt.unwrap(), flight)
}

// Covers TCP-402, TCP-652
#[test]
fn round_trips_are_known_with_timestamps_and_without() {
    for timestamps in [true, false] {
        let mut settings = Settings::tiny(reno::Config::default());
        settings.timestamps = timestamps;
        let (srtt, _) = transfer(settings, 0, 100_000);
        // A delayed acknowledgement may be in it; a millisecond is lost by the clock of timestamps.
        assert!((59_000..110_000).contains(&srtt), "timestamps {timestamps}: {srtt}");
    }
}

// Covers TCP-652
#[test]
fn a_window_wider_than_offsets_is_used_as_far_as_they_go() {
    let (_, flight) = transfer(Settings::tiny(reno::Config::default()), 0, 2_000_000);
    assert!((60_000..=65_536).contains(&flight), "{flight}");
}

#[test]
fn what_is_lost_is_sent_again_with_sack_and_without() {
    for (sack, timestamps) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut settings = Settings::tiny(reno::Config::default());
        (settings.sack, settings.timestamps) = (sack, timestamps);
        transfer(settings, 40, 300_000);
    }
}
