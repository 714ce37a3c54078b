//! IP and TCP together: frames go in and out, connections are asked for and told of.
//!
//! Owns what lies between [`Stack`] and [`Engine`]: memory for endpoints, segments that wait for a neighbour, and
//! connections that came in and were not fetched yet. What a connection does is `mainstay_tcp`'s business.

mod input;
mod output;
mod parts;

pub use parts::{Own, Records, Settings, Vectors};

use crate::address::AddressState;
use crate::error::Misuse;
use crate::interface::InterfaceId;
use crate::limits::Config as StackConfig;
use crate::stack::{self, SendMeta, Stack};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::net::{IpAddr, SocketAddr};
use mainstay_base::{Instant, Rng};
use mainstay_tcp::fast_open::Server;
use mainstay_tcp::index::{Node, Table};
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::syn_queue::SynEntry;
use mainstay_tcp::time_wait::TimeWaitRecord;
use mainstay_tcp::{
    Disconnected, Endpoint, Engine, FastOpen, FastOpenPolicy, Handle, Kept, Listener,
    ListenerHandle, Live, Slot, TcpError,
};
use mainstay_wire::offload::Offload;

/// What a network is made with. Memory is bounded by `connections_max` times both buffers, and what [`StackConfig`] says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits of the IP stack.
    pub stack: StackConfig,
    /// How connections behave; each new one gets these.
    pub settings: Arc<Settings>,
    /// Bytes a peer may send ahead of the reader, per connection.
    pub receive_bytes: usize,
    /// Bytes that may wait to be acknowledged, per connection.
    pub send_bytes: usize,
    /// Connections at once, those included that only linger.
    pub connections_max: usize,
    /// Connections per listener that came in and were not fetched.
    pub backlog: usize,
    /// Ended connections that are remembered without memory of their own, so that old segments do no harm; 0 to keep the
    /// whole connection for as long.
    pub time_wait_max: usize,
    /// Handshakes without a connection when many are asked for; what does not fit is left to cookies.
    pub handshakes_max: usize,
    /// Servers whose Fast Open cookie is remembered.
    pub servers_max: usize,
    /// Whether data may come and go in SYNs (RFC 7413).
    pub fast_open: FastOpenPolicy,
    /// Bytes of segments that wait for a neighbour to be found.
    pub waiting_bytes_max: usize,
    /// The devices complete checksums of TCP; where one does not, it is done here. Super-segments are asked for by
    /// [`Settings`]: `gso_max`.
    pub offload: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stack: StackConfig::default(),
            settings: Arc::new(Settings::host(mainstay_tcp::congestion::any::Config::default())),
            receive_bytes: 1 << 20,  // chosen: a 100 Mbit/s path of 80 ms
            send_bytes: 1 << 20,     // chosen: the same
            connections_max: 65_536, // chosen: far above any device, bounds a runaway
            backlog: 128,            // chosen: as Linux did for long
            time_wait_max: 4096,     // chosen: 160 KiB, 68 connections a second
            handshakes_max: 256,     // chosen: 10 KiB; beyond that cookies do
            servers_max: 64,         // chosen: the specification's, for hosts
            fast_open: FastOpenPolicy::Off, // chosen: who turns it on must bear data delivered twice
            waiting_bytes_max: 64 << 10,    // chosen: the first flight to a few neighbours
            offload: false,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection's.
    Tcp(Handle, mainstay_tcp::Event<Infallible>),
    /// A connection came in and can be used; [`Network::accept`] fetches it.
    Incoming(ListenerHandle),
    /// The IP stack's: an address that proved to be somebody else's, an echo that was answered, a datagram that came.
    Stack(stack::Event),
}

/// A segment whose neighbour is being asked for.
#[derive(Debug)]
struct Waiting {
    meta: SendMeta,
    offload: Offload,
    segment: Vec<u8>,
}

/// An IP stack and a TCP engine over it, with the memory of the engine's connections.
#[derive(Debug)]
pub struct Network {
    stack: Stack,
    engine: Engine<Vectors>,
    config: Config,
    free: Vec<usize>,
    /// Connections that came in, by listener, and whether they can be used.
    incoming: Vec<(ListenerHandle, Handle, bool)>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// As it was when those that wait were last tried.
    changes: u64,
    unreachable: u64,
    ignored: [u64; mainstay_tcp::Ignored::ALL.len()],
}

