//! The way out: which link, which neighbour, which pieces; and the packets that wait to be written.
//!
//! Everything the stack says goes through `send`. What TCP says does not wait here: it is written straight into the
//! driver's buffer by `tcp`.

use super::Stack;
use super::frame::FrameFacts;
use crate::error::{Misuse, increase};
use crate::interface::{Interface, InterfaceId};
use crate::neighbour::{Outcome, Resolution};
use crate::route::Hop;
use crate::source;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_base::Instant;
use mainstay_wire::ethernet::{EtherType, Mac};
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::ipv6::Fragment;
use mainstay_wire::{ipv4, ipv6};

/// A packet waiting costs this much beside its bytes. chosen: its place in the queue and the allocator's
const PACKET_COST: usize = 64;

/// A packet that only waits to be written.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub interface: InterfaceId,
    pub to: Mac,
    pub ethertype: EtherType,
    pub packet: Vec<u8>,
}

impl Ready {
    pub(super) const fn cost(&self) -> usize {
        self.packet.len() + PACKET_COST
    }
}

/// What the header of a packet to be sent says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: Protocol,
    pub hop_limit: u8,
    pub dscp: Dscp,
    pub ecn: Ecn,
    pub dont_fragment: bool,
    /// Routers shall look into it: IGMP and MLD.
    pub router_alert: bool,
}

impl Outgoing {
    /// A packet with nothing special about it.
    pub(super) const fn plain(
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        hop_limit: u8,
    ) -> Self {
        Self {
            source,
            destination,
            protocol,
            hop_limit,
            dscp: Dscp::DEFAULT,
            ecn: Ecn::NotEct,
            dont_fragment: false,
            router_alert: false,
        }
    }
}

impl Stack {
    /// The next step towards `destination`, over `bound` if that is given.
    pub(super) fn hop(&self, destination: IpAddr, bound: Option<InterfaceId>) -> Option<Hop> {
        let usable = |id: InterfaceId| self.interfaces.get(&id).is_some_and(|i| i.up);
        let allowed = |id: InterfaceId| usable(id) && bound.is_none_or(|b| b == id);
        let routed = self.routes.lookup(destination, allowed);
        if !stays_on_link(destination) {
            return routed;
        }
        let with_address = |id: &&InterfaceId| {
            let interface = self.interfaces.get(*id);
            usable(**id)
                && interface.is_some_and(|i| {
                    i.addresses.iter().any(|a| a.address().is_ipv4() == destination.is_ipv4())
                })
        };
        let interface = bound
            .filter(|id| usable(*id))
            .or_else(|| Some(routed?.interface))
            .or_else(|| self.interfaces.keys().find(with_address).copied())?;
        (bound.is_none_or(|b| b == interface)).then_some(Hop { interface, next: destination })
    }

    /// The address of ours a packet to `destination` over `hop` carries (TCP-025).
    pub(super) fn source_for(&self, destination: IpAddr, outgoing: InterfaceId) -> Option<IpAddr> {
        let up = self.interfaces.iter().filter(|(_, i)| i.up);
        let all = up.flat_map(|(id, interface)| interface.candidates(*id));
        source::select(all, destination, outgoing)
    }

    /// The interface that has `address`, if it is ours.
    pub(super) fn owner(&self, address: IpAddr) -> Option<InterfaceId> {
        self.interfaces.iter().find(|(_, i)| i.up && i.owns(address)).map(|(id, _)| *id)
    }

    /// Sends a packet, in fragments if it must be.
    pub(super) fn send(
        &mut self,
        now: Instant,
        hop: Hop,
        out: &Outgoing,
        payload: &[u8],
    ) -> Result<(), Misuse> {
        if let Some(owner) = self.owner(out.destination) {
            let packet = compose(out, payload).ok_or(Misuse::TooLong)?;
            // What becomes of it is counted there; a datagram may be lost.
            let _became = self.receive_packet(now, owner, &packet, FrameFacts::local());
            return Ok(());
        }
        let link = self.interfaces.get(&hop.interface).ok_or(Misuse::NoRoute)?.options.mtu;
        let mtu = self.paths.lookup(now, out.destination, link);
        let whole = header_len(out) + payload.len();
        if whole <= mtu {
            let packet = compose(out, payload).ok_or(Misuse::TooLong)?;
            return self.dispatch(now, hop, alloc::vec![packet]);
        }
        if out.dont_fragment || payload.len() > usize::from(u16::MAX) {
            return Err(Misuse::TooLong);
        }
        let pieces = self.cut(out, payload, mtu).ok_or(Misuse::TooLong)?;
        self.dispatch(now, hop, pieces)?;
        increase(&mut self.counters.fragmented);
        Ok(())
    }

