//! Two secrets that take turns, and the comparison that does not tell how far it came (TCP-364, TCP-530, TCP-546).

use crate::prf::Secret;
use core::time::Duration;
use mainstay_base::{Instant, Rng};

/// The secret in use and the one before it.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    newest: Secret,
    older: Secret,
    since: Instant,
    interval: Duration,
}

impl Rotation {
    /// Secrets of which each is the newest for `interval`.
    pub(crate) fn new(now: Instant, interval: Duration, rng: &mut Rng) -> Self {
        Self { newest: draw(rng), older: draw(rng), since: now, interval }
    }

    /// Draws a new secret if it is time; two, if it is so late that the newest would have had two turns.
    pub(crate) fn refresh(&mut self, now: Instant, rng: &mut Rng) {
        let age = now.since(self.since);
        if age < self.interval {
            return;
        }
        if age >= self.interval.saturating_mul(2) {
            self.newest = draw(rng);
        }
        self.older = core::mem::replace(&mut self.newest, draw(rng));
        self.since = now;
    }

    pub(crate) const fn newest(&self) -> &Secret {
        &self.newest
    }

    pub(crate) const fn older(&self) -> &Secret {
        &self.older
    }

    /// How long the newest has been in use.
    pub(crate) const fn age(&self, now: Instant) -> Duration {
        now.since(self.since)
    }
}

fn draw(rng: &mut Rng) -> Secret {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    Secret::new(bytes)
}

/// Whether two strings are equal, in a time that depends on their lengths only (TCP-546).
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let differing = differing(one.iter().zip(other));
    one.len() == other.len() && core::hint::black_box(differing) == 0
}

/// The bits in which any two differ; looks at all of them.
fn differing<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> u8 {
    pairs.fold(0, |bits, (a, b)| core::hint::black_box(bits | (a ^ b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prf::{Prf as _, SipHash};

    fn marks(rotation: &Rotation) -> (u64, u64) {
        (SipHash::hash(rotation.newest(), &[]), SipHash::hash(rotation.older(), &[]))
    }

    // Covers TCP-364
    #[test]
    fn the_newest_becomes_the_older_and_after_two_intervals_neither_is_left() {
        let mut rng = Rng::from_run(1);
        let hour = Duration::from_secs(3600);
        let mut rotation = Rotation::new(Instant::ZERO, hour, &mut rng);
        let (first, before) = marks(&rotation);
        assert_ne!(first, before);
        rotation.refresh(Instant::from_millis(3_599_999), &mut rng);
        assert_eq!(marks(&rotation), (first, before));
        rotation.refresh(Instant::from_millis(3_600_000), &mut rng);
        let (second, older) = marks(&rotation);
        assert_eq!(older, first);
        assert_ne!(second, first);
        rotation.refresh(Instant::from_millis(3_600_000 * 3), &mut rng);
        let (third, older) = marks(&rotation);
        assert!(![first, second].contains(&third) && ![first, second].contains(&older));
    }

    // Covers TCP-546
    #[test]
    fn a_comparison_takes_as_many_steps_wherever_the_difference_is() {
        let steps = |other: &[u8; 8]| {
            let mut count = 0;
            let bits = differing([7; 8].iter().zip(other).inspect(|_| count += 1));
            (count, bits != 0)
        };
        assert_eq!(steps(&[7; 8]), (8, false));
        for place in 0..8 {
            let mut other = [7; 8];
            other[place] ^= 1 << place;
            assert_eq!(steps(&other), (8, true));
        }
    }

    #[test]
    fn strings_are_the_same_in_all_bytes_or_not() {
        assert!(same(b"cookie", b"cookie"));
        for n in 0..6 {
            let mut other = *b"cookie";
            other[n] ^= 1;
            assert!(!same(b"cookie", &other));
        }
        assert!(!same(b"cookie", b"cooki"));
        assert!(!same(b"", b"c"));
    }
}
