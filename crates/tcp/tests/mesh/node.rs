//! One engine of any profile, connected to a peer that sends whatever segments it likes and sees each answer.

#[path = "../shared/vecs.rs"]
mod vecs;

pub(crate) use vecs::Vecs;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::{
    Config, Disconnected, Endpoint, Engine, Event, Extended, Facts, FastOpen, Handle, Host,
    Ingress, Listener, Live, Meta, Path, Profile, Push, Settings, SettingsOf, Slot, State, Std,
    Timer, Tiny,
};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, HEADER_MAX, Header, Options, write_checksum};

pub(crate) type PlainTiny = Tiny<Vec<u8>, RingQueue<Vec<u8>>>;
pub(crate) type PlainStd = Std<Vec<u8>, RingQueue<Vec<u8>>>;
pub(crate) type PlainHost = Host<Vec<u8>, RingQueue<Vec<u8>>>;
pub(crate) type Mesh = Extended<PlainTiny>;
pub(crate) type MeshStd = Extended<PlainStd>;
pub(crate) type MeshHost = Extended<PlainHost>;

pub(crate) const OWN: &str = "fd00::1";
pub(crate) const PEER: &str = "fd00::2";
/// The payload of a full segment that the peer takes.
pub(crate) const MSS: u16 = 500;
/// The peer's first sequence number; ours is drawn.
pub(crate) const PEER_ISS: u32 = u32::MAX - 3_000;

/// A segment that left: numbers count from the SYNs.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: u32,
    pub(crate) len: usize,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) flags: Flags,
    pub(crate) payload: Vec<u8>,
    pub(crate) unit: Option<u16>,
}

pub(crate) struct Node<P: Profile> {
    pub(crate) engine: Engine<Vecs<P>>,
    pub(crate) now: Instant,
    pub(crate) handle: Handle,
    pub(crate) iss: u32,
    port: u16,
    /// The peer's window.
    pub(crate) window: u16,
}

/// Settings of small nodes without what would get into the way: no timestamps, no waiting for more.
pub(crate) fn quiet<C>(mut settings: Settings<C>) -> Settings<C> {
    settings.timestamps = false;
    settings.nagle = false;
    settings.quick_acks = 0;
    settings.ecn = false;
    settings.window_scale = false;
    settings
}

