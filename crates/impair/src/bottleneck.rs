//! The bottleneck: one frame after the other at a rate, and the queue before it. Exact: what is left of a
//! microsecond is carried on.

use mainstay_base::Instant;
use std::collections::VecDeque;

/// Bits times this, by bits per second: microseconds.
const MICROS: u128 = 1_000_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Bottleneck {
    /// When the last frame has left it: the microsecond it ends in, and how far into that, in
    /// `1 / rate` of a microsecond.
    free_at: u64,
    remainder: u128,
    /// When each frame in it has left, and its bytes.
    waiting: VecDeque<(Instant, usize)>,
    /// The sum of those bytes.
    backlog: usize,
}

impl Bottleneck {
    /// When the first bit of a frame of `len` bytes would leave that is there now; `None`: the queue is full.
    pub(crate) fn place(&mut self, now: Instant, limit: usize, len: usize) -> Option<Instant> {
        self.leave(now);
        if self.waiting.is_empty() {
            return Some(now);
        }
        let fits = self.backlog.checked_add(len).is_some_and(|sum| sum <= limit);
        fits.then(|| Instant::from_micros(self.free_at).max(now))
    }

    /// Takes a frame that has a place, and says when its last bit has left, rounded up.
    pub(crate) fn take(&mut self, now: Instant, rate: u64, len: usize) -> Instant {
        let (rate, bits) = (u128::from(rate.max(1)), len_wide(len).saturating_mul(8));
        if self.waiting.is_empty() {
            (self.free_at, self.remainder) = (now.as_micros(), 0);
        }
        let parts = bits.saturating_mul(MICROS).saturating_add(self.remainder);
        let whole = u64::try_from(parts / rate).unwrap_or(u64::MAX);
        self.free_at = self.free_at.saturating_add(whole);
        self.remainder = parts % rate;
        let left = Instant::from_micros(self.free_at.saturating_add(u64::from(self.remainder > 0)));
        self.waiting.push_back((left, len));
        self.backlog = self.backlog.saturating_add(len);
        left
    }

    /// The rate is another from now on. What is in it leaves when it was going to.
    pub(crate) fn change(&mut self) {
        self.free_at = self.free_at.saturating_add(u64::from(self.remainder > 0));
        self.remainder = 0;
    }

    /// The bytes that wait, that being sent among them.
    pub(crate) fn backlog(&mut self, now: Instant) -> usize {
        self.leave(now);
        self.backlog
    }

    fn leave(&mut self, now: Instant) {
        while let Some(&(left, len)) = self.waiting.front()
            && left <= now
        {
            self.waiting.pop_front();
            self.backlog = self.backlog.saturating_sub(len);
        }
    }
}

fn len_wide(len: usize) -> u128 {
    u128::try_from(len).unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(at: Instant) -> u64 {
        at.as_micros()
    }

    // Covers TCP-700
    #[test]
    fn a_rate_that_divides_badly_does_not_drift() {
        let mut bottleneck = Bottleneck::default();
        // 1500 bytes at 7 Mbit/s: 1714.2857.. microseconds.
        let mut last = 0;
        for _ in 0..7_000_u32 {
            last = micros(bottleneck.take(Instant::ZERO, 7_000_000, 1500));
        }
        assert_eq!(last, 12_000_000);
    }

    #[test]
    fn an_idle_bottleneck_starts_afresh() {
        let mut bottleneck = Bottleneck::default();
        assert_eq!(micros(bottleneck.take(Instant::ZERO, 3_000_000, 1)), 3);
        assert!(bottleneck.place(Instant::from_micros(10), 0, 1).is_some());
        assert_eq!(micros(bottleneck.take(Instant::from_micros(10), 3_000_000, 1)), 13);
    }

    // Covers TCP-700
    #[test]
    fn the_queue_drops_at_its_tail_and_takes_anything_when_it_is_empty() {
        let mut bottleneck = Bottleneck::default();
        assert!(bottleneck.place(Instant::ZERO, 10, 1500).is_some());
        let left = bottleneck.take(Instant::ZERO, 1_000_000, 1500);
        assert!(bottleneck.place(Instant::ZERO, 1600, 101).is_none());
        assert!(bottleneck.place(Instant::ZERO, 1600, 100).is_some());
        assert_eq!(bottleneck.backlog(Instant::ZERO), 1500);
        assert_eq!(bottleneck.backlog(left), 0);
    }
}
