//! Accurate ECN (RFC 9768, TCP-305): not that there was a mark but how many there were, three bits at a time, in the flags
//! that classic ECN uses otherwise. Without the options that count bytes, which the RFC leaves to both sides.
//!
//! Only profiles whose [`Finer`](crate::Finer) part has an [`Accurate`] in it have this, and only where the settings ask
//! for it; a peer without it gets classic ECN.

use crate::bits::Bits;
use crate::endpoint::{Endpoint, clamp};
use crate::fine::Finer as _;
use crate::profile::Profile;
use crate::segment_arrives::Segment;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::Flags;

/// What both counters begin with. RFC 9768 §3.2.1
const FIRST_COUNT: u8 = 5;
/// So many marks since the last acknowledgement are told at once. RFC 9768 §3.2.2.5.1: 2 to 6
const TOLD_AT: u8 = 2;
/// Beyond so many packets the counter of three bits may have come round. RFC 9768 §3.2.2.5.2
const WRAPS: u32 = 8;

/// It was agreed on.
const ON: u8 = 1;
/// Our next segment says how the peer's SYN-ACK arrived.
const TELL_FIRST: u8 = 2;
/// The segment under way said how our SYN-ACK arrived: what stands there is no count.
const NO_COUNT: u8 = 4;
/// The peer's first count was looked at.
const CHECKED: u8 = 8;
/// Somebody on the way clears the field.
const CLEARED: u8 = 16;
/// The last text was marked.
const LAST_MARKED: u8 = 32;
/// The last acknowledgement told of marks.
const OF_LATE: u8 = 64;

/// What one connection keeps for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accurate {
    state: u8,
    /// Marked packets that arrived, and those the peer told of, modulo 256.
    marks_in: u8,
    marks_out: u8,
    /// How the peer's SYN or SYN-ACK arrived.
    first: u8,
    /// Marked packets since the last acknowledgement.
    since: u8,
}

impl Accurate {
    const fn is(self, state: u8) -> bool {
        self.state & state != 0
    }

    const fn begin(&mut self, arrived: Ecn, answer: bool) {
        *self = Self {
            state: if answer { ON | TELL_FIRST } else { ON },
            marks_in: FIRST_COUNT,
            marks_out: FIRST_COUNT,
            first: code_of(arrived),
            since: 0,
        };
        if answer && matches!(arrived, Ecn::Ce) {
            self.marks_in += 1; // RFC 9768 §3.2.2.1
        }
    }

    /// An acknowledgement leaves.
    pub(crate) const fn told(&mut self) {
        self.since = 0;
        self.state &= !TELL_FIRST;
    }
}

/// How something arrived, as SYN-ACKs and the acknowledgements of them say it. RFC 9768 §3.1.1 table 2, §3.2.2.1 table 3
const fn code_of(arrived: Ecn) -> u8 {
    match arrived {
        Ecn::NotEct => 0b010,
        Ecn::Ect1 => 0b011,
        Ecn::Ect0 => 0b100,
        Ecn::Ce => 0b110,
    }
}

/// The field of three bits.
fn code(flags: Flags) -> u8 {
    let bit = |flag, value| if flags.contains(flag) { value } else { 0 };
    bit(Flags::AE, 4) | bit(Flags::CWR, 2) | bit(Flags::ECE, 1)
}

/// The same as flags.
fn flags_of(code: u8) -> Flags {
    let bit = |value, flag| if code & value != 0 { flag } else { Flags::NONE };
    bit(4, Flags::AE) | bit(2, Flags::CWR) | bit(1, Flags::ECE)
}

impl<P: Profile> Endpoint<P> {
    /// Whether marks are counted on this connection.
    #[inline]
    pub(crate) fn is_accurate(&self) -> bool {
        self.fine.accurate().is_some_and(|accurate| accurate.is(ON))
    }

    /// Whether it can be, and the application wants it.
    fn offers_accurate(&self) -> bool {
        self.fine.accurate().is_some() && self.settings.as_ref().accurate_ecn
    }

    /// The flags with which a SYN asks, and its answer agrees (RFC 9768 §3.1.1, RFC 3168 §6.1.1).
    pub(crate) fn syn_flags(&self, answer: bool) -> Flags {
        match self.fine.accurate() {
            Some(accurate) if answer && accurate.is(ON) => flags_of(accurate.first),
            Some(_) if !answer && self.offers_accurate() => flags_of(0b111),
            _ if answer => Flags::ECE,
            _ => Flags::ECE | Flags::CWR,
        }
    }

    /// What the peer's SYN or SYN-ACK says, which `arrived` so; `None` where that is up to classic ECN.
    ///
    /// What has no meaning yet stands for this version (RFC 9768 §3.1.3).
    pub(crate) fn agree_on_accurate(
        &mut self,
        flags: Flags,
        arrived: Ecn,
        answer: bool,
    ) -> Option<()> {
        let agreed = match code(flags) {
            0b000 => false,
            0b001 | 0b111 if answer => false,
            0b011 if !answer => false,
            _ => !answer || self.bits.has(Bits::ECN),
        };
        let offered = self.offers_accurate();
        let accurate = self.fine.accurate_mut().filter(|_| agreed && offered)?;
        accurate.begin(arrived, answer);
        Some(())
    }

