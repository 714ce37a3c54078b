//! UDP sockets: who listens where, and what waits for them to be read.
//!
//! Owns ports, queues and options. Does not own headers or routes: `stack` writes and reads those.

use crate::limits::Config;
use crate::{InterfaceId, Misuse, port};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use mainstay_base::Rng;
use mainstay_wire::ip::Ecn;

/// A UDP socket. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UdpId(pub(crate) u32);

/// How a socket is bound, and how what it sends looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdpOptions {
    /// Only what goes to this address is received, and it is what is sent from; `None`: any of ours.
    pub address: Option<IpAddr>,
    /// The port; 0: one is drawn (RFC 6056).
    pub port: u16,
    /// Only this interface is used.
    pub interface: Option<InterfaceId>,
    /// The hop limit of what is sent, if not that of the configuration.
    pub hop_limit: Option<u8>,
    /// The DSCP of what is sent, six bits.
    pub dscp: u8,
    /// Datagrams that would need fragments are refused.
    pub dont_fragment: bool,
}

/// A datagram that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub source: SocketAddr,
    /// The address it was sent to: ours, a group's, or that of all.
    pub destination: IpAddr,
    /// Where it came in.
    pub interface: InterfaceId,
    /// The congestion mark it came with.
    pub ecn: Ecn,
    /// The hop limit it came with.
    pub hop_limit: u8,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// What the network says about datagrams of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpError {
    /// Where the datagram was going.
    pub destination: SocketAddr,
    /// What became of it.
    pub kind: crate::icmp::ErrorKind,
}

/// To how many destinations of a socket that is not connected errors are believed. chosen: the servers of a resolver
const RECENT: usize = 4;

/// A datagram waiting costs this much beside its payload. chosen: its struct and the allocator's.
const DATAGRAM_COST: usize = 128;

#[derive(Clone, Debug)]
pub(crate) struct Socket {
    pub options: UdpOptions,
    pub peer: Option<SocketAddr>,
    queue: VecDeque<Received>,
    bytes: usize,
    error: Option<UdpError>,
    /// Whom it sent to lately: errors about others are not believed.
    recent: [Option<SocketAddr>; RECENT],
}

/// Where a datagram came from and is going.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub interface: InterfaceId,
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// All sockets.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    sockets: BTreeMap<UdpId, Socket>,
    by_port: BTreeSet<(u16, UdpId)>,
    /// Those with something new to read, and those with an error: level flags, polled as edges.
    readable: BTreeSet<UdpId>,
    failed: BTreeSet<UdpId>,
    next: u32,
    count_max: usize,
    bytes_max: usize,
    ports: core::ops::RangeInclusive<u16>,
}

