//! Numbers of a new connection that an outsider must not guess (TCP-520, TCP-521; RFC 6528, RFC 7323 §5.4, RFC 6437).
//!
//! The secret must stay the same for as long as an old connection can be remembered: what grows from one connection to
//! the next of the same tuple grows because the keyed part is the same.

use crate::prf::{Domain, Prf, Secret, Tuple};
use crate::seq::Seq;
use mainstay_base::Instant;

/// One step of the clock of sequence numbers, in microseconds. RFC 9293 §3.4.1
const STEP_MICROS: u64 = 4;
/// How far above the old connection's numbers a new one's starts at least. chosen: as Linux, more than an unscaled window
const ABOVE_OLD: u32 = 65_535 + 2;

/// The initial sequence number of a connection that starts now.
#[must_use]
pub fn initial_sequence<P: Prf>(secret: &Secret, tuple: &Tuple, now: Instant) -> Seq {
    Seq(low(tuple.hash::<P>(secret, Domain::Sequence))) + low(now.as_micros() / STEP_MICROS)
}

/// `initial` or, where that is not above it, a number above `old`: the SND.NXT of a connection that had the same tuple
/// (TCP-185, TCP-186).
#[must_use]
pub fn above_old(initial: Seq, old: Seq) -> Seq {
    if initial.after(old) { initial } else { old + ABOVE_OLD }
}

/// What is added to the clock of a connection's timestamps (TCP-357): the same for each connection of a tuple, so that the
/// next one's are newer (TCP-185).
#[must_use]
pub fn timestamp_offset<P: Prf>(secret: &Secret, tuple: &Tuple) -> u32 {
    low(tuple.hash::<P>(secret, Domain::Timestamp))
}

/// The flow label of a connection's packets: 20 bits, never 0, which means none (RFC 6437 §2, §3).
///
/// It follows from the [offset](timestamp_offset), which is keyed and the connection's own: who cannot see the packets
/// cannot guess it, and who can sees both. So nothing has to be kept for it (TCP-652).
#[must_use]
pub const fn flow_label(ts_offset: u32) -> u32 {
    let label = ts_offset.wrapping_mul(MIXER) >> (u32::BITS - FLOW_LABEL_BITS);
    if label == 0 { 1 } else { label }
}

/// The bits of a flow label. RFC 8200 §3
const FLOW_LABEL_BITS: u32 = 20;
/// Spreads each bit over the higher ones. chosen: the golden ratio of 2^32, as everybody does
const MIXER: u32 = 0x9e37_79b1;

/// What [`Index::insert`](crate::index::Index::insert), the TIME-WAIT table and the SYN queue find a connection by.
#[must_use]
pub fn table_hash<P: Prf>(secret: &Secret, tuple: &Tuple) -> u64 {
    tuple.hash::<P>(secret, Domain::Bucket)
}

/// The low half, on purpose.
#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
const fn low(wide: u64) -> u32 {
    wide as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prf::SipHash;
    use core::time::Duration;

    fn tuple(port: u16) -> Tuple {
        Tuple::new((core::net::Ipv4Addr::LOCALHOST, port).into(), "10.0.0.2:80".parse().unwrap())
    }

    // Covers TCP-520
    #[test]
    fn a_later_connection_of_a_tuple_starts_above_the_earlier() {
        let (secret, tuple) = (Secret::new([3; 16]), tuple(49_152));
        for start in [0, 5_000_000_000, u64::from(u32::MAX) * 4 - 7] {
            let start = Instant::from_micros(start);
            let old = initial_sequence::<SipHash>(&secret, &tuple, start);
            for micros in [4, 1000, 60_000_000, 8_500_000_000] {
                let new = initial_sequence::<SipHash>(
                    &secret,
                    &tuple,
                    start + Duration::from_micros(micros),
                );
                assert!(new.after(old));
                assert_eq!(u64::from(new - old), micros / 4);
            }
        }
    }

    // Covers TCP-520
    #[test]
    fn another_tuple_or_secret_starts_elsewhere() {
        let now = Instant::from_millis(77);
        let one = initial_sequence::<SipHash>(&Secret::new([3; 16]), &tuple(1), now);
        assert_ne!(one, initial_sequence::<SipHash>(&Secret::new([3; 16]), &tuple(2), now));
        assert_ne!(one, initial_sequence::<SipHash>(&Secret::new([4; 16]), &tuple(1), now));
    }

    // Covers TCP-186
    #[test]
    fn a_fast_old_connection_is_still_below() {
        assert_eq!(above_old(Seq(10), Seq(9)), Seq(10));
        assert!(above_old(Seq(9), Seq(9)).after(Seq(9)));
        assert!(above_old(Seq(5), Seq(u32::MAX)).after(Seq(u32::MAX)));
        assert!(above_old(Seq(0), Seq(0x7fff_ffff)).after(Seq(0x7fff_ffff)));
    }

    // Covers TCP-521
    #[test]
    fn offset_label_and_hash_are_of_different_domains() {
        let (secret, tuple) = (Secret::new([3; 16]), tuple(1));
        let sequence = initial_sequence::<SipHash>(&secret, &tuple, Instant::ZERO).0;
        let offset = timestamp_offset::<SipHash>(&secret, &tuple);
        let label = flow_label(offset);
        let hash = low(table_hash::<SipHash>(&secret, &tuple));
        assert!(label < 1 << 20 && label > 0);
        assert_ne!(sequence, offset);
        assert_ne!(sequence, hash);
        assert_ne!(offset, hash);
        assert!([sequence, offset, hash].iter().all(|other| other & 0xf_ffff != label));
    }

    // Covers TCP-521
    #[test]
    fn labels_of_neighbouring_offsets_have_nothing_in_common_and_none_is_zero() {
        assert_eq!(flow_label(0), 1);
        let labels = [1_u32, 2, 3, 1 << 20, 1 << 31].map(flow_label);
        for (index, label) in labels.iter().enumerate() {
            assert!(*label > 0 && label >> 20 == 0);
            assert!(labels[..index].iter().all(|other| (label ^ other).count_ones() > 3));
        }
    }
}
