//! One engine with lent buffers and contexts that keep a journal, and a peer that sends what it likes.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::congestion::{CongestionControl, Cubic};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::{ArrayQueue, TxBuf};
use mainstay_tcp::{
    Config, Endpoint, Engine, Event, FastOpen, Handle, Host, Ingress, Listener, Live, Meta, Path,
    Push, Settings, Slot, State, Step, Tables, Tally, TcpError, Trace, Traced,
};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, HEADER_MAX, Header, Options, write_checksum};

pub(crate) const OURS: &str = "198.18.0.1";
pub(crate) const THEIRS: &str = "198.18.0.2";
pub(crate) const PORT: u16 = 80;
/// Room for received bytes, without their marks.
pub(crate) const ROOM: usize = 8000;

pub(crate) type OwnSettings = Settings<<Cubic as CongestionControl>::Config>;

/// A buffer that is known by where its bytes lie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    bytes: Box<[u8]>,
    len: usize,
}

impl Text {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self::with_room(bytes, 0)
    }

    pub(crate) fn with_room(bytes: &[u8], room: usize) -> Self {
        let mut all = bytes.to_vec();
        all.resize(bytes.len() + room, b'.');
        Self { bytes: all.into(), len: bytes.len() }
    }

    pub(crate) fn place(&self) -> *const u8 {
        self.bytes.as_ptr()
    }
}

impl TxBuf for Text {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn capacity_tail(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len..]
    }

    fn extend(&mut self, count: usize) {
        self.len += count;
    }
}

/// What is kept with an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) name: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) tally: Tally,
}

impl Trace for Journal {
    fn step(&mut self, step: Step) {
        self.steps.push(step);
        self.tally.step(step);
    }
}

pub(crate) type Parts = Traced<Host<Vec<u8>, ArrayQueue<Text, 8>, Journal>>;

/// Everything in vectors.
#[derive(Debug)]
pub(crate) struct InVecs;

impl Tables for InVecs {
    type Profile = Parts;
    type Slots = Vec<Slot<Parts>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = ();
}

/// What left: a header and a payload.
pub(crate) type Sent = (Header, Vec<u8>);

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) port: u16,
    /// What it sends next.
    pub(crate) next: u32,
    /// What it expects next.
    pub(crate) expects: u32,
}

#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) engine: Engine<InVecs>,
    pub(crate) now: Instant,
    pub(crate) handles: Vec<Handle>,
}

pub(crate) fn settings() -> OwnSettings {
    Settings::host(Default::default())
}

pub(crate) fn endpoint(name: usize, settings: OwnSettings) -> Endpoint<Parts> {
    let settings = &*Box::leak(Box::new(settings));
    let context = Journal { name, ..Journal::default() };
    Endpoint::new(vec![0; ROOM + ROOM.div_ceil(8)], ArrayQueue::default(), settings, context)
        .unwrap()
}

pub(crate) fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

impl Bench {
    pub(crate) fn new(endpoints: usize) -> Self {
        Self::with(endpoints, settings())
    }

    pub(crate) fn with(endpoints: usize, settings: OwnSettings) -> Self {
        let slots = (0..endpoints).map(|_| Slot::default()).collect();
        let listeners = vec![Listener::default(); 2];
        let config = Config::default();
        let mut engine = Engine::new(config, Rng::from_run(9), slots, listeners, Scan::default());
        let handles =
            (0..endpoints).map(|n| engine.attach(endpoint(n, settings)).unwrap()).collect();
        Self { engine, now: Instant::from_millis(700_000), handles }
    }

