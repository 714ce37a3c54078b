//! Machines of packets: the TCP engine alone, the IP stack alone, and both as a network.

use crate::adapters::letters;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use mainstay_base::{Instant, Rng, Verdict};
use mainstay_net::network::{Config as NetworkConfig, Event as Told, Network};
use mainstay_net::{
    Capabilities, Config as StackConfig, InterfaceId, InterfaceOptions, Medium, Prefix, Stack,
    UdpId, UdpOptions,
};
use mainstay_sim::laws::{Station, Stations};
use mainstay_tcp::congestion::any;
use mainstay_tcp::index::Scan;
use mainstay_tcp::{
    Config, Endpoint, Engine, Event, FastOpen, Handle, Ingress, Listener, Live, Meta, Path, Push,
    Settings, Slot, Tables,
};
use mainstay_wire::ethernet::Mac;
use mainstay_wire::ip::Ecn;
use mainstay_wire::offload::Offload;
use std::sync::Arc;

const ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))];
const PORT: u16 = 7;
const MTU: u16 = 1500;
/// Bytes of each buffer: small, so that windows close.
const BUFFER: usize = 6000;

/// What a connection tells however seldom it is asked. The end of the stream is told once.
fn fact<B: core::fmt::Debug>(event: &Event<B>, ended: &mut bool) -> Option<String> {
    match event {
        Event::Accepted | Event::Established | Event::Disconnected(_) => Some(format!("{event:?}")),
        Event::ReceiveAvailable { end_of_stream: true, .. } => {
            (!core::mem::replace(ended, true)).then(|| "end of stream".to_owned())
        }
        Event::SendDone(_)
        | Event::BytesAcked(_)
        | Event::Progress { .. }
        | Event::SendReady
        | Event::ReceiveAvailable { .. }
        | Event::Urgent { .. }
        | Event::Error(_)
        | Event::Reclaimed(_)
        | _ => None,
    }
}

/// Sends some bytes, or ends.
fn ask<T>(live: &mut Live<'_, T>, what: u64)
where
    T: Tables<Profile = mainstay_net::network::Own>,
{
    match what % 24 {
        0 => live.abort(),
        1..=3 => {
            let _closed = live.finish();
        }
        4 => live.set_nagle(what & 0x100 == 0),
        _ => {
            let _refused = live.write(&letters(what >> 8 & 0xfff), Push::Now);
        }
    }
}

/// What can be seen of an endpoint. When its deadlines are is seen by what it does.
fn seen(endpoint: Option<&Endpoint<mainstay_net::network::Own>>) -> String {
    let unread = endpoint.map(|endpoint| endpoint.recv().concat());
    format!("{:?} {:?} {unread:?}", endpoint.map(Endpoint::facts), endpoint.map(Endpoint::queue))
}

struct One;

impl Tables for One {
    type Profile = mainstay_net::network::Own;
    type Slots = Vec<Slot<mainstay_net::network::Own>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = ();
}

/// An engine with one endpoint; its packets are bare segments.
struct Segments {
    engine: Engine<One>,
    handle: Option<Handle>,
    here: usize,
    ended: bool,
}

fn settings() -> mainstay_net::network::Settings {
    let mut settings = Settings::host(any::Config::default());
    settings.time_wait = 4000;
    settings
}

impl Segments {
    fn new(here: usize) -> Self {
        let now = Instant::from_millis(1000);
        let mut engine = Engine::new(
            Config::default(),
            Rng::from_run(here as u64),
            vec![Slot::default()],
            vec![Listener::default()],
            Scan::default(),
        );
        let queue = mainstay_tcp::queue::RingQueue::new(vec![0; BUFFER]);
        let endpoint = Endpoint::new(vec![0; BUFFER], queue, Arc::new(settings()), 0).unwrap();
        let handle = engine.attach(endpoint).unwrap();
        if here == 0 {
            let mut paths =
                |_: IpAddr, _: Option<IpAddr>| Some(Path { source: ADDRESSES[0], mtu: MTU });
            let peer = SocketAddr::new(ADDRESSES[1], PORT);
            engine.at(now, handle).unwrap().connect(peer, FastOpen::No, &mut paths).unwrap();
        } else {
            engine.listen(SocketAddr::new(ADDRESSES[1], PORT)).unwrap();
        }
        Self { engine, handle: Some(handle), here, ended: false }
    }
}

impl Station for Segments {
    fn receive(&mut self, now: Instant, packet: &[u8]) -> Verdict<()> {
        let meta = Meta {
            source: ADDRESSES[1 - self.here],
            destination: ADDRESSES[self.here],
            ecn: Ecn::NotEct,
            unit: None,
            verified: false,
            mtu: MTU,
        };
        match self.engine.handle_segment(now, &meta, packet) {
            Ingress::Incoming(incoming) => {
                if let Some(handle) = self.handle {
                    let _taken = incoming.accept(handle);
                }
                Verdict::Accepted
            }
            Ingress::Accepted | Ingress::Pass => Verdict::Accepted,
            Ingress::Dropped(_) => Verdict::Dropped(()),
        }
    }
    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        if buf.len() < self.transmit_max() {
            return None; // the engine lends what it has, and it is gone then
        }
        let out = self.engine.poll_transmit(now)?;
        let packet = [out.header, &out.payload.as_slice().concat()].concat();
        buf[..packet.len()].copy_from_slice(&packet);
        Some(packet.len())
    }
    fn transmit_max(&self) -> usize {
        MTU.into()
    }
    fn event(&mut self, _now: Instant) -> Option<String> {
        loop {
            let (_, event) = self.engine.poll_event()?;
            if let Some(fact) = fact(&event, &mut self.ended) {
                return Some(fact);
            }
        }
    }
    fn take(&mut self, now: Instant) -> Vec<u8> {
        let mut bytes = vec![0; BUFFER];
        let live = self.handle.and_then(|handle| self.engine.at(now, handle));
        let len = live.map_or(0, |mut live| live.read(&mut bytes).unwrap());
        bytes.truncate(len);
        bytes
    }
    fn timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }
    fn deadline(&self) -> Option<Instant> {
        self.engine.next_deadline()
    }
    fn act(&mut self, now: Instant, what: u64) {
        if let Some(mut live) = self.handle.and_then(|handle| self.engine.at(now, handle)) {
            ask(&mut live, what);
        }
    }
    fn end(&mut self, now: Instant) {
        if let Some(handle) = self.handle.take() {
            self.engine.detach(now, handle);
        }
    }
    fn view(&self) -> String {
        seen(self.handle.and_then(|handle| self.engine.endpoint(handle)))
    }
    fn held(&self) -> usize {
        self.engine.capacity()
    }
}

