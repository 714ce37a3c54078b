//! How often a connection answers what it does not accept (RFC 5961 §7, TCP-510, TCP-511).

use crate::time::{Now, low16 as low};

/// Between two allowed answers, in microseconds (TCP-510).
const REFILL_MICROS: u32 = 500_000; // chosen: the specification's
/// So many at once (TCP-510).
const BURST: u16 = 2; // chosen: the specification's

/// A bucket of answers, as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// In units of 2^13 microseconds, modulo 2^16; 0 while nothing was answered. A time too far ahead to be one of ours is
    /// a time long past.
    full_at: u16,
}

const SHIFT: u32 = 13;

impl Allowance {
    /// Whether one more answer may be given now.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn take(&mut self, now: Now) -> bool {
        const STEP: u16 = low(REFILL_MICROS >> SHIFT);
        let tick = low(now.tick(SHIFT));
        let behind = if self.full_at == 0 { 0 } else { self.full_at.wrapping_sub(tick) };
        let behind = if behind > STEP * BURST { 0 } else { behind };
        if behind > STEP * (BURST - 1) {
            return false;
        }
        self.full_at = tick.wrapping_add(behind + STEP).max(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_base::Instant;

    // Covers TCP-510
    #[test]
    fn two_answers_at_once_and_then_two_a_second() {
        let mut allowance = Allowance::default();
        let at = |millis| Now::new(Instant::from_millis(millis));
        let given = |allowance: &mut Allowance, from: u64, to: u64| {
            (from..to).filter(|millis| allowance.take(at(*millis))).count()
        };
        assert_eq!(given(&mut allowance, 0, 400), 2);
        assert_eq!(given(&mut allowance, 400, 10_400), 20);
        assert_eq!(given(&mut allowance, 100_000, 100_001), 1);
    }
}
