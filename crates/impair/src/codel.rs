//! `CoDel` (RFC 8289 §5), run when a frame comes in: its wait is known then, because those before it are.
//! Time here is when the frame would leave, so the law sees what it would see at the queue's other end.

use crate::impairment::Codel;
use core::time::Duration;
use mainstay_base::Instant;

/// Fixed point of the square root.
const SCALE: u64 = 1024;

/// Intervals within which a round is soon after another. RFC 8289 §5.5
const SOON: u32 = 16;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Law {
    /// When the wait will have been too long for a whole interval.
    too_long_at: Option<Instant>,
    /// Whether frames go.
    dropping: bool,
    /// When the next one goes, or would have gone.
    next: Instant,
    /// Frames dropped or marked in this round.
    count: u64,
    /// What that was when the round began.
    last_count: u64,
}

impl Law {
    /// Whether the frame that leaves at `leaves` after a wait of `wait` is to be dropped, or marked.
    pub(crate) fn judge(&mut self, codel: Codel, leaves: Instant, wait: Duration) -> bool {
        if wait < codel.target {
            (self.too_long_at, self.dropping) = (None, false);
            return false;
        }
        let too_long_at = *self.too_long_at.get_or_insert(leaves + codel.interval);
        if leaves < too_long_at || self.dropping && leaves < self.next {
            return false;
        }
        if self.dropping {
            self.count = self.count.saturating_add(1);
            self.next += spacing(codel.interval, self.count);
        } else {
            // A round soon after the last one goes on where that was.
            let added = self.count.saturating_sub(self.last_count);
            let soon = leaves.since(self.next) < codel.interval.saturating_mul(SOON);
            self.count = if added > 1 && soon { added } else { 1 };
            self.last_count = self.count;
            self.next = leaves + spacing(codel.interval, self.count);
            self.dropping = true;
        }
        true
    }
}

/// The interval by the square root of the count.
fn spacing(interval: Duration, count: u64) -> Duration {
    let root = count.saturating_mul(SCALE * SCALE).isqrt().max(1);
    let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros.saturating_mul(SCALE) / root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When frames go, one a millisecond, each after such a wait.
    fn gone(wait: u64, frames: u64) -> Vec<u64> {
        let mut law = Law::default();
        let judge = |at: &u64| {
            law.judge(Codel::default(), Instant::from_millis(*at), Duration::from_millis(wait))
        };
        (0..frames).filter(judge).collect()
    }

    // Covers TCP-700
    #[test]
    fn codel_waits_an_interval_and_then_goes_faster() {
        assert_eq!(gone(4, 1000), []);
        // 100 ms, then after 100 / sqrt(1), 100 / sqrt(2), ..
        assert_eq!(gone(6, 500), [100, 200, 271, 329, 379, 424, 465]);
    }

    #[test]
    fn a_short_wait_ends_it() {
        let mut law = Law::default();
        let long = Duration::from_millis(50);
        for at in 0..100 {
            assert!(!law.judge(Codel::default(), Instant::from_millis(at), long));
        }
        let at = Instant::from_millis(100);
        assert!(!law.judge(Codel::default(), at, Duration::from_millis(1)));
        assert!(!law.judge(Codel::default(), at, long));
    }
}
