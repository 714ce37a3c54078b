//! What may stand between the IPv6 header and its payload (RFC 8200 §4): walked, bounded, judged.

use crate::ip::Protocol;
use crate::ipv6::HEADER_LEN;
use core::net::Ipv6Addr;

/// How many extension headers a packet may have. chosen: RFC 8200 §4.1 names seven places for them
pub const HEADERS_MAX: usize = 8;
/// The hop-by-hop header with which MLD must be sent: a router alert, padded. RFC 2711 §2.1, RFC 3810 §5
pub const HOP_BY_HOP_ALERT: [u8; 8] = [Protocol::ICMPV6.0, 0, 5, 2, 0, 0, 1, 0];

const PAD1: u8 = 0; // RFC 8200 §4.2
const PADN: u8 = 1; // RFC 8200 §4.2
const ROUTER_ALERT: u8 = 5; // IANA

/// The last header reached, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// What stands there: an upper protocol, or what we do not look into (ESP, AH, no next header, unknown ones).
    pub protocol: Protocol,
    /// Where, in the bytes walked.
    pub offset: usize,
    /// The packet is cut, and at `offset` stands this piece of it, which begins with a header of `protocol` if its own
    /// offset is zero.
    pub fragment: Option<Fragment>,
    /// A hop-by-hop router alert was there.
    pub router_alert: bool,
    /// Where in the packet the byte stands that names `protocol`: what [`Problem::unknown`] wants.
    pub named_at: u32,
}

/// A piece of a packet (RFC 8200 §4.5). One that is the whole packet (RFC 6946) is not reported as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What pieces of one packet share.
    pub ident: u32,
    /// Where it stands in the whole: bytes, a multiple of eight, at most 65528.
    pub offset: u16,
    /// Another one follows.
    pub more: bool,
}

impl Fragment {
    /// A fragment header. RFC 8200 §4.5
    pub const LEN: usize = 8;

    /// Writes the header before a payload of `next` and says how long it is; `None` if `out` is too short.
    #[must_use]
    pub fn emit(&self, next: Protocol, out: &mut [u8]) -> Option<usize> {
        let [a, b] = (self.offset & 0xfff8 | u16::from(self.more)).to_be_bytes();
        let [c, d, e, f] = self.ident.to_be_bytes();
        *out.first_chunk_mut()? = [next.0, 0, a, b, c, d, e, f];
        Some(Self::LEN)
    }
}

/// Why a packet goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is dropped and nobody is told.
    Drop,
    /// It is dropped and its sender is told.
    Answer(Problem),
}

/// What to tell (`ICMPv6` parameter problem, RFC 4443 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 0 wrong field, 1 unknown next header, 2 unknown option.
    pub code: u8,
    /// The byte at fault, counted from the start of the IPv6 header.
    pub pointer: u32,
    /// Tell it also if the packet went to a group (RFC 4443 §2.4 e.3).
    pub even_to_groups: bool,
}

impl Problem {
    /// Nobody here speaks [`Chain::protocol`]. RFC 8200 §4
    #[must_use]
    pub const fn unknown(chain: &Chain) -> Self {
        Self { code: 1, pointer: chain.named_at, even_to_groups: false }
    }

    /// Whether a packet to this address may be answered so.
    #[must_use]
    pub const fn answers(&self, destination: Ipv6Addr) -> bool {
        self.even_to_groups || !destination.is_multicast()
    }
}

