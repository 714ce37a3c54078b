//! Payload flags, message numbers and the framing rules of section 4.

use core::ops::BitOr;
use mainstay_policy::Protocol;

/// Flags of a payload chunk, with the bits of the serialized link (SS-300).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Start of message.
    pub const SOM: Self = Self(1);
    /// End of message.
    pub const EOM: Self = Self(2);
    /// Not a transmit: a request to poll for rx (SS-302).
    pub const POLL: Self = Self(4);
    /// A group of messages begins.
    pub const RELATED_START: Self = Self(8);
    /// A group of messages ends.
    pub const RELATED_END: Self = Self(16);
    /// Link only: a streamtype's name precedes the payload.
    pub const RIDESHARE: Self = Self(32);
    /// A telemetry document, out of band.
    pub const PERF_JSON: Self = Self(64);

    /// The 32-bit field of the link.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The flags of a field; unknown bits are kept.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of a piece with these ends.
    #[must_use]
    pub const fn ends(start: bool, end: bool) -> Self {
        Self((start as u32) | ((end as u32) << 1))
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A message sent, named for its outcome. Grows by one per message for the stream's whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadId(pub u64);

/// How a chunk continues the message before it: what its flags mean on this protocol (SS-301, SS-310).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: bool,
    pub(crate) end: bool,
}

/// Reads the flags of a chunk to send; `None` when they contradict `open`, an unfinished message.
pub(crate) const fn piece(protocol: Protocol, open: bool, flags: Flags) -> Option<Piece> {
    let (som, eom) = (flags.has(Flags::SOM), flags.has(Flags::EOM));
    match protocol {
        Protocol::Ws if som == open => None,
        // Ignored: every chunk is a payload of its own.
        Protocol::Raw => Some(Piece { start: true, end: true }),
        Protocol::Ws | Protocol::H1 | Protocol::H2 | Protocol::H3 | Protocol::Mqtt => {
            Some(Piece { start: !open, end: eom })
        }
    }
}

/// The flags of a received piece: nothing on raw; on HTTP the end comes by itself (SS-301).
pub(crate) const fn received(protocol: Protocol, start: bool, end: bool) -> Flags {
    match protocol {
        Protocol::Raw => Flags::NONE,
        Protocol::H1 | Protocol::H2 | Protocol::H3 => Flags::ends(start, false),
        Protocol::Ws | Protocol::Mqtt => Flags::ends(start, end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers SS-300
    #[test]
    fn the_bits_are_those_of_the_link() {
        let all = [
            (Flags::SOM, 1),
            (Flags::EOM, 2),
            (Flags::POLL, 4),
            (Flags::RELATED_START, 8),
            (Flags::RELATED_END, 16),
            (Flags::RIDESHARE, 32),
            (Flags::PERF_JSON, 64),
        ];
        assert!(all.iter().all(|&(flag, bit)| flag.bits() == bit));
        assert_eq!((Flags::SOM | Flags::EOM).bits(), 3);
        assert_eq!(Flags::from_bits(2), Flags::EOM);
    }

    // Covers SS-301
    #[test]
    fn the_flag_table_of_section_4_holds_for_sending() {
        let first = Some(Piece { start: true, end: false });
        let last = Some(Piece { start: false, end: true });
        for http in [Protocol::H1, Protocol::H2] {
            assert_eq!(piece(http, false, Flags::NONE), first, "SOM is optional");
            assert_eq!(piece(http, true, Flags::EOM), last);
        }
        assert_eq!(piece(Protocol::Ws, false, Flags::SOM), first);
        assert_eq!(piece(Protocol::Ws, true, Flags::EOM), last);
        assert_eq!(piece(Protocol::Ws, false, Flags::NONE), None, "SOM is mandatory");
        assert_eq!(piece(Protocol::Ws, true, Flags::SOM), None, "SOM inside a message");
        assert_eq!(
            piece(Protocol::Mqtt, true, Flags::SOM),
            Some(Piece { start: false, end: false })
        );
        let both = Some(Piece { start: true, end: true });
        assert_eq!(piece(Protocol::Raw, false, Flags::NONE), both);
    }

    // Covers SS-301
    #[test]
    fn the_flag_table_of_section_4_holds_for_receiving() {
        assert_eq!(received(Protocol::H1, true, true), Flags::SOM);
        assert_eq!(received(Protocol::Ws, true, true), Flags::SOM | Flags::EOM);
        assert_eq!(received(Protocol::Ws, false, false), Flags::NONE);
        assert_eq!(received(Protocol::Mqtt, false, true), Flags::EOM);
        assert_eq!(received(Protocol::Raw, true, true), Flags::NONE);
    }
}
