//! ARP: answering, learning, and defending what is ours (RFC 826, RFC 5227).

use super::Stack;
use crate::error::{Ignored, increase};
use crate::interface::InterfaceId;
use crate::neighbour::{Claim, Outcome};
use core::net::{IpAddr, Ipv4Addr};
use mainstay_base::Instant;
use mainstay_wire::arp::{LEN, Operation, Packet};
use mainstay_wire::ethernet::{EtherType, Mac};

impl Stack {
    pub(super) fn receive_arp(
        &mut self,
        now: Instant,
        id: InterfaceId,
        payload: &[u8],
    ) -> Result<(), Ignored> {
        let packet = Packet::parse(payload).ok_or(Ignored::ArpMalformed)?;
        let interface = self.interfaces.get(&id).ok_or(Ignored::InterfaceDown)?;
        let ours = interface.mac().ok_or(Ignored::InterfaceDown)?;
        let sender = IpAddr::V4(packet.sender);
        if !packet.sender_mac.is_unicast() || packet.sender.is_multicast() {
            return Err(Ignored::ArpMalformed);
        }
        if packet.sender_mac == ours {
            return Err(Ignored::ArpForOther); // our own, come back
        }
        let target = IpAddr::V4(packet.target);
        // RFC 5227 §2.1.1: somebody has the address, or is about to take it.
        let rival = packet.sender.is_unspecified() && interface.assigned(target).is_some();
        if interface.assigned(sender).is_some() || rival && !interface.owns(target) {
            let address = if rival { target } else { sender };
            return self.contested(now, id, address, packet.sender_mac);
        }
        if packet.sender.is_unspecified() {
            // A probe for an address in use is answered, and nothing is learnt of who has none.
            return self.reply(id, ours, &packet);
        }
        if !interface.is_near(sender) || interface.is_broadcast(packet.sender) {
            return Err(Ignored::ArpForeign);
        }
        let learnt = self.learn(now, id, &packet);
        match (packet.operation, self.reply(id, ours, &packet)) {
            (Operation::Request, Err(why)) | (Operation::Reply, Err(why)) if !learnt => Err(why),
            _ => Ok(()),
        }
    }

    /// What a packet tells of its sender; says whether that was new.
    fn learn(&mut self, now: Instant, id: InterfaceId, packet: &Packet) -> bool {
        let Some(interface) = self.interfaces.get_mut(&id) else { return false };
        let (address, mac) = (IpAddr::V4(packet.sender), packet.sender_mac);
        let to_us = interface.owns(IpAddr::V4(packet.target));
        let answer = packet.operation == Operation::Reply && interface.neighbours.is_asked(address);
        let mut out = Outcome::default();
        let learnt = if answer && to_us {
            let claim = Claim { address, mac: Some(mac), solicited: true, overriding: false };
            interface.neighbours.claimed(now, &mut self.rng, claim, &mut out)
        } else if packet.operation == Operation::Request && to_us
            || interface.neighbours.knows(address)
        {
            interface.neighbours.heard(now, address, mac, &mut out)
        } else {
            false
        };
        self.carry_out(now, id, out);
        learnt
    }

    /// Answers a request about an address of ours.
    fn reply(&mut self, id: InterfaceId, ours: Mac, packet: &Packet) -> Result<(), Ignored> {
        let owns = self.interfaces.get(&id).is_some_and(|i| i.owns(IpAddr::V4(packet.target)));
        if packet.operation == Operation::Reply {
            return Err(if owns { Ignored::ClaimUnasked } else { Ignored::ArpForOther });
        }
        if !owns {
            return Err(Ignored::ArpForOther);
        }
        let answer = Packet {
            operation: Operation::Reply,
            sender_mac: ours,
            sender: packet.target,
            target_mac: packet.sender_mac,
            target: packet.sender,
        };
        self.push_arp(id, packet.sender_mac, &answer);
        Ok(())
    }

    /// Somebody else uses an address of ours, or is about to.
    pub(super) fn contested(
        &mut self,
        now: Instant,
        id: InterfaceId,
        address: IpAddr,
        claimant: Mac,
    ) -> Result<(), Ignored> {
        let interface = self.interfaces.get_mut(&id).ok_or(Ignored::InterfaceDown)?;
        let assigned = interface.assigned_mut(address).ok_or(Ignored::ArpForOther)?;
        let defended = assigned.defend(now);
        if assigned.is_tentative() {
            assigned.lose();
        } else if !defended {
            return Err(Ignored::RateLimited);
        }
        increase(&mut self.counters.conflicts);
        self.conflicts.insert((id, address), claimant);
        self.changes += 1;
        if defended {
            self.send_announcement(id, address);
        }
        Ok(())
    }

    /// Asks everybody for `target` in the name of `source`; nobody's name is a probe (RFC 5227 §2.1.1).
    pub(super) fn push_request(
        &mut self,
        id: InterfaceId,
        to: Option<Mac>,
        source: Ipv4Addr,
        target: Ipv4Addr,
    ) {
        let Some(ours) = self.interfaces.get(&id).and_then(|i| i.mac()) else { return };
        let request = Packet {
            operation: Operation::Request,
            sender_mac: ours,
            sender: source,
            target_mac: to.unwrap_or(Mac::UNSPECIFIED),
            target,
        };
        self.push_arp(id, to.unwrap_or(Mac::BROADCAST), &request);
    }

    fn push_arp(&mut self, id: InterfaceId, to: Mac, packet: &Packet) {
        let mut bytes = alloc::vec![0; LEN];
        if packet.emit(&mut bytes).is_some() {
            self.push(id, to, EtherType::ARP, bytes);
        }
    }
}
