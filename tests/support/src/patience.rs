//! Waiting for something to become true: short looks until a deadline, and never a plain sleep.

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

/// How long anything here waits for a peer. measured: the slowest of them, squid, is ready after 0.1 s on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// chosen: short against every peer's start, long against the cost of one look.
const LOOK: Duration = Duration::from_millis(5);

/// A moment after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "peers live in real time; no machine runs here")]
    pub fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    /// Whether it has passed.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "peers live in real time; no machine runs here")]
    pub fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Looks until `done` says yes; false if `wait` passed before that.
#[must_use]
pub fn wait_until(wait: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Deadline::after(wait);
    loop {
        if done() {
            return true;
        }
        if deadline.is_over() {
            return false;
        }
        sleep(LOOK);
    }
}