impl Network {
    /// A network without interfaces.
    #[must_use]
    pub fn new(config: Config, mut rng: Rng) -> Self {
        let mut engine = mainstay_tcp::Config::default();
        engine.partial_checksums = config.offload;
        engine.fast_open = config.fast_open;
        engine.answers.capacity = config.receive_bytes;
        engine.answers.timestamps = config.settings.timestamps;
        engine.answers.sack = config.settings.sack;
        engine.answers.ecn = config.settings.ecn;
        let memory = Kept::new(
            vec![TimeWaitRecord::default(); config.time_wait_max],
            vec![SynEntry::default(); config.handshakes_max],
            vec![Server::default(); config.servers_max],
            &mut rng,
        );
        Self {
            stack: Stack::new(config.stack.clone(), rng.fork()),
            engine: Engine::with_memory(
                engine,
                rng,
                (Vec::new(), vec![Listener::default(); LISTENERS_MAX], Table::new(Vec::new())),
                memory,
            ),
            config,
            free: Vec::new(),
            incoming: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            changes: 0,
            unreachable: 0,
            ignored: [0; mainstay_tcp::Ignored::ALL.len()],
        }
    }

    /// The IP stack: interfaces, addresses, routes, UDP.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The same, to change it.
    pub const fn stack_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }

    /// TCP, to look at.
    #[must_use]
    pub const fn engine(&self) -> &Engine<Vectors> {
        &self.engine
    }

    /// Connections there is memory for, those included that came in and were not fetched, or only linger.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.engine.capacity() - self.free.len()
    }

    /// Those of them that came in and whose peers have not answered yet: at most half of [`Config::backlog`] of each
    /// listener (TCP-530).
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.incoming.iter().filter(|(.., ready)| !ready).count()
    }

    /// Segments given up on because their neighbour did not answer or too many waited.
    #[must_use]
    pub const fn unreachable(&self) -> u64 {
        self.unreachable
    }

    /// How often TCP did not take a segment, or what a router said of one, for this reason. Saturates.
    #[must_use]
    pub fn ignored(&self, why: mainstay_tcp::Ignored) -> u64 {
        self.ignored.get(why as usize).copied().unwrap_or(0)
    }

    fn ignore(&mut self, why: mainstay_tcp::Ignored) {
        if let Some(count) = self.ignored.get_mut(why as usize) {
            crate::error::increase(count);
        }
    }

    /// Whether there is room for answers to segments that come now: if not, take what leaves before more is handed in.
    #[must_use]
    pub fn can_answer(&self) -> bool {
        self.engine.can_answer()
    }

    /// Connects to `peer`; the first event of the connection says how it went. Without `settings` those of [`Config`] count; `token`
    /// is kept with the connection and is the caller's, see [`Endpoint::context`].
    ///
    /// # Errors
    /// [`TcpError::NoRoute`], [`TcpError::QueueFull`] at the limit of connections, [`TcpError::InvalidArgs`].
    pub fn connect(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        settings: Option<Arc<Settings>>,
        token: u64,
    ) -> Result<Handle, TcpError> {
        self.connect_as(now, peer, FastOpen::No, (settings, token))
    }

    /// The same, but the SYN leaves with the first bytes that are sent, and carries them if the peer has given a cookie
    /// (TCP-026, TCP-360): what is sent must do no harm if it is delivered twice (TCP-368).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_deferred(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        settings: Option<Arc<Settings>>,
        token: u64,
    ) -> Result<Handle, TcpError> {
        self.connect_as(now, peer, FastOpen::Deferred, (settings, token))
    }

    fn connect_as(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        mode: FastOpen,
        (settings, token): (Option<Arc<Settings>>, u64),
    ) -> Result<Handle, TcpError> {
        let handle = self.attach(settings, token)?;
        let stack = &self.stack;
        let mut paths = |peer, source| {
            let path = stack.path(now, peer, source, None)?;
            let mtu = u16::try_from(path.mtu).unwrap_or(u16::MAX);
            Some(mainstay_tcp::Path { source: path.source, mtu })
        };
        let result = self
            .engine
            .at(now, handle)
            .ok_or(TcpError::Stale)
            .and_then(|mut live| live.connect(peer, mode, &mut paths));
        if let Err(error) = result {
            self.release(now, handle);
            return Err(error);
        }
        Ok(handle)
    }

    /// Listens on an address that may be unspecified, for as long as [`stop`](Self::stop) is not called; at most 256 do at once.
    ///
    /// # Errors
    /// As [`Engine::listen`].
    pub fn listen(&mut self, address: SocketAddr) -> Result<ListenerHandle, TcpError> {
        self.engine.listen(address)
    }

    /// Stops listening. Connections that were not fetched are aborted.
    pub fn stop(&mut self, now: Instant, listener: ListenerHandle) {
        self.engine.stop(listener);
        let mut gone = Vec::new();
        self.incoming.retain(|(of, handle, _)| {
            if *of == listener {
                gone.push(*handle);
            }
            *of != listener
        });
        for handle in gone {
            self.release(now, handle);
        }
    }

    /// The next connection that came in and can be used, which gets `token` as in [`connect`](Self::connect).
    pub fn accept(&mut self, listener: ListenerHandle, token: u64) -> Option<Handle> {
        let ready = |(of, _, ready): &(ListenerHandle, Handle, bool)| *of == listener && *ready;
        let place = self.incoming.iter().position(ready)?;
        let (_, handle, _) = self.incoming.remove(place);
        let mut live = self.engine.at(Instant::ZERO, handle)?;
        *live.context_mut()? = token;
        Some(handle)
    }

    /// Whether an address of this one's family may be ours soon: whether somebody else has it is being asked (RFC 4862 §5.4,
    /// RFC 5227 §2.1), and until that is settled there may be no way to `like`.
    #[must_use]
    pub fn is_settling(&self, like: IpAddr) -> bool {
        let mut addresses = self.stack.interfaces().flat_map(|interface| interface.addresses);
        addresses.any(|(prefix, state)| {
            state == AddressState::Tentative && prefix.address().is_ipv4() == like.is_ipv4()
        })
    }

    /// A connection, to ask something of.
    pub fn at(&mut self, now: Instant, handle: Handle) -> Option<Live<'_, Vectors>> {
        self.engine.at(now, handle)
    }

    /// Forgets a connection, aborting it if it lives; its handle means nothing any more.
    pub fn release(&mut self, now: Instant, handle: Handle) {
        if self.engine.detach(now, handle).is_some() {
            self.free.push(handle.slot());
        }
    }

    /// Runs every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
        self.engine.handle_timeout(now);
    }

    /// The earliest deadline; early at times, never late.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.stack.poll_timeout(), self.engine.next_deadline()].into_iter().flatten().min()
    }

    /// The next fact.
    pub fn poll_event(&mut self, now: Instant) -> Option<Event> {
        while let Some((handle, event)) = self.engine.poll_event() {
            if let mainstay_tcp::Event::BytesAcked(_) = event {
                self.confirm(now, handle);
            }
            let Some(place) = self.incoming.iter().position(|(_, of, _)| *of == handle) else {
                return Some(Event::Tcp(handle, event));
            };
            // Nobody has fetched it yet: what it has to tell is found in its state then.
            if event == mainstay_tcp::Event::Accepted {
                if let Some((listener, _, ready)) = self.incoming.get_mut(place) {
                    *ready = true;
                    return Some(Event::Incoming(*listener));
                }
            } else if let mainstay_tcp::Event::Disconnected(reason) = event
                && reason != Disconnected::TimeWait
            {
                self.incoming.remove(place);
                self.release(now, handle);
            }
        }
        self.stack.poll_event().map(Event::Stack)
    }

    /// Acknowledgements show that the way there works (RFC 4861 §7.3.1).
    fn confirm(&mut self, now: Instant, handle: Handle) {
        let peer = self.engine.endpoint(handle).map(Endpoint::peer_address);
        if let Some(peer) = peer {
            self.stack.confirm_reachable(now, peer);
        }
    }

    /// A new endpoint in a place of its own.
    fn attach(&mut self, settings: Option<Arc<Settings>>, token: u64) -> Result<Handle, TcpError> {
        let place = self.place().ok_or(TcpError::QueueFull)?;
        let endpoint = Endpoint::new(
            vec![0; self.config.receive_bytes],
            RingQueue::new(vec![0; self.config.send_bytes]),
            settings.unwrap_or_else(|| Arc::clone(&self.config.settings)),
            token,
        )?;
        self.engine.attach_at(place, endpoint).map_err(|_| TcpError::QueueFull)
    }

    /// A free place, made if there is none and there may be more.
    fn place(&mut self) -> Option<usize> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        let place = self.engine.capacity();
        if place >= self.config.connections_max {
            return None;
        }
        let more = place.max(GROWTH_MIN).min(self.config.connections_max - place);
        self.engine.slots_mut().resize_with(place + more, Slot::default);
        let index = self.engine.index_mut();
        index.storage_mut().resize(place + more, Node::default());
        index.rehash();
        self.free.extend((place + 1..place + more).rev());
        Some(place)
    }

    /// Adds an interface with its addresses and a way out, as a command line or a policy gives them.
    ///
    /// # Errors
    /// As the calls of [`Stack`] that it makes.
    pub fn add_interface(
        &mut self,
        now: Instant,
        options: crate::InterfaceOptions,
        addresses: &[crate::Prefix],
        gateways: &[IpAddr],
    ) -> Result<InterfaceId, Misuse> {
        let id = self.stack.add_interface(options)?;
        for address in addresses {
            self.stack.add_address(now, id, *address)?;
        }
        for gateway in gateways {
            let everything = crate::Prefix::everything(*gateway);
            self.stack.add_route(everything, Some(*gateway), id, 0)?;
        }
        Ok(id)
    }
}

/// Places made at once at least. chosen: one page of nodes
const GROWTH_MIN: usize = 64;
/// Listeners of one network. chosen: far above any device
const LISTENERS_MAX: usize = 256;
