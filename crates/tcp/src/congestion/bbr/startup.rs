//! Startup and Drain, and the estimator that tells when the pipe is full.

use super::congestion::Undone;
use super::{Ack, Bbr3, Mode};

/// Growth that shows the pipe is not full, percent. chosen: draft-ietf-ccwg-bbr, the full pipe estimator.
const GROWTH_PERCENT: u64 = 125;
/// Rounds without it that show it is. chosen: the same.
const FLAT_ROUNDS: u8 = 3;
/// Losses in a round that end Startup. chosen: draft-ietf-ccwg-bbr, exit by loss; acknowledgements that
/// report a loss stand for ranges lost.
const LOSS_EVENTS: u8 = 6;
/// Rounds after which Drain gives up. chosen: draft-ietf-ccwg-bbr, Drain.
const DRAIN_ROUNDS: u32 = 3;

/// Whether more rate still brings more delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    baseline: u64,
    flat_rounds: u8,
    /// Since we last began to look.
    pub(super) now: bool,
    /// Ever.
    pub(super) reached: bool,
    drain_start: u32,
}

impl FullPipe {
    /// Begins to look again, with `rate` as what has to be exceeded.
    pub(super) fn look(&mut self, rate: u64) {
        self.baseline = rate;
        self.flat_rounds = 0;
        self.now = false;
    }
}

impl Bbr3 {
    pub(super) fn check_full_pipe(&mut self, ack: &Ack) {
        if self.full_pipe.now || !ack.round_start || ack.app_limited || ack.rate == 0 {
            return;
        }
        let pipe = &mut self.full_pipe;
        if ack.rate.saturating_mul(100) >= pipe.baseline.saturating_mul(GROWTH_PERCENT) {
            pipe.look(ack.rate);
            return;
        }
        pipe.flat_rounds = pipe.flat_rounds.saturating_add(1);
        pipe.now = pipe.flat_rounds >= FLAT_ROUNDS;
        pipe.reached |= pipe.now;
    }

    pub(super) fn check_startup_done(&mut self, ack: &Ack) {
        self.check_startup_loss(ack);
        if self.mode == Mode::Startup && self.full_pipe.reached {
            self.mode = Mode::Drain;
            self.full_pipe.drain_start = self.rounds.count;
        }
    }

    fn check_startup_loss(&mut self, ack: &Ack) {
        if !ack.loss_round_start {
            return;
        }
        let enough = self.losses.events >= LOSS_EVENTS;
        self.losses.events = 0;
        if self.mode == Mode::Startup && enough && self.recovering && self.is_inflight_too_high(ack)
        {
            self.undo.state = Undone::Startup;
            self.full_pipe.reached = true;
            self.cycle.inflight_long = self.bdp(100).max(self.losses.inflight_latest);
        }
    }

    pub(super) fn check_drain_done(&mut self, ack: &Ack) {
        if self.mode != Mode::Drain {
            return;
        }
        let rounds = self.rounds.count.wrapping_sub(self.full_pipe.drain_start);
        if ack.flight <= self.inflight(100) || rounds > DRAIN_ROUNDS {
            self.start_down(ack.now);
        }
    }

    pub(super) fn enter_startup(&mut self) {
        self.mode = Mode::Startup;
    }
}
