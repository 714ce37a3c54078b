//! Addresses as a profile keeps them: both families, or one of them, in no more bytes than the longer takes.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// Deferred TCP-561: addresses of 16 bytes with IPv4 as ::ffff/96 are the C ABI's, which comes with crates/capi.

/// How a connection keeps an address.
pub trait Address: Copy + Debug + PartialEq {
    /// None yet.
    const UNSPECIFIED: Self;
    /// The address, if this kind can keep it.
    fn new(address: IpAddr) -> Option<Self>;
    /// The address.
    fn ip(self) -> IpAddr;
    /// In sixteen octets, an IPv4 address as an IPv4-mapped one (RFC 4291 §2.5.5.2).
    #[inline]
    fn mapped(self) -> [u8; 16] {
        match self.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
    /// Whether it is this one.
    #[inline]
    fn is(&self, address: &IpAddr) -> bool {
        self.ip() == *address
    }
    /// The address, if this kind can keep it.
    #[inline]
    fn narrow(address: Either) -> Option<Self> {
        Self::new(address.family())
    }
    /// The same as an address of either family.
    #[inline]
    fn wide(self) -> Either {
        Either(Ipv6Addr::from_octets(self.mapped()))
    }
}

impl Address for IpAddr {
    const UNSPECIFIED: Self = Self::V6(Ipv6Addr::UNSPECIFIED);

    fn new(address: IpAddr) -> Option<Self> {
        Some(address)
    }

    fn ip(self) -> IpAddr {
        self
    }

    #[inline]
    fn is(&self, address: &IpAddr) -> bool {
        match (self, address) {
            (Self::V4(own), Self::V4(address)) => own == address,
            (Self::V6(own), Self::V6(address)) => own == address,
            (Self::V4(_), Self::V6(_)) | (Self::V6(_), Self::V4(_)) => false,
        }
    }
}

/// An address of either family: IPv4 stands as an IPv4-mapped one (RFC 4291 §2.5.5.2), which no packet may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Either(Ipv6Addr);

impl Address for Either {
    const UNSPECIFIED: Self = Self(Ipv6Addr::UNSPECIFIED);

    #[inline]
    fn new(address: IpAddr) -> Option<Self> {
        Self::of(&address)
    }

    #[inline]
    fn ip(self) -> IpAddr {
        self.family()
    }

    #[inline]
    fn narrow(address: Self) -> Option<Self> {
        Some(address)
    }

    #[inline]
    fn wide(self) -> Self {
        self
    }

    #[inline]
    fn mapped(self) -> [u8; 16] {
        self.0.octets()
    }

    #[inline]
    fn is(&self, address: &IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.0.to_bits() == MAPPED_BITS | u128::from(address.to_bits()),
            IpAddr::V6(address) => self.is_v6(address),
        }
    }
}

impl Either {
    /// No address.
    pub(crate) const NONE: Self = Self(Ipv6Addr::UNSPECIFIED);

    /// `None` for an IPv4-mapped one, which would be taken for the IPv4 one.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn of(address: &IpAddr) -> Option<Self> {
        match address {
            IpAddr::V6(address) => {
                let own = Self(*address);
                own.v4().is_none().then_some(own)
            }
            IpAddr::V4(address) => Some(Self(address.to_ipv6_mapped())),
        }
    }

    /// As it stands in packets.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn family(self) -> IpAddr {
        match self.v4() {
            Some(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4)),
            None => IpAddr::V6(self.0),
        }
    }

    /// The bits of an IPv4 address; `None` for the other family.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn v4(self) -> Option<u32> {
        let octets = self.0.octets();
        let (prefix, last) = octets.split_at(MAPPED.len());
        let last = last.first_chunk().filter(|_| prefix == MAPPED)?;
        Some(u32::from_be_bytes(*last))
    }

    pub(crate) fn is_v4(self) -> bool {
        self.v4().is_some()
    }

    /// Of whichever family.
    pub(crate) fn is_unspecified(self) -> bool {
        self == self.wildcard()
    }

    /// All addresses of its family.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn wildcard(self) -> Self {
        if self.is_v4() { Self(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()) } else { Self::NONE }
    }

    pub(crate) fn is_multicast(self) -> bool {
        match self.v4() {
            Some(v4) => v4 >> 28 == MULTICAST_V4,
            None => self.0.is_multicast(),
        }
    }

    /// Whether it can be one end of a connection (TCP-101).
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn is_unicast(self) -> bool {
        !self.is_multicast() && !self.is_unspecified() && self.v4() != Some(u32::MAX)
    }

    /// Not inlined, or the sixteen octets would be read before it is known that there are so many: four of them were just
    /// written, and such a read waits until all that was written before has left the processor. measured: 30 ns
    #[inline(never)]
    fn is_v6(self, address: &Ipv6Addr) -> bool {
        // A packet may carry a mapped address all the same, and then it is not the IPv4 one.
        self.0 == *address && !address.octets().starts_with(&MAPPED)
    }
}

/// How multicast addresses of IPv4 begin. RFC 5771 §3
const MULTICAST_V4: u32 = 0b1110;
/// How IPv4-mapped addresses begin. RFC 4291 §2.5.5.2
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/// The same, as the number that an address is.
pub(crate) const MAPPED_BITS: u128 = 0xffff << 32;

impl Address for Ipv6Addr {
    const UNSPECIFIED: Self = Self::UNSPECIFIED;

    #[inline]
    fn narrow(address: Either) -> Option<Self> {
        (!address.is_v4()).then_some(address.0)
    }

    fn new(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        }
    }

    fn ip(self) -> IpAddr {
        IpAddr::V6(self)
    }
}

impl Address for Ipv4Addr {
    const UNSPECIFIED: Self = Self::UNSPECIFIED;

    fn new(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    }

    fn ip(self) -> IpAddr {
        IpAddr::V4(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-022
    #[test]
    fn either_family_is_kept_and_a_mapped_address_is_not_mistaken_for_the_other() {
        for text in ["192.0.2.1", "2001:db8::1", "::", "0.0.0.0"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(Either::new(address).unwrap().ip(), address);
            for other in ["192.0.2.1", "2001:db8::1", "::", "0.0.0.0", "::ffff:192.0.2.1"] {
                let other = other.parse().unwrap();
                assert_eq!(Either::new(address).unwrap().is(&other), address == other, "{other}");
            }
        }
        assert_eq!(Either::new("::ffff:192.0.2.1".parse().unwrap()), None);
        assert_eq!(size_of::<Either>(), 16);
    }
}
