//! CUBIC rule by rule.

use super::super::testing::ack;
use super::*;

const MSS: u32 = 1000;
const RTT: u32 = 100_000;

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

fn cubic() -> Cubic {
    Cubic::new(Config::default(), MSS, 10 * MSS)
}

/// A controller whose window was `cwnd` when it met its first loss at time zero.
fn after_loss_at(cwnd: u32, config: Config) -> Cubic {
    let mut cubic = Cubic::new(config, MSS, cwnd);
    cubic.on_congestion(Instant::ZERO, Signal::Loss, cwnd);
    cubic.on_recovery_end(Instant::ZERO);
    cubic
}

/// Acknowledges a window per round trip, in segments, up to `until`.
fn run(cubic: &mut Cubic, from: u64, until: u64, limited: bool) {
    let mut now = from;
    while now < until {
        let acks = u64::from(cubic.cwnd() / MSS).max(1);
        for index in 0..acks {
            let moment = at(now + u64::from(RTT) * (index + 1) / acks);
            cubic.on_ack(&AckSample {
                now: moment,
                rtt: Some(RTT),
                cwnd_limited: limited,
                ..ack(MSS)
            });
        }
        now += u64::from(RTT);
    }
}

#[test]
fn it_takes_40_bytes() {
    assert_eq!(Cubic::STATE_BYTES, 40);
    assert!(size_of::<Snapshot>() <= 12);
}

// Covers TCP-252
#[test]
fn a_loss_leaves_seven_tenths() {
    let cubic = after_loss_at(1_000 * MSS, Config::default());
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (700 * MSS, 700 * MSS));
    let mut small = self::cubic();
    small.on_congestion(Instant::ZERO, Signal::Loss, MSS);
    assert_eq!(small.ssthresh(), 2 * MSS);
}

// Covers TCP-252
#[test]
fn the_window_is_back_at_the_plateau_after_k_and_convex_beyond() {
    let mut cubic = after_loss_at(1_000 * MSS, Config::default());
    // K = cbrt(300 / 0.4) = 9.086 s
    run(&mut cubic, 0, 4_500_000, true);
    let half = cubic.cwnd();
    assert!(
        (950 * MSS..975 * MSS).contains(&half),
        "concave: most of it in the first half, {half}"
    );
    run(&mut cubic, 4_500_000, 9_100_000, true);
    let there = cubic.cwnd();
    assert!((995 * MSS..1_003 * MSS).contains(&there), "{there}");
    run(&mut cubic, 9_100_000, 18_200_000, true);
    let beyond = cubic.cwnd();
    assert!((1_280 * MSS..1_330 * MSS).contains(&beyond), "{beyond}");
}

// Covers TCP-252
#[test]
fn a_window_short_of_the_last_plateau_aims_lower_when_it_converges_fast() {
    for (fast_convergence, plateau) in [(true, 595 * MSS), (false, 700 * MSS)] {
        let mut cubic =
            after_loss_at(1_000 * MSS, Config { fast_convergence, ..Config::default() });
        cubic.on_congestion(Instant::ZERO, Signal::Loss, 700 * MSS);
        assert_eq!(cubic.w_max, plateau);
        assert_eq!(cubic.cwnd(), 490 * MSS);
    }
}

// Covers TCP-252
#[test]
fn with_a_small_window_it_grows_as_reno_would() {
    let mut cubic = after_loss_at(20 * MSS, Config::default());
    // Round trips of 10 ms: the curve hardly moves in a second, Reno's estimate gains 9/17 segment per round.
    let mut now = 0;
    let mut rounds = 0;
    while cubic.cwnd() < 20 * MSS {
        for _ in 0..cubic.cwnd() / MSS {
            now += 10_000 / u64::from(cubic.cwnd() / MSS);
            cubic.on_ack(&AckSample { now: at(now), rtt: Some(10_000), ..ack(MSS) });
        }
        rounds += 1;
        assert!(rounds < 20, "6 segments / (9/17) = 11.3 rounds");
    }
    assert!(rounds >= 10, "{rounds}");
    let before = (cubic.cwnd(), rounds);
    while rounds < before.1 + 10 {
        for _ in 0..cubic.cwnd() / MSS {
            cubic.on_ack(&AckSample { now: at(now), rtt: Some(10_000), ..ack(MSS) });
        }
        rounds += 1;
    }
    assert!(
        (9..=10).contains(&((cubic.cwnd() - before.0) / MSS)),
        "then a whole segment per round"
    );
}

// Covers TCP-252
#[test]
fn one_round_trip_never_grows_it_by_more_than_half() {
    let mut cubic = after_loss_at(100 * MSS, Config::default());
    let before = cubic.cwnd();
    // Nothing for a minute although the window was the limit: the curve is far above.
    for index in 0..u64::from(before / MSS) {
        cubic.on_ack(&AckSample { now: at(60_000_000 + index), rtt: Some(RTT), ..ack(MSS) });
    }
    let grown = cubic.cwnd();
    // Half a window per window of the growing window: at most e^(1/2) in the limit.
    assert!(grown > before && grown <= before + before / 2, "{before} to {grown}");
}

