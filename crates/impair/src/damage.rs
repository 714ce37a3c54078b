//! Damage to a frame's bytes: bits flipped, the end cut off, CE set.

use crate::impairment::Corrupt;
use mainstay_base::Rng;

/// ECN's two bits (RFC 3168 §5).
const CE: u8 = 0b11;

/// Bytes of an IPv4 header without options (RFC 791 §3.1).
const V4_HEADER: usize = 20;

/// Flips bits; whether any was.
pub(crate) fn corrupt(frame: &mut [u8], how: Corrupt, rng: &mut Rng) -> bool {
    let Some(bytes) = frame.get_mut(how.after..).filter(|bytes| !bytes.is_empty()) else {
        return false;
    };
    let mut flipped = false;
    for _ in 0..how.bits.max(1) {
        let at = below(rng, bytes.len());
        let bit = 1_u8 << below(rng, 8);
        let Some(partner) = (if how.fix_checksum { balance(bytes, at, bit) } else { Some(at) })
        else {
            continue;
        };
        bytes[at] ^= bit;
        if partner != at {
            bytes[partner] ^= bit;
        }
        flipped = true;
    }
    flipped
}

/// A byte at an even distance whose bit is the other one: flipping both leaves the sum of 16-bit words as it was.
fn balance(bytes: &[u8], at: usize, bit: u8) -> Option<usize> {
    let differs = |&other: &usize| (bytes[other] ^ bytes[at]) & bit != 0;
    let after = (at..bytes.len()).step_by(2);
    let before = (at % 2..at).step_by(2);
    after.chain(before).find(differs)
}

/// A length below that of the frame, no shorter than `from`; `None`: there is none.
pub(crate) fn cut(len: usize, from: usize, rng: &mut Rng) -> Option<usize> {
    let spare = len.checked_sub(from)?;
    (spare > 0).then(|| from + below(rng, spare))
}

/// Sets CE if the packet is ECT; whether it was set. One that has it already counts as not.
pub(crate) fn mark(packet: &mut [u8]) -> bool {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) if packet.len() >= V4_HEADER => {
            let old = packet[1];
            if !is_capable(old) {
                return false;
            }
            packet[1] |= CE;
            let word = |service| u16::from_be_bytes([packet[0], service]);
            let sum = u16::from_be_bytes([packet[10], packet[11]]);
            let sum = adjusted(sum, word(old), word(packet[1])).to_be_bytes();
            packet[10..12].copy_from_slice(&sum);
            true
        }
        Some(6) if packet.len() >= 2 => {
            if !is_capable(packet[1] >> 4) {
                return false;
            }
            packet[1] |= CE << 4;
            true
        }
        _ => false,
    }
}

/// Whether a packet could be marked.
pub(crate) fn is_markable(packet: &[u8]) -> bool {
    match packet {
        [first, service, ..] if first >> 4 == 4 && packet.len() >= V4_HEADER => {
            is_capable(*service)
        }
        [first, service, ..] if first >> 4 == 6 => is_capable(service >> 4),
        _ => false,
    }
}

/// ECT(0) or ECT(1), and not CE yet.
fn is_capable(service: u8) -> bool {
    matches!(service & CE, 1 | 2)
}

/// A checksum after one word under it has changed (RFC 1624 §3, eqn. 3).
fn adjusted(sum: u16, old: u16, new: u16) -> u16 {
    let mut wide = u32::from(!sum) + u32::from(!old) + u32::from(new);
    while wide > u32::from(u16::MAX) {
        wide = (wide & 0xffff) + (wide >> 16);
    }
    !u16::try_from(wide).unwrap_or(0)
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(bound).unwrap_or(u64::MAX))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Internet checksum's sum, folded (RFC 1071).
    fn folded(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    fn v4(service: u8) -> Vec<u8> {
        let mut packet = vec![
            0x45, service, 0, 20, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 9,
        ];
        let sum = (!folded(&packet)).to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet
    }

    // Covers TCP-700
    #[test]
    fn ce_is_set_on_capable_packets_alone_and_the_checksum_holds() {
        for service in 0..=u8::MAX {
            let mut packet = v4(service);
            let capable = matches!(service & 3, 1 | 2);
            assert_eq!(is_markable(&packet), capable);
            assert_eq!(mark(&mut packet), capable);
            assert_eq!(packet[1], if capable { service | 3 } else { service });
            assert_eq!(folded(&packet), 0xffff);
        }
        let mut packet = vec![0; 40];
        packet[..2].copy_from_slice(&[0x6a, 0x2f]); // traffic class 0xa2, flow label 0xf....
        assert!(mark(&mut packet));
        assert_eq!(packet[..2], [0x6a, 0x3f]);
        assert!(!mark(&mut packet) && !mark(&mut [0x45, 2]) && !mark(&mut []));
        assert!(!mark(&mut [0, 1, 8, 0, 6, 4]));
    }

    // Covers TCP-700
    #[test]
    fn corruption_flips_its_bits_and_leaves_the_front_alone() {
        let mut rng = Rng::from_run(1);
        let how = Corrupt { per_million: 0, bits: 1, after: 14, fix_checksum: false };
        for _ in 0..200 {
            let mut frame = vec![0x5a; 60];
            assert!(corrupt(&mut frame, how, &mut rng));
            let bits: u32 = frame.iter().map(|byte| (byte ^ 0x5a).count_ones()).sum();
            assert_eq!(bits, 1);
            assert_eq!(frame[..14], [0x5a; 14]);
            assert_ne!(folded(&frame), folded(&[0x5a; 60]));
        }
        assert!(!corrupt(&mut [0; 14], how, &mut rng));
    }

    // Covers TCP-700
    #[test]
    fn damage_with_the_checksum_fixed_is_seen_by_no_checksum() {
        let mut rng = Rng::from_run(1);
        let how = Corrupt { per_million: 0, bits: 3, after: 3, fix_checksum: true };
        for len in 5..200 {
            let whole: Vec<u8> = (0..len).map(|_| rng.next_u32().to_le_bytes()[0]).collect();
            let mut frame = whole.clone();
            let flipped = corrupt(&mut frame, how, &mut rng);
            assert!(flipped || len < 12);
            assert_eq!(folded(&frame[3..]), folded(&whole[3..]));
        }
        assert!(!corrupt(&mut [0; 60], how, &mut rng));
    }

    #[test]
    fn a_cut_frame_is_shorter_and_not_too_short() {
        let mut rng = Rng::from_run(1);
        assert!((0..100).all(|_| (14..60).contains(&cut(60, 14, &mut rng).unwrap())));
        assert_eq!(cut(14, 14, &mut rng), None);
        assert_eq!(cut(3, 14, &mut rng), None);
    }
}
