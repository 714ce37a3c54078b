//! How a window grows before the first loss: plain slow start, or HyStart++ (RFC 9406), which leaves it when
//! the round trip grows, long before a deep buffer overflows.
//!
//! Both sit behind one trait, so that a controller which wants the plain one pays nothing for the other.

use core::fmt::Debug;

use super::AckSample;

/// Segments counted per acknowledgement in slow start. RFC 3465 §2.1.
const LIMIT: u32 = 2;
/// The same while recovering from a retransmission timeout. RFC 3465 §2.3.
const LIMIT_AFTER_RTO: u32 = 1;
/// The same in HyStart++ when the sender does not pace; one that paces has none. RFC 9406 §4.3.
const LIMIT_UNPACED: u32 = 8;
/// The least growth of the round trip that counts, microseconds. RFC 9406 §4.3.
const MIN_RTT_THRESH: u32 = 4_000;
/// The most growth it takes, microseconds. RFC 9406 §4.3.
const MAX_RTT_THRESH: u32 = 16_000;
/// The growth that counts is the round trip over this. RFC 9406 §4.3.
const MIN_RTT_DIVISOR: u32 = 8;
/// Samples a round needs before it is judged. RFC 9406 §4.3.
const N_RTT_SAMPLE: u8 = 8;
/// How much slower the window grows in conservative slow start. RFC 9406 §4.3.
const CSS_GROWTH_DIVISOR: u32 = 4;
/// Rounds of conservative slow start. RFC 9406 §4.3.
const CSS_ROUNDS: u8 = 5;

/// A way to grow the window exponentially.
pub trait SlowStart: Copy + Debug {
    /// The start of a connection.
    fn new() -> Self;

    /// The bytes the window may grow by for `sample`; `None` when slow start should end where it is.
    ///
    /// Must see every acknowledgement of slow start, also those after which the window may not grow.
    fn growth(&mut self, sample: &AckSample, mss: u32, after_rto: bool, paced: bool)
    -> Option<u32>;

    /// The connection met congestion: from now on `ssthresh` is known and slow start is the plain one.
    fn retire(&mut self);
}

/// Slow start of RFC 5681 §3.1 with byte counting (RFC 3465); takes no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standard;

impl SlowStart for Standard {
    fn new() -> Self {
        Self
    }

    #[cfg_attr(target_os = "none", inline)]
    fn growth(
        &mut self,
        sample: &AckSample,
        mss: u32,
        after_rto: bool,
        _paced: bool,
    ) -> Option<u32> {
        let limit = if after_rto { LIMIT_AFTER_RTO } else { LIMIT };
        Some(sample.acked.min(mss.saturating_mul(limit)))
    }

    fn retire(&mut self) {}
}

/// HyStart++, RFC 9406. Times are microseconds, `u32::MAX` stands for infinity.
#[derive(Clone, Copy, Debug)]
pub struct HyStart {
    last_round_min_rtt: u32,
    round_min_rtt: u32,
    /// Of the round that made us careful; only of meaning in [`Phase::Careful`].
    baseline_min_rtt: u32,
    sample_count: u8,
    rounds: u8,
    phase: Phase,
}

/// Where HyStart++ is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Slow start.
    Fast,
    /// Conservative slow start.
    Careful,
    /// The initial slow start is over for good.
    Retired,
}

impl HyStart {
    /// Whether it doubts that the window should double.
    #[must_use]
    pub fn is_careful(&self) -> bool {
        self.phase == Phase::Careful
    }

    /// Takes the round trip of one acknowledgement; true when conservative slow start is over.
    #[cfg_attr(target_os = "none", inline)]
    fn observe(&mut self, sample: &AckSample) -> bool {
        if sample.round_start && self.end_round() {
            return true;
        }
        if let Some(rtt) = sample.rtt {
            self.round_min_rtt = self.round_min_rtt.min(rtt);
            self.sample_count = self.sample_count.saturating_add(1);
        }
        if self.sample_count >= N_RTT_SAMPLE {
            self.judge();
        }
        false
    }

    #[cfg_attr(target_os = "none", inline)]
    fn end_round(&mut self) -> bool {
        self.last_round_min_rtt = self.round_min_rtt;
        self.round_min_rtt = u32::MAX;
        self.sample_count = 0;
        if self.phase != Phase::Careful {
            return false;
        }
        self.rounds = self.rounds.saturating_add(1);
        // The round in which it became careful counts although it was not whole.
        self.rounds >= CSS_ROUNDS
    }

