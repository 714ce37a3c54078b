//! A device with TCP of its own: a link for frames, and a host on its far side where the world's servers are.
//!
//! What lies between the node and its network is the same piece as in `host` (`mainstay_net::connections`); here stands what
//! lies beyond: the link with its impairments (`own/cable.rs`), and the host with its connections (`own/far.rs`, `own/seat.rs`).

mod cable;
mod far;
mod flow;
mod router;
mod seat;

pub(crate) use cable::Cable;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_impair::Impairment;
use mainstay_net::network::Config;
use mainstay_net::{Capabilities, InterfaceOptions, Medium, Prefix};
use mainstay_wire::ethernet::Mac;

/// How a device is joined to its world by frames.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// The device's network.
    pub near: Config,
    /// That of the host where servers are.
    pub far: Config,
    /// What becomes of frames to the servers, and from them. The length of the link's header is filled in.
    pub ways: [Impairment; 2],
    /// Frames are Ethernet's; otherwise packets.
    pub ethernet: bool,
    /// The longest packet of both interfaces: bytes.
    pub mtu: usize,
    /// The interfaces complete checksums and cut super-segments.
    pub devices_cut: bool,
    /// A router says so when a packet is too long for the link.
    pub tells_mtu: bool,
}

/// Where a far host has its second address, for who comes by IPv6: the IPv4 address of a [`Place`](crate::Place) is in it.
#[must_use]
pub fn second_address(first: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = first.octets();
    let word = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, word(a, b), word(c, d))
}

/// The first address again, of a second one.
fn first_address(address: IpAddr) -> IpAddr {
    let IpAddr::V6(second) = address else { return address };
    let [.., a, b, c, d] = second.octets();
    let first = Ipv4Addr::new(a, b, c, d);
    if second_address(first) == second { IpAddr::V4(first) } else { address }
}

/// The near end of the link, and the far one: RFC 2544 and RFC 3849, for tests.
const ENDS: [(Ipv4Addr, Ipv6Addr); 2] = [
    (Ipv4Addr::new(198, 18, 0, 2), Ipv6Addr::new(0x2001, 0xdb8, 18, 0, 0, 0, 0, 2)),
    (Ipv4Addr::new(198, 18, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 18, 0, 0, 0, 0, 1)),
];

/// Their stations.
const STATIONS: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 2]), Mac([2, 0, 0, 0, 0, 1])];

impl Wiring {
    fn interface(&self, end: usize) -> InterfaceOptions {
        let cuts = self.devices_cut;
        InterfaceOptions {
            medium: if self.ethernet { Medium::Ethernet(STATIONS[end]) } else { Medium::Ip },
            mtu: self.mtu,
            offload: Capabilities { checksum: cuts, gso_v4: cuts, gso_v6: cuts, gso_ecn: cuts },
        }
    }
}

/// The addresses of one end.
fn prefixes(end: usize) -> Vec<Prefix> {
    let (v4, v6) = ENDS[end];
    [(IpAddr::V4(v4), 24), (IpAddr::V6(v6), 64)]
        .into_iter()
        .filter_map(|(address, len)| Prefix::new(address, len))
        .collect()
}
