//! Episodes of recovery: they begin with a loss or a mark, shrink the window in step with what arrives (RFC 9937), and
//! end when everything sent before is acknowledged, or when they prove to have been for nothing (section 3 of the
//! specification).

use crate::acknowledge::Told;
use crate::bits::Bits;
use crate::congestion::{AckSample, CongestionControl, Signal};
use crate::endpoint::{Endpoint, clamp};
use crate::fine::Finer as _;
use crate::frto::DOUBT;
use crate::limits::{BURST_SEGMENTS, DUP_THRESH};
use crate::losses::{Flight, Found, Losses};
use crate::offset::Offset;
use crate::profile::Profile;
use crate::rate::Rate;
use crate::scoreboard::Sacked;
use crate::seq::Seq;
use crate::time::{Now, later};
use crate::timers::{Rtx, Slot};
use crate::trace::Step;

/// One episode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode<O, S> {
    /// It ends here. Where there is none, what the probe for a loss at the end reached, which is of meaning while that
    /// probe is out (TCP-286).
    recover: Seq,
    /// RFC 9937: delivered and sent during it, what was outstanding when it began, and what may be now.
    delivered: O,
    sent: O,
    flight: O,
    cwnd: O,
    /// How the controller was before it (TCP-297); of meaning while it may be undone.
    before: S,
    /// Our timestamp when the first of them left; without timestamps, the end of what is timed (see `rtt`).
    pub(crate) first_resent: u32,
}

impl<O: Offset, S> Episode<O, S> {
    /// None yet; `before` is never used.
    pub(crate) fn none(before: S) -> Self {
        Self {
            recover: Seq(0),
            delivered: O::default(),
            sent: O::default(),
            flight: O::default(),
            cwnd: O::default(),
            before,
            first_resent: 0,
        }
    }
}

