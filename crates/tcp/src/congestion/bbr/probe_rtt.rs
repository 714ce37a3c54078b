//! The smallest round trip, and the moments of little flight that show it.

use core::time::Duration;

use mainstay_base::Instant;

use super::cycle::AckPhase;
use super::{Ack, Bbr3, Mode};

/// How long the smallest round trip is believed in. chosen: BBR.MinRTTFilterLen of draft-ietf-ccwg-bbr.
const MIN_RTT_FILTER: Duration = Duration::from_secs(10);
/// Time between probes for it. chosen: BBR.ProbeRTTInterval of draft-ietf-ccwg-bbr.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long a probe keeps the flight small. chosen: BBR.ProbeRTTDuration of draft-ietf-ccwg-bbr.
const DURATION: Duration = Duration::from_millis(200);

/// Round trips in microseconds, `u32::MAX` while unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    pub(super) min_rtt: u32,
    min_rtt_at: Instant,
    /// The smallest since the last probe.
    probed: u32,
    probed_at: Instant,
    expired: bool,
    done_at: Option<Instant>,
    round_done: bool,
}

impl RoundTrip {
    pub(super) fn new() -> Self {
        Self {
            min_rtt: u32::MAX,
            min_rtt_at: Instant::ZERO,
            probed: u32::MAX,
            probed_at: Instant::ZERO,
            expired: false,
            done_at: None,
            round_done: false,
        }
    }
}

impl Bbr3 {
    pub(super) fn update_min_rtt(&mut self, ack: &Ack) {
        let first = self.round_trip.min_rtt == u32::MAX;
        let trip = &mut self.round_trip;
        trip.expired = !first && ack.now > trip.probed_at + INTERVAL;
        if let Some(rtt) = ack.rtt
            && (rtt < trip.probed || trip.expired)
        {
            trip.probed = rtt;
            trip.probed_at = ack.now;
        }
        if trip.probed < trip.min_rtt || ack.now > trip.min_rtt_at + MIN_RTT_FILTER {
            trip.min_rtt = trip.probed;
            trip.min_rtt_at = trip.probed_at;
        }
        if let (true, Some(rtt)) = (first, ack.rtt) {
            self.pacing_rate = super::control::initial_rate(self.initial, rtt);
        }
    }

    pub(super) fn check_probe_rtt(&mut self, ack: &Ack) {
        if self.mode != Mode::ProbeRtt && self.round_trip.expired && !self.idle_restart {
            self.save_cwnd();
            self.mode = Mode::ProbeRtt;
            self.round_trip.done_at = None;
            self.cycle.ack_phase = AckPhase::Stopping;
            self.rounds.start();
        }
        if self.mode == Mode::ProbeRtt {
            self.keep_flight_small(ack);
        }
        if ack.newly > 0 {
            self.idle_restart = false;
        }
    }

    fn keep_flight_small(&mut self, ack: &Ack) {
        self.rounds.hold_back(ack.flight);
        if self.round_trip.done_at.is_some() {
            self.round_trip.round_done |= ack.round_start;
            if self.round_trip.round_done {
                self.check_probe_rtt_done(ack.now);
            }
        } else if ack.flight <= self.probe_rtt_cwnd() {
            self.round_trip.done_at = Some(ack.now + DURATION);
            self.round_trip.round_done = false;
            self.rounds.start();
        }
    }

    pub(super) fn check_probe_rtt_done(&mut self, now: Instant) {
        if self.round_trip.done_at.is_none_or(|done_at| now <= done_at) {
            return;
        }
        self.round_trip.probed_at = now;
        self.restore_cwnd();
        self.reset_short_term();
        if self.full_pipe.reached {
            self.start_down(now);
            self.start_cruise();
        } else {
            self.enter_startup();
        }
    }
}
