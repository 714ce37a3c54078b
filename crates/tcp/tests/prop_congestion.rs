//! Congestion control against wide-integer references and against arbitrary acknowledgements.

use mainstay_base::Instant;
use mainstay_tcp::congestion::cubic::curve;
use mainstay_tcp::congestion::{
    AckSample, AnyCc, CongestionControl, RateSample, Signal, WINDOW_MAX as LARGEST, any, bbr,
    cubic, reno,
};
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

/// What a controller may hear.
#[derive(Clone, Debug)]
enum Heard {
    Ack(AckSample),
    Congestion(Signal, u32),
    RecoveryEnd,
    Undo,
    Idle(u32, u32),
    Mss(u32),
}

/// Sizes of segments, of windows, and of nothing at all.
fn amount() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..20_000, 0u32..=1 << 30, any::<u32>()]
}

fn sample() -> impl Strategy<Value = AckSample> {
    let amounts = (amount(), amount(), amount(), amount(), amount(), amount());
    let rate = (amount(), amount(), any::<bool>(), amount(), amount(), amount());
    let times = (prop::option::of(amount()), prop::option::of(rate));
    (amounts, times, any::<[bool; 4]>()).prop_map(|(amounts, (rtt, rate), flags)| AckSample {
        now: Instant::ZERO,
        acked: amounts.0,
        sacked: amounts.1,
        lost: amounts.2,
        flight_before: amounts.3,
        flight: amounts.4,
        rtt,
        min_rtt: amounts.5,
        rate: rate.map(|rate| RateSample {
            delivered: rate.0,
            interval_micros: rate.1,
            app_limited: rate.2,
            flight_at_send: rate.3,
            lost: rate.4,
            delivered_total: rate.5,
        }),
        cwnd_limited: flags[0],
        in_recovery: flags[1],
        after_rto: flags[2],
        round_start: flags[3],
        ce_bytes: amounts.2,
    })
}

fn heard() -> impl Strategy<Value = Heard> {
    let signal =
        prop_oneof![Just(Signal::Loss), Just(Signal::Rto), Just(Signal::Ecn { ce_bytes: 1 })];
    prop_oneof![
        12 => sample().prop_map(Heard::Ack),
        2 => (signal, amount()).prop_map(|(signal, flight)| Heard::Congestion(signal, flight)),
        1 => Just(Heard::RecoveryEnd),
        1 => Just(Heard::Undo),
        1 => (amount(), amount()).prop_map(|(idle, rto)| Heard::Idle(idle, rto)),
        1 => amount().prop_map(Heard::Mss),
    ]
}

proptest! {
    // Covers TCP-260, TCP-263, TCP-714
    #[test]
    fn whatever_a_controller_hears_its_window_holds_a_segment_and_its_rate_is_not_zero(
        story in prop::collection::vec((heard(), amount()), 1..200),
        which in 0usize..4,
        mss in prop_oneof![48u32..9000, any::<u32>()],
        initial in amount(),
    ) {
        let config = [
            any::Config::NewReno(reno::Config::default()),
            any::Config::NewRenoHyStart(reno::Config { abe: true, paced: true }),
            any::Config::Cubic(cubic::Config::default()),
            any::Config::Bbr3(bbr::Config::default()),
        ][which];
        let mut cc = AnyCc::new(config, mss, initial);
        let mut before = cc.snapshot();
        let mut micros = 0;
        let mut segment = mss.clamp(1, 65_535);
        for (heard, wait) in story {
            micros += u64::from(wait);
            let now = Instant::from_micros(micros);
            match heard {
                Heard::Ack(sample) => cc.on_ack(&AckSample { now, ..sample }),
                Heard::Congestion(signal, flight) => {
                    before = cc.snapshot();
                    cc.on_congestion(now, signal, flight);
                }
                Heard::RecoveryEnd => cc.on_recovery_end(now),
                Heard::Undo => cc.undo(before),
                Heard::Idle(idle, rto) => cc.on_idle(now, idle, rto),
                Heard::Mss(mss) => {
                    cc.set_mss(mss);
                    segment = mss.clamp(1, 65_535);
                }
            }
            prop_assert!((segment..=LARGEST).contains(&cc.cwnd()), "{} of {segment}: {cc:?}", cc.cwnd());
            let least = 2 * segment.min(LARGEST / 2);
            prop_assert!(cc.ssthresh() >= least, "{} of {segment}: {cc:?}", cc.ssthresh());
            prop_assert!(cc.pacing_rate() != Some(0), "{cc:?}");
        }
    }
}
