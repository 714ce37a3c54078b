//! ProbeBW: down, cruise, refill, up, and the long-term bound on what may be in flight that the probes move.

use mainstay_base::Instant;

use super::congestion::Undone;
use super::{Ack, Bbr3, Mode, UNBOUNDED, percent_of};

/// The shortest wait between probes, microseconds. chosen: draft-ietf-ccwg-bbr, 2 s so that Reno gets its share.
const WAIT_MIN_MICROS: u64 = 2_000_000;
/// The random part of it. chosen: the same, up to 1 s.
const WAIT_RANDOM_MICROS: u32 = 1_000_000;
/// Rounds between probes at most. chosen: the same, what Reno on a common link needs.
const WAIT_ROUNDS_MAX: u32 = 63;
/// What is left free of the long-term bound, percent. chosen: BBR.Headroom of draft-ietf-ccwg-bbr.
const HEADROOM_PERCENT: u32 = 15;
/// The least a window keeps after too much loss, percent. chosen: BBR.Beta of draft-ietf-ccwg-bbr.
pub(super) const BETA_PERCENT: u32 = 70;
/// Doublings of the slope of the long-term bound. chosen: draft-ietf-ccwg-bbr.
const SLOPE_ROUNDS_MAX: u8 = 30;

/// What acknowledgements mean with respect to the last probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckPhase {
    /// Nothing.
    Idle,
    /// The pipe is being refilled.
    Refilling,
    /// A probe began; what comes back is older.
    Starting,
    /// What the probe sent comes back.
    Feedback,
    /// The probe is over; the last of what it sent comes back.
    Stopping,
}

/// The state of the probing cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cycle {
    /// The most in flight that the path took without too much loss.
    pub(super) inflight_long: u32,
    pub(super) ack_phase: AckPhase,
    /// Acknowledgements answer a probe that has not met too much loss yet.
    pub(super) is_probe_sample: bool,
    prev_too_high: bool,
    prev_precautionary: bool,
    started: Instant,
    wait_micros: u64,
    rounds: u32,
    up_rounds: u8,
    up_acked: u32,
    up_acked_per_segment: u32,
}

impl Cycle {
    pub(super) fn new() -> Self {
        Self {
            inflight_long: UNBOUNDED,
            ack_phase: AckPhase::Idle,
            is_probe_sample: false,
            prev_too_high: false,
            prev_precautionary: false,
            started: Instant::ZERO,
            wait_micros: 0,
            rounds: 0,
            up_rounds: 0,
            up_acked: 0,
            up_acked_per_segment: UNBOUNDED,
        }
    }
}

impl Bbr3 {
    pub(super) fn start_down(&mut self, now: Instant) {
        self.losses.reset();
        self.bandwidth.latest = 0;
        self.cycle.up_acked_per_segment = UNBOUNDED;
        self.cycle.rounds = self.draw() & 1;
        self.cycle.wait_micros = WAIT_MIN_MICROS + u64::from(self.draw() % WAIT_RANDOM_MICROS);
        self.cycle.started = now;
        self.cycle.ack_phase = AckPhase::Stopping;
        self.rounds.start();
        self.mode = Mode::Down;
    }

    pub(super) fn start_cruise(&mut self) {
        self.mode = Mode::Cruise;
    }

    pub(super) fn start_refill(&mut self) {
        self.reset_short_term();
        self.cycle.up_rounds = 0;
        self.cycle.up_acked = 0;
        self.cycle.prev_precautionary = false;
        self.cycle.ack_phase = AckPhase::Refilling;
        self.rounds.start();
        self.mode = Mode::Refill;
    }

    fn start_up(&mut self, ack: &Ack) {
        self.cycle.ack_phase = AckPhase::Starting;
        self.rounds.start();
        self.full_pipe.look(ack.rate);
        self.mode = Mode::Up;
        self.raise_slope();
    }

    pub(super) fn advance_cycle(&mut self, ack: &Ack) {
        if ack.round_start {
            self.cycle.rounds = self.cycle.rounds.saturating_add(1);
        }
        if !self.full_pipe.reached || self.adapt_long_term(ack) {
            return;
        }
        match self.mode {
            Mode::Down => {
                if self.is_time_to_probe(ack.now) {
                    self.start_refill();
                } else if ack.flight <= self.inflight_with_headroom()
                    && ack.flight <= self.inflight_at_max()
                {
                    self.start_cruise();
                }
            }
            Mode::Cruise => {
                if self.is_time_to_probe(ack.now) {
                    self.start_refill();
                }
            }
            Mode::Refill => {
                if ack.round_start {
                    self.cycle.is_probe_sample = true;
                    self.start_up(ack);
                }
            }
            Mode::Up => {
                if self.is_time_to_go_down(ack) {
                    self.cycle.prev_too_high = false;
                    self.start_down(ack.now);
                }
            }
            Mode::Startup | Mode::Drain | Mode::ProbeRtt => {}
        }
    }

