//! One link of the device: its kind, its addresses, its neighbours, its groups.

use crate::address::{AddressState, Assigned};
use crate::group::Groups;
use crate::limits::Config;
use crate::neighbour::Neighbours;
use crate::prefix::Prefix;
use crate::source::Candidate;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use mainstay_base::Instant;
use mainstay_wire::ethernet::{self, Mac};

/// An interface of the stack. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub(crate) u32);

/// What kind of link it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Frames with addresses, of which this is ours; neighbours are found by ARP and NDP.
    Ethernet(Mac),
    /// Bare packets between two: nobody is asked for, everything is handed over.
    Ip,
}

/// What the device under an interface takes over from TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It completes checksums (TCP-606).
    pub checksum: bool,
    /// It cuts IPv4 super-segments.
    pub gso_v4: bool,
    /// It cuts IPv6 super-segments.
    pub gso_v6: bool,
    /// It cuts those that carry CWR.
    pub gso_ecn: bool,
}

/// What an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceOptions {
    /// The kind of link.
    pub medium: Medium,
    /// The longest packet it carries, without the header of the link: bytes.
    pub mtu: usize,
    /// What the device does for us; told to TCP, nothing else uses it.
    pub offload: Capabilities,
}

/// An interface as others may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceView {
    /// Which one.
    pub id: InterfaceId,
    /// What it is.
    pub options: InterfaceOptions,
    /// Whether it is used.
    pub up: bool,
    /// Its addresses, and where each is in its life.
    pub addresses: Vec<(Prefix, AddressState)>,
    /// The groups it listens to.
    pub groups: Vec<IpAddr>,
}

#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub options: InterfaceOptions,
    pub up: bool,
    pub addresses: Vec<Assigned>,
    pub neighbours: Neighbours,
    pub groups: Groups,
}

/// To whom a destination is, seen from one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Us,
    /// A group we listen to.
    Group,
    /// Everybody on an IPv4 network.
    All,
}

impl Interface {
    pub(crate) fn new(config: &Config, options: InterfaceOptions) -> Self {
        Self {
            options,
            up: true,
            addresses: Vec::new(),
            neighbours: Neighbours::new(config),
            groups: Groups::new(config),
        }
    }

    /// Our address on the link, if it has such.
    pub(crate) const fn mac(&self) -> Option<Mac> {
        match self.options.medium {
            Medium::Ethernet(mac) => Some(mac),
            Medium::Ip => None,
        }
    }

    /// What the link puts before a packet.
    pub(crate) const fn header_len(&self) -> usize {
        match self.options.medium {
            Medium::Ethernet(_) => ethernet::HEADER_LEN,
            Medium::Ip => 0,
        }
    }

    /// How often an address is asked for here: where nobody can be asked, not at all.
    pub(crate) const fn probes(&self, config: &Config, address: IpAddr) -> u8 {
        match (self.options.medium, address) {
            (Medium::Ip, _) => 0,
            (Medium::Ethernet(_), IpAddr::V4(_)) => config.probes_v4,
            (Medium::Ethernet(_), IpAddr::V6(_)) => config.probes_v6,
        }
    }

    pub(crate) fn assigned(&self, address: IpAddr) -> Option<&Assigned> {
        self.addresses.iter().find(|a| a.address() == address)
    }

    pub(crate) fn assigned_mut(&mut self, address: IpAddr) -> Option<&mut Assigned> {
        self.addresses.iter_mut().find(|a| a.address() == address)
    }

    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        self.assigned(address).is_some_and(Assigned::is_ours)
    }

    /// Whether `address` is on the network of one of our addresses.
    pub(crate) fn is_near(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|a| a.is_ours() && a.prefix.contains(address))
    }

    /// Whether `address` reaches everybody on the link.
    pub(crate) fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast()
            || self.addresses.iter().any(|a| {
                a.prefix.broadcast() == Some(address)
                    || a.address() != IpAddr::V4(address) && a.prefix.is_network(address)
            })
    }

    /// To whom a packet for `destination` is that came in here; `None`: to somebody else.
    pub(crate) fn to(&self, destination: IpAddr) -> Option<To> {
        if self.owns(destination) {
            return Some(To::Us);
        }
        if destination.is_multicast() {
            return self.groups.contains(destination).then_some(To::Group);
        }
        match destination {
            IpAddr::V4(address) if self.is_broadcast(address) => Some(To::All),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }

    /// The addresses a packet may be sent from.
    pub(crate) fn candidates(&self, id: InterfaceId) -> impl Iterator<Item = Candidate> {
        let usable = self.addresses.iter().filter(|a| a.is_ours());
        usable.map(move |a| Candidate {
            prefix: a.prefix,
            interface: id,
            deprecated: a.is_deprecated(),
        })
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let addresses = self.addresses.iter().filter_map(Assigned::poll_timeout).min();
        let times = [addresses, self.neighbours.poll_timeout(), self.groups.poll_timeout()];
        times.into_iter().flatten().min()
    }

    pub(crate) fn view(&self, id: InterfaceId) -> InterfaceView {
        InterfaceView {
            id,
            options: self.options,
            up: self.up,
            addresses: self.addresses.iter().map(|a| (a.prefix, a.state())).collect(),
            groups: self.groups.iter().collect(),
        }
    }
}