// Covers TCP-252
#[test]
fn time_without_use_of_the_window_does_not_count() {
    for idle in [false, true] {
        let mut cubic = after_loss_at(1_000 * MSS, Config::default());
        run(&mut cubic, 0, 1_000_000, true);
        let mut twin = cubic;
        if idle {
            cubic.on_idle(at(31_000_000), 1_000, RTT);
        } else {
            run(&mut cubic, 1_000_000, 31_000_000, false);
        }
        assert_eq!(cubic.cwnd(), twin.cwnd());
        run(&mut cubic, 31_000_000, 32_000_000, true);
        run(&mut twin, 1_000_000, 2_000_000, true);
        assert!(cubic.cwnd().abs_diff(twin.cwnd()) <= MSS, "{} {}", cubic.cwnd(), twin.cwnd());
    }
}

// Covers TCP-252, TCP-254
#[test]
fn after_a_timeout_the_plateau_is_where_slow_start_ends() {
    let mut cubic = after_loss_at(200 * MSS, Config::default());
    cubic.on_congestion(at(1), Signal::Rto, 100 * MSS);
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (MSS, 70 * MSS));
    cubic.on_congestion(at(2), Signal::Rto, MSS);
    assert_eq!(cubic.ssthresh(), 70 * MSS, "the second one says nothing new");
    for _ in 0..70 {
        cubic.on_ack(&AckSample {
            now: at(3),
            rtt: Some(RTT),
            in_recovery: true,
            after_rto: true,
            ..ack(3 * MSS)
        });
    }
    assert_eq!(cubic.w_max, 70 * MSS);
    assert!(matches!(cubic.stage, Stage::Avoidance(Epoch { past: 0, .. })));
}

// Covers TCP-303
#[test]
fn marks_shrink_it_less_when_so_configured() {
    for (abe, after) in [(false, 70 * MSS), (true, 85 * MSS)] {
        let mut cubic = Cubic::new(Config { abe, ..Config::default() }, MSS, 100 * MSS);
        cubic.on_congestion(Instant::ZERO, Signal::Ecn { ce_bytes: MSS }, 100 * MSS);
        assert_eq!(cubic.cwnd(), after);
    }
}

// Covers TCP-295, TCP-297
#[test]
fn an_undone_episode_goes_on_along_the_same_curve() {
    for run_for in [3_000_000, 15_000_000] {
        let mut cubic = after_loss_at(1_000 * MSS, Config::default());
        run(&mut cubic, 0, run_for, true);
        let mut twin = cubic;
        let before = cubic.snapshot();
        cubic.on_congestion(at(run_for), Signal::Loss, cubic.cwnd());
        cubic.undo(before);
        assert_eq!(cubic.snapshot(), before);
        run(&mut cubic, run_for, run_for + 5_000_000, true);
        run(&mut twin, run_for, run_for + 5_000_000, true);
        assert!(cubic.cwnd().abs_diff(twin.cwnd()) <= 10 * MSS, "{} {}", cubic.cwnd(), twin.cwnd());
    }
}

// Covers TCP-250
#[test]
fn small_acknowledgements_add_up_to_what_large_ones_do() {
    let mut windows = [0; 2];
    for (window, piece) in windows.iter_mut().zip([1, MSS]) {
        let mut cubic = after_loss_at(100 * MSS, Config::default());
        for index in 0..u64::from(70 * MSS / piece) {
            let now = at(1_000_000 + index * u64::from(piece));
            cubic.on_ack(&AckSample { now, rtt: Some(RTT), ..ack(piece) });
        }
        *window = cubic.cwnd();
    }
    assert!(windows[0] > 70 * MSS && windows[0].abs_diff(windows[1]) <= MSS / 2, "{windows:?}");
}

// Covers TCP-253
#[test]
fn hystart_is_on_unless_configured_off() {
    for (hystart, leaves) in [(true, true), (false, false)] {
        let mut cubic = Cubic::new(Config { hystart, ..Config::default() }, MSS, 10 * MSS);
        for round in 0..8 {
            for index in 0..9 {
                let rtt = if round == 0 { 50_000 } else { 70_000 };
                cubic.on_ack(&AckSample { rtt: Some(rtt), round_start: index == 0, ..ack(MSS) });
            }
        }
        assert_eq!(cubic.ssthresh() < u32::MAX, leaves);
    }
}

// Covers TCP-159
#[test]
fn after_longer_idle_than_a_timeout_it_restarts_in_slow_start_up_to_the_old_threshold() {
    let mut cubic = after_loss_at(100 * MSS, Config::default());
    cubic.on_idle(at(2_000_000), 2_000_000, 1_000_000);
    assert_eq!(cubic.cwnd(), 70 * MSS, "the initial window was larger");
    let mut cubic = self::cubic();
    cubic.on_congestion(Instant::ZERO, Signal::Loss, 100 * MSS);
    cubic.on_idle(at(2_000_000), 2_000_000, 1_000_000);
    assert_eq!((cubic.cwnd(), cubic.ssthresh()), (10 * MSS, 70 * MSS));
    cubic.on_ack(&AckSample { now: at(2_100_000), ..ack(2 * MSS) });
    assert_eq!(cubic.cwnd(), 12 * MSS);
}
