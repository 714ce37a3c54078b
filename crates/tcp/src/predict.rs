//! The two segments that nearly all of a bulk transfer consists of, with the checks they pass anyway left out (Van
//! Jacobson's header prediction): the text that comes next, and the acknowledgement of something new when all is well.
//!
//! What is done with them are the steps of `segment_arrives`, those that would do something; whatever is not certain to
//! be one of the two takes all of them.

use crate::acknowledge::Told;
use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::event::State;
use crate::extras::Extras as _;
use crate::losses::{Losses as _, Trips};
use crate::profile::Profile;
use crate::rate::Rate;
use crate::scoreboard::Sacked as _;
use crate::segment_arrives::{MARKED_MAX, Segment};
use crate::seq::Seq;
use crate::time::{Now, later};
use mainstay_wire::checksum::Checksum;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::Flags;

/// While one of these is set, every step is taken.
const UNUSUAL: Bits = Bits::RECOVERY
    .and(Bits::AFTER_RTO)
    .and(Bits::AFTER_MARK)
    .and(Bits::UNDO)
    .and(Bits::TLP_OUT)
    .and(Bits::PERSISTING)
    .and(Bits::CLOSED_BOTH)
    .and(Bits::FIN_PENDING)
    .and(Bits::FIN_RECEIVED);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prediction {
    /// It was one of the two.
    Taken,
    /// Its checksum is wrong; nothing has changed.
    Damaged,
    /// It is another, or may be; nothing has changed.
    Other,
}

impl<P: Profile> Endpoint<P> {
    /// Takes the segment if it is one of the two. With a `sum` of all before the payload that is added to it while it is
    /// copied (TCP-612), and counts only if the sum is right (TCP-458).
    #[inline(always)]
    pub(crate) fn predicted(
        &mut self,
        now: Now,
        segment: &Segment<'_>,
        sum: Option<Checksum>,
    ) -> Prediction {
        let Some(stamps) = segment.timestamps.filter(|_| segment.header.is_none()) else {
            return Prediction::Other;
        };
        if self.state != State::Established
            || segment.flags.without(Flags::PSH) != Flags::ACK
            || segment.sequence != self.rcv_nxt
            || segment.ecn == Ecn::Ce
            || self.bits.has(UNUSUAL)
            || self.extra.get().is_some()
            || !self.bits.has(Bits::TIMESTAMPS)
            || self.is_accurate()
            || self.is_searching()
            || later(self.ts_recent, stamps.value)
        {
            return Prediction::Other;
        }
        let taken = if segment.payload.is_empty() {
            let (sequence, ack) = (segment.sequence, segment.acknowledgment);
            let new = self.una.before(ack) && ack.at_or_before(self.nxt);
            if !new || !self.is_well() {
                return Prediction::Other;
            }
            self.trace_arrival(segment);
            self.predicted_ack(now, sequence, ack, segment.window, stamps.echo);
            Prediction::Taken
        } else {
            self.predicted_text(now, segment, sum)
        };
        if taken == Prediction::Taken {
            self.heard(now);
            self.remember_timestamp(now, segment.sequence, stamps);
            let watched = segment.ecn != Ecn::NotEct && self.marked < MARKED_MAX;
            if watched || segment.flags.contains(Flags::CWR) {
                self.note_ecn(segment.flags, segment.ecn);
            }
        }
        taken
    }

    /// All of it in the window, nothing held ahead of it, and nothing of ours was outstanding.
    #[inline(always)]
    fn predicted_text(
        &mut self,
        now: Now,
        segment: &Segment<'_>,
        mut sum: Option<Checksum>,
    ) -> Prediction {
        let (ack, bytes) = (segment.acknowledgment, segment.payload);
        let fits = clamp(bytes.len()) <= self.rcv_adv.since(self.rcv_nxt);
        if !fits || ack != self.una || ack != self.nxt {
            return Prediction::Other;
        }
        let copy = |from: &[u8], to: &mut [u8]| match &mut sum {
            Some(sum) => sum.copy(from, to),
            None => to.copy_from_slice(from),
        };
        if !self.ring.place_next(self.storage.as_mut(), bytes, copy) {
            return Prediction::Other;
        }
        if sum.is_some_and(|sum| !sum.is_valid()) {
            return Prediction::Damaged;
        }
        self.trace_arrival(segment);
        self.ring.take_next(bytes.len());
        self.take_window(segment.sequence, ack, u32::from(segment.window) << self.shifts.peers());
        self.rcv_nxt += clamp(bytes.len());
        self.bits.set(Bits::TELL_RECEIVE.and(Bits::OUTPUT));
        self.owe_ack(now, segment.unit);
        Prediction::Taken
    }

    /// Something new is acknowledged, nothing is held out of order, lost or in doubt.
    #[inline(never)]
    fn predicted_ack(&mut self, now: Now, sequence: Seq, ack: Seq, window: u16, echo: u32) {
        self.take_window(sequence, ack, u32::from(window) << self.shifts.peers());
        let mut told = Told {
            acked: 0,
            sacked: 0,
            delivered: 0,
            flight_before: self.outstanding(),
            newest: None,
            rtt: None,
            duplicate: false,
            ce_bytes: 0,
            original: false,
            trips: Trips {
                min: self.min_rtt(),
                smoothed: self.trip.smoothed().unwrap_or(u32::MAX),
                original: false,
            },
        };
        self.advance(now, Some(echo), ack, &mut told);
        self.rate.delivered(now.micros, told.delivered);
        self.go_on(now, &told);
    }

    /// Nothing is lost, held out of order or sent again.
    #[inline]
    pub(crate) fn is_well(&self) -> bool {
        self.losses.lost() == 0 && self.losses.is_orderly() && self.board.is_empty()
    }
}
