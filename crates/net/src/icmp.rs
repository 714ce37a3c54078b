//! What ICMP errors say, in the words of both versions.

/// What became of a packet. The hard and the soft of TCP-176 and TCP-177 are told apart by who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No way to the network, or no route. ICMPv4 3/0, 6, 8, 11; ICMPv6 1/0
    NetworkUnreachable,
    /// The host does not answer. ICMPv4 3/1, 7, 12; ICMPv6 1/3; and our own neighbour that did not
    HostUnreachable,
    /// Nobody there speaks the protocol. ICMPv4 3/2; ICMPv6 4/1
    ProtocolUnreachable,
    /// Nobody listens at the port. ICMPv4 3/3; ICMPv6 1/4
    PortUnreachable,
    /// Too big for a link on the way, which carries so many bytes. ICMPv4 3/4; ICMPv6 2
    TooBig {
        /// The MTU as told; 0: not told (an ICMPv4 router older than RFC 1191).
        mtu: u32,
    },
    /// Somebody forbids it. ICMPv4 3/9, 10, 13 to 15; ICMPv6 1/1, 5, 6
    Prohibited,
    /// The source route failed. ICMPv4 3/5
    SourceRouteFailed,
    /// The source has a scope the destination is beyond of. ICMPv6 1/2
    BeyondScope,
    /// It went around too long. ICMPv4 11/0; ICMPv6 3/0
    HopLimitExceeded,
    /// Its fragments did not all come in time. ICMPv4 11/1; ICMPv6 3/1
    ReassemblyExceeded,
    /// A header of it was not understood. ICMPv4 12; ICMPv6 4/0, 2
    ParameterProblem,
}
