//! The wall clock certificates and tickets are judged by. Owned by `system`, written by the driver.

use core::fmt;
use core::sync::atomic::{AtomicI64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// A settable cell with the wall time. Clones share the cell.
///
/// It does not run by itself: whoever drives writes the time before sessions are fed (LAY-251).
/// While unknown no certificate is judged and the session fails with `Local::NoTime`.
#[derive(Clone)]
pub struct WallClock(Arc<AtomicI64>);

/// The cell's value when nobody knows the time.
const UNKNOWN: i64 = i64::MIN;

impl WallClock {
    /// A clock at `seconds` since 1970, or one that knows nothing yet.
    #[must_use]
    pub fn new(seconds: Option<u64>) -> Self {
        let clock = Self(Arc::new(AtomicI64::new(UNKNOWN)));
        clock.set(seconds);
        clock
    }

    /// Sets the time in seconds since 1970; `None` when it is not known (any more).
    ///
    /// Sessions that are up live on whatever the step (LAY-252).
    pub fn set(&self, seconds: Option<u64>) {
        self.0.store(seconds.map_or(UNKNOWN, cell), Ordering::Relaxed);
    }

    /// Sets a time that is only the least it can be: build time, or the last one persisted.
    ///
    /// Certificates are judged by it, but a beginning of validity after it is not held against
    /// them (LAY-251, mode `floor`).
    pub fn set_floor(&self, seconds: u64) {
        self.0.store(-1 - cell(seconds), Ordering::Relaxed);
    }

    /// Seconds since 1970, if known; the floor counts.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN => None,
            value if value < 0 => u64::try_from(-1 - value).ok(),
            value => u64::try_from(value).ok(),
        }
    }

    /// Whether the time is only a floor.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        (UNKNOWN + 1..0).contains(&self.0.load(Ordering::Relaxed))
    }
}

/// Saturates: a clock beyond the year 292 277 026 596 is as good as that year.
fn cell(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX - 1)
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WallClock").field(&self.seconds()).finish()
    }
}

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        self.seconds().map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers LAY-251
    #[test]
    fn a_clock_is_unknown_known_or_a_floor() {
        let clock = WallClock::new(None);
        assert_eq!((clock.seconds(), clock.is_floor()), (None, false));
        clock.set(Some(0));
        assert_eq!((clock.seconds(), clock.is_floor()), (Some(0), false));
        clock.set_floor(0);
        assert_eq!((clock.seconds(), clock.is_floor()), (Some(0), true));
        clock.clone().set(Some(u64::MAX));
        assert_eq!((clock.seconds(), clock.is_floor()), (Some(i64::MAX as u64 - 1), false));
        clock.set(None);
        assert_eq!(clock.seconds(), None);
    }
}
