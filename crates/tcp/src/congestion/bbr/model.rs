//! What is known of the path: rounds, bandwidth and aggregation.

use mainstay_base::Instant;

use super::{Ack, Bbr3, Mode, reached, within};

/// Rounds half of the aggregation window is long. chosen: BBR.ExtraAckedFilterLen of draft-ietf-ccwg-bbr is 10,
/// kept as two halves.
const AGGREGATION_ROUNDS: u8 = 5;

/// Round trips counted by packets, and the count of delivered bytes they are told by (modulo 2^32).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rounds {
    pub(super) delivered: u32,
    /// A round is over when something sent after this much was delivered is acknowledged.
    next: u32,
    pub(super) count: u32,
    /// Until this much is delivered we hold ourselves back, so rates tell nothing.
    held_back_until: Option<u32>,
}

impl Rounds {
    pub(super) fn start(&mut self) {
        self.next = self.delivered;
    }

    pub(super) fn is_over(&self, prior_delivered: u32) -> bool {
        reached(prior_delivered, self.next)
    }

    /// Notes whether a round is over; it begins anew at once when there are rates to tell it by.
    pub(super) fn count(&mut self, over: bool, by_rate: u32) -> bool {
        if over {
            self.count = self.count.wrapping_add(1);
            if by_rate > 0 {
                self.start();
            }
        }
        over
    }

    /// What is in flight now and sent until it is delivered says nothing about the path.
    pub(super) fn hold_back(&mut self, flight: u32) {
        self.held_back_until = Some(self.delivered.wrapping_add(flight));
    }

    pub(super) fn is_held_back(&mut self, prior_delivered: u32) -> bool {
        let held = self.held_back_until.is_some_and(|until| reached(until, prior_delivered));
        if !held {
            self.held_back_until = None;
        }
        held
    }
}

/// Bandwidths in bytes per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bandwidth {
    /// The largest sample of this probing cycle and of the one before.
    current: u64,
    previous: u64,
    /// What recent loss lets us believe in; `u64::MAX` when there was none.
    pub(super) short_term: u64,
    /// The largest sample of the round.
    pub(super) latest: u64,
}

impl Bandwidth {
    pub(super) fn new() -> Self {
        Self { current: 0, previous: 0, short_term: u64::MAX, latest: 0 }
    }

    /// The most the path delivered of late.
    pub(super) fn max(&self) -> u64 {
        self.current.max(self.previous)
    }

    /// What to send at.
    pub(super) fn allowed(&self) -> u64 {
        self.max().min(self.short_term)
    }

    pub(super) fn take(&mut self, ack: &Ack) {
        if ack.rate >= self.max() || !ack.app_limited {
            self.current = self.current.max(ack.rate);
        }
    }

    /// A cycle is over. One without a sample does not make us forget.
    pub(super) fn advance(&mut self) {
        if self.current > 0 {
            self.previous = self.current;
            self.current = 0;
        }
    }
}

/// How much more is acknowledged at once than the bandwidth explains: acknowledgements come in lumps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aggregation {
    since: Instant,
    acked: u32,
    extra: [u32; 2],
    rounds: u8,
}

impl Aggregation {
    pub(super) fn restart(&mut self, now: Instant) {
        self.since = now;
        self.acked = 0;
    }

    pub(super) fn extra(&self) -> u32 {
        self.extra[0].max(self.extra[1])
    }
}

impl Bbr3 {
    pub(super) fn update_aggregation(&mut self, ack: &Ack) {
        let rounds = if self.full_pipe.reached { AGGREGATION_ROUNDS } else { 1 };
        let aggregation = &mut self.aggregation;
        if ack.round_start {
            aggregation.rounds = aggregation.rounds.saturating_add(1);
            if aggregation.rounds >= rounds {
                aggregation.rounds = 0;
                aggregation.extra = [0, aggregation.extra[0]];
            }
        }
        let micros = ack.now.as_micros().saturating_sub(aggregation.since.as_micros());
        let mut expected = within(self.bandwidth.allowed(), micros);
        if u64::from(aggregation.acked) <= expected {
            aggregation.restart(ack.now);
            expected = 0;
        }
        aggregation.acked = aggregation.acked.saturating_add(ack.newly);
        let extra = u64::from(aggregation.acked).saturating_sub(expected).min(u64::from(self.cwnd));
        let extra = u32::try_from(extra).unwrap_or(u32::MAX);
        aggregation.extra[0] = aggregation.extra[0].max(extra);
    }

    pub(super) fn is_in_probe_bw(&self) -> bool {
        match self.mode {
            Mode::Down | Mode::Cruise | Mode::Refill | Mode::Up => true,
            Mode::Startup | Mode::Drain | Mode::ProbeRtt => false,
        }
    }

    pub(super) fn is_probing(&self) -> bool {
        match self.mode {
            Mode::Startup | Mode::Refill | Mode::Up => true,
            Mode::Drain | Mode::Down | Mode::Cruise | Mode::ProbeRtt => false,
        }
    }
}
