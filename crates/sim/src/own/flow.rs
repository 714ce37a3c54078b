//! Whose a frame is: the ends of its connection, if it is TCP's.

use super::first_address;
use core::net::{IpAddr, SocketAddr};
use mainstay_wire::ip::Protocol;
use mainstay_wire::tcp::{Flags, Header};
use mainstay_wire::{ipv4, ipv6};

/// The ends of a connection, seen from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) near: SocketAddr,
    /// By its first address, so that it names a place.
    pub(super) far: SocketAddr,
}

/// A segment in a frame.
pub(super) struct Seen {
    pub(super) flow: Flow,
    pub(super) header: Header,
}

impl Seen {
    /// The segment in `packet`, which leaves end `from`.
    pub(super) fn of(packet: &[u8], from: usize) -> Option<Self> {
        let (source, target, protocol, segment) = opened(packet)?;
        if protocol != Protocol::TCP {
            return None;
        }
        let (header, _) = Header::parse(segment)?;
        let (source, target) =
            (SocketAddr::new(source, header.source), SocketAddr::new(target, header.destination));
        let (near, far) = if from == 0 { (source, target) } else { (target, source) };
        let far = SocketAddr::new(first_address(far.ip()), far.port());
        Some(Self { flow: Flow { near, far }, header })
    }

    /// Whether it begins a connection.
    pub(super) fn begins(&self) -> bool {
        self.header.flags.contains(Flags::SYN) && !self.header.flags.contains(Flags::ACK)
    }
}

/// Addresses, protocol and payload of a packet.
pub(super) fn opened(packet: &[u8]) -> Option<(IpAddr, IpAddr, Protocol, &[u8])> {
    if let Some((header, bytes)) = ipv6::Header::parse(packet) {
        return Some((header.source.into(), header.destination.into(), header.next, bytes));
    }
    let (header, bytes) = ipv4::Header::parse(packet)?;
    Some((header.source.into(), header.destination.into(), header.protocol, bytes))
}
