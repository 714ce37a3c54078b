//! Two engines with many connections: what each costs while the others are there.

use crate::Fallible;
use crate::memory::private_dirty;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::cubic;
use mainstay_tcp::index::{Node, Table};
use mainstay_tcp::queue::ArrayQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, Event, FastOpen, Handle, Ingress, Listener, Meta, Path, Push,
    Settings, SettingsOf, Slot, Std, Tables,
};
use mainstay_wire::ip::Ecn;
use std::time::Instant as Clock;

type Parts = Std<Vec<u8>, ArrayQueue<&'static [u8], 2>>;

struct InVecs;

impl Tables for InVecs {
    type Profile = Parts;
    type Slots = Vec<Slot<Parts>>;
    type Listeners = Vec<Listener>;
    type Index = Table<Vec<Node>>;
    type Memory = ();
}

/// Receive storage: 1 KiB and the marks for it.
const STORAGE: usize = 1024 + 128;
const PIECE: &[u8] = &[b'x'; 512];
const PORT: u16 = 80;
/// So many connections have the same address on the other side: fewer than there are ports.
const PER_ADDRESS: usize = 8192;
/// Connections that send before the other side has its turn.
const BATCH: usize = 32;
/// At least so many segments and timers.
const OPERATIONS: usize = 400_000;

struct Side {
    engine: Engine<InVecs>,
    handles: Vec<Handle>,
}

impl Side {
    fn new(count: usize, seed: u64, settings: &'static SettingsOf<Parts>) -> Fallible<Self> {
        let mut config = Config::default();
        config.partial_checksums = true;
        let mut engine = Engine::new(
            config,
            Rng::from_run(seed),
            (0..count).map(|_| Slot::default()).collect(),
            vec![Listener::default()],
            Table::new(vec![Node::default(); count]),
        );
        let mut handles = Vec::with_capacity(count);
        for place in 0..count {
            let endpoint = Endpoint::new(vec![0; STORAGE], ArrayQueue::default(), settings, ());
            let endpoint = endpoint.map_err(|error| format!("{error:?}"))?;
            handles.push(engine.attach_at(place, endpoint).map_err(|_| "no place")?);
        }
        Ok(Self { engine, handles })
    }
}

struct World {
    now: Instant,
    sender: Side,
    reader: Side,
    accepted: usize,
    frame: Vec<u8>,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl World {
    fn new(count: usize) -> Fallible<Self> {
        let settings = Box::leak(Box::new(Settings::host(cubic::Config::default())));
        let mut world = Self {
            now: Instant::from_millis(1000),
            sender: Side::new(count, 1, settings)?,
            reader: Side::new(count, 2, settings)?,
            accepted: 0,
            frame: Vec::new(),
        };
        let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), PORT);
        world.reader.engine.listen(everywhere).map_err(|error| format!("{error:?}"))?;
        for index in 0..count {
            let net = u8::try_from(index / PER_ADDRESS)?;
            let peer = SocketAddr::new(Ipv4Addr::new(10, 1, net, 2).into(), PORT);
            let source = Ipv4Addr::new(10, 0, 0, 1).into();
            let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1512 });
            let Side { engine, handles } = &mut world.sender;
            let mut live = engine.at(world.now, handles[index]).ok_or("no endpoint")?;
            live.connect(peer, FastOpen::No, &mut paths).map_err(|error| format!("{error:?}"))?;
            world.settle();
        }
        if world.accepted == count { Ok(world) } else { Err("not all are connected".into()) }
    }

    /// Carries everything that leaves to the other side; says whether there was something.
    fn carry(&mut self, way: Way) -> bool {
        let (from, to) = match way {
            Way::There => (&mut self.sender, &mut self.reader),
            Way::Back => (&mut self.reader, &mut self.sender),
        };
        let mut some = false;
        while let Some(out) = from.engine.poll_transmit(self.now) {
            some = true;
            self.frame.clear();
            self.frame.extend_from_slice(out.header);
            for part in out.payload.as_slice() {
                self.frame.extend_from_slice(part);
            }
            let meta = Meta {
                source: out.source,
                destination: out.destination,
                ecn: Ecn::NotEct,
                unit: None,
                verified: true,
                mtu: 1512,
            };
            if let Ingress::Incoming(incoming) =
                to.engine.handle_segment(self.now, &meta, &self.frame)
                && let Some(handle) = to.handles.get(self.accepted)
                && incoming.accept(*handle).is_ok()
            {
                self.accepted += 1;
            }
        }
        some
    }

    /// Both applications look at all events; what came is read.
    fn events(&mut self) {
        for side in [&mut self.sender, &mut self.reader] {
            while let Some((handle, event)) = side.engine.poll_event() {
                if let Event::ReceiveAvailable { available, .. } = event
                    && let Some(mut live) = side.engine.at(self.now, handle)
                {
                    let _read = live.commit(available);
                }
            }
        }
    }

    fn settle(&mut self) {
        loop {
            let some = self.carry(Way::There) | self.carry(Way::Back);
            self.events();
            if !some {
                return;
            }
        }
    }

    fn send(&mut self, index: usize) {
        let Side { engine, handles } = &mut self.sender;
        if let Some(mut live) = engine.at(self.now, handles[index]) {
            let _sent = live.send(PIECE, Push::Now);
        }
    }

    /// Each connection sends, in an order without neighbours; nanoseconds of one segment.
    fn segments(&mut self) -> u64 {
        let count = self.sender.handles.len();
        let stride = if count > 1 { 7919 } else { 1 };
        let rounds = OPERATIONS.div_ceil(count);
        let start = Clock::now();
        let mut at = 0;
        for done in 1..=rounds * count {
            self.send(at);
            at = (at + stride) % count;
            if done % BATCH.min(count) == 0 {
                self.settle();
                self.now += Duration::from_micros(100);
            }
        }
        self.settle();
        per(start.elapsed(), rounds * count)
    }

    /// Each connection loses a segment, and its timer says so; nanoseconds of one timer.
    fn timers(&mut self) -> u64 {
        let count = self.sender.handles.len();
        let rounds = (OPERATIONS / 4).div_ceil(count);
        let mut spent = Duration::ZERO;
        for _ in 0..rounds {
            for index in 0..count {
                self.send(index);
            }
            while self.sender.engine.poll_transmit(self.now).is_some() {}
            self.now += Duration::from_secs(3);
            let start = Clock::now();
            self.sender.engine.handle_timeout(self.now);
            spent += start.elapsed();
            self.settle();
        }
        let clock = {
            let start = Clock::now();
            for _ in 0..rounds {
                let _read = core::hint::black_box(Clock::now().elapsed());
            }
            start.elapsed()
        };
        per(spent.saturating_sub(clock / 2), rounds * count)
    }
}

fn per(time: Duration, operations: usize) -> u64 {
    u64::try_from(time.as_nanos() / operations.max(1) as u128).unwrap_or(u64::MAX)
}

/// Measures `count` connections and prints what one costs.
pub(crate) fn run(count: usize) -> Fallible {
    let before = private_dirty()?;
    let mut world = World::new(count)?;
    let bytes = private_dirty()?.saturating_sub(before) / count as u64;
    let (segment, timer) = (world.segments(), world.timers());
    println!("bytes={bytes} segment_ns={segment} timer_ns={timer}");
    Ok(())
}
