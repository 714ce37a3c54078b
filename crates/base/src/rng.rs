//! Randomness as a value: seeded once by the driver, forked for each machine that needs its own.

#[cfg(any(test, target_os = "none"))]
mod small;

#[cfg(not(target_os = "none"))]
use rand_chacha::ChaCha12Rng as Stream;
#[cfg(not(target_os = "none"))]
use rand_chacha::rand_core::Rng as _;
use rand_chacha::rand_core::SeedableRng as _;
#[cfg(target_os = "none")]
use small::Small as Stream;

/// A seeded `ChaCha12` stream. Ports, ids, masks, nonces and jitter come from here.
///
/// Why not the system's generator: a run must replay from its seed (L1), and why not a faster one:
/// an attacker who sees some outputs must not guess the next.
#[derive(Clone)]
pub struct Rng(Stream);

impl core::fmt::Debug for Rng {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Rng(..)") // what it holds is secret
    }
}

impl Rng {
    /// A stream from 32 bytes of the driver's entropy.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(Stream::from_seed(seed))
    }

    /// A stream for a test or a simulated run, from its printed seed.
    #[must_use]
    pub fn from_run(seed: u64) -> Self {
        Self(Stream::seed_from_u64(seed))
    }

    /// An independent stream for a child machine.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        Self::new(seed)
    }

    /// The next 16 bits.
    pub fn next_u16(&mut self) -> u16 {
        let [a, b, ..] = self.0.next_u32().to_le_bytes();
        u16::from_le_bytes([a, b])
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0. Biased by at most `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_replays_from_its_seed_and_a_fork_is_independent() {
        let (mut one, mut two) = (Rng::from_run(7), Rng::from_run(7));
        assert_eq!(one.next_u64(), two.next_u64());
        let mut child = one.fork();
        assert_ne!(child.next_u64(), one.next_u64());
        assert_eq!(two.fork().next_u64(), Rng::from_run(7).tap().next_u64());
    }

    impl Rng {
        fn tap(mut self) -> Self {
            self.next_u64();
            self.fork()
        }
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::from_run(1);
        assert!((0..1000).all(|_| rng.below(10) < 10));
        assert_eq!(rng.below(0), 0);
    }
}
