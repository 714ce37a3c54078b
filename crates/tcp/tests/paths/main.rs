//! Controllers on simulated paths: what they make of a link, and what queue they leave.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "what was measured is worth seeing with --nocapture")]

mod path;

use mainstay_tcp::congestion::{
    AnyCc, Bbr3, CongestionControl, Cubic, NewReno, NewRenoHyStart, any, bbr, cubic, cubic::curve,
    reno,
};
use path::{MSS, Path, Transfer};

/// 10 Mbit/s and 40 ms: a product of 40 segments, so that many sawteeth fit in a minute.
fn narrow(buffer_percent: u64) -> Path {
    Path { rate: 1_250_000, rtt: 40_000, buffer: 500 * buffer_percent, loss_permille: 0 }
}

/// The use of the link in thousandths and the mean queue in hundredths of the product, once it is steady.
fn steady<C: CongestionControl>(config: C::Config, path: Path, seed: u64) -> (u64, u64) {
    let mut transfer = Transfer::<C>::new(config, path, seed);
    transfer.run(15_000);
    let used = transfer.run(45_000);
    println!("{path:?} {config:?}: {used} of 1000, queue {} %", transfer.queue_percent());
    (used, transfer.queue_percent())
}

// Covers TCP-251
#[test]
fn renos_sawtooth_leaves_some_of_a_link_with_a_small_buffer_and_uses_all_with_one_of_a_product() {
    let (used, _) = steady::<NewReno>(reno::Config::default(), narrow(25), 1);
    assert!((820..=920).contains(&used), "{used}");
    let (used, queue) = steady::<NewReno>(reno::Config::default(), narrow(100), 1);
    assert!(used >= 970 && (30..=75).contains(&queue), "{used} {queue}");
}

// Covers TCP-252
#[test]
fn cubics_sawtooth_uses_more_than_renos_on_a_long_path_and_all_with_a_buffer() {
    let path = Path { rate: 12_500_000, rtt: 100_000, buffer: 125_000, loss_permille: 0 };
    let (reno, _) = steady::<NewReno>(reno::Config::default(), path, 1);
    let (cubic, _) = steady::<Cubic>(cubic::Config::default(), path, 1);
    assert!(cubic >= 850 && cubic > reno + 50, "{cubic} {reno}");
    let (used, _) = steady::<Cubic>(cubic::Config::default(), narrow(100), 1);
    assert!(used >= 970, "{used}");
}

// Covers TCP-252
#[test]
fn after_a_loss_cubics_window_follows_the_curve() {
    let config = cubic::Config { fast_convergence: false, ..cubic::Config::default() };
    let mut transfer = Transfer::<Cubic>::new(config, Path::broadband(100, 0), 1);
    transfer.run(20_000);
    let mut before = transfer.cc.cwnd();
    while transfer.cc.cwnd() >= before {
        before = transfer.cc.cwnd();
        transfer.run(1);
    }
    // Recovery takes a round trip, and only then the curve begins.
    transfer.run(100);
    let mss = u16::try_from(MSS).unwrap();
    let k = curve::root(before - transfer.cc.cwnd(), mss);
    for part in 1..=3 {
        transfer.run(u64::from(k / 4000));
        let expected = curve::window(before, k, k / 4 * part, mss);
        let error = transfer.cc.cwnd().abs_diff(expected);
        assert!(error <= expected / 50, "{part}: {} instead of {expected}", transfer.cc.cwnd());
    }
}

/// Runs slow start to its end: what was lost, and the queue at the end in hundredths of the product.
fn slow_start<C: CongestionControl>(config: C::Config) -> (u64, u64) {
    let mut transfer = Transfer::<C>::new(config, Path::broadband(10_000, 0), 1);
    while transfer.cc.ssthresh() == u32::MAX && transfer.lost == 0 && transfer.now < 60_000_000 {
        transfer.run(10);
    }
    let queue = transfer.queue_percent();
    println!("{config:?}: slow start ends after {} us with a queue of {queue} %", transfer.now);
    (transfer.lost, queue)
}

// S-66
// Covers TCP-253
#[test]
fn hystart_ends_slow_start_long_before_a_buffer_of_a_hundred_products_is_full() {
    for (lost, queue) in [
        slow_start::<Cubic>(cubic::Config::default()),
        slow_start::<NewRenoHyStart>(reno::Config::default()),
    ] {
        assert!(lost == 0 && queue <= 1_500, "{lost} {queue}");
    }
    let (lost, queue) =
        slow_start::<Cubic>(cubic::Config { hystart: false, ..cubic::Config::default() });
    assert!(lost > 0 && queue > 5_000, "{lost} {queue}");
}

// Covers TCP-255
#[test]
fn bbr_keeps_nine_tenths_of_a_link_that_loses_up_to_one_percent_and_a_short_queue() {
    for loss_permille in [0, 1, 10] {
        for (buffer, seed) in [(100, 7), (100, 99), (1_000, 7), (1_000, 12_345)] {
            let config =
                bbr::Config { seed: u32::try_from(seed).unwrap(), ..bbr::Config::default() };
            let (used, queue) =
                steady::<Bbr3>(config, Path::broadband(buffer, loss_permille), seed);
            assert!(used >= 900 && queue <= 150, "{loss_permille} {buffer}: {used} {queue}");
        }
    }
    // What the others make of it.
    let (reno, _) = steady::<NewReno>(reno::Config::default(), Path::broadband(100, 10), 7);
    assert!(reno < 200, "{reno}");
}

// Covers TCP-255
#[test]
fn with_a_higher_threshold_bbr_holds_a_link_that_loses_five_percent() {
    for seed in [7, 99] {
        let config = bbr::Config { loss_thresh_permille: 120, seed: 3 };
        let (used, queue) = steady::<Bbr3>(config, Path::broadband(100, 50), seed);
        // 950 is all that can arrive.
        assert!(used >= 855 && queue <= 150, "{used} {queue}");
    }
}

// Covers TCP-255
#[test]
fn bbr_takes_twice_the_bandwidth_within_seconds_and_gives_it_back() {
    let mut transfer = Transfer::<Bbr3>::new(bbr::Config::default(), Path::broadband(400, 0), 7);
    transfer.run(10_000);
    transfer.path.rate *= 2;
    transfer.run(5_000);
    let used = transfer.run(10_000);
    assert!(used >= 900, "{used}");
    transfer.path.rate /= 2;
    transfer.run(10_000);
    let used = transfer.run(10_000);
    let queue = transfer.queue_percent();
    println!("halved: {used} of 1000, queue {queue} %");
    assert!(used >= 900 && queue <= 100, "{used} {queue}");
}

// Covers TCP-264
#[test]
fn a_controller_chosen_at_run_time_does_what_it_does_alone() {
    let path = Path::broadband(100, 1);
    let alone = steady::<Cubic>(cubic::Config::default(), path, 5);
    let chosen = steady::<AnyCc>(any::Config::Cubic(cubic::Config::default()), path, 5);
    assert_eq!(alone, chosen);
}