    /// Cuts a packet into fragments that fit `mtu`. RFC 791 §3.2, RFC 8200 §4.5
    fn cut(&mut self, out: &Outgoing, payload: &[u8], mtu: usize) -> Option<Vec<Vec<u8>>> {
        let overhead = match out.destination {
            IpAddr::V4(_) => ipv4::HEADER_MIN,
            IpAddr::V6(_) => ipv6::HEADER_LEN + Fragment::LEN,
        };
        let room = mtu.checked_sub(overhead)? & !7;
        if room == 0 {
            return None;
        }
        let count = payload.len().div_ceil(room);
        let ident = self.rng.next_u32();
        let pieces = payload.chunks(room).enumerate();
        pieces.map(|(at, piece)| fragment(out, piece, (at * room, at + 1 < count), ident)).collect()
    }

    /// Hands packets to the link, or to those who wait for the neighbour.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        hop: Hop,
        packets: Vec<Vec<u8>>,
    ) -> Result<(), Misuse> {
        let total: usize = packets.iter().map(|p| p.len() + PACKET_COST).sum();
        if total > self.ready_room() {
            increase(&mut self.counters.output_full);
            return Err(Misuse::NoRoom);
        }
        let interface = self.interfaces.get_mut(&hop.interface).ok_or(Misuse::NoRoute)?;
        if let Some(to) = link_group(interface, hop.next) {
            for packet in packets {
                self.push(hop.interface, to, Self::ethertype(hop.next), packet);
            }
            return Ok(());
        }
        let mut out = Outcome::default();
        let resolution = interface.neighbours.resolve(now, hop.next, &mut out);
        let became = match resolution {
            Resolution::Known(mac) => {
                out.released.extend(packets.into_iter().map(|packet| (mac, packet)));
                Ok(())
            }
            Resolution::Pending => {
                let mut lost = 0_u64;
                for packet in packets {
                    lost += u64::from(!interface.neighbours.hold(hop.next, packet));
                }
                self.counters.unresolved = self.counters.unresolved.saturating_add(lost);
                Ok(())
            }
            Resolution::Absent => Err(Misuse::Unreachable),
            Resolution::Full => Err(Misuse::NoRoom),
        };
        self.carry_out(now, hop.interface, out);
        became
    }

    /// Puts questions, lets packets go, and tells of those that cannot.
    pub(super) fn carry_out(&mut self, now: Instant, id: InterfaceId, out: Outcome) {
        self.changes += u64::from(out.news);
        for ask in out.asks {
            self.send_question(id, ask);
        }
        for (mac, packet) in out.released {
            let v4 = packet.first().is_some_and(|byte| byte >> 4 == 4);
            self.push(id, mac, if v4 { EtherType::IPV4 } else { EtherType::IPV6 }, packet);
        }
        for packet in out.undeliverable {
            increase(&mut self.counters.unresolved);
            self.tell_undeliverable(now, &packet);
        }
    }

    /// Queues a packet for the link; one too many is dropped and counted.
    pub(super) fn push(
        &mut self,
        interface: InterfaceId,
        to: Mac,
        ethertype: EtherType,
        packet: Vec<u8>,
    ) {
        let ready = Ready { interface, to, ethertype, packet };
        if ready.cost() > self.ready_room() {
            increase(&mut self.counters.output_full);
            return;
        }
        self.ready_bytes += ready.cost();
        self.ready.push_back(ready);
    }

    /// How many bytes may still be queued, cost included.
    pub(super) const fn ready_room(&self) -> usize {
        self.config.ready_bytes_max.saturating_sub(self.ready_bytes)
    }
}

