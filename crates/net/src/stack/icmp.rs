//! ICMP comes in: echoes are answered, errors find who sent what they quote.

use super::Stack;
use super::output::Outgoing;
use super::packet::{Packet, Upper};
use super::tcp::TcpError;
use crate::error::{Ignored, increase};
use crate::icmp::{ErrorKind, kind_v4, kind_v6};
use crate::interface::To;
use crate::udp::UdpError;
use core::net::{IpAddr, SocketAddr};
use mainstay_base::Instant;
use mainstay_wire::icmpv4::Echo;
use mainstay_wire::ip::Protocol;
use mainstay_wire::{icmpv4, icmpv6, ipv4, ipv6};

/// A packet of ours as an error quotes it.
struct Quoted<'q> {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    transport: &'q [u8],
}

impl Stack {
    pub(super) fn receive_icmpv4<'p>(
        &mut self,
        now: Instant,
        packet: &Packet<'p>,
    ) -> Result<Upper<'p>, Ignored> {
        let message = icmpv4::Message::parse(packet.payload).ok_or(Ignored::IcmpMalformed)?;
        let (quote, kind) = match message {
            icmpv4::Message::EchoRequest(echo) => {
                return self.answer_echo(now, packet, echo).map(|()| Upper::Taken);
            }
            icmpv4::Message::EchoReply(echo) => {
                return self.echoes.replied(packet.source, echo).map(|()| Upper::Taken);
            }
            icmpv4::Message::Unreachable { quote, .. }
            | icmpv4::Message::TimeExceeded { quote, .. }
            | icmpv4::Message::ParameterProblem { quote, .. } => (quote, kind_v4(&message)),
        };
        let kind = kind.ok_or(Ignored::IcmpKind)?;
        let (header, transport) = ipv4::Header::parse_quote(quote).ok_or(Ignored::IcmpMalformed)?;
        if header.fragment_offset != 0 {
            return Err(Ignored::IcmpForeign);
        }
        let quoted = Quoted {
            source: IpAddr::V4(header.source),
            destination: IpAddr::V4(header.destination),
            protocol: header.protocol,
            transport,
        };
        self.receive_error(now, packet, &quoted, kind)
    }

    pub(super) fn receive_icmpv6<'p>(
        &mut self,
        now: Instant,
        packet: &Packet<'p>,
    ) -> Result<Upper<'p>, Ignored> {
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (packet.source, packet.destination)
        else {
            return Err(Ignored::IcmpMalformed);
        };
        let message = icmpv6::Message::parse(source, destination, packet.payload)
            .ok_or(Ignored::IcmpMalformed)?;
        let (quote, kind) = match message {
            icmpv6::Message::EchoRequest(echo) => {
                return self.answer_echo(now, packet, echo).map(|()| Upper::Taken);
            }
            icmpv6::Message::EchoReply(echo) => {
                return self.echoes.replied(packet.source, echo).map(|()| Upper::Taken);
            }
            icmpv6::Message::Ndp(message) => {
                return self.receive_ndp(now, packet, message).map(|()| Upper::Taken);
            }
            icmpv6::Message::Mld(message) => {
                return self.receive_mld(now, packet, message).map(|()| Upper::Taken);
            }
            icmpv6::Message::Unreachable { quote, .. }
            | icmpv6::Message::TooBig { quote, .. }
            | icmpv6::Message::TimeExceeded { quote, .. }
            | icmpv6::Message::ParameterProblem { quote, .. } => (quote, kind_v6(&message)),
        };
        let kind = kind.ok_or(Ignored::IcmpKind)?;
        let quoted = quoted_v6(quote).ok_or(Ignored::IcmpMalformed)?;
        self.receive_error(now, packet, &quoted, kind)
    }

    /// Repeats to who asked. A group is not answered for (RFC 1122 §3.2.2.6), and neither is nobody.
    fn answer_echo(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        echo: Echo<'_>,
    ) -> Result<(), Ignored> {
        if packet.to != To::Us || packet.facts.to_group {
            return Err(Ignored::EchoToMany);
        }
        if !self.echoes_answered.is_open(now) {
            return Err(Ignored::RateLimited);
        }
        let (us, them) = (packet.destination, packet.source);
        let hop = self.hop(them, Some(packet.interface)).or_else(|| self.hop(them, None));
        let hop = hop.ok_or(Ignored::SourceForbidden)?;
        let message = super::echo::message(us, them, echo, true).ok_or(Ignored::IcmpMalformed)?;
        let protocol = if us.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
        let mut out = Outgoing::plain(us, them, protocol, self.config.hop_limit);
        out.dscp = packet.dscp; // RFC 1812 §4.3.3.6 for IPv4, and nothing speaks against it for IPv6
        let _taken = self.echoes_answered.take(now);
        if self.send(now, hop, &out, &message).is_ok() {
            increase(&mut self.counters.echoes_answered);
        }
        Ok(())
    }

    /// An error about a packet that says it is ours: whoever sent such a one hears of it.
    fn receive_error<'p>(
        &mut self,
        now: Instant,
        packet: &Packet<'p>,
        quoted: &Quoted<'_>,
        kind: ErrorKind,
    ) -> Result<Upper<'p>, Ignored> {
        if packet.to != To::Us || self.owner(quoted.source).is_none() {
            return Err(Ignored::IcmpForeign);
        }
        let upper = self.attribute(now, quoted, kind)?;
        increase(&mut self.counters.errors_received);
        Ok(upper)
    }

    /// Finds who sent `quoted`. TCP judges for itself whether it did (TCP-175); what UDP and echo sent is known here.
    fn attribute(
        &mut self,
        now: Instant,
        quoted: &Quoted<'_>,
        kind: ErrorKind,
    ) -> Result<Upper<'static>, Ignored> {
        let Some(&[a, b, c, d, e, f, g, h]) = quoted.transport.first_chunk() else {
            return Err(Ignored::IcmpMalformed);
        };
        let local = SocketAddr::new(quoted.source, u16::from_be_bytes([a, b]));
        let remote = SocketAddr::new(quoted.destination, u16::from_be_bytes([c, d]));
        match quoted.protocol {
            Protocol::TCP => {
                let sequence = u32::from_be_bytes([e, f, g, h]);
                return Ok(Upper::TcpError(TcpError { kind, local, remote, sequence }));
            }
            Protocol::UDP => {
                let id = self.sockets.sender(local, remote).ok_or(Ignored::IcmpForeign)?;
                self.sockets.fail(id, UdpError { destination: remote, kind });
            }
            Protocol::ICMPV4 | Protocol::ICMPV6 => {
                let ident = u16::from_be_bytes([e, f]);
                if !self.echoes.is_waiting(quoted.destination, ident) {
                    return Err(Ignored::IcmpForeign);
                }
            }
            _ => return Err(Ignored::IcmpForeign),
        }
        if let ErrorKind::TooBig { mtu } = kind {
            self.learn_mtu(now, quoted.destination, mtu);
        }
        Ok(Upper::Taken)
    }

    /// A packet of ours found no neighbour: as if a router had said so.
    pub(super) fn tell_undeliverable(&mut self, now: Instant, packet: &[u8]) {
        let quoted = match packet.first().map(|byte| byte >> 4) {
            Some(4) => ipv4::Header::parse_quote(packet)
                .filter(|(header, _)| header.fragment_offset == 0)
                .map(|(header, transport)| Quoted {
                    source: IpAddr::V4(header.source),
                    destination: IpAddr::V4(header.destination),
                    protocol: header.protocol,
                    transport,
                }),
            _ => quoted_v6(packet),
        };
        if let Some(quoted) = quoted {
            // TCP keeps no packets here, so it is never TCP's.
            let _known = self.attribute(now, &quoted, ErrorKind::HostUnreachable);
        }
    }
}

/// The packet of ours in a quote, its extension headers stepped over.
fn quoted_v6(quote: &[u8]) -> Option<Quoted<'_>> {
    let (header, rest) = ipv6::Header::parse_quote(quote)?;
    let mut chain = ipv6::walk(header.next, rest, ipv6::HEADER_LEN).ok();
    // A quote may be cut in the middle of a fragment, whose length is then wrong; its headers are not.
    if chain.is_none() && header.next == Protocol::FRAGMENT {
        let whole = rest.len() & !7;
        chain = ipv6::walk(header.next, rest.get(..whole)?, ipv6::HEADER_LEN).ok();
    }
    let chain = chain?;
    let first = chain.fragment.is_none_or(|fragment| fragment.offset == 0);
    first.then(|| Quoted {
        source: IpAddr::V6(header.source),
        destination: IpAddr::V6(header.destination),
        protocol: chain.protocol,
        transport: rest.get(chain.offset..).unwrap_or_default(),
    })
}
