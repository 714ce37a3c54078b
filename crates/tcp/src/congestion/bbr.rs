//! BBRv3 (draft-ietf-ccwg-bbr) in integers: a model of the path, made of the bandwidth it delivered and the
//! smallest round trip it had, decides how fast and how much to send. It needs delivery rate samples and pacing.
//!
//! One deviation, on purpose: outside of probes the draft slows down after every round with a loss; here only
//! after a round that clearly lost more than the threshold. Below it loss is taken as what the path does anyway, so that
//! a radio link with steady loss is used, and by the draft's own arithmetic 1 % of loss would cost half the rate
//! between two probes.
//!
//! | file | owns |
//! |---|---|
//! | `model` | rounds, bandwidth, round trip and aggregation: what is known of the path |
//! | `startup` | the full pipe estimator, Startup and Drain |
//! | `cycle` | ProbeBW and its long-term bound |
//! | `congestion` | what losses do to the model, and undoing it |
//! | `probe_rtt` | when to drain the path to measure its round trip |
//! | `control` | pacing rate, quantum and window |

use mainstay_base::Instant;

use super::{AckSample, CongestionControl, Signal, WINDOW_MAX, clamp_mss};

mod congestion;
mod control;
mod cycle;
mod model;
mod probe_rtt;
mod startup;

use congestion::{Losses, Undo};
use cycle::Cycle;
use model::{Aggregation, Bandwidth, Rounds};
use probe_rtt::RoundTrip;
use startup::FullPipe;

/// No bound.
const UNBOUNDED: u32 = u32::MAX;

/// BBR version 3.
#[derive(Clone, Copy, Debug)]
pub struct Bbr3 {
    mode: Mode,
    mss: u16,
    loss_thresh_permille: u16,
    initial: u32,
    cwnd: u32,
    /// The window before recovery or ProbeRTT modulated it.
    prior_cwnd: u32,
    pacing_rate: u64,
    recovering: bool,
    /// The first data after idle is on its way: no ProbeRTT is needed, the idle time was one.
    idle_restart: bool,
    random: u32,
    rounds: Rounds,
    bandwidth: Bandwidth,
    aggregation: Aggregation,
    round_trip: RoundTrip,
    full_pipe: FullPipe,
    cycle: Cycle,
    losses: Losses,
    undo: Undo,
}

/// What BBR is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Doubles its rate each round.
    Startup,
    /// Drains the queue Startup made.
    Drain,
    /// ProbeBW: drains the queue the last probe made.
    Down,
    /// ProbeBW: sends as fast as the path delivers.
    Cruise,
    /// ProbeBW: fills the pipe for a round before it probes.
    Refill,
    /// ProbeBW: sends faster to see whether there is more.
    Up,
    /// Sends little to see the smallest round trip.
    ProbeRtt,
}

/// What can be set for [`Bbr3`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The loss per round trip that is taken for congestion, in thousandths; at most 500.
    pub loss_thresh_permille: u16,
    /// Where the random waits between probes start from; any value, best another one per connection.
    pub seed: u32,
}

/// The loss rate that is congestion. chosen: BBR.LossThresh of draft-ietf-ccwg-bbr, 2 %.
const LOSS_THRESH_PERMILLE: u16 = 20;
/// The most that may be tolerated. chosen: beyond half lost there is nothing to probe for.
const LOSS_THRESH_MAX: u16 = 500;

impl Default for Config {
    fn default() -> Self {
        Self { loss_thresh_permille: LOSS_THRESH_PERMILLE, seed: 1 }
    }
}

/// One acknowledgement as the model sees it.
#[derive(Clone, Copy, Debug)]
struct Ack {
    now: Instant,
    /// Newly delivered, in sequence or selectively.
    newly: u32,
    lost: u32,
    flight: u32,
    rtt: Option<u32>,
    cwnd_limited: bool,
    /// Bytes per second; 0 without a sample.
    rate: u64,
    /// Delivered in the time of the sample.
    delivered: u32,
    /// Lost in the time of the sample.
    lost_since: u32,
    flight_at_send: u32,
    app_limited: bool,
    /// This round is the first to acknowledge what was sent in the last one.
    round_start: bool,
    /// The same, of rounds that begin with a loss.
    loss_round_start: bool,
}

impl Bbr3 {
    /// What it is doing.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The bandwidth it believes in, bytes per second.
    #[must_use]
    pub fn bandwidth(&self) -> u64 {
        self.bandwidth.allowed()
    }

    /// The round trip it believes in, microseconds; `u32::MAX` while unknown.
    #[must_use]
    pub fn min_rtt(&self) -> u32 {
        self.round_trip.min_rtt
    }

    fn mss(&self) -> u32 {
        u32::from(self.mss)
    }

    /// `part` is more of `amount` than the path may lose.
    fn exceeds(&self, part: u32, amount: u32) -> bool {
        u64::from(part) * 1000 > u64::from(amount) * u64::from(self.loss_thresh_permille)
    }

    /// The next of a small sequence that looks random enough to keep flows from probing in step (xorshift32).
    fn draw(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }

    fn save_cwnd(&mut self) {
        let modulated = self.recovering || self.mode == Mode::ProbeRtt;
        self.prior_cwnd = if modulated { self.prior_cwnd.max(self.cwnd) } else { self.cwnd };
    }

    fn restore_cwnd(&mut self) {
        self.cwnd = self.cwnd.max(self.prior_cwnd);
    }

