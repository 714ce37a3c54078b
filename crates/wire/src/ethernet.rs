//! Ethernet II frames (IEEE 802.3), their addresses, and how IP multicast maps onto them.
//!
//! Tags (IEEE 802.1Q) are read and written; whose frame it is then is the business of `net`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A header without a tag. IEEE 802.3 §3.2, cited by RFC 894
pub const HEADER_LEN: usize = 14;
/// A header with a tag. IEEE 802.1Q, cited by RFC 7042 §2.1
pub const HEADER_MAX: usize = HEADER_LEN + TAG_LEN;

/// The tag after the addresses. IEEE 802.1Q, cited by RFC 7042 §2.1
const TAG_LEN: usize = 4;

/// An address of an interface.
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// Nobody.
    pub const UNSPECIFIED: Self = Self([0; 6]);

    /// Whether it names a group, or everybody.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether it names everybody.
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        matches!(self, Self::BROADCAST)
    }

    /// Whether it names one interface.
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast() && !matches!(self, Self::UNSPECIFIED)
    }

    /// Where frames for `group` go; what is no group's address yields nonsense. RFC 1112 §6.4, RFC 2464 §7
    #[must_use]
    pub const fn of_group(group: IpAddr) -> Self {
        match group {
            IpAddr::V4(group) => Self::of_group_v4(group),
            IpAddr::V6(group) => Self::of_group_v6(group),
        }
    }

    /// RFC 1112 §6.4: the group's last 23 bits.
    #[must_use]
    pub const fn of_group_v4(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// RFC 2464 §7: the group's last 32 bits.
    #[must_use]
    pub const fn of_group_v6(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// The modified EUI-64 interface identifier. RFC 2464 §4
    #[must_use]
    pub const fn interface_id(self) -> [u8; 8] {
        let [a, b, c, d, e, f] = self.0;
        [a ^ 2, b, c, 0xff, 0xfe, d, e, f]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4. IANA
    pub const IPV4: Self = Self(0x0800);
    /// ARP. IANA
    pub const ARP: Self = Self(0x0806);
    /// A tag, and after it what the frame carries. IANA
    pub const TAG: Self = Self(0x8100);
    /// IPv6. IANA
    pub const IPV6: Self = Self(0x86dd);
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The receiver.
    pub destination: Mac,
    /// The sender.
    pub source: Mac,
    /// Priority and virtual LAN as they stand in the tag: 3 bits priority, 1 bit droppable, 12 bits LAN, which is 0
    /// if the frame belongs to none.
    pub tag: Option<u16>,
    /// What the payload is. Below 1536 it is a length (IEEE 802.3), and nothing of ours.
    pub ethertype: EtherType,
}

impl Header {
    /// The header at the start of `frame`, and the payload, padding included; `None` if the frame is too short.
    #[must_use]
    #[inline]
    pub fn parse(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (fixed, payload) = Fixed::ref_from_prefix(frame).ok()?;
        let mut header = Self {
            destination: fixed.destination,
            source: fixed.source,
            tag: None,
            ethertype: EtherType(fixed.ethertype.get()),
        };
        if header.ethertype != EtherType::TAG {
            return Some((header, payload));
        }
        let (&[a, b, c, d], payload) = payload.split_first_chunk()?;
        header.tag = Some(u16::from_be_bytes([a, b]));
        header.ethertype = EtherType(u16::from_be_bytes([c, d]));
        Some((header, payload))
    }

    /// Writes the header and says how long it is; `None` if `out` is too short.
    #[must_use]
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let ethertype = if self.tag.is_some() { EtherType::TAG } else { self.ethertype };
        let header = Fixed {
            destination: self.destination,
            source: self.source,
            ethertype: ethertype.0.into(),
        };
        let Some(tag) = self.tag else {
            header.write_to_prefix(out).ok()?;
            return Some(HEADER_LEN);
        };
        let (place, _) = out.split_first_chunk_mut::<HEADER_MAX>()?;
        header.write_to_prefix(place).ok()?;
        let ([a, b], [c, d]) = (tag.to_be_bytes(), self.ethertype.0.to_be_bytes());
        *place.last_chunk_mut()? = [a, b, c, d];
        Some(HEADER_MAX)
    }
}

/// The header as it stands on the wire.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    destination: Mac,
    source: Mac,
    ethertype: U16,
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::string::ToString;

    const PLAIN: [u8; 16] =
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0xaa, 0xbb];

    #[test]
    fn a_plain_frame_is_addresses_type_and_payload() {
        let (header, payload) = Header::parse(&PLAIN).unwrap();
        assert!(header.destination.is_broadcast() && header.destination.is_multicast());
        assert_eq!(header.source, Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!((header.ethertype, header.tag), (EtherType::ARP, None));
        assert_eq!(payload, [0xaa, 0xbb]);
        assert_eq!(Header::parse(&PLAIN[..13]), None);
        let mut out = [0; 14];
        assert_eq!(header.emit(&mut out), Some(14));
        assert_eq!(out, PLAIN[..14]);
        assert_eq!(header.emit(&mut out[..13]), None);
    }

    #[test]
    fn a_tag_is_read_and_stepped_over() {
        let mut frame = [0; 20];
        frame[12..].copy_from_slice(&[0x81, 0x00, 0xa0, 0x05, 0x86, 0xdd, 1, 2]);
        let (header, payload) = Header::parse(&frame).unwrap();
        assert_eq!((header.tag, header.ethertype), (Some(0xa005), EtherType::IPV6));
        assert_eq!(payload, [1, 2]);
        let mut out = [0; HEADER_MAX];
        assert_eq!(header.emit(&mut out), Some(HEADER_MAX));
        assert_eq!(out, frame[..18]);
        assert_eq!(Header::parse(&frame[..17]), None);
    }

    #[test]
    fn groups_map_onto_addresses_as_the_rfcs_say() {
        let group = Ipv4Addr::new(224, 128, 64, 32);
        assert_eq!(Mac::of_group(group.into()).to_string(), "01:00:5e:00:40:20");
        let group: Ipv6Addr = "ff02::1:ff28:9c5a".parse().unwrap();
        assert_eq!(Mac::of_group(group.into()).to_string(), "33:33:ff:28:9c:5a");
        assert!(Mac::of_group_v6(group).is_multicast());
    }

    #[test]
    fn the_interface_identifier_is_the_example_of_the_rfc() {
        // RFC 2464 §4
        let mac = Mac([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
        assert!(mac.is_unicast());
        assert_eq!(mac.interface_id(), [0x36, 0x56, 0x78, 0xff, 0xfe, 0x9a, 0xbc, 0xde]);
    }
}
