//! What leaves next (TCP-144): one segment or super-segment per call, chosen in a fixed order.

use crate::bits::Bits;
use crate::congestion::CongestionControl;
use crate::endpoint::{Endpoint, clamp};
use crate::event::State;
use crate::fine::Finer as _;
use crate::head::{Head, Mark};
use crate::limits::HOLD_MICROS;
use crate::losses::{Flight, Hole, Losses};
use crate::profile::Profile;
use crate::queue::TxQueue;
use crate::rate::Rate;
use crate::rtt::millis;
use crate::seq::Seq;
use crate::time::{Now, later};
use crate::timers::{Rtx, Slot};
use mainstay_wire::tcp::Flags;

/// A segment that leaves: how long its header is, and where its payload lies in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) header_len: usize,
    /// The sequence number in it.
    pub(crate) sequence: Seq,
    pub(crate) offset: usize,
    pub(crate) len: usize,
    /// It is to be cut into segments of so much payload (TCP-600).
    pub(crate) unit: Option<u16>,
    /// May be marked instead of dropped (TCP-301).
    pub(crate) ecn: bool,
    /// The header asks for a Fast Open cookie, and the engine knows which it is to have.
    pub(crate) fast_open: bool,
}

impl Outgoing {
    /// One without payload.
    pub(crate) const fn bare(header_len: usize, sequence: Seq) -> Self {
        Self { header_len, sequence, offset: 0, len: 0, unit: None, ecn: false, fast_open: false }
    }
}

/// What part of the stream a segment carries.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: Seq,
    len: u32,
    fin: bool,
    again: bool,
}

impl<P: Profile> Endpoint<P> {
    /// The next segment, its header written to `out`; `None` when nothing may leave now.
    #[inline(never)]
    pub(crate) fn poll_transmit(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if !self.bits.has(Bits::OUTPUT) {
            return None;
        }
        let nxt = self.nxt;
        let outgoing = match self.state {
            State::Closed | State::Armed => None,
            State::SynSent => self.poll_syn(now, out),
            State::SynReceived => {
                if let Some(outgoing) = self.poll_syn(now, out) {
                    Some(outgoing)
                } else if self.bits.has(Bits::EARLY) {
                    // Who has our data's address proven need not wait for the handshake's end (RFC 7413 §4.2.2).
                    self.poll_new(now, out)
                } else {
                    None
                }
            }
            State::TimeWait => {
                self.sent_at = now.micros; // at the latest: what leaves has a timestamp (TCP-186)
                self.poll_ack(now, out)
            }
            State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck => self.poll_open(now, out),
        };
        match &outgoing {
            Some(outgoing) => self.note_departure(nxt, outgoing, out),
            None => self.bits.unset(Bits::OUTPUT),
        }
        outgoing
    }

    #[cfg_attr(target_os = "none", inline)]
    fn poll_open(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if self.acknowledges_first() {
            return self.poll_ack(now, out);
        }
        if let Some(outgoing) = self.poll_lost(now, out) {
            return Some(outgoing);
        }
        if P::Losses::BY_TIME
            && self.bits.take(Bits::SEND_TLP)
            && let Some(outgoing) = self.poll_tail(now, out)
        {
            return Some(outgoing);
        }
        if let Some(outgoing) = self.poll_new(now, out) {
            return Some(outgoing);
        }
        if self.bits.take(Bits::SEND_PROBE) {
            return Some(self.probe(now, out));
        }
        self.poll_ack(now, out)
    }

    fn poll_syn(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if !self.bits.take(Bits::SEND_SYN) {
            return None;
        }
        let answer = self.state == State::SynReceived;
        let header_len = self.write_syn(now, answer, out);
        let fast_open = self.bits.take(Bits::FAST_OPEN) && !self.bits.has(Bits::SYN_REPEATED);
        let mut len = 0;
        if fast_open && !answer {
            len = clamp(self.queue.len()).min(self.wnd());
            self.bits.set(Bits::FAST_OPEN_ASKED);
            self.bits.put(Bits::SYN_DATA, len > 0);
        }
        if self.nxt == self.una {
            self.nxt = self.una + 1 + len;
            self.sent_at = now.micros;
            self.bits.set(Bits::TIMING);
        } else {
            self.bits.unset(Bits::TIMING);
        }
        self.owed = 0;
        self.rtx = Rtx::Timeout;
        let wait = self.rto_backed_off();
        self.arm(Slot::Rtx, now, u64::from(wait));
        Some(Outgoing { len: len as usize, fast_open, ..Outgoing::bare(header_len, self.una) })
    }

