//! Deadlines: five at most, each with a kind where it has several meanings (TCP-406).

use crate::bits::{ARMED, Bits};
use crate::endpoint::Endpoint;
use crate::limits::ACK_DELAY_MAX;
use crate::profile::Profile;
use crate::time::{Now, later};
use crate::trace::Step;
use core::time::Duration;
use mainstay_base::Instant;

/// A deadline of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Slot {
    Ack = 0,
    Rtx = 1,
    Watch = 2,
    User = 3,
    Pace = 4,
}

/// What the retransmission deadline means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rtx {
    /// Nothing came back (RFC 6298).
    #[default]
    Timeout,
    /// Something at the end may be lost (RFC 8985 §7).
    TailProbe,
    /// What may only be reordered is lost (RFC 8985 §6).
    Reordering,
    /// The window is closed (RFC 9293 §3.8.6.1).
    Persist,
}

/// What the deadline for the rest means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watch {
    /// A silent peer is probed.
    #[default]
    Keepalive,
    /// The peer does not finish.
    FinWait2,
    /// Old segments are gone.
    TimeWait,
    /// The handshake takes too long.
    Handshake,
}

/// One armed deadline (TCP-425).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timer {
    /// An acknowledgement waits.
    Acknowledge,
    /// See there.
    Retransmit(Rtx),
    /// See there.
    Watch(Watch),
    /// The next segment waits for its time.
    Pace,
    /// Nothing was acknowledged for too long.
    UserTimeout,
}

impl Slot {
    pub(crate) const ALL: [Self; 5] = [Self::Ack, Self::Rtx, Self::Watch, Self::User, Self::Pace];

    /// Whether the profile has a place for it.
    pub(crate) const fn is_kept<P: Profile>(self) -> bool {
        size_of::<P::Slots>() > self as usize * size_of::<u32>()
    }

    const fn armed(self) -> Bits {
        match self {
            Self::Ack => Bits::ARMED_ACK,
            Self::Rtx => Bits::ARMED_RTX,
            Self::Watch => Bits::ARMED_WATCH,
            Self::Pace => Bits::ARMED_PACE,
            Self::User => Bits::ARMED_USER,
        }
    }
}

