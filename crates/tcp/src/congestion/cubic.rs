//! CUBIC, RFC 9438, in integers. Before the first loss it grows as HyStart++ (RFC 9406) lets it.

use mainstay_base::Instant;

use super::hystart::{HyStart, SlowStart, Standard};
use super::{AckSample, CongestionControl, Signal, WINDOW_MAX, clamp_mss, initial_segments};

pub mod curve;

/// The smallest `ssthresh`, in segments. RFC 9438 §4.6.
const SSTHRESH_MIN: u32 = 2;

/// CUBIC.
#[derive(Clone, Copy, Debug)]
pub struct Cubic {
    cwnd: u32,
    ssthresh: u32,
    /// The plateau of the curve; 0 before the first congestion.
    w_max: u32,
    mss: u16,
    /// The initial window in whole segments, for restarts after idle.
    initial: u8,
    flags: u8,
    stage: Stage,
}

/// Alternative backoff on marks, RFC 8511.
const ABE: u8 = 1;
/// The sender paces.
const PACED: u8 = 2;
/// This slow start follows a retransmission timeout.
const AFTER_RTO: u8 = 4;
/// Fast convergence is on.
const CONVERGE: u8 = 8;

/// What governs the window; slow start and the curve never need memory at the same time.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// No curve yet, or none since the last timeout.
    SlowStart(HyStart),
    /// On a curve (slow start below `ssthresh`, after a restart from idle, included).
    Avoidance(Epoch),
}

/// One stage of congestion avoidance. Times are microseconds.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// How long the curve is past its plateau, less than zero before it; without the time in which the window was not the
    /// limit.
    past: i32,
    /// When it was last looked at, modulo 2^32.
    seen: u32,
    /// What Reno would have.
    w_est: u32,
    /// Acknowledged bytes that have not moved `w_est` yet.
    w_est_credit: u32,
    /// What is left of a byte when the window grew, in parts of the window.
    credit: u32,
    /// The plateau was set below the window before the reduction (RFC 9438 §4.7).
    lowered: bool,
}

/// What can be set for [`Cubic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// HyStart++ before the first loss (RFC 9406).
    pub hystart: bool,
    /// The sender paces, so HyStart++ need not limit what one acknowledgement counts for.
    pub paced: bool,
    /// The window shrinks to 0.85 on marks, not to 0.7 (RFC 8511).
    pub abe: bool,
    /// Give way to newcomers: a window that did not reach the last plateau aims below itself (RFC 9438 §4.7).
    pub fast_convergence: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { hystart: true, paced: false, abe: false, fast_convergence: true }
    }
}

/// What a spurious episode is undone with. The place on the curve follows from it (RFC 9438 §4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) cwnd: u32,
    pub(super) ssthresh: u32,
    pub(super) w_max: u32,
}

impl Cubic {
    fn mss(&self) -> u32 {
        u32::from(self.mss)
    }

    fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    #[cfg_attr(target_os = "none", inline)]
    fn grow_exponentially(&mut self, sample: &AckSample) {
        let (mss, after_rto, paced) = (self.mss(), self.is(AFTER_RTO), self.is(PACED));
        let growth = match &mut self.stage {
            Stage::SlowStart(hystart) => hystart.growth(sample, mss, after_rto, paced),
            Stage::Avoidance(epoch) => {
                epoch.seen = low_bits(sample.now);
                Standard.growth(sample, mss, after_rto, paced)
            }
        };
        let Some(growth) = growth else {
            self.ssthresh = self.cwnd;
            return;
        };
        if sample.cwnd_limited {
            self.cwnd = self.cwnd.saturating_add(growth).min(self.ssthresh).min(WINDOW_MAX);
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn follow_curve(&mut self, sample: &AckSample) {
        self.flags &= !AFTER_RTO;
        let (mut epoch, w_max) = match self.stage {
            Stage::Avoidance(epoch) => (epoch, self.w_max),
            // No loss told us where the plateau is: it is here (RFC 9438 §4.8, §4.10).
            Stage::SlowStart(_) => (Epoch::starting(sample.now, self.cwnd, false, 0), self.cwnd),
        };
        self.w_max = w_max;
        epoch.advance(sample.now, sample.cwnd_limited);
        if sample.cwnd_limited {
            self.cwnd = epoch.grown(self.cwnd, w_max, sample, self.mss);
        }
        self.stage = Stage::Avoidance(epoch);
    }

    /// Whether the next curve is to have its plateau below the window that met congestion (RFC 9438 §4.7).
    #[cfg_attr(target_os = "none", inline)]
    fn gives_way(&self) -> bool {
        self.is(CONVERGE) && self.cwnd < self.w_max
    }
}

impl Epoch {
    #[cfg_attr(target_os = "none", inline)]
    fn starting(now: Instant, w_est: u32, lowered: bool, k: u32) -> Self {
        let past = 0_i32.saturating_sub_unsigned(k);
        Self { past, seen: low_bits(now), w_est, w_est_credit: 0, credit: 0, lowered }
    }

    /// Time passes; it counts only while the window is the limit (RFC 9438 §5.8).
    #[cfg_attr(target_os = "none", inline)]
    fn advance(&mut self, now: Instant, counts: bool) {
        let now = low_bits(now);
        if counts {
            self.past = self.past.saturating_add_unsigned(now.wrapping_sub(self.seen));
        }
        self.seen = now;
    }

    /// The window after an acknowledgement (RFC 9438 §4.3 to §4.5).
    #[cfg_attr(target_os = "none", inline)]
    fn grown(&mut self, cwnd: u32, w_max: u32, sample: &AckSample, mss: u16) -> u32 {
        let acked = sample.acked.min(cwnd);
        self.grow_estimate(cwnd, w_max, acked, mss);
        if curve::at(w_max, self.past, mss) < self.w_est {
            return cwnd.max(self.w_est).min(WINDOW_MAX);
        }
        let rtt = sample.rtt.unwrap_or(if sample.min_rtt == u32::MAX { 0 } else { sample.min_rtt });
        let ahead = curve::at(w_max, self.past.saturating_add_unsigned(rtt), mss);
        let target = ahead.clamp(cwnd, cwnd.saturating_add(cwnd / 2));
        // (target − cwnd) per window acknowledged; the remainder waits, so that it never rounds to nothing.
        let window = u64::from(cwnd.max(1));
        let parts = u64::from(target - cwnd) * u64::from(acked) + u64::from(self.credit);
        self.credit = low(parts % window);
        cwnd.saturating_add(low(parts / window)).min(WINDOW_MAX)
    }

    /// Reno's estimate grows by alpha segments per window: 3·(1 − β)/(1 + β) = 9/17, then 1 (RFC 9438 §4.3).
    #[cfg_attr(target_os = "none", inline)]
    fn grow_estimate(&mut self, cwnd: u32, w_max: u32, acked: u32, mss: u16) {
        // The window before the reduction: from there on the estimate grows as Reno does.
        let prior = if self.lowered { scaled(w_max, 20, 17) } else { w_max };
        let per_segment = if self.w_est < prior { scaled(cwnd, 17, 9) } else { cwnd };
        self.w_est_credit = self.w_est_credit.saturating_add(acked);
        if self.w_est_credit >= per_segment {
            self.w_est_credit = (self.w_est_credit - per_segment).min(per_segment);
            self.w_est = self.w_est.saturating_add(u32::from(mss));
        }
    }
}

impl CongestionControl for Cubic {
    type Config = Config;
    type Snapshot = Snapshot;

    fn new(config: Config, mss: u32, initial: u32) -> Self {
        let mss = clamp_mss(mss);
        let mut hystart = HyStart::new();
        if !config.hystart {
            hystart.retire();
        }
        let flag = |on, bit| if on { bit } else { 0 };
        Self {
            cwnd: initial.clamp(u32::from(mss), WINDOW_MAX),
            ssthresh: u32::MAX,
            w_max: 0,
            mss,
            initial: initial_segments(initial, mss),
            flags: flag(config.abe, ABE)
                | flag(config.paced, PACED)
                | flag(config.fast_convergence, CONVERGE),
            stage: Stage::SlowStart(hystart),
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn on_ack(&mut self, sample: &AckSample) {
        if sample.in_recovery && !sample.after_rto {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.grow_exponentially(sample);
        } else {
            self.follow_curve(sample);
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn on_congestion(&mut self, now: Instant, signal: Signal, flight: u32) {
        let repeated = self.is(AFTER_RTO) && self.cwnd <= self.mss();
        if signal == Signal::Rto && repeated {
            return;
        }
        let (part, whole) = match signal {
            Signal::Ecn { .. } if self.is(ABE) => (17, 20),
            Signal::Loss | Signal::Ecn { .. } | Signal::Rto => (7, 10),
        };
        let lowered = self.gives_way();
        self.w_max = if lowered { scaled(self.cwnd, 17, 20) } else { self.cwnd };
        self.ssthresh = scaled(flight.min(WINDOW_MAX), part, whole).max(SSTHRESH_MIN * self.mss());
        if signal == Signal::Rto {
            let mut plain = HyStart::new();
            plain.retire();
            self.cwnd = self.mss();
            self.flags |= AFTER_RTO;
            self.stage = Stage::SlowStart(plain);
        } else {
            self.cwnd = self.ssthresh;
            self.flags &= !AFTER_RTO;
            let k = curve::root(self.w_max.saturating_sub(self.cwnd), self.mss);
            let lowered = lowered && self.w_max >= self.cwnd;
            self.w_max = self.w_max.max(self.cwnd);
            self.stage = Stage::Avoidance(Epoch::starting(now, self.cwnd, lowered, k));
        }
    }

    fn on_recovery_end(&mut self, now: Instant) {
        self.cwnd = self.cwnd.min(self.ssthresh).max(self.mss());
        if let Stage::Avoidance(epoch) = &mut self.stage {
            epoch.advance(now, false);
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { cwnd: self.cwnd, ssthresh: self.ssthresh, w_max: self.w_max }
    }

    fn undo(&mut self, before: Snapshot) {
        self.cwnd = self.cwnd.max(before.cwnd);
        self.ssthresh = before.ssthresh.max(SSTHRESH_MIN * self.mss()); // segments may be larger by now
        self.w_max = before.w_max;
        self.flags &= !AFTER_RTO;
        let mut plain = HyStart::new();
        plain.retire();
        self.stage = match self.stage {
            Stage::Avoidance(epoch) if self.cwnd >= self.ssthresh => {
                // The window was on the curve or above it, so the time follows from the window.
                let (cwnd, w_max, mss) = (self.cwnd, self.w_max, self.mss);
                let k = curve::root(w_max.saturating_sub(cwnd), mss);
                let elapsed = curve::root(cwnd.saturating_sub(w_max), mss);
                let past = 0_i32.saturating_sub_unsigned(k).saturating_add_unsigned(elapsed);
                Stage::Avoidance(Epoch { past, w_est: cwnd, lowered: false, ..epoch })
            }
            Stage::SlowStart(_) | Stage::Avoidance(_) => Stage::SlowStart(plain),
        };
    }

    fn on_idle(&mut self, now: Instant, idle_micros: u32, rto_micros: u32) {
        if let Stage::Avoidance(epoch) = &mut self.stage {
            epoch.advance(now, false);
        }
        if idle_micros > rto_micros {
            self.cwnd = self.cwnd.min(u32::from(self.initial) * self.mss());
        }
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = clamp_mss(mss);
        self.cwnd = self.cwnd.max(self.mss());
        self.ssthresh = self.ssthresh.max(SSTHRESH_MIN * self.mss());
    }

    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }
}

/// `value · part / whole` with constants for the last two; `value` is a window, so it fits.
fn scaled(value: u32, part: u32, whole: u32) -> u32 {
    let whole = whole.max(1);
    // Without a division of 64 bits.
    (value / whole).saturating_mul(part).saturating_add(value % whole * part / whole)
}

/// What fits of an amount.
fn low(amount: u64) -> u32 {
    u32::try_from(amount).unwrap_or(u32::MAX)
}

/// Microseconds modulo 2^32: differences up to 71 minutes are right.
fn low_bits(now: Instant) -> u32 {
    low(now.as_micros() & u64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
