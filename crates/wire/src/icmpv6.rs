//! `ICMPv6` (RFC 4443): echo, errors with the beginning of the packet they are about, and what else is carried in it
//! (`ndp`, `mld`).
//!
//! Whether an error may be sent or believed is the business of `net` and `tcp`.

use crate::checksum::{Checksum, verify};
pub use crate::icmp::{Echo, HEADER_LEN};
use crate::icmp::{join, seal, split};
use crate::ip::Protocol;
use crate::{ipv6, mld, ndp};
use core::net::Ipv6Addr;

/// What an error may quote, so that it passes everywhere. RFC 4443 §2.4 c
pub const QUOTE_MAX: usize = ipv6::MTU_MIN - ipv6::HEADER_LEN - HEADER_LEN;

/// Of [`Message::Unreachable`]: forbidden. RFC 4443 §3.1
pub const PROHIBITED: u8 = 1;
/// Of [`Message::Unreachable`]: nobody has that address. RFC 4443 §3.1
pub const ADDRESS_UNREACHABLE: u8 = 3;
/// Of [`Message::Unreachable`]: nobody listens there. RFC 4443 §3.1
pub const PORT_UNREACHABLE: u8 = 4;

const UNREACHABLE: u8 = 1; // IANA
const TOO_BIG: u8 = 2; // IANA
const TIME_EXCEEDED: u8 = 3; // IANA
const PARAMETER_PROBLEM: u8 = 4; // IANA
const ECHO_REQUEST: u8 = 128; // IANA
const ECHO_REPLY: u8 = 129; // IANA

/// One message. A quote begins with the IPv6 header: see [`ipv6::Header::parse_quote`].
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
        /// The packet's beginning.
        quote: &'p [u8],
    },
    /// A packet was longer than a link takes.
    TooBig {
        /// What the link takes: bytes. RFC 8201 §4 says what to make of less than 1280.
        mtu: u32,
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
    /// A packet was wrong: [`ipv6::Problem`].
    ParameterProblem {
        /// In what way.
        code: u8,
        /// The byte at fault.
        pointer: u32,
        /// The packet's beginning.
        quote: &'p [u8],
    },
    /// Who is on the link (RFC 4861). Only with a hop limit of [`ndp::HOP_LIMIT`].
    Ndp(ndp::Message<'p>),
    /// Who listens to groups (RFC 3810).
    Mld(mld::Message<'p>),
}

impl<'p> Message<'p> {
    /// The message that fills a packet's payload; `None` if its checksum is wrong for these addresses, its type not one
    /// of ours, or its content against the rules of that type.
    #[must_use]
    pub fn parse(source: Ipv6Addr, destination: Ipv6Addr, message: &'p [u8]) -> Option<Self> {
        if !verify(source.into(), destination.into(), Protocol::ICMPV6.0, message) {
            return None;
        }
        let (kind, code, word, rest) = split(message)?;
        let number = u32::from_be_bytes(word);
        Some(match (kind, code) {
            (ECHO_REQUEST, 0) => Self::EchoRequest(Echo::new(word, rest)),
            (ECHO_REPLY, 0) => Self::EchoReply(Echo::new(word, rest)),
            (UNREACHABLE, code) => Self::Unreachable { code, quote: rest },
            (TOO_BIG, _) => Self::TooBig { mtu: number, quote: rest },
            (TIME_EXCEEDED, code) => Self::TimeExceeded { code, quote: rest },
            (PARAMETER_PROBLEM, code) => {
                Self::ParameterProblem { code, pointer: number, quote: rest }
            }
            (kind, 0) if ndp::is_kind(kind) => Self::Ndp(ndp::Message::parse(kind, word, rest)?),
            (kind, _) => Self::Mld(mld::Message::parse(kind, word, rest)?),
        })
    }

    /// Writes the message with its checksum for these addresses and says how long it is; `None` if `out` is too short.
    ///
    /// A quote is written whole: who quotes cuts it to [`QUOTE_MAX`].
    #[must_use]
    pub fn emit(&self, source: Ipv6Addr, destination: Ipv6Addr, out: &mut [u8]) -> Option<usize> {
        let message = match *self {
            Self::EchoRequest(echo) => join((ECHO_REQUEST, 0), echo.word(), echo.data, out)?,
            Self::EchoReply(echo) => join((ECHO_REPLY, 0), echo.word(), echo.data, out)?,
            Self::Unreachable { code, quote } => join((UNREACHABLE, code), [0; 4], quote, out)?,
            Self::TooBig { mtu, quote } => join((TOO_BIG, 0), mtu.to_be_bytes(), quote, out)?,
            Self::TimeExceeded { code, quote } => join((TIME_EXCEEDED, code), [0; 4], quote, out)?,
            Self::ParameterProblem { code, pointer, quote } => {
                join((PARAMETER_PROBLEM, code), pointer.to_be_bytes(), quote, out)?
            }
            Self::Ndp(message) => message.emit(out)?,
            Self::Mld(message) => message.emit(out)?,
        };
        let len = u32::try_from(message.len()).ok()?;
        let (source, destination) = (source.into(), destination.into());
        let mut sum = Checksum::pseudo(source, destination, Protocol::ICMPV6.0, len);
        sum.add(message);
        seal(message, sum.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const B: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

    #[test]
    fn an_echo_request_reads_as_it_was_meant() {
        let bytes = [0x80, 0x00, 0x80, 0xe7, 0x11, 0x22, 0x00, 0x09, 0xf0, 0x9f, 0x00, 0x02];
        let message = Message::EchoRequest(Echo {
            ident: 0x1122,
            sequence: 9,
            data: &[0xf0, 0x9f, 0x00, 0x02],
        });
        let mut out = [0; 12];
        assert_eq!(message.emit(A, B, &mut out), Some(12));
        assert_eq!(out, bytes);
        assert_eq!(Message::parse(A, B, &out), Some(message));
        assert_eq!(Message::parse(A, Ipv6Addr::LOCALHOST, &out), None);
    }

    #[test]
    fn errors_quote_what_they_are_about() {
        for (message, head) in [
            (Message::TooBig { mtu: 1280, quote: &[6; 48] }, [2, 0, 0, 0, 5, 0]),
            (Message::Unreachable { code: 4, quote: &[6; 48] }, [1, 4, 0, 0, 0, 0]),
            (Message::TimeExceeded { code: 1, quote: &[6; 48] }, [3, 1, 0, 0, 0, 0]),
            (
                Message::ParameterProblem { code: 2, pointer: 0x0102_0304, quote: &[6; 48] },
                [4, 2, 1, 2, 3, 4],
            ),
        ] {
            let mut out = [0xee; 56];
            assert_eq!(message.emit(A, B, &mut out), Some(56));
            assert_eq!(out[..2], head[..2]);
            assert_eq!(out[4..8], head[2..]);
            assert_eq!(Message::parse(A, B, &out), Some(message));
            assert_eq!(Message::parse(A, B, &out[..55]), None);
            assert_eq!(message.emit(A, B, &mut out[1..]), None);
        }
    }
}
