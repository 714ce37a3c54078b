//! What stands before a packet when a device takes over work: the header of virtio-net (virtio 1.2 §5.1.6, TCP-606),
//! which TUN and TAP have too.

use crate::checksum;
use zerocopy::byteorder::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What TUNSETOFFLOAD takes: checksums. Linux `if_tun.h`, cited by TCP-606
pub const TUN_CSUM: u32 = 1;
/// What TUNSETOFFLOAD takes: IPv4 super-segments. Linux `if_tun.h`, cited by TCP-606
pub const TUN_TSO4: u32 = 2;
/// What TUNSETOFFLOAD takes: IPv6 super-segments. Linux `if_tun.h`, cited by TCP-606
pub const TUN_TSO6: u32 = 4;
/// What TUNSETOFFLOAD takes: super-segments with CWR. Linux `if_tun.h`, cited by TCP-606
pub const TUN_TSO_ECN: u32 = 8;

const NEEDS_CSUM: u8 = 1; // virtio 1.2 §5.1.6
const DATA_VALID: u8 = 2; // virtio 1.2 §5.1.6
const GSO_NONE: u8 = 0; // virtio 1.2 §5.1.6
const GSO_TCPV4: u8 = 1; // virtio 1.2 §5.1.6
const GSO_TCPV6: u8 = 4; // virtio 1.2 §5.1.6
const GSO_ECN: u8 = 0x80; // virtio 1.2 §5.1.6

/// How long the header is, which both sides agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// 10 bytes.
    #[default]
    Short,
    /// 12 bytes: a count of buffers follows, of which we make nothing.
    Long,
}

impl Layout {
    /// Bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Short => 10,
            Self::Long => 12,
        }
    }
}

/// What was done, and what is still to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// A checksum holds only the pseudo-header's sum; from `start` on everything is to be added.
    pub partial: Option<Partial>,
    /// The checksum was verified.
    pub verified: bool,
    /// The packet is several in one.
    pub gso: Option<Gso>,
}

/// Where a checksum is to be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The first byte it covers: the transport header.
    pub start: u16,
    /// Where it stands, counted from `start`.
    pub offset: u16,
}

/// How to take a super-segment apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gso {
    /// What it is.
    pub kind: GsoKind,
    /// It carries CWR, which only the first segment keeps.
    pub ecn: bool,
    /// Bytes of all headers; a hint only.
    pub header_len: u16,
    /// Bytes of payload in each segment but the last, never 0.
    pub size: u16,
}

/// What a super-segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsoKind {
    /// TCP over IPv4.
    TcpV4,
    /// TCP over IPv6.
    TcpV6,
}

impl Offload {
    /// The header at the start of `bytes`, and the packet; `None` if it is too short, or wants what was never agreed on.
    #[must_use]
    #[inline]
    pub fn parse(layout: Layout, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (header, packet) = bytes.split_at_checked(layout.len())?;
        let (fixed, _) = Fixed::ref_from_prefix(header).ok()?;
        let kind = match fixed.gso_type & !GSO_ECN {
            GSO_NONE => None,
            GSO_TCPV4 => Some(GsoKind::TcpV4),
            GSO_TCPV6 => Some(GsoKind::TcpV6),
            _ => return None,
        };
        let gso = kind.map(|kind| Gso {
            kind,
            ecn: fixed.gso_type & GSO_ECN != 0,
            header_len: fixed.header_len.get(),
            size: fixed.gso_size.get(),
        });
        if gso.is_some_and(|gso| gso.size == 0) {
            return None;
        }
        let partial = Partial { start: fixed.csum_start.get(), offset: fixed.csum_offset.get() };
        let offload = Self {
            partial: (fixed.flags & NEEDS_CSUM != 0).then_some(partial),
            verified: fixed.flags & DATA_VALID != 0,
            gso,
        };
        Some((offload, packet))
    }