impl Sockets {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            sockets: BTreeMap::new(),
            by_port: BTreeSet::new(),
            readable: BTreeSet::new(),
            failed: BTreeSet::new(),
            next: 0,
            count_max: config.sockets_max,
            bytes_max: config.socket_bytes_max,
            ports: config.ports.clone(),
        }
    }

    pub(crate) fn bind(&mut self, rng: &mut Rng, options: UdpOptions) -> Result<UdpId, Misuse> {
        if self.sockets.len() >= self.count_max {
            return Err(Misuse::Full);
        }
        let mut options = options;
        if options.port == 0 {
            let start = rng.next_u32();
            let free = |port| self.is_free(port, &options);
            options.port = port::draw(&self.ports, start, free).ok_or(Misuse::NoPort)?;
        } else if !self.is_free(options.port, &options) {
            return Err(Misuse::InUse);
        }
        let id = UdpId(self.next);
        self.next = self.next.checked_add(1).ok_or(Misuse::Full)?;
        self.by_port.insert((options.port, id));
        let socket = Socket {
            options,
            peer: None,
            queue: VecDeque::new(),
            bytes: 0,
            error: None,
            recent: [None; RECENT],
        };
        self.sockets.insert(id, socket);
        Ok(id)
    }

    /// Two sockets share a port only if their addresses or interfaces keep them apart.
    fn is_free(&self, port: u16, options: &UdpOptions) -> bool {
        let apart = |a: &UdpOptions| {
            matches!((a.address, options.address), (Some(one), Some(other)) if one != other)
                || matches!((a.interface, options.interface), (Some(one), Some(other)) if one != other)
        };
        self.at_port(port).all(|(_, socket)| apart(&socket.options))
    }

    fn at_port(&self, port: u16) -> impl Iterator<Item = (UdpId, &Socket)> {
        let ids = self.by_port.range((port, UdpId(0))..=(port, UdpId(u32::MAX)));
        ids.filter_map(|&(_, id)| Some((id, self.sockets.get(&id)?)))
    }

    pub(crate) fn close(&mut self, id: UdpId) -> Option<Socket> {
        let socket = self.sockets.remove(&id)?;
        self.by_port.remove(&(socket.options.port, id));
        self.readable.remove(&id);
        self.failed.remove(&id);
        Some(socket)
    }

    pub(crate) fn get(&self, id: UdpId) -> Option<&Socket> {
        self.sockets.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: UdpId) -> Option<&mut Socket> {
        self.sockets.get_mut(&id)
    }

    /// The socket a datagram to one host is for: the one that says most about it.
    pub(crate) fn find(&self, flow: &Flow) -> Option<UdpId> {
        let fitting = self.at_port(flow.destination.port()).filter(|(_, s)| s.takes(flow));
        fitting.max_by_key(|(_, s)| s.precision()).map(|(id, _)| id)
    }

    /// The sockets a datagram to many is for: all that would take it.
    pub(crate) fn find_all(&self, flow: &Flow) -> Vec<UdpId> {
        let fitting = self.at_port(flow.destination.port()).filter(|(_, s)| s.takes(flow));
        fitting.map(|(id, _)| id).collect()
    }

    /// Whether a datagram of so many bytes would be taken.
    pub(crate) fn has_room(&self, id: UdpId, len: usize) -> bool {
        let bytes = self.sockets.get(&id).map_or(usize::MAX, |s| s.bytes);
        bytes.saturating_add(len + DATAGRAM_COST) <= self.bytes_max
    }

    /// Queues a datagram; says whether there was room.
    pub(crate) fn deliver(&mut self, id: UdpId, received: Received) -> bool {
        if !self.has_room(id, received.payload.len()) {
            return false;
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        socket.bytes += received.payload.len() + DATAGRAM_COST;
        socket.queue.push_back(received);
        self.readable.insert(id);
        true
    }

    pub(crate) fn receive(&mut self, id: UdpId) -> Option<Received> {
        let socket = self.sockets.get_mut(&id)?;
        let received = socket.queue.pop_front()?;
        socket.bytes -= received.payload.len() + DATAGRAM_COST;
        if socket.queue.is_empty() {
            socket.queue = VecDeque::new();
            self.readable.remove(&id);
        }
        Some(received)
    }

    /// The socket that sent a datagram between these ends, lately or as one connected.
    pub(crate) fn sender(&self, source: SocketAddr, destination: SocketAddr) -> Option<UdpId> {
        let sent = |s: &Socket| {
            s.options.address.is_none_or(|a| a == source.ip())
                && (s.peer == Some(destination) || s.recent.contains(&Some(destination)))
        };
        let fitting = self.at_port(source.port()).filter(|(_, s)| sent(s));
        fitting.max_by_key(|(_, s)| s.precision()).map(|(id, _)| id)
    }

    pub(crate) fn fail(&mut self, id: UdpId, error: UdpError) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.error = Some(error);
            self.failed.insert(id);
        }
    }

    pub(crate) fn take_error(&mut self, id: UdpId) -> Option<UdpError> {
        self.failed.remove(&id);
        self.sockets.get_mut(&id)?.error.take()
    }

    pub(crate) fn poll_readable(&mut self) -> Option<UdpId> {
        self.readable.pop_first()
    }

    pub(crate) fn poll_failed(&mut self) -> Option<UdpId> {
        self.failed.pop_first()
    }
}

impl Socket {
    fn takes(&self, flow: &Flow) -> bool {
        let to = flow.destination.ip();
        let many = to.is_multicast() || to.is_ipv4() && self.options.address.is_none();
        (many || self.options.address.is_none_or(|a| a == to))
            && self.options.interface.is_none_or(|i| i == flow.interface)
            && self.peer.is_none_or(|p| p == flow.source)
    }

