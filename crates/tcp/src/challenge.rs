//! How often a connection answers what it does not accept (RFC 5961 §7, TCP-510, TCP-511).

use crate::time::Now;

/// Between two allowed answers, in microseconds (TCP-510).
const REFILL_MICROS: u32 = 500_000; // chosen: the specification's
/// So many at once (TCP-510).
const BURST: u32 = 2; // chosen: the specification's

/// A bucket of answers, as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// In units of 2^13 microseconds, so that it wraps after more than a year.
    full_at: u32,
    used: bool,
}

const SHIFT: u32 = 13;

impl Allowance {
    /// Whether one more answer may be given now.
    pub(crate) fn take(&mut self, now: Now) -> bool {
        const STEP: u32 = REFILL_MICROS >> SHIFT;
        let tick = now.tick(SHIFT);
        let behind = if self.used { self.full_at.wrapping_sub(tick) } else { 0 };
        let behind = if behind & (1 << 31) != 0 { 0 } else { behind };
        if behind > STEP * (BURST - 1) {
            return false;
        }
        (self.full_at, self.used) = (tick.wrapping_add(behind + STEP), true);
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
