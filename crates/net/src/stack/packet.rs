//! A packet comes in: whether it may, whether it is whole, and who is above.

use super::Stack;
use super::frame::FrameFacts;
use super::refuse::Refusal;
use super::tcp::TcpError;
use crate::error::{Ignored, increase};
use crate::interface::{InterfaceId, To};
use crate::reassembly::{Expired, Fragment, Key, Taken, Whole};
use alloc::borrow::Cow;
use core::net::IpAddr;
use mainstay_base::Instant;
use mainstay_wire::ip::{Dscp, Ecn, Protocol};
use mainstay_wire::ipv6::{Chain, Problem, Stop, walk};
use mainstay_wire::{ipv4, ipv6};

/// What a frame brought for the layer above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upper<'f> {
    /// Nothing: the stack has taken it.
    Taken,
    /// A TCP segment whose addresses are in order (TCP-101).
    Tcp {
        /// What its packet said.
        meta: Meta,
        /// The segment: a part of the frame, or put together from fragments. Its checksum is not verified unless
        /// `meta` says so.
        segment: Cow<'f, [u8]>,
    },
    /// What the network says about a segment of ours (TCP-175).
    TcpError(TcpError),
}

/// What the packet of a segment said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Where it came in.
    pub interface: InterfaceId,
    /// Who sent it: one host.
    pub source: IpAddr,
    /// An address of ours.
    pub destination: IpAddr,
    /// The congestion mark.
    pub ecn: Ecn,
    /// The treatment wished.
    pub dscp: Dscp,
    /// The hop limit it came with.
    pub hop_limit: u8,
    /// Whether the checksum is known to be right.
    pub checksum_ok: bool,
    /// What each segment carried that the device joined to this one: bytes; 0: it is one segment.
    pub gso_size: u16,
}

/// A whole packet on its way to who is above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'p> {
    pub interface: InterfaceId,
    pub facts: FrameFacts,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub to: To,
    pub protocol: Protocol,
    pub ecn: Ecn,
    pub dscp: Dscp,
    pub hop_limit: u8,
    pub router_alert: bool,
    /// Where the byte stands that names the protocol, for a complaint about it.
    pub named_at: u32,
    /// Everything before the payload.
    pub head: &'p [u8],
    pub payload: &'p [u8],
}

impl Packet<'_> {
    /// Whether the device vouches for the transport's checksum: it verified it, or the packet never left this machine.
    pub(super) const fn checksum_ok(&self) -> bool {
        self.facts.offload.verified || self.facts.offload.partial.is_some()
    }

    /// What each segment carried that the device joined; 0: it joined none.
    fn gso_size(&self) -> u16 {
        self.facts.offload.gso.map_or(0, |gso| gso.size)
    }
}