    pub(crate) fn live(&mut self, n: usize) -> Live<'_, InVecs> {
        self.engine.at(self.now, self.handles[n]).unwrap()
    }

    pub(crate) fn endpoint(&self, n: usize) -> &Endpoint<Parts> {
        self.engine.endpoint(self.handles[n]).unwrap()
    }

    pub(crate) fn state(&self, n: usize) -> State {
        self.endpoint(n).state()
    }

    pub(crate) fn connect(&mut self, n: usize, fast_open: FastOpen) -> Result<(), TcpError> {
        let source: IpAddr = OURS.parse().unwrap();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: 1500 });
        self.live(n).connect(at(THEIRS, PORT), fast_open, &mut paths)
    }

    pub(crate) fn send(&mut self, n: usize, bytes: &[u8]) {
        self.live(n).send(Text::new(bytes), Push::Now).unwrap();
    }

    pub(crate) fn pass(&mut self, wait: Duration) {
        self.now += wait;
        self.engine.handle_timeout(self.now);
    }

    /// A segment of the peer; one that asks for a connection gets `handle`.
    pub(crate) fn arrive(
        &mut self,
        header: &Header,
        payload: &[u8],
        handle: Option<Handle>,
    ) -> bool {
        let meta = meta(THEIRS, OURS);
        let bytes = segment(&meta, header, payload);
        match self.engine.handle_segment(self.now, &meta, &bytes) {
            Ingress::Accepted => true,
            Ingress::Incoming(incoming) => {
                handle.is_some_and(|handle| incoming.accept(handle).is_ok())
            }
            Ingress::Dropped(_) | Ingress::Pass => false,
        }
    }

    /// Everything that leaves now.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        while let Some(out) = self.engine.poll_transmit(self.now) {
            let (header, _) = Header::parse(out.header).unwrap();
            all.push((header, out.payload.as_slice().concat()));
        }
        all
    }

    pub(crate) fn events(&mut self) -> Vec<(Handle, Event<Text>)> {
        core::iter::from_fn(|| self.engine.poll_event()).collect()
    }

    /// The same without whose they are.
    pub(crate) fn told(&mut self) -> Vec<Event<Text>> {
        self.events().into_iter().map(|(_, event)| event).collect()
    }

    /// A connection of the peer's `port`, accepted into endpoint `n`; nothing is told yet.
    pub(crate) fn accept(&mut self, n: usize, port: u16) -> Peer {
        self.accept_with(n, port, Options::default())
    }

    pub(crate) fn accept_with(&mut self, n: usize, port: u16, options: Options) -> Peer {
        let _listens = self.engine.listen(at(OURS, PORT));
        let mut peer = Peer { port, next: 1000, expects: 0 };
        let mut syn = peer.header(Flags::SYN);
        syn.options = Options { mss: Some(1460), ..options };
        assert!(self.arrive(&syn, &[], Some(self.handles[n])));
        let out = self.sent();
        assert_eq!(out.len(), 1);
        (peer.next, peer.expects) = (1001, out[0].0.sequence.wrapping_add(1));
        assert!(self.arrive(&peer.header(Flags::ACK), &[], None));
        assert_eq!(self.state(n), State::Established);
        peer
    }

    /// The same, and what was told of its beginning is forgotten.
    pub(crate) fn established(&mut self, n: usize) -> Peer {
        let peer = self.accept(n, 4000);
        self.told();
        peer
    }

    /// The peer acknowledges what it expects up to now, with payload.
    pub(crate) fn says(&mut self, peer: &mut Peer, payload: &[u8]) -> Vec<Sent> {
        let header = peer.header(Flags::ACK);
        assert!(self.arrive(&header, payload, None));
        peer.next = peer.next.wrapping_add(u32::try_from(payload.len()).unwrap());
        self.sent()
    }

    /// What leaves now has arrived at the peer, which has not said so yet.
    pub(crate) fn hears(&mut self, peer: &mut Peer) -> Vec<Sent> {
        let out = self.sent();
        out.iter().for_each(|(header, payload)| peer.hear(header, payload));
        out
    }
}

impl Peer {
    pub(crate) fn header(&self, flags: Flags) -> Header {
        Header {
            source: self.port,
            destination: PORT,
            sequence: self.next,
            acknowledgment: if flags.contains(Flags::ACK) { self.expects } else { 0 },
            flags,
            window: 60_000,
            urgent: 0,
            options: Options::default(),
        }
    }

    pub(crate) fn hear(&mut self, header: &Header, payload: &[u8]) {
        let fin = u32::from(header.flags.contains(Flags::FIN));
        let end = header.sequence.wrapping_add(u32::try_from(payload.len()).unwrap() + fin);
        if end.wrapping_sub(self.expects) < 1 << 31 {
            self.expects = end;
        }
    }
}

pub(crate) fn meta(source: &str, destination: &str) -> Meta {
    Meta {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ecn: Ecn::NotEct,
        unit: None,
        verified: false,
        mtu: 1500,
    }
}

/// The bytes of a segment, with its checksum.
pub(crate) fn segment(meta: &Meta, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_MAX];
    let len = header.emit(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes.extend_from_slice(payload);
    write_checksum(meta.source, meta.destination, &mut bytes).unwrap();
    bytes
}
