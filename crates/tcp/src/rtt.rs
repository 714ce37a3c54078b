//! Round trips and the timeout made of them (RFC 6298, RFC 8961).

use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::extras::Extras as _;
use crate::fine::Finer as _;
use crate::limits::RTO_AFTER_SYN_LOSS;
use crate::losses::Losses as _;
use crate::profile::Profile;
use crate::seq::Seq;
use crate::time::Now;

/// What is known of the round trip; microseconds with three and two more bits, never zero once known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundTrip {
    smoothed: u32,
    variation: u32,
}

impl RoundTrip {
    pub(crate) const UNKNOWN: Self = Self { smoothed: 0, variation: 0 };

    /// The smoothed round trip; `None` before the first sample.
    #[inline]
    pub(crate) const fn smoothed(&self) -> Option<u32> {
        if self.smoothed == 0 { None } else { Some(self.smoothed >> 3) }
    }

    pub(crate) const fn variation(&self) -> u32 {
        self.variation >> 2
    }

    /// How far above the smoothed one a round trip may be and still be no surprise: four variations (RFC 6298 §2).
    pub(crate) const fn variation_bound(&self) -> u32 {
        self.variation
    }

    /// Takes a sample (RFC 6298 §2); `weight` of them come in one round trip (RFC 7323 appendix G, TCP-359).
    fn sample(&mut self, rtt: u32, weight: u32) {
        if self.smoothed == 0 {
            self.smoothed = rtt << 3;
            self.variation = rtt << 1; // half of it, with two more bits
        } else {
            let error = rtt.abs_diff(self.smoothed >> 3);
            // Gains are an eighth and a quarter per round trip.
            let weight = weight.clamp(1, 64);
            if weight == 1 {
                self.variation = step(self.variation, error << 2, 4);
                self.smoothed = step(self.smoothed, rtt << 3, 8);
                return;
            }
            self.variation = step(self.variation, error << 2, 4 * weight);
            self.smoothed = step(self.smoothed, rtt << 3, 8 * weight);
        }
    }
}

/// `value` moves towards `target` by one part in `parts`.
#[inline]
const fn step(value: u32, target: u32, parts: u32) -> u32 {
    let parts = if parts == 0 { 1 } else { parts };
    if target >= value {
        value.saturating_add((target - value) / parts)
    } else {
        value - (value - target) / parts
    }
}

/// Karn's algorithm: one segment at a time is timed, where neither records nor timestamps tell round trips (TCP-402).
/// It works in the memory that timestamps would take (TCP-652).
impl<P: Profile> Endpoint<P> {
    /// Times what has just left, unless something is timed already.
    pub(crate) fn start_timing(&mut self, now: Now) {
        if P::Losses::BY_TIME || self.bits.has(Bits::TIMESTAMPS.and(Bits::TIMING)) {
            return;
        }
        (self.ts_recent, self.episode.first_resent) = (now.micros, self.nxt.0);
        self.bits.set(Bits::TIMING);
    }

    /// The round trip, if `ack` acknowledges what is timed.
    pub(crate) fn timed(&mut self, now: Now, ack: Seq) -> Option<u32> {
        let timing = self.bits.has(Bits::TIMING) && !self.bits.has(Bits::TIMESTAMPS);
        if !timing || ack.before(Seq(self.episode.first_resent)) {
            return None;
        }
        self.bits.unset(Bits::TIMING);
        Some(now.micros.wrapping_sub(self.ts_recent).max(1))
    }
}

impl<P: Profile> Endpoint<P> {
    /// Takes a round trip, one of `weight` in a window.
    pub(crate) fn sample(&mut self, now: Now, rtt: u32, weight: u32) {
        let rtt = rtt.clamp(1, 1 << 27); // two minutes
        self.trip.sample(rtt, weight);
        if let Some(fine) = self.fine.get_mut() {
            fine.sample(now.seconds(), rtt);
        }
    }

    /// Starts over from one sample: what was known before misled (RFC 4015).
    pub(crate) fn reseed(&mut self, now: Now, rtt: u32) {
        self.trip = RoundTrip::UNKNOWN;
        self.sample(now, rtt, 1);
    }

    /// The smallest round trip of late; `u32::MAX` while unknown, or where nobody needs it.
    #[inline]
    pub(crate) fn min_rtt(&self) -> u32 {
        self.fine.get().map_or(u32::MAX, |fine| fine.least)
    }

    /// A round of the congestion controller begins; it ends when `end` is acknowledged.
    pub(crate) fn start_round(&mut self, end: Seq) {
        if let Some(fine) = self.fine.get_mut() {
            fine.round_end = end;
        }
    }

    /// The first round begins, and nothing was sent before it.
    pub(crate) fn start_sending(&mut self, now: Now) {
        self.start_round(self.nxt);
        self.sent_at = now.micros;
        self.fine.set_pace_at(now.micros);
        if let Some(extra) = self.extra.get_mut() {
            extra.establish(now);
        }
    }

    /// The timeout without backoff, in microseconds (TCP-400).
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn rto(&self) -> u32 {
        let settings = self.settings.as_ref();
        let min = millis(settings.rto_min).saturating_add(self.peer_latency());
        let max = millis(settings.rto_max);
        let Some(smoothed) = self.trip.smoothed() else { return self.rto_initial() };
        let granularity = 1 << P::TICK_SHIFT;
        smoothed.saturating_add(self.trip.variation.max(granularity)).max(min).min(max.max(min))
    }

    /// Longer once a SYN had to be repeated: the path may be (RFC 6298 §5.7, TCP-403).
    fn rto_initial(&self) -> u32 {
        let lost = self.state.is_synchronized() && self.bits.has(Bits::SYN_REPEATED);
        let least = if lost { RTO_AFTER_SYN_LOSS } else { 0 };
        millis(self.settings.as_ref().rto_initial).max(least).saturating_add(self.peer_latency())
    }

    /// The timeout doubled for every expiry, up to its largest (TCP-405).
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn rto_backed_off(&self) -> u32 {
        let rto = self.rto();
        let max = millis(self.settings.as_ref().rto_max).max(self.peer_latency());
        if P::BULK && self.retries == 0 {
            return rto.min(max);
        }
        let doubled = u64::from(rto) << self.retries.min(20);
        u32::try_from(doubled).unwrap_or(u32::MAX).min(max)
    }
}

/// Milliseconds as microseconds.
pub(crate) const fn millis(millis: u32) -> u32 {
    millis.saturating_mul(1000)
}
