//! BBRv3 rule by rule, on acknowledgements made by hand.

use super::super::RateSample;
use super::super::testing::ack;
use super::*;

const MSS: u32 = 1000;
/// Bytes per second.
const RATE: u32 = 1_000_000;
/// Microseconds; 100 segments are the product.
const RTT: u32 = 100_000;

/// Feeds a controller rounds of ten acknowledgements.
struct Feed {
    bbr: Bbr3,
    now: u64,
    delivered: u32,
    app_limited: bool,
}

impl Feed {
    fn new() -> Self {
        let bbr = Bbr3::new(Config::default(), MSS, 10 * MSS);
        Self { bbr, now: 1_000_000, delivered: 0, app_limited: false }
    }

    /// One that has left Startup on a path of [`RATE`] and is in ProbeBW.
    fn steady() -> Self {
        let mut feed = Self::new();
        for _ in 0..8 {
            feed.round(RATE, RTT, 0);
        }
        assert!(feed.bbr.is_in_probe_bw(), "{:?}", feed.bbr.mode());
        feed
    }

    /// A round trip in which the path delivered at `rate`, and lost `lost` with every acknowledgement.
    fn round(&mut self, rate: u32, rtt: u32, lost: u32) {
        let volume = low(u64::from(rate) * u64::from(rtt) / 1_000_000);
        for _ in 0..10 {
            self.now += u64::from(rtt / 10);
            self.delivered = self.delivered.wrapping_add(volume / 10);
            let sample = RateSample {
                delivered: volume.min(self.delivered),
                interval_micros: rtt,
                app_limited: self.app_limited,
                flight_at_send: volume,
                lost: lost * 10,
                delivered_total: self.delivered,
            };
            self.bbr.on_ack(&AckSample {
                now: Instant::from_micros(self.now),
                flight_before: volume,
                flight: volume,
                lost,
                rtt: Some(rtt),
                min_rtt: RTT,
                rate: Some(sample),
                ..ack(volume / 10)
            });
        }
    }