    /// What is lost, oldest first, as far as the window allows; the first of an episode in any case.
    fn poll_lost(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if self.losses.lost() == 0 {
            self.bits.unset(Bits::FORCE);
            return None;
        }
        let mss = self.payload_max();
        let view =
            Flight { una: self.una, nxt: self.nxt, board: &self.board, mss, now: now.micros };
        let hole = self.losses.next(&view)?;
        let force = self.bits.has(Bits::FORCE);
        let room = self.cwnd().saturating_sub(self.outstanding());
        let unit = self.unit();
        let edge = self.una + self.wnd().max(1);
        let want = (hole.end - hole.start).min(edge.since(hole.start));
        let want = want.min(self.repeat_max(hole.start));
        if want == 0 || (!force && (room < unit.min(want) || self.paced(now))) {
            return None;
        }
        let len = want.min(if force { unit } else { self.super_len(room, unit) });
        let len = self.reach(hole.start, len, unit);
        self.bits.unset(Bits::FORCE);
        Some(self.resend(now, Hole { start: hole.start, end: hole.start + len }, out))
    }

    /// Sends part of the flight again.
    fn resend(&mut self, now: Now, hole: Hole, out: &mut Head) -> Outgoing {
        let end_of_data = self.nxt - u32::from(self.bits.has(Bits::FIN_SENT));
        let len = hole.end.earlier(end_of_data).since(hole.start);
        let fin = hole.end.after(end_of_data);
        let part = Part { start: hole.start, len, fin, again: true };
        let outgoing = self.segment(now, part, out);
        let stamp = self.rate.stamp(now.micros, self.outstanding() + len, false);
        let view = Flight {
            una: self.una,
            nxt: self.nxt,
            board: &self.board,
            mss: self.payload_max(),
            now: now.micros,
        };
        self.losses.resent(&view, hole, stamp);
        self.bits.unset(Bits::TIMING);
        self.fine.count_resent();
        self.recovery_sent(len, true);
        self.pace(now, len);
        if !self.is_armed(Slot::Rtx) || self.rtx != Rtx::Reordering {
            self.rearm(now, None);
        }
        outgoing
    }

    /// A probe for a loss at the end: new data if there is some, else the last segment again (RFC 8985 §7.3).
    fn poll_tail(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if self.una == self.nxt || self.bits.has(Bits::RECOVERY) {
            return None;
        }
        let unit = self.unit();
        let edge = self.una + self.wnd();
        let fresh = self.backlog().min(edge.since(self.nxt)).min(unit);
        let fresh = self.reach(self.nxt, fresh, unit);
        self.bits.set(Bits::TLP_OUT);
        let outgoing = if fresh > 0 {
            self.bits.unset(Bits::TLP_RESENT);
            self.send_new(now, fresh, unit, out)
        } else {
            self.bits.set(Bits::TLP_RESENT);
            let start = self.nxt - unit.min(self.nxt - self.una);
            let len = self.reach(start, self.nxt - start, unit);
            self.resend(now, Hole { start, end: start + len }, out)
        };
        self.set_recover_point(self.nxt);
        self.rearm(now, None); // now the timeout proper
        Some(outgoing)
    }

    /// New data, and the end after it (TCP-150 to TCP-154).
    fn poll_new(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        let backlog = self.backlog();
        if backlog == 0 {
            return self.poll_fin(now, out);
        }
        let edge = (self.una + self.wnd()).since(self.nxt);
        let room = (self.cwnd() + self.limited_transmit()).saturating_sub(self.outstanding());
        let room = room.min(self.new_data_max());
        let unit = self.unit();
        if edge == 0 {
            if self.una == self.nxt {
                self.arm_persist(now);
            }
            return None;
        }
        if room < unit.min(backlog) && self.una != self.nxt {
            self.bits.set(Bits::CWND_LIMITED);
            return None;
        }
        let len = self.choose(now, backlog, edge, room.max(unit), unit)?;
        if self.paced(now) {
            return None;
        }
        if let Some(probe) = self.poll_probe(now, room, out) {
            return Some(probe);
        }
        let len = self.reach(self.nxt, len, unit);
        Some(self.send_new(now, len, unit, out))
    }

