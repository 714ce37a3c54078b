//! UDP (RFC 768), and what IPv6 changed about its checksum (RFC 8200 §8.1).

use crate::checksum::{Checksum, verify as verify_sum};
use crate::ip::Protocol;
use core::net::IpAddr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Every header. RFC 768
pub const HEADER_LEN: usize = 8;
/// Where the checksum stands in the header. RFC 768
pub const CHECKSUM_OFFSET: usize = 6;

/// The header of one datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The sender's port, 0 if it wants no answer.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// Bytes of header and payload.
    pub len: u16,
    /// As it stands; 0 if the sender computed none.
    pub checksum: u16,
}

impl Header {
    /// The header at the start of `datagram`, and the payload that its length says; `None` if that is not all there.
    ///
    /// The checksum is not looked at: see [`verify`].
    #[must_use]
    #[inline]
    pub fn parse(datagram: &[u8]) -> Option<(Self, &[u8])> {
        let (fixed, rest) = Fixed::ref_from_prefix(datagram).ok()?;
        let header = Self {
            source: fixed.source.get(),
            destination: fixed.destination.get(),
            len: fixed.len.get(),
            checksum: fixed.checksum.get(),
        };
        let payload = rest.get(..usize::from(header.len).checked_sub(HEADER_LEN)?)?;
        Some((header, payload))
    }

    /// Writes the header as it is and says how long it is; `None` if `out` is too short. See [`fill`].
    #[must_use]
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let header = Fixed {
            source: self.source.into(),
            destination: self.destination.into(),
            len: self.len.into(),
            checksum: self.checksum.into(),
        };
        header.write_to_prefix(out).ok()?;
        Some(HEADER_LEN)
    }
}

/// Whether the checksum of `datagram` is right, or rightly absent: only IPv4 may do without. The datagram ends where its
/// own length says, not where the packet does.
#[must_use]
pub fn verify(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> bool {
    let Some((header, payload)) = Header::parse(datagram) else { return false };
    if header.checksum == 0 {
        return source.is_ipv4();
    }
    let whole = datagram.get(..payload.len().saturating_add(HEADER_LEN)).unwrap_or_default();
    verify_sum(source, destination, Protocol::UDP.0, whole)
}

/// Writes length and checksum into a datagram that has header and payload; `None` if it is none, or too long.
#[must_use]
pub fn fill(source: IpAddr, destination: IpAddr, datagram: &mut [u8]) -> Option<()> {
    let len = u16::try_from(datagram.len()).ok()?;
    let (fixed, _) = Fixed::mut_from_prefix(datagram).ok()?;
    fixed.len = len.into();
    fixed.checksum = U16::ZERO;
    let mut sum = Checksum::pseudo(source, destination, Protocol::UDP.0, len.into());
    sum.add(datagram);
    let (fixed, _) = Fixed::mut_from_prefix(datagram).ok()?;
    fixed.checksum = match sum.finish() {
        0 => 0xffff, // RFC 768: zero says that there is none
        sum => sum,
    }
    .into();
    Some(())
}

/// The header as it stands on the wire.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    source: U16,
    destination: U16,
    len: U16,
    checksum: U16,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    #[test]
    fn length_cuts_the_payload_and_may_not_exceed_it() {
        let bytes = [0, 53, 0xc0, 0, 0, 10, 0, 0, 1, 2, 3];
        let (header, payload) = Header::parse(&bytes).unwrap();
        assert_eq!((header.source, header.destination, header.len), (53, 49_152, 10));
        assert_eq!(payload, [1, 2]);
        assert_eq!(Header::parse(&bytes[..9]), None);
        let short = [0, 53, 0xc0, 0, 0, 7, 0, 0];
        assert_eq!(Header::parse(&short), None);
    }

    #[test]
    fn only_ipv4_does_without_a_checksum() {
        let bytes = [0, 53, 0xc0, 0, 0, 8, 0, 0];
        assert!(verify(V4, V4, &bytes));
        assert!(!verify(V6, V6, &bytes));
    }

    #[test]
    fn a_sum_of_zero_is_written_as_all_ones() {
        // Payload chosen so that everything else sums to 0xffff.
        let mut bytes = [0, 53, 0xc0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(fill(V6, V6, &mut bytes), Some(()));
        let sum = [bytes[6], bytes[7]];
        bytes[8..].copy_from_slice(&sum);
        assert_eq!(fill(V6, V6, &mut bytes), Some(()));
        assert_eq!(bytes[6..8], [0xff, 0xff]);
        assert!(verify(V6, V6, &bytes));
        bytes[9] ^= 1;
        assert!(!verify(V6, V6, &bytes));
    }
}
