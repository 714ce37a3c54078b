//! ARP over Ethernet for IPv4 (RFC 826). What to believe of it is the business of `net` (RFC 5227).

use crate::ethernet::Mac;
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Every packet; padding may follow. RFC 826, "Packet format"
pub const LEN: usize = 28;

/// Hardware type, protocol type and both address lengths. IANA
const KIND: [u8; 6] = [0x00, 0x01, 0x08, 0x00, 6, 4];
const REQUEST: u16 = 1; // IANA
const REPLY: u16 = 2; // IANA

/// What a packet wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address? With an unspecified sender address it is a probe (RFC 5227 §1.1).
    Request,
    /// The sender has the sender address.
    Reply,
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it wants.
    pub operation: Operation,
    /// Who says so.
    pub sender_mac: Mac,
    /// And has this address.
    pub sender: Ipv4Addr,
    /// Whom it is about; of no meaning in requests.
    pub target_mac: Mac,
    /// The address in question.
    pub target: Ipv4Addr,
}

impl Packet {
    /// The packet at the start of a frame's payload; `None` if it is not about Ethernet and IPv4, or neither request
    /// nor reply.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (fixed, _) = Fixed::ref_from_prefix(payload).ok()?;
        let operation = match fixed.operation.get() {
            REQUEST => Operation::Request,
            REPLY => Operation::Reply,
            _ => return None,
        };
        (fixed.kind == KIND).then_some(Self {
            operation,
            sender_mac: fixed.sender_mac,
            sender: fixed.sender.into(),
            target_mac: fixed.target_mac,
            target: fixed.target.into(),
        })
    }

    /// Writes the packet and says how long it is; `None` if `out` is too short.
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let operation = match self.operation {
            Operation::Request => REQUEST,
            Operation::Reply => REPLY,
        };
        let packet = Fixed {
            kind: KIND,
            operation: operation.into(),
            sender_mac: self.sender_mac,
            sender: self.sender.octets(),
            target_mac: self.target_mac,
            target: self.target.octets(),
        };
        packet.write_to_prefix(out).ok()?;
        Some(LEN)
    }
}

/// The packet as it stands on the wire.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    kind: [u8; 6],
    operation: U16,
    sender_mac: Mac,
    sender: [u8; 4],
    target_mac: Mac,
    target: [u8; 4],
}

const _: () = assert!(size_of::<Fixed>() == LEN, "the packet has the length of the RFC");

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has 192.168.0.1? Tell 192.168.0.114.
    const REQUEST_BYTES: [u8; LEN] = [
        0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x00, 0x14, 0x22, 0x01, 0x23, 0x45, 0xc0,
        0xa8, 0x00, 0x72, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01,
    ];

    #[test]
    fn a_request_reads_as_it_was_meant() {
        let packet = Packet::parse(&REQUEST_BYTES).unwrap();
        assert_eq!(
            packet,
            Packet {
                operation: Operation::Request,
                sender_mac: Mac([0x00, 0x14, 0x22, 0x01, 0x23, 0x45]),
                sender: Ipv4Addr::new(192, 168, 0, 114),
                target_mac: Mac::UNSPECIFIED,
                target: Ipv4Addr::new(192, 168, 0, 1),
            }
        );
        let mut out = [0; LEN];
        assert_eq!(packet.emit(&mut out), Some(LEN));
        assert_eq!(out, REQUEST_BYTES);
        assert_eq!(packet.emit(&mut out[1..]), None);
    }

    #[test]
    fn what_is_about_other_links_or_wants_something_else_is_none() {
        for at in 0..8 {
            let mut bytes = REQUEST_BYTES;
            bytes[at] ^= 0x10;
            assert_eq!(Packet::parse(&bytes), None, "byte {at}");
        }
        assert_eq!(Packet::parse(&REQUEST_BYTES[..27]), None);
    }
}
