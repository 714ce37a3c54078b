//! Waking the loop from another thread, for one system call per turn at most.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};
use std::io;
use std::sync::Arc;

/// The application has something.
const APPLICATION: u8 = 1;
/// The resolver's thread has an answer.
const RESOLVER: u8 = 2;

/// Wakes a driver from any thread. Cheap to clone; outlives the driver harmlessly.
#[derive(Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

struct Shared {
    reasons: AtomicU8,
    poll: mio::Waker,
}

/// Who woke the loop since the last turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Woken {
    pub(crate) application: bool,
    pub(crate) resolver: bool,
}

impl Waker {
    pub(crate) fn new(poll: &mio::Poll, token: mio::Token) -> io::Result<Self> {
        let poll = mio::Waker::new(poll.registry(), token)?;
        Ok(Self { shared: Arc::new(Shared { reasons: AtomicU8::new(0), poll }) })
    }

    /// Makes the driver call `Machine::woken` soon. Only the first wake of a turn costs a system
    /// call, the others one atomic operation.
    pub fn wake(&self) {
        self.wake_for(APPLICATION);
    }

    pub(crate) fn wake_resolver(&self) {
        self.wake_for(RESOLVER);
    }

    /// True if that took a system call: no wake was on its way yet.
    fn wake_for(&self, reason: u8) -> bool {
        let first = self.shared.reasons.fetch_or(reason, Ordering::AcqRel) == 0;
        if first {
            // Fails only when the descriptor was closed by others.
            let _gone = self.shared.poll.wake();
        }
        first
    }

    /// Takes the reasons. Must come before looking at what the wakers left, or a wake is lost.
    pub(crate) fn take(&self) -> Woken {
        let reasons = self.shared.reasons.swap(0, Ordering::AcqRel);
        Woken { application: reasons & APPLICATION != 0, resolver: reasons & RESOLVER != 0 }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_wake_of_a_turn_costs_a_system_call() {
        let poll = mio::Poll::new().unwrap();
        let waker = Waker::new(&poll, mio::Token(0)).unwrap();
        assert!(waker.wake_for(APPLICATION));
        assert!(!waker.wake_for(APPLICATION));
        assert!(!waker.clone().wake_for(RESOLVER));
        assert_eq!(waker.take(), Woken { application: true, resolver: true });
        assert!(waker.wake_for(RESOLVER));
        assert_eq!(waker.take(), Woken { application: false, resolver: true });
    }
}
