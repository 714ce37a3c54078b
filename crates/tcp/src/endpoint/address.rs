//! Addresses as a profile keeps them: both families in 17 bytes, or one in 16.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a connection keeps an address.
pub trait Address: Copy + Debug + PartialEq {
    /// None yet.
    const UNSPECIFIED: Self;
    /// The address, if this kind can keep it.
    fn new(address: IpAddr) -> Option<Self>;
    /// The address.
    fn ip(self) -> IpAddr;
    /// Whether it is this one.
    #[inline]
    fn is(&self, address: &IpAddr) -> bool {
        self.ip() == *address
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

impl Address for Ipv6Addr {
    const UNSPECIFIED: Self = Self::UNSPECIFIED;

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
