//! What only profiles with a fine clock and records keep of a connection; the smallest profile has none of it (TCP-652).

use crate::accurate::Accurate;
use crate::limits::MIN_RTT_SECONDS;
use crate::path_search::PathSearch;
use crate::seq::Seq;
use core::fmt::Debug;

/// [`Fine`], that and more, or nothing at all.
pub trait Finer: Copy + Default + Debug {
    /// What there is.
    fn get(&self) -> Option<&Fine>;

    /// The same, to change it.
    fn get_mut(&mut self) -> Option<&mut Fine>;

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
    fn get(&self) -> Option<&Fine> {
        Some(&self.fine)
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Fine> {
        Some(&mut self.fine)
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

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Fine {
    /// The smallest round trip of late, in microseconds; `u32::MAX` while unknown.
    pub(crate) least: u32,
    /// Where the round of a congestion controller ends.
    pub(crate) round_end: Seq,
    /// What the probe for a loss at the end reached (TCP-286).
    pub(crate) tail_end: Seq,
    /// When the next paced segment may leave, in microseconds.
    pub(crate) pace_at: u32,
    /// Segments and super-segments that left again; for people.
    pub(crate) resent: u32,
    /// When the smallest round trip was, in coarse seconds.
    least_at: u16,
}

impl Default for Fine {
    fn default() -> Self {
        let none = Seq(0);
        Self {
            least: u32::MAX,
            round_end: none,
            tail_end: none,
            pace_at: 0,
            resent: 0,
            least_at: 0,
        }
    }
}

impl Fine {
    /// Takes a round trip (TCP-287).
    pub(crate) const fn sample(&mut self, seconds: u16, rtt: u32) {
        if rtt <= self.least || seconds.wrapping_sub(self.least_at) > MIN_RTT_SECONDS {
            (self.least, self.least_at) = (rtt, seconds);
        }
    }
}

impl Finer for Fine {
    #[inline]
    fn get(&self) -> Option<&Fine> {
        Some(self)
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Fine> {
        Some(self)
    }
}

impl Finer for () {
    #[inline]
    fn get(&self) -> Option<&Fine> {
        None
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Fine> {
        None
    }
}
