//! The IPv4 header (RFC 791). Of its options only the router alert is known (RFC 2113); the others are stepped over.
//!
//! Fragments are described here and put together in `net`.

use crate::checksum;
use crate::ip::{Dscp, Ecn, HOP_LIMIT, Protocol, from_class, to_class};
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A header without options. RFC 791 §3.1
pub const HEADER_MIN: usize = 20;
/// A header with the one option we write. RFC 2113 §2.1
pub const HEADER_MAX: usize = HEADER_MIN + ROUTER_ALERT.len();

/// Routers shall look into this packet. RFC 2113 §2.1
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];
const MORE_FRAGMENTS: u16 = 0x2000; // RFC 791 §3.1
const DONT_FRAGMENT: u16 = 0x4000; // RFC 791 §3.1
const OFFSET: u16 = 0x1fff; // RFC 791 §3.1

/// The header of one packet or fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The treatment wished.
    pub dscp: Dscp,
    /// The congestion mark.
    pub ecn: Ecn,
    /// What fragments of one packet share.
    pub ident: u16,
    /// Routers must not cut this packet.
    pub dont_fragment: bool,
    /// Another fragment follows.
    pub more_fragments: bool,
    /// Where the payload stands in that of the whole packet: bytes, a multiple of eight, at most 65528.
    pub fragment_offset: u16,
    /// How many routers it may pass.
    pub ttl: u8,
    /// What the payload is.
    pub protocol: Protocol,
    /// The sender.
    pub source: Ipv4Addr,
    /// The receiver.
    pub destination: Ipv4Addr,
    /// The option with which IGMP must be sent (RFC 3376 §4).
    pub router_alert: bool,
    /// Bytes after the header.
    pub payload_len: u16,
}

impl Header {
    /// The header of a whole packet with nothing special about it: best effort, no mark, 64 hops, not to be cut and
    /// therefore without identification (RFC 6864 §4.1).
    #[must_use]
    pub const fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: Protocol,
        payload_len: u16,
    ) -> Self {
        Self {
            dscp: Dscp::DEFAULT,
            ecn: Ecn::NotEct,
            ident: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: HOP_LIMIT,
            protocol,
            source,
            destination,
            router_alert: false,
            payload_len,
        }
    }

    /// The header at the start of `packet`, and the payload that its length says; `None` if that is not all there, if
    /// the version is another, or if the header's checksum is wrong.
    #[must_use]
    #[inline]
    pub fn parse(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (header, header_len) = Self::read(packet)?;
        if checksum::of(packet.get(..header_len)?) != 0 {
            return None;
        }
        let payload = packet.get(header_len..)?.get(..usize::from(header.payload_len))?;
        Some((header, payload))
    }

    /// As `parse`, for the beginning of a packet that an error message quotes: the payload is what there is of it,
    /// and the checksum is not looked at, for routers change the header. RFC 792
    #[must_use]
    pub fn parse_quote(quote: &[u8]) -> Option<(Self, &[u8])> {
        let (header, header_len) = Self::read(quote)?;
        let payload = quote.get(header_len..)?;
        Some((header, payload.get(..usize::from(header.payload_len)).unwrap_or(payload)))
    }

    /// Writes the header with its checksum and says how long it is; `None` if `out` is too short, or the packet longer
    /// than IPv4 can say.
    #[must_use]
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let len = if self.router_alert { HEADER_MAX } else { HEADER_MIN };
        let out = out.get_mut(..len)?;
        let flag = |set, bit| if set { bit } else { 0 };
        let fragment = self.fragment_offset >> 3
            | flag(self.dont_fragment, DONT_FRAGMENT)
            | flag(self.more_fragments, MORE_FRAGMENTS);
        let header = Fixed {
            version_and_words: if self.router_alert { 0x46 } else { 0x45 },
            class: to_class(self.dscp, self.ecn),
            total_len: self.payload_len.checked_add(u16::try_from(len).ok()?)?.into(),
            ident: self.ident.into(),
            fragment: fragment.into(),
            ttl: self.ttl,
            protocol: self.protocol.0,
            checksum: U16::ZERO,
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        let (fixed, options) = Fixed::mut_from_prefix(out).ok()?;
        *fixed = header;
        if self.router_alert {
            options.copy_from_slice(&ROUTER_ALERT);
        }
        let sum = checksum::of(out);
        Fixed::mut_from_prefix(out).ok()?.0.checksum = sum.into();
        Some(len)
    }

    /// Whether this is a part of a packet and not a whole one.
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }

    /// The header and its length, nothing verified that is not in it.
    #[inline]
    fn read(packet: &[u8]) -> Option<(Self, usize)> {
        let (fixed, rest) = Fixed::ref_from_prefix(packet).ok()?;
        if fixed.version_and_words >> 4 != 4 {
            return None;
        }
        let header_len = usize::from(fixed.version_and_words & 15).saturating_mul(4);
        let options = rest.get(..header_len.checked_sub(HEADER_MIN)?)?;
        let payload_len = fixed.total_len.get().checked_sub(u16::try_from(header_len).ok()?)?;
        let (dscp, ecn) = from_class(fixed.class);
        let fragment = fixed.fragment.get();
        let header = Self {
            dscp,
            ecn,
            ident: fixed.ident.get(),
            dont_fragment: fragment & DONT_FRAGMENT != 0,
            more_fragments: fragment & MORE_FRAGMENTS != 0,
            fragment_offset: (fragment & OFFSET) << 3,
            ttl: fixed.ttl,
            protocol: Protocol(fixed.protocol),
            source: fixed.source.into(),
            destination: fixed.destination.into(),
            router_alert: !options.is_empty() && alerts_routers(options),
            payload_len,
        };
        Some((header, header_len))
    }
}

