//! Round trips and the timeout made of them (RFC 6298, RFC 8961).

use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::limits::{MIN_RTT_SECONDS, RTO_AFTER_SYN_LOSS};
use crate::profile::Profile;
use crate::time::Now;

/// What is known of the round trip; microseconds, the smoothed ones with three and two more bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundTrip {
    smoothed: u32,
    variation: u32,
    /// The smallest of late; `u32::MAX` while unknown.
    pub(crate) min: u32,
    /// When that was, in coarse seconds.
    min_at: u32,
}

impl RoundTrip {
    pub(crate) const UNKNOWN: Self = Self { smoothed: 0, variation: 0, min: u32::MAX, min_at: 0 };

    /// The smoothed round trip; `None` before the first sample.
    #[inline]
    pub(crate) const fn smoothed(&self) -> Option<u32> {
        if self.min == u32::MAX { None } else { Some(self.smoothed >> 3) }
    }

    pub(crate) const fn variation(&self) -> u32 {
        self.variation >> 2
    }

    /// Takes a sample (RFC 6298 §2); `weight` of them come in one round trip (RFC 7323 appendix G, TCP-359).
    pub(crate) fn sample(&mut self, now: Now, rtt: u32, weight: u32) {
        let rtt = rtt.clamp(1, 1 << 27); // two minutes
        if self.min == u32::MAX {
            self.smoothed = rtt << 3;
            self.variation = rtt << 1; // half of it, with two more bits
        } else {
            let error = rtt.abs_diff(self.smoothed >> 3);
            // Gains are an eighth and a quarter per round trip.
            let weight = weight.clamp(1, 64);
            self.variation = step(self.variation, error << 2, 4 * weight);
            self.smoothed = step(self.smoothed, rtt << 3, 8 * weight);
        }
        let seconds = now.seconds();
        if rtt <= self.min || seconds.wrapping_sub(self.min_at) > MIN_RTT_SECONDS {
            (self.min, self.min_at) = (rtt, seconds);
        }
    }

    /// Starts over from one sample: what was known before misled (RFC 4015).
    pub(crate) fn reseed(&mut self, now: Now, rtt: u32) {
        let min = self.min;
        *self = Self::UNKNOWN;
        self.sample(now, rtt, 1);
        self.min = min.min(rtt);
    }
}

/// `value` moves towards `target` by one part in `parts`.
const fn step(value: u32, target: u32, parts: u32) -> u32 {
    if target >= value {
        value.saturating_add((target - value) / parts)
    } else {
        value - (value - target) / parts
    }
}

impl<P: Profile> Endpoint<P> {
    /// The timeout without backoff, in microseconds (TCP-400).
    pub(crate) fn rto(&self) -> u32 {
        let settings = self.settings.as_ref();
        let (min, max) = (millis(settings.rto_min), millis(settings.rto_max));
        let Some(smoothed) = self.trip.smoothed() else {
            let lost = self.bits.has(Bits::SYN_REPEATED) && self.state.is_synchronized();
            let least = if lost { RTO_AFTER_SYN_LOSS } else { 0 };
            return self.rto_initial().max(least);
        };
        let granularity = 1 << P::TICK_SHIFT;
        smoothed.saturating_add(self.trip.variation.max(granularity)).max(min).min(max.max(min))
    }

    fn rto_initial(&self) -> u32 {
        millis(self.settings.as_ref().rto_initial)
    }

    /// The timeout doubled for every expiry, up to its largest (TCP-405).
    pub(crate) fn rto_backed_off(&self) -> u32 {
        let doubled = u64::from(self.rto()) << self.retries.min(20);
        let max = millis(self.settings.as_ref().rto_max);
        u32::try_from(doubled).unwrap_or(u32::MAX).min(max)
    }
}

/// Milliseconds as microseconds.
pub(crate) const fn millis(millis: u32) -> u32 {
    millis.saturating_mul(1000)
}
