//! The IPv6 header (RFC 8200 §3) and the addresses that follow from others. What stands between header and payload is in
//! `extension`.

mod extension;

pub use extension::{Chain, Fragment, HEADERS_MAX, HOP_BY_HOP_ALERT, Problem, Stop, walk};

use crate::ip::{Dscp, Ecn, HOP_LIMIT, Protocol, from_class, to_class};
use core::net::Ipv6Addr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Every header. RFC 8200 §3
pub const HEADER_LEN: usize = 40;
/// What every link carries. RFC 8200 §5
pub const MTU_MIN: usize = 1280;
/// Every node on the link. RFC 4291 §2.7.1
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Every router on the link. RFC 4291 §2.7.1
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The label's bits. RFC 8200 §3
const FLOW_LABEL: u32 = 0x000f_ffff;

/// The header of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The treatment wished.
    pub dscp: Dscp,
    /// The congestion mark.
    pub ecn: Ecn,
    /// What packets of one flow share (RFC 6437): 20 bits.
    pub flow_label: u32,
    /// What follows: see [`walk`].
    pub next: Protocol,
    /// How many routers it may pass.
    pub hop_limit: u8,
    /// The sender.
    pub source: Ipv6Addr,
    /// The receiver.
    pub destination: Ipv6Addr,
    /// Bytes after this header, extension headers among them.
    pub payload_len: u16,
}

impl Header {
    /// The header of a packet with nothing special about it: best effort, no mark, 64 hops, no flow.
    #[must_use]
    pub const fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next: Protocol,
        payload_len: u16,
    ) -> Self {
        let (dscp, ecn, hop_limit) = (Dscp::DEFAULT, Ecn::NotEct, HOP_LIMIT);
        Self { dscp, ecn, flow_label: 0, next, hop_limit, source, destination, payload_len }
    }

    /// The header at the start of `packet`, and the payload that its length says; `None` if that is not all there, or if
    /// the version is another.
    #[must_use]
    #[inline]
    pub fn parse(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = Self::read(packet)?;
        Some((header, rest.get(..usize::from(header.payload_len))?))
    }

    /// As `parse`, for the beginning of a packet that an error message quotes: the payload is what there is of it.
    #[must_use]
    pub fn parse_quote(quote: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = Self::read(quote)?;
        Some((header, rest.get(..usize::from(header.payload_len)).unwrap_or(rest)))
    }

    /// Writes the header and says how long it is; `None` if `out` is too short.
    #[must_use]
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let class = u32::from(to_class(self.dscp, self.ecn));
        let header = Fixed {
            first: (6 << 28 | class << 20 | self.flow_label & FLOW_LABEL).into(),
            payload_len: self.payload_len.into(),
            next: self.next.0,
            hop_limit: self.hop_limit,
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        header.write_to_prefix(out).ok()?;
        Some(HEADER_LEN)
    }

    #[inline]
    fn read(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (fixed, rest) = Fixed::ref_from_prefix(packet).ok()?;
        let first = fixed.first.get();
        if first >> 28 != 6 {
            return None;
        }
        let [class, ..] = (first << 4).to_be_bytes();
        let (dscp, ecn) = from_class(class);
        let header = Self {
            dscp,
            ecn,
            flow_label: first & FLOW_LABEL,
            next: Protocol(fixed.next),
            hop_limit: fixed.hop_limit,
            source: fixed.source.into(),
            destination: fixed.destination.into(),
            payload_len: fixed.payload_len.get(),
        };
        Some((header, rest))
    }
}

/// The group in which a node with this address is asked for. RFC 4291 §2.7.1
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The link-local address of an interface. RFC 4291 §2.5.6
#[must_use]
pub const fn link_local(interface_id: [u8; 8]) -> Ipv6Addr {
    with_prefix([0xfe, 0x80, 0, 0, 0, 0, 0, 0], interface_id)
}

/// An address of 64 bits prefix and 64 bits interface identifier. RFC 4862 §5.5.3
#[must_use]
pub const fn with_prefix(prefix: [u8; 8], interface_id: [u8; 8]) -> Ipv6Addr {
    let high = (u64::from_be_bytes(prefix) as u128) << 64;
    Ipv6Addr::from_bits(high | u64::from_be_bytes(interface_id) as u128)
}

/// The header as it stands on the wire.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    first: U32,
    payload_len: U16,
    next: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ethernet::Mac;

    #[test]
    fn every_field_of_the_header_has_its_place() {
        let mut packet = [0; 43];
        packet[..8].copy_from_slice(&[0x6b, 0x91, 0x23, 0x45, 0, 2, 17, 64]);
        packet[8] = 0xfe;
        packet[39] = 1;
        packet[40..].copy_from_slice(&[7, 8, 9]);
        let (header, payload) = Header::parse(&packet).unwrap();
        assert_eq!(payload, [7, 8]);
        assert_eq!((header.dscp, header.ecn), (Dscp::EXPEDITED, Ecn::Ect1));
        assert_eq!((header.flow_label, header.next.0, header.hop_limit), (0x12345, 17, 64));
        assert_eq!(header.destination, Ipv6Addr::LOCALHOST);
        let mut out = [0; HEADER_LEN];
        assert_eq!(header.emit(&mut out), Some(HEADER_LEN));
        assert_eq!(out, packet[..HEADER_LEN]);
        assert_eq!(header.emit(&mut out[1..]), None);
    }

    #[test]
    fn another_version_or_a_length_beyond_the_end_is_none_and_a_quote_may_be_cut() {
        let mut packet = [0; 41];
        (packet[0], packet[5]) = (0x60, 2);
        assert_eq!(Header::parse(&packet), None);
        assert_eq!(Header::parse_quote(&packet).unwrap().1.len(), 1);
        packet[5] = 1;
        assert!(Header::parse(&packet).is_some());
        packet[0] = 0x40;
        assert_eq!(Header::parse(&packet), None);
        assert_eq!(Header::parse_quote(&packet), None);
    }

    #[test]
    fn derived_addresses_are_the_examples_of_the_rfcs() {
        // RFC 4291 §2.7.1
        let address: Ipv6Addr = "4037::01:800:200e:8c6c".parse().unwrap();
        assert_eq!(solicited_node(address), "ff02::1:ff0e:8c6c".parse::<Ipv6Addr>().unwrap());
        // RFC 2464 §5
        let id = Mac([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]).interface_id();
        assert_eq!(link_local(id), "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
    }
}
