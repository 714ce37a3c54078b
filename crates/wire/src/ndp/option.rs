//! Options of neighbor discovery (RFC 4861 §4.6, RFC 4191 §2.3, RFC 8106 §5.1): units of eight bytes.

use crate::ethernet::Mac;
use crate::ndp::Preference;
use core::net::Ipv6Addr;

const SOURCE_LINK: u8 = 1; // IANA
const TARGET_LINK: u8 = 2; // IANA
const PREFIX: u8 = 3; // IANA
const MTU: u8 = 5; // IANA
const ROUTE: u8 = 24; // IANA
const RDNSS: u8 = 25; // IANA

/// Options as they stand in a message: every length is one that can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'p>(&'p [u8]);

impl<'p> Options<'p> {
    /// The options that fill `bytes`; `None` if a length is zero or beyond the end, for then the whole message is to be
    /// dropped (RFC 4861 §4.6).
    #[must_use]
    pub fn parse(bytes: &'p [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, _, rest) = next(rest)?;
        }
        Some(Self(bytes))
    }

    /// Those we know, in their order. Unknown ones are left out, and known ones that contradict themselves.
    pub fn iter(self) -> impl Iterator<Item = NdOption<'p>> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (kind, body, after) = next(rest)?;
            rest = after;
            Some(NdOption::parse(kind, body))
        })
        .flatten()
    }

    /// The first that says where the sender is.
    #[must_use]
    pub fn source_link(self) -> Option<Mac> {
        self.iter().find_map(
            |option| if let NdOption::SourceLink(mac) = option { Some(mac) } else { None },
        )
    }

    /// The first that says where the target is.
    #[must_use]
    pub fn target_link(self) -> Option<Mac> {
        self.iter().find_map(
            |option| if let NdOption::TargetLink(mac) = option { Some(mac) } else { None },
        )
    }

    /// As they stand.
    #[must_use]
    pub const fn as_bytes(self) -> &'p [u8] {
        self.0
    }
}

/// One option: kind, what follows kind and length, and what follows the option.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, units], rest) = bytes.split_first_chunk()?;
    let len = usize::from(units).saturating_mul(8).checked_sub(2)?;
    let (body, after) = rest.split_at_checked(len)?;
    Some((kind, body, after))
}

/// One option that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdOption<'p> {
    /// Where the sender is.
    SourceLink(Mac),
    /// Where the target is.
    TargetLink(Mac),
    /// Addresses of this link.
    Prefix(Prefix),
    /// What the link carries: bytes.
    Mtu(u32),
    /// What lies behind this router.
    Route(Route),
    /// Whom to ask for names.
    Rdnss(Rdnss<'p>),
}

/// RFC 4861 §4.6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix; what follows its bits means nothing.
    pub prefix: Ipv6Addr,
    /// Its bits, at most 128.
    pub len: u8,
    /// These addresses are on the link.
    pub on_link: bool,
    /// Addresses may be formed of it (RFC 4862).
    pub autonomous: bool,
    /// All ones is for ever.
    pub valid_seconds: u32,
    /// All ones is for ever.
    pub preferred_seconds: u32,
}

/// RFC 4191 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The prefix; what follows its bits means nothing.
    pub prefix: Ipv6Addr,
    /// Its bits, at most 128.
    pub len: u8,
    /// How this route compares with others.
    pub preference: Preference,
    /// All ones is for ever, 0 no longer.
    pub lifetime_seconds: u32,
}

/// RFC 8106 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rdnss<'p> {
    /// All ones is for ever, 0 no longer.
    pub lifetime_seconds: u32,
    /// The servers' addresses, at least one.
    pub servers: &'p [[u8; 16]],
}

impl<'p> Rdnss<'p> {
    /// The servers.
    pub fn addresses(self) -> impl Iterator<Item = Ipv6Addr> + 'p {
        self.servers.iter().map(|server| Ipv6Addr::from_octets(*server))
    }
}