impl<P: Profile> Endpoint<P> {
    /// Sets a deadline `micros` from now, at least one and at most half a round of the clock so that it lies ahead; a profile
    /// without that slot ignores it.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn arm(&mut self, slot: Slot, now: Now, micros: u64) {
        if let Some(place) = self.slots.as_mut().get_mut(slot as usize) {
            let micros = micros.max(1);
            // Half a round of the coarser clocks is longer than anybody waits.
            let most = TICKS_MAX << P::TICK_SHIFT;
            let micros = if P::TICK_SHIFT < COARSE { micros.min(most) } else { micros };
            *place = now.tick_after(P::TICK_SHIFT, micros);
            self.bits.set(slot.armed());
            self.trace(Step::Armed { timer: self.timer(slot), micros });
        }
    }

    #[inline]
    pub(crate) fn disarm(&mut self, slot: Slot) {
        if self.bits.take(slot.armed()) {
            self.trace(Step::Stopped(self.timer(slot)));
        }
    }

    /// Clears all of them.
    pub(crate) fn disarm_all(&mut self) {
        for slot in Slot::ALL {
            self.disarm(slot);
        }
    }

    /// The deadline has come.
    #[inline]
    pub(crate) fn expire(&mut self, slot: Slot) {
        self.bits.unset(slot.armed());
        self.trace(Step::Due(self.timer(slot)));
    }

    #[inline]
    pub(crate) fn is_armed(&self, slot: Slot) -> bool {
        self.bits.has(slot.armed())
    }

    /// Whether the deadline is set and has come.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn is_due(&self, slot: Slot, now: Now) -> bool {
        self.is_armed(slot) && !later(self.tick_of(slot), now.tick(P::TICK_SHIFT))
    }

    /// Whether it is due; then it has expired.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn take_due(&mut self, slot: Slot, now: Now) -> bool {
        let due = self.is_due(slot, now);
        if due {
            self.expire(slot);
        }
        due
    }

    fn tick_of(&self, slot: Slot) -> u32 {
        self.slots.as_ref().get(slot as usize).copied().unwrap_or(0)
    }

    /// Microseconds until a deadline that is set; zero if it has come.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn remaining(&self, slot: Slot, now: Now) -> u64 {
        let ticks = self.tick_of(slot).wrapping_sub(now.tick(P::TICK_SHIFT));
        if ticks & (1 << 31) != 0 { 0 } else { u64::from(ticks) << P::TICK_SHIFT }
    }

    /// The moment of a deadline that is set.
    pub(crate) fn moment(&self, slot: Slot, now: Now) -> Instant {
        let ticks = self.tick_of(slot).wrapping_sub(now.tick(P::TICK_SHIFT));
        moment(now, P::TICK_SHIFT, if ticks & (1 << 31) != 0 { 0 } else { ticks })
    }

    /// The earliest deadline, as late as it may be where nothing else is to be done before (TCP-408).
    #[inline]
    pub(crate) fn next_deadline(&self, now: Now) -> Option<Instant> {
        if !self.bits.has(ARMED) {
            return None;
        }
        if self.slack() == 0 {
            return self.first_deadline(now);
        }
        let armed = Slot::ALL.into_iter().filter(|slot| self.is_armed(*slot));
        armed.map(|slot| self.moment(slot, now) + self.slack_of(slot)).min()
    }

    /// The earliest deadline without slack: what is due when the device is awake anyway.
    pub(crate) fn first_deadline(&self, now: Now) -> Option<Instant> {
        if !self.bits.has(ARMED) {
            return None;
        }
        let (mut armed, base) = (self.bits.armed(), now.tick(P::TICK_SHIFT));
        let (slots, mut first) = (self.slots.as_ref(), u32::MAX);
        while armed != 0 {
            let tick = slots.get(armed.trailing_zeros() as usize).copied().unwrap_or(base);
            // One that has passed counts as if its tick were this one.
            let ahead = if later(base, tick) { 0 } else { tick.wrapping_sub(base) };
            first = first.min(ahead);
            armed &= armed - 1; // the lowest is done
        }
        Some(moment(now, P::TICK_SHIFT, first))
    }

    /// Acknowledgements, keepalive and window probes may be late, but no acknowledgement so late that it is against the
    /// standard (TCP-410).
    #[inline]
    fn slack_of(&self, slot: Slot) -> Duration {
        let slack = self.slack();
        if slack == 0 {
            return Duration::ZERO;
        }
        let held = self.bits.has(Bits::HELD);
        let may = match slot {
            Slot::Ack if !held => ACK_DELAY_MAX.saturating_sub(self.ack_delay()),
            Slot::Rtx if self.rtx == Rtx::Persist => slack,
            Slot::Watch if self.watch == Watch::Keepalive => slack,
            Slot::Ack | Slot::Rtx | Slot::Watch | Slot::Pace | Slot::User => 0,
        };
        Duration::from_micros(slack.min(may).into())
    }

    /// Each deadline that is set, with its meaning (TCP-425).
    pub(crate) fn armed_timers(&self, now: Now) -> impl Iterator<Item = (Timer, Instant)> {
        let armed = Slot::ALL.into_iter().filter(|slot| self.is_armed(*slot));
        armed.map(move |slot| (self.timer(slot), self.moment(slot, now)))
    }

    /// What a deadline means now.
    #[inline]
    pub(crate) const fn timer(&self, slot: Slot) -> Timer {
        match slot {
            Slot::Ack => Timer::Acknowledge,
            Slot::Rtx => Timer::Retransmit(self.rtx),
            Slot::Watch => Timer::Watch(self.watch),
            Slot::Pace => Timer::Pace,
            Slot::User => Timer::UserTimeout,
        }
    }
}

/// Ticks of a millisecond. chosen: those of profiles for small devices
const COARSE: u32 = 10;

/// The furthest that a deadline lies ahead: what is compared by the sign of a difference. Four hours in the finest ticks.
const TICKS_MAX: u64 = (1 << 31) - 2;

/// So many ticks from the present one; in that one it is now.
fn moment(now: Now, shift: u32, ticks: u32) -> Instant {
    if ticks == 0 {
        return now.instant();
    }
    let tick = (now.instant().as_micros() >> shift) + u64::from(ticks);
    Instant::from_micros(tick << shift)
}
