//! One engine, what came out of it, and virtual time.

use crate::language::fit;
use crate::notation::{Bases, Seen, Shape};
use crate::parts::{Config, Piece, Subject, Vecs};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::Scan;
use mainstay_tcp::{
    Engine, Event, FastOpen, Handle, Ingress, Listener, ListenerHandle, Meta, Path, Slot, TcpError,
    Unknown,
};
use mainstay_wire::ip::Protocol;
use mainstay_wire::tcp::{CHECKSUM_OFFSET, Flags, Header, write_checksum};
use std::collections::{BTreeMap, VecDeque};

/// Our port, and the peer's unless a line says otherwise.
pub(crate) const PORTS: (u16, u16) = (8080, 5000);
/// Where time begins.
const START: Instant = Instant::from_millis(1_000_000);

/// What is answered to a SYN for a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Accept,
    Defer,
    Refuse,
}

/// An endpoint, and what its application wrote, read and was told.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) handle: Handle,
    pub(crate) written: i64,
    pub(crate) read: i64,
    pub(crate) pieces: usize,
    pub(crate) events: VecDeque<String>,
}

pub(crate) struct World<P: Subject> {
    pub(crate) config: Config,
    pub(crate) engine: Engine<Vecs<P>>,
    pub(crate) now: Instant,
    pub(crate) places: Vec<Place>,
    /// The endpoint that lines speak of.
    pub(crate) current: usize,
    pub(crate) decision: Decision,
    pub(crate) listeners: Vec<ListenerHandle>,
    /// Which listener was asked, each time one was.
    pub(crate) asked: Vec<usize>,
    /// What came of the last segment.
    pub(crate) verdict: String,
    /// What left and was not expected yet.
    pub(crate) seen: VecDeque<(Instant, Seen)>,
    /// Everything that happened, as lines.
    pub(crate) log: Vec<String>,
    /// The window of the peer's segments that do not name one.
    pub(crate) win: u16,
    bases: BTreeMap<u16, Bases>,
    /// A segment came from or to another address.
    strange: bool,
    irs: u32,
}

