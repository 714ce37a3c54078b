//! What is done when a deadline comes (sections 2.8, 2.10, 2.12 and 5 of the specification).

use crate::bits::Bits;
use crate::congestion::{CongestionControl as _, Signal};
use crate::endpoint::{Address as _, Endpoint};
use crate::event::{Disconnected, Soft, State};
use crate::extras::Extras as _;
use crate::limits::{MSS_DEFAULT_V4, MSS_DEFAULT_V6, TLP_ACK_DELAY};
use crate::losses::{Flight, Losses, Trips};
use crate::profile::Profile;
use crate::scoreboard::Sacked;
use crate::time::Now;
use crate::timers::{Rtx, Slot, Watch};

/// When the application and the IP layer are told that something is amiss (R1). RFC 9293 §3.8.3
const R1: u8 = 3;
/// Timeouts in a row that make smaller segments worth a try (TCP-179). chosen: the specification's
const BLACK_HOLE_TIMEOUTS: u8 = 2;
/// After so many coarse seconds of 2^20 microseconds larger ones are tried again. RFC 8201 §4: ten minutes
const RESTORE_SECONDS: u16 = 572;
/// The longest that repeating is measured, in seconds. chosen: what the 16 bits of its clock can say
const REPEATING_MAX: u32 = 60_000;

impl<P: Profile> Endpoint<P> {
    /// Runs what is due, in the order of TCP-086; `true` if the peer is to be told by a reset that it is over.
    pub(crate) fn handle_timeout(&mut self, now: Now) -> bool {
        let mut reset = false;
        if self.take_due(Slot::Ack, now) {
            self.bits.unset(Bits::HELD);
            let owed = self.unacknowledged() > 0;
            self.bits.put(Bits::OVERRIDE, self.backlog() > 0);
            self.bits.set(Bits::OUTPUT);
            if owed {
                self.bits.set(Bits::ACK_NOW);
            }
        }
        if self.take_due(Slot::Rtx, now) {
            reset = self.retransmission_due(now);
        }
        if self.take_due(Slot::Watch, now) {
            reset |= self.rest_due(now);
        }
        if Slot::Pace.is_kept::<P>() && self.take_due(Slot::Pace, now) {
            self.bits.set(Bits::OUTPUT);
        }
        if Slot::User.is_kept::<P>() && self.take_due(Slot::User, now) {
            reset |= self.state.is_synchronized();
            self.terminate(Disconnected::TimedOut);
        }
        reset
    }

    /// `true` if a reset is due.
    #[cfg_attr(target_os = "none", inline)]
    fn retransmission_due(&mut self, now: Now) -> bool {
        let synchronized = self.state.is_synchronized();
        match self.rtx {
            Rtx::Timeout => self.timed_out(now),
            Rtx::TailProbe => {
                self.bits.set(Bits::SEND_TLP.and(Bits::OUTPUT));
            }
            Rtx::Reordering if P::Losses::BY_TIME => self.reordering_due(now),
            Rtx::Reordering => {} // never armed
            Rtx::Persist => {
                if self.is_unanswered(now) {
                    self.terminate(Disconnected::TimedOut);
                } else {
                    self.retries = self.retries.saturating_add(1);
                    self.bits.set(Bits::SEND_PROBE.and(Bits::OUTPUT));
                }
            }
        }
        synchronized && self.state == State::Closed && self.user_timeout().is_some()
    }

    /// Probing a closed window goes on for ever while there are answers, and no longer than repeating data without
    /// (TCP-160, TCP-164).
    #[cfg_attr(target_os = "none", inline)]
    fn is_unanswered(&mut self, now: Now) -> bool {
        if self.bits.take(Bits::HEARD) || self.retries == 0 {
            self.repeating_since = now.seconds();
        }
        self.is_given_up(now, self.settings.as_ref().data_limit)
    }

    /// RFC 6298 §5.4 to §5.7, RFC 9293 §3.8.3 (TCP-164, TCP-254).
    #[cfg_attr(target_os = "none", inline)]
    fn timed_out(&mut self, now: Now) {
        let handshake = matches!(self.state, State::SynSent | State::SynReceived);
        // Beyond a window that shrank nothing can be expected of a peer that answers (SHLD-17).
        let beyond = self.nxt.after(self.una + self.wnd()) && self.bits.take(Bits::HEARD);
        if (self.retries == 0 || beyond) && !handshake {
            self.repeating_since = now.seconds();
        }
        self.retries = self.retries.saturating_add(1);
        let settings = self.settings.as_ref();
        let limit = if handshake { settings.syn_limit } else { settings.data_limit };
        if self.is_given_up(now, limit) {
            self.terminate(Disconnected::TimedOut);
            return;
        }
        if self.retries >= R1 {
            self.soft = Some(Soft::Retransmitting);
            self.bits.set(Bits::TELL_SOFT);
        }
        if handshake {
            self.bits.set(Bits::SEND_SYN.and(Bits::SYN_REPEATED).and(Bits::OUTPUT));
            self.bits.unset(Bits::TIMING);
            return;
        }
        self.give_up_probe();
        if self.retries >= BLACK_HOLE_TIMEOUTS {
            self.suspect_black_hole(now);
        }
        self.bits.unset(Bits::TIMING.and(Bits::TLP_OUT).and(Bits::SEND_TLP));
        self.begin_after_timeout(now);
    }

