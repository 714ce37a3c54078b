//! `ICMPv4` (RFC 792): echo, and errors with the beginning of the packet they are about.
//!
//! Whether an error may be sent or believed is the business of `net` and `tcp`.

use crate::checksum;
pub use crate::icmp::{Echo, HEADER_LEN};
use crate::icmp::{join, seal, split};

/// What an error may quote, so that it passes everywhere: 576 bytes in all. RFC 1812 §4.3.2.3
pub const QUOTE_MAX: usize = 576 - crate::ipv4::HEADER_MIN - HEADER_LEN;

/// Of [`Message::Unreachable`]: nobody listens there. RFC 792
pub const PORT_UNREACHABLE: u8 = 3;
/// Of [`Message::Unreachable`]: nobody speaks that protocol. RFC 792
pub const PROTOCOL_UNREACHABLE: u8 = 2;
/// Of [`Message::Unreachable`]: too long for the next link, and must not be cut. RFC 1191 §4
pub const TOO_BIG: u8 = 4;

const ECHO_REPLY: u8 = 0; // IANA
const UNREACHABLE: u8 = 3; // IANA
const ECHO_REQUEST: u8 = 8; // IANA
const TIME_EXCEEDED: u8 = 11; // IANA
const PARAMETER_PROBLEM: u8 = 12; // IANA

/// One message. A quote begins with the IPv4 header: see [`crate::ipv4::Header::parse_quote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'p> {
    /// Is somebody there?
    EchoRequest(Echo<'p>),
    /// Somebody is.
    EchoReply(Echo<'p>),
    /// A packet did not arrive.
    Unreachable {
        /// Why.
        code: u8,
        /// With [`TOO_BIG`], what the next link takes; 0 if the router is older than RFC 1191.
        mtu: u16,
        /// The packet's beginning.
        quote: &'p [u8],
    },
    /// A packet was too long on its way.
    TimeExceeded {
        /// 0 passing routers, 1 being put together again.
        code: u8,
        /// The packet's beginning.
        quote: &'p [u8],
    },
    /// A packet was wrong.
    ParameterProblem {
        /// 0 if `pointer` says where.
        code: u8,
        /// The byte at fault.
        pointer: u8,
        /// The packet's beginning.
        quote: &'p [u8],
    },
}

impl<'p> Message<'p> {
    /// The message that fills a packet's payload; `None` if its checksum is wrong, or its type not one of ours.
    #[must_use]
    pub fn parse(message: &'p [u8]) -> Option<Self> {
        if checksum::of(message) != 0 {
            return None;
        }
        let (kind, code, word, rest) = split(message)?;
        let [pointer, _, a, b] = word;
        Some(match (kind, code) {
            (ECHO_REQUEST, 0) => Self::EchoRequest(Echo::new(word, rest)),
            (ECHO_REPLY, 0) => Self::EchoReply(Echo::new(word, rest)),
            (UNREACHABLE, code) => {
                Self::Unreachable { code, mtu: u16::from_be_bytes([a, b]), quote: rest }
            }
            (TIME_EXCEEDED, code) => Self::TimeExceeded { code, quote: rest },
            (PARAMETER_PROBLEM, code) => Self::ParameterProblem { code, pointer, quote: rest },
            _ => return None,
        })
    }

    /// Writes the message with its checksum and says how long it is; `None` if `out` is too short.
    ///
    /// A quote is written whole: who quotes cuts it to [`QUOTE_MAX`].
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let message = match *self {
            Self::EchoRequest(echo) => join((ECHO_REQUEST, 0), echo.word(), echo.data, out)?,
            Self::EchoReply(echo) => join((ECHO_REPLY, 0), echo.word(), echo.data, out)?,
            Self::Unreachable { code, mtu, quote } => {
                let [a, b] = mtu.to_be_bytes();
                join((UNREACHABLE, code), [0, 0, a, b], quote, out)?
            }
            Self::TimeExceeded { code, quote } => join((TIME_EXCEEDED, code), [0; 4], quote, out)?,
            Self::ParameterProblem { code, pointer, quote } => {
                join((PARAMETER_PROBLEM, code), [pointer, 0, 0, 0], quote, out)?
            }
        };
        let sum = checksum::of(message);
        seal(message, sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_request_reads_as_it_was_meant() {
        // ping, identifier 0x1234, sequence 1
        let bytes = [8, 0, 0xc4, 0xa8, 0x12, 0x34, 0, 1, 1, 2, 0x20, 0x20];
        let Some(Message::EchoRequest(echo)) = Message::parse(&bytes) else {
            panic!("an echo request")
        };
        assert_eq!(echo, Echo { ident: 0x1234, sequence: 1, data: &[1, 2, 0x20, 0x20] });
        let mut out = [0; 12];
        assert_eq!(Message::EchoRequest(echo).emit(&mut out), Some(12));
        assert_eq!(out, bytes);
        assert_eq!(Message::EchoRequest(echo).emit(&mut out[1..]), None);
    }

    #[test]
    fn too_big_says_what_fits() {
        let message = Message::Unreachable { code: TOO_BIG, mtu: 1400, quote: &[0x45; 28] };
        let mut out = [0; 36];
        assert_eq!(message.emit(&mut out), Some(36));
        assert_eq!(out[..2], [3, 4]);
        assert_eq!(out[4..8], [0, 0, 5, 0x78]);
        assert_eq!(Message::parse(&out), Some(message));
    }

    #[test]
    fn a_wrong_checksum_or_an_unknown_type_is_none() {
        let mut out = [0; 8];
        let message = Message::TimeExceeded { code: 1, quote: &[] };
        assert_eq!(message.emit(&mut out), Some(8));
        assert_eq!(Message::parse(&out), Some(message));
        out[1] ^= 1;
        assert_eq!(Message::parse(&out), None);
        let unknown = [13, 0, 0xf2, 0xff, 0, 0, 0, 0];
        assert_eq!(checksum::of(&unknown), 0);
        assert_eq!(Message::parse(&unknown), None);
        assert_eq!(Message::parse(&out[..7]), None);
    }
}
