//! What only profiles with a fine clock and records keep of a connection; the smallest profile has none of it (TCP-652).

use crate::accurate::Accurate;
use crate::limits::MIN_RTT_SECONDS;
use crate::path_search::PathSearch;
use crate::seq::Seq;
use core::fmt::Debug;

/// [`Fine`], that and more, [`Rounds`] alone, or nothing at all.
pub trait Finer: Copy + Default + Debug {
    /// What there is of rounds.
    #[inline]
    fn get(&self) -> Option<&Rounds> {
        None
    }

    /// The same, to change it.
    #[inline]
    fn get_mut(&mut self) -> Option<&mut Rounds> {
        None
    }

    /// When the next paced segment may leave, in microseconds; `None` where that is not kept.
    #[inline]
    fn pace_at(&self) -> Option<u32> {
        None
    }

    /// Sets that, where it is kept.
    #[inline]
    fn set_pace_at(&mut self, _micros: u32) {}

    /// Segments and super-segments that left again; for people. It saturates, and stays 0 where nobody counts.
    fn resent(&self) -> u32 {
        0
    }

    /// One more has.
    #[inline]
    fn count_resent(&mut self) {}

    /// What counts marks (TCP-305); only [`Finest`] has it.
    #[inline]
    fn accurate(&self) -> Option<&Accurate> {
        None
    }

    /// The same, to change it.
    #[inline]
    fn accurate_mut(&mut self) -> Option<&mut Accurate> {
        None
    }

    /// What searches for the size of segments (TCP-179); only [`Finest`] has it.
    #[inline]
    fn search(&self) -> Option<&PathSearch> {
        None
    }

    /// The same, to change it.
    #[inline]
    fn search_mut(&mut self) -> Option<&mut PathSearch> {
        None
    }
}

/// [`Fine`], and what counts marks and searches for what the path takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finest {
    fine: Fine,
    search: PathSearch,
    accurate: Accurate,
}

impl Finer for Finest {
    #[inline]
    fn get(&self) -> Option<&Rounds> {
        self.fine.get()
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Rounds> {
        self.fine.get_mut()
    }

    #[inline]
    fn pace_at(&self) -> Option<u32> {
        self.fine.pace_at()
    }

    #[inline]
    fn set_pace_at(&mut self, micros: u32) {
        self.fine.set_pace_at(micros);
    }

    fn resent(&self) -> u32 {
        self.fine.resent()
    }

    #[inline]
    fn count_resent(&mut self) {
        self.fine.count_resent();
    }

    #[inline]
    fn accurate(&self) -> Option<&Accurate> {
        Some(&self.accurate)
    }

    #[inline]
    fn accurate_mut(&mut self) -> Option<&mut Accurate> {
        Some(&mut self.accurate)
    }

    #[inline]
    fn search(&self) -> Option<&PathSearch> {
        Some(&self.search)
    }

    #[inline]
    fn search_mut(&mut self) -> Option<&mut PathSearch> {
        Some(&mut self.search)
    }
}

/// For profiles that send as soon as they may.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// The smallest round trip of late, in microseconds; `u32::MAX` while unknown.
    pub(crate) least: u32,
    /// Where the round of a congestion controller ends.
    pub(crate) round_end: Seq,
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
        Self { least: u32::MAX, round_end: Seq(0), least_at: 0, resent: 0 }
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

    fn resent(&self) -> u32 {
        self.resent.into()
    }

    #[inline]
    fn count_resent(&mut self) {
        self.resent = self.resent.saturating_add(1);
    }
}

impl Finer for () {}
