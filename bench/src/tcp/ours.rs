//! Two engines and two wires: one sends, the other reads and commits at once.

use super::link::Link;
use crate::Fallible;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::cubic;
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::ArrayQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, Event, FastOpen, Handle, Host, Ingress, Listener, Meta, Path, Push,
    Settings, Slot, Tables,
};
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::ipv4;

/// How segments are carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carriage {
    /// Checksums are computed and verified; otherwise a device would.
    pub(crate) checksums: bool,
    /// IPv4 headers are written before the segments, and read.
    pub(crate) packets: bool,
    /// The most payload of a super-segment, 0 for none.
    pub(crate) gso: u16,
    /// Frames on the wire before the other side gets its turn.
    pub(crate) burst: usize,
}

type Parts = Host<Vec<u8>, ArrayQueue<&'static [u8], 4>>;

struct InVecs;

impl Tables for InVecs {
    type Profile = Parts;
    type Slots = Vec<Slot<Parts>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = ();
}

/// Payload of a segment is 1460 with timestamps in it.
const MTU: u16 = 1512;
const PORT: u16 = 80;
/// The receive window, and the pieces the sender lends.
const BUFFER: usize = 1 << 16;

struct Side {
    engine: Engine<InVecs>,
    handle: Handle,
    address: Ipv4Addr,
    segments: u64,
    read: u64,
}

impl Side {
    fn new(number: u8, carriage: Carriage) -> Fallible<Self> {
        let mut settings = Settings::host(cubic::Config::default());
        settings.gso_max = carriage.gso;
        let mut config = Config::default();
        config.partial_checksums = true; // who copies adds the rest, or a device would
        let mut engine = Engine::new(
            config,
            Rng::from_run(number.into()),
            vec![Slot::default()],
            vec![Listener::default()],
            Scan::default(),
        );
        let storage = vec![0; BUFFER + BUFFER / 8];
        let settings: &'static _ = Box::leak(Box::new(settings));
        let endpoint = Endpoint::new(storage, ArrayQueue::default(), settings, ());
        let endpoint = endpoint.map_err(|error| format!("{error:?}"))?;
        let handle = engine.attach(endpoint).map_err(|_| "no place")?;
        let address = Ipv4Addr::new(10, 0, 0, number);
        Ok(Self { engine, handle, address, segments: 0, read: 0 })
    }

    /// Lends as many pieces as there are places for.
    fn send(&mut self, now: Instant, piece: &'static [u8]) {
        let Some(mut live) = self.engine.at(now, self.handle) else { return };
        while live.send(piece, Push::Now).is_ok() {}
    }

    /// Looks at all events; reads what came, without touching it.
    fn events(&mut self, now: Instant) {
        while let Some((handle, event)) = self.engine.poll_event() {
            if let Event::ReceiveAvailable { available, .. } = event
                && let Some(mut live) = self.engine.at(now, handle)
                && live.commit(available).is_ok()
            {
                self.read += available as u64;
            }
        }
    }

    /// Puts what may leave on the wire.
    fn transmit(&mut self, now: Instant, wire: &mut Link, carriage: Carriage) {
        while wire.has_room() {
            let out = self.engine.poll_transmit(now);
            // Looked at where it stands: it need not be moved.
            let Some(out) = &out else { return };
            let (head, len) = (if carriage.packets { ipv4::HEADER_MIN } else { 0 }, out.len());
            let frame = wire.put(head + len);
            if carriage.packets {
                write_packet(frame, len, out.source, out.destination, out.ecn);
            }
            let place = &mut frame[head..];
            let _len = if carriage.checksums { out.copy_summed(place) } else { out.copy_to(place) };
            self.segments += match out.unit {
                Some(unit) => out.payload.len().div_ceil(usize::from(unit)) as u64,
                None => u64::from(!out.payload.is_empty()),
            };
        }
    }

    /// Takes what is on the wire.
    fn receive(&mut self, now: Instant, wire: &mut Link, peer: Ipv4Addr, carriage: Carriage) {
        while let Some(frame) = wire.take() {
            let mut meta = Meta {
                source: peer.into(),
                destination: self.address.into(),
                ecn: Ecn::NotEct,
                unit: (carriage.gso > 0).then_some(1460),
                verified: !carriage.checksums,
                mtu: MTU,
            };
            let mut segment = frame;
            if carriage.packets {
                let Some((header, payload)) = ipv4::Header::parse(frame) else { continue };
                (meta.source, meta.destination) = (header.source.into(), header.destination.into());
                (meta.ecn, segment) = (header.ecn, payload);
            }
            if let Ingress::Incoming(incoming) = self.engine.handle_segment(now, &meta, segment) {
                let _taken = incoming.accept(self.handle);
            }
        }
    }
}

fn write_packet(frame: &mut [u8], len: usize, source: IpAddr, destination: IpAddr, ecn: Ecn) {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) else { return };
    let payload_len = u16::try_from(len).unwrap_or(u16::MAX);
    let header =
        ipv4::Header { ecn, ..ipv4::Header::new(source, destination, Protocol::TCP, payload_len) };
    let _len = header.emit(frame);
}

/// A connection that is open.
pub(crate) struct Pair {
    now: Instant,
    sender: Side,
    reader: Side,
    there: Link,
    back: Link,
    carriage: Carriage,
    piece: &'static [u8],
}

impl Pair {
    /// Opens it.
    pub(crate) fn new(carriage: Carriage) -> Fallible<Self> {
        let frame = if carriage.gso > 0 { usize::from(carriage.gso) + 100 } else { MTU.into() };
        let mut pair = Self {
            now: Instant::from_millis(1000),
            sender: Side::new(1, carriage)?,
            reader: Side::new(2, carriage)?,
            there: Link::new(carriage.burst, frame),
            back: Link::new(carriage.burst, frame),
            carriage,
            piece: Box::leak(vec![b'x'; BUFFER].into_boxed_slice()),
        };
        let peer = SocketAddr::new(pair.reader.address.into(), PORT);
        pair.reader.engine.listen(peer).map_err(|error| format!("{error:?}"))?;
        let source = pair.sender.address.into();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: MTU });
        let mut live = pair.sender.engine.at(pair.now, pair.sender.handle).ok_or("no endpoint")?;
        live.connect(peer, FastOpen::No, &mut paths).map_err(|error| format!("{error:?}"))?;
        Ok(pair)
    }

    /// Until the reader has had so many bytes; how many segments with payload left for it.
    pub(crate) fn transfer(&mut self, bytes: u64) -> Fallible<u64> {
        let (segments, until) = (self.sender.segments, self.reader.read + bytes);
        let mut quiet = 0;
        while self.reader.read < until {
            let read = self.reader.read;
            self.turn();
            quiet = if self.reader.read == read { quiet + 1 } else { 0 };
            if quiet > 1000 {
                return Err("nothing moves".into());
            }
        }
        Ok(self.sender.segments - segments)
    }

    fn turn(&mut self) {
        let (now, carriage) = (self.now, self.carriage);
        self.sender.send(now, self.piece);
        self.sender.transmit(now, &mut self.there, carriage);
        self.reader.receive(now, &mut self.there, self.sender.address, carriage);
        self.reader.events(now);
        self.reader.transmit(now, &mut self.back, carriage);
        self.sender.receive(now, &mut self.back, self.reader.address, carriage);
        self.sender.events(now);
        self.now += Duration::from_micros(10);
        for side in [&mut self.sender, &mut self.reader] {
            if side.engine.next_deadline().is_some_and(|at| at <= self.now) {
                side.engine.handle_timeout(self.now);
            }
        }
    }
}
