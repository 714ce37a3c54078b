//! What the model means for the sender: pacing rate, quantum and window.

use super::{Ack, Bbr3, Mode, UNBOUNDED, WINDOW_MAX, per_second, percent_of, within};

/// Startup's pacing gain, percent. chosen: BBR.StartupPacingGain of draft-ietf-ccwg-bbr, 4·ln 2.
const STARTUP_PERCENT: u32 = 277;
/// What pacing stays below the bandwidth, percent. chosen: BBR.PacingMarginPercent of draft-ietf-ccwg-bbr.
const MARGIN_PERCENT: u64 = 1;
/// The round trip before one is known, microseconds. chosen: draft-ietf-ccwg-bbr, the initial pacing rate.
const RTT_UNKNOWN_MICROS: u32 = 1_000;
/// The time one burst may take, microseconds. chosen: draft-ietf-ccwg-bbr, the send quantum.
const QUANTUM_MICROS: u64 = 1_000;
/// The largest burst. chosen: the same, 64 KB.
const QUANTUM_MAX: u64 = 64 * 1024;
/// Segments that keep the pipe going with delayed acknowledgements. chosen: BBR.MinPipeCwnd of draft-ietf-ccwg-bbr.
const MIN_PIPE: u32 = 4;

/// The rate before there is a sample of it.
pub(super) fn initial_rate(initial: u32, rtt: u32) -> u64 {
    let rtt = if rtt == 0 { RTT_UNKNOWN_MICROS } else { rtt };
    (per_second(initial, rtt) * u64::from(STARTUP_PERCENT) / 100).max(1)
}

impl Bbr3 {
    pub(super) fn pacing_gain(&self) -> u32 {
        match self.mode {
            Mode::Startup => STARTUP_PERCENT,
            Mode::Drain => 50,
            Mode::Down => 90,
            Mode::Cruise | Mode::Refill | Mode::ProbeRtt => 100,
            Mode::Up => 125,
        }
    }

    fn cwnd_gain(&self) -> u32 {
        match self.mode {
            Mode::Startup | Mode::Drain | Mode::Down | Mode::Cruise | Mode::Refill => 200,
            Mode::Up => 225,
            Mode::ProbeRtt => 50,
        }
    }

    pub(super) fn min_pipe(&self) -> u32 {
        MIN_PIPE * self.mss()
    }

    pub(super) fn quantum(&self) -> u32 {
        let burst = within(self.pacing_rate, QUANTUM_MICROS).min(QUANTUM_MAX);
        u32::try_from(burst).unwrap_or(UNBOUNDED).max(2 * self.mss())
    }

    fn bdp_of(&self, bandwidth: u64, percent: u32) -> u32 {
        if self.round_trip.min_rtt == u32::MAX {
            return self.initial;
        }
        percent_of(within(bandwidth, u64::from(self.round_trip.min_rtt)), percent).min(WINDOW_MAX)
    }

    pub(super) fn bdp(&self, percent: u32) -> u32 {
        self.bdp_of(self.bandwidth.allowed(), percent)
    }

    /// Room for whole bursts, and for two segments more while probing.
    fn quantized(&self, inflight: u32) -> u32 {
        let probe = if self.mode == Mode::Up { 2 * self.mss() } else { 0 };
        inflight.max(self.quantum()).max(self.min_pipe()).saturating_add(probe)
    }

    pub(super) fn inflight(&self, percent: u32) -> u32 {
        self.quantized(self.bdp(percent))
    }

    /// What fills the path, recent loss left aside.
    pub(super) fn inflight_at_max(&self) -> u32 {
        self.quantized(self.bdp_of(self.bandwidth.max(), 100))
    }

    pub(super) fn target_inflight(&self) -> u32 {
        self.bdp(100).min(self.cwnd)
    }

    pub(super) fn probe_rtt_cwnd(&self) -> u32 {
        self.bdp(50).max(self.min_pipe())
    }

    pub(super) fn set_pacing_rate(&mut self, gain_percent: u32) {
        let bandwidth = self.bandwidth.allowed();
        let rate =
            bandwidth.saturating_mul(u64::from(gain_percent) * (100 - MARGIN_PERCENT)) / 10_000;
        if rate > self.pacing_rate || (self.full_pipe.reached && rate > 0) {
            self.pacing_rate = rate;
        }
    }

    pub(super) fn set_cwnd(&mut self, ack: &Ack) {
        let wanted = self.bdp(self.cwnd_gain()).saturating_add(self.aggregation.extra());
        let wanted = self.quantized(wanted);
        let grown = self.cwnd.saturating_add(ack.newly);
        if self.full_pipe.reached {
            self.cwnd = grown.min(wanted);
        } else if self.cwnd < wanted || self.rounds.delivered < self.initial {
            self.cwnd = grown;
        }
        self.bound_cwnd();
    }

    pub(super) fn bound_cwnd(&mut self) {
        let probe_rtt = if self.mode == Mode::ProbeRtt { self.probe_rtt_cwnd() } else { UNBOUNDED };
        let long = match self.mode {
            Mode::Down | Mode::Refill | Mode::Up => self.cycle.inflight_long,
            Mode::Cruise | Mode::ProbeRtt => self.inflight_with_headroom(),
            Mode::Startup | Mode::Drain => UNBOUNDED,
        };
        let bound = long.min(self.losses.inflight_short).min(probe_rtt).max(self.min_pipe());
        self.cwnd = self.cwnd.max(self.min_pipe()).min(bound).min(WINDOW_MAX);
    }
}
