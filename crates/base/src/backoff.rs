//! Retry delays. Owns the formula of SS-440 and the conceal rule of SS-441; knows no timer.

use crate::Rng;
use core::time::Duration;

/// The numbers of a retry scheme that decide delays (SS-417).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits<'a> {
    /// Milliseconds per attempt; the last repeats. At most 8 entries in a policy.
    pub backoff_ms: &'a [u32],
    /// How many failures are retried before giving up; 65535 never gives up.
    pub conceal: u16,
    /// Jitter in percent of the delay; 0 means 30.
    pub jitter_percent: u8,
}

impl RetryLimits<'_> {
    /// Delay of attempt `n` with the draw `r`: exactly SS-440.
    #[must_use]
    pub fn delay(&self, n: u16, r: u16) -> Duration {
        let base = self.base_ms(n);
        let percent = u64::from(if self.jitter_percent == 0 { 30 } else { self.jitter_percent });
        let jitter = (base * percent * u64::from(r) / 65_536) / 100;
        Duration::from_millis(base + jitter)
    }

    /// The delay of attempt `n` before jitter, in milliseconds.
    #[must_use]
    pub fn base_ms(&self, n: u16) -> u64 {
        let last = self.backoff_ms.len().saturating_sub(1);
        // 3000: SS-440, for an empty table.
        self.backoff_ms.get(usize::from(n).min(last)).map_or(3000, |&ms| u64::from(ms))
    }
}

/// How many attempts of the current series failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    attempts: u16,
}

impl Backoff {
    /// A failure: the wait before the next attempt, or `None` when the series is over (SS-441).
    ///
    /// `limits` is `None` for a streamtype without a scheme: then nothing is concealed.
    pub fn fail(&mut self, limits: Option<&RetryLimits<'_>>, rng: &mut Rng) -> Option<Duration> {
        let n = self.attempts;
        self.attempts = n.saturating_add(1);
        let limits = limits?;
        (limits.conceal == u16::MAX || self.attempts <= limits.conceal)
            .then(|| limits.delay(n, rng.next_u16()))
    }

    /// Success: the next series starts anew.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Failures since the last success.
    #[must_use]
    pub const fn attempts(&self) -> u16 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RetryLimits<'_> =
        RetryLimits { backoff_ms: &[1000, 2000], conceal: 2, jitter_percent: 20 };

    // Covers SS-440, SS-448
    #[test]
    fn the_delay_is_the_formula_and_the_last_entry_repeats() {
        assert_eq!(LIMITS.delay(0, 0), Duration::from_millis(1000));
        assert_eq!(LIMITS.delay(0, 65_535), Duration::from_millis(1199));
        assert_eq!(LIMITS.delay(9, 32_768), Duration::from_millis(2200));
        let bare = RetryLimits { backoff_ms: &[], conceal: 1, jitter_percent: 0 };
        assert_eq!(bare.delay(0, 65_535), Duration::from_millis(3000 + 899));
        let mut backoff = Backoff::default();
        let r = Rng::from_run(3).next_u16();
        assert_eq!(backoff.fail(Some(&LIMITS), &mut Rng::from_run(3)), Some(LIMITS.delay(0, r)));
    }

    // Covers SS-441
    #[test]
    fn conceal_bounds_the_series_and_65535_never_ends() {
        let mut rng = Rng::from_run(1);
        let mut backoff = Backoff::default();
        assert!(backoff.fail(Some(&LIMITS), &mut rng).is_some());
        assert!(backoff.fail(Some(&LIMITS), &mut rng).is_some());
        assert!(backoff.fail(Some(&LIMITS), &mut rng).is_none());
        let endless = RetryLimits { conceal: 65_535, ..LIMITS };
        let mut backoff = Backoff { attempts: u16::MAX };
        assert!(backoff.fail(Some(&endless), &mut rng).is_some());
        assert!(Backoff::default().fail(None, &mut rng).is_none());
    }
}