    /// How many of the `len` bytes and FIN from `start` on one segment can refer to (TCP-607): whole segments, if that is
    /// more than one.
    pub(crate) fn reach(&self, start: Seq, len: u32, unit: u32) -> u32 {
        let offset = start.since(self.data_base()) as usize;
        let bytes = len.min(clamp(self.queue.len().saturating_sub(offset)));
        let reach = clamp(self.queue.reach(offset, bytes as usize));
        if reach == bytes {
            return len;
        }
        if P::BULK && reach > unit { reach - reach % unit } else { reach }
    }

    /// Without reports, two duplicates let one new segment each go before the third means loss (RFC 3042, TCP-275).
    fn limited_transmit(&self) -> u32 {
        if self.bits.has(Bits::SACK.and(Bits::RECOVERY)) {
            return 0;
        }
        u32::from(self.duplicates.min(2)) * self.payload_max()
    }

    /// How much new data makes a segment worth sending (RFC 9293 §3.8.6.2.1, TCP-151, TCP-152).
    #[cfg_attr(target_os = "none", inline)]
    fn choose(&mut self, now: Now, backlog: u32, edge: u32, room: u32, unit: u32) -> Option<u32> {
        let usable = edge.min(room);
        if backlog >= unit && usable >= unit {
            if !P::BULK {
                return Some(unit);
            }
            let most = self.super_len(usable, unit).min(backlog);
            return Some(if most > unit { most - most % unit } else { most });
        }
        let overridden = self.bits.has(Bits::OVERRIDE);
        if backlog <= usable {
            let held = self.bits.has(Bits::MORE) && !self.bits.has(Bits::FIN_QUEUED);
            let free = self.bits.has(Bits::NO_DELAY.and(Bits::FIN_QUEUED))
                || self.small.at_or_before(self.una);
            if overridden || (free && !held) {
                return Some(backlog);
            }
            if held {
                self.hold(now);
            }
            return None;
        }
        if overridden || usable >= self.wnd_max() / 2 {
            return Some(usable);
        }
        if self.una == self.nxt {
            self.hold(now); // nothing will come back to open the window further (TCP-162)
        }
        None
    }

    /// What waits to be a full segment waits no longer than this.
    #[cfg_attr(target_os = "none", inline)]
    fn hold(&mut self, now: Now) {
        let later = self.remaining(Slot::Ack, now) > u64::from(HOLD_MICROS);
        if !self.is_armed(Slot::Ack) || later {
            self.arm(Slot::Ack, now, u64::from(HOLD_MICROS));
        }
        self.bits.set(Bits::HELD);
    }

    pub(crate) fn send_new(&mut self, now: Now, len: u32, unit: u32, out: &mut Head) -> Outgoing {
        let start = self.nxt;
        self.bits.unset(Bits::HELD);
        let short = !len.is_multiple_of(unit) && len == self.backlog();
        let fin = self.bits.has(Bits::FIN_QUEUED) && len == self.backlog();
        let outgoing = self.segment(now, Part { start, len, fin, again: false }, out);
        let idle = self.una == self.nxt;
        self.nxt = start + len + u32::from(fin);
        if fin {
            self.bits.set(Bits::FIN_SENT);
        }
        if short && !self.bits.has(Bits::PERSISTING) {
            self.small = self.nxt;
        }
        self.bits.unset(Bits::OVERRIDE);
        self.start_timing(now);
        let stamp = self.rate.stamp(now.micros, self.outstanding(), idle);
        self.losses.sent(self.una, self.nxt, now.micros, stamp);
        self.recovery_sent(len, false);
        self.pace(now, len);
        // In the same moment, behind more than one segment, it would be the same deadline again.
        let same = self.sent_at == now.micros && start - self.una > self.payload_max();
        if self.state.is_synchronized() {
            self.sent_at = now.micros; // before that it is when the SYN left, which is timed
        }
        if idle || !self.is_armed(Slot::Rtx) || (self.rtx == Rtx::TailProbe && !same) {
            self.rearm(now, None);
            if idle && !self.is_armed(Slot::User) {
                self.arm_user_timeout(now);
            }
        }
        if self.backlog() == 0 {
            self.bits.unset(Bits::CWND_LIMITED);
            if self.outstanding() < self.cwnd() {
                self.rate.app_limited(self.outstanding());
            }
        }
        outgoing
    }

