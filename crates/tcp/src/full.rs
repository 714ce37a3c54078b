//! The two segments that nearly all of a bulk transfer leaves in, without the questions whose answer is known: a full one
//! of new data behind which more waits, and the acknowledgement of an endpoint that has nothing to send.
//!
//! The counterpart of `predict`: whatever is not certain to be one of the two is chosen in `transmit`.

use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::event::State;
use crate::extras::Extras as _;
use crate::head::{Head, Mark};
use crate::losses::Losses;
use crate::profile::Profile;
use crate::queue::TxQueue as _;
use crate::rate::Rate as _;
use crate::time::Now;
use crate::timers::{Rtx, Slot};
use crate::transmit::Outgoing;

/// While one of these is set, something else may have to leave, or the segment is not like others.
const UNUSUAL: Bits = Bits::RECOVERY
    .and(Bits::SEND_SYN)
    .and(Bits::SEND_TLP)
    .and(Bits::SEND_PROBE)
    .and(Bits::FORCE)
    .and(Bits::OVERRIDE)
    .and(Bits::HELD)
    .and(Bits::REDUCED)
    .and(Bits::URGENT_OUT)
    .and(Bits::PERSISTING)
    .and(Bits::FIN_QUEUED);

impl<P: Profile> Endpoint<P> {
    /// The next segment if it is one of the two, its header written to `out`.
    #[inline(always)]
    pub(crate) fn poll_usual(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        let usual = P::BULK
            && P::Losses::BY_TIME
            && self.extra.get().is_none()
            && self.state == State::Established
            && self.bits.has(Bits::OUTPUT)
            && !self.bits.has(UNUSUAL)
            && self.bits.has(Bits::TIMESTAMPS)
            && !self.reports_blocks()
            && !self.is_accurate()
            && !self.is_searching()
            && self.is_well();
        if !usual {
            return None;
        }
        let flight = self.nxt - self.una;
        let backlog = clamp(self.queue.len()).saturating_sub(flight);
        let (full, unit) = (backlog > 0, self.payload_max());
        if full && !self.has_room(backlog, flight, unit) {
            return None;
        }
        if !full && !self.bits.has(Bits::ACK_NOW) {
            self.bits.unset(Bits::OUTPUT);
            return None;
        }
        let start = self.nxt;
        let header_len = self.write_head_here(now, Mark::at(start), out);
        if full {
            self.full_has_left(now, flight, unit);
            let (offset, len) = (flight as usize, unit as usize);
            let ecn = self.bits.has(Bits::ECN);
            return Some(Outgoing { offset, len, ecn, ..Outgoing::bare(header_len, start) });
        }
        if !self.bits.has(Bits::ACK_NOW) {
            self.bits.unset(Bits::OUTPUT);
        }
        Some(Outgoing::bare(header_len, start))
    }

    /// Whether there is more than a full segment, and room for one in both windows.
    #[inline(always)]
    fn has_room(&self, backlog: u32, flight: u32, unit: u32) -> bool {
        let spread = self.is_pacing() || u32::from(self.settings.as_ref().gso_max) > unit;
        backlog > unit
            && self.wnd().min(self.cwnd()) >= flight + unit
            && !spread
            && self.queue.reach(flight as usize, unit as usize) == unit as usize
    }

    /// A full segment leaves, before which so much was in flight.
    #[inline(always)]
    fn full_has_left(&mut self, now: Now, flight: u32, unit: u32) {
        self.nxt += unit;
        let idle = flight == 0;
        let stamp = self.rate.stamp(now.micros, flight + unit, idle);
        self.losses.sent(self.una, self.nxt, now.micros, stamp);
        // In the same moment, behind more than one segment, it would be the same deadline again.
        let same = self.sent_at == now.micros && flight > unit;
        self.sent_at = now.micros;
        let armed = self.is_armed(Slot::Rtx) && (self.rtx != Rtx::TailProbe || same);
        if idle || !armed {
            self.rearm(now, None);
        }
        if idle && !self.is_armed(Slot::User) {
            self.arm_user_timeout(now);
        }
    }
}
