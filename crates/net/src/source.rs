//! Which of our addresses a packet carries as its source.
//!
//! IPv6: RFC 6724 §5, rules 1, 2, 3, 5, 6 and 8 (4 is about mobility, 7 about temporary addresses: there are none).
//! IPv4 has no such document: the address on the destination's network, then the longest common prefix.

use crate::InterfaceId;
use crate::prefix::{Prefix, shared_len};
use core::cmp::{Ordering, Reverse};
use core::net::{IpAddr, Ipv6Addr};

/// An address of ours that may be used: assigned, and not tentative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub prefix: Prefix,
    pub interface: InterfaceId,
    /// To be avoided where another will do.
    pub deprecated: bool,
}

/// The best of `candidates` for a packet to `destination` that leaves over `outgoing`.
pub(crate) fn select(
    candidates: impl Iterator<Item = Candidate>,
    destination: IpAddr,
    outgoing: InterfaceId,
) -> Option<IpAddr> {
    let fitting = candidates.filter(|c| {
        c.prefix.address().is_ipv4() == destination.is_ipv4()
            && (c.interface == outgoing || !bound_to_link(destination))
    });
    let best = fitting.reduce(|best, other| {
        if better(&other, &best, destination, outgoing) == Ordering::Greater { other } else { best }
    });
    best.map(|c| c.prefix.address())
}

/// Link-local and multicast destinations only make sense with an address of the link. RFC 6724 §4
const fn bound_to_link(destination: IpAddr) -> bool {
    destination.is_multicast()
        || match destination {
            IpAddr::V4(a) => a.is_link_local() || a.is_broadcast(),
            IpAddr::V6(a) => a.is_unicast_link_local(),
        }
}

/// `Greater` if `one` is better than `other`. The rules in their order.
fn better(one: &Candidate, other: &Candidate, to: IpAddr, outgoing: InterfaceId) -> Ordering {
    let same = |c: &Candidate| c.prefix.address() == to; // rule 1
    let home = |c: &Candidate| c.interface == outgoing; // rule 5
    let label_fits = |c: &Candidate| label(c.prefix.address()) == label(to); // rule 6
    let near = |c: &Candidate| c.prefix.contains(to); // IPv4 only: on its network
    let shared = |c: &Candidate| shared_len(c.prefix.address(), to).min(c.prefix.len()); // rule 8
    let v4 = to.is_ipv4();
    same(one)
        .cmp(&same(other))
        .then_with(|| by_scope(one.prefix.address(), other.prefix.address(), to)) // rule 2
        .then_with(|| other.deprecated.cmp(&one.deprecated)) // rule 3
        .then_with(|| home(one).cmp(&home(other)))
        .then_with(|| label_fits(one).cmp(&label_fits(other)))
        .then_with(|| if v4 { near(one).cmp(&near(other)) } else { Ordering::Equal })
        .then_with(|| shared(one).cmp(&shared(other)))
}

/// Rule 2: the smallest scope that is not smaller than the destination's, else the largest there is.
fn by_scope(one: IpAddr, other: IpAddr, to: IpAddr) -> Ordering {
    let reaches = |a: IpAddr| {
        let (scope, needed) = (scope(a), scope(to));
        if scope >= needed { (true, Reverse(scope)) } else { (false, Reverse(u8::MAX - scope)) }
    };
    reaches(one).cmp(&reaches(other))
}

/// The scope as RFC 4291 §2.7 numbers it: 2 link, 5 site, 14 global. IPv4 as RFC 6724 §3.2 maps it.
fn scope(address: IpAddr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    match address {
        IpAddr::V4(a) if a.is_loopback() || a.is_link_local() => LINK,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(a) if a.is_multicast() => a.octets()[1] & 0x0f,
        IpAddr::V6(a) if a.is_loopback() || a.is_unicast_link_local() => LINK,
        IpAddr::V6(a) if a.segments()[0] & 0xffc0 == 0xfec0 => SITE,
        IpAddr::V6(_) => GLOBAL,
    }
}

