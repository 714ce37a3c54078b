//! Neighbour discovery (RFC 4861), and asking for addresses of both versions.

use super::Stack;
use super::output::{Outgoing, compose};
use super::packet::Packet;
use crate::error::Ignored;
use crate::interface::InterfaceId;
use crate::neighbour::{Ask, Claim, Outcome};
use crate::source;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_base::Instant;
use mainstay_wire::ethernet::{EtherType, Mac};
use mainstay_wire::icmpv6::Message;
use mainstay_wire::ip::Protocol;
use mainstay_wire::ipv6::{ALL_NODES, solicited_node};
use mainstay_wire::ndp::{self, NeighborAdvertisement};

/// The longest message we write: headers, an address, a link address. RFC 4861 §4.3, §4.4
const MESSAGE_MAX: usize = 32;

impl Stack {
    pub(super) fn receive_ndp(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        message: ndp::Message<'_>,
    ) -> Result<(), Ignored> {
        if packet.hop_limit != ndp::HOP_LIMIT {
            return Err(Ignored::NdpHopLimit);
        }
        let from = packet.facts.from.ok_or(Ignored::NdpForOther)?; // a link without neighbours
        match message {
            ndp::Message::NeighborSolicitation { target, source_link } => {
                self.receive_solicitation(now, packet, (target, source_link), from)
            }
            ndp::Message::NeighborAdvertisement(advertisement) => {
                self.receive_advertisement(now, packet, advertisement, from)
            }
            ndp::Message::RouterSolicitation { .. }
            | ndp::Message::RouterAdvertisement(_)
            | ndp::Message::Redirect { .. } => Err(Ignored::NdpRouter),
        }
    }

    /// RFC 4861 §7.1.1, §7.2.3; RFC 4862 §5.4.3
    fn receive_solicitation(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        (target, source_link): (Ipv6Addr, Option<Mac>),
        from: Mac,
    ) -> Result<(), Ignored> {
        let id = packet.interface;
        let interface = self.interfaces.get_mut(&id).ok_or(Ignored::InterfaceDown)?;
        let ours = interface.mac().ok_or(Ignored::InterfaceDown)?;
        let address = IpAddr::V6(target);
        let searching = packet.source.is_unspecified();
        let to_its_group = packet.destination == IpAddr::V6(solicited_node(target));
        if searching && (source_link.is_some() || !to_its_group) {
            return Err(Ignored::NdpMalformed);
        }
        let assigned = interface.assigned(address).ok_or(Ignored::NdpForOther)?;
        if assigned.is_tentative() {
            // Two look for the same address; what we hear of ourselves is none of them.
            let rival = searching && from != ours;
            return if rival {
                self.contested(now, id, address, from)
            } else {
                Err(Ignored::NdpForOther)
            };
        }
        if !assigned.is_ours() {
            return Err(Ignored::NdpForOther);
        }
        let (to, mac) = if searching {
            (ALL_NODES, Mac::of_group_v6(ALL_NODES))
        } else {
            let mac = source_link.unwrap_or(from);
            if !mac.is_unicast() {
                return Err(Ignored::NdpMalformed);
            }
            let mut out = Outcome::default();
            if source_link.is_some() {
                let _new = interface.neighbours.heard(now, packet.source, mac, &mut out);
            }
            self.carry_out(now, id, out);
            let IpAddr::V6(source) = packet.source else { return Err(Ignored::NdpMalformed) };
            (source, mac)
        };
        self.push_advertisement(id, target, (to, mac), !searching);
        Ok(())
    }

    /// RFC 4861 §7.1.2, §7.2.5; RFC 4862 §5.4.4
    fn receive_advertisement(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        said: NeighborAdvertisement,
        from: Mac,
    ) -> Result<(), Ignored> {
        let id = packet.interface;
        let interface = self.interfaces.get_mut(&id).ok_or(Ignored::InterfaceDown)?;
        let bad_mac = said.target_link.is_some_and(|mac| !mac.is_unicast());
        if said.solicited && packet.destination.is_multicast() || bad_mac {
            return Err(Ignored::NdpMalformed);
        }
        let address = IpAddr::V6(said.target);
        if interface.assigned(address).is_some() {
            return if interface.mac() == Some(from) {
                Err(Ignored::NdpForOther)
            } else {
                self.contested(now, id, address, from)
            };
        }
        let claim = Claim {
            address,
            mac: said.target_link,
            solicited: said.solicited && interface.neighbours.is_asked(address),
            overriding: said.overrides,
        };
        let mut out = Outcome::default();
        let learnt = interface.neighbours.claimed(now, &mut self.rng, claim, &mut out);
        self.carry_out(now, id, out);
        if learnt { Ok(()) } else { Err(Ignored::ClaimUnasked) }
    }

    /// Puts a question of the neighbour table.
    pub(super) fn send_question(&mut self, id: InterfaceId, ask: Ask) {
        let Some(interface) = self.interfaces.get(&id) else { return };
        let Some(source) = source::select(interface.candidates(id), ask.address, id) else {
            return;
        };
        match (source, ask.address) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                self.push_request(id, ask.mac, source, target);
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                self.push_solicitation(id, source, target, ask.mac);
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
        }
    }

    /// Asks whether somebody has an address we want.
    pub(super) fn send_probe(&mut self, id: InterfaceId, address: IpAddr) {
        match address {
            IpAddr::V4(target) => self.push_request(id, None, Ipv4Addr::UNSPECIFIED, target),
            IpAddr::V6(target) => {
                self.push_solicitation(id, Ipv6Addr::UNSPECIFIED, target, None);
            }
        }
    }

    /// Tells everybody that an address is ours.
    pub(super) fn send_announcement(&mut self, id: InterfaceId, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.push_request(id, None, address, address),
            IpAddr::V6(target) => {
                let to = (ALL_NODES, Mac::of_group_v6(ALL_NODES));
                self.push_advertisement(id, target, to, false);
            }
        }
    }

    fn push_solicitation(
        &mut self,
        id: InterfaceId,
        source: Ipv6Addr,
        target: Ipv6Addr,
        mac: Option<Mac>,
    ) {
        let ours = self.interfaces.get(&id).and_then(|i| i.mac());
        let source_link = ours.filter(|_| !source.is_unspecified());
        let message = ndp::Message::NeighborSolicitation { target, source_link };
        let group = solicited_node(target);
        let (to, mac) = mac.map_or_else(|| (group, Mac::of_group_v6(group)), |mac| (target, mac));
        self.push_ndp(id, (source, to), mac, message);
    }

    fn push_advertisement(
        &mut self,
        id: InterfaceId,
        target: Ipv6Addr,
        (to, mac): (Ipv6Addr, Mac),
        solicited: bool,
    ) {
        let target_link = self.interfaces.get(&id).and_then(|i| i.mac());
        let said = NeighborAdvertisement {
            router: false,
            solicited,
            overrides: true,
            target,
            target_link,
        };
        self.push_ndp(id, (target, to), mac, ndp::Message::NeighborAdvertisement(said));
    }

    fn push_ndp(
        &mut self,
        id: InterfaceId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        mac: Mac,
        message: ndp::Message<'_>,
    ) {
        let mut bytes = [0; MESSAGE_MAX];
        let len = Message::Ndp(message).emit(source, destination, &mut bytes);
        let Some(payload) = len.and_then(|len| bytes.get(..len)) else { return };
        let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
        let out = Outgoing::plain(source, destination, Protocol::ICMPV6, ndp::HOP_LIMIT);
        if let Some(packet) = compose(&out, payload) {
            self.push(id, mac, EtherType::IPV6, packet);
        }
    }
}
