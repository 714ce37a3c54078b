//! Offsets into buffers, as narrow as the profile allows (TCP-652): 16 bits in `tiny`, 32 bits otherwise.

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

#[cfg(test)]
mod tests {
    use super::Offset;

    #[test]
    fn what_does_not_fit_becomes_the_largest() {
        assert_eq!(<u16 as Offset>::from_usize(65_535).get(), 65_535);
        assert_eq!(<u16 as Offset>::from_usize(65_536).get(), 65_535);
        assert_eq!(<u32 as Offset>::from_usize(70_000).get(), 70_000);
        assert_eq!(<u32 as Offset>::from_usize(usize::MAX).get(), <u32 as Offset>::MAX);
    }
}
