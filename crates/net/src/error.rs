//! Why something was ignored, and what a command may not ask for.

use core::fmt;

/// Declares the reasons with their numbers in one place, so that counters and names cannot drift apart.
macro_rules! reasons {
    ($($(#[doc = $words:literal])+ $name:ident),+ $(,)?) => {
        /// Why a frame, a packet or a message was not taken. The stack is as before, but for its counters (L5).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Ignored {
            $($(#[doc = $words])+ $name,)+
        }

        impl Ignored {
            /// All of them, in the order of their numbers. Only ever appended to.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

reasons! {
    /// No such interface, or it is down.
    InterfaceDown,
    /// The frame is too short for its header, or not of a kind we read.
    FrameMalformed,
    /// The frame is for another station.
    FrameForOther,
    /// Neither ARP nor IP.
    FrameUnknown,
    /// A header contradicts itself, the packet is too short for it, or an IPv4 header's checksum is wrong.
    PacketMalformed,
    /// The source is none a packet may have: multicast, broadcast, unspecified, loopback, or our own.
    SourceForbidden,
    /// The destination is no address of ours on this interface, and we do not forward.
    PacketForOther,
    /// The destination may not come from outside: loopback, or unspecified.
    DestinationForbidden,
    /// An extension header, an option or a protocol nobody here knows.
    ProtocolUnknown,
    /// The checksum of the transport or of a message is wrong.
    TransportChecksum,
    /// An empty fragment, or one in the middle that is no multiple of eight bytes.
    FragmentLength,
    /// The fragment ends beyond the longest datagram.
    FragmentTooLong,
    /// The fragment came before.
    FragmentTwice,
    /// Its datagram had an overlap and is dropped whole.
    FragmentSpoiled,
    /// No room for more fragments, in all, of this source, or of this datagram.
    FragmentsFull,
    /// The first fragment does not hold all headers (RFC 7112).
    FragmentHeaders,
    /// ARP that is malformed or not about IPv4 over Ethernet.
    ArpMalformed,
    /// ARP about others.
    ArpForOther,
    /// ARP from an address that is not on our network.
    ArpForeign,
    /// A neighbour message whose hop limit is not 255: it came from beyond the link (RFC 4861 §11.2).
    NdpHopLimit,
    /// A neighbour message that RFC 4861 tells to discard.
    NdpMalformed,
    /// A neighbour message about others.
    NdpForOther,
    /// A message of routers to hosts, which this stack does not follow: addresses and routes are given by commands.
    NdpRouter,
    /// It tells what is known, or claims what may not be believed.
    ClaimUnasked,
    /// An ICMP message too short for itself.
    IcmpMalformed,
    /// An ICMP message of a kind that is ignored on purpose.
    IcmpKind,
    /// An ICMP error about a packet we did not send.
    IcmpForeign,
    /// An echo reply nobody waits for.
    EchoUnasked,
    /// An echo request to many.
    EchoToMany,
    /// A message that would be answered, but too many were.
    RateLimited,
    /// A membership message that is malformed or did not come from the link.
    MembershipMalformed,
    /// A membership message that is not for hosts.
    MembershipKind,
    /// A UDP datagram too short for itself.
    UdpMalformed,
    /// Nobody listens at the port.
    UdpNoSocket,
    /// The socket's reader is behind.
    UdpQueueFull,
    /// A TCP segment that came or goes to many, or to no address (TCP-101).
    TcpToMany,
    /// There is no TCP above.
    TcpAbsent,
}

/// A command that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// A limit of [`Config`](crate::Config) is reached.
    Full,
    /// There is no such interface, address, socket or group.
    Unknown,
    /// The MTU is less than the protocols need.
    Mtu,
    /// The address is none that can be used so: multicast, unspecified, of the other family, not ours.
    Address,
    /// The address or port is taken.
    InUse,
    /// Every port is taken.
    NoPort,
    /// No way leads there.
    NoRoute,
    /// There is no address of ours to send it from.
    NoSource,
    /// It was asked for and is not there.
    Unreachable,
    /// No destination was given and the socket has none.
    NoDestination,
    /// The datagram is longer than may be sent.
    TooLong,
    /// Too much waits to leave; try again after `poll_transmit`.
    NoRoom,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no room for one more",
            Self::Unknown => "there is no such interface, address, socket or group",
            Self::Mtu => "the MTU is too small",
            Self::Address => "the address cannot be used so",
            Self::InUse => "the address or port is taken",
            Self::NoPort => "every port is taken",
            Self::NoRoute => "no way leads there",
            Self::NoSource => "there is no address of ours to send it from",
            Self::Unreachable => "it was asked for and is not there",
            Self::NoDestination => "no destination was given",
            Self::TooLong => "the datagram is too long",
            Self::NoRoom => "too much waits to leave",
        })
    }
}

impl core::error::Error for Misuse {}

/// What was counted since the start. Numbers saturate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Frames given to the stack.
    pub frames_in: u64,
    /// Frames written by the stack.
    pub frames_out: u64,
    /// Datagrams put together from fragments.
    pub reassembled: u64,
    /// Datagrams dropped whole because of an overlap or a contradiction.
    pub spoiled: u64,
    /// Datagrams whose fragments did not all come in time.
    pub reassembly_expired: u64,
    /// Datagrams sent in fragments.
    pub fragmented: u64,
    /// ICMP errors sent.
    pub errors_sent: u64,
    /// ICMP errors that were due and not sent because of the limit.
    pub errors_withheld: u64,
    /// ICMP errors handed up.
    pub errors_received: u64,
    /// Echo requests answered.
    pub echoes_answered: u64,
    /// Packets dropped because too much waited to leave.
    pub output_full: u64,
    /// Packets dropped because their neighbour was not there, or too many waited for it.
    pub unresolved: u64,
    /// Somebody else used an address of ours.
    pub conflicts: u64,
    ignored: [u64; Ignored::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            frames_in: 0,
            frames_out: 0,
            reassembled: 0,
            spoiled: 0,
            reassembly_expired: 0,
            fragmented: 0,
            errors_sent: 0,
            errors_withheld: 0,
            errors_received: 0,
            echoes_answered: 0,
            output_full: 0,
            unresolved: 0,
            conflicts: 0,
            ignored: [0; Ignored::ALL.len()],
        }
    }
}

impl Counters {
    /// How often something was ignored for this reason.
    #[must_use]
    pub fn ignored(&self, why: Ignored) -> u64 {
        self.ignored.get(why as usize).copied().unwrap_or(0)
    }

    pub(crate) fn ignore(&mut self, why: Ignored) {
        if let Some(count) = self.ignored.get_mut(why as usize) {
            increase(count);
        }
    }
}

/// Counts one more.
pub(crate) const fn increase(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let mut counters = Counters::default();
        for &why in Ignored::ALL {
            counters.ignore(why);
        }
        assert!(Ignored::ALL.iter().all(|&why| counters.ignored(why) == 1));
    }
}
