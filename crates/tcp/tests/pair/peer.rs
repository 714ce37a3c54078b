//! One engine and a peer that is a test: it sends whatever segments it likes and sees each answer.

use crate::world::{EventOf, InVecs, Parts, Room, endpoint, engine, leak, settings};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_tcp::SettingsOf;
use mainstay_tcp::{
    Config, Engine, FastOpen, Handle, Incoming, Ingress, Meta, Path, Push, State, TcpError,
};
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, HEADER_MAX, Header, Options, Timestamps, write_checksum};

pub(crate) const SERVER: &str = "198.18.0.1";
pub(crate) const CLIENT: &str = "198.18.0.2";
pub(crate) const MTU: u16 = 1500;

/// What came out: a header and a payload.
pub(crate) type Sent = (Header, Vec<u8>);

/// What the application does about a SYN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    #[default]
    Accept,
    Answer,
    Keep,
}

#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) engine: Engine<InVecs>,
    pub(crate) now: Instant,
    pub(crate) handles: Vec<Handle>,
    pub(crate) policy: Policy,
    pub(crate) asked: usize,
    /// What the last of them said of its data.
    pub(crate) early: bool,
}

impl Bench {
    pub(crate) fn new(config: Config, endpoints: usize, room: Room) -> Self {
        Self::with(config, endpoints, room, leak(settings()))
    }

    pub(crate) fn with(
        config: Config,
        endpoints: usize,
        room: Room,
        settings: &'static SettingsOf<Parts>,
    ) -> Self {
        let mut engine = engine(5, config, endpoints, room);
        let attach = |_| engine.attach(endpoint(settings, 1 << 16, 1 << 16)).unwrap();
        let handles = (0..endpoints).map(attach).collect();
        let now = Instant::from_millis(500_000);
        Self { engine, now, handles, policy: Policy::Accept, asked: 0, early: false }
    }

    pub(crate) fn local(port: u16) -> SocketAddr {
        SocketAddr::new(SERVER.parse().unwrap(), port)
    }

    pub(crate) fn pass(&mut self, wait: Duration) {
        self.now += wait;
        self.engine.handle_timeout(self.now);
    }

    /// A segment from the peer; accepted into the first endpoint that is free if it asks.
    pub(crate) fn send(&mut self, header: Header, payload: &[u8]) -> Vec<Sent> {
        self.send_from(CLIENT, header, payload, Ecn::NotEct)
    }

    pub(crate) fn send_from(
        &mut self,
        from: &str,
        header: Header,
        payload: &[u8],
        ecn: Ecn,
    ) -> Vec<Sent> {
        let (source, destination): (IpAddr, IpAddr) =
            (from.parse().unwrap(), SERVER.parse().unwrap());
        let bytes = segment(source, destination, &header, payload);
        let meta = Meta { source, destination, ecn, unit: None, verified: false, mtu: MTU };
        let (closed, policy) = (self.closed(), self.policy);
        if let Ingress::Incoming(incoming) = self.engine.handle_segment(self.now, &meta, &bytes) {
            self.asked += 1;
            self.early = incoming.has_early_data();
            decide(incoming, policy, closed).unwrap();
        }
        self.sent()
    }

    fn closed(&self) -> Option<Handle> {
        self.handles.iter().copied().find(|handle| self.state(*handle) == State::Closed)
    }

    pub(crate) fn state(&self, handle: Handle) -> State {
        self.engine.endpoint(handle).unwrap().state()
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

    pub(crate) fn events(&mut self) -> Vec<(Handle, EventOf)> {
        core::iter::from_fn(|| self.engine.poll_event()).collect()
    }

    pub(crate) fn connect(&mut self, n: usize, mode: FastOpen) -> Result<(), TcpError> {
        let peer = SocketAddr::new(CLIENT.parse().unwrap(), 80);
        let source = SERVER.parse().unwrap();
        let mut paths = |_: IpAddr, _: Option<IpAddr>| Some(Path { source, mtu: MTU });
        self.engine.at(self.now, self.handles[n]).unwrap().connect(peer, mode, &mut paths)
    }

    pub(crate) fn write(&mut self, n: usize, bytes: &[u8]) -> Result<usize, TcpError> {
        self.engine.at(self.now, self.handles[n]).unwrap().write(bytes, Push::Now)
    }

    pub(crate) fn read(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 16];
        let count = self.engine.at(self.now, self.handles[n]).unwrap().read(&mut bytes).unwrap();
        bytes.truncate(count);
        bytes
    }
}

fn decide(
    incoming: Incoming<'_, InVecs>,
    policy: Policy,
    closed: Option<Handle>,
) -> Result<(), TcpError> {
    match (policy, closed) {
        (Policy::Accept, Some(handle)) => return incoming.accept(handle),
        (Policy::Accept, None) => incoming.defer(),
        (Policy::Answer, _) => incoming.answer(),
        (Policy::Keep, _) => assert!(incoming.keep()),
    }
    Ok(())
}

pub(crate) fn segment(from: IpAddr, to: IpAddr, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_MAX];
    let len = header.emit(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes.extend_from_slice(payload);
    write_checksum(from, to, &mut bytes).unwrap();
    bytes
}

/// A segment of the peer's port 4000 for port 80.
pub(crate) fn header(flags: Flags, sequence: u32, acknowledgment: u32) -> Header {
    Header {
        source: 4000,
        destination: 80,
        sequence,
        acknowledgment,
        flags,
        window: 60_000,
        urgent: 0,
        options: Options::default(),
    }
}

pub(crate) fn stamped(mut header: Header, value: u32, echo: u32) -> Header {
    header.options.timestamps = Some(Timestamps { value, echo });
    header
}

/// A SYN of the peer with the usual options.
pub(crate) fn syn(sequence: u32) -> Header {
    let mut header = header(Flags::SYN, sequence, 0);
    header.options.mss = Some(1460);
    header
}
