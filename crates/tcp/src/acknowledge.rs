//! What an acknowledgement says: bytes are done, others are held, the window moved (TCP-137, TCP-138, section 3.2).

use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::event::{Disconnected, State};
use crate::limits::RTT_MAX_MILLIS;
use crate::losses::{Flight, Hole, Losses, Newest, Trips};
use crate::offset::Offset as _;
use crate::profile::Profile;
use crate::queue::TxQueue;
use crate::rate::Rate;
use crate::scoreboard::Sacked;
use crate::segment_arrives::Segment;
use crate::seq::Seq;
use crate::time::Now;
use crate::timers::{Slot, Watch};
use mainstay_wire::tcp::{Flags, SackBlock};

/// What one acknowledgement said, for recovery and congestion control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<S> {
    pub(crate) acked: u32,
    pub(crate) sacked: u32,
    pub(crate) delivered: u32,
    pub(crate) flight_before: u32,
    pub(crate) newest: Option<Newest<S>>,
    pub(crate) rtt: Option<u32>,
    /// A duplicate was reported.
    pub(crate) duplicate: bool,
    /// Bytes the peer says were marked; all, where marks are not counted.
    pub(crate) ce_bytes: u32,
    /// What it echoes left before the first retransmission of the episode (RFC 3522).
    pub(crate) original: bool,
    pub(crate) trips: Trips,
}

impl<P: Profile> Endpoint<P> {
    /// An acknowledgement that may be: not newer than what was sent, not much older than what was acknowledged.
    pub(crate) fn take_ack(&mut self, now: Now, segment: &Segment<'_>, ack: Seq) {
        if ack.before(self.una) {
            return;
        }
        let window = self.scaled(segment);
        let same_window = P::Offset::narrow(window) == self.wnd;
        self.take_window(segment.sequence, ack, window);
        if ack == self.nxt && self.una == ack && segment.sack.is_empty() {
            self.told_marks(segment, 0);
            self.window_moved(now);
            return; // nothing was outstanding
        }
        let bare = segment.payload.is_empty() && !segment.flags.intersects(Flags::SYN | Flags::FIN);
        let mut told = self.tell_apart(now, segment);
        if !segment.sack.is_empty() && self.bits.has(Bits::SACK) {
            self.take_sack(now, segment.sack, ack, &mut told);
        }
        if ack.after(self.una) {
            self.advance(now, segment.echo(), ack, &mut told);
            if self.state == State::Closed {
                return;
            }
        } else if bare
            && same_window
            && !self.bits.has(Bits::SACK.and(Bits::PERSISTING))
            && self.una != self.nxt
        {
            self.duplicates = self.duplicates.saturating_add(1);
        }
        told.delivered += told.sacked;
        if told.delivered > 0 {
            self.rate.delivered(now.micros, told.delivered);
        }
        told.ce_bytes = if self.is_accurate() {
            self.told_marks(segment, told.delivered)
        } else if self.bits.has(Bits::ECN) && segment.flags.contains(Flags::ECE) {
            told.acked
        } else {
            0
        };
        self.recover(now, ack, &told);
        self.window_moved(now);
    }

    /// The window a segment offers; never scaled in a SYN (TCP-124).
    #[inline]
    pub(crate) fn scaled(&self, segment: &Segment<'_>) -> u32 {
        let shift = if segment.flags.contains(Flags::SYN) { 0 } else { self.shifts.peers() };
        u32::from(segment.window) << shift
    }

    #[cfg_attr(target_os = "none", inline)]
    fn tell_apart(&self, now: Now, segment: &Segment<'_>) -> Told<<P::Rate as Rate>::Stamp> {
        let original = self.predates_resending(segment.echo());
        let trips = Trips {
            min: self.min_rtt(),
            smoothed: self.trip.smoothed().unwrap_or(u32::MAX),
            original,
        };
        let _ = now;
        Told {
            acked: 0,
            sacked: 0,
            delivered: 0,
            flight_before: self.outstanding(),
            newest: None,
            rtt: None,
            duplicate: false,
            ce_bytes: 0,
            original,
            trips,
        }
    }

    /// RFC 9293 §3.10.7.4: only a newer segment moves the window (TCP-138). One that acknowledges more is newer whatever
    /// its number: a retransmission has an old one, and the old window would be counted from the new acknowledgement.
    /// SND.WL2 is not kept: it is never after SND.UNA, and an acknowledgement before that does not come this far.
    #[inline]
    pub(crate) fn take_window(&mut self, seq: Seq, ack: Seq, window: u32) {
        if self.wl1.at_or_before(seq) || ack.after(self.una) {
            self.set_wnd(window);
            self.wl1 = self.wl1.later(seq);
        }
    }

    /// Bytes are acknowledged in sequence (TCP-137).
    #[cfg_attr(not(target_os = "none"), inline(always))]
    pub(crate) fn advance(
        &mut self,
        now: Now,
        echo: Option<u32>,
        ack: Seq,
        told: &mut Told<<P::Rate as Rate>::Stamp>,
    ) {
        told.acked = ack - self.una;
        let newest = self.losses.acknowledged(ack, told.acked, told.trips, now.micros);
        told.newest = newer(told.newest, newest);
        let none = self.board.is_empty();
        let held = if none { 0 } else { clamp(self.board.advance(told.acked as usize)) };
        told.delivered = told.acked - held;
        let fin = self.bits.has(Bits::FIN_SENT) && ack == self.nxt;
        self.una = ack;
        // Or it would lie ahead after two gigabytes of full segments, and hold back the first that is not (TCP-152).
        self.small = self.small.later(ack);
        self.queue_acknowledged(told.acked - u32::from(fin));
        told.rtt = self.measure(now, echo, ack, told);
        if let Some(rtt) = told.rtt {
            self.sample(now, rtt, self.samples_in(told.flight_before));
        }
        self.retries = 0;
        self.duplicates = 0;
        if self.is_armed(Slot::User) {
            self.arm_user_timeout(now);
        }
        if self.una == self.nxt {
            self.disarm(Slot::User);
        }
        self.bits.set(Bits::OUTPUT);
        if fin {
            self.fin_acknowledged(now);
        }
    }

