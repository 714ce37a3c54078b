//! The stream's timers: one entry each. Owns when; what follows is the stream's affair.

use core::time::Duration;
use mainstay_base::Instant;

/// Which timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// End of a back-off, or of the pause before a repetition (SS-443, SS-142).
    Retry,
    /// What the application started (SS-220).
    Application,
    /// The connection has lived long enough to count as good.
    Settled,
    /// Nothing came of a response that is due or incomplete (SS-509).
    Silence,
    /// A tx handler that had nothing to send asked to be asked again.
    Offer,
}

impl Timer {
    const ALL: [Self; 5] =
        [Self::Retry, Self::Application, Self::Settled, Self::Silence, Self::Offer];
}

/// Not armed: the end of time. A quarter of the size of an `Option` per timer saved.
const NEVER: Instant = Instant::from_micros(u64::MAX);

/// All timers of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timers([Instant; Timer::ALL.len()]);

impl Timers {
    pub(crate) const fn new() -> Self {
        Self([NEVER; Timer::ALL.len()])
    }

    /// Arms `timer` to end `wait` after `now`, never at once.
    pub(crate) fn arm(&mut self, timer: Timer, now: Instant, wait: Duration) {
        self.0[timer as usize] = now + wait.max(crate::limits::WAIT_MIN);
    }

    pub(crate) const fn disarm(&mut self, timer: Timer) {
        self.0[timer as usize] = NEVER;
    }

    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        self.0[timer as usize] != NEVER
    }

    /// The next one that is over, disarmed.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().find(|&timer| self.0[timer as usize] <= now)?;
        self.disarm(timer);
        Some(timer)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.into_iter().min().filter(|&at| at != NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timer_ends_once_and_none_ends_at_once() {
        let mut timers = Timers::new();
        assert_eq!(timers.next(), None);
        timers.arm(Timer::Retry, Instant::ZERO, Duration::ZERO);
        timers.arm(Timer::Silence, Instant::ZERO, Duration::from_secs(1));
        assert_eq!(timers.expire(Instant::ZERO), None);
        let at = timers.next().unwrap();
        assert_eq!(timers.expire(at), Some(Timer::Retry));
        assert_eq!(timers.expire(at), None);
        assert!(timers.is_armed(Timer::Silence) && !timers.is_armed(Timer::Retry));
    }
}
