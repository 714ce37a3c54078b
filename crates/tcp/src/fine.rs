//! What only profiles with a fine clock and records keep of a connection; the smallest profile has none of it (TCP-652).

use crate::limits::MIN_RTT_SECONDS;
use crate::seq::Seq;
use core::fmt::Debug;

/// [`Fine`], [`Rounds`], or nothing at all.
pub trait Finer: Copy + Default + Debug {
    /// What there is of rounds.
    fn get(&self) -> Option<&Rounds>;

    /// The same, to change it.
    fn get_mut(&mut self) -> Option<&mut Rounds>;

    /// When the next paced segment may leave, in microseconds.
    fn pace_at(&self) -> Option<u32>;

    /// Sets that, where it is kept.
    fn set_pace_at(&mut self, micros: u32);

    /// Segments and super-segments that left again; for people. It saturates.
    fn resent(&self) -> u32;

    /// One more has.
    fn count_resent(&mut self);
}

/// For profiles that send as soon as they may.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// The smallest round trip of late, in microseconds; `u32::MAX` while unknown.
    pub(crate) least: u32,
    /// Where the round of a congestion controller ends.
    pub(crate) round_end: Seq,
    /// What the probe for a loss at the end reached (TCP-286).
    pub(crate) tail_end: Seq,
    /// When the smallest round trip was, in coarse seconds.
    least_at: u16,
    /// See there.
    resent: u16,
}

/// For those that may spread what they send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fine {
    rounds: Rounds,
    pace_at: u32,
    resent: u32,
}

impl Default for Rounds {
    fn default() -> Self {
        let none = Seq(0);
        Self { least: u32::MAX, round_end: none, tail_end: none, least_at: 0, resent: 0 }
    }
}

impl Rounds {
    /// Takes a round trip (TCP-287).
    pub(crate) const fn sample(&mut self, seconds: u16, rtt: u32) {
        if rtt <= self.least || seconds.wrapping_sub(self.least_at) > MIN_RTT_SECONDS {
            (self.least, self.least_at) = (rtt, seconds);
        }
    }
}

impl Finer for Fine {
    #[inline]
    fn get(&self) -> Option<&Rounds> {
        Some(&self.rounds)
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Rounds> {
        Some(&mut self.rounds)
    }

    #[inline]
    fn pace_at(&self) -> Option<u32> {
        Some(self.pace_at)
    }

    #[inline]
    fn set_pace_at(&mut self, micros: u32) {
        self.pace_at = micros;
    }

    fn resent(&self) -> u32 {
        self.resent
    }

    #[inline]
    fn count_resent(&mut self) {
        self.resent = self.resent.saturating_add(1);
    }
}

impl Finer for Rounds {
    #[inline]
    fn get(&self) -> Option<&Self> {
        Some(self)
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    #[inline]
    fn pace_at(&self) -> Option<u32> {
        None
    }

    #[inline]
    fn set_pace_at(&mut self, _micros: u32) {}

    fn resent(&self) -> u32 {
        self.resent.into()
    }

    #[inline]
    fn count_resent(&mut self) {
        self.resent = self.resent.saturating_add(1);
    }
}

impl Finer for () {
    #[inline]
    fn get(&self) -> Option<&Rounds> {
        None
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Rounds> {
        None
    }

    #[inline]
    fn pace_at(&self) -> Option<u32> {
        None
    }

    #[inline]
    fn set_pace_at(&mut self, _micros: u32) {}

    fn resent(&self) -> u32 {
        0
    }

    #[inline]
    fn count_resent(&mut self) {}
}
