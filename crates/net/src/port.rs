//! Drawing a port nobody else has.
//!
//! RFC 6056 §3.3.1: begin anywhere, and take the next free one. Where to begin is the caller's secret: a random number
//! for UDP, a keyed hash of the peer for TCP (algorithm 4, TCP-522).

use core::ops::RangeInclusive;

/// The first free port of `ports` from the one `start` points at, around and around; `None` after a full cycle.
#[must_use]
pub fn draw(
    ports: &RangeInclusive<u16>,
    start: u32,
    mut is_free: impl FnMut(u16) -> bool,
) -> Option<u16> {
    let first = u32::from(*ports.start());
    let count = (u32::from(*ports.end()) + 1).checked_sub(first).filter(|&count| count > 0)?;
    let all = (0..count).filter_map(|step| {
        let offset = (start % count + step) % count;
        u16::try_from(first + offset).ok()
    });
    let mut candidates = all.filter(|&port| port != 0);
    candidates.find(|&port| is_free(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn taken_ports_are_passed_over_and_a_full_cycle_is_the_end() {
        let taken = |ports: &[u16]| ports.to_vec();
        let from = |start, taken: Vec<u16>| draw(&(10..=13), start, |p| !taken.contains(&p));
        assert_eq!(from(0, taken(&[])), Some(10));
        assert_eq!(from(3, taken(&[13])), Some(10));
        assert_eq!(from(u32::MAX, taken(&[])), Some(13));
        assert_eq!(from(2, taken(&[10, 11, 12, 13])), None);
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "what a careless caller may give")]
    fn an_empty_range_has_no_port_and_port_zero_is_none() {
        assert_eq!(draw(&(13..=10), 0, |_| true), None);
        assert_eq!(draw(&(0..=0), 0, |_| true), None);
        assert_eq!(draw(&(0..=u16::MAX), 0, |_| true), Some(1));
    }
}
