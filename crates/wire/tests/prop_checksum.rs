//! Checksums against a sum anybody can follow.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use mainstay_wire::checksum::{Checksum, of, verify};
use proptest::prelude::*;

fn naive(bytes: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in bytes.chunks(2) {
        sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = prop::collection::vec(any::<u8>(), 0..300);
    let extreme = prop::collection::vec(prop_oneof![Just(0_u8), Just(0xff), Just(1)], 0..2000);
    prop_oneof![any_bytes, extreme]
}

fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<([u8; 4], [u8; 4])>()
            .prop_map(|(a, b)| (Ipv4Addr::from(a).into(), Ipv4Addr::from(b).into())),
        any::<([u8; 16], [u8; 16])>()
            .prop_map(|(a, b)| (Ipv6Addr::from(a).into(), Ipv6Addr::from(b).into())),
    ]
}

proptest! {
    // Covers TCP-610, TCP-611
    #[test]
    fn every_split_sums_to_the_same(
        bytes in bytes(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut sum = Checksum::new();
        for pair in cuts.windows(2) {
            sum.add(&bytes[pair[0]..pair[1]]);
        }
        prop_assert_eq!(sum.partial(), naive(&bytes));
        prop_assert_eq!(sum.finish(), !naive(&bytes));
        prop_assert_eq!(of(&bytes), !naive(&bytes));
    }

    // Covers TCP-611
    #[test]
    fn every_place_to_cut_in_two_sums_to_the_same(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for cut in 0..=bytes.len() {
            let mut sum = Checksum::new();
            sum.add(&bytes[..cut]);
            sum.add(&bytes[cut..]);
            prop_assert_eq!(sum.partial(), naive(&bytes));
        }
    }

    #[test]
    fn what_is_finished_verifies_and_a_changed_byte_does_not(
        (source, destination) in addresses(),
        mut bytes in prop::collection::vec(any::<u8>(), 8..200),
        protocol: u8,
        at: prop::sample::Index,
        flip in 1_u8..,
    ) {
        bytes[6..8].fill(0);
        let len = u32::try_from(bytes.len()).unwrap();
        let mut sum = Checksum::pseudo(source, destination, protocol, len);
        sum.add(&bytes);
        bytes[6..8].copy_from_slice(&sum.finish().to_be_bytes());
        prop_assert!(verify(source, destination, protocol, &bytes));
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(!verify(source, destination, protocol, &bytes));
    }
}