impl Stack {
    /// Takes a packet that came in by `id`.
    pub(super) fn receive_packet<'f>(
        &mut self,
        now: Instant,
        id: InterfaceId,
        packet: &'f [u8],
        facts: FrameFacts,
    ) -> Result<Upper<'f>, Ignored> {
        match packet.first().map(|byte| byte >> 4) {
            Some(4) => self.receive_v4(now, id, packet, facts),
            Some(6) => self.receive_v6(now, id, packet, facts),
            _ => Err(Ignored::PacketMalformed),
        }
    }

    /// IPv4. Options are stepped over by their length and otherwise ignored (TCP-195).
    fn receive_v4<'f>(
        &mut self,
        now: Instant,
        id: InterfaceId,
        bytes: &'f [u8],
        facts: FrameFacts,
    ) -> Result<Upper<'f>, Ignored> {
        let (header, payload) = ipv4::Header::parse(bytes).ok_or(Ignored::PacketMalformed)?;
        let (source, destination) = (IpAddr::V4(header.source), IpAddr::V4(header.destination));
        let to = self.admit(id, source, destination, facts)?;
        let head_len = bytes.first().map_or(0, |byte| usize::from(byte & 15) * 4);
        let packet = Packet {
            interface: id,
            facts,
            source,
            destination,
            to,
            protocol: header.protocol,
            ecn: header.ecn,
            dscp: header.dscp,
            hop_limit: header.ttl,
            router_alert: header.router_alert,
            named_at: 9, // RFC 791 §3.1
            head: bytes.get(..head_len).unwrap_or_default(),
            payload,
        };
        if !header.is_fragment() {
            return self.deliver(now, &packet);
        }
        let key = Key { source, destination, id: header.ident.into(), protocol: header.protocol.0 };
        let fragment = Fragment {
            key,
            offset: header.fragment_offset.into(),
            more: header.more_fragments,
            protocol: header.protocol.0,
            ecn: header.ecn.bits(),
            head: packet.head,
            payload,
        };
        let Some(whole) = self.assemble(now, fragment)? else { return Ok(Upper::Taken) };
        let ecn = Ecn::from_bits(whole.ecn);
        let packet = Packet { ecn, head: &whole.head, payload: &whole.payload, ..packet };
        Ok(self.taken(|stack| stack.deliver(now, &packet).map(Upper::into_owned)))
    }

    fn receive_v6<'f>(
        &mut self,
        now: Instant,
        id: InterfaceId,
        bytes: &'f [u8],
        facts: FrameFacts,
    ) -> Result<Upper<'f>, Ignored> {
        let (header, payload) = ipv6::Header::parse(bytes).ok_or(Ignored::PacketMalformed)?;
        let (source, destination) = (IpAddr::V6(header.source), IpAddr::V6(header.destination));
        let to = self.admit(id, source, destination, facts)?;
        let packet = Packet {
            interface: id,
            facts,
            source,
            destination,
            to,
            protocol: header.next,
            ecn: header.ecn,
            dscp: header.dscp,
            hop_limit: header.hop_limit,
            router_alert: false,
            named_at: 6, // RFC 8200 §3
            head: bytes.get(..ipv6::HEADER_LEN).unwrap_or_default(),
            payload,
        };
        let chain = match walk(header.next, payload, ipv6::HEADER_LEN) {
            Ok(chain) => chain,
            Err(stop) => return self.stop(now, &packet, stop),
        };
        let packet = after(packet, bytes, &chain);
        let Some(piece) = chain.fragment else { return self.deliver(now, &packet) };
        let key = Key { source, destination, id: piece.ident, protocol: 0 };
        let fragment = Fragment {
            key,
            offset: piece.offset.into(),
            more: piece.more,
            protocol: chain.protocol.0,
            ecn: header.ecn.bits(),
            head: packet.head,
            payload: packet.payload,
        };
        if piece.offset == 0 && !holds_headers(&fragment) {
            return Err(Ignored::FragmentHeaders);
        }
        let Some(whole) = self.assemble(now, fragment)? else { return Ok(Upper::Taken) };
        Ok(self.taken(|stack| stack.receive_whole(now, packet, &whole).map(Upper::into_owned)))
    }

    /// What becomes of a datagram put together: its last fragment was taken whatever that is (L5).
    fn taken<'f>(
        &mut self,
        deliver: impl FnOnce(&mut Self) -> Result<Upper<'f>, Ignored>,
    ) -> Upper<'f> {
        deliver(self).unwrap_or_else(|why| {
            self.counters.ignore(why);
            Upper::Taken
        })
    }

    /// Goes on where the fragment header stopped the walk.
    fn receive_whole<'w>(
        &mut self,
        now: Instant,
        packet: Packet<'w>,
        whole: &'w Whole,
    ) -> Result<Upper<'w>, Ignored> {
        let ecn = Ecn::from_bits(whole.ecn);
        let (protocol, payload) = (Protocol(whole.protocol), whole.payload.as_slice());
        let packet = Packet { ecn, protocol, head: &whole.head, payload, ..packet };
        let chain = match walk(protocol, payload, whole.head.len()) {
            Ok(chain) if chain.fragment.is_none() => chain,
            Ok(_) => return Err(Ignored::PacketMalformed), // fragments of fragments
            Err(stop) => return self.stop(now, &packet, stop),
        };
        let rest = payload.get(chain.offset..).unwrap_or_default();
        let named_at = chain.named_at;
        let router_alert = packet.router_alert || chain.router_alert;
        let protocol = chain.protocol;
        self.deliver(now, &Packet { protocol, payload: rest, named_at, router_alert, ..packet })
    }

    /// Whether the addresses of a packet may be what they are, and to whom it is. RFC 1122 §3.2.1.3, RFC 4291 §2
    fn admit(
        &self,
        id: InterfaceId,
        source: IpAddr,
        destination: IpAddr,
        facts: FrameFacts,
    ) -> Result<To, Ignored> {
        let interface = self.interfaces.get(&id).ok_or(Ignored::InterfaceDown)?;
        if destination.is_loopback() || destination.is_unspecified() {
            return Err(Ignored::DestinationForbidden);
        }
        let to = interface.to(destination).ok_or(Ignored::PacketForOther)?;
        if facts.to_all && to == To::Us {
            return Err(Ignored::PacketForOther); // RFC 1122 §3.3.6
        }
        let broadcast = matches!(source, IpAddr::V4(a) if interface.is_broadcast(a));
        // Only who looks for an address of its own may have none: neighbour solicitations.
        let nobody = source.is_unspecified() && (source.is_ipv4() || to != To::Group);
        let forged = !facts.local && self.owner(source).is_some();
        if source.is_multicast() || source.is_loopback() || broadcast || nobody || forged {
            return Err(Ignored::SourceForbidden);
        }
        Ok(to)
    }

    fn assemble(&mut self, now: Instant, fragment: Fragment<'_>) -> Result<Option<Whole>, Ignored> {
        match self.reassembly.take(now, fragment)? {
            Taken::Kept => Ok(None),
            Taken::Spoiled => {
                increase(&mut self.counters.spoiled);
                Ok(None)
            }
            Taken::Complete(whole) => {
                increase(&mut self.counters.reassembled);
                Ok(Some(whole))
            }
        }
    }

    /// Ends datagrams whose fragments did not all come, and tells their senders. RFC 792, RFC 8200 §4.5
    pub(super) fn expire_fragments(&mut self, now: Instant) {
        for expired in self.reassembly.handle_timeout(now) {
            increase(&mut self.counters.reassembly_expired);
            let Expired { source, destination, protocol, head, payload } = expired;
            let Some(interface) = self.owner(destination) else { continue };
            let about = Packet {
                interface,
                facts: FrameFacts::default(),
                source,
                destination,
                to: To::Us,
                protocol: Protocol(protocol),
                ecn: Ecn::NotEct,
                dscp: Dscp::DEFAULT,
                hop_limit: 0,
                router_alert: false,
                named_at: 0,
                head: &head,
                payload: &payload,
            };
            let _told = self.refuse(now, &about, Refusal::ReassemblyExceeded);
        }
    }

    /// Hands a whole packet to who is above.
    fn deliver<'p>(&mut self, now: Instant, packet: &Packet<'p>) -> Result<Upper<'p>, Ignored> {
        let taken = match (packet.protocol, packet.source) {
            (Protocol::TCP, _) => return tcp_input(packet),
            (Protocol::UDP, _) => self.receive_udp(now, packet),
            (Protocol::ICMPV4, IpAddr::V4(_)) => return self.receive_icmpv4(now, packet),
            (Protocol::ICMPV6, IpAddr::V6(_)) => return self.receive_icmpv6(now, packet),
            (Protocol::IGMP, IpAddr::V4(_)) => self.receive_igmp(now, packet),
            (Protocol::NO_NEXT_HEADER, _) => Err(Ignored::ProtocolUnknown),
            (_, IpAddr::V4(_)) => self.answer(now, packet, Refusal::ProtocolUnreachable),
            (_, IpAddr::V6(_)) => {
                let problem = Problem { code: 1, pointer: packet.named_at, even_to_groups: false };
                self.answer(now, packet, Refusal::Problem(problem))
            }
        };
        taken.map(|()| Upper::Taken)
    }

    /// A header stops the walk: its sender is told if it is to be.
    fn stop<'p>(
        &mut self,
        now: Instant,
        packet: &Packet<'p>,
        stop: Stop,
    ) -> Result<Upper<'p>, Ignored> {
        match stop {
            Stop::Drop => Err(Ignored::PacketMalformed),
            Stop::Answer(problem) => {
                self.answer(now, packet, Refusal::Problem(problem)).map(|()| Upper::Taken)
            }
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        refusal: Refusal,
    ) -> Result<(), Ignored> {
        let told = self.refuse(now, packet, refusal);
        if told { Ok(()) } else { Err(Ignored::ProtocolUnknown) }
    }
}

