//! The two segments that nearly all of a bulk transfer consists of, with the checks they pass anyway left out (Van
//! Jacobson's header prediction): the text that comes next, and the acknowledgement of something new when all is well.
//!
//! What is done with them are the steps of `segment_arrives`, those that would do something; whatever is not certain to
//! be one of the two takes all of them.

use crate::acknowledge::Told;
use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::event::State;
use crate::losses::{Losses as _, Trips};
use crate::profile::Profile;
use crate::rate::Rate;
use crate::scoreboard::Sacked as _;
use crate::segment_arrives::Segment;
use crate::time::{Now, later};
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

impl<P: Profile> Endpoint<P> {
    /// Takes the segment if it is one of the two; otherwise nothing has changed.
    #[inline]
    pub(crate) fn predicted(&mut self, now: Now, segment: &Segment<'_>) -> bool {
        let Some(stamps) = segment.timestamps.filter(|_| segment.header.is_none()) else {
            return false;
        };
        if self.state != State::Established
            || segment.flags.without(Flags::PSH) != Flags::ACK
            || segment.sequence != self.rcv_nxt
            || segment.ecn == Ecn::Ce
            || self.bits.has(UNUSUAL)
            || !self.bits.has(Bits::TIMESTAMPS)
            || self.is_accurate()
            || later(self.ts_recent, stamps.value)
        {
            return false;
        }
        let taken = if segment.payload.is_empty() {
            self.predicted_ack(now, segment)
        } else {
            self.predicted_text(now, segment)
        };
        if taken {
            self.heard(now);
            self.remember_timestamp(now, segment);
            self.note_ecn(segment);
        }
        taken
    }

    /// All of it in the window, and nothing of ours was outstanding.
    fn predicted_text(&mut self, now: Now, segment: &Segment<'_>) -> bool {
        let ack = segment.acknowledgment;
        let fits = clamp(segment.payload.len()) <= self.rcv_adv.since(self.rcv_nxt);
        if !fits || ack != self.una || ack != self.nxt {
            return false;
        }
        self.take_window(segment.sequence, ack, u32::from(segment.window) << self.shift_out);
        self.window_moved(now);
        self.take_text(now, segment, segment.sequence, segment.payload);
        true
    }

    /// Something new is acknowledged, nothing is held out of order, lost or in doubt.
    fn predicted_ack(&mut self, now: Now, segment: &Segment<'_>) -> bool {
        let ack = segment.acknowledgment;
        let new = self.una.before(ack) && ack.at_or_before(self.nxt);
        if !new || !self.board.is_empty() || self.losses.lost() > 0 {
            return false;
        }
        self.take_window(segment.sequence, ack, u32::from(segment.window) << self.shift_out);
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
        self.advance(now, segment, ack, &mut told);
        self.rate.delivered(now.micros, told.delivered);
        self.recover(now, ack, &told);
        self.window_moved(now);
        true
    }
}
