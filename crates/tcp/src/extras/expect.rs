//! Whether it pays to keep a radio on (TCP-554).

use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::engine::{Engine, Memory as _, Tables};
use crate::event::State;
use crate::extras::Extras as _;
use crate::profile::Profile;
use crate::time::Now;
use crate::timers::{Rtx, Slot, Watch};
use mainstay_base::Instant;

/// What is to be expected of the network. A host maps it to how often it polls its parent for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Nothing in particular; sleep on.
    Nothing,
    /// An answer that is late, or the moment at which something is sent because none came.
    Soon(Instant),
    /// Segments, one after the other: a peer is sending, or acknowledgements of our data are due.
    Burst,
}

impl Expect {
    /// What two together expect.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Burst, _) | (_, Self::Burst) => Self::Burst,
            (Self::Soon(one), Self::Soon(two)) => Self::Soon(one.min(two)),
            (Self::Soon(at), Self::Nothing) | (Self::Nothing, Self::Soon(at)) => Self::Soon(at),
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        }
    }
}

impl<T: Tables> Engine<T> {
    /// What is to be expected of the network now, by all endpoints together. Ask when everything was polled,
    /// and again after every input.
    pub fn expecting(&self, now: Instant) -> Expect {
        let now = Now::new(now.max(self.latest()));
        let handshakes = self.memory().kept().and_then(|kept| kept.handshake_deadline());
        let first = handshakes.map_or(Expect::Nothing, Expect::Soon);
        self.endpoints().fold(first, |expect, endpoint| expect.and(endpoint.expecting(now)))
    }
}

impl<P: Profile> Endpoint<P> {
    fn expecting(&self, now: Now) -> Expect {
        match self.state {
            State::Closed | State::Armed | State::TimeWait => return Expect::Nothing,
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => {}
        }
        if self.has_output() || self.is_hearing(now) || self.is_answer_due(now) {
            return Expect::Burst;
        }
        let probing = self.watch == Watch::Keepalive && self.probes > 0;
        let slots = [(Slot::Rtx, true), (Slot::Watch, probing), (Slot::Pace, true)];
        let armed = slots.into_iter().filter(|(slot, meant)| *meant && self.is_armed(*slot));
        let soon = armed.map(|(slot, _)| self.moment(slot, now)).min();
        soon.map_or(Expect::Nothing, Expect::Soon)
    }

    /// The peer is sending: its last segment is not acknowledged yet, or came no longer ago than the next can take.
    fn is_hearing(&self, now: Now) -> bool {
        let waits = self.is_armed(Slot::Ack) && self.unacknowledged() > 0;
        let trip = self.trip_bound().unwrap_or(UNKNOWN_TRIP);
        waits || self.extra.get().is_some_and(|extra| extra.has_heard(now, trip))
    }

    /// What is in flight may be acknowledged any moment, and is not late.
    fn is_answer_due(&self, now: Now) -> bool {
        let repeated = self.retries > 0 || self.bits.has(Bits::TLP_OUT);
        if !self.state.is_synchronized() || self.una == self.nxt || repeated {
            return false;
        }
        let waits = self.is_armed(Slot::Rtx) && self.rtx != Rtx::Persist;
        let age = now.micros.wrapping_sub(self.sent_at);
        waits && self.trip_bound().is_none_or(|bound| age <= bound)
    }

    /// A round trip that is not late: what the timeout would be if it had no smallest value, and the peer's sleep.
    fn trip_bound(&self) -> Option<u32> {
        let bound = self.trip.smoothed()?.saturating_add(self.trip.variation_bound());
        Some(bound.saturating_add(self.peer_latency()))
    }
}

/// How long a peer may take for its next segment where no round trip is known, in microseconds. chosen: the RTO of RFC
/// 6298 before its first sample
const UNKNOWN_TRIP: u32 = 1_000_000;
