//! Where a record begins and ends. RFC 8446 §5.1. Reads headers only; the library judges contents.

use crate::limits::RECORD_MAX;

/// Content type, version, length.
pub(crate) const HEADER: usize = 5;

/// What the first bytes of a stream of records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The header is not complete.
    Unknown,
    /// The record takes so many bytes, header included.
    Whole(usize),
    /// No TLS record begins like this.
    Nonsense,
}

/// How far the record at the front of `bytes` goes.
pub(crate) fn extent(bytes: &[u8]) -> Extent {
    let Some(&[kind, major, _, high, low]) = bytes.first_chunk::<HEADER>() else {
        return Extent::Unknown;
    };
    let len = HEADER + usize::from(u16::from_be_bytes([high, low]));
    // change_cipher_spec, alert, handshake, application_data. RFC 8446 §5.1.
    if !(20..=23).contains(&kind) || major != 3 || len > RECORD_MAX {
        return Extent::Nonsense;
    }
    Extent::Whole(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_measured_by_its_header_alone() {
        assert_eq!(extent(&[22, 3, 1, 0]), Extent::Unknown);
        assert_eq!(extent(&[22, 3, 1, 0, 7]), Extent::Whole(12));
        assert_eq!(extent(b"HTTP/1.1 400"), Extent::Nonsense);
        assert_eq!(extent(&[23, 3, 3, 0x48, 0x01]), Extent::Nonsense);
    }
}