    /// The end alone.
    #[cfg_attr(target_os = "none", inline)]
    fn poll_fin(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if !self.bits.has(Bits::FIN_QUEUED) || self.bits.has(Bits::FIN_SENT) {
            return None;
        }
        Some(self.send_new(now, 0, self.unit(), out))
    }

    /// Something that the peer has to answer (TCP-160, TCP-171).
    fn probe(&mut self, now: Now, out: &mut Head) -> Outgoing {
        let persisting = self.bits.has(Bits::PERSISTING) && self.wnd() == 0;
        if persisting {
            self.disarm(Slot::Rtx);
        }
        let outgoing = if persisting && self.una != self.nxt {
            self.resend(now, Hole { start: self.una, end: self.una + 1 }, out)
        } else if persisting && self.backlog() > 0 {
            self.send_new(now, 1, self.unit(), out)
        } else {
            let sequence = self.nxt - 1;
            Outgoing::bare(self.write_head(now, Mark::at(sequence), out), sequence)
        };
        if persisting {
            self.arm_persist(now);
        }
        outgoing
    }

    /// An acknowledgement that is owed and did not ride on data.
    fn poll_ack(&mut self, now: Now, out: &mut Head) -> Option<Outgoing> {
        if !self.bits.has(Bits::ACK_NOW) {
            return None;
        }
        Some(Outgoing::bare(self.write_head(now, Mark::at(self.nxt), out), self.nxt))
    }

    /// A segment with part of the stream.
    fn segment(&mut self, now: Now, part: Part, out: &mut Head) -> Outgoing {
        let mut mark = Mark::at(part.start);
        let base = self.data_base();
        let queued_end = base + clamp(self.queue.len());
        if part.len > 0 && part.start + part.len == queued_end {
            mark.flags |= Flags::PSH;
        }
        if part.fin {
            mark.flags |= Flags::FIN;
        }
        if !part.again && part.len > 0 && self.bits.take(Bits::REDUCED) {
            mark.flags |= Flags::CWR;
        }
        self.point_at_urgent(&mut mark);
        let header_len = self.write_head(now, mark, out);
        let unit = self.unit();
        let len = part.len as usize;
        Outgoing {
            header_len,
            sequence: part.start,
            offset: part.start.since(base) as usize,
            len,
            unit: (P::BULK && part.len > unit).then(|| u16::try_from(unit).unwrap_or(u16::MAX)),
            ecn: self.bits.has(Bits::ECN) && !part.again && len > 0,
            fast_open: false,
        }
    }