    /// After 2 to 3 seconds, or as many rounds as Reno would need segments; whatever is first.
    fn is_time_to_probe(&self, now: Instant) -> bool {
        let elapsed = now.as_micros().saturating_sub(self.cycle.started.as_micros());
        let target = u64::from(self.target_inflight());
        let rounds = self.cycle.rounds;
        elapsed > self.cycle.wait_micros
            || rounds >= WAIT_ROUNDS_MAX
            || u64::from(rounds) * u64::from(self.mss) >= target
    }

    fn is_time_to_go_down(&mut self, ack: &Ack) -> bool {
        if self.cycle.prev_too_high && ack.flight >= self.cycle.inflight_long {
            self.cycle.prev_precautionary = true;
            return true;
        }
        if ack.cwnd_limited && self.cwnd >= self.cycle.inflight_long {
            // The bound, not the path, holds back the rate.
            self.full_pipe.look(ack.rate);
            return false;
        }
        self.full_pipe.now
    }

    /// Moves the long-term bound up while loss allows it. True when it decided about the mode.
    fn adapt_long_term(&mut self, ack: &Ack) -> bool {
        if ack.round_start && self.cycle.ack_phase == AckPhase::Starting {
            self.cycle.ack_phase = AckPhase::Feedback;
        }
        if ack.round_start && self.cycle.ack_phase == AckPhase::Stopping {
            self.cycle.is_probe_sample = false;
            self.cycle.ack_phase = AckPhase::Idle;
            if self.is_in_probe_bw() {
                if !ack.app_limited {
                    self.bandwidth.advance();
                }
                if self.cycle.prev_precautionary && !self.cycle.prev_too_high {
                    self.start_refill();
                    return true;
                }
            }
        }
        if ack.rate == 0 || self.is_inflight_too_high(ack) || self.cycle.inflight_long == UNBOUNDED
        {
            return false;
        }
        self.cycle.inflight_long = self.cycle.inflight_long.max(ack.flight_at_send);
        if self.mode == Mode::Up {
            self.probe_upward(ack);
        }
        false
    }

    fn raise_slope(&mut self) {
        let cycle = &mut self.cycle;
        cycle.up_acked_per_segment = (self.cwnd >> cycle.up_rounds).max(u32::from(self.mss));
        cycle.up_rounds = (cycle.up_rounds + 1).min(SLOPE_ROUNDS_MAX);
    }

    fn probe_upward(&mut self, ack: &Ack) {
        if !ack.cwnd_limited || self.cwnd < self.cycle.inflight_long {
            return;
        }
        let mss = self.mss();
        let cycle = &mut self.cycle;
        cycle.up_acked = cycle.up_acked.saturating_add(ack.newly);
        let segments = cycle.up_acked.checked_div(cycle.up_acked_per_segment).unwrap_or(0);
        cycle.up_acked -= segments * cycle.up_acked_per_segment;
        cycle.inflight_long = cycle.inflight_long.saturating_add(segments.saturating_mul(mss));
        if ack.round_start {
            self.raise_slope();
        }
    }

    /// The probe went too high: `inflight` is the new long-term bound.
    pub(super) fn lower_long_term(&mut self, now: Instant, inflight: u32) {
        self.cycle.prev_too_high = true;
        self.cycle.is_probe_sample = false;
        let floor = percent_of(u64::from(self.target_inflight()), BETA_PERCENT);
        self.cycle.inflight_long = inflight.max(floor);
        if self.mode == Mode::Up {
            self.undo.state = Undone::Up;
            self.start_down(now);
        }
    }

    /// What leaves others some of the path.
    pub(super) fn inflight_with_headroom(&self) -> u32 {
        let bound = self.cycle.inflight_long;
        if bound == UNBOUNDED {
            return UNBOUNDED;
        }
        let headroom = percent_of(u64::from(bound), HEADROOM_PERCENT).max(self.mss());
        bound.saturating_sub(headroom).max(self.min_pipe())
    }
}
