//! The control bits (RFC 9293 §3.1, RFC 3168, RFC 9768).

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// A set of control bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u16);

impl Flags {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(1);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(1 << 1);
    /// Reset the connection.
    pub const RST: Self = Self(1 << 2);
    /// Push.
    pub const PSH: Self = Self(1 << 3);
    /// The acknowledgment field is meaningful.
    pub const ACK: Self = Self(1 << 4);
    /// The urgent pointer is meaningful.
    pub const URG: Self = Self(1 << 5);
    /// ECN echo (RFC 3168 §6.1).
    pub const ECE: Self = Self(1 << 6);
    /// Congestion window reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(1 << 7);
    /// Accurate ECN (RFC 9768 §3.1), formerly NS.
    pub const AE: Self = Self(1 << 8);

    /// Every bit that has a meaning; the three reserved ones are dropped (TCP-102).
    const KNOWN: u16 = 0x01ff;

    /// The bits of bytes 12 and 13 of a header; the data offset in them does not matter.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes) & Self::KNOWN)
    }

    /// As bytes 12 and 13, with a data offset of zero.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These bits and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// As tcpdump writes them: `S` SYN, `.` ACK, `P`, `F`, `R`, `U`, `E` ECE, `W` CWR, `e` AE.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (flag, letter) in [
            (Self::FIN, "F"),
            (Self::SYN, "S"),
            (Self::RST, "R"),
            (Self::PSH, "P"),
            (Self::URG, "U"),
            (Self::ECE, "E"),
            (Self::CWR, "W"),
            (Self::AE, "e"),
            (Self::ACK, "."),
        ] {
            if self.contains(flag) {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-102
    #[test]
    fn reserved_bits_are_dropped_and_never_written() {
        let flags = Flags::from_bytes([0x5f, 0xff]);
        assert_eq!(flags.to_bytes(), [0x01, 0xff]);
        assert_eq!(Flags::from_bytes([0xae, 0x12]), Flags::SYN | Flags::ACK);
    }
}
