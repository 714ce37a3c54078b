//! The retry series of a stream: when the next attempt comes, and when it counts as won (SS-140 to
//! SS-145, SS-440 to SS-444). Owns the counter; the timer is the stream's.
//!
//! The series escalates also against a server that accepts and drops: CONNECTED alone proves
//! nothing, so the counter is reset only when payload came or was acknowledged, a transaction
//! completed, the pool says the connection is good, or it has lived a validity interval.

use crate::limits::{RETRY_AFTER_MAX, SETTLED};
use core::time::Duration;
use mainstay_base::{Backoff, RetryLimits, Rng};
use mainstay_policy::Streamtype;
use mainstay_policy::model::Retry;

/// What was asked for while it could not begin at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// By a tx request: POLL comes first.
    Poll,
    /// By an explicit connect: CONNECTING comes at once, the counter begins anew.
    Connect,
}

/// What the end of a connection asks for, decided when the application has heard of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) next: Next,
    /// Least wait the server imposed, in milliseconds (SS-442).
    pub(crate) least_ms: u32,
}

/// What comes after an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing (SS-141: complete, or opportunistic).
    #[default]
    Idle,
    /// The retry policy.
    Retry,
    /// The same transaction again (SS-142).
    Repeat,
}

/// Attempts since the last success.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Series(Backoff);

impl Series {
    /// A failure: the wait, at least `least`, or `None` when the series is over (SS-441, SS-442).
    pub(crate) fn fail(
        &mut self,
        streamtype: &Streamtype,
        least: Duration,
        rng: &mut Rng,
    ) -> Option<Duration> {
        let limits = streamtype.retry.as_deref().map(limits);
        self.0.fail(limits.as_ref(), rng).map(|wait| wait.max(least))
    }

    /// Success, or an explicit connect: the next series begins at its first step.
    pub(crate) const fn reset(&mut self) {
        self.0.reset();
    }

    pub(crate) const fn attempts(&self) -> u16 {
        self.0.attempts()
    }
}

/// The pause before a transaction is repeated: the first delay of the policy (SS-142).
pub(crate) fn pause(streamtype: &Streamtype, rng: &mut Rng) -> Duration {
    let bare = RetryLimits { backoff_ms: &[], conceal: 0, jitter_percent: 0 };
    streamtype.retry.as_deref().map_or(bare, limits).delay(0, rng.next_u16())
}

/// How long a connection must live to count as good.
pub(crate) fn settled(streamtype: &Streamtype) -> Duration {
    match streamtype.retry.as_deref() {
        Some(retry) if retry.valid_hangup_s > 0 => Duration::from_secs(retry.valid_hangup_s.into()),
        Some(_) | None => SETTLED,
    }
}

/// A server's wish as the least wait, in milliseconds.
pub(crate) fn least_ms(wish: Duration) -> u32 {
    u32::try_from(wish.min(RETRY_AFTER_MAX).as_millis()).unwrap_or(u32::MAX)
}

fn limits(retry: &Retry) -> RetryLimits<'_> {
    RetryLimits {
        backoff_ms: &retry.backoff_ms,
        conceal: retry.conceal,
        jitter_percent: retry.jitter_percent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn streamtype(conceal: u16) -> Streamtype {
        let retry = Retry { backoff_ms: vec![1000, 2000], conceal, ..Retry::default() };
        Streamtype { retry: Some(Arc::new(retry)), ..Streamtype::default() }
    }

    // Covers SS-442
    #[test]
    fn a_server_can_lengthen_the_wait_and_not_shorten_it() {
        let (streamtype, mut rng) = (streamtype(9), Rng::from_run(1));
        let mut series = Series::default();
        let long = Duration::from_secs(60);
        assert_eq!(series.fail(&streamtype, long, &mut rng), Some(long));
        let wait = series.fail(&streamtype, Duration::from_millis(1), &mut rng).unwrap();
        assert!(wait >= Duration::from_secs(2), "{wait:?}");
        assert_eq!(least_ms(Duration::MAX), 86_400_000);
    }

    // Covers SS-142
    #[test]
    fn a_repetition_waits_the_first_delay() {
        let first = pause(&streamtype(0), &mut Rng::from_run(1));
        assert!((1000..1300).contains(&first.as_millis()), "{first:?}");
        let bare = pause(&Streamtype::default(), &mut Rng::from_run(1));
        assert!((3000..3900).contains(&bare.as_millis()), "{bare:?}");
    }
}
