//! A bucket of tokens: how many messages of a kind may leave.

use core::time::Duration;
use mainstay_base::Instant;

/// How many at once, and how soon one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many may leave at once after a silence.
    pub burst: u32,
    /// One more each such while; zero: no limit.
    pub interval: Duration,
}

/// Remembers when the bucket would be full again, and nothing else: a refusal changes nothing (L5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    full_at: Instant,
}

impl Bucket {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, full_at: Instant::ZERO }
    }

    /// Whether one may leave now.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        let depth = self.rate.interval.saturating_mul(self.rate.burst);
        self.rate.burst > 0 && self.full_at.since(now) + self.rate.interval <= depth
    }

    /// Takes one out; says whether there was one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if !self.is_open(now) {
            return false;
        }
        self.full_at = self.full_at.max(now) + self.rate.interval;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, millis: u64) -> usize {
        (0..100).filter(|_| bucket.take(Instant::from_millis(millis))).count()
    }

    #[test]
    fn a_burst_leaves_at_once_and_then_one_per_interval() {
        let rate = Rate { burst: 5, interval: Duration::from_millis(100) };
        let mut bucket = Bucket::new(rate);
        assert_eq!(taken(&mut bucket, 0), 5);
        assert_eq!(taken(&mut bucket, 99), 0);
        assert_eq!(taken(&mut bucket, 100), 1);
        assert_eq!(taken(&mut bucket, 350), 2);
        assert_eq!(taken(&mut bucket, 100_000), 5);
    }

    #[test]
    fn no_burst_is_never_and_no_interval_is_always() {
        let mut never = Bucket::new(Rate { burst: 0, interval: Duration::ZERO });
        assert_eq!(taken(&mut never, 0), 0);
        let mut always = Bucket::new(Rate { burst: 1, interval: Duration::ZERO });
        assert_eq!(taken(&mut always, 0), 100);
    }
}
