//! Which frames are lost, and the state that bursts and counts need from frame to frame.

use crate::impairment::{Loss, PER_MILLION};
use crate::limits::STEPS_MAX;
use mainstay_base::Rng;

/// Whether something with this chance happens. Draws only where the answer is open.
pub(crate) fn happens(rng: &mut Rng, per_million: u32) -> bool {
    match per_million {
        0 => false,
        PER_MILLION.. => true,
        share => rng.below(u64::from(PER_MILLION)) < u64::from(share),
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Losses {
    /// Gilbert-Elliott: in the bad state.
    is_bad: bool,
    /// Segments that passed since the last that was due to be lost. Below zero: more were lost than were due.
    passed: i64,
}

impl Losses {
    /// Whether a frame of `count` segments is lost, all or nothing. In the long run the share of segments lost is
    /// that of the loss, whatever the count.
    pub(crate) fn judge(&mut self, loss: Loss, rng: &mut Rng, count: u32) -> bool {
        match loss {
            Loss::None | Loss::EveryNth(0) => false,
            Loss::Random { per_million } => happens(rng, per_million),
            Loss::Burst {
                enter_per_million: enter,
                leave_per_million: leave,
                good_per_million: good,
                bad_per_million: bad,
            } => {
                for _ in 0..count.min(STEPS_MAX) {
                    let change = if self.is_bad { leave } else { enter };
                    self.is_bad ^= happens(rng, change);
                }
                happens(rng, if self.is_bad { bad } else { good })
            }
            Loss::EveryNth(n) => {
                let (n, count) = (i64::from(n), i64::from(count));
                self.passed = self.passed.saturating_add(count);
                let lost = self.passed >= n;
                if lost {
                    self.passed = self.passed.saturating_sub(n.saturating_mul(count));
                }
                lost
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(loss: Loss, count: u32, frames: u32) -> Vec<bool> {
        let (mut losses, mut rng) = (Losses::default(), Rng::from_run(3));
        (0..frames).map(|_| losses.judge(loss, &mut rng, count)).collect()
    }

    fn number(of: &[bool]) -> usize {
        of.iter().filter(|&&lost| lost).count()
    }

    // Covers TCP-700
    #[test]
    fn every_nth_is_exactly_every_nth() {
        let found: Vec<usize> = lost(Loss::EveryNth(10), 1, 100)
            .into_iter()
            .enumerate()
            .filter_map(|(index, lost)| lost.then_some(index))
            .collect();
        assert_eq!(found, [9, 19, 29, 39, 49, 59, 69, 79, 89, 99]);
        assert_eq!(number(&lost(Loss::EveryNth(0), 1, 100)), 0);
        assert_eq!(number(&lost(Loss::EveryNth(1), 1, 100)), 100);
    }

    #[test]
    fn frames_of_many_segments_lose_the_same_share() {
        // 45 segments each: one frame of a hundred, not one segment in every third frame.
        assert_eq!(number(&lost(Loss::EveryNth(100), 45, 10_000)), 100);
    }

    // Covers TCP-700
    #[test]
    fn random_loss_has_its_share() {
        let count = number(&lost(Loss::Random { per_million: 100_000 }, 1, 100_000));
        assert!((9_700..=10_300).contains(&count), "{count}");
        assert_eq!(number(&lost(Loss::Random { per_million: PER_MILLION }, 1, 100)), 100);
        assert_eq!(number(&lost(Loss::Random { per_million: 0 }, 1, 100)), 0);
    }

    // Covers TCP-700
    #[test]
    fn bursts_have_their_length_and_their_share() {
        // Bad one time of ten, ten frames long on average, all of them lost.
        let loss = Loss::Burst {
            enter_per_million: 11_111,
            leave_per_million: 100_000,
            good_per_million: 0,
            bad_per_million: PER_MILLION,
        };
        let all = lost(loss, 1, 200_000);
        let count = number(&all);
        assert!((18_000..=22_000).contains(&count), "{count}");
        let bursts = all.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert!((9..=11).contains(&(count / bursts)), "{count} in {bursts}");
    }
}