    /// Makes of the sample what the model needs.
    fn observe(&mut self, sample: &AckSample) -> Ack {
        let mut ack = Ack {
            now: sample.now,
            newly: sample.acked.saturating_add(sample.sacked),
            lost: sample.lost,
            flight: sample.flight,
            rtt: sample.rtt,
            cwnd_limited: sample.cwnd_limited,
            rate: 0,
            delivered: 0,
            lost_since: 0,
            flight_at_send: 0,
            app_limited: true,
            round_start: sample.round_start,
            loss_round_start: false,
        };
        let Some(rate) = sample.rate else {
            self.rounds.delivered = self.rounds.delivered.wrapping_add(ack.newly);
            ack.round_start = self.rounds.count(sample.round_start, 0);
            return ack;
        };
        // What is in sequence now may have been delivered selectively before.
        ack.newly = rate.delivered_total.wrapping_sub(self.rounds.delivered).min(ack.newly);
        self.rounds.delivered = rate.delivered_total;
        let prior = rate.delivered_total.wrapping_sub(rate.delivered);
        ack.rate = per_second(rate.delivered, rate.interval_micros);
        ack.delivered = rate.delivered;
        ack.lost_since = rate.lost;
        ack.flight_at_send = rate.flight_at_send;
        ack.app_limited = rate.app_limited || self.rounds.is_held_back(prior);
        let round_over = self.rounds.is_over(prior);
        ack.round_start = self.rounds.count(round_over, 1);
        ack.loss_round_start = self.losses.is_round_over(prior);
        ack
    }
}

impl CongestionControl for Bbr3 {
    type Config = Config;
    /// All of it is remembered inside.
    type Snapshot = ();

    const OWNS_RECOVERY: bool = true;

    fn new(config: Config, mss: u32, initial: u32) -> Self {
        let mss = clamp_mss(mss);
        let initial = initial.clamp(u32::from(mss), WINDOW_MAX);
        Self {
            mode: Mode::Startup,
            mss,
            loss_thresh_permille: config.loss_thresh_permille.clamp(1, LOSS_THRESH_MAX),
            initial,
            cwnd: initial,
            prior_cwnd: 0,
            pacing_rate: control::initial_rate(initial, 0),
            recovering: false,
            idle_restart: false,
            // Zero is the one value it never leaves.
            random: config.seed.max(1),
            rounds: Rounds::default(),
            bandwidth: Bandwidth::new(),
            aggregation: Aggregation::default(),
            round_trip: RoundTrip::new(),
            full_pipe: FullPipe::default(),
            cycle: Cycle::new(),
            losses: Losses::new(),
            undo: Undo::default(),
        }
    }

    fn on_ack(&mut self, sample: &AckSample) {
        let mut ack = self.observe(sample);
        self.take_loss(&ack);
        self.update_latest_delivery(&mut ack);
        self.update_congestion_signals(&ack);
        self.update_aggregation(&ack);
        self.check_full_pipe(&ack);
        self.check_startup_done(&ack);
        self.check_drain_done(&ack);
        self.advance_cycle(&ack);
        self.update_min_rtt(&ack);
        self.check_probe_rtt(&ack);
        self.advance_latest_delivery(&ack);
        self.set_pacing_rate(self.pacing_gain());
        self.set_cwnd(&ack);
    }

    fn on_congestion(&mut self, now: Instant, signal: Signal, flight: u32) {
        match signal {
            Signal::Loss => self.save_for_undo(),
            Signal::Rto => {
                self.save_for_undo();
                self.note_loss(flight);
                self.cwnd = self.mss();
            }
            Signal::Ecn { .. } => return self.take_marks(now, flight),
        }
        self.recovering = true;
    }

    fn on_recovery_end(&mut self, _now: Instant) {
        self.recovering = false;
        self.restore_cwnd();
        self.bound_cwnd();
    }

    fn snapshot(&self) {}

    fn undo(&mut self, (): ()) {
        self.recovering = false;
        self.restore_before_loss();
        self.bound_cwnd();
    }

    fn on_idle(&mut self, now: Instant, _idle_micros: u32, _rto_micros: u32) {
        self.idle_restart = true;
        self.aggregation.restart(now);
        match self.mode {
            Mode::Down | Mode::Cruise | Mode::Refill | Mode::Up => self.set_pacing_rate(100),
            Mode::ProbeRtt => self.check_probe_rtt_done(now),
            Mode::Startup | Mode::Drain => {}
        }
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = clamp_mss(mss);
        self.cwnd = self.cwnd.max(self.mss());
    }

    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// None: it does not switch at a window.
    fn ssthresh(&self) -> u32 {
        UNBOUNDED
    }

    fn pacing_rate(&self) -> Option<u64> {
        Some(self.pacing_rate)
    }

    fn send_quantum(&self) -> Option<u32> {
        Some(self.quantum())
    }
}

/// Bytes per second; 0 when the interval is.
fn per_second(bytes: u32, micros: u32) -> u64 {
    (u64::from(bytes) * 1_000_000).checked_div(u64::from(micros)).unwrap_or(0)
}

/// What a rate delivers in a time.
fn within(rate: u64, micros: u64) -> u64 {
    rate.saturating_mul(micros) / 1_000_000
}

/// `percent` of an amount, as far as windows go.
fn percent_of(amount: u64, percent: u32) -> u32 {
    u32::try_from(amount.saturating_mul(u64::from(percent)) / 100).unwrap_or(UNBOUNDED)
}

/// `later` does not come before `earlier` in a count modulo 2^32.
fn reached(later: u32, earlier: u32) -> bool {
    later.wrapping_sub(earlier) < 1 << 31
}

#[cfg(test)]
mod tests;
