//! Neighbor discovery (RFC 4861): who is on the link, and which routers.
//!
//! What a message must satisfy by its own bytes is checked here; what concerns its packet (a hop limit of [`HOP_LIMIT`],
//! addresses) is the business of `net`. Options are in `option`.

mod option;

pub use option::{NdOption, Options, Prefix, Rdnss, Route};

use crate::ethernet::Mac;
use crate::icmp::{HEADER_LEN, join};
use core::net::Ipv6Addr;

/// Whatever has another hop limit came from beyond the link and is dropped. RFC 4861 §6.1, §7.1, §8.1
pub const HOP_LIMIT: u8 = 255;

const ROUTER_SOLICITATION: u8 = 133; // IANA
const ROUTER_ADVERTISEMENT: u8 = 134; // IANA
const NEIGHBOR_SOLICITATION: u8 = 135; // IANA
const NEIGHBOR_ADVERTISEMENT: u8 = 136; // IANA
const REDIRECT: u8 = 137; // IANA

/// One message, without the `ICMPv6` around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'p> {
    /// Are there routers?
    RouterSolicitation {
        /// Where the answer may go; must be absent if the source is unspecified.
        source_link: Option<Mac>,
    },
    /// I am a router, or was one.
    RouterAdvertisement(RouterAdvertisement<'p>),
    /// Who has this address?
    NeighborSolicitation {
        /// The address, never a group's.
        target: Ipv6Addr,
        /// Where the answer may go; must be absent if the source is unspecified.
        source_link: Option<Mac>,
    },
    /// I have this address.
    NeighborAdvertisement(NeighborAdvertisement),
    /// There is a shorter way.
    Redirect {
        /// The way: a router's link-local address, or `destination` itself if it is on the link.
        target: Ipv6Addr,
        /// To here.
        destination: Ipv6Addr,
        /// Where the target is.
        target_link: Option<Mac>,
    },
}

/// RFC 4861 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterAdvertisement<'p> {
    /// What packets should start with; 0 says nothing.
    pub hop_limit: u8,
    /// Addresses come by `DHCPv6`.
    pub managed: bool,
    /// Other things do.
    pub other: bool,
    /// How this router compares with others (RFC 4191 §2.2).
    pub preference: Preference,
    /// Seconds for which it is a default router; 0 if it is none.
    pub lifetime_seconds: u16,
    /// For how long a neighbor that answered is taken to be there; 0 says nothing.
    pub reachable_millis: u32,
    /// How long to wait between solicitations; 0 says nothing.
    pub retransmit_millis: u32,
    /// Prefixes, routes, servers.
    pub options: Options<'p>,
}

/// RFC 4861 §4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborAdvertisement {
    /// It is a router.
    pub router: bool,
    /// It was asked.
    pub solicited: bool,
    /// What was known about it before is wrong.
    pub overrides: bool,
    /// The address, never a group's.
    pub target: Ipv6Addr,
    /// Where it is.
    pub target_link: Option<Mac>,
}

/// How a router or a route compares with others. RFC 4191 §2.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// Rather not.
    Low,
    /// As all who say nothing.
    #[default]
    Medium,
    /// Rather this.
    High,
}

impl Preference {
    /// From bits 3 and 4 of a byte; `None` is the reserved value.
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte >> 3 & 3 {
            0 => Some(Self::Medium),
            1 => Some(Self::High),
            3 => Some(Self::Low),
            _ => None,
        }
    }

    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Medium => 0,
            Self::High => 1 << 3,
            Self::Low => 3 << 3,
        }
    }
}

pub(crate) const fn is_kind(kind: u8) -> bool {
    matches!(kind, ROUTER_SOLICITATION..=REDIRECT)
}