    /// How many round trips are told while so much is in flight: one for two segments, where each acknowledgement tells one.
    #[inline]
    fn samples_in(&self, flight: u32) -> u32 {
        let segment = self.payload_max();
        if !P::Losses::BY_TIME || flight <= 2 * segment {
            return 1;
        }
        (flight / segment).div_ceil(2)
    }

    /// Payload is acknowledged: buffers go back (TCP-034, TCP-043, TCP-044).
    pub(crate) fn queue_acknowledged(&mut self, count: u32) {
        if count > 0 {
            self.queue.acknowledge(count as usize);
            self.acked_event = self.acked_event.saturating_add(count);
            self.bits.set(Bits::TELL_PROGRESS);
        }
    }

    /// TCP-139.
    #[cfg_attr(target_os = "none", inline)]
    fn fin_acknowledged(&mut self, now: Now) {
        match self.state {
            State::FinWait1 => {
                self.enter(State::FinWait2);
                if self.bits.has(Bits::CLOSED_BOTH) {
                    self.await_end(now);
                }
            }
            State::Closing => self.enter_time_wait(now),
            State::LastAck => self.terminate(Disconnected::Normal),
            State::Closed
            | State::Armed
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait2
            | State::CloseWait
            | State::TimeWait => {}
        }
    }

    /// The peer's end is awaited, but not for ever (TCP-181).
    pub(crate) fn await_end(&mut self, now: Now) {
        self.watch = Watch::FinWait2;
        let wait = u64::from(self.settings.as_ref().fin_wait_2) * 1000;
        self.arm(Slot::Watch, now, wait);
    }

    /// What the peer holds out of sequence (TCP-272, TCP-276).
    #[cfg_attr(target_os = "none", inline)]
    fn take_sack(
        &mut self,
        now: Now,
        blocks: &[SackBlock],
        ack: Seq,
        told: &mut Told<<P::Rate as Rate>::Stamp>,
    ) {
        for (index, block) in blocks.iter().enumerate() {
            let hole = Hole { start: Seq(block.left), end: Seq(block.right) };
            if !hole.start.before(hole.end) {
                continue;
            }
            let inside = |other: &SackBlock| {
                Seq(other.left).at_or_before(hole.start) && hole.end.at_or_before(Seq(other.right))
            };
            let old = hole.end.at_or_before(ack);
            if index == 0 && (old || blocks.get(1).is_some_and(inside)) {
                told.duplicate = true;
                continue;
            }
            // Nobody holds the byte that is asked for: such a block would be believed, forgotten as what the peer took
            // back, and believed again.
            if hole.start.at_or_before(ack) || hole.end.after(self.nxt) {
                continue;
            }
            let left = (hole.start - self.una) as usize;
            let right = (hole.end - self.una) as usize;
            let fresh = clamp(self.board.insert(left, right));
            if fresh == 0 {
                continue;
            }
            told.sacked += fresh;
            let flight = Flight {
                una: self.una,
                nxt: self.nxt,
                board: &self.board,
                mss: 0,
                now: now.micros,
            };
            let newest = self.losses.sacked(&flight, hole, told.trips);
            told.newest = newer(told.newest, newest);
        }
    }

    /// The round trip, where it can be told (TCP-358, TCP-359, TCP-402).
    #[cfg_attr(target_os = "none", inline)]
    fn measure(
        &mut self,
        now: Now,
        echo: Option<u32>,
        ack: Seq,
        told: &Told<<P::Rate as Rate>::Stamp>,
    ) -> Option<u32> {
        if P::Losses::BY_TIME {
            let newest = told.newest.filter(|newest| !newest.ambiguous)?;
            return Some(now.micros.wrapping_sub(newest.sent).max(1));
        }
        if let Some(rtt) = self.echoed(now, echo) {
            return Some(rtt);
        }
        self.timed(now, ack)
    }

    /// How old the timestamp is that the peer echoes, in microseconds (TCP-359).
    fn echoed(&self, now: Now, echo: Option<u32>) -> Option<u32> {
        let echo = echo.filter(|_| self.bits.has(Bits::TIMESTAMPS))?;
        let age = now.millis().wrapping_add(self.ts_offset).wrapping_sub(echo);
        (echo != 0 && age <= RTT_MAX_MILLIS).then(|| (age * 1000).max(1))
    }

    /// The handshake's round trip (TCP-403).
    pub(crate) fn sample_syn(&mut self, now: Now, segment: &Segment<'_>) {
        let timed =
            self.bits.take(Bits::TIMING).then(|| now.micros.wrapping_sub(self.sent_at).max(1));
        if let Some(rtt) = timed.or_else(|| self.echoed(now, segment.echo())) {
            self.sample(now, rtt, 1);
        }
    }
}

/// The one that left later.
fn newer<S>(a: Option<Newest<S>>, b: Option<Newest<S>>) -> Option<Newest<S>> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let behind = b.sent.wrapping_sub(a.sent);
            let later = behind != 0 && behind & (1 << 31) == 0 || behind == 0 && b.end.after(a.end);
            Some(if later { b } else { a })
        }
        (a, b) => a.or(b),
    }
}