impl<'p> NdOption<'p> {
    fn parse(kind: u8, body: &'p [u8]) -> Option<Self> {
        match kind {
            SOURCE_LINK => Some(Self::SourceLink(Mac(body.try_into().ok()?))),
            TARGET_LINK => Some(Self::TargetLink(Mac(body.try_into().ok()?))),
            MTU => {
                let [_, _, a, b, c, d] = body.try_into().ok()?;
                Some(Self::Mtu(u32::from_be_bytes([a, b, c, d])))
            }
            PREFIX => Prefix::parse(body).map(Self::Prefix),
            ROUTE => Route::parse(body).map(Self::Route),
            RDNSS => {
                let (&[_, _, a, b, c, d], rest) = body.split_first_chunk()?;
                let lifetime_seconds = u32::from_be_bytes([a, b, c, d]);
                let (servers, odd) = rest.as_chunks();
                (!servers.is_empty() && odd.is_empty())
                    .then_some(Self::Rdnss(Rdnss { lifetime_seconds, servers }))
            }
            _ => None,
        }
    }

    /// Writes the option and says how long it is; `None` if `out` is too short, or the option too long for its own
    /// length field.
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        match self {
            Self::SourceLink(mac) => put(SOURCE_LINK, &mac.0, &[], out),
            Self::TargetLink(mac) => put(TARGET_LINK, &mac.0, &[], out),
            Self::Mtu(mtu) => put(MTU, &six([0, 0], *mtu), &[], out),
            Self::Prefix(prefix) => prefix.emit(out),
            Self::Route(route) => {
                let head = six([route.len, route.preference.byte()], route.lifetime_seconds);
                put(ROUTE, &head, &route.prefix.octets(), out)
            }
            Self::Rdnss(rdnss) => {
                let head = six([0, 0], rdnss.lifetime_seconds);
                put(RDNSS, &head, rdnss.servers.as_flattened(), out)
            }
        }
    }
}

impl Prefix {
    fn parse(body: &[u8]) -> Option<Self> {
        let (&[len, flags, a, b, c, d], rest) = body.split_first_chunk()?;
        let (preferred, rest) = rest.split_first_chunk()?;
        let prefix: [u8; 16] = rest.get(4..)?.try_into().ok()?;
        (len <= 128).then_some(Self {
            prefix: prefix.into(),
            len,
            on_link: flags & 0x80 != 0,
            autonomous: flags & 0x40 != 0,
            valid_seconds: u32::from_be_bytes([a, b, c, d]),
            preferred_seconds: u32::from_be_bytes(*preferred),
        })
    }

    fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let flags = u8::from(self.on_link) << 7 | u8::from(self.autonomous) << 6;
        let mut rest = [0; 24];
        *rest.first_chunk_mut()? = self.preferred_seconds.to_be_bytes();
        *rest.last_chunk_mut()? = self.prefix.octets();
        put(PREFIX, &six([self.len, flags], self.valid_seconds), &rest, out)
    }
}

impl Route {
    /// The prefix may be cut to 8 bytes or none, if its bits fit (RFC 4191 §2.3).
    fn parse(body: &[u8]) -> Option<Self> {
        let (&[len, flags, a, b, c, d], rest) = body.split_first_chunk()?;
        let mut prefix = [0; 16];
        prefix.get_mut(..rest.len())?.copy_from_slice(rest);
        let fits = usize::from(len) <= rest.len().saturating_mul(8);
        fits.then_some(Self {
            prefix: prefix.into(),
            len,
            preference: Preference::from_byte(flags)?,
            lifetime_seconds: u32::from_be_bytes([a, b, c, d]),
        })
    }
}

fn six([a, b]: [u8; 2], number: u32) -> [u8; 6] {
    let [c, d, e, f] = number.to_be_bytes();
    [a, b, c, d, e, f]
}

