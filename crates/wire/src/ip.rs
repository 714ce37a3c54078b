//! What both versions of IP share: the protocol above, and the byte of service and congestion marks.

/// What a packet carries, or the extension header that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// IPv6 hop-by-hop options. IANA
    pub const HOP_BY_HOP: Self = Self(0);
    /// `ICMPv4`. IANA
    pub const ICMPV4: Self = Self(1);
    /// IGMP. IANA
    pub const IGMP: Self = Self(2);
    /// TCP. IANA
    pub const TCP: Self = Self(6);
    /// UDP. IANA
    pub const UDP: Self = Self(17);
    /// IPv6 routing header. IANA
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header. IANA
    pub const FRAGMENT: Self = Self(44);
    /// Encrypted, opaque to us. IANA
    pub const ESP: Self = Self(50);
    /// Authenticated, opaque to us. IANA
    pub const AH: Self = Self(51);
    /// `ICMPv6`. IANA
    pub const ICMPV6: Self = Self(58);
    /// Nothing follows. IANA
    pub const NO_NEXT_HEADER: Self = Self(59);
    /// IPv6 destination options. IANA
    pub const DESTINATION_OPTIONS: Self = Self(60);
}

/// How many routers a packet may pass unless its sender says otherwise. IANA, "IP time to live parameter"
pub const HOP_LIMIT: u8 = 64;

/// The congestion mark of a packet (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// The transport does not understand marks.
    #[default]
    NotEct,
    /// Capable, and of the low-latency kind (RFC 9331 §4.1).
    Ect1,
    /// Capable.
    Ect0,
    /// Congestion experienced.
    Ce,
}

impl Ecn {
    /// The two bits; the others do not matter.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// As two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Ce => 3,
        }
    }
}

/// How a packet wishes to be treated (RFC 2474 §3): six bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

impl Dscp {
    /// As everything. RFC 2474 §4.1
    pub const DEFAULT: Self = Self(0);
    /// Expedited forwarding. RFC 3246 §2.7
    pub const EXPEDITED: Self = Self(46);
    /// Network control. RFC 2474 §4.2.2
    pub const NETWORK_CONTROL: Self = Self(48);

    /// The low six bits of `value`.
    #[must_use]
    pub const fn new(value: u8) -> Self {
        Self(value & 0x3f)
    }

    /// The number, below 64.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Both, from the byte of an IPv4 header or the traffic class of an IPv6 one.
#[must_use]
pub const fn from_class(class: u8) -> (Dscp, Ecn) {
    (Dscp(class >> 2), Ecn::from_bits(class))
}

/// Both as that byte.
#[must_use]
pub const fn to_class(dscp: Dscp, ecn: Ecn) -> u8 {
    dscp.0 << 2 | ecn.bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_a_service_and_a_mark() {
        for class in 0..=255 {
            let (dscp, ecn) = from_class(class);
            assert_eq!(to_class(dscp, ecn), class);
            assert_eq!(Dscp::new(dscp.get()), dscp);
        }
        assert_eq!(from_class(0xb9), (Dscp::EXPEDITED, Ecn::Ect1));
        assert_eq!(from_class(0x03), (Dscp::DEFAULT, Ecn::Ce));
    }
}