pub(crate) fn engines() -> Stations {
    (Box::new(Segments::new(0)), Box::new(Segments::new(1)))
}

fn interface(here: usize) -> InterfaceOptions {
    let [station, _] = [here + 1, 0].map(|last| u8::try_from(last).unwrap());
    InterfaceOptions {
        medium: Medium::Ethernet(Mac([2, 0, 0, 0, 0, station])),
        mtu: MTU.into(),
        offload: Capabilities::default(),
    }
}

/// A network with one connection over Ethernet: neighbours are asked for, and whether an address is free.
struct Frames {
    network: Network,
    interface: InterfaceId,
    here: usize,
    handle: Option<Handle>,
    over: bool,
    ended: bool,
}

impl Frames {
    fn new(here: usize) -> Self {
        let now = Instant::from_millis(1000);
        let mut config = NetworkConfig {
            settings: Arc::new(settings()),
            receive_bytes: BUFFER,
            send_bytes: BUFFER,
            connections_max: 4,
            backlog: 2,
            ..NetworkConfig::default()
        };
        config.stack.probes_v4 = 0;
        let mut network = Network::new(config, Rng::from_run(here as u64));
        let prefix = Prefix::new(ADDRESSES[here], 24).unwrap();
        let interface = network.add_interface(now, interface(here), &[prefix], &[]).unwrap();
        let handle = (here == 0)
            .then(|| network.connect(now, SocketAddr::new(ADDRESSES[1], PORT), None, 0).unwrap());
        if here == 1 {
            network.listen(SocketAddr::new(ADDRESSES[1], PORT)).unwrap();
        }
        Self { network, interface, here, handle, over: false, ended: false }
    }
}