/// Kind, length, six bytes, and the rest, which is a multiple of eight.
fn put(kind: u8, [a, b, c, d, e, f]: &[u8; 6], rest: &[u8], out: &mut [u8]) -> Option<usize> {
    let len = rest.len().checked_add(8)?;
    let (head, place) = out.get_mut(..len)?.split_first_chunk_mut()?;
    *head = [kind, u8::try_from(len / 8).ok()?, *a, *b, *c, *d, *e, *f];
    place.copy_from_slice(rest);
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    /// As home routers say it: a prefix, an MTU, a server for names, its own address.
    const SAMPLE: [u8; 72] = [
        3, 4, 64, 0xc0, 0, 0, 0x1c, 0x20, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0,
        0, 1, 0, 0, 0, 0, 0, 0, 0, 0, // prefix
        5, 1, 0, 0, 0, 0, 5, 0xd4, // MTU
        25, 3, 0, 0, 0, 0, 4, 0xb0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, // names
        1, 1, 2, 0, 0, 0, 0, 1, // source
    ];

    #[test]
    fn what_a_router_says_reads_as_it_was_meant() {
        let options = Options::parse(&SAMPLE).unwrap();
        let all: Vec<_> = options.iter().collect();
        let prefix = Prefix {
            prefix: "2001:db8:0:1::".parse().unwrap(),
            len: 64,
            on_link: true,
            autonomous: true,
            valid_seconds: 7200,
            preferred_seconds: 3600,
        };
        assert_eq!(all[..2], [NdOption::Prefix(prefix), NdOption::Mtu(1492)]);
        let NdOption::Rdnss(rdnss) = all[2] else { panic!("servers") };
        assert_eq!(rdnss.lifetime_seconds, 1200);
        assert_eq!(rdnss.addresses().collect::<Vec<_>>(), ["fe80::1".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!(options.source_link(), Some(Mac([2, 0, 0, 0, 0, 1])));
        assert_eq!(options.target_link(), None);
        let mut out = [0; 72];
        let mut len = 0;
        for option in all {
            len += option.emit(&mut out[len..]).unwrap();
        }
        assert_eq!((len, out), (72, SAMPLE));
    }

    #[test]
    fn a_length_that_cannot_be_spoils_all_of_them() {
        let mut bytes = SAMPLE;
        bytes[33] = 0;
        assert_eq!(Options::parse(&bytes), None);
        assert_eq!(Options::parse(&SAMPLE[..71]), None);
        assert_eq!(Options::parse(&[1]), None);
        assert!(Options::parse(&[]).is_some());
    }

    #[test]
    fn routes_may_be_cut_to_their_prefix() {
        fn route(bytes: &[u8]) -> Option<NdOption<'_>> {
            Options::parse(bytes).unwrap().iter().next()
        }
        let default = [24, 1, 0, 8, 0, 0, 0, 9];
        let expected = Route {
            prefix: Ipv6Addr::UNSPECIFIED,
            len: 0,
            preference: Preference::High,
            lifetime_seconds: 9,
        };
        assert_eq!(route(&default), Some(NdOption::Route(expected)));
        let half = [24, 2, 48, 0, 0, 0, 0, 9, 0x20, 1, 0x0d, 0xb8, 0, 5, 0, 0];
        let Some(NdOption::Route(route_half)) = route(&half) else { panic!("a route") };
        assert_eq!(route_half.prefix, "2001:db8:5::".parse::<Ipv6Addr>().unwrap());
        assert_eq!(route(&[24, 1, 1, 8, 0, 0, 0, 9]), None); // a bit that is not there
        assert_eq!(route(&[24, 1, 0, 16, 0, 0, 0, 9]), None); // the reserved preference
    }

    #[test]
    fn known_kinds_of_wrong_length_are_left_out() {
        for (kind, units) in [(1, 2), (2, 3), (3, 3), (5, 2), (24, 4), (25, 1), (25, 2), (99, 1)] {
            let mut bytes = [0; 40];
            (bytes[0], bytes[1]) = (kind, units);
            let options = Options::parse(&bytes[..usize::from(units) * 8]).unwrap();
            assert_eq!(options.iter().next(), None, "{kind}");
        }
        let mut long = SAMPLE;
        long[2] = 129;
        assert!(!matches!(Options::parse(&long).unwrap().iter().next(), Some(NdOption::Prefix(_))));
    }
}
