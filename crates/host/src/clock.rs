//! Both clocks. The only file of the project that reads one.

use core::time::Duration;
use mainstay_base::Instant;
use std::time::SystemTime;

/// A monotonic clock that stood at `Instant::ZERO` when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "host reads the clock, here")]
    pub(crate) fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }
}

/// The system's wall clock: time since 1970, zero if it stands before.
#[expect(clippy::disallowed_methods, reason = "host reads the clock, here")]
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
