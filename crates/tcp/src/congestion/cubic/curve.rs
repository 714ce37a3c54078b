//! CUBIC's curve `W(t) = C·(t − K)³ + W_max` (RFC 9438 §4.2) in integers, within one segment of the true value.

/// Fractional bits of a second in which the curve is computed.
const SECOND_BITS: u32 = 22;
/// The curve is flat beyond: at C·t³ for this long even a segment of three bytes reaches the largest window.
const MICROS_MAX: u32 = 1_000_000_000;
/// C = 0.4 (RFC 9438 §5) as a 32-bit fraction, rounded up.
const C: u128 = 0x6666_6667;

/// `C·mss·t³` in bytes for `t` microseconds; saturates.
#[must_use]
#[cfg_attr(target_os = "none", inline(never))]
pub fn volume(micros: u32, mss: u16) -> u32 {
    // 2^22 / 10^6 = 2^16 / 5^6; below 2^32 for the longest time.
    let seconds = u128::from((u64::from(micros.min(MICROS_MAX)) << 16) / 15_625);
    // A third power with 3·22 fractional bits, of which 34 are enough: they err by far less than a byte.
    let cube = (seconds * seconds * seconds) >> 32;
    let bytes = (cube * u128::from(mss) * C) >> (3 * SECOND_BITS);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The microseconds after which [`volume`] reaches `bytes`: K of RFC 9438 §4.2, rounded down.
///
/// The cube root is found bit by bit, so nothing is divided.
#[must_use]
#[cfg_attr(target_os = "none", inline(never))]
pub fn root(bytes: u32, mss: u16) -> u32 {
    // C·mss·t³ = bytes, with t in microseconds and C = 2/5.
    let wanted = u128::from(bytes) * 5_000_000_000_000_000_000;
    let mut root = 0u32;
    for bit in (0..31).rev() {
        let longer = root | 1 << bit;
        let micros = u128::from(longer);
        if micros * micros * micros * 2 * u128::from(mss.max(1)) <= wanted {
            root = longer;
        }
    }
    root
}

/// The window `elapsed` microseconds into an epoch whose plateau `w_max` lies at `k`.
#[must_use]
pub fn window(w_max: u32, k: u32, elapsed: u32, mss: u16) -> u32 {
    at(w_max, 0_i32.saturating_sub_unsigned(k).saturating_add_unsigned(elapsed), mss)
}

/// The window `past` microseconds after the plateau `w_max`, before it if that is less than zero.
#[must_use]
pub fn at(w_max: u32, past: i32, mss: u16) -> u32 {
    let distance = volume(past.unsigned_abs(), mss);
    if past < 0 { w_max.saturating_sub(distance) } else { w_max.saturating_add(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-263
    #[test]
    fn a_few_points_of_the_curve_are_right() {
        assert_eq!(volume(1_000_000, 1000), 400);
        assert_eq!(volume(10_000_000, 1000), 400_000);
        assert_eq!(root(400_000, 1000), 10_000_000);
        assert_eq!(root(0, 1000), 0);
        assert_eq!(window(1_000_000, 10_000_000, 0, 1000), 600_000);
        assert_eq!(window(1_000_000, 10_000_000, 10_000_000, 1000), 1_000_000);
        assert_eq!(window(1_000_000, 10_000_000, 20_000_000, 1000), 1_400_000);
    }

    // Covers TCP-263
    #[test]
    fn nothing_overflows_at_the_ends() {
        assert_eq!(volume(u32::MAX, u16::MAX), u32::MAX);
        assert_eq!(window(0, u32::MAX, 0, u16::MAX), 0);
        assert_eq!(window(u32::MAX, 0, u32::MAX, u16::MAX), u32::MAX);
        assert!(root(u32::MAX, 0) > 0);
    }
}
