//! The receiving side: text into the ring, the window, and when to acknowledge (section 6 of the specification).

use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::event::{Disconnected, State};
use crate::fine::Finer as _;
use crate::limits::{ACK_DELAY_MAX, DUPLICATES_MAX};
use crate::profile::Profile;
use crate::rtt::millis;
use crate::segment_arrives::Segment;
use crate::seq::Seq;
use crate::time::Now;
use crate::timers::{Slot, Watch};
use crate::trace::Step;
use mainstay_wire::tcp::{SackBlock, SackBlocks};

// Deferred TCP-459: a slot of the ring for a device to write to is of use where a device places payload by itself; TAP
// and the radios at hand deliver whole frames.
impl<P: Profile> Endpoint<P> {
    /// Seventh: the text (TCP-450 to TCP-454), already cut to the window.
    pub(crate) fn take_text(&mut self, now: Now, segment: &Segment<'_>, start: Seq, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.state.can_receive() || self.bits.has(Bits::FIN_RECEIVED) {
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT)); // beyond the end: acknowledged, not taken (TCP-058)
            return;
        }
        if self.bits.has(Bits::CLOSED_BOTH) {
            self.terminate(Disconnected::Reset); // nobody will read it (TCP-065); the engine answers the rest
            return;
        }
        let offset = start.since(self.rcv_nxt) as usize;
        let room = self.ring.room(self.storage.as_ref()).saturating_sub(offset);
        if room == 0 {
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
            return;
        }
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if offset > 0 {
            self.trace(Step::OutOfOrder { sequence: start, len: clamp(bytes.len()) });
        }
        let gap = self.ring.out_of_order() > 0;
        let written = self.ring.write(self.storage.as_mut(), offset, bytes);
        if let Some((left, right)) = written.duplicate {
            self.report_duplicate(self.rcv_nxt + clamp(left), self.rcv_nxt + clamp(right));
        }
        self.rcv_nxt += clamp(written.advanced);
        if written.advanced > 0 {
            self.bits.set(Bits::TELL_RECEIVE);
        }
        if offset > 0 || gap || written.fresh == 0 {
            self.owed = self.owed.saturating_add(1).min(DUPLICATES_MAX);
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
            return;
        }
        self.owe_ack(now, segment.unit);
    }

    /// In sequence: now, or a little later (TCP-410, TCP-411, TCP-475).
    #[inline]
    pub(crate) fn owe_ack(&mut self, now: Now, unit: Option<u16>) {
        let unit = unit.unwrap_or(self.rcv_mss).max(1);
        let every = self.ack_every();
        let full = every * u32::from(unit.min(self.rcv_mss));
        // Options make a full segment a little shorter than what was offered.
        let many = self.unacknowledged() + every * 40 >= full;
        let delay = self.ack_delay();
        let small = || self.capacity() < 2 * usize::from(self.rcv_mss);
        if self.quick > 0 || many || delay == 0 || small() {
            self.quick = self.quick.saturating_sub(1);
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
        } else if !self.is_armed(Slot::Ack) || self.remaining(Slot::Ack, now) > u64::from(delay) {
            self.arm(Slot::Ack, now, u64::from(delay));
        }
    }

    /// How long an acknowledgement may wait, in microseconds (TCP-410).
    #[inline]
    pub(crate) fn ack_delay(&self) -> u32 {
        millis(self.settings.as_ref().delayed_ack.into()).min(ACK_DELAY_MAX)
    }

    /// Bytes in sequence that came and are not acknowledged.
    pub(crate) fn unacknowledged(&self) -> u32 {
        self.rcv_nxt.since(self.ack_sent)
    }

    /// Eighth: the end (TCP-141, TCP-142). One that came early takes effect when the gap closes.
    pub(crate) fn take_fin(&mut self, now: Now, segment: &Segment<'_>, fin: bool) {
        use mainstay_wire::tcp::Flags;
        if fin && segment.flags.contains(Flags::FIN) && !self.bits.has(Bits::FIN_RECEIVED) {
            let syn = u32::from(segment.flags.contains(Flags::SYN));
            self.fin = segment.sequence + syn + clamp(segment.payload.len());
            self.bits.set(Bits::FIN_PENDING.and(Bits::ACK_NOW).and(Bits::OUTPUT));
        }
        if !self.bits.has(Bits::FIN_PENDING) || self.fin != self.rcv_nxt {
            return;
        }
        self.bits.unset(Bits::FIN_PENDING);
        self.bits
            .set(Bits::FIN_RECEIVED.and(Bits::TELL_RECEIVE).and(Bits::ACK_NOW).and(Bits::OUTPUT));
        self.rcv_nxt += 1;
        self.rcv_adv = self.rcv_adv.later(self.rcv_nxt);
        match self.state {
            State::Established => self.enter(State::CloseWait),
            State::FinWait1 => self.enter(State::Closing),
            State::FinWait2 => self.enter_time_wait(now),
            State::Closed
            | State::Armed
            | State::SynSent
            | State::SynReceived
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {}
        }
    }

    /// Both sides have finished (TCP-068, TCP-182).
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn enter_time_wait(&mut self, now: Now) {
        self.disarm_all();
        self.enter(State::TimeWait);
        self.sent_at = now.micros;
        self.watch = Watch::TimeWait;
        self.arm(Slot::Watch, now, self.time_wait());
        self.bits.unset(Bits::WANTS_READY);
        self.bits.set(Bits::TELL_TIME_WAIT);
    }

    /// In microseconds.
    pub(crate) fn time_wait(&self) -> u64 {
        u64::from(self.settings.as_ref().time_wait.clamp(1000, 240_000)) * 1000
    }

    /// To be said once, first among the blocks (RFC 2883, TCP-482).
    pub(crate) fn report_duplicate(&mut self, left: Seq, right: Seq) {
        self.trace(Step::Duplicate { sequence: left, len: right.since(left) });
        if self.bits.has(Bits::SACK) {
            self.duplicate = left;
            self.duplicate_len = u16::try_from(right.since(left)).unwrap_or(u16::MAX);
            self.bits.set(Bits::DUPLICATE);
        }
    }

    /// The most that can be offered (TCP-470, TCP-354): no more than is wished (TCP-476).
    #[inline]
    fn offerable(&self) -> u32 {
        self.limited(self.sayable())
    }

    /// What there is room for and a header can say.
    #[inline]
    fn sayable(&self) -> u32 {
        clamp(self.ring.room(self.storage.as_ref())).min(u32::from(u16::MAX) << self.shifts.ours())
    }

    /// Whether the right edge can move far enough to be worth saying (RFC 9293 §3.8.6.2.2, TCP-474).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn window_may_open(&self) -> bool {
        self.is_worth_telling(self.offerable())
    }

    /// The same of a window that can be offered.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn is_worth_telling(&self, window: u32) -> bool {
        let gain = (self.rcv_nxt + window).since(self.rcv_adv);
        if gain == 0 {
            return false;
        }
        let full = clamp(self.capacity());
        let step = if self.rcv_adv.after(self.rcv_nxt) { full / 2 } else { full / 4 };
        gain >= step.min(u32::from(self.rcv_mss)).max(1)
    }

    /// The window for the next segment; moves the advertised edge, never to the left (TCP-470, TCP-472).
    ///
    /// Where windows are scaled, rounding down moves the edge that the peer sees to the left and rounding up promises
    /// more. What there is no room for is never promised: that window would not close any more, and a peer that fills
    /// it would take us for dead.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn advertise(&mut self) -> u16 {
        let sayable = self.sayable();
        let (room, told) = (self.limited(sayable), self.rcv_adv.since(self.rcv_nxt));
        let window = if room > told && self.is_worth_telling(room) { room } else { told };
        let shift = self.shifts.ours();
        let rounded = ((window + (1 << shift) - 1) >> shift).min(sayable >> shift);
        let field = u16::try_from(rounded).unwrap_or(u16::MAX);
        self.rcv_adv = self.rcv_adv.later(self.rcv_nxt + (u32::from(field) << shift));
        field
    }

    /// An acknowledgement is leaving, alone or with data (TCP-412).
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn acknowledged_peer(&mut self) {
        self.ack_sent = self.rcv_nxt;
        if let Some(accurate) = self.fine.accurate_mut() {
            accurate.told();
        }
        if !self.bits.has(Bits::HELD) {
            self.disarm(Slot::Ack); // what is held does not wait longer for it (TCP-040)
        }
        self.owed = self.owed.saturating_sub(1);
        if self.owed == 0 {
            self.bits.unset(Bits::ACK_NOW);
        }
    }

    /// What arrived out of order, the duplicate first (TCP-370, TCP-480 to TCP-482).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn sack_blocks(&mut self, blocks: &mut SackBlocks) {
        if !self.bits.has(Bits::SACK) {
            return;
        }
        if self.bits.take(Bits::DUPLICATE) {
            let (left, right) = (self.duplicate, self.duplicate + u32::from(self.duplicate_len));
            blocks.push(SackBlock { left: left.0, right: right.0 });
        }
        if self.ring.out_of_order() > 0 {
            let mut runs = [(0, 0); 4];
            let count = self.ring.runs(self.storage.as_ref(), &mut runs);
            for (left, right) in runs.iter().take(count) {
                let (left, right) = (self.rcv_nxt + clamp(*left), self.rcv_nxt + clamp(*right));
                blocks.push(SackBlock { left: left.0, right: right.0 });
            }
        }
    }
}
