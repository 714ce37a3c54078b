//! How far windows are shifted (RFC 7323 §2.2).

/// Both directions in one byte: a shift is at most 14 (TCP-652).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shifts(u8);

impl Shifts {
    /// Shifts up to 14: of the peer's windows, and of ours.
    pub(crate) const fn new(peers: u8, ours: u8) -> Self {
        Self((peers << 4) | (ours & 0xf))
    }

    /// How far the peer's windows are shifted.
    #[inline]
    pub(crate) const fn peers(self) -> u8 {
        self.0 >> 4
    }

    /// How far ours are.
    #[inline]
    pub(crate) const fn ours(self) -> u8 {
        self.0 & 0xf
    }
}

#[cfg(test)]
mod tests {
    use super::Shifts;

    // Covers TCP-652
    #[test]
    fn each_direction_has_its_own_shift() {
        for peers in 0..=14 {
            for ours in 0..=14 {
                let both = Shifts::new(peers, ours);
                assert_eq!((both.peers(), both.ours()), (peers, ours));
            }
        }
        assert_eq!(size_of::<Shifts>(), 1);
    }
}
