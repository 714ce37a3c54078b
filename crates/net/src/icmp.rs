//! What ICMP errors say, in the words of both versions.

use mainstay_wire::{icmpv4, icmpv6};

/// What became of a packet. The hard and the soft of TCP-176 and TCP-177 are told apart by who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No way to the network, or no route. `ICMPv4` 3/0, 6, 8, 11; `ICMPv6` 1/0
    NetworkUnreachable,
    /// The host does not answer. `ICMPv4` 3/1, 7, 12; `ICMPv6` 1/3; and our own neighbour that did not
    HostUnreachable,
    /// Nobody there speaks the protocol. `ICMPv4` 3/2; `ICMPv6` 4/1
    ProtocolUnreachable,
    /// Nobody listens at the port. `ICMPv4` 3/3; `ICMPv6` 1/4
    PortUnreachable,
    /// Too big for a link on the way, which carries so many bytes. `ICMPv4` 3/4; `ICMPv6` 2
    TooBig {
        /// The MTU as told; 0: not told (an `ICMPv4` router older than RFC 1191).
        mtu: u32,
    },
    /// Somebody forbids it. `ICMPv4` 3/9, 10, 13 to 15; `ICMPv6` 1/1, 5, 6
    Prohibited,
    /// The source route failed. `ICMPv4` 3/5
    SourceRouteFailed,
    /// The source has a scope the destination is beyond of. `ICMPv6` 1/2
    BeyondScope,
    /// It went around too long. `ICMPv4` 11/0; `ICMPv6` 3/0
    HopLimitExceeded,
    /// Its fragments did not all come in time. `ICMPv4` 11/1; `ICMPv6` 3/1
    ReassemblyExceeded,
    /// A header of it was not understood. `ICMPv4` 12; `ICMPv6` 4/0, 2
    ParameterProblem,
}

/// What an `ICMPv4` error says; `None` if it says nothing we know. RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1
pub(crate) const fn kind_v4(message: &icmpv4::Message<'_>) -> Option<ErrorKind> {
    Some(match message {
        icmpv4::Message::Unreachable { code, mtu, .. } => match code {
            0 | 6 | 8 | 11 => ErrorKind::NetworkUnreachable,
            1 | 7 | 12 => ErrorKind::HostUnreachable,
            2 => ErrorKind::ProtocolUnreachable,
            3 => ErrorKind::PortUnreachable,
            4 => ErrorKind::TooBig { mtu: *mtu as u32 },
            5 => ErrorKind::SourceRouteFailed,
            9 | 10 | 13..=15 => ErrorKind::Prohibited,
            _ => return None,
        },
        icmpv4::Message::TimeExceeded { code: 0, .. } => ErrorKind::HopLimitExceeded,
        icmpv4::Message::TimeExceeded { code: 1, .. } => ErrorKind::ReassemblyExceeded,
        icmpv4::Message::ParameterProblem { .. } => ErrorKind::ParameterProblem,
        icmpv4::Message::TimeExceeded { .. }
        | icmpv4::Message::EchoRequest(_)
        | icmpv4::Message::EchoReply(_) => return None,
    })
}

/// What an `ICMPv6` error says; `None` if it says nothing we know. RFC 4443 §3
pub(crate) const fn kind_v6(message: &icmpv6::Message<'_>) -> Option<ErrorKind> {
    Some(match message {
        icmpv6::Message::Unreachable { code, .. } => match code {
            0 => ErrorKind::NetworkUnreachable,
            1 | 5 | 6 => ErrorKind::Prohibited,
            2 => ErrorKind::BeyondScope,
            3 => ErrorKind::HostUnreachable,
            4 => ErrorKind::PortUnreachable,
            _ => return None,
        },
        icmpv6::Message::TooBig { mtu, .. } => ErrorKind::TooBig { mtu: *mtu },
        icmpv6::Message::TimeExceeded { code: 0, .. } => ErrorKind::HopLimitExceeded,
        icmpv6::Message::TimeExceeded { code: 1, .. } => ErrorKind::ReassemblyExceeded,
        icmpv6::Message::ParameterProblem { code: 1, .. } => ErrorKind::ProtocolUnreachable,
        icmpv6::Message::ParameterProblem { .. } => ErrorKind::ParameterProblem,
        icmpv6::Message::TimeExceeded { .. }
        | icmpv6::Message::EchoRequest(_)
        | icmpv6::Message::EchoReply(_)
        | icmpv6::Message::Ndp(_)
        | icmpv6::Message::Mld(_) => return None,
    })
}