    /// Full segments get no answer: perhaps they are too big and nobody says so (RFC 4821 §7.7, TCP-179).
    #[cfg_attr(target_os = "none", inline)]
    fn suspect_black_hole(&mut self, now: Now) {
        let v4 = self.peer.is_v4();
        let floor = if v4 { MSS_DEFAULT_V4 } else { MSS_DEFAULT_V6 };
        if self.mss > floor && self.nxt - self.una > u32::from(floor) {
            self.path_is_below(self.mss);
            self.set_mss(now, (self.mss / 2).max(floor));
        }
    }

    /// The path takes only so much; after a while more is tried again (TCP-178).
    pub(crate) fn set_mss(&mut self, now: Now, mss: u16) {
        self.mss = mss;
        self.hints.shrunk_at = now.seconds();
        self.congestion.set_mss(self.payload_max());
    }

    /// Whether it is time to try what was agreed on.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn restore_mss(&mut self, now: Now) {
        let passed = now.seconds().wrapping_sub(self.hints.shrunk_at);
        if self.mss < self.hints.mss_full && passed > RESTORE_SECONDS && !self.search_again() {
            self.set_mss(now, self.hints.mss_full);
        }
    }

    /// How long nothing may be acknowledged, in milliseconds, as set here or asked for by the peer (TCP-374, TCP-424).
    pub(crate) fn user_timeout(&self) -> Option<u32> {
        let settings = self.settings.as_ref();
        let own = settings.user_timeout;
        if self.hints.peer_timeout == 0 {
            return own;
        }
        Some(own.unwrap_or(settings.data_limit).max(u32::from(self.hints.peer_timeout) * 1000))
    }

    /// Whether it was repeated for so many milliseconds (R2). A user timeout takes that limit's place for all but the
    /// handshake; where there is no deadline for it, here.
    fn is_given_up(&self, now: Now, limit: u32) -> bool {
        let limit = match self.user_timeout().filter(|_| self.state.is_synchronized()) {
            Some(_) if Slot::User.is_kept::<P>() => return false,
            own => own.unwrap_or(limit),
        };
        // Coarse seconds are longer than seconds; one more makes sure that it is never too early.
        let passed = now.seconds().wrapping_sub(self.repeating_since);
        u32::from(passed) > limit.div_ceil(1000).min(REPEATING_MAX)
    }

    /// What may only have been reordered is lost (TCP-284).
    fn reordering_due(&mut self, now: Now) {
        let trips = Trips {
            min: self.min_rtt(),
            smoothed: self.trip.smoothed().unwrap_or(u32::MAX),
            original: false,
        };
        let recovering = self.bits.has(Bits::RECOVERY);
        let mss = self.payload_max();
        let before = self.outstanding();
        let flight =
            Flight { una: self.una, nxt: self.nxt, board: &self.board, mss, now: now.micros };
        let duplicates = u32::try_from(self.board.sacked()).unwrap_or(u32::MAX).div_ceil(mss);
        let found = self.losses.detect(&flight, trips, recovering, duplicates);
        let lost = if self.judge_probe(now, found.lost) { 0 } else { found.lost };
        self.found_lost(lost);
        if lost > 0 && !recovering {
            self.begin_recovery(now, Signal::Loss, before);
        }
        self.bits.set(Bits::OUTPUT);
        self.rearm(now, found.recheck);
    }

    /// `true` if a reset is due.
    #[cfg_attr(target_os = "none", inline)]
    fn rest_due(&mut self, now: Now) -> bool {
        match self.watch {
            Watch::Keepalive => return self.keepalive_due(now),
            Watch::FinWait2 | Watch::TimeWait => self.terminate(Disconnected::Normal),
            Watch::Handshake => {
                self.terminate(Disconnected::TimedOut);
                // Nobody was told of it, so nobody need be told that it is gone.
                if self.settings.as_ref().recycle_half_open && !self.bits.has(Bits::EARLY) {
                    self.bits.unset(Bits::TELL_END);
                    self.ended = None;
                }
                return false;
            }
        }
        false
    }

    /// RFC 9293 §3.8.4 (TCP-171, TCP-172).
    #[cfg_attr(target_os = "none", inline)]
    fn keepalive_due(&mut self, now: Now) -> bool {
        let Some(keepalive) = self.settings.as_ref().keepalive else { return false };
        if self.probes >= keepalive.count {
            self.terminate(Disconnected::TimedOut);
            return true;
        }
        if self.una == self.nxt {
            self.probes += 1;
            self.bits.set(Bits::SEND_PROBE.and(Bits::OUTPUT));
        }
        self.arm(Slot::Watch, now, u64::from(keepalive.interval) * 1_000_000);
        false
    }

    /// The peer was heard, or the connection has begun (TCP-105).
    pub(crate) fn arm_keepalive(&mut self, now: Now) {
        if let Some(keepalive) = self.settings.as_ref().keepalive
            && self.state.is_synchronized()
            && self.state != State::TimeWait
        {
            self.watch = Watch::Keepalive;
            self.arm(Slot::Watch, now, u64::from(keepalive.idle) * 1_000_000);
        }
    }

    pub(crate) fn arm_user_timeout(&mut self, now: Now) {
        if Slot::User.is_kept::<P>()
            && let Some(limit) = self.user_timeout()
        {
            self.arm(Slot::User, now, u64::from(limit) * 1000);
        }
    }

    /// The retransmission deadline for what is in flight now (TCP-284, TCP-285, TCP-404).
    pub(crate) fn rearm(&mut self, now: Now, recheck: Option<u32>) {
        if self.una == self.nxt {
            if !(self.is_armed(Slot::Rtx) && self.rtx == Rtx::Persist) {
                self.disarm(Slot::Rtx);
            }
            return;
        }
        if matches!(self.state, State::SynSent | State::SynReceived | State::Closed) {
            return;
        }
        if self.wnd() == 0 {
            self.arm_persist(now);
            return;
        }
        let (kind, wait) = if let Some(recheck) = recheck {
            (Rtx::Reordering, recheck.max(1))
        } else {
            let rto = self.rto_backed_off();
            let probe = self.may_probe_tail();
            if probe { (Rtx::TailProbe, self.tail_wait().min(rto)) } else { (Rtx::Timeout, rto) }
        };
        self.rtx = kind;
        self.arm(Slot::Rtx, now, u64::from(wait));
    }

    /// RFC 8985 §7.2.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn may_probe_tail(&self) -> bool {
        P::Losses::BY_TIME
            && self.bits.has(Bits::SACK)
            && !self.bits.has(Bits::RECOVERY.and(Bits::TLP_OUT).and(Bits::SEND_TLP))
            && self.retries == 0
            && self.board.is_empty()
    }

    /// RFC 8985 §7.2: two round trips, and the peer's delay if only one segment is out.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn tail_wait(&self) -> u32 {
        let Some(smoothed) = self.trip.smoothed() else { return 1_000_000 };
        let single = self.nxt - self.una <= self.payload_max();
        // A peer that sleeps may do so whatever is in flight.
        let delay = if single { TLP_ACK_DELAY } else { 0 };
        let delay = delay + self.peer_latency();
        smoothed.saturating_mul(2).saturating_add(delay).max(1000)
    }

    /// The window is closed: ask again, less and less often (RFC 9293 §3.8.6.1, TCP-160, TCP-163).
    pub(crate) fn arm_persist(&mut self, now: Now) {
        if self.is_armed(Slot::Rtx) && self.rtx == Rtx::Persist {
            return;
        }
        if !self.bits.has(Bits::PERSISTING) {
            self.bits.set(Bits::PERSISTING);
            self.retries = 0;
            self.repeating_since = now.seconds();
        }
        self.rtx = Rtx::Persist;
        let max = crate::rtt::millis(self.settings.as_ref().persist_max);
        self.arm(Slot::Rtx, now, u64::from(self.rto_backed_off().min(max)));
        if !self.is_armed(Slot::User) {
            self.arm_user_timeout(now);
        }
    }

    /// After an acknowledgement: a window that opens ends the probing at once (TCP-161).
    pub(crate) fn window_moved(&mut self, now: Now) {
        let closed = self.wnd() == 0;
        if let Some(extra) = self.extra.get_mut() {
            extra.note_window(now, closed);
        }
        if self.wnd() > 0 && self.bits.take(Bits::PERSISTING) {
            // What was in flight when it closed found no room, if a timeout has passed since. Before that nobody knows, and
            // a window that flutters must not make us send it all each time.
            let asked = core::mem::take(&mut self.retries) > 0;
            if self.rtx == Rtx::Persist {
                self.disarm(Slot::Rtx);
            }
            if self.una != self.nxt && !asked {
                self.rearm(now, None);
            } else if self.una != self.nxt {
                let flight = Flight {
                    una: self.una,
                    nxt: self.nxt,
                    board: &self.board,
                    mss: self.payload_max(),
                    now: now.micros,
                };
                self.losses.lose_all(&flight);
                self.bits.set(Bits::FORCE);
            }
            self.limit_burst(0);
        }
        self.bits.set(Bits::OUTPUT);
    }
}
