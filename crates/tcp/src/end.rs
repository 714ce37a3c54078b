//! One end of a connection as packets name it: address and port, in one form for both families.

use crate::endpoint::Either;
use core::net::{IpAddr, SocketAddr};

/// An address and a port. Eighteen bytes whatever the family, so that two are compared by one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) address: Either,
    pub(crate) port: u16,
}

impl End {
    /// Of nobody.
    pub(crate) const NONE: Self = Self { address: Either::NONE, port: 0 };

    /// `None` for an IPv4-mapped address of IPv6, which no packet may carry.
    pub(crate) fn new(end: SocketAddr) -> Option<Self> {
        Some(Self { address: Either::of(&end.ip())?, port: end.port() })
    }

    pub(crate) fn or_none(end: SocketAddr) -> Self {
        Self::new(end).unwrap_or(Self::NONE)
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn socket(self) -> SocketAddr {
        SocketAddr::new(self.ip(), self.port)
    }

    #[inline]
    pub(crate) fn ip(self) -> IpAddr {
        self.address.family()
    }

    /// Whether it can be one end of a connection (TCP-101).
    pub(crate) fn is_plausible(&self) -> bool {
        self.port != 0 && self.address.is_unicast()
    }

    /// Whether who has one of them has the other: an unspecified address is all of them (TCP-021).
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.port == other.port
            && (self.address == other.address
                || self.address.is_unspecified()
                || other.address.is_unspecified())
    }
}