    #[cfg_attr(target_os = "none", inline)]
    fn judge(&mut self) {
        match self.phase {
            Phase::Fast => {
                if self.last_round_min_rtt == u32::MAX {
                    return;
                }
                let step = (self.last_round_min_rtt / MIN_RTT_DIVISOR)
                    .clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if self.round_min_rtt >= self.last_round_min_rtt.saturating_add(step) {
                    self.baseline_min_rtt = self.round_min_rtt;
                    self.rounds = 0;
                    self.phase = Phase::Careful;
                }
            }
            Phase::Careful => {
                if self.round_min_rtt < self.baseline_min_rtt {
                    self.baseline_min_rtt = u32::MAX;
                    self.phase = Phase::Fast;
                }
            }
            Phase::Retired => {}
        }
    }
}

impl SlowStart for HyStart {
    fn new() -> Self {
        Self {
            last_round_min_rtt: u32::MAX,
            round_min_rtt: u32::MAX,
            baseline_min_rtt: u32::MAX,
            sample_count: 0,
            rounds: 0,
            phase: Phase::Fast,
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn growth(
        &mut self,
        sample: &AckSample,
        mss: u32,
        after_rto: bool,
        paced: bool,
    ) -> Option<u32> {
        if self.phase == Phase::Retired {
            return Standard.growth(sample, mss, after_rto, paced);
        }
        let limit = if paced { u32::MAX } else { mss.saturating_mul(LIMIT_UNPACED) };
        let over = self.observe(sample);
        let counted = sample.acked.min(limit);
        match (over, self.phase) {
            (true, _) => None,
            (false, Phase::Careful) => Some(counted / CSS_GROWTH_DIVISOR),
            (false, Phase::Fast | Phase::Retired) => Some(counted),
        }
    }

    fn retire(&mut self) {
        self.phase = Phase::Retired;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;

    const MSS: u32 = 1000;

    /// One round of `count` acknowledgements of one segment each, all with round trip `rtt`; the growth of the
    /// last one.
    fn round(hystart: &mut HyStart, rtt: u32, count: u32) -> Option<u32> {
        let mut last = None;
        for index in 0..count {
            let sample = AckSample { rtt: Some(rtt), round_start: index == 0, ..ack(MSS) };
            last = hystart.growth(&sample, MSS, false, false);
            last?;
        }
        last
    }

    // Covers TCP-253
    #[test]
    fn a_round_trip_that_grows_by_an_eighth_makes_it_careful_after_eight_samples() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 80_000, 10);
        round(&mut hystart, 89_999, 10);
        assert!(!hystart.is_careful(), "less than an eighth");
        let mut hystart = HyStart::new();
        round(&mut hystart, 80_000, 10);
        assert_eq!(round(&mut hystart, 90_000, 7), Some(MSS), "seven samples do not judge");
        assert!(!hystart.is_careful());
        let sample = AckSample { rtt: Some(90_000), ..ack(MSS) };
        assert_eq!(hystart.growth(&sample, MSS, false, false), Some(MSS / 4));
        assert!(hystart.is_careful());
    }

    // Covers TCP-253
    #[test]
    fn the_growth_that_counts_lies_between_4_and_16_milliseconds() {
        for (base, step) in [(8_000, 4_000), (64_000, 8_000), (1_000_000, 16_000)] {
            for (rtt, careful) in [(base + step - 1, false), (base + step, true)] {
                let mut hystart = HyStart::new();
                round(&mut hystart, base, 8);
                round(&mut hystart, rtt, 8);
                assert_eq!(hystart.is_careful(), careful, "base {base}, now {rtt}");
            }
        }
    }

    // Covers TCP-253
    #[test]
    fn it_ends_after_five_careful_rounds_the_partial_one_included() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 50_000, 8);
        assert!(round(&mut hystart, 60_000, 9).is_some(), "first, partial");
        for careful in 2..=5 {
            assert!(round(&mut hystart, 60_000, 9).is_some(), "round {careful}");
        }
        assert_eq!(round(&mut hystart, 60_000, 9), None);
    }

    // Covers TCP-253
    #[test]
    fn it_is_fast_again_when_the_round_trip_recovers() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 50_000, 8);
        round(&mut hystart, 60_000, 9);
        assert!(hystart.is_careful());
        assert_eq!(round(&mut hystart, 59_999, 8), Some(MSS));
        assert!(!hystart.is_careful());
    }

    // Covers TCP-253, TCP-250
    #[test]
    fn an_acknowledgement_counts_for_eight_segments_unpaced_and_wholly_when_paced() {
        let mut hystart = HyStart::new();
        assert_eq!(hystart.growth(&ack(20 * MSS), MSS, false, false), Some(8 * MSS));
        assert_eq!(hystart.growth(&ack(20 * MSS), MSS, false, true), Some(20 * MSS));
        hystart.retire();
        assert_eq!(
            hystart.growth(&ack(20 * MSS), MSS, false, true),
            Some(2 * MSS),
            "only the first slow start"
        );
    }
}