/// The label of the longest entry that holds `address`. RFC 6724 §2.1
fn label(address: IpAddr) -> u8 {
    const TABLE: [(Ipv6Addr, u8, u8); 9] = [
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 1), 128, 0),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 4),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, 3),
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5),
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 2),
        (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 12),
        (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 11),
        (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 13),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 0, 1),
    ];
    let IpAddr::V6(address) = address else { return 4 };
    let holds = |&&(prefix, len, _): &&(Ipv6Addr, u8, u8)| {
        shared_len(IpAddr::V6(prefix), IpAddr::V6(address)) >= len
    };
    TABLE.iter().find(holds).map_or(1, |&(_, _, label)| label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn chosen(candidates: &[(&str, u8, u32, bool)], to: &str) -> Option<IpAddr> {
        let all: Vec<Candidate> = candidates
            .iter()
            .map(|&(text, len, interface, deprecated)| Candidate {
                prefix: Prefix::new(text.parse().unwrap(), len).unwrap(),
                interface: InterfaceId(interface),
                deprecated,
            })
            .collect();
        let forward = select(all.iter().copied(), to.parse().unwrap(), InterfaceId(1));
        let backward = select(all.iter().rev().copied(), to.parse().unwrap(), InterfaceId(1));
        assert_eq!(forward, backward, "the order of the list decides nothing");
        forward
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn rule_1_the_destination_itself() {
        let ours = [("2001:db8::1", 64, 2, true), ("2001:db8::2", 64, 1, false)];
        assert_eq!(chosen(&ours, "2001:db8::1"), ip("2001:db8::1"));
    }

    #[test]
    fn rule_2_the_smallest_scope_that_reaches() {
        let ours = [("fe80::1", 64, 1, false), ("2001:db8::1", 64, 1, false)];
        assert_eq!(chosen(&ours, "fe80::9"), ip("fe80::1"));
        assert_eq!(chosen(&ours, "2001:db9::9"), ip("2001:db8::1"));
        assert_eq!(chosen(&ours, "ff02::1"), ip("fe80::1"));
        assert_eq!(chosen(&ours, "ff05::1"), ip("2001:db8::1"));
    }

    #[test]
    fn rule_3_a_deprecated_address_only_if_there_is_no_other() {
        let ours = [("2001:db8::1", 64, 1, true), ("2001:db8:f::1", 64, 2, false)];
        assert_eq!(chosen(&ours, "2001:db8::9"), ip("2001:db8:f::1"));
        assert_eq!(chosen(&ours[..1], "2001:db8::9"), ip("2001:db8::1"));
    }

    #[test]
    fn rule_5_the_interface_the_packet_leaves_by() {
        let ours = [("2001:db8::1", 64, 2, false), ("2001:db8:f::1", 64, 1, false)];
        assert_eq!(chosen(&ours, "2001:db8::9"), ip("2001:db8:f::1"));
    }

    #[test]
    fn rule_6_the_same_label() {
        let ours = [("fd00::1", 64, 1, false), ("2001:db8::1", 64, 1, false)];
        assert_eq!(chosen(&ours, "fd00:9::1"), ip("fd00::1"));
        assert_eq!(chosen(&ours, "2a00::1"), ip("2001:db8::1"));
    }

    #[test]
    fn rule_8_the_longest_common_prefix_but_no_longer_than_the_network() {
        let ours = [("2001:db8:1::1", 64, 1, false), ("2001:db8:2::1", 64, 1, false)];
        assert_eq!(chosen(&ours, "2001:db8:2:1::9"), ip("2001:db8:2::1"));
    }

    #[test]
    fn for_ipv4_the_network_of_the_destination_then_the_longest_prefix() {
        let ours = [("10.0.0.1", 24, 1, false), ("10.9.0.1", 16, 1, false)];
        assert_eq!(chosen(&ours, "10.9.3.3"), ip("10.9.0.1"));
        assert_eq!(chosen(&ours, "10.0.0.9"), ip("10.0.0.1"));
        assert_eq!(chosen(&ours, "2001:db8::1"), None);
    }

    #[test]
    fn a_link_local_destination_takes_no_address_of_another_link() {
        assert_eq!(chosen(&[("fe80::1", 64, 2, false)], "fe80::9"), None);
        assert_eq!(chosen(&[("2001:db8::1", 64, 2, false)], "ff02::1"), None);
    }
}