fn alerts_routers(mut options: &[u8]) -> bool {
    while let Some((&kind, rest)) = options.split_first() {
        match kind {
            0 => return false, // RFC 791 §3.1: end
            1 => options = rest,
            _ if options.starts_with(&ROUTER_ALERT) => return true,
            _ => {
                let len = rest.first().filter(|len| **len >= 2);
                options = len.and_then(|len| options.get(usize::from(*len)..)).unwrap_or_default();
            }
        }
    }
    false
}

/// The fixed part as it stands on the wire.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    version_and_words: u8,
    class: u8,
    total_len: U16,
    ident: U16,
    fragment: U16,
    ttl: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UDP, two bytes of payload, not to be cut, TTL 64.
    const SAMPLE: [u8; HEADER_MIN] = [
        0x45, 0x00, 0x00, 0x16, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0xbe, 0xc0, 0xa8, 0x00,
        0x01, 0xc0, 0xa8, 0x00, 0xc7,
    ];

    fn packet() -> [u8; 24] {
        let mut packet = [0xee; 24];
        packet[..20].copy_from_slice(&SAMPLE);
        packet
    }

    /// Makes the checksum right again.
    fn resum(packet: &mut [u8]) {
        packet[10..12].fill(0);
        let len = usize::from(packet[0] & 15) * 4;
        let sum = checksum::of(&packet[..len]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }

    #[test]
    fn padding_after_the_total_length_is_cut_off() {
        let packet = packet();
        let (header, payload) = Header::parse(&packet).unwrap();
        assert_eq!(payload, [0xee; 2]);
        assert_eq!((header.payload_len, header.ttl), (2, 64));
        assert_eq!(header.protocol, Protocol::UDP);
        assert!(header.dont_fragment && !header.is_fragment());
        let mut out = [0; HEADER_MIN];
        assert_eq!(header.emit(&mut out), Some(HEADER_MIN));
        assert_eq!(out, SAMPLE);
        assert_eq!(header.emit(&mut out[1..]), None);
    }

    #[test]
    fn a_wrong_checksum_version_or_length_is_none() {
        assert_eq!(Header::parse(&packet()[..21]), None);
        let changed = |at: usize, value, right| {
            let mut packet = packet();
            packet[at] = value;
            if right {
                resum(&mut packet);
            }
            Header::parse(&packet).map(|_| ())
        };
        assert_eq!(changed(8, 63, true), Some(()));
        assert_eq!(changed(8, 63, false), None);
        assert_eq!(changed(0, 0x65, true), None);
        assert_eq!(changed(0, 0x44, true), None);
        assert_eq!(changed(3, 19, true), None); // total length below the header's
        assert_eq!(changed(3, 25, true), None);
    }

    #[test]
    fn fragments_have_an_offset_in_bytes() {
        let mut packet = packet();
        packet[6..8].copy_from_slice(&[0x20, 0xb9]);
        resum(&mut packet);
        let (header, _) = Header::parse(&packet).unwrap();
        assert!(header.more_fragments && !header.dont_fragment && header.is_fragment());
        assert_eq!(header.fragment_offset, 1480);
        let mut out = [0; HEADER_MIN];
        assert!(header.emit(&mut out).is_some());
        assert_eq!(out, packet[..20]);
    }

    #[test]
    fn options_are_stepped_over_and_a_router_alert_is_seen() {
        for (options, alert) in [
            ([1, 1, 1, 1, 148, 4, 0, 0], true),
            ([68, 4, 5, 0, 148, 4, 0, 0], true),
            ([0, 0, 0, 0, 148, 4, 0, 0], false),
            ([7, 0, 1, 148, 4, 0, 0, 9], false),
            ([7, 255, 0, 0, 0, 0, 0, 0], false),
        ] {
            let mut packet = [0; 30];
            packet[..20].copy_from_slice(&SAMPLE);
            (packet[0], packet[3]) = (0x47, 30);
            packet[20..28].copy_from_slice(&options);
            resum(&mut packet);
            let (header, payload) = Header::parse(&packet).unwrap();
            assert_eq!((header.router_alert, payload.len()), (alert, 2), "{options:?}");
        }
    }

    #[test]
    fn a_quote_may_be_cut_and_changed_on_its_way() {
        let mut quote = packet();
        quote[8] = 1;
        quote[2] = 5;
        let (header, payload) = Header::parse_quote(&quote).unwrap();
        assert_eq!((usize::from(header.payload_len), payload.len()), (0x516 - 20, 4));
        assert_eq!(Header::parse_quote(&quote[..19]), None);
    }
}
