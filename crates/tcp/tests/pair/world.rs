//! Two engines, each with endpoints, and an impaired link between them.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_impair::{Direction, Impairment};
use mainstay_tcp::congestion::Cubic;
use mainstay_tcp::fast_open::Server;
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::syn_queue::SynEntry;
use mainstay_tcp::time_wait::TimeWaitRecord;
use mainstay_tcp::{
    Config, Disconnected, Endpoint, Engine, Event, FastOpen, Handle, Host, Ingress, Kept, Listener,
    Meta, Path, Push, Settings, Slot, State, Tables, Transmitted,
};
use mainstay_wire::ip::Ecn;

pub(crate) type Parts = Host<Vec<u8>, RingQueue<Vec<u8>>>;
pub(crate) type EventOf = Event<core::convert::Infallible>;

/// What an engine of a test keeps beside endpoints; where a vector is empty, nothing.
pub(crate) type Memory = Kept<Vec<TimeWaitRecord>, Vec<SynEntry>, Vec<Server>>;

/// Everything in vectors.
#[derive(Debug)]
pub(crate) struct InVecs;

impl Tables for InVecs {
    type Profile = Parts;
    type Slots = Vec<Slot<Parts>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = Memory;
}

pub(crate) const PORT: u16 = 80;
const MTU: u16 = 1500;

/// One engine and what its application saw and wants.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) engine: Engine<InVecs>,
    pub(crate) address: IpAddr,
    pub(crate) handle: Handle,
    pub(crate) events: Vec<EventOf>,
    pub(crate) to_send: Vec<u8>,
    pub(crate) sent: usize,
    pub(crate) received: Vec<u8>,
    pub(crate) finish: bool,
    pub(crate) reading: bool,
    finished: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) a: Side,
    pub(crate) b: Side,
    ab: Direction<Ecn>,
    ba: Direction<Ecn>,
    /// Every segment that left, with when and from which side.
    pub(crate) wire: Vec<(Instant, bool, mainstay_wire::tcp::Header, usize)>,
    keep: bool,
    /// The device has no room for so many of 100 segments.
    pub(crate) no_room: u64,
    /// So many of 100 SYNs are answered without an endpoint.
    pub(crate) answered: u64,
    rng: Rng,
    /// Four bytes of nothing are added to the options on arrival, so that no header is plain.
    pub(crate) padded: bool,
}

pub(crate) fn settings() -> Settings<<Cubic as mainstay_tcp::congestion::CongestionControl>::Config>
{
    Settings::host(Default::default())
}

pub(crate) fn leak(
    settings: Settings<<Cubic as mainstay_tcp::congestion::CongestionControl>::Config>,
) -> &'static Settings<<Cubic as mainstay_tcp::congestion::CongestionControl>::Config> {
    Box::leak(Box::new(settings))
}

/// How much an engine of a test keeps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    pub(crate) time_wait: usize,
    pub(crate) syns: usize,
    pub(crate) servers: usize,
}

pub(crate) fn engine(seed: u64, config: Config, endpoints: usize, room: Room) -> Engine<InVecs> {
    let mut rng = Rng::from_run(seed);
    let memory = Kept::new(
        vec![TimeWaitRecord::default(); room.time_wait],
        vec![SynEntry::default(); room.syns],
        vec![Server::default(); room.servers],
        &mut rng,
    );
    let mut slots = Vec::new();
    slots.resize_with(endpoints, Slot::default);
    let parts = (slots, vec![Listener::default(); 2], Scan::default());
    Engine::with_memory(config, rng, parts, memory)
}

pub(crate) fn endpoint(
    settings: &'static Settings<<Cubic as mainstay_tcp::congestion::CongestionControl>::Config>,
    receive: usize,
    send: usize,
) -> Endpoint<Parts> {
    Endpoint::new(
        vec![0; receive + receive.div_ceil(8)],
        RingQueue::new(vec![0; send]),
        settings,
        (),
    )
    .unwrap()
}

