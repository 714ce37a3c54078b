//! The machine: everything between links and transports.
//!
//! This file owns the value, its clock and its outlets. What comes in is read in `frame`, `packet`, `arp`, `neighbour`,
//! `membership` and `icmp`; what goes out is written in `output` and `refuse`; `configure`, `udp` and `tcp` are the
//! commands.

mod arp;
mod configure;
mod echo;
mod frame;
mod icmp;
mod membership;
mod neighbour;
mod output;
mod packet;
mod refuse;
mod tcp;
mod udp;

pub use echo::EchoReply;
pub use packet::{Meta, Upper};
pub use tcp::{Emitted, Path, SendMeta, TcpError};

use crate::address::Step;
use crate::error::{Counters, increase};
use crate::interface::{Interface, InterfaceId};
use crate::limits::Config;
use crate::neighbour::Outcome;
use crate::path_mtu::PathMtus;
use crate::rate::Bucket;
use crate::reassembly::Reassembly;
use crate::route::Routes;
use crate::udp::{Sockets, UdpId};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::net::IpAddr;
use echo::Echoes;
use mainstay_base::{Instant, Rng};
use mainstay_wire::ethernet::{EtherType, Header, Mac};
use mainstay_wire::offload::Offload;
use output::Ready;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A datagram waits at the socket: read until there is none.
    Udp(UdpId),
    /// The network says something about what the socket sent.
    UdpFailed(UdpId),
    /// An address has been asked for and nobody has it: it is ours.
    AddressSettled {
        /// Where.
        interface: InterfaceId,
        /// Which.
        address: IpAddr,
    },
    /// Somebody else has an address of ours. If it was tentative it is not used; if it was in use it still is, and
    /// was defended.
    AddressConflict {
        /// Where.
        interface: InterfaceId,
        /// Which.
        address: IpAddr,
        /// Who.
        claimant: Mac,
    },
    /// Somebody answered an echo request of ours.
    EchoReplied(EchoReply),
}

/// A frame that was written.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub interface: InterfaceId,
    /// Its length.
    pub len: usize,
    /// What the device is to do to it.
    pub offload: Offload,
}

/// The IP stack of a device.
///
/// `MAX_TRANSMIT` is the largest MTU of its interfaces and [`Stack::HEADER_MAX`] more; a buffer of that size takes
/// whatever `poll_transmit` has.
#[derive(Clone, Debug)]
pub struct Stack {
    config: Config,
    rng: Rng,
    interfaces: BTreeMap<InterfaceId, Interface>,
    next_interface: u32,
    routes: Routes,
    reassembly: Reassembly,
    paths: PathMtus,
    sockets: Sockets,
    echoes: Echoes,
    errors_sent: Bucket,
    echoes_answered: Bucket,
    ready: VecDeque<Ready>,
    ready_bytes: usize,
    settled: BTreeSet<(InterfaceId, IpAddr)>,
    conflicts: BTreeMap<(InterfaceId, IpAddr), Mac>,
    changes: u64,
    counters: Counters,
}

impl Stack {
    /// What a link may put before a packet.
    pub const HEADER_MAX: usize = mainstay_wire::ethernet::HEADER_LEN;

    /// A stack without interfaces.
    #[must_use]
    pub fn new(config: Config, rng: Rng) -> Self {
        Self {
            rng,
            interfaces: BTreeMap::new(),
            next_interface: 0,
            routes: Routes::new(config.routes_max),
            reassembly: Reassembly::new(&config),
            paths: PathMtus::new(config.paths_max, config.path_mtu_floor_v4),
            sockets: Sockets::new(&config),
            echoes: Echoes::new(config.echoes_max),
            errors_sent: Bucket::new(config.errors_sent),
            echoes_answered: Bucket::new(config.echoes_answered),
            ready: VecDeque::new(),
            ready_bytes: 0,
            settled: BTreeSet::new(),
            conflicts: BTreeMap::new(),
            changes: 0,
            counters: Counters::default(),
            config,
        }
    }

