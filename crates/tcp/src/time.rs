//! Time as a connection keeps it: 32 bits that wrap, in microseconds or in ticks of the profile (TCP-401).

use mainstay_base::Instant;

/// One moment in the forms that are needed; two words, so that it travels in registers on every target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Microseconds, modulo 2^32.
    pub(crate) micros: u32,
    /// What is beyond.
    rounds: u32,
}

impl Now {
    #[inline]
    pub(crate) const fn new(instant: Instant) -> Self {
        let micros = instant.as_micros();
        Self { micros: low(micros), rounds: low(micros >> 32) }
    }

    #[inline]
    pub(crate) const fn instant(self) -> Instant {
        Instant::from_micros(self.wide())
    }

    #[inline]
    const fn wide(self) -> u64 {
        ((self.rounds as u64) << 32) | self.micros as u64
    }

    /// Ticks of two to the power of `shift` microseconds, modulo 2^32.
    #[inline]
    pub(crate) const fn tick(self, shift: u32) -> u32 {
        low(self.wide() >> shift)
    }

    /// The first tick that is not before `micros` from now.
    #[inline]
    pub(crate) const fn tick_after(self, shift: u32, micros: u64) -> u32 {
        let round = (1 << shift) - 1;
        low((self.wide().saturating_add(micros).saturating_add(round)) >> shift)
    }

    /// The clock of timestamps, in milliseconds modulo 2^32 (TCP-357).
    #[inline]
    pub(crate) const fn millis(self) -> u32 {
        if usize::BITS > 32 {
            return low(self.wide() / 1000);
        }
        // By digits of 16 bits: a machine of 32 bits has no division of 64 but one that takes a kilobyte of text.
        let high = ((self.rounds % 1000) << 16) | (self.micros >> 16);
        let rest = ((high % 1000) << 16) | (self.micros & 0xffff);
        ((high / 1000) << 16).wrapping_add(rest / 1000)
    }

    /// A coarse clock, of about a second, modulo 2^16: 19 hours.
    pub(crate) const fn seconds(self) -> u16 {
        low16(self.tick(20))
    }

    /// A coarser one, of about 18 minutes, modulo 2^16: two years.
    pub(crate) const fn spans(self) -> u16 {
        low16(self.tick(30))
    }
}

/// The low half, on purpose.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "clocks of 16 bits wrap")]
pub(crate) const fn low16(wide: u32) -> u16 {
    wide as u16
}

/// The low half, on purpose.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "clocks of 32 bits wrap")]
const fn low(wide: u64) -> u32 {
    wide as u32
}

/// Whether tick `a` is later than `b`.
#[inline]
pub(crate) const fn later(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) & (1 << 31) != 0
}