impl Side {
    fn new(
        address: &str,
        seed: u64,
        settings: &'static Settings<<Cubic as mainstay_tcp::congestion::CongestionControl>::Config>,
        buffers: (usize, usize),
    ) -> Self {
        let mut engine = engine(seed, Config::default(), 2, Room::default());
        let handle = engine.attach(endpoint(settings, buffers.0, buffers.1)).unwrap();
        Self {
            engine,
            address: address.parse().unwrap(),
            handle,
            events: Vec::new(),
            to_send: Vec::new(),
            sent: 0,
            received: Vec::new(),
            finish: false,
            reading: true,
            finished: false,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.engine.endpoint(self.handle).unwrap().state()
    }

    pub(crate) fn ended(&self) -> Vec<Disconnected> {
        let reason = |event: &EventOf| {
            if let Event::Disconnected(reason) = event { Some(*reason) } else { None }
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// The application: writes what there is room for, reads what there is, finishes when told.
    fn application(&mut self, now: Instant) {
        while let Some((_, event)) = self.engine.poll_event() {
            self.events.push(event);
        }
        let Some(mut live) = self.engine.at(now, self.handle) else { return };
        let rest = &self.to_send[self.sent..];
        if !rest.is_empty()
            && let Ok(count) = live.write(rest, Push::Now)
        {
            self.sent += count;
        }
        if self.finish && !self.finished && self.sent == self.to_send.len() {
            self.finished = live.finish().is_ok();
        }
        let mut buffer = [0; 65536];
        while self.reading {
            let count = live.read(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            self.received.extend_from_slice(&buffer[..count]);
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64, a_to_b: Impairment, b_to_a: Impairment) -> Self {
        Self::with(seed, a_to_b, b_to_a, settings(), (1 << 20, 1 << 20))
    }

    pub(crate) fn with(
        seed: u64,
        a_to_b: Impairment,
        b_to_a: Impairment,
        settings: Settings<<Cubic as mainstay_tcp::congestion::CongestionControl>::Config>,
        buffers: (usize, usize),
    ) -> Self {
        let mut rng = Rng::from_run(seed);
        let settings = leak(settings);
        Self {
            now: Instant::from_millis(1000),
            a: Side::new("198.18.1.1", seed ^ 1, settings, buffers),
            b: Side::new("198.18.1.2", seed ^ 2, settings, buffers),
            ab: Direction::new(a_to_b, rng.fork()),
            ba: Direction::new(b_to_a, rng.fork()),
            wire: Vec::new(),
            keep: true,
            no_room: 0,
            answered: 0,
            rng,
            padded: false,
        }
    }

    pub(crate) fn ideal() -> Self {
        let link = delay(10);
        Self::new(1, link.clone(), link)
    }

    pub(crate) fn forget_wire(&mut self) {
        self.keep = false;
    }

    pub(crate) fn listen(&mut self) {
        self.b.engine.listen(SocketAddr::new(self.b.address, PORT)).unwrap();
    }

    pub(crate) fn connect(&mut self) {
        self.connect_as(FastOpen::No);
    }

    /// Both sides forget what they sent and received, to connect once more.
    pub(crate) fn again(&mut self) {
        for side in [&mut self.a, &mut self.b] {
            side.events.clear();
            side.received.clear();
            (side.sent, side.finished) = (0, false);
        }
    }

    /// Both engines are replaced by such that are configured like this and keep so much.
    pub(crate) fn configure(&mut self, config: Config, room: Room) {
        let settings = leak(settings());
        for (seed, side) in [(3, &mut self.a), (4, &mut self.b)] {
            side.engine = engine(seed, config, 2, room);
            side.handle = side.engine.attach(endpoint(settings, 1 << 16, 1 << 16)).unwrap();
        }
    }

    pub(crate) fn connect_as(&mut self, mode: FastOpen) {
        let (source, peer) = (self.a.address, SocketAddr::new(self.b.address, PORT));
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: MTU });
        self.a.engine.at(self.now, self.a.handle).unwrap().connect(peer, mode, &mut paths).unwrap();
    }

    /// Everything that can be done without time passing.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "it never becomes quiet");
            let mut quiet = true;
            self.a.application(self.now);
            self.b.application(self.now);
            for forward in [true, false] {
                let (side, link) =
                    if forward { (&mut self.a, &mut self.ab) } else { (&mut self.b, &mut self.ba) };
                while let Some(out) = side.engine.poll_transmit(self.now) {
                    quiet = false;
                    let mut bytes = out.header.to_vec();
                    for part in out.payload.as_slice() {
                        bytes.extend_from_slice(part);
                    }
                    let (header, len) = mainstay_wire::tcp::Header::parse(&bytes).unwrap();
                    if self.rng.below(100) < self.no_room {
                        side.engine.transmit_result(self.now, Transmitted::NoBuffer);
                        continue;
                    }
                    if self.keep {
                        self.wire.push((self.now, forward, header, bytes.len() - len));
                    }
                    let _ = link.handle_input(self.now, &bytes, out.ecn);
                }
            }
            quiet &= !self.deliver();
            if quiet {
                return;
            }
        }
        unreachable!("it never becomes quiet");
    }

    fn deliver(&mut self) -> bool {
        let mut some = false;
        let mut bytes = Vec::new();
        for forward in [true, false] {
            let (link, to, from) = if forward {
                (&mut self.ab, &mut self.b, self.a.address)
            } else {
                (&mut self.ba, &mut self.a, self.b.address)
            };
            while let Some(ecn) = link.poll_transmit(self.now, &mut bytes) {
                some = true;
                if self.padded {
                    pad(&mut bytes);
                }
                let meta = Meta {
                    source: from,
                    destination: to.address,
                    ecn,
                    unit: None,
                    verified: self.padded,
                    mtu: MTU,
                };
                if let Ingress::Incoming(incoming) =
                    to.engine.handle_segment(self.now, &meta, &bytes)
                {
                    if !incoming.is_completed() && self.rng.below(100) < self.answered {
                        incoming.answer();
                    } else {
                        incoming.accept(to.handle).unwrap();
                    }
                }
            }
        }
        some
    }

    /// Lets time pass until `done` or `limit`; whether it was done.
    pub(crate) fn run(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            let deadlines = [
                self.a.engine.next_deadline(),
                self.b.engine.next_deadline(),
                self.ab.poll_timeout(),
                self.ba.poll_timeout(),
            ];
            let Some(next) = deadlines.into_iter().flatten().min() else { return false };
            if next > end {
                self.now = end;
                return false;
            }
            assert!(
                next > self.now,
                "a deadline that has come is not run: {next:?} at {:?}",
                self.now
            );
            self.now = next;
            self.a.engine.handle_timeout(self.now);
            self.b.engine.handle_timeout(self.now);
        }
    }

    /// How often payload was sent that had been sent before, from A.
    pub(crate) fn resent(&self) -> usize {
        let mut highest = None;
        let mut count = 0;
        for (_, forward, header, len) in &self.wire {
            if !forward || *len == 0 {
                continue;
            }
            let end = header.sequence.wrapping_add(u32::try_from(*len).unwrap());
            match highest {
                Some(high) if end.wrapping_sub(high) & (1 << 31) != 0 || end == high => count += 1,
                _ => highest = Some(end),
            }
        }
        count
    }
}

/// Adds four NOPs to the options, where there is room for them (RFC 9293 §3.2).
fn pad(bytes: &mut Vec<u8>) {
    let words = bytes[12] >> 4;
    if words < 15 {
        let end = usize::from(words) * 4;
        bytes[12] += 1 << 4;
        bytes.splice(end..end, [1; 4]);
    }
}

/// A link that only takes its time.
pub(crate) fn delay(millis: u64) -> Impairment {
    Impairment { delay: Duration::from_millis(millis), ..Impairment::default() }
}

/// Bytes that are not easily mistaken for others.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((n.wrapping_mul(2_654_435_761) >> 13) & 0xff).unwrap()).collect()
}
