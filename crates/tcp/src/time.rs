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
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) const fn millis(self) -> u32 {
        if usize::BITS > 32 { low(self.wide() / 1000) } else { self.millis_by_digits() }
    }

    /// The same by digits of 16 bits: a machine of 32 bits divides 64 only with a kilobyte of text.
    const fn millis_by_digits(self) -> u32 {
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
pub(crate) const fn low(wide: u64) -> u32 {
    wide as u32
}

/// Whether tick `a` is later than `b`.
#[inline]
pub(crate) const fn later(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) & (1 << 31) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-357
    #[test]
    fn milliseconds_are_the_same_however_they_are_divided() {
        let mut micros = 1_u64;
        for step in 0..200_000_u64 {
            let now = Now::new(Instant::from_micros(micros));
            assert_eq!(now.millis_by_digits(), low(micros / 1000), "{micros}");
            micros =
                micros.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step) >> (step % 40);
        }
        for micros in [0, 999, 1000, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let now = Now::new(Instant::from_micros(micros));
            assert_eq!(now.millis_by_digits(), low(micros / 1000), "{micros}");
            assert_eq!(now.instant(), Instant::from_micros(micros));
        }
    }
}
