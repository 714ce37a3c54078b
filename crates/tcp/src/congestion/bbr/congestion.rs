//! What losses and marks do to the model, and how that is undone when they were not real.

use mainstay_base::Instant;

use super::cycle::BETA_PERCENT;
use super::{Ack, Bbr3, Mode, UNBOUNDED, percent_of, reached};

/// Losses and deliveries of the round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Losses {
    /// The round is over when something sent after this much was delivered is acknowledged.
    round_next: u32,
    in_round: bool,
    /// Bytes lost in the round.
    lost: u32,
    /// Acknowledgements of the round that reported a loss.
    pub(super) events: u8,
    /// The largest volume delivered in a sample of the round.
    pub(super) inflight_latest: u32,
    /// What recent loss lets us keep in flight.
    pub(super) inflight_short: u32,
}

impl Losses {
    pub(super) fn new() -> Self {
        Self {
            round_next: 0,
            in_round: false,
            lost: 0,
            events: 0,
            inflight_latest: 0,
            inflight_short: UNBOUNDED,
        }
    }

    pub(super) fn is_round_over(&self, prior_delivered: u32) -> bool {
        reached(prior_delivered, self.round_next)
    }

    pub(super) fn reset(&mut self) {
        self.in_round = false;
        self.lost = 0;
        self.inflight_latest = 0;
    }
}

/// What an episode ended that would go on if it turns out spurious.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Undone {
    /// Nothing.
    #[default]
    Nothing,
    /// Startup.
    Startup,
    /// A bandwidth probe.
    Up,
}

/// The model before the episode.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undo {
    pub(super) state: Undone,
    bandwidth_short: u64,
    inflight_short: u32,
    inflight_long: u32,
}

impl Bbr3 {
    pub(super) fn take_loss(&mut self, ack: &Ack) {
        if ack.lost == 0 {
            return;
        }
        self.note_loss(ack.lost);
        self.losses.events = self.losses.events.saturating_add(1);
        if self.cycle.is_probe_sample && ack.rate > 0 && self.is_inflight_too_high(ack) {
            self.take_inflight_too_high(ack);
        }
    }

    pub(super) fn note_loss(&mut self, bytes: u32) {
        if !self.losses.in_round {
            self.losses.round_next = self.rounds.delivered;
        }
        self.losses.in_round = true;
        self.losses.lost = self.losses.lost.saturating_add(bytes);
    }

    /// Marks mean what too much loss means (RFC 3168 §6.1.2).
    pub(super) fn take_marks(&mut self, now: Instant, flight: u32) {
        match self.mode {
            Mode::Startup => {
                self.full_pipe.reached = true;
                self.cycle.inflight_long = self.bdp(100).max(self.losses.inflight_latest);
            }
            Mode::Refill | Mode::Up => self.lower_long_term(now, flight),
            Mode::Drain | Mode::Down | Mode::Cruise | Mode::ProbeRtt => self.note_loss(flight),
        }
    }

    pub(super) fn is_inflight_too_high(&self, ack: &Ack) -> bool {
        self.exceeds(ack.lost_since, ack.flight_at_send)
    }

    /// The probe lost too much.
    fn take_inflight_too_high(&mut self, ack: &Ack) {
        // What we did not fill tells no bound, but it ends the probe.
        let inflight =
            if ack.app_limited { self.cycle.inflight_long } else { self.inflight_at_loss(ack) };
        self.lower_long_term(ack.now, inflight);
    }

    /// How much was in flight when losses crossed the threshold, within what this acknowledgement found lost.
    fn inflight_at_loss(&self, ack: &Ack) -> u32 {
        let thresh = u64::from(self.loss_thresh_permille);
        let inflight = u64::from(ack.flight_at_send.saturating_sub(ack.lost));
        let lost = u64::from(ack.lost_since.saturating_sub(ack.lost));
        let prefix =
            (thresh * inflight).saturating_sub(1000 * lost).checked_div(1000 - thresh).unwrap_or(0);
        u32::try_from(inflight + prefix).unwrap_or(UNBOUNDED)
    }

    pub(super) fn update_latest_delivery(&mut self, ack: &mut Ack) {
        self.bandwidth.latest = self.bandwidth.latest.max(ack.rate);
        self.losses.inflight_latest = self.losses.inflight_latest.max(ack.delivered);
        if ack.loss_round_start {
            self.losses.round_next = self.rounds.delivered;
        }
    }

    pub(super) fn update_congestion_signals(&mut self, ack: &Ack) {
        if ack.rate > 0 {
            self.bandwidth.take(ack);
        }
        if !ack.loss_round_start {
            return;
        }
        if self.losses.in_round && !self.is_probing() {
            self.adapt_short_term();
        }
        self.losses.in_round = false;
        self.losses.lost = 0;
    }

    /// Once per round with too much loss: believe in what was delivered, but do not fall by more than beta.
    fn adapt_short_term(&mut self) {
        if !self.is_loss_clear() {
            return;
        }
        let bandwidth = self.bandwidth.allowed();
        let inflight = if self.losses.inflight_short == UNBOUNDED {
            self.cwnd
        } else {
            self.losses.inflight_short
        };
        let kept = bandwidth.saturating_mul(u64::from(BETA_PERCENT)) / 100;
        self.bandwidth.short_term = self.bandwidth.latest.max(kept);
        self.losses.inflight_short =
            self.losses.inflight_latest.max(percent_of(u64::from(inflight), BETA_PERCENT));
    }

    /// The round lost more than the threshold and what chance may add to it: the deviation of so many losses.
    fn is_loss_clear(&self) -> bool {
        let lost = self.losses.lost;
        let sent = u64::from(self.losses.inflight_latest.saturating_add(lost));
        let allowed = sent * u64::from(self.loss_thresh_permille) / 1000;
        u64::from(lost) > allowed + (allowed * u64::from(self.mss)).isqrt()
    }

    pub(super) fn advance_latest_delivery(&mut self, ack: &Ack) {
        if ack.loss_round_start {
            self.bandwidth.latest = ack.rate;
            self.losses.inflight_latest = ack.delivered;
        }
    }

    pub(super) fn reset_short_term(&mut self) {
        self.bandwidth.short_term = u64::MAX;
        self.losses.inflight_short = UNBOUNDED;
    }

    pub(super) fn save_for_undo(&mut self) {
        self.save_cwnd();
        self.undo = Undo {
            state: Undone::Nothing,
            bandwidth_short: self.bandwidth.short_term,
            inflight_short: self.losses.inflight_short,
            inflight_long: self.cycle.inflight_long,
        };
    }

    pub(super) fn restore_before_loss(&mut self) {
        self.restore_cwnd();
        self.losses.in_round = false;
        self.losses.lost = 0;
        self.full_pipe.look(0);
        self.bandwidth.short_term = self.bandwidth.short_term.max(self.undo.bandwidth_short);
        self.losses.inflight_short = self.losses.inflight_short.max(self.undo.inflight_short);
        self.cycle.inflight_long = self.cycle.inflight_long.max(self.undo.inflight_long);
        let elsewhere = self.mode != Mode::ProbeRtt;
        match self.undo.state {
            Undone::Startup if self.mode != Mode::Startup => {
                self.full_pipe.reached = false;
                if elsewhere {
                    self.enter_startup();
                }
            }
            Undone::Up if self.mode != Mode::Up && elsewhere => self.start_refill(),
            Undone::Nothing | Undone::Startup | Undone::Up => {}
        }
        self.undo.state = Undone::Nothing;
    }
}
