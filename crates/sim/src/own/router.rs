//! What a router between the two ends says of packets it cannot pass on.

use super::STATIONS;
use super::flow::opened;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_wire::ethernet::{EtherType, Header as Frame};
use mainstay_wire::ip::Protocol;
use mainstay_wire::{icmpv4, icmpv6, ipv4, ipv6};

/// Its addresses: RFC 2544 and RFC 3849.
const ROUTER: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 18, 0, 254), Ipv6Addr::new(0x2001, 0xdb8, 18, 0, 0, 0, 0, 0xfe));

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Complaint {
    /// It is longer than this.
    TooBig(u16),
    /// Nobody is there.
    Unreachable,
}

/// The frame that tells end `to` about its `packet`.
pub(super) fn complain(
    to: usize,
    ethernet: bool,
    packet: &[u8],
    what: Complaint,
) -> Option<Vec<u8>> {
    let (about, _, _, _) = opened(packet)?;
    let (ethertype, said) = match about {
        IpAddr::V4(target) => (EtherType::IPV4, told_v4(target, packet, what)?),
        IpAddr::V6(target) => (EtherType::IPV6, told_v6(target, packet, what)?),
    };
    if !ethernet {
        return Some(said);
    }
    let header =
        Frame { destination: STATIONS[to], source: STATIONS[1 - to], tag: None, ethertype };
    let mut frame = vec![0; mainstay_wire::ethernet::HEADER_LEN];
    header.emit(&mut frame)?;
    frame.extend(said);
    Some(frame)
}

fn told_v4(destination: Ipv4Addr, packet: &[u8], what: Complaint) -> Option<Vec<u8>> {
    // RFC 792: the header and eight bytes at least; 28 is enough for the sequence number.
    let quote = packet.get(..28).unwrap_or(packet);
    let (code, mtu) = match what {
        Complaint::TooBig(mtu) => (icmpv4::TOO_BIG, mtu),
        Complaint::Unreachable => (1, 0),
    };
    let mut message = vec![0; icmpv4::HEADER_LEN + quote.len()];
    icmpv4::Message::Unreachable { code, mtu, quote }.emit(&mut message)?;
    let len = u16::try_from(message.len()).ok()?;
    let header = ipv4::Header::new(ROUTER.0, destination, Protocol::ICMPV4, len);
    let mut out = vec![0; ipv4::HEADER_MIN];
    header.emit(&mut out)?;
    out.extend(message);
    Some(out)
}

fn told_v6(destination: Ipv6Addr, packet: &[u8], what: Complaint) -> Option<Vec<u8>> {
    let quote = packet.get(..icmpv6::QUOTE_MAX).unwrap_or(packet);
    let said = match what {
        Complaint::TooBig(mtu) => icmpv6::Message::TooBig { mtu: mtu.into(), quote },
        Complaint::Unreachable => {
            icmpv6::Message::Unreachable { code: icmpv6::ADDRESS_UNREACHABLE, quote }
        }
    };
    let mut message = vec![0; icmpv6::HEADER_LEN + quote.len()];
    said.emit(ROUTER.1, destination, &mut message)?;
    let len = u16::try_from(message.len()).ok()?;
    let header = ipv6::Header::new(ROUTER.1, destination, Protocol::ICMPV6, len);
    let mut out = vec![0; ipv6::HEADER_LEN];
    header.emit(&mut out)?;
    out.extend(message);
    Some(out)
}