    fn until(&mut self, mode: Mode, rounds: u32) {
        for _ in 0..rounds {
            if self.bbr.mode() == mode {
                return;
            }
            self.round(RATE, RTT, 0);
        }
        assert_eq!(self.bbr.mode(), mode);
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[test]
fn it_takes_a_quarter_of_a_kilobyte() {
    const { assert!(Bbr3::STATE_BYTES <= 256) }
}

// Covers TCP-255
#[test]
fn startup_goes_on_while_the_rate_grows_by_a_quarter_and_ends_after_three_flat_rounds() {
    let mut feed = Feed::new();
    let mut rate = 100_000;
    for _ in 0..6 {
        feed.round(rate, RTT, 0);
        assert_eq!(feed.bbr.mode(), Mode::Startup);
        rate = rate * 13 / 10;
    }
    let flat = (0..10).find(|_| {
        feed.round(rate, RTT, 0);
        feed.bbr.mode() != Mode::Startup
    });
    assert!(matches!(flat, Some(3 | 4)), "{flat:?}");
}

// Covers TCP-255
#[test]
fn rates_the_application_limited_neither_end_startup_nor_lower_the_bandwidth() {
    let mut feed = Feed::new();
    feed.round(RATE, RTT, 0);
    feed.app_limited = true;
    for _ in 0..20 {
        feed.round(RATE / 10, RTT, 0);
    }
    assert_eq!(feed.bbr.mode(), Mode::Startup);
    assert_eq!(feed.bbr.bandwidth(), u64::from(RATE));
}

// Covers TCP-255
#[test]
fn startup_ends_when_a_round_of_recovery_loses_too_much_and_an_undo_returns_to_it() {
    for (lost, leaves) in [(100, false), (500, true)] {
        let mut feed = Feed::new();
        feed.round(RATE / 2, RTT, 0);
        feed.bbr.on_congestion(Instant::from_micros(feed.now), Signal::Loss, 100 * MSS);
        feed.round(RATE * 7 / 10, RTT, lost);
        feed.round(RATE, RTT, lost);
        assert_eq!(feed.bbr.mode() != Mode::Startup, leaves, "{lost}");
        feed.bbr.undo(());
        assert_eq!(feed.bbr.mode(), Mode::Startup);
    }
}

// Covers TCP-255
#[test]
fn it_paces_one_percent_below_the_bandwidth_and_keeps_two_products_in_flight() {
    let mut feed = Feed::steady();
    feed.until(Mode::Cruise, 40);
    feed.round(RATE, RTT, 0);
    assert_eq!(feed.bbr.mode(), Mode::Cruise);
    assert_eq!(feed.bbr.pacing_rate(), Some(990_000));
    assert_eq!(feed.bbr.min_rtt(), RTT);
    assert!((200 * MSS..=220 * MSS).contains(&feed.bbr.cwnd()), "{}", feed.bbr.cwnd());
    assert_eq!(feed.bbr.send_quantum(), Some(2 * MSS));
}

// Covers TCP-255
#[test]
fn it_probes_after_two_to_three_seconds_and_not_in_step_with_others() {
    let mut waits = [0; 8];
    for (seed, wait) in (1..).zip(waits.iter_mut()) {
        let config = Config { seed: seed * 0x0123_4567, ..Config::default() };
        let mut feed = Feed { bbr: Bbr3::new(config, MSS, 10 * MSS), ..Feed::new() };
        while !feed.bbr.is_in_probe_bw() {
            feed.round(RATE, RTT, 0);
        }
        let started = feed.now;
        feed.until(Mode::Refill, 35);
        *wait = feed.now - started;
        assert!((1_900_000..=3_200_000).contains(wait), "{wait}");
    }
    assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
}

// Covers TCP-255
#[test]
fn a_probe_that_loses_too_much_sets_the_long_term_bound_and_one_that_does_not_leaves_it() {
    for (lost, bounded) in [(100, false), (500, true)] {
        let mut feed = Feed::steady();
        feed.until(Mode::Up, 50);
        feed.round(RATE, RTT, lost);
        feed.round(RATE, RTT, lost);
        assert_eq!(feed.bbr.cycle.inflight_long < UNBOUNDED, bounded, "{lost}");
        if bounded {
            assert_eq!(feed.bbr.mode(), Mode::Down);
            assert!(feed.bbr.cwnd() >= 70 * MSS, "beta bounds the fall");
            assert!(feed.bbr.inflight_with_headroom() <= feed.bbr.cycle.inflight_long * 86 / 100);
        }
    }
}

// Covers TCP-255
#[test]
fn between_probes_only_more_loss_than_the_threshold_slows_it_down_and_refill_forgets_it() {
    for (thresh, lost, slower) in [(20, 50, false), (20, 500, true), (150, 500, false)] {
        let mut feed = Feed::steady();
        feed.bbr.loss_thresh_permille = thresh;
        feed.until(Mode::Cruise, 40);
        feed.round(RATE / 2, RTT, lost);
        feed.round(RATE / 2, RTT, lost);
        let bandwidth = feed.bbr.bandwidth();
        assert_eq!(bandwidth < u64::from(RATE), slower, "{thresh} {lost}");
        assert!(bandwidth >= u64::from(RATE) * 49 / 100, "by beta per round at most: {bandwidth}");
        feed.until(Mode::Refill, 40);
        assert_eq!(feed.bbr.bandwidth.short_term, u64::MAX);
    }
}

// Covers TCP-255, TCP-303
#[test]
fn marks_end_startup_and_a_probe() {
    let mut feed = Feed::new();
    feed.round(RATE, RTT, 0);
    let marks = Signal::Ecn { ce_bytes: MSS };
    feed.bbr.on_congestion(Instant::from_micros(feed.now), marks, 100 * MSS);
    feed.round(RATE, RTT, 0);
    assert_ne!(feed.bbr.mode(), Mode::Startup);
    let mut feed = Feed::steady();
    feed.until(Mode::Up, 50);
    feed.bbr.on_congestion(Instant::from_micros(feed.now), marks, 100 * MSS);
    assert_eq!(feed.bbr.mode(), Mode::Down);
    assert_eq!(feed.bbr.cycle.inflight_long, 100 * MSS);
}

// Covers TCP-255, TCP-287
#[test]
fn every_five_seconds_without_a_smaller_round_trip_it_keeps_half_a_product_in_flight() {
    let mut feed = Feed::steady();
    let mut rounds = 0;
    while feed.bbr.mode() != Mode::ProbeRtt {
        feed.round(RATE, RTT + 1000, 0);
        rounds += 1;
        assert!(rounds < 60);
    }
    assert!(rounds > 30, "{rounds}");
    assert!(feed.bbr.cwnd() <= 52 * MSS, "{}", feed.bbr.cwnd());
    let mut quiet = 0;
    while feed.bbr.mode() == Mode::ProbeRtt {
        feed.round(RATE / 2, RTT, 0);
        quiet += 1;
        assert!(quiet < 10);
    }
    assert!(quiet >= 2, "200 ms");
    assert!(feed.bbr.cwnd() > 100 * MSS, "the window is back");
    assert!(
        feed.bbr.bandwidth() >= u64::from(RATE) * 9 / 10,
        "what it delivered meanwhile tells nothing"
    );
}

// Covers TCP-255
#[test]
fn idle_time_stands_for_a_probe_of_the_round_trip() {
    let mut feed = Feed::steady();
    feed.now += 6_000_000;
    feed.bbr.on_idle(Instant::from_micros(feed.now), 6_000_000, 300_000);
    assert_eq!(feed.bbr.pacing_rate(), Some(990_000));
    feed.round(RATE, RTT, 0);
    assert!(feed.bbr.is_in_probe_bw());
}

// Covers TCP-255, TCP-254
#[test]
fn a_timeout_leaves_one_segment_and_recovery_brings_the_window_back() {
    let mut feed = Feed::steady();
    let before = feed.bbr.cwnd();
    feed.bbr.on_congestion(Instant::from_micros(feed.now), Signal::Rto, 100 * MSS);
    assert_eq!(feed.bbr.cwnd(), MSS);
    feed.bbr.on_recovery_end(Instant::from_micros(feed.now));
    assert_eq!(feed.bbr.cwnd(), before);
}