impl Station for Frames {
    fn receive(&mut self, now: Instant, packet: &[u8]) -> Verdict<()> {
        match self.network.handle_input(now, self.interface, packet, Offload::default()) {
            Verdict::Accepted => Verdict::Accepted,
            Verdict::Dropped(_) => Verdict::Dropped(()),
        }
    }
    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        self.network.poll_transmit(now, buf).map(|out| out.len)
    }
    fn transmit_max(&self) -> usize {
        Network::MAX_TRANSMIT
    }
    fn event(&mut self, now: Instant) -> Option<String> {
        loop {
            match self.network.poll_event(now)? {
                Told::Tcp(handle, event) if self.handle == Some(handle) => {
                    if let Some(fact) = fact(&event, &mut self.ended) {
                        return Some(fact);
                    }
                }
                Told::Incoming(listener) if self.handle.is_none() && !self.over => {
                    self.handle = self.network.accept(listener, 0);
                    return Some("incoming".to_owned());
                }
                Told::Tcp(..) | Told::Stack(_) | Told::Incoming(_) => {}
            }
        }
    }
    fn take(&mut self, now: Instant) -> Vec<u8> {
        let mut bytes = vec![0; BUFFER];
        let live = self.handle.and_then(|handle| self.network.at(now, handle));
        let len = live.map_or(0, |mut live| live.read(&mut bytes).unwrap());
        bytes.truncate(len);
        bytes
    }
    fn timeout(&mut self, now: Instant) {
        self.network.handle_timeout(now);
    }
    fn deadline(&self) -> Option<Instant> {
        self.network.poll_timeout()
    }
    fn act(&mut self, now: Instant, what: u64) {
        if let Some(mut live) = self.handle.and_then(|handle| self.network.at(now, handle)) {
            ask(&mut live, what);
        }
    }
    fn end(&mut self, now: Instant) {
        self.over = true;
        if let Some(handle) = self.handle.take() {
            self.network.release(now, handle);
        }
        let down = self.network.stack_mut().set_up(now, self.interface, false);
        assert!(down.is_ok() && self.here < 2);
    }
    fn view(&self) -> String {
        let endpoint = self.handle.and_then(|handle| self.network.engine().endpoint(handle));
        let count = self.network.connection_count();
        format!("{count} {} {}", seen(endpoint), without_counters(self.network.stack()))
    }
    fn held(&self) -> usize {
        self.network.connection_count()
    }
}

pub(crate) fn networks() -> Stations {
    (Box::new(Frames::new(0)), Box::new(Frames::new(1)))
}

/// What a stack is, its counters left out.
fn without_counters(stack: &Stack) -> String {
    let all = format!("{stack:?}");
    let (before, rest) = all.split_once(", counters: Counters {").unwrap();
    let (_, after) = rest.split_once('}').unwrap();
    format!("{before}{after}")
}

/// An IP stack with a UDP socket and echo requests.
struct Datagrams {
    stack: Stack,
    interface: InterfaceId,
    socket: UdpId,
    here: usize,
    sequence: u16,
}

impl Datagrams {
    fn new(here: usize) -> Self {
        let now = Instant::from_millis(1000);
        let config = StackConfig { fragmented_max: 8, ..StackConfig::default() };
        let mut stack = Stack::new(config, Rng::from_run(here as u64));
        let id = stack.add_interface(interface(here)).unwrap();
        stack.add_address(now, id, Prefix::new(ADDRESSES[here], 24).unwrap()).unwrap();
        let socket = stack.bind_udp(UdpOptions { port: PORT, ..UdpOptions::default() }).unwrap();
        Self { stack, interface: id, socket, here, sequence: 0 }
    }
}

impl Station for Datagrams {
    fn receive(&mut self, now: Instant, packet: &[u8]) -> Verdict<()> {
        match self.stack.handle_input(now, self.interface, packet, Offload::default()) {
            Verdict::Accepted => Verdict::Accepted,
            Verdict::Dropped(_) => Verdict::Dropped(()),
        }
    }
    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        self.stack.poll_transmit(now, buf).map(|out| out.len)
    }
    fn transmit_max(&self) -> usize {
        usize::from(MTU) + Stack::HEADER_MAX
    }
    fn event(&mut self, _now: Instant) -> Option<String> {
        loop {
            let event = self.stack.poll_event()?;
            // One fact may stand for several datagrams: what came is in the payload.
            if !matches!(event, mainstay_net::Event::Udp(_) | mainstay_net::Event::UdpFailed(_)) {
                return Some(format!("{event:?}"));
            }
        }
    }
    fn take(&mut self, _now: Instant) -> Vec<u8> {
        self.stack.recv_udp(self.socket).map_or_else(Vec::new, |received| received.payload.to_vec())
    }
    fn timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
    }
    fn deadline(&self) -> Option<Instant> {
        self.stack.poll_timeout()
    }
    fn act(&mut self, now: Instant, what: u64) {
        let bytes = letters(what >> 8 & 0xfff);
        let peer = ADDRESSES[1 - self.here];
        if what.is_multiple_of(3) {
            self.sequence += 1;
            let _refused = self.stack.send_echo(now, peer, (1, self.sequence), &bytes);
        } else {
            let _refused = self.stack.send_udp(now, self.socket, Some((peer, PORT).into()), &bytes);
        }
    }
    fn end(&mut self, now: Instant) {
        self.stack.set_up(now, self.interface, false).unwrap();
    }
    fn view(&self) -> String {
        without_counters(&self.stack)
    }
    fn held(&self) -> usize {
        usize::from(self.stack.fragment_bytes() > StackConfig::default().fragment_bytes_max) * 1000
    }
}

pub(crate) fn stacks() -> Stations {
    (Box::new(Datagrams::new(0)), Box::new(Datagrams::new(1)))
}