impl<P: Subject> World<P> {
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let mut world = Self::at(config, START)?;
        if config.text("iss").is_some() {
            // The first sequence number is a clock and a secret: start when the clock gives the one that is wanted.
            world.connect(FastOpen::No).map_err(|error| error.to_string())?;
            let (_, seen) = world.seen.front().ok_or("no SYN left")?;
            let wanted: i64 = config.number("iss", 0)?;
            let ticks = crate::language::wrap(wanted).wrapping_sub(seen.header.sequence);
            let start = Instant::from_micros(START.as_micros() + 4 * u64::from(ticks));
            world = Self::at(config, start)?;
        }
        Ok(world)
    }

    fn at(config: &Config, now: Instant) -> Result<Self, String> {
        let count: usize = config.number("endpoints", 1)?;
        let mut tables = mainstay_tcp::Config::default();
        tables.unknown = match config.text("unknown") {
            Some("silent") => Unknown::Silent,
            Some("pass") => Unknown::Pass,
            _ => Unknown::Reset,
        };
        let slots = (0..count).map(|_| Slot::default()).collect();
        let listeners = vec![Listener::default(); 4];
        let mut engine = Engine::new(tables, Rng::from_run(7), slots, listeners, Scan::default());
        let mut places = Vec::new();
        for _ in 0..count {
            let endpoint = P::endpoint(config)?;
            let handle = engine.attach(endpoint).map_err(|_| "there is no room for it")?;
            places.push(Place { handle, written: 0, read: 0, pieces: 0, events: VecDeque::new() });
        }
        Ok(Self {
            config: config.clone(),
            engine,
            now,
            places,
            current: 0,
            decision: Decision::Accept,
            listeners: Vec::new(),
            asked: Vec::new(),
            verdict: String::new(),
            seen: VecDeque::new(),
            log: Vec::new(),
            win: u16::MAX,
            bases: BTreeMap::new(),
            strange: false,
            irs: crate::language::wrap(config.number("irs", 1_000_000)?),
        })
    }

    /// Our address and the peer's.
    pub(crate) fn addresses(&self) -> (IpAddr, IpAddr) {
        if self.config.is_v6().unwrap_or(false) {
            let host = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
            (host(1), host(2))
        } else {
            (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into())
        }
    }

    pub(crate) fn place(&mut self) -> &mut Place {
        &mut self.places[self.current]
    }

    pub(crate) fn connect(&mut self, fast_open: FastOpen) -> Result<(), TcpError> {
        let (local, peer) = self.addresses();
        let mtu = self.config.mtu().unwrap_or(1500);
        let handle = self.places[self.current].handle;
        let mut live = self.engine.at(self.now, handle).ok_or(TcpError::Stale)?;
        live.bind(SocketAddr::new(local, PORTS.0))?;
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source: local, mtu });
        live.connect(SocketAddr::new(peer, PORTS.1), fast_open, &mut paths)?;
        self.begin(self.current);
        self.drain();
        Ok(())
    }

    fn begin(&mut self, place: usize) {
        let place = &mut self.places[place];
        (place.written, place.read) = (0, 0);
    }

    pub(crate) fn bases(&self, port: u16) -> Bases {
        let fresh = Bases { iss: 0, irs: self.irs, first_stamp: None, last_stamp: 0 };
        self.bases.get(&port).copied().unwrap_or(fresh)
    }

    /// A segment of the peer.
    pub(crate) fn inject(&mut self, shape: &Shape) -> Result<(), String> {
        let (mut local, mut peer) = self.addresses();
        let port: u16 = fit(shape.extra("sport")?.unwrap_or_else(|| PORTS.1.into()))?;
        let to: u16 = fit(shape.extra("dport")?.unwrap_or_else(|| PORTS.0.into()))?;
        for (key, value) in &shape.extras {
            let address = || value.parse().map_err(|_| format!("`{value}` is no address"));
            match key.as_str() {
                "from" => peer = address()?,
                "to" => local = address()?,
                "sport" | "dport" | "badsum" | "truncate" | "offset" | "unit" | "forged" => {}
                _ => return Err(format!("a segment of the peer has no `{key}`")),
            }
        }
        self.strange |= (local, peer) != self.addresses();
        if let Some(win) = shape.win {
            self.win = fit(win)?;
        }
        let mut bytes = shape.encode(&self.bases(port), (port, to), self.win)?;
        if let Some(offset) = shape.extra("offset")? {
            bytes[12] = bytes[12] & 0x0f | fit::<u8>(offset)? << 4;
        }
        if let Some(len) = shape.extra("truncate")? {
            bytes.truncate(fit(len)?);
        }
        let whole = write_checksum(peer, local, &mut bytes);
        if whole.is_some() && shape.has("badsum") {
            bytes[CHECKSUM_OFFSET] ^= 1;
        }
        let unit = shape.extra("unit")?.map(fit).transpose()?;
        let mtu = self.config.mtu()?;
        let meta =
            Meta { source: peer, destination: local, ecn: shape.ecn(), unit, verified: false, mtu };
        self.hand_over(&meta, &bytes);
        Ok(())
    }

    fn hand_over(&mut self, meta: &Meta, bytes: &[u8]) {
        let free = |engine: &Engine<Vecs<P>>, place: &Place| {
            engine
                .endpoint(place.handle)
                .is_some_and(|end| end.state() == mainstay_tcp::State::Closed)
        };
        let free = self.places.iter().position(|place| free(&self.engine, place));
        let place = free.unwrap_or(self.current);
        let handle = self.places[place].handle;
        let mut begun = false;
        self.verdict = match self.engine.handle_segment(self.now, meta, bytes) {
            Ingress::Accepted => "Accepted".to_owned(),
            Ingress::Dropped(why) => format!("Dropped({why:?})"),
            Ingress::Pass => "Pass".to_owned(),
            Ingress::Incoming(incoming) => {
                let listener = incoming.listener();
                let asked = self.listeners.iter().position(|known| *known == listener);
                self.asked.push(asked.unwrap_or(usize::MAX));
                match self.decision {
                    Decision::Accept => begun = incoming.accept(handle).is_ok(),
                    Decision::Defer => incoming.defer(),
                    Decision::Refuse => incoming.refuse(),
                }
                "Incoming".to_owned()
            }
        };
        if begun {
            self.begin(place);
        }
    }

    /// Takes what comes out of the engine.
    pub(crate) fn drain(&mut self) {
        while let Some((handle, event)) = self.engine.poll_event() {
            let shown = show(&event);
            self.note(&format!("event {shown}"));
            if let Some(place) = self.places.iter_mut().find(|place| place.handle == handle) {
                place.events.push_back(shown);
            }
        }
        let mut left = Vec::new();
        let addresses = self.addresses();
        while let Some(out) = self.engine.poll_transmit(self.now) {
            let mut bytes = out.header.to_vec();
            let mut payload = Vec::new();
            out.payload.as_slice().iter().for_each(|part| payload.extend_from_slice(part));
            bytes.extend_from_slice(&payload);
            let (header, _) = Header::parse(&bytes).unwrap();
            assert!(
                mainstay_wire::checksum::verify(
                    out.source,
                    out.destination,
                    Protocol::TCP.0,
                    &bytes
                ),
                "a segment leaves with a wrong checksum"
            );
            assert!(
                self.strange || (out.source, out.destination) == addresses,
                "a segment leaves with other addresses than the connection's"
            );
            let bases = Bases { iss: 0, irs: 0, first_stamp: None, last_stamp: 0 };
            let (hop_limit, dscp) = (out.hop_limit, out.dscp);
            let (ecn, unit) = (out.ecn, out.unit);
            left.push(Seen { header, payload, ecn, hop_limit, dscp, unit, bases });
        }
        for mut seen in left {
            seen.bases = self.learn(&seen.header);
            self.note(&format!("> {}", seen.show()));
            self.seen.push_back((self.now, seen));
        }
        // Sending may have something to tell.
        while let Some((handle, event)) = self.engine.poll_event() {
            let shown = show(&event);
            self.note(&format!("event {shown}"));
            if let Some(place) = self.places.iter_mut().find(|place| place.handle == handle) {
                place.events.push_back(shown);
            }
        }
    }

    /// What numbers count from, after this segment of ours.
    fn learn(&mut self, header: &Header) -> Bases {
        let mut bases = self.bases(header.destination);
        if header.flags.contains(Flags::SYN) {
            let again = bases.iss == header.sequence && bases.first_stamp.is_some();
            bases.iss = header.sequence;
            if !again {
                bases.first_stamp = header.options.timestamps.map(|stamps| stamps.value);
            }
        }
        if let Some(stamps) = header.options.timestamps {
            bases.last_stamp = stamps.value;
        }
        self.bases.insert(header.destination, bases);
        bases
    }

    /// Lets time pass until `to`, or with `stop` until something leaves; whether something did.
    pub(crate) fn advance(&mut self, to: Instant, stop: bool) -> Result<bool, String> {
        for _ in 0..1_000_000 {
            if stop && !self.seen.is_empty() {
                return Ok(true);
            }
            match self.engine.next_deadline() {
                Some(next) if next <= to => {
                    if next <= self.now {
                        return Err(format!("a deadline has come and is not run: {next:?}"));
                    }
                    self.now = next;
                    self.engine.handle_timeout(next);
                    self.drain();
                }
                Some(_) | None => {
                    self.now = to;
                    return Ok(!self.seen.is_empty());
                }
            }
        }
        Err("deadlines come without end".to_owned())
    }

    pub(crate) fn note(&mut self, what: &str) {
        let at = self.now.as_micros();
        self.log.push(format!("{:6}.{:06} {what}", at / 1_000_000, at % 1_000_000));
    }
}

/// An event as scripts write it.
fn show(event: &Event<Piece>) -> String {
    match event {
        Event::Accepted => "Accepted".to_owned(),
        Event::Established => "Established".to_owned(),
        Event::SendDone(piece) => format!("SendDone({})", piece.id),
        Event::BytesAcked(count) => format!("BytesAcked({count})"),
        Event::Progress { in_send_buffer, backlog } => {
            format!("Progress({in_send_buffer},{backlog})")
        }
        Event::SendReady => "SendReady".to_owned(),
        Event::ReceiveAvailable { available, end_of_stream: false, .. } => {
            format!("ReceiveAvailable({available})")
        }
        Event::ReceiveAvailable { available, .. } => format!("ReceiveAvailable({available},end)"),
        Event::Urgent { remaining } => format!("Urgent({remaining})"),
        Event::Error(soft) => format!("Error({soft:?})"),
        Event::Reclaimed(piece) => format!("Reclaimed({})", piece.id),
        Event::Disconnected(why) => format!("Disconnected({why:?})"),
        _ => "?".to_owned(),
    }
}
