//! An address and how much of it names the network.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_wire::ethernet::Mac;

/// An address with the length of its network part: `192.0.2.7/24`. The host part is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    address: IpAddr,
    len: u8,
}

impl Prefix {
    /// All addresses of the family of `like`: where a way out leads.
    #[must_use]
    pub const fn everything(like: IpAddr) -> Self {
        let address = match like {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self { address, len: 0 }
    }

    /// The prefix; `None` if `len` is more bits than the address has.
    #[must_use]
    pub fn new(address: IpAddr, len: u8) -> Option<Self> {
        (len <= width(address)).then_some(Self { address, len })
    }

    /// Every IPv4 address: the prefix of a default route.
    #[must_use]
    pub const fn any_v4() -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), len: 0 }
    }

    /// Every IPv6 address: the prefix of a default route.
    #[must_use]
    pub const fn any_v6() -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), len: 0 }
    }

    /// The IPv6 link-local address that belongs to an Ethernet address. RFC 4291 §2.5.1, RFC 2464 §5
    #[must_use]
    pub fn link_local(mac: Mac) -> Self {
        let [a, b, c, d, e, f, g, h] = mac.interface_id();
        let address = Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]);
        Self { address: IpAddr::V6(address), len: 64 }
    }

    /// The address, host part included.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits name the network.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a number of bits, not of things")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Whether `address` lies in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && shared_len(self.address, address) >= self.len
    }

    /// The address that reaches every host of an IPv4 network; none for IPv6, /31 (RFC 3021) and /32.
    #[must_use]
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        let IpAddr::V4(address) = self.address else { return None };
        let hosts = u32::MAX.checked_shr(u32::from(self.len)).unwrap_or(0);
        (self.len < 31).then(|| Ipv4Addr::from_bits(address.to_bits() | hosts))
    }

    /// Whether `address` names the network itself: the host part is zero, an old form of broadcast (RFC 1122 §3.3.6).
    #[must_use]
    pub fn is_network(&self, address: Ipv4Addr) -> bool {
        let hosts = u32::MAX.checked_shr(u32::from(self.len)).unwrap_or(0);
        self.len < 31 && self.contains(IpAddr::V4(address)) && address.to_bits() & hosts == 0
    }
}

/// How many bits an address of this family has.
pub(crate) const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// How many leading bits two addresses share; 0 if their families differ.
pub(crate) fn shared_len(one: IpAddr, other: IpAddr) -> u8 {
    let zeros = match (one, other) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    };
    u8::try_from(zeros).unwrap_or(u8::MAX) // at most 128
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str, len: u8) -> Prefix {
        Prefix::new(text.parse().unwrap(), len).unwrap()
    }

    #[test]
    fn a_prefix_contains_its_network_and_nothing_else() {
        assert!(prefix("192.0.2.7", 24).contains("192.0.2.255".parse().unwrap()));
        assert!(!prefix("192.0.2.7", 24).contains("192.0.3.1".parse().unwrap()));
        assert!(Prefix::any_v4().contains("8.8.8.8".parse().unwrap()));
        assert!(!Prefix::any_v4().contains("::1".parse().unwrap()));
        assert!(!prefix("::", 0).contains("0.0.0.0".parse().unwrap()));
        assert!(prefix("2001:db8::1", 128).contains("2001:db8::1".parse().unwrap()));
        assert_eq!(Prefix::new("1.2.3.4".parse().unwrap(), 33), None);
    }

    #[test]
    fn broadcast_exists_where_there_are_hosts_to_reach() {
        assert_eq!(prefix("192.0.2.7", 24).broadcast(), Some(Ipv4Addr::new(192, 0, 2, 255)));
        assert_eq!(prefix("192.0.2.7", 31).broadcast(), None);
        assert_eq!(prefix("192.0.2.7", 32).broadcast(), None);
        assert_eq!(prefix("0.0.0.0", 0).broadcast(), Some(Ipv4Addr::BROADCAST));
        assert_eq!(prefix("2001:db8::", 64).broadcast(), None);
        assert!(prefix("192.0.2.7", 24).is_network(Ipv4Addr::new(192, 0, 2, 0)));
        assert!(!prefix("192.0.2.7", 24).is_network(Ipv4Addr::new(192, 0, 2, 7)));
    }

    #[test]
    fn a_link_local_address_is_made_of_the_ethernet_address() {
        let made = Prefix::link_local(Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!(made, prefix("fe80::ff:fe00:1", 64));
    }
}