impl<P> Node<P>
where
    P: Profile<
            Storage = Vec<u8>,
            Queue = RingQueue<Vec<u8>>,
            Context = (),
            Settings = &'static SettingsOf<P>,
        >,
    SettingsOf<P>: 'static,
{
    /// An engine with an endpoint that is closed, and `receive` bytes of room.
    pub(crate) fn closed(settings: SettingsOf<P>, receive: usize) -> Self {
        let settings: &'static SettingsOf<P> = Box::leak(Box::new(settings));
        let slots = vec![Slot::default(), Slot::default()];
        let listeners = vec![Listener::default()];
        let mut engine =
            Engine::new(Config::default(), Rng::from_run(3), slots, listeners, Scan::default());
        let storage = vec![0; receive + receive.div_ceil(8)];
        let queue = RingQueue::new(vec![0; 20_000]);
        let handle = engine.attach(Endpoint::new(storage, queue, settings, ()).unwrap()).unwrap();
        let now = Instant::from_millis(100_000);
        Self { engine, now, handle, iss: 0, port: 0, window: 60_000 }
    }

    /// The SYN of a connection that begins now.
    pub(crate) fn connect(&mut self, mtu: u16) -> Header {
        let source: IpAddr = OWN.parse().unwrap();
        let peer = SocketAddr::new(PEER.parse().unwrap(), 80);
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu });
        self.live().connect(peer, FastOpen::No, &mut paths).unwrap();
        let out = self.engine.poll_transmit(self.now).unwrap();
        let (header, _) = Header::parse(out.header).unwrap();
        (self.iss, self.port) = (header.sequence, header.source);
        header
    }

    /// The peer's answer to that SYN, after `trip`.
    pub(crate) fn answer(&mut self, trip: Duration) {
        self.now += trip;
        self.answer_with(Flags::NONE);
    }

    /// The same at once, with more flags.
    pub(crate) fn answer_with(&mut self, flags: Flags) {
        let mut header = self.header(Flags::SYN | Flags::ACK | flags, PEER_ISS, 1);
        header.options.mss = Some(MSS);
        header.options.sack_permitted = true;
        self.receive(&header, &[]);
        self.sent();
        self.events();
    }

    /// Connected over a path with a round trip of 100 ms.
    pub(crate) fn open(settings: SettingsOf<P>, receive: usize) -> Self {
        let mut node = Self::closed(settings, receive);
        node.connect(1280);
        node.answer(Duration::from_millis(100));
        assert_eq!(node.facts().state, State::Established);
        node
    }

    pub(crate) fn live(&mut self) -> Live<'_, Vecs<P>> {
        self.engine.at(self.now, self.handle).unwrap()
    }

    pub(crate) fn facts(&self) -> Facts {
        self.engine.endpoint(self.handle).unwrap().facts()
    }

    pub(crate) fn header(&self, flags: Flags, sequence: u32, acknowledgment: u32) -> Header {
        Header {
            source: 80,
            destination: self.port,
            sequence,
            acknowledgment: self.iss.wrapping_add(acknowledgment),
            flags,
            window: self.window,
            urgent: 0,
            options: Options::default(),
        }
    }

    /// A segment arrives; it need not make sense.
    pub(crate) fn receive(&mut self, header: &Header, payload: &[u8]) {
        let bytes = segment(header, payload);
        let meta = meta(false);
        let ingress = self.engine.handle_segment(self.now, &meta, &bytes);
        assert!(!matches!(ingress, Ingress::Incoming(_)), "nobody listens");
    }

    /// Text of the peer at `at`, which acknowledges up to `ack`.
    pub(crate) fn text(&mut self, at: u32, len: usize, ack: u32) {
        let header = self.header(Flags::ACK, PEER_ISS.wrapping_add(at), ack);
        let bytes: Vec<u8> = (0..len).map(|n| stream(at as usize + n)).collect();
        self.receive(&header, &bytes);
    }

    pub(crate) fn ack(&mut self, ack: u32) {
        self.text(1, 0, ack);
    }

    pub(crate) fn fin(&mut self, at: u32, ack: u32) {
        let header = self.header(Flags::ACK | Flags::FIN, PEER_ISS.wrapping_add(at), ack);
        self.receive(&header, &[]);
    }

    pub(crate) fn write(&mut self, count: usize) {
        assert_eq!(self.live().write(&vec![7; count], Push::Now), Ok(count));
    }

    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 17];
        let count = self.live().read(&mut bytes).unwrap();
        bytes.truncate(count);
        bytes
    }

    /// Everything that leaves now.
    pub(crate) fn sent(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        while let Some(out) = self.engine.poll_transmit(self.now) {
            let (header, _) = Header::parse(out.header).unwrap();
            all.push(Seen {
                at: header.sequence.wrapping_sub(self.iss),
                len: out.payload.len(),
                ack: header.acknowledgment.wrapping_sub(PEER_ISS),
                window: header.window,
                flags: header.flags,
                payload: out.payload.as_slice().concat(),
                unit: out.unit,
            });
        }
        all
    }

    pub(crate) fn events(&mut self) -> Vec<Event<core::convert::Infallible>> {
        core::iter::from_fn(|| self.engine.poll_event()).map(|(_, event)| event).collect()
    }

    /// The reasons among the events.
    pub(crate) fn ended(&mut self) -> Vec<Disconnected> {
        let reason = |event| {
            if let Event::Disconnected(reason) = event { Some(reason) } else { None }
        };
        self.events().into_iter().filter_map(reason).collect()
    }

    /// Lets `millis` pass at once.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.engine.handle_timeout(self.now);
    }

    /// Goes to the next deadline; how many milliseconds that took.
    pub(crate) fn wake(&mut self) -> u64 {
        let at = self.engine.next_deadline().unwrap();
        let wait = at.since(self.now);
        self.now = at;
        self.engine.handle_timeout(at);
        u64::try_from(wait.as_millis()).unwrap()
    }

    /// What is armed, and in how many milliseconds.
    pub(crate) fn armed(&mut self) -> Vec<(Timer, u64)> {
        let now = self.now;
        let millis = |at: Instant| u64::try_from(at.since(now).as_millis()).unwrap();
        self.live().timeouts().map(|(timer, at)| (timer, millis(at))).collect()
    }
}

/// Byte `at` of the peer's stream.
pub(crate) fn stream(at: usize) -> u8 {
    let [low, ..] = (at.wrapping_mul(2_654_435_761) >> 11).to_le_bytes();
    low
}

pub(crate) fn meta(verified: bool) -> Meta {
    Meta {
        source: PEER.parse().unwrap(),
        destination: OWN.parse().unwrap(),
        ecn: Ecn::NotEct,
        unit: None,
        verified,
        mtu: 1280,
    }
}

/// A segment from the peer as it arrives.
pub(crate) fn segment(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_MAX];
    let len = header.emit(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes.extend_from_slice(payload);
    let meta = meta(false);
    write_checksum(meta.source, meta.destination, &mut bytes).unwrap();
    bytes
}
