//! Sequence numbers (RFC 9293 §3.4): arithmetic modulo 2^32, compared by the sign of the difference (TCP-008).
//!
//! There is no `Ord`: the order of sequence numbers is not transitive.

use core::ops::{Add, AddAssign, Sub};

/// A sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seq(pub u32);

impl Seq {
    /// Whether this comes before `other`.
    #[must_use]
    #[inline]
    pub const fn before(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) & SIGN != 0
    }

    /// Whether this comes after `other`.
    #[must_use]
    #[inline]
    pub const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// Whether this is `other` or comes after it.
    #[must_use]
    #[inline]
    pub const fn at_or_after(self, other: Self) -> bool {
        !self.before(other)
    }

    /// Whether this is `other` or comes before it.
    #[must_use]
    #[inline]
    pub const fn at_or_before(self, other: Self) -> bool {
        !other.before(self)
    }

    /// The later one.
    #[must_use]
    #[inline]
    pub const fn later(self, other: Self) -> Self {
        if self.before(other) { other } else { self }
    }

    /// The earlier one.
    #[must_use]
    #[inline]
    pub const fn earlier(self, other: Self) -> Self {
        if self.before(other) { self } else { other }
    }

    /// How far after `earlier` this is; zero if it is not.
    #[must_use]
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        if self.before(earlier) { 0 } else { self.0.wrapping_sub(earlier.0) }
    }
}

/// The top bit: set in the difference of a number and a later one.
const SIGN: u32 = 1 << 31;

impl Add<u32> for Seq {
    type Output = Self;

    #[inline]
    fn add(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }
}

impl AddAssign<u32> for Seq {
    #[inline]
    fn add_assign(&mut self, count: u32) {
        *self = *self + count;
    }
}

impl Sub<u32> for Seq {
    type Output = Self;

    #[inline]
    fn sub(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count))
    }
}

impl Sub for Seq {
    type Output = u32;

    /// The distance from `earlier`, modulo 2^32.
    #[inline]
    fn sub(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-008
    #[test]
    fn order_is_the_sign_of_the_difference() {
        let edge = Seq(u32::MAX - 1);
        assert!(edge.before(edge + 5) && (edge + 5).after(edge));
        assert!(!edge.before(edge) && edge.at_or_after(edge) && edge.at_or_before(edge));
        assert_eq!((edge + 5) - edge, 5);
        assert_eq!(edge.since(edge + 5), 0);
        assert_eq!(edge.later(edge + 1), Seq(u32::MAX));
        assert_eq!(edge.earlier(edge + 9), edge);
    }
}