    /// The acknowledgement of our SYN-ACK: bare, it says how that arrived (RFC 9768 §3.2.2.1).
    pub(crate) fn take_first_marks(&mut self, segment: &Segment<'_>) {
        let bare = segment.payload.is_empty() && segment.sack.is_empty();
        if let Some(accurate) = self.fine.accurate_mut().filter(|accurate| accurate.is(ON))
            && bare
            && code(segment.flags) != 0
        {
            accurate.state |= NO_COUNT | CHECKED;
            if code(segment.flags) == 0b110 {
                accurate.marks_out += 1;
            }
        }
    }

    /// Whether the acknowledgement of the SYN-ACK has to leave alone, because it says something else than others.
    pub(crate) fn acknowledges_first(&self) -> bool {
        self.fine.accurate().is_some_and(|accurate| accurate.is(TELL_FIRST))
    }

    /// What every segment says.
    pub(crate) fn count_flags(&self) -> Option<Flags> {
        let accurate = self.fine.accurate().filter(|accurate| accurate.is(ON))?;
        let first = accurate.is(TELL_FIRST);
        Some(flags_of(if first { accurate.first } else { accurate.marks_in }))
    }

    /// Whether a device that cuts segments would change the count: all but the first lose CWR (TCP-600).
    pub(crate) fn count_is_cut(&self) -> bool {
        self.is_accurate() && self.count_flags().is_some_and(|flags| flags.contains(Flags::CWR))
    }

    /// Counts what arrived; where marks begin or end, or there are many, the peer hears of it at once (RFC 9768
    /// §3.2.2.5.1, TCP-302).
    pub(crate) fn count_marks(&mut self, segment: &Segment<'_>) {
        let Some(accurate) = self.fine.accurate_mut() else { return };
        let marked = segment.ecn == Ecn::Ce;
        if marked {
            let unit = segment.unit.map_or(u32::MAX, u32::from).max(1);
            let packets = clamp(segment.payload.len()).div_ceil(unit).max(1);
            let packets = u8::try_from(packets % 256).unwrap_or(0);
            accurate.marks_in = accurate.marks_in.wrapping_add(packets);
            accurate.since = accurate.since.saturating_add(packets);
        }
        if segment.payload.is_empty() {
            return;
        }
        let changed = accurate.is(LAST_MARKED) != marked;
        accurate.state = accurate.state & !LAST_MARKED | if marked { LAST_MARKED } else { 0 };
        if changed || accurate.since >= TOLD_AT {
            self.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
        }
    }

    /// How many of `delivered` bytes the peer says were marked.
    ///
    /// Where more packets were delivered than the counter can tell apart, and there are marks, it is taken to have come
    /// round as often as it can have (RFC 9768 §3.2.2.5.2).
    pub(crate) fn told_marks(&mut self, segment: &Segment<'_>, delivered: u32) -> u32 {
        let unit = self.payload_max();
        let Some(accurate) = self.fine.accurate_mut().filter(|accurate| accurate.is(ON)) else {
            return 0;
        };
        let count = code(segment.flags);
        let counts = accurate.state & (NO_COUNT | CLEARED) == 0;
        accurate.state &= !NO_COUNT;
        if !accurate.is(CHECKED) {
            accurate.state |= CHECKED;
            if count == 0 {
                accurate.state |= CLEARED;
                self.bits.unset(Bits::ECN); // RFC 9768 §3.2.2.4: what is marked would not be heard of
                return 0;
            }
        }
        if !counts {
            return 0;
        }
        let new = count.wrapping_sub(accurate.marks_out) & 7;
        accurate.marks_out = accurate.marks_out.wrapping_add(new);
        if delivered == 0 {
            return 0;
        }
        let of_late = accurate.is(OF_LATE);
        accurate.state = accurate.state & !OF_LATE | if new > 0 { OF_LATE } else { 0 };
        marked_of(delivered.div_ceil(unit), new.into(), of_late).saturating_mul(unit).min(delivered)
    }
}

/// How many of `packets` were marked, where the counter went on by `new`; `of_late` there were marks before it.
const fn marked_of(packets: u32, new: u32, of_late: bool) -> u32 {
    let doubtful = packets >= WRAPS && (new > 0 || of_late);
    if doubtful { packets - (packets - new) % WRAPS } else { new }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-305
    #[test]
    fn a_counter_that_may_have_come_round_has() {
        assert_eq!(marked_of(7, 3, true), 3);
        assert_eq!(marked_of(7, 0, true), 0);
        assert_eq!(marked_of(8, 0, true), 8);
        assert_eq!(marked_of(8, 1, false), 1);
        assert_eq!(marked_of(16, 1, false), 9);
        assert_eq!(marked_of(45, 7, false), 39);
        // Long acknowledgements are usual where devices join segments, and most paths mark nothing.
        assert_eq!(marked_of(45, 0, false), 0);
    }

    // Covers TCP-305
    #[test]
    fn codes_and_flags_are_those_of_the_tables() {
        for count in 0..8 {
            assert_eq!(code(flags_of(count)), count);
        }
        assert_eq!(flags_of(0b100), Flags::AE);
        assert_eq!(flags_of(0b011), Flags::CWR | Flags::ECE);
        let codes = [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce].map(code_of);
        assert_eq!(codes, [0b010, 0b011, 0b100, 0b110]);
    }
}