    /// Writes the header and says how long it is; `None` if `out` is too short.
    #[must_use]
    #[inline]
    pub fn emit(&self, layout: Layout, out: &mut [u8]) -> Option<usize> {
        let place = out.get_mut(..layout.len())?;
        place.fill(0);
        let (fixed, _) = Fixed::mut_from_prefix(place).ok()?;
        if self.verified {
            fixed.flags |= DATA_VALID;
        }
        if let Some(partial) = self.partial {
            fixed.flags |= NEEDS_CSUM;
            fixed.csum_start = partial.start.into();
            fixed.csum_offset = partial.offset.into();
        }
        if let Some(gso) = self.gso {
            let kind = match gso.kind {
                GsoKind::TcpV4 => GSO_TCPV4,
                GsoKind::TcpV6 => GSO_TCPV6,
            };
            fixed.gso_type = kind | if gso.ecn { GSO_ECN } else { 0 };
            fixed.gso_size = gso.size.into();
            fixed.header_len = gso.header_len.into();
        }
        Some(layout.len())
    }
}

impl Partial {
    /// Does what the device would have: completes the checksum in `packet` (TCP-605); `None` if it lies beyond the end.
    #[must_use]
    pub fn complete(&self, packet: &mut [u8]) -> Option<()> {
        let covered = packet.get_mut(usize::from(self.start)..)?;
        let sum = checksum::of(covered);
        let place = covered.get_mut(usize::from(self.offset)..)?.first_chunk_mut()?;
        *place = sum.to_be_bytes();
        Some(())
    }
}

/// What both layouts begin with, as it stands.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    flags: u8,
    gso_type: u8,
    header_len: U16,
    gso_size: U16,
    csum_start: U16,
    csum_offset: U16,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{Checksum, verify};
    use core::net::{IpAddr, Ipv4Addr};

    // Covers TCP-606
    #[test]
    fn every_field_has_its_place_in_both_layouts() {
        let offload = Offload {
            partial: Some(Partial { start: 34, offset: 16 }),
            verified: true,
            gso: Some(Gso { kind: GsoKind::TcpV6, ecn: true, header_len: 66, size: 1448 }),
        };
        let mut out = [0xee; 14];
        let expected = [3, 0x84, 66, 0, 0xa8, 5, 34, 0, 16, 0];
        assert_eq!(offload.emit(Layout::Short, &mut out), Some(10));
        assert_eq!((&out[..10], out[10]), (&expected[..], 0xee));
        assert_eq!(Offload::parse(Layout::Short, &out).unwrap(), (offload, &out[10..]));
        assert_eq!(offload.emit(Layout::Long, &mut out), Some(12));
        assert_eq!((&out[..10], &out[10..]), (&expected[..], &[0, 0, 0xee, 0xee][..]));
        assert_eq!(Offload::parse(Layout::Long, &out).unwrap(), (offload, &out[12..]));
        assert_eq!(offload.emit(Layout::Long, &mut out[3..]), None);
        assert_eq!(Offload::parse(Layout::Long, &out[..11]), None);
    }

    // Covers TCP-606
    #[test]
    fn plain_packets_have_zeros_before_them() {
        let mut out = [0xee; 10];
        assert_eq!(Offload::default().emit(Layout::Short, &mut out), Some(10));
        assert_eq!(out, [0; 10]);
        let v4 = Gso { kind: GsoKind::TcpV4, ecn: false, header_len: 0, size: 1 };
        let offload = Offload { gso: Some(v4), ..Offload::default() };
        assert_eq!(offload.emit(Layout::Short, &mut out), Some(10));
        assert_eq!(out, [0, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_was_never_agreed_on_is_none() {
        for (kind, size) in [(3, 1), (5, 1), (1, 0), (4, 0), (0x43, 1)] {
            let header = [0, kind, 0, 0, size, 0, 0, 0, 0, 0];
            assert_eq!(Offload::parse(Layout::Short, &header), None, "{kind} {size}");
        }
    }

    // Covers TCP-605, TCP-610
    #[test]
    fn completing_in_software_yields_the_full_checksum() {
        let address: IpAddr = Ipv4Addr::new(10, 0, 0, 1).into();
        let mut packet = [7; 55];
        let sum = Checksum::pseudo(address, address, 6, 45);
        packet[26..28].copy_from_slice(&sum.partial().to_be_bytes());
        let partial = Partial { start: 10, offset: 16 };
        assert_eq!(partial.complete(&mut packet), Some(()));
        assert!(verify(address, address, 6, &packet[10..]));
        assert_eq!(partial.complete(&mut packet[..27]), None);
        assert_eq!(partial.complete(&mut packet[..9]), None);
    }
}
