//! NewReno: RFC 5681 and 6582 with byte counting (RFC 3465). The smallest controller there is.

use mainstay_base::Instant;

use crate::offset::Offset;

use super::hystart::{HyStart, SlowStart, Standard};
use super::{AckSample, CongestionControl, Signal, WINDOW_MAX, clamp_mss, initial_segments};

/// The smallest `ssthresh`, in segments. RFC 5681 §3.1 equation (4).
const SSTHRESH_MIN: u32 = 2;

/// NewReno; `S` is how it grows before the first loss, `O` how wide windows are.
#[derive(Clone, Copy, Debug)]
pub struct NewReno<S = Standard, O = u32> {
    cwnd: O,
    /// The largest there is while unknown.
    ssthresh: O,
    /// Bytes acknowledged in congestion avoidance that the window has not grown for yet.
    credit: O,
    mss: u16,
    /// The initial window in whole segments, for restarts after idle.
    initial: u8,
    flags: u8,
    slow_start: S,
}

/// NewReno that leaves slow start early, RFC 9406.
pub type NewRenoHyStart = NewReno<HyStart>;

/// A smaller reduction on marks than on loss, RFC 8511.
const ABE: u8 = 1;
/// The sender paces.
const PACED: u8 = 2;
/// This slow start follows a retransmission timeout.
const AFTER_RTO: u8 = 4;

/// What can be set for [`NewReno`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Alternative backoff on marks: the window shrinks to 0.8 of what it was, not to half (RFC 8511).
    pub abe: bool,
    /// The sender paces, so HyStart++ need not limit what one acknowledgement counts for.
    pub paced: bool,
}

/// What a spurious episode is undone with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot<O = u32> {
    pub(super) cwnd: O,
    pub(super) ssthresh: O,
}

impl<S: SlowStart, O: Offset> NewReno<S, O> {
    fn mss(&self) -> u32 {
        u32::from(self.mss)
    }

    fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    #[cfg_attr(target_os = "none", inline)]
    fn grow_exponentially(&mut self, sample: &AckSample) {
        let (after_rto, paced) = (self.is(AFTER_RTO), self.is(PACED));
        let Some(growth) = self.slow_start.growth(sample, self.mss(), after_rto, paced) else {
            self.ssthresh = self.cwnd;
            return;
        };
        if sample.cwnd_limited {
            self.set_cwnd(self.cwnd().saturating_add(growth).min(self.ssthresh()));
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn grow_linearly(&mut self, sample: &AckSample) {
        self.flags &= !AFTER_RTO;
        if !sample.cwnd_limited {
            return;
        }
        let (cwnd, mut credit) = (self.cwnd(), self.credit.wide().saturating_add(sample.acked));
        if credit >= cwnd {
            // One acknowledgement, however large, is worth one segment.
            credit = (credit - cwnd).min(cwnd);
            self.set_cwnd(cwnd.saturating_add(self.mss()));
        }
        self.credit = O::narrow(credit);
    }

    fn set_cwnd(&mut self, cwnd: u32) {
        self.cwnd = O::narrow(cwnd.min(WINDOW_MAX));
    }
}

impl<S: SlowStart, O: Offset> CongestionControl for NewReno<S, O> {
    type Config = Config;
    type Snapshot = Snapshot<O>;

    fn new(config: Config, mss: u32, initial: u32) -> Self {
        let mss = clamp_mss(mss);
        Self {
            cwnd: O::narrow(initial.clamp(u32::from(mss), WINDOW_MAX)),
            ssthresh: O::narrow(u32::MAX),
            credit: O::default(),
            mss,
            initial: initial_segments(initial, mss),
            flags: if config.abe { ABE } else { 0 } | if config.paced { PACED } else { 0 },
            slow_start: S::new(),
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn on_ack(&mut self, sample: &AckSample) {
        if sample.in_recovery && !sample.after_rto {
            return;
        }
        if self.cwnd() < self.ssthresh() {
            self.grow_exponentially(sample);
        } else {
            self.grow_linearly(sample);
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn on_congestion(&mut self, _now: Instant, signal: Signal, flight: u32) {
        let flight = flight.min(WINDOW_MAX);
        let floor = SSTHRESH_MIN * self.mss();
        let repeated = self.is(AFTER_RTO) && self.cwnd() <= self.mss();
        self.slow_start.retire();
        self.credit = O::default();
        let ssthresh = match signal {
            // Nothing was acknowledged since the last one: it says nothing new about the path (RFC 5681 §3.1).
            Signal::Rto if repeated => self.ssthresh(),
            Signal::Ecn { .. } if self.is(ABE) => (flight - flight / 5).max(floor),
            Signal::Loss | Signal::Ecn { .. } | Signal::Rto => (flight / 2).max(floor),
        };
        self.ssthresh = O::narrow(ssthresh);
        if signal == Signal::Rto {
            self.set_cwnd(self.mss());
            self.flags |= AFTER_RTO;
        } else {
            self.set_cwnd(ssthresh);
            self.flags &= !AFTER_RTO;
        }
    }

    fn on_recovery_end(&mut self, _now: Instant) {
        // After fast recovery they are equal already; after a timeout slow start goes on from where it is.
        self.set_cwnd(self.cwnd().min(self.ssthresh()).max(self.mss()));
    }

    fn snapshot(&self) -> Snapshot<O> {
        Snapshot { cwnd: self.cwnd, ssthresh: self.ssthresh }
    }

    fn undo(&mut self, before: Snapshot<O>) {
        self.cwnd = self.cwnd.max(before.cwnd);
        self.ssthresh = before.ssthresh.max(O::narrow(SSTHRESH_MIN * self.mss())); // segments may be larger by now
        self.flags &= !AFTER_RTO;
    }

    fn on_idle(&mut self, _now: Instant, idle_micros: u32, rto_micros: u32) {
        if idle_micros > rto_micros {
            self.set_cwnd(self.cwnd().min(u32::from(self.initial) * self.mss()));
        }
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = clamp_mss(mss);
        self.set_cwnd(self.cwnd().max(self.mss()));
        self.ssthresh = self.ssthresh.max(O::narrow(SSTHRESH_MIN * self.mss()));
    }

    fn cwnd(&self) -> u32 {
        self.cwnd.wide()
    }

    fn ssthresh(&self) -> u32 {
        if self.ssthresh.get() == O::MAX { u32::MAX } else { self.ssthresh.wide() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;

    const MSS: u32 = 1000;
    const NOW: Instant = Instant::ZERO;

    fn reno() -> NewReno {
        NewReno::new(Config::default(), MSS, 10 * MSS)
    }

    /// In congestion avoidance with `segments`.
    fn avoiding(segments: u32) -> NewReno {
        let mut reno = reno();
        reno.on_congestion(NOW, Signal::Loss, 2 * segments * MSS);
        reno.on_recovery_end(NOW);
        reno
    }

    #[test]
    fn it_fits_a_tiny_control_block() {
        assert_eq!(NewReno::<Standard>::STATE_BYTES, 16);
        assert!(size_of::<Snapshot>() <= 12);
        assert_eq!(NewReno::<Standard, u16>::STATE_BYTES, 10);
    }

    // Covers TCP-250
    #[test]
    fn slow_start_counts_bytes_and_at_most_two_segments_per_acknowledgement() {
        let mut reno = reno();
        reno.on_ack(&ack(300));
        assert_eq!(reno.cwnd(), 10_300);
        reno.on_ack(&ack(7 * MSS));
        assert_eq!(reno.cwnd(), 12_300);
    }

    // Covers TCP-250
    #[test]
    fn a_window_that_was_not_the_limit_does_not_grow() {
        for mut reno in [reno(), avoiding(5)] {
            let before = reno.cwnd();
            for _ in 0..100 {
                reno.on_ack(&AckSample { cwnd_limited: false, ..ack(MSS) });
            }
            assert_eq!(reno.cwnd(), before);
        }
    }

    // Covers TCP-250, TCP-254
    #[test]
    fn after_a_timeout_the_window_is_one_segment_and_grows_by_at_most_one_per_acknowledgement() {
        let mut reno = reno();
        reno.on_congestion(NOW, Signal::Rto, 20 * MSS);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (MSS, 10 * MSS));
        reno.on_ack(&AckSample { in_recovery: true, after_rto: true, ..ack(4 * MSS) });
        assert_eq!(reno.cwnd(), 2 * MSS);
        reno.on_recovery_end(NOW);
        assert_eq!(reno.cwnd(), 2 * MSS, "it does not jump to ssthresh");
        reno.on_ack(&ack(4 * MSS));
        assert_eq!(reno.cwnd(), 3 * MSS, "the same slow start goes on");
    }

    // Covers TCP-254
    #[test]
    fn a_second_timeout_of_the_same_segment_keeps_ssthresh() {
        let mut reno = reno();
        reno.on_congestion(NOW, Signal::Rto, 20 * MSS);
        reno.on_congestion(NOW, Signal::Rto, MSS);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (MSS, 10 * MSS));
    }

    // Covers TCP-251
    #[test]
    fn a_loss_halves_the_flight_and_never_goes_below_two_segments() {
        let mut reno = reno();
        reno.on_congestion(NOW, Signal::Loss, 9 * MSS);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (4500, 4500));
        reno.on_congestion(NOW, Signal::Loss, MSS);
        assert_eq!(reno.ssthresh(), 2 * MSS);
    }

    // Covers TCP-251
    #[test]
    fn avoidance_adds_one_segment_per_window_acknowledged_however_small_the_pieces() {
        for piece in [1, 7, 333, MSS, 5 * MSS] {
            let mut reno = avoiding(50);
            let mut acked = 0;
            while reno.cwnd() == 50 * MSS {
                reno.on_ack(&ack(piece));
                acked += piece;
            }
            assert_eq!(reno.cwnd(), 51 * MSS);
            assert!((50 * MSS..50 * MSS + piece).contains(&acked), "pieces of {piece}: {acked}");
        }
    }

    // Covers TCP-251
    #[test]
    fn the_window_stands_still_in_fast_recovery() {
        let mut reno = reno();
        reno.on_congestion(NOW, Signal::Loss, 10 * MSS);
        for _ in 0..100 {
            reno.on_ack(&AckSample { in_recovery: true, ..ack(MSS) });
        }
        reno.on_recovery_end(NOW);
        assert_eq!(reno.cwnd(), 5 * MSS);
    }

    #[test]
    fn slow_start_ends_exactly_at_ssthresh() {
        let mut reno = avoiding(11);
        reno.on_congestion(NOW, Signal::Rto, 11 * MSS);
        for _ in 0..20 {
            reno.on_ack(&ack(MSS));
        }
        assert!((5500..8000).contains(&reno.cwnd()), "{}", reno.cwnd());
    }

    // Covers TCP-303
    #[test]
    fn marks_shrink_it_to_four_fifths_when_so_configured() {
        for (abe, after) in [(false, 10 * MSS), (true, 16 * MSS)] {
            let mut reno: NewReno = NewReno::new(Config { abe, paced: false }, MSS, 20 * MSS);
            reno.on_congestion(NOW, Signal::Ecn { ce_bytes: MSS }, 20 * MSS);
            assert_eq!(reno.cwnd(), after);
        }
    }

    // Covers TCP-295, TCP-297
    #[test]
    fn an_undone_episode_leaves_the_windows_as_before() {
        let mut reno = avoiding(30);
        for signal in [Signal::Loss, Signal::Rto] {
            let before = reno.snapshot();
            reno.on_congestion(NOW, signal, 30 * MSS);
            reno.undo(before);
            assert_eq!(reno.snapshot(), before);
        }
    }

    // Covers TCP-159
    #[test]
    fn after_longer_idle_than_a_timeout_it_restarts_from_the_initial_window() {
        let mut reno = avoiding(30);
        reno.on_idle(NOW, 1_000_000, 1_000_000);
        assert_eq!(reno.cwnd(), 30 * MSS);
        reno.on_idle(NOW, 1_000_001, 1_000_000);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (10 * MSS, 30 * MSS));
        let mut small = avoiding(3);
        small.on_idle(NOW, 2_000_000, 1_000_000);
        assert_eq!(small.cwnd(), 3 * MSS);
    }

    // Covers TCP-250
    #[test]
    fn a_narrow_window_grows_up_to_what_it_can_say_and_shrinks_from_there() {
        let mut reno = NewReno::<Standard, u16>::new(Config::default(), MSS, 10 * MSS);
        assert_eq!(reno.ssthresh(), u32::MAX);
        for _ in 0..100 {
            reno.on_ack(&ack(2 * MSS));
        }
        assert_eq!(reno.cwnd(), 65_535);
        let before = reno.snapshot();
        reno.on_congestion(NOW, Signal::Loss, 65_535);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (32_767, 32_767));
        reno.undo(before);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (65_535, u32::MAX));
    }

    // Covers TCP-253
    #[test]
    fn with_hystart_a_growing_round_trip_ends_slow_start_without_loss() {
        let mut reno = NewRenoHyStart::new(Config::default(), MSS, 10 * MSS);
        for round in 0..8 {
            for index in 0..9 {
                let rtt = if round == 0 { 50_000 } else { 70_000 };
                reno.on_ack(&AckSample { rtt: Some(rtt), round_start: index == 0, ..ack(MSS) });
            }
        }
        assert!(reno.ssthresh() < 40 * MSS, "{reno:?}");
    }
}
