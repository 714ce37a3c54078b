//! Offsets into buffers, as narrow as the profile allows (TCP-652): 16 bits in `tiny`, 24 in `std`, 32 otherwise.

use core::cmp::Ordering;
use core::fmt::Debug;

/// A number of bytes from some start: a length, a position in a ring, a distance from an edge.
pub trait Offset: Copy + Default + Debug + Eq + Ord {
    /// The largest offset, hence the largest buffer.
    const MAX: usize;

    /// `n`, or the largest offset if `n` is larger.
    #[must_use]
    fn from_usize(n: usize) -> Self;

    /// The number of bytes.
    #[must_use]
    fn get(self) -> usize;

    /// `n`, or the largest offset if `n` is larger.
    #[must_use]
    fn narrow(n: u32) -> Self;

    /// The number of bytes, in the width that sequence arithmetic has.
    #[must_use]
    fn wide(self) -> u32;
}

impl Offset for u16 {
    const MAX: usize = Self::MAX as usize;

    #[inline]
    fn from_usize(n: usize) -> Self {
        Self::try_from(n).unwrap_or(Self::MAX)
    }

    #[inline]
    fn get(self) -> usize {
        usize::from(self)
    }

    #[inline]
    fn narrow(n: u32) -> Self {
        Self::try_from(n).unwrap_or(Self::MAX)
    }

    #[inline]
    fn wide(self) -> u32 {
        u32::from(self)
    }
}

impl Offset for u32 {
    const MAX: usize = Self::MAX as usize;

    #[inline]
    fn from_usize(n: usize) -> Self {
        Self::try_from(n).unwrap_or(Self::MAX)
    }

    #[inline]
    fn get(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }

    #[inline]
    fn narrow(n: u32) -> Self {
        n
    }

    #[inline]
    fn wide(self) -> u32 {
        self
    }
}

/// An offset of 24 bits, which may stand anywhere: up to 16 MiB, more than a small device has memory for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct U24([u8; 3]);

impl Ord for U24 {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.wide().cmp(&other.wide())
    }
}

impl PartialOrd for U24 {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Offset for U24 {
    const MAX: usize = 0xff_ffff;

    #[inline]
    fn from_usize(n: usize) -> Self {
        Self::narrow(u32::from_usize(n))
    }

    #[inline]
    fn get(self) -> usize {
        self.wide().get()
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn narrow(n: u32) -> Self {
        let [low, middle, high, rest] = n.to_le_bytes();
        if rest == 0 { Self([low, middle, high]) } else { Self([0xff; 3]) }
    }

    #[inline]
    fn wide(self) -> u32 {
        let [low, middle, high] = self.0;
        u32::from_le_bytes([low, middle, high, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::{Offset, U24};

    #[test]
    fn what_does_not_fit_becomes_the_largest() {
        assert_eq!(<u16 as Offset>::from_usize(65_535).get(), 65_535);
        assert_eq!(<u16 as Offset>::from_usize(65_536).get(), 65_535);
        assert_eq!(<u32 as Offset>::from_usize(70_000).get(), 70_000);
        assert_eq!(<u32 as Offset>::from_usize(usize::MAX).get(), <u32 as Offset>::MAX);
    }
    // Covers TCP-652
    #[test]
    fn three_bytes_hold_what_is_below_16_mebibytes_and_are_ordered_as_numbers() {
        let numbers = [0, 1, 0xff, 0x100, 0x1_0000, 0x1_0001, 0xfe_ffff, 0xff_ffff];
        for one in numbers {
            assert_eq!(<U24 as Offset>::narrow(one).wide(), one);
            for other in numbers {
                let (narrow, as_narrow) = (<U24 as Offset>::narrow(one), U24::narrow(other));
                assert_eq!(narrow.cmp(&as_narrow), one.cmp(&other));
            }
        }
        assert_eq!(<U24 as Offset>::from_usize(0x100_0000).get(), <U24 as Offset>::MAX);
        assert_eq!((size_of::<U24>(), align_of::<U24>()), (3, 1));
    }
}