impl Upper<'_> {
    /// The same, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Upper<'static> {
        match self {
            Self::Taken => Upper::Taken,
            Self::Tcp { meta, segment } => {
                Upper::Tcp { meta, segment: Cow::Owned(segment.into_owned()) }
            }
            Self::TcpError(error) => Upper::TcpError(error),
        }
    }
}

/// A segment is for one host, from one host, and came to us alone (TCP-101).
fn tcp_input<'p>(packet: &Packet<'p>) -> Result<Upper<'p>, Ignored> {
    if packet.to != To::Us || packet.facts.to_group || packet.source.is_unspecified() {
        return Err(Ignored::TcpToMany);
    }
    let meta = Meta {
        interface: packet.interface,
        source: packet.source,
        destination: packet.destination,
        ecn: packet.ecn,
        dscp: packet.dscp,
        hop_limit: packet.hop_limit,
        checksum_ok: packet.checksum_ok(),
        gso_size: packet.gso_size(),
    };
    Ok(Upper::Tcp { meta, segment: Cow::Borrowed(packet.payload) })
}

/// The packet after its extension headers.
fn after<'p>(packet: Packet<'p>, bytes: &'p [u8], chain: &Chain) -> Packet<'p> {
    let head = bytes.get(..ipv6::HEADER_LEN + chain.offset).unwrap_or_default();
    Packet {
        protocol: chain.protocol,
        router_alert: chain.router_alert,
        named_at: chain.named_at,
        head,
        payload: packet.payload.get(chain.offset..).unwrap_or_default(),
        ..packet
    }
}

/// Whether a first fragment holds all headers, the transport's included (RFC 7112): eight bytes of it decide who gets
/// the packet.
fn holds_headers(fragment: &Fragment<'_>) -> bool {
    const DECISIVE: usize = 8;
    let start = fragment.head.len();
    let chain = walk(Protocol(fragment.protocol), fragment.payload, start);
    chain.is_ok_and(|chain| {
        let rest = fragment.payload.len().saturating_sub(chain.offset);
        rest >= DECISIVE || chain.protocol == Protocol::NO_NEXT_HEADER
    })
}