/// Where a frame goes that needs no neighbour: to many, or over a link that has none.
pub(super) fn link_group(interface: &Interface, next: IpAddr) -> Option<Mac> {
    if interface.mac().is_none() {
        return Some(Mac::UNSPECIFIED);
    }
    match next {
        _ if next.is_multicast() => Some(Mac::of_group(next)),
        IpAddr::V4(address) if interface.is_broadcast(address) => Some(Mac::BROADCAST),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// Whether routers never pass it on.
const fn stays_on_link(destination: IpAddr) -> bool {
    destination.is_multicast()
        || match destination {
            IpAddr::V4(a) => a.is_broadcast() || a.is_link_local(),
            IpAddr::V6(a) => a.is_unicast_link_local(),
        }
}

/// What stands before the payload of a whole packet.
pub(super) const fn header_len(out: &Outgoing) -> usize {
    match (out.destination, out.router_alert) {
        (IpAddr::V4(_), false) => ipv4::HEADER_MIN,
        (IpAddr::V4(_), true) => ipv4::HEADER_MAX,
        (IpAddr::V6(_), false) => ipv6::HEADER_LEN,
        (IpAddr::V6(_), true) => ipv6::HEADER_LEN + ipv6::HOP_BY_HOP_ALERT.len(),
    }
}

/// A whole packet; `None` if it is longer than IP can say, or the addresses are of two families.
pub(super) fn compose(out: &Outgoing, payload: &[u8]) -> Option<Vec<u8>> {
    let before = header_len(out);
    let mut packet = alloc::vec![0; before + payload.len()];
    match (out.source, out.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = header_v4(out, source, destination, payload.len())?;
            header.emit(&mut packet)?;
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let len = packet.len() - ipv6::HEADER_LEN;
            let mut header = header_v6(out, source, destination, len)?;
            if out.router_alert {
                header.next = Protocol::HOP_BY_HOP;
                packet.get_mut(ipv6::HEADER_LEN..before)?.copy_from_slice(&ipv6::HOP_BY_HOP_ALERT);
            }
            header.emit(&mut packet)?;
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    packet.get_mut(before..)?.copy_from_slice(payload);
    Some(packet)
}

/// One fragment; `place` is where its payload stands, and whether others follow.
fn fragment(
    out: &Outgoing,
    piece: &[u8],
    (offset, more): (usize, bool),
    ident: u32,
) -> Option<Vec<u8>> {
    let offset = u16::try_from(offset).ok()?;
    let [.., low, lower] = ident.to_be_bytes();
    let mut packet = Vec::new();
    match (out.source, out.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = header_v4(out, source, destination, piece.len())?;
            header.ident = u16::from_be_bytes([low, lower]);
            header.fragment_offset = offset;
            header.more_fragments = more;
            packet.resize(ipv4::HEADER_MIN, 0);
            header.emit(&mut packet)?;
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let len = Fragment::LEN + piece.len();
            let mut header = header_v6(out, source, destination, len)?;
            header.next = Protocol::FRAGMENT;
            packet.resize(ipv6::HEADER_LEN + Fragment::LEN, 0);
            header.emit(&mut packet)?;
            let place = packet.get_mut(ipv6::HEADER_LEN..)?;
            Fragment { ident, offset, more }.emit(out.protocol, place)?;
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    packet.extend_from_slice(piece);
    Some(packet)
}

/// The IPv4 header of a whole packet. Its identification is zero: nobody may cut it (TCP-158, RFC 6864 §4.1), or
/// it is for `fragment` to draw one.
pub(super) fn header_v4(
    out: &Outgoing,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    payload_len: usize,
) -> Option<ipv4::Header> {
    Some(ipv4::Header {
        dscp: out.dscp,
        ecn: out.ecn,
        ident: 0,
        dont_fragment: out.dont_fragment,
        more_fragments: false,
        fragment_offset: 0,
        ttl: out.hop_limit,
        protocol: out.protocol,
        source,
        destination,
        router_alert: out.router_alert,
        payload_len: u16::try_from(payload_len).ok()?,
    })
}

pub(super) fn header_v6(
    out: &Outgoing,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload_len: usize,
) -> Option<ipv6::Header> {
    Some(ipv6::Header {
        dscp: out.dscp,
        ecn: out.ecn,
        flow_label: 0,
        next: out.protocol,
        hop_limit: out.hop_limit,
        source,
        destination,
        payload_len: u16::try_from(payload_len).ok()?,
    })
}