impl<P: Profile> Endpoint<P> {
    /// What may be outstanding.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn cwnd(&self) -> u32 {
        let window = self.congestion_window();
        if self.bits.has(Bits::BURST_LIMITED) {
            return self.episode.cwnd.wide().min(window);
        }
        window
    }

    /// The same without what only spreads it.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn congestion_window(&self) -> u32 {
        if !self.bits.has(Bits::RECOVERY) || self.congestion.owns_recovery() {
            return self.congestion.cwnd();
        }
        if self.bits.has(Bits::AFTER_RTO) {
            // One segment, and no more than what arrived since, whatever the controller makes of a timeout (TCP-254, TCP-262).
            let most = self.payload_max().saturating_add(self.episode.delivered.wide());
            return self.congestion.cwnd().min(most);
        }
        self.episode.cwnd.wide()
    }

    /// What an acknowledgement means for recovery and for the window.
    pub(crate) fn recover(&mut self, now: Now, ack: Seq, told: &Told<<P::Rate as Rate>::Stamp>) {
        // The acknowledgement that ends an episode does not make the window grow (TCP-291).
        let shrinking = self.bits.has(Bits::RECOVERY) && !self.bits.has(Bits::AFTER_RTO);
        self.undo_if_spurious(now, told);
        if told.duplicate {
            self.losses.duplicated(self.nxt);
        }
        if self.bits.has(Bits::RECOVERY) && ack.at_or_after(self.episode.recover) {
            self.end_recovery(now);
        }
        let found = self.find_losses(now, told);
        let probe = self.judge_probe(now, found.lost);
        let found = if probe { Found { lost: 0, ..found } } else { found };
        self.found_lost(found.lost);
        if found.lost > 0 && !self.bits.has(Bits::RECOVERY) {
            self.begin_recovery(now, Signal::Loss, told.flight_before);
        } else if told.ce_bytes > 0
            && !self.bits.has(Bits::RECOVERY)
            && !shrinking // what ends an episode speaks of what left before the window shrank (TCP-303)
            && told.acked > 0
        {
            let ce_bytes = told.ce_bytes;
            self.begin_recovery(now, Signal::Ecn { ce_bytes }, told.flight_before);
            self.bits.set(Bits::AFTER_MARK);
            self.bits.put(Bits::REDUCED, !self.is_accurate());
        }
        self.reduce(told, found);
        if self.bits.has(Bits::BURST_LIMITED) {
            self.limit_burst(told.delivered);
        }
        self.tell_controller(now, told, found, shrinking);
        self.end_tail_probe(now, ack, told);
        if !self.keeps_timer(told, found.recheck) {
            self.rearm(now, found.recheck);
        }
        self.bits.set(Bits::OUTPUT);
    }

    /// What is left of that where something new is acknowledged, nothing is lost or marked and no episode is under way.
    pub(crate) fn go_on(&mut self, now: Now, told: &Told<<P::Rate as Rate>::Stamp>) {
        if self.bits.has(Bits::BURST_LIMITED) {
            self.limit_burst(told.delivered);
        }
        self.tell_controller(now, told, Found::default(), false);
        self.rearm(now, None);
        self.bits.set(Bits::OUTPUT);
    }

    /// What acknowledges nothing new does not put the timeout off (RFC 6298 §5.3, TCP-404).
    #[cfg_attr(target_os = "none", inline)]
    fn keeps_timer(&self, told: &Told<<P::Rate as Rate>::Stamp>, recheck: Option<u32>) -> bool {
        let armed = self.is_armed(Slot::Rtx)
            && (self.rtx == Rtx::Timeout || self.rtx == Rtx::TailProbe && told.sacked == 0);
        armed && told.acked == 0 && recheck.is_none() && self.wnd() > 0
    }

    #[cfg_attr(target_os = "none", inline)]
    fn find_losses(&mut self, now: Now, told: &Told<<P::Rate as Rate>::Stamp>) -> Found {
        let mss = self.payload_max();
        let sack = self.bits.has(Bits::SACK);
        let recovering = self.bits.has(Bits::RECOVERY);
        let duplicates = if sack {
            clamp(self.board.sacked()).div_ceil(mss)
        } else {
            u32::from(self.duplicates)
        };
        if self.board.starts_at_zero() {
            self.board.clear(); // the peer took back what it said it holds (TCP-273)
        }
        let flight =
            Flight { una: self.una, nxt: self.nxt, board: &self.board, mss, now: now.micros };
        let mut found = self.losses.detect(&flight, told.trips, recovering, duplicates);
        // Only where a loss began the episode: after a mark nothing is missing, after a timeout all is being repeated.
        let fast = recovering && !self.bits.has(Bits::AFTER_RTO.and(Bits::AFTER_MARK));
        let partial = fast && told.acked > 0 && self.una.before(self.episode.recover);
        let marked = self.bits.has(Bits::AFTER_MARK) && duplicates == DUP_THRESH;
        let third = marked || !recovering && duplicates >= DUP_THRESH;
        if !sack && self.una != self.nxt && (partial || third) && self.losses.lost() == 0 {
            found.lost += self.losses.lose_first(&flight, mss);
        }
        found
    }

    /// Something was lost or marked (TCP-251, TCP-290).
    pub(crate) fn begin_recovery(&mut self, now: Now, signal: Signal, flight: u32) {
        let stamp = now.millis().wrapping_add(self.ts_offset);
        // RFC 5681 §3.1: all that is not acknowledged, but for what limited transmit added.
        let size = flight.max(self.nxt - self.una).min(self.congestion.cwnd());
        self.episode = Episode {
            recover: self.nxt,
            delivered: P::Offset::default(),
            sent: P::Offset::default(),
            flight: P::Offset::narrow(flight.max(1)),
            cwnd: P::Offset::narrow(flight),
            before: self.congestion.snapshot(),
            first_resent: stamp,
        };
        self.resent = 0;
        self.trace(Step::Reduced(signal));
        self.congestion.on_congestion(now.instant(), signal, size);
        let old = Bits::AFTER_RTO.and(Bits::AFTER_MARK).and(Bits::TLP_OUT).and(DOUBT);
        self.bits.unset(old.and(Bits::TIMING).and(Bits::BURST_LIMITED));
        self.bits.set(Bits::RECOVERY.and(Bits::OUTPUT).and(Bits::UNDO));
        self.bits.put(Bits::FORCE, signal == Signal::Loss);
    }

    /// The retransmission timer expired (RFC 6298 §5, TCP-254).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn begin_after_timeout(&mut self, now: Now) {
        let doubtful = self.may_doubt();
        let fresh = !self.bits.has(Bits::RECOVERY.and(Bits::AFTER_RTO)) || self.retries <= 1;
        let flight = self.outstanding();
        if fresh {
            self.begin_recovery(now, Signal::Rto, flight);
        } else {
            // Another expiry of the same: the controller was told, and undoing means going back to before the first.
            self.episode.recover = self.nxt;
            self.episode.delivered = P::Offset::default();
        }
        self.board.clear();
        let view = Flight {
            una: self.una,
            nxt: self.nxt,
            board: &self.board,
            mss: self.payload_max(),
            now: now.micros,
        };
        let lost = self.losses.lose_all(&view);
        self.found_lost(lost);
        self.duplicates = 0;
        self.bits.set(Bits::RECOVERY.and(Bits::AFTER_RTO).and(Bits::FORCE).and(Bits::OUTPUT));
        self.bits.unset(DOUBT);
        self.bits.put(Bits::DOUBT_FIRST, doubtful);
    }

    /// Where the episode ends.
    pub(crate) const fn recover_point(&self) -> Seq {
        self.episode.recover
    }

    /// A probe for a loss at the end reaches so far; no episode is under way.
    pub(crate) const fn set_recover_point(&mut self, end: Seq) {
        self.episode.recover = end;
    }

    /// So much of the flight is lost.
    pub(crate) fn found_lost(&mut self, len: u32) {
        self.rate.lost(len);
        if len > 0 {
            self.trace(Step::Lost(len));
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    fn end_recovery(&mut self, now: Now) {
        let shrank = !self.bits.has(Bits::AFTER_RTO) || self.congestion.owns_recovery();
        self.bits.unset(
            Bits::RECOVERY
                .and(Bits::AFTER_RTO)
                .and(Bits::AFTER_MARK)
                .and(Bits::FORCE)
                .and(Bits::UNDO)
                .and(DOUBT),
        );
        self.losses.recovered();
        self.trace(Step::Recovered);
        if shrank {
            self.congestion.on_recovery_end(now.instant());
        }
        self.limit_burst(0);
    }

    /// However far the window has opened, no more leaves at once than was delivered and three segments (TCP-278, TCP-291).
    /// What is paced needs no such limit.
    pub(crate) fn limit_burst(&mut self, delivered: u32) {
        if P::BULK && self.settings.as_ref().pacing || self.bits.has(Bits::RECOVERY) {
            self.bits.unset(Bits::BURST_LIMITED);
            return;
        }
        let burst = BURST_SEGMENTS * self.payload_max();
        let limit = self.outstanding().saturating_add(delivered).saturating_add(burst);
        self.episode.cwnd = P::Offset::narrow(limit);
        self.bits.put(Bits::BURST_LIMITED, limit < self.congestion.cwnd());
    }

    /// Proportional rate reduction (RFC 9937 §6, TCP-290).
    #[cfg_attr(target_os = "none", inline)]
    fn reduce(&mut self, told: &Told<<P::Rate as Rate>::Stamp>, found: Found) {
        if !self.bits.has(Bits::RECOVERY) {
            return;
        }
        if self.bits.has(Bits::AFTER_RTO) {
            let delivered = self.episode.delivered.wide().saturating_add(told.delivered);
            self.episode.delivered = P::Offset::narrow(delivered);
            return;
        }
        let (pipe, ssthresh) = (self.outstanding(), self.congestion.ssthresh());
        let mss = self.payload_max();
        let episode = &mut self.episode;
        let sent = episode.sent.wide();
        let delivered = episode.delivered.wide().saturating_add(told.delivered);
        episode.delivered = P::Offset::narrow(delivered);
        let mut count = if pipe > ssthresh {
            let share = u64::from(delivered) * u64::from(ssthresh);
            let share = share.div_ceil(u64::from(episode.flight.wide()));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(sent)
        } else {
            let mut limit = delivered.saturating_sub(sent).max(told.delivered);
            if told.acked > 0 && found.lost == 0 {
                limit = limit.saturating_add(mss);
            }
            limit.min(ssthresh - pipe)
        };
        if sent == 0 && count == 0 {
            count = mss; // at least one, on entry
        }
        episode.cwnd = P::Offset::narrow(pipe.saturating_add(count));
    }

    /// So much left during the episode.
    #[inline]
    pub(crate) fn recovery_sent(&mut self, len: u32, again: bool) {
        if !self.bits.has(Bits::RECOVERY) {
            return;
        }
        self.episode.sent = P::Offset::narrow(self.episode.sent.wide().saturating_add(len));
        if again {
            self.resent = self.resent.saturating_add(1);
        }
    }

    /// It did not leave after all.
    pub(crate) fn recovery_unsent(&mut self, len: u32, again: bool) {
        if !self.bits.has(Bits::RECOVERY) {
            return;
        }
        self.episode.sent = P::Offset::narrow(self.episode.sent.wide().saturating_sub(len));
        if again {
            self.resent = self.resent.saturating_sub(1);
        }
    }

    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn tell_controller(
        &mut self,
        now: Now,
        told: &Told<<P::Rate as Rate>::Stamp>,
        found: Found,
        shrinking: bool,
    ) {
        let round_start = self.fine.get().is_some_and(|fine| self.una.after(fine.round_end));
        if round_start {
            self.start_round(self.nxt);
        }
        let rate = told
            .newest
            .and_then(|newest| self.rate.sample(newest.stamp, newest.sent, self.min_rtt()));
        let after_rto = self.bits.has(Bits::AFTER_RTO);
        let cwnd = self.congestion.cwnd();
        let slow = cwnd < self.congestion.ssthresh();
        let sample = AckSample {
            now: now.instant(),
            acked: told.acked,
            sacked: told.sacked,
            lost: found.lost,
            flight_before: told.flight_before,
            flight: self.outstanding(),
            rtt: told.rtt,
            min_rtt: self.min_rtt(),
            rate,
            cwnd_limited: self.bits.has(Bits::CWND_LIMITED)
                || (slow && told.flight_before >= cwnd / 2),
            in_recovery: shrinking || self.bits.has(Bits::RECOVERY) && !after_rto,
            after_rto,
            round_start,
            ce_bytes: told.ce_bytes,
        };
        self.congestion.on_ack(&sample);
    }

    /// Whether an echoed timestamp shows that the original arrived (RFC 3522, TCP-295).
    pub(crate) fn predates_resending(&self, echo: Option<u32>) -> bool {
        let Some(echo) = echo.filter(|_| self.bits.has(Bits::TIMESTAMPS)) else { return false };
        echo != 0
            && self.bits.has(Bits::UNDO)
            && self.resent > 0
            && later(self.episode.first_resent, echo)
    }

    /// Everything sent again was for nothing: back to before (TCP-295, TCP-296).
    #[cfg_attr(target_os = "none", inline)]
    fn undo_if_spurious(&mut self, now: Now, told: &Told<<P::Rate as Rate>::Stamp>) {
        if !self.bits.has(Bits::UNDO) || self.resent == 0 {
            return;
        }
        if told.duplicate {
            self.resent -= 1;
        }
        let eifel = told.original && told.acked > 0;
        if !(self.resent == 0 || eifel || self.resolve_doubt(told)) {
            return;
        }
        self.trace(Step::Undone);
        self.congestion.undo(self.episode.before);
        if self.bits.has(Bits::AFTER_RTO)
            && let Some(rtt) = told.rtt
        {
            self.reseed(now, rtt);
        }
        self.losses.unlose();
        self.bits.unset(
            Bits::RECOVERY
                .and(Bits::AFTER_RTO)
                .and(Bits::AFTER_MARK)
                .and(Bits::UNDO)
                .and(Bits::FORCE)
                .and(DOUBT),
        );
        self.limit_burst(told.delivered);
    }

    /// RFC 8985 §7.4 (TCP-286).
    fn end_tail_probe(&mut self, now: Now, ack: Seq, told: &Told<<P::Rate as Rate>::Stamp>) {
        let tail_end = self.episode.recover;
        if !P::Losses::BY_TIME || !self.bits.has(Bits::TLP_OUT) || ack.before(tail_end) {
            return;
        }
        let both = told.duplicate || (ack == tail_end && told.acked == 0);
        if !self.bits.has(Bits::TLP_RESENT) || both {
            self.bits.unset(Bits::TLP_OUT);
        } else if ack.after(tail_end) {
            // Only one copy arrived, so the original was lost: one response, and nothing left to repair.
            self.bits.unset(Bits::TLP_OUT);
            if !self.bits.has(Bits::RECOVERY) {
                self.trace(Step::Reduced(Signal::Loss));
                self.congestion.on_congestion(now.instant(), Signal::Loss, told.flight_before);
                self.congestion.on_recovery_end(now.instant());
            }
        }
    }

    /// For the snapshot of facts: whether the window is being reduced, and up to where.
    pub(crate) fn recovering_to(&self) -> Option<Seq> {
        self.bits.has(Bits::RECOVERY).then_some(self.episode.recover)
    }
}