/// Walks the extension headers in `payload`, of which `next` is the first.
///
/// `start` says where in the packet `payload` begins: [`HEADER_LEN`] for what [`super::Header::parse`] gave, and where the
/// first fragment's piece began for what was put together again; hop-by-hop options are right only directly after the
/// header. The walk ends at a fragment; it goes on in the whole.
///
/// # Errors
/// Why the packet must be dropped, and whether to tell.
pub fn walk(next: Protocol, payload: &[u8], start: usize) -> Result<Chain, Stop> {
    let named_at = if start == HEADER_LEN { 6 } else { start.saturating_sub(Fragment::LEN) };
    let mut chain = Chain {
        protocol: next,
        offset: 0,
        fragment: None,
        router_alert: false,
        named_at: position(named_at, 0),
    };
    for _ in 0..=HEADERS_MAX {
        let rest = payload.get(chain.offset..).unwrap_or_default();
        let at = start.saturating_add(chain.offset);
        match chain.protocol {
            Protocol::HOP_BY_HOP if at != HEADER_LEN => {
                return Err(Stop::Answer(Problem::unknown(&chain)));
            }
            Protocol::HOP_BY_HOP | Protocol::DESTINATION_OPTIONS => {
                let (header, options) = extension(rest)?;
                let alert = judge(options, at.saturating_add(2))?;
                chain.router_alert |= alert && chain.protocol == Protocol::HOP_BY_HOP;
                chain.step(header, options.len().saturating_add(2), at);
            }
            Protocol::ROUTING => {
                let (header, body) = extension(rest)?;
                if body.get(1).is_some_and(|left| *left != 0) {
                    return wrong(at, 2); // RFC 8200 §4.4: the routing type
                }
                chain.step(header, body.len().saturating_add(2), at);
            }
            Protocol::FRAGMENT => {
                let Some((&[next, _, a, b, c, d, e, f], piece)) = rest.split_first_chunk() else {
                    return Err(Stop::Drop);
                };
                let field = u16::from_be_bytes([a, b]);
                let ident = u32::from_be_bytes([c, d, e, f]);
                let fragment = Fragment { ident, offset: field & 0xfff8, more: field & 1 == 1 };
                chain.step(next, Fragment::LEN, at);
                if fragment.more || fragment.offset != 0 {
                    check_fragment(fragment, piece.len(), at)?;
                    chain.fragment = Some(fragment);
                    return Ok(chain);
                }
            }
            _ => return Ok(chain),
        }
    }
    Err(Stop::Drop)
}

impl Chain {
    fn step(&mut self, next: u8, len: usize, at: usize) {
        self.protocol = Protocol(next);
        self.offset = self.offset.saturating_add(len);
        self.named_at = position(at, 0);
    }
}

/// RFC 8200 §4.5: pieces but the last are multiples of eight, and the whole is no longer than a packet can be.
fn check_fragment(fragment: Fragment, len: usize, at: usize) -> Result<(), Stop> {
    if fragment.more && !len.is_multiple_of(8) {
        return wrong(0, 4); // the payload length
    }
    if usize::from(fragment.offset).saturating_add(len) > usize::from(u16::MAX) {
        return wrong(at, 2); // the fragment offset
    }
    Ok(())
}

/// The next header that an extension header names, and what follows its first two bytes.
fn extension(bytes: &[u8]) -> Result<(u8, &[u8]), Stop> {
    let (&[next, units], rest) = bytes.split_first_chunk().ok_or(Stop::Drop)?;
    let len = usize::from(units).saturating_mul(8).saturating_add(6);
    Ok((next, rest.get(..len).ok_or(Stop::Drop)?))
}

/// Looks at each option; `at` is where in the packet they begin. Yields whether a router alert was among them.
fn judge(mut options: &[u8], mut at: usize) -> Result<bool, Stop> {
    let mut alert = false;
    while let Some((&kind, rest)) = options.split_first() {
        if kind == PAD1 {
            (options, at) = (rest, at.saturating_add(1));
            continue;
        }
        let (&len, rest) = rest.split_first().ok_or(Stop::Drop)?;
        let after = rest.get(usize::from(len)..).ok_or(Stop::Drop)?;
        match (kind, kind >> 6) {
            (PADN, _) => {}
            (ROUTER_ALERT, _) => alert = true,
            (_, 0) => {} // RFC 8200 §4.2: the two highest bits say what to do
            (_, 1) => return Err(Stop::Drop),
            (_, action) => {
                let pointer = position(at, 0);
                let even_to_groups = action == 2;
                return Err(Stop::Answer(Problem { code: 2, pointer, even_to_groups }));
            }
        }
        options = after;
        at = at.saturating_add(2).saturating_add(len.into());
    }
    Ok(alert)
}

fn wrong<T>(at: usize, field: usize) -> Result<T, Stop> {
    Err(Stop::Answer(Problem { code: 0, pointer: position(at, field), even_to_groups: false }))
}