impl<'p> Message<'p> {
    pub(crate) fn parse(kind: u8, word: [u8; 4], rest: &'p [u8]) -> Option<Self> {
        match kind {
            ROUTER_SOLICITATION => {
                Some(Self::RouterSolicitation { source_link: Options::parse(rest)?.source_link() })
            }
            ROUTER_ADVERTISEMENT => {
                RouterAdvertisement::parse(word, rest).map(Self::RouterAdvertisement)
            }
            NEIGHBOR_SOLICITATION => {
                let (target, options) = address(rest)?;
                let source_link = Options::parse(options)?.source_link();
                (!target.is_multicast())
                    .then_some(Self::NeighborSolicitation { target, source_link })
            }
            NEIGHBOR_ADVERTISEMENT => {
                let (target, options) = address(rest)?;
                let [flags, ..] = word;
                let message = NeighborAdvertisement {
                    router: flags & 0x80 != 0,
                    solicited: flags & 0x40 != 0,
                    overrides: flags & 0x20 != 0,
                    target,
                    target_link: Options::parse(options)?.target_link(),
                };
                (!target.is_multicast()).then_some(Self::NeighborAdvertisement(message))
            }
            REDIRECT => {
                let (target, rest) = address(rest)?;
                let (destination, options) = address(rest)?;
                let target_link = Options::parse(options)?.target_link();
                (!destination.is_multicast()).then_some(Self::Redirect {
                    target,
                    destination,
                    target_link,
                })
            }
            _ => None,
        }
    }

    /// Writes the message with a checksum of zero.
    pub(crate) fn emit<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        let mut body = Body { bytes: [0; BODY_MAX], len: 0 };
        let (kind, word) = match *self {
            Self::RouterAdvertisement(message) => return message.emit(out),
            Self::RouterSolicitation { source_link } => {
                body.push_link(source_link.map(NdOption::SourceLink))?;
                (ROUTER_SOLICITATION, 0)
            }
            Self::NeighborSolicitation { target, source_link } => {
                body.push(&target.octets())?;
                body.push_link(source_link.map(NdOption::SourceLink))?;
                (NEIGHBOR_SOLICITATION, 0)
            }
            Self::NeighborAdvertisement(message) => {
                body.push(&message.target.octets())?;
                body.push_link(message.target_link.map(NdOption::TargetLink))?;
                (NEIGHBOR_ADVERTISEMENT, message.flags())
            }
            Self::Redirect { target, destination, target_link } => {
                body.push(&target.octets())?;
                body.push(&destination.octets())?;
                body.push_link(target_link.map(NdOption::TargetLink))?;
                (REDIRECT, 0)
            }
        };
        join((kind, 0), [word, 0, 0, 0], body.bytes.get(..body.len)?, out)
    }
}

impl<'p> RouterAdvertisement<'p> {
    fn parse([hop_limit, flags, a, b]: [u8; 4], rest: &'p [u8]) -> Option<Self> {
        let (reachable, rest) = rest.split_first_chunk()?;
        let (retransmit, options) = rest.split_first_chunk()?;
        Some(Self {
            hop_limit,
            managed: flags & 0x80 != 0,
            other: flags & 0x40 != 0,
            preference: Preference::from_byte(flags).unwrap_or_default(), // RFC 4191 §2.2
            lifetime_seconds: u16::from_be_bytes([a, b]),
            reachable_millis: u32::from_be_bytes(*reachable),
            retransmit_millis: u32::from_be_bytes(*retransmit),
            options: Options::parse(options)?,
        })
    }

    fn emit<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        let flags = u8::from(self.managed) << 7 | u8::from(self.other) << 6;
        let [a, b] = self.lifetime_seconds.to_be_bytes();
        let word = [self.hop_limit, flags | self.preference.byte(), a, b];
        let options = self.options.as_bytes();
        let out = out.get_mut(..HEADER_LEN.checked_add(8)?.checked_add(options.len())?)?;
        join((ROUTER_ADVERTISEMENT, 0), word, &[], out)?;
        let (reachable, rest) = out.get_mut(HEADER_LEN..)?.split_first_chunk_mut()?;
        let (retransmit, place) = rest.split_first_chunk_mut()?;
        *reachable = self.reachable_millis.to_be_bytes();
        *retransmit = self.retransmit_millis.to_be_bytes();
        place.copy_from_slice(options);
        Some(out)
    }
}

