//! Segments in IPv6 packets.

use core::net::{IpAddr, Ipv6Addr};
use mainstay_tcp::{Meta, Transmit};
use mainstay_wire::ip::{Dscp, Protocol};
use mainstay_wire::ipv6::{HEADER_LEN, Header, MTU_MIN};

/// The longest packet. RFC 8200 §5: what every link carries
pub const PACKET_MAX: u16 = 1280;

const _: () = assert!(PACKET_MAX as usize == MTU_MIN);

/// The segment in a packet for `address`; `None` for anything else.
#[must_use]
pub fn read(packet: &[u8], address: Ipv6Addr) -> Option<(Meta, &[u8])> {
    let (header, segment) = Header::parse(packet)?;
    if header.destination != address || header.next != Protocol::TCP {
        return None;
    }
    let meta = Meta {
        source: header.source.into(),
        destination: header.destination.into(),
        ecn: header.ecn,
        unit: None,
        verified: false,
        mtu: PACKET_MAX,
    };
    Some((meta, segment))
}

/// Writes the packet that carries `segment` and says how long it is; `None` if there is no room or for IPv4.
#[must_use]
pub fn write(segment: &Transmit<'_>, packet: &mut [u8]) -> Option<usize> {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (segment.source, segment.destination)
    else {
        return None;
    };
    let payload_len = segment.header.len() + segment.payload.len();
    let header = Header {
        dscp: Dscp::new(segment.dscp),
        ecn: segment.ecn,
        flow_label: segment.flow_label,
        next: Protocol::TCP,
        hop_limit: segment.hop_limit,
        source,
        destination,
        payload_len: u16::try_from(payload_len).ok()?,
    };
    let mut end = header.emit(packet)?;
    for part in core::iter::once(&segment.header).chain(segment.payload.as_slice()) {
        packet.get_mut(end..end + part.len())?.copy_from_slice(part);
        end += part.len();
    }
    debug_assert_eq!(end, HEADER_LEN + payload_len, "every part was written");
    Some(end)
}
