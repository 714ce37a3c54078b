//! Congestion control against wide-integer references and against arbitrary acknowledgements.

use mainstay_tcp::congestion::cubic::curve;
use proptest::prelude::*;

/// An hour.
const HOUR_MICROS: u32 = 3_600_000_000;
/// The largest window the curve is held to.
const WINDOW_MAX: u128 = 1 << 30;

/// The cube root in nanoseconds of `5·10^27·bytes / (2·mss)`: K with a thousand times the resolution.
fn reference_k_nanos(bytes: u32, mss: u16) -> u128 {
    let wanted = u128::from(bytes) * 2_500_000_000_000_000_000_000_000_000 / u128::from(mss);
    let (mut low, mut high) = (0u128, 1u128 << 42);
    while low + 1 < high {
        let middle = u128::midpoint(low, high);
        if middle * middle * middle <= wanted { low = middle } else { high = middle }
    }
    low
}

/// The distance of the window from `w_max`, and whether it is above.
fn reference_window(w_max: u32, start: u32, elapsed_micros: u32, mss: u16) -> u128 {
    let k = reference_k_nanos(w_max - start, mss);
    let t = u128::from(elapsed_micros) * 1000;
    let distance = k.abs_diff(t);
    let volume = distance * distance * distance / 1_000_000_000 * 2 * u128::from(mss)
        / 5_000_000_000_000_000_000;
    if t < k { u128::from(w_max).saturating_sub(volume) } else { u128::from(w_max) + volume }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    // Covers TCP-263
    #[test]
    fn the_curve_is_within_a_segment_of_the_wide_reference(
        w_max in 1u32..=1 << 30,
        part in 0u32..=1000,
        elapsed in prop_oneof![0..=HOUR_MICROS, 0..=500_000_000u32, 0..=10_000_000u32],
        mss in 48u16..=9000,
    ) {
        let start = u32::try_from(u64::from(w_max) * u64::from(part) / 1000).unwrap_or(w_max);
        let k = curve::root(w_max - start, mss);
        let ours = u128::from(curve::window(w_max, k, elapsed, mss)).min(WINDOW_MAX);
        let theirs = reference_window(w_max, start, elapsed, mss).min(WINDOW_MAX);
        prop_assert!(ours.abs_diff(theirs) <= u128::from(mss), "{ours} instead of {theirs}, k {k}");
    }

    // Covers TCP-263
    #[test]
    fn the_cube_root_is_the_largest_that_fits(bytes in any::<u32>(), mss in 1u16..) {
        let fits = |k: u128| k * k * k * 2 * u128::from(mss) <= u128::from(bytes) * 5_000_000_000_000_000_000;
        let k = u128::from(curve::root(bytes, mss));
        prop_assert!(fits(k) && (k == (1 << 31) - 1 || !fits(k + 1)));
    }
}