    /// How much it says about what it takes.
    const fn precision(&self) -> (bool, bool, bool) {
        (self.peer.is_some(), self.options.address.is_some(), self.options.interface.is_some())
    }

    /// Notes that something was sent there.
    pub(crate) fn remember(&mut self, destination: SocketAddr) {
        if !self.recent.contains(&Some(destination)) {
            self.recent.rotate_right(1);
            self.recent[0] = Some(destination);
        }
    }

    /// How many datagrams wait to be read.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(count_max: usize) -> Sockets {
        let config = Config { sockets_max: count_max, socket_bytes_max: 400, ..Config::default() };
        Sockets::new(&config)
    }

    fn options(address: Option<&str>, port: u16) -> UdpOptions {
        UdpOptions { address: address.map(|a| a.parse().unwrap()), port, ..UdpOptions::default() }
    }

    fn flow(source: &str, destination: &str) -> Flow {
        Flow {
            interface: InterfaceId(0),
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    fn datagram(len: usize) -> Received {
        Received {
            source: "192.0.2.2:9".parse().unwrap(),
            destination: "192.0.2.1".parse().unwrap(),
            interface: InterfaceId(0),
            ecn: Ecn::NotEct,
            hop_limit: 64,
            payload: alloc::vec![0; len],
        }
    }

    #[test]
    fn a_port_is_one_sockets_unless_addresses_keep_them_apart() {
        let (mut all, mut rng) = (sockets(8), Rng::from_run(1));
        let one = all.bind(&mut rng, options(Some("192.0.2.1"), 53)).unwrap();
        assert_eq!(all.bind(&mut rng, options(None, 53)), Err(Misuse::InUse));
        assert!(all.bind(&mut rng, options(Some("192.0.2.3"), 53)).is_ok());
        assert!(all.close(one).is_some());
        assert!(all.bind(&mut rng, options(Some("192.0.2.1"), 53)).is_ok());
    }

    #[test]
    fn a_drawn_port_is_a_dynamic_one_and_hard_to_guess() {
        let (mut all, mut rng) = (sockets(8), Rng::from_run(1));
        let ids: Vec<UdpId> =
            (0..8).map(|_| all.bind(&mut rng, options(None, 0)).unwrap()).collect();
        let mut ports: Vec<u16> = ids.iter().map(|id| all.get(*id).unwrap().options.port).collect();
        assert!(ports.iter().all(|p| *p >= 49_152));
        assert!(ports.windows(2).any(|w| w[1] != w[0].wrapping_add(1)));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);
        assert_eq!(all.bind(&mut rng, options(None, 0)), Err(Misuse::Full));
    }

    #[test]
    fn the_socket_that_says_most_gets_the_datagram() {
        let (mut all, mut rng) = (sockets(8), Rng::from_run(1));
        let any = all.bind(&mut rng, options(None, 53)).unwrap();
        assert_eq!(all.find(&flow("192.0.2.2:9", "192.0.2.1:53")), Some(any));
        all.get_mut(any).unwrap().peer = Some("192.0.2.2:9".parse().unwrap());
        assert_eq!(all.find(&flow("192.0.2.2:9", "192.0.2.1:53")), Some(any));
        assert_eq!(all.find(&flow("192.0.2.7:9", "192.0.2.1:53")), None);
        assert_eq!(all.find(&flow("192.0.2.2:9", "192.0.2.1:54")), None);
    }

    #[test]
    fn a_reader_that_is_behind_loses_what_comes_next_and_nothing_else() {
        let (mut all, mut rng) = (sockets(8), Rng::from_run(1));
        let id = all.bind(&mut rng, options(None, 53)).unwrap();
        assert!(all.deliver(id, datagram(100)));
        assert!(!all.deliver(id, datagram(100)));
        assert_eq!(all.poll_readable(), Some(id));
        assert_eq!(all.poll_readable(), None);
        assert_eq!(all.receive(id).map(|d| d.payload.len()), Some(100));
        assert_eq!(all.receive(id), None);
        assert!(all.deliver(id, datagram(100)));
        assert_eq!(all.poll_readable(), Some(id));
    }
}
