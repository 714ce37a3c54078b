//! What the driver could not send after all: as if it had never been taken (TCP-003, TCP-553).

use super::reply::Reply;
use super::{Engine, Memory as _, Tables};
use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::extras::Extras as _;
use crate::fine::Finer as _;
use crate::losses::{Flight, Hole, Losses as _};
use crate::profile::Profile;
use crate::seq::Seq;
use crate::time::Now;
use crate::timers::Slot as Deadline;
use crate::transmit::Outgoing;
use core::time::Duration;
use mainstay_base::Instant;

/// What became of the last [`Transmit`](super::Transmit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmitted {
    /// It was taken, which is what is assumed if nothing is said.
    Sent,
    /// There was no room for it, and it is gone. It was not lost, so nothing slows down: it comes again.
    NoBuffer,
}

/// The last segment that was polled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Last {
    /// Without an endpoint.
    Reply(Reply),
    /// Of an endpoint: place, generation, and what it was before.
    Segment(usize, u32, Before),
}

/// What one segment changes of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    bits: Bits,
    nxt: Seq,
    small: Seq,
    lost: u32,
    pace_at: u32,
    owed: u8,
    /// What left: where it starts, and how much it takes of the sequence.
    sent: Hole,
    after: Seq,
}

/// How long to wait where no round trip is known. chosen: a few slots of a slow radio
const WAIT: Duration = Duration::from_millis(10);

impl<T: Tables> Engine<T> {
    /// Says what became of the segment that was polled last. After [`Transmitted::NoBuffer`] nothing leaves for a quarter
    /// of its round trip, 20 ms at most, or until [`transmit_ready`](Self::transmit_ready) is called.
    pub fn transmit_result(&mut self, now: Instant, result: Transmitted) {
        let now = self.clock(now);
        let Some(last) = self.last.take() else { return };
        if result == Transmitted::Sent {
            return;
        }
        self.counters.sent = self.counters.sent.saturating_sub(1);
        let mut wait = WAIT;
        match last {
            Last::Reply(reply) => match self.memory.kept_mut() {
                Some(kept) => kept.replies.put_back(reply),
                None => self.replies.put_back(reply),
            },
            Last::Segment(slot, generation, before) => {
                let same =
                    self.slots.as_ref().get(slot).is_some_and(|s| s.generation == generation);
                if let Some(endpoint) = self.endpoint_mut(slot).filter(|_| same) {
                    endpoint.take_back(now, before);
                    wait = Duration::from_micros(endpoint.retry_after().into());
                    self.touch(now, slot);
                }
            }
        }
        self.blocked_until = Some(now.instant() + wait);
    }

    /// There is room again.
    pub const fn transmit_ready(&mut self) {
        self.blocked_until = None;
    }

    /// Whether nothing may be polled yet: the link had no room, and the time to try again has not come.
    pub(super) fn is_blocked(&self, now: Instant) -> bool {
        self.blocked_until.is_some_and(|until| now < until)
    }
}

impl<P: Profile> Endpoint<P> {
    /// To be remembered before a segment is made.
    #[inline]
    pub(super) fn before(&self) -> Before {
        let nothing = Hole { start: self.nxt, end: self.nxt };
        Before {
            bits: self.bits,
            nxt: self.nxt,
            small: self.small,
            lost: self.losses.lost(),
            pace_at: self.fine.pace_at().unwrap_or(0),
            owed: self.owed,
            sent: nothing,
            after: self.nxt,
        }
    }

    /// This is what was made.
    #[inline]
    pub(super) fn after(&self, before: &mut Before, out: &Outgoing) {
        before.after = self.nxt;
        before.sent = Hole { start: out.sequence, end: out.sequence + clamp(out.len) };
    }

    /// What left last did not leave. If the connection has gone on since, it was lost as any other.
    fn take_back(&mut self, now: Now, before: Before) {
        if let Some(extra) = self.extra.get_mut() {
            extra.take_back();
        }
        if self.nxt != before.after
            || before.sent.start.before(self.una)
            || before.nxt.before(self.una)
        {
            return;
        }
        self.bits.set(before.bits.only(CONSUMED).and(Bits::OUTPUT));
        for bit in [Bits::FIN_SENT, Bits::SYN_DATA, Bits::FAST_OPEN_ASKED, Bits::TIMING] {
            self.bits.put(bit, before.bits.has(bit));
        }
        (self.small, self.owed) = (before.small, before.owed);
        self.fine.set_pace_at(before.pace_at);
        let handshake = !self.state.is_synchronized();
        if before.nxt != self.nxt {
            let len = self.nxt - before.nxt;
            self.nxt = before.nxt;
            if handshake && self.una == self.nxt {
                self.disarm(Deadline::Rtx);
                return;
            }
            self.losses.unsent(self.data_base(), self.nxt);
            self.probe_unsent();
            self.recovery_unsent(len, false);
        } else if self.losses.lost() < before.lost {
            let view = Flight {
                una: self.una,
                nxt: self.nxt,
                board: &self.board,
                mss: self.payload_max(),
                now: now.micros,
            };
            self.losses.unresent(&view, before.sent);
            self.recovery_unsent(before.sent.end - before.sent.start, true);
        } else if before.sent.start != before.sent.end && !handshake {
            // A probe: the bit that asked for it is set again.
            self.bits.put(Bits::TLP_OUT, before.bits.has(Bits::TLP_OUT));
        }
        if !handshake {
            self.rearm(now, None);
        }
    }
}

/// Wishes that a segment fulfils.
const CONSUMED: Bits = Bits::SEND_SYN
    .and(Bits::ACK_NOW)
    .and(Bits::SEND_PROBE)
    .and(Bits::SEND_TLP)
    .and(Bits::FORCE)
    .and(Bits::OVERRIDE)
    .and(Bits::REDUCED)
    .and(Bits::DUPLICATE)
    .and(Bits::FAST_OPEN);