    /// The payload of a full segment, less where blocks have to be reported in it (TCP-156).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn unit(&self) -> u32 {
        let full = self.payload_max();
        if self.reports_blocks() && self.bits.has(Bits::SACK) {
            // Three blocks beside timestamps, four without (TCP-370).
            let room = if self.bits.has(Bits::TIMESTAMPS) { 28 } else { 36 };
            return full.saturating_sub(room).max(1);
        }
        full
    }

    /// How long a super-segment may be (TCP-600, TCP-603).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn super_len(&self, room: u32, unit: u32) -> u32 {
        if !P::BULK {
            return unit;
        }
        let most = u32::from(self.settings.as_ref().gso_max);
        let urgent = self.bits.has(Bits::URGENT_OUT); // such a segment cannot be cut (TCP-601)
        let whole = self.count_is_cut() || self.leaves_gaps();
        if most <= unit || unit < self.payload_max() || urgent || whole {
            return unit;
        }
        let most = most.min(room).min((self.wnd_max() / 2).max(unit)).min(self.quantum().max(unit));
        (most - most % unit).max(unit)
    }

    /// Whether segments are spread, and there is a deadline to do it with.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn is_pacing(&self) -> bool {
        P::BULK && self.settings.as_ref().pacing && self.slots.as_ref().len() > Slot::Pace as usize
    }

    /// Bytes per second; `None` where segments are not spread (TCP-310).
    fn pacing_rate(&self) -> Option<u64> {
        if !P::BULK {
            return None;
        }
        self.fine.pace_at()?; // nowhere to keep when the next may leave
        if !self.is_pacing() {
            return None;
        }
        if let Some(rate) = self.congestion.pacing_rate() {
            return Some(rate.max(1));
        }
        let smoothed = u64::from(self.trip.smoothed()?.max(1));
        let cwnd = u64::from(self.cwnd());
        let slow = self.congestion.cwnd() < self.congestion.ssthresh();
        let gain = if slow { 20 } else { 12 };
        Some((cwnd * 1_000_000 / smoothed * gain / 10).max(1))
    }

    /// The most to send at once when pacing.
    fn quantum(&self) -> u32 {
        let Some(rate) = self.pacing_rate() else { return u32::MAX };
        if let Some(quantum) = self.congestion.send_quantum() {
            return quantum;
        }
        u32::try_from(rate / 1000).unwrap_or(u32::MAX).max(2 * self.payload_max())
    }

    /// Whether the next segment has to wait for its time.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn paced(&mut self, now: Now) -> bool {
        let gap = self.gap(now);
        if gap > 0 {
            self.arm(Slot::Pace, now, u64::from(gap));
            return true;
        }
        if !P::BULK {
            return false;
        }
        let pacing = self.is_pacing();
        let Some(pace_at) = self.fine.pace_at() else { return false };
        if !pacing || !later(pace_at, now.micros) {
            return false;
        }
        let wait = pace_at.wrapping_sub(now.micros);
        if wait > PACE_MAX_MICROS {
            self.fine.set_pace_at(now.micros); // a time of long ago
            return false;
        }
        self.arm(Slot::Pace, now, u64::from(wait));
        true
    }

    /// So much has left: when the next may.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn pace(&mut self, now: Now, len: u32) {
        self.begin_gap(now);
        let Some(rate) = self.pacing_rate() else { return };
        // However slow the path is thought to be, no longer than an answer is waited for: else nobody would find out.
        let gap = (u64::from(len) * 1_000_000 / rate).min(self.rto().into());
        // What was late by less than a round of the clock is made up for.
        let Some(pace_at) = self.fine.pace_at() else { return };
        let behind = now.micros.wrapping_sub(pace_at);
        let from = if behind > PACE_CREDIT_MICROS { now.micros } else { pace_at };
        self.fine.set_pace_at(from.wrapping_add(u32::try_from(gap).unwrap_or(u32::MAX / 4)));
    }

    /// Data after silence: the window is what it was at the start (RFC 5681 §4.1, TCP-159).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn restart_after_idle(&mut self, now: Now) {
        if self.una != self.nxt || !self.state.is_synchronized() {
            return;
        }
        if !self.is_armed(Slot::Pace) {
            self.fine.set_pace_at(now.micros); // after half an hour the old one would seem to lie ahead (TCP-401)
        }
        let idle = now.micros.wrapping_sub(self.sent_at);
        let rto = self.rto();
        if idle > rto && self.trip.smoothed().is_some() {
            self.congestion.on_idle(now.instant(), idle, rto);
            self.sent_at = now.micros.wrapping_sub(rto); // once
        }
    }

    /// After the handshake, what of a SYN's data was not acknowledged goes out as new data (TCP-125, TCP-366).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn settle_early_data(&mut self, ack: Seq) {
        if !self.bits.take(Bits::SYN_DATA) {
            return;
        }
        let taken = ack.earlier(self.nxt).since(self.una);
        self.una += taken;
        self.nxt = self.una;
        self.queue_acknowledged(taken);
    }

    /// Used by the engine when a device had no room (TCP-553).
    #[inline]
    pub(crate) fn retry_after(&self) -> u32 {
        self.trip.smoothed().map_or(millis(10), |smoothed| (smoothed / 4).clamp(1000, RETRY_MAX))
    }
}

/// SYNs or SYN-ACKs with ECN: the first and one repetition (TCP-300). RFC 3168 §6.1.1.1 leaves it open; chosen: the
/// specification's
pub(crate) const ECN_ATTEMPTS: u8 = 2;

/// How long a device without room is left alone at most, in microseconds: others have shorter paths, and perhaps other
/// devices. chosen: a slow radio's longest packet
const RETRY_MAX: u32 = 20_000;
/// How late a paced segment may be and still be followed as if it had been in time, in microseconds.
/// chosen: a loop's sleep and a scheduler's slice
const PACE_CREDIT_MICROS: u32 = 2500;
/// No segment waits longer than this for its time. chosen: longer than any round trip, short beside the clock's 71 minutes
const PACE_MAX_MICROS: u32 = 1 << 27;