fn position(at: usize, field: usize) -> u32 {
    u32::try_from(at.saturating_add(field)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(next: Protocol, payload: &[u8]) -> Result<Chain, Stop> {
        walk(next, payload, HEADER_LEN)
    }

    fn answer(code: u8, pointer: u32) -> Result<Chain, Stop> {
        Err(Stop::Answer(Problem { code, pointer, even_to_groups: false }))
    }

    #[test]
    fn a_packet_without_extensions_is_reached_at_once() {
        let chain = first(Protocol::TCP, &[1, 2]).unwrap();
        assert_eq!((chain.protocol, chain.offset, chain.named_at), (Protocol::TCP, 0, 6));
        assert_eq!(Problem::unknown(&chain).pointer, 6);
    }

    #[test]
    fn the_alert_that_mld_is_sent_with_is_seen() {
        let chain = first(Protocol::HOP_BY_HOP, &HOP_BY_HOP_ALERT).unwrap();
        assert_eq!((chain.protocol, chain.offset, chain.named_at), (Protocol::ICMPV6, 8, 40));
        assert!(chain.router_alert);
    }

    #[test]
    fn every_kind_of_extension_is_stepped_over() {
        let mut payload = [0; 40];
        payload[..8].copy_from_slice(&[60, 0, 1, 4, 0, 0, 0, 0]); // hop-by-hop
        payload[8..16].copy_from_slice(&[43, 0, 0, 0, 0, 0, 0x1e, 0]); // destination options
        payload[16..24].copy_from_slice(&[44, 0, 0, 0, 9, 9, 9, 9]); // routing, none left
        payload[24..32].copy_from_slice(&[17, 0, 0, 0, 0, 0, 0, 7]); // a fragment that is all
        let chain = first(Protocol::HOP_BY_HOP, &payload).unwrap();
        assert_eq!((chain.protocol, chain.offset, chain.named_at), (Protocol::UDP, 32, 64));
        assert_eq!((chain.fragment, chain.router_alert), (None, false));
    }

    #[test]
    fn what_we_do_not_look_into_ends_the_walk() {
        for opaque in [Protocol::ESP, Protocol::AH, Protocol::NO_NEXT_HEADER, Protocol(253)] {
            assert_eq!(first(opaque, &[0; 64]).unwrap().protocol, opaque);
        }
    }

    #[test]
    fn a_fragment_ends_the_walk_and_says_where_it_belongs() {
        let fragment = Fragment { ident: 0x0102_0304, offset: 1448, more: true };
        let mut payload = [0; 16];
        assert_eq!(fragment.emit(Protocol::TCP, &mut payload), Some(8));
        assert_eq!(payload[..8], [6, 0, 0x05, 0xa9, 1, 2, 3, 4]);
        let chain = first(Protocol::FRAGMENT, &payload).unwrap();
        assert_eq!((chain.protocol, chain.offset), (Protocol::TCP, 8));
        assert_eq!(chain.fragment, Some(fragment));
        assert_eq!(first(Protocol::FRAGMENT, &payload[..15]), answer(0, 4));
        payload[2] = 0xff; // now it ends beyond the longest packet
        payload[3] = 0xf9;
        assert_eq!(first(Protocol::FRAGMENT, &payload), answer(0, 42));
    }

    #[test]
    fn hop_by_hop_options_stand_first_or_not_at_all() {
        let payload = [0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
        assert_eq!(first(Protocol::DESTINATION_OPTIONS, &payload), answer(1, 40));
        assert_eq!(walk(Protocol::HOP_BY_HOP, &payload[8..], 48), answer(1, 40));
    }

    #[test]
    fn unknown_options_are_judged_by_their_two_highest_bits() {
        let with = |kind| first(Protocol::DESTINATION_OPTIONS, &[6, 0, 0, kind, 1, 9, 1, 0]);
        assert!(with(0x3e).is_ok());
        assert_eq!(with(0x7e), Err(Stop::Drop));
        let all = Problem { code: 2, pointer: 43, even_to_groups: true };
        assert_eq!(with(0xbe), Err(Stop::Answer(all)));
        assert_eq!(with(0xfe), answer(2, 43));
        let one = Problem { even_to_groups: false, ..all };
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        assert!(all.answers(group) && !one.answers(group) && one.answers(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn a_route_with_stops_left_is_a_wrong_field() {
        let payload = [6, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(first(Protocol::ROUTING, &payload), answer(0, 42));
    }

    #[test]
    fn headers_that_are_cut_or_too_many_are_dropped() {
        assert_eq!(first(Protocol::ROUTING, &[6]), Err(Stop::Drop));
        assert_eq!(first(Protocol::ROUTING, &[6, 1, 0, 0, 0, 0, 0, 0]), Err(Stop::Drop));
        assert_eq!(first(Protocol::FRAGMENT, &[6, 0, 0, 0, 0, 0, 0]), Err(Stop::Drop));
        let cut = [6, 0, 1, 9, 0, 0, 0, 0];
        assert_eq!(first(Protocol::DESTINATION_OPTIONS, &cut), Err(Stop::Drop));
        let mut many = [[60, 0, 1, 4, 0, 0, 0, 0]; HEADERS_MAX + 1];
        many[HEADERS_MAX][0] = 6;
        assert_eq!(first(Protocol::DESTINATION_OPTIONS, many.as_flattened()), Err(Stop::Drop));
        many[HEADERS_MAX - 1][0] = 6;
        assert!(first(Protocol::DESTINATION_OPTIONS, many.as_flattened()).is_ok());
    }
}