    /// Carries out what time has brought.
    pub fn handle_timeout(&mut self, now: Instant) {
        let ids: alloc::vec::Vec<InterfaceId> = self.interfaces.keys().copied().collect();
        for id in ids {
            self.expire_addresses(now, id);
            self.report_groups(now, id);
            let mut out = Outcome::default();
            if let Some(interface) = self.interfaces.get_mut(&id) {
                interface.neighbours.handle_timeout(now, &mut out);
            }
            self.carry_out(now, id, out);
        }
        self.expire_fragments(now);
        self.echoes.handle_timeout(now);
    }

    /// When `handle_timeout` is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let interfaces = self.interfaces.values().filter(|i| i.up);
        let first = interfaces.filter_map(Interface::poll_timeout).min();
        let others = [self.reassembly.poll_timeout(), self.echoes.poll_timeout()];
        others.into_iter().chain([first]).flatten().min()
    }

    /// Writes the next frame into `buf`; `None` if there is none or `buf` is too short for it, and nothing has changed
    /// then (L6).
    pub fn poll_transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<Transmit> {
        loop {
            let ready = self.ready.front()?;
            let id = ready.interface;
            let Some(interface) = self.interfaces.get(&id).filter(|i| i.up) else {
                self.drop_ready();
                continue;
            };
            let header_len = interface.header_len();
            let len = header_len + ready.packet.len();
            let frame = buf.get_mut(..len)?;
            let (header, packet) = frame.split_at_mut_checked(header_len)?;
            packet.copy_from_slice(&ready.packet);
            if let Some(source) = interface.mac() {
                let ethertype = ready.ethertype;
                let fields = Header { destination: ready.to, source, tag: None, ethertype };
                let _len = fields.emit(header)?;
            }
            self.drop_ready();
            increase(&mut self.counters.frames_out);
            return Some(Transmit { interface: id, len, offload: Offload::default() });
        }
    }

    /// The next fact.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some((interface, address)) = self.settled.pop_first() {
            return Some(Event::AddressSettled { interface, address });
        }
        if let Some(((interface, address), claimant)) = self.conflicts.pop_first() {
            return Some(Event::AddressConflict { interface, address, claimant });
        }
        if let Some(id) = self.sockets.poll_failed() {
            return Some(Event::UdpFailed(id));
        }
        if let Some(reply) = self.echoes.poll_replied() {
            return Some(Event::EchoReplied(reply));
        }
        self.sockets.poll_readable().map(Event::Udp)
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts a frame that was ignored.
    pub(crate) fn count_ignored(&mut self, why: crate::error::Ignored) {
        self.counters.ignore(why);
    }

    /// The longest packet of an interface; 1280 if there is no such.
    pub(crate) fn mtu(&self, id: InterfaceId) -> usize {
        self.interfaces.get(&id).map_or(mainstay_wire::ipv6::MTU_MIN, |i| i.options.mtu)
    }

    fn drop_ready(&mut self) {
        if let Some(gone) = self.ready.pop_front() {
            self.ready_bytes -= gone.cost();
        }
        if self.ready.is_empty() {
            self.ready = VecDeque::new(); // an idle stack keeps nothing
        }
    }

    fn expire_addresses(&mut self, now: Instant, id: InterfaceId) {
        let Some(interface) = self.interfaces.get_mut(&id).filter(|i| i.up) else { return };
        let mut steps = alloc::vec::Vec::new();
        for at in 0..interface.addresses.len() {
            let Some(address) = interface.addresses.get(at).map(|a| a.address()) else { continue };
            let probes = interface.probes(&self.config, address);
            let Some(assigned) = interface.addresses.get_mut(at) else { continue };
            let step = assigned.handle_timeout(now, &mut self.rng, probes);
            steps.extend(step.map(|step| (address, step)));
        }
        for (address, step) in steps {
            match step {
                Step::Probe => self.send_probe(id, address),
                Step::Announce => self.send_announcement(id, address),
                Step::Settled => {
                    self.settled.insert((id, address));
                    self.changes += 1;
                    if address.is_ipv4() {
                        self.send_announcement(id, address);
                    }
                }
            }
        }
    }

    /// The frame type of a packet to or from `address`.
    const fn ethertype(address: IpAddr) -> EtherType {
        match address {
            IpAddr::V4(_) => EtherType::IPV4,
            IpAddr::V6(_) => EtherType::IPV6,
        }
    }
}
