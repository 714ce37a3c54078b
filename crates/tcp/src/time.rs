//! Time as a connection keeps it: 32 bits that wrap, in microseconds or in ticks of the profile (TCP-401).

use mainstay_base::Instant;

/// One moment in the forms that are needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    /// Microseconds, modulo 2^32.
    pub(crate) micros: u32,
}

impl Now {
    pub(crate) const fn new(instant: Instant) -> Self {
        Self { instant, micros: low(instant.as_micros()) }
    }

    /// Ticks of two to the power of `shift` microseconds, modulo 2^32.
    #[inline]
    pub(crate) const fn tick(self, shift: u32) -> u32 {
        low(self.instant.as_micros() >> shift)
    }

    /// The first tick that is not before `micros` from now.
    #[inline]
    pub(crate) const fn tick_after(self, shift: u32, micros: u64) -> u32 {
        let round = (1 << shift) - 1;
        low((self.instant.as_micros().saturating_add(micros).saturating_add(round)) >> shift)
    }

    /// The clock of timestamps, in milliseconds modulo 2^32 (TCP-357).
    #[inline]
    pub(crate) const fn millis(self) -> u32 {
        low(self.instant.as_micros() / 1000)
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
