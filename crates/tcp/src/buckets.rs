//! How many answers to strangers leave the whole engine (TCP-510, TCP-512). What one connection may answer is its own.

use core::time::Duration;
use mainstay_base::{Instant, Rng};

/// Challenge acknowledgements of all connections in a second, on average. chosen: as Linux
pub const CHALLENGES_PER_SECOND: u32 = 1000;
/// Resets in a second on a host (TCP-512). chosen: the specification's
pub const RESETS_PER_SECOND: u32 = 100;
/// Resets in a second on a small device (TCP-512). chosen: the specification's
pub const RESETS_PER_SECOND_TINY: u32 = 5;

/// Challenge acknowledgements (TCP-510). How many there are is drawn anew each second, so that nobody can count how many
/// others used up (CVE-2016-5696).
#[derive(Clone, Debug)]
pub struct ChallengeBucket {
    limit: u32,
    left: u32,
    /// When the next draw is due.
    until: Instant,
}

impl ChallengeBucket {
    /// A bucket of `limit` a second on average, of half as many to half more in each.
    #[must_use]
    pub const fn new(limit: u32) -> Self {
        Self { limit, left: 0, until: Instant::ZERO }
    }

    /// Whether one more may leave.
    #[cfg_attr(target_os = "none", inline)]
    pub fn take(&mut self, now: Instant, rng: &mut Rng) -> bool {
        if now >= self.until {
            let half = self.limit / 2;
            let extra = rng.below(u64::from(half) * 2 + 1);
            self.left = (self.limit - half).saturating_add(u32::try_from(extra).unwrap_or(0));
            self.until = now + Duration::from_secs(1);
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

/// Resets to those who have no connection (TCP-512).
#[derive(Clone, Debug)]
pub struct ResetBucket {
    rate: u32,
    /// In microseconds times `rate`: one reset costs [`COST`].
    credit: u64,
    seen: Instant,
}

/// One second. chosen: the rate is of a second
const COST: u64 = 1_000_000;

impl ResetBucket {
    /// A full bucket of `rate` a second and as many at once; with 0, none at all (`stealth`).
    #[must_use]
    pub const fn new(rate: u32) -> Self {
        Self { rate, credit: rate as u64 * COST, seen: Instant::ZERO }
    }

    /// Whether one more may leave.
    #[cfg_attr(target_os = "none", inline)]
    pub fn take(&mut self, now: Instant) -> bool {
        let rate = u64::from(self.rate);
        let passed = now.as_micros().saturating_sub(self.seen.as_micros()).min(COST);
        self.credit = (self.credit + passed * rate).min(rate * COST);
        self.seen = self.seen.max(now);
        let left = self.credit.checked_sub(COST);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mut take: impl FnMut() -> bool) -> u32 {
        let mut count = 0;
        while take() {
            count += 1;
        }
        count
    }

    // Covers TCP-510
    #[test]
    fn the_size_of_the_bucket_is_another_each_second_within_half() {
        let (mut bucket, mut rng) = (ChallengeBucket::new(100), Rng::from_run(5));
        let mut sizes = [0_u32; 400];
        for (second, size) in (0_u64..).zip(&mut sizes) {
            *size = drain(|| bucket.take(Instant::from_millis(second * 1000), &mut rng));
            assert!(!bucket.take(Instant::from_millis(second * 1000 + 999), &mut rng));
        }
        assert!(sizes.iter().all(|size| (50..=150).contains(size)));
        assert!(sizes.iter().any(|size| *size < 60) && sizes.iter().any(|size| *size > 140));
        assert!((90 * 400..110 * 400).contains(&sizes.iter().sum::<u32>()));
        assert!(sizes.windows(2).filter(|pair| pair[0] == pair[1]).count() < 30);
    }

    #[test]
    fn a_bucket_of_none_gives_none_and_one_of_one_gives_one() {
        let mut rng = Rng::from_run(5);
        let mut none = ChallengeBucket::new(0);
        assert!(!none.take(Instant::ZERO, &mut rng));
        let mut one = ChallengeBucket::new(1);
        assert_eq!(drain(|| one.take(Instant::ZERO, &mut rng)), 1);
    }

    // Covers TCP-512
    #[test]
    fn resets_are_as_many_as_the_rate_and_none_when_stealthy() {
        let mut bucket = ResetBucket::new(RESETS_PER_SECOND_TINY);
        assert_eq!(drain(|| bucket.take(Instant::ZERO)), 5);
        assert_eq!(drain(|| bucket.take(Instant::from_millis(199))), 0);
        assert_eq!(drain(|| bucket.take(Instant::from_millis(200))), 1);
        assert_eq!(drain(|| bucket.take(Instant::from_millis(1000))), 4);
        assert_eq!(drain(|| bucket.take(Instant::from_millis(900_000))), 5);
        assert!(!bucket.take(Instant::ZERO));
        assert!(!ResetBucket::new(0).take(Instant::from_millis(9000)));
    }
}