impl NeighborAdvertisement {
    const fn flags(&self) -> u8 {
        (self.router as u8) << 7 | (self.solicited as u8) << 6 | (self.overrides as u8) << 5
    }
}

fn address(bytes: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    let (address, rest) = bytes.split_first_chunk::<16>()?;
    Some((Ipv6Addr::from_octets(*address), rest))
}

/// Two addresses and an option: the longest message but for advertisements of routers.
const BODY_MAX: usize = 16 + 16 + 8;

/// A message being written.
struct Body {
    bytes: [u8; BODY_MAX],
    len: usize,
}

impl Body {
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    fn push_link(&mut self, link: Option<NdOption<'_>>) -> Option<()> {
        let mut option = [0; 8];
        let Some(link) = link else { return Some(()) };
        link.emit(&mut option)?;
        self.push(&option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icmpv6::Message as Icmp;

    const A: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn written(message: Message<'_>, out: &mut [u8]) -> usize {
        let len = Icmp::Ndp(message).emit(A, A, out).unwrap();
        assert_eq!(Icmp::parse(A, A, &out[..len]), Some(Icmp::Ndp(message)));
        assert_eq!(Icmp::Ndp(message).emit(A, A, &mut out[..len - 1]), None);
        len
    }

    #[test]
    fn a_neighbor_is_asked_for_and_answers() {
        let mut out = [0; 80];
        let message = Message::NeighborSolicitation { target: A, source_link: Some(MAC) };
        assert_eq!(written(message, &mut out), 32);
        assert_eq!((out[0], out[1]), (135, 0));
        assert_eq!(out[24..32], [1, 1, 2, 0, 0, 0, 0, 9]);
        let answer = NeighborAdvertisement {
            router: false,
            solicited: true,
            overrides: true,
            target: A,
            target_link: Some(MAC),
        };
        assert_eq!(written(Message::NeighborAdvertisement(answer), &mut out), 32);
        assert_eq!((out[0], out[4], out[24]), (136, 0x60, 2));
        let probe = Message::NeighborSolicitation { target: A, source_link: None };
        assert_eq!(written(probe, &mut out), 24);
    }

    #[test]
    fn a_router_is_asked_for_answers_and_redirects() {
        let mut out = [0; 80];
        assert_eq!(written(Message::RouterSolicitation { source_link: None }, &mut out), 8);
        let mut options = [0; 40];
        let len = NdOption::Mtu(1500).emit(&mut options).unwrap();
        let answer = RouterAdvertisement {
            hop_limit: 64,
            managed: true,
            other: true,
            preference: Preference::Low,
            lifetime_seconds: 1800,
            reachable_millis: 1,
            retransmit_millis: 2,
            options: Options::parse(&options[..len]).unwrap(),
        };
        assert_eq!(written(Message::RouterAdvertisement(answer), &mut out), 24);
        assert_eq!(out[4..16], [64, 0xd8, 7, 8, 0, 0, 0, 1, 0, 0, 0, 2]);
        let redirect = Message::Redirect { target: A, destination: A, target_link: Some(MAC) };
        assert_eq!(written(redirect, &mut out), 48);
    }

    #[test]
    fn what_its_rfc_forbids_is_none() {
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
        let word = [0; 4];
        for kind in [NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT] {
            assert!(Message::parse(kind, word, &A.octets()).is_some());
            assert_eq!(Message::parse(kind, word, &group), None);
            assert_eq!(Message::parse(kind, word, &A.octets()[1..]), None);
        }
        assert_eq!(Message::parse(ROUTER_SOLICITATION, word, &[1, 0]), None);
        assert_eq!(Message::parse(ROUTER_SOLICITATION, word, &[1, 2, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Message::parse(ROUTER_ADVERTISEMENT, word, &[0; 7]), None);
        assert!(Message::parse(ROUTER_ADVERTISEMENT, [0, 2 << 3, 0, 0], &[0; 8]).is_some());
    }
}
