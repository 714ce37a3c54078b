//! How fast the path delivers (draft-ietf-ccwg-bbr, delivery rate samples): for controllers that want to know.

use crate::congestion::RateSample;
use crate::time::later;
use core::fmt::Debug;

/// Measures the rate of delivery, or nothing.
pub trait Rate: Default + Debug {
    /// What is remembered of each transmission.
    type Stamp: Copy + Default + Debug;

    /// Something leaves; `flight` includes it.
    fn stamp(&mut self, now: u32, flight: u32, idle: bool) -> Self::Stamp;

    /// Bytes were delivered, in or out of sequence.
    fn delivered(&mut self, now: u32, bytes: u32);

    /// Bytes were lost.
    fn lost(&mut self, bytes: u32);

    /// Less was sent than the window allowed; `flight` is outstanding.
    fn app_limited(&mut self, flight: u32);

    /// What the newest delivered transmission says.
    fn sample(&mut self, stamp: Self::Stamp, sent: u32, min_rtt: u32) -> Option<RateSample>;
}

impl Rate for () {
    type Stamp = ();

    #[inline]
    fn stamp(&mut self, _now: u32, _flight: u32, _idle: bool) {}

    #[inline]
    fn delivered(&mut self, _now: u32, _bytes: u32) {}

    #[inline]
    fn lost(&mut self, _bytes: u32) {}

    #[inline]
    fn app_limited(&mut self, _flight: u32) {}

    #[inline]
    fn sample(&mut self, (): (), _sent: u32, _min_rtt: u32) -> Option<RateSample> {
        None
    }
}

/// The connection's part of the samples. All counts are modulo 2^32, all times microseconds modulo 2^32.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryRate {
    delivered: u32,
    delivered_at: u32,
    first_sent: u32,
    lost: u32,
    /// Until so much is delivered the application is what holds back; 0 for never.
    limited_until: u32,
}

/// What was so when a transmission left.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateStamp {
    delivered: u32,
    delivered_at: u32,
    first_sent: u32,
    flight: u32,
    lost: u32,
    limited: bool,
}

impl Rate for DeliveryRate {
    type Stamp = RateStamp;

    fn stamp(&mut self, now: u32, flight: u32, idle: bool) -> RateStamp {
        if idle {
            (self.first_sent, self.delivered_at) = (now, now);
        }
        RateStamp {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent: self.first_sent,
            flight,
            lost: self.lost,
            limited: self.limited_until != 0,
        }
    }

    fn delivered(&mut self, now: u32, bytes: u32) {
        self.delivered = self.delivered.wrapping_add(bytes);
        self.delivered_at = now;
        let left = self.limited_until.wrapping_sub(self.delivered);
        if self.limited_until != 0 && left & (1 << 31) != 0 {
            self.limited_until = 0;
        }
    }

    fn lost(&mut self, bytes: u32) {
        self.lost = self.lost.wrapping_add(bytes);
    }

    fn app_limited(&mut self, flight: u32) {
        self.limited_until = self.delivered.wrapping_add(flight).max(1);
    }

    fn sample(&mut self, stamp: RateStamp, sent: u32, min_rtt: u32) -> Option<RateSample> {
        // Records keep their time more coarsely than this does, so what leaves after silence seems to have left before it.
        let sending =
            if later(stamp.first_sent, sent) { 0 } else { sent.wrapping_sub(stamp.first_sent) };
        let acknowledging = self.delivered_at.wrapping_sub(stamp.delivered_at);
        self.first_sent = sent;
        let interval_micros = sending.max(acknowledging);
        if interval_micros == 0 || (min_rtt != u32::MAX && interval_micros < min_rtt) {
            return None; // compressed beyond what a path can do
        }
        Some(RateSample {
            delivered: self.delivered.wrapping_sub(stamp.delivered),
            interval_micros,
            app_limited: stamp.limited,
            flight_at_send: stamp.flight,
            lost: self.lost.wrapping_sub(stamp.lost),
            delivered_total: self.delivered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_after_silence_is_not_measured_from_the_next_round_of_the_clock() {
        let mut rate = DeliveryRate::default();
        let stamp = rate.stamp(100_005, 1000, true);
        rate.delivered(100_905, 1000);
        let sample = rate.sample(stamp, 100_000, 800).unwrap();
        assert_eq!((sample.interval_micros, sample.delivered), (900, 1000));
    }
}
