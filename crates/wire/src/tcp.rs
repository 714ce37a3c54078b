//! The TCP header (RFC 9293 §3.1). Options are in `options`; the checksum covers a pseudo-header and is therefore
//! added by who knows the addresses (`checksum`).

mod flags;
mod options;

pub use flags::Flags;
pub use options::{Cookie, OPTIONS_MAX, Options, SackBlock, SackBlocks, Timestamps, UserTimeout};

use crate::checksum::Checksum;
use crate::ip::Protocol;
use core::net::IpAddr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A header without options. RFC 9293 §3.1
pub const HEADER_MIN: usize = 20;
/// A header with as many options as its length field can say. RFC 9293 §3.1
pub const HEADER_MAX: usize = HEADER_MIN + OPTIONS_MAX;
/// Where the checksum stands in the header. RFC 9293 §3.1
pub const CHECKSUM_OFFSET: usize = 16;

/// Writes the checksum of a whole segment, from its header to its end, whatever stands in the field; `None` if it is too short
/// to have one, or longer than 2^32 bytes. RFC 9293 §3.1
///
/// For who makes a segment in one piece, as tools and tests do. Who has its payload elsewhere adds the parts up
/// ([`Checksum`]).
#[must_use]
pub fn write_checksum(source: IpAddr, destination: IpAddr, segment: &mut [u8]) -> Option<()> {
    let len = u32::try_from(segment.len()).ok()?;
    let mut sum = Checksum::pseudo(source, destination, Protocol::TCP.0, len);
    let (before, rest) = segment.split_at_mut_checked(CHECKSUM_OFFSET)?;
    let (field, behind) = rest.split_first_chunk_mut::<2>()?;
    sum.add(before);
    sum.add(behind);
    *field = sum.finish().to_be_bytes();
    Some(())
}

/// The header of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The number of the first octet of payload, or of the SYN.
    pub sequence: u32,
    /// The next number the sender expects; meaningful with [`Flags::ACK`].
    pub acknowledgment: u32,
    /// The control bits.
    pub flags: Flags,
    /// The window as it stands in the header, not scaled.
    pub window: u16,
    /// The urgent pointer; meaningful with [`Flags::URG`].
    pub urgent: u16,
    /// The options.
    pub options: Options,
}

impl Header {
    /// The header at the start of `segment`, and how long it is; `None` if it is too short for itself (TCP-100).
    ///
    /// Options that are malformed are left out and noted (TCP-372). The checksum is not looked at.
    #[must_use]
    #[inline]
    pub fn parse(segment: &[u8]) -> Option<(Self, usize)> {
        let (fixed, rest) = Fixed::ref_from_prefix(segment).ok()?;
        let [offset, low] = fixed.offset_and_flags;
        let options_len = usize::from(offset >> 4).saturating_mul(4).checked_sub(HEADER_MIN)?;
        let options = Options::parse(rest.get(..options_len)?);
        let header = Self {
            source: fixed.source.get(),
            destination: fixed.destination.get(),
            sequence: fixed.sequence.get(),
            acknowledgment: fixed.acknowledgment.get(),
            flags: Flags::from_bytes([offset, low]),
            window: fixed.window.get(),
            urgent: fixed.urgent.get(),
            options,
        };
        Some((header, HEADER_MIN.saturating_add(options_len)))
    }

    /// Writes the header with a checksum of zero and says how long it is; `None` if `out` is too short.
    ///
    /// Options that do not fit into 40 bytes any more are left out, in the order of [`Options::emit`].
    #[must_use]
    #[inline]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let (fixed, rest) = out.split_first_chunk_mut::<HEADER_MIN>()?;
        let options_len = self.options.emit(self.flags.contains(Flags::SYN), rest)?;
        let len = HEADER_MIN.saturating_add(options_len); // at most 60
        let words = u8::try_from(len / 4).unwrap_or(0);
        let [high, low] = self.flags.to_bytes();
        let header = Fixed {
            source: self.source.into(),
            destination: self.destination.into(),
            sequence: self.sequence.into(),
            acknowledgment: self.acknowledgment.into(),
            offset_and_flags: [(words << 4) | high, low],
            window: self.window.into(),
            checksum: U16::ZERO,
            urgent: self.urgent.into(),
        };
        fixed.copy_from_slice(header.as_bytes());
        Some(len)
    }
}

/// What nearly every header of an open connection says: no option but timestamps, aligned, and no SYN.
///
/// A tenth of the size of a [`Header`], for those who have many to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The number of the first octet of payload.
    pub sequence: u32,
    /// The next number the sender expects.
    pub acknowledgment: u32,
    /// The control bits, SYN not among them.
    pub flags: Flags,
    /// The window as it stands in the header, not scaled.
    pub window: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// The only option (RFC 7323 appendix A).
    pub timestamps: Timestamps,
}

impl Plain {
    /// The header at the start of `segment` and the payload behind it; `None` if it is not of this kind, and then
    /// [`Header::parse`] knows what it is.
    #[must_use]
    #[inline]
    pub fn parse(segment: &[u8]) -> Option<(Self, &[u8])> {
        let (head, payload) = segment.split_first_chunk::<PLAIN_LEN>()?;
        let (fixed, options) = Fixed::ref_from_prefix(head).ok()?;
        let timestamps = options::aligned_timestamps(options.first_chunk()?)?;
        let flags = Flags::from_bytes(fixed.offset_and_flags);
        if usize::from(fixed.offset_and_flags[0] >> 4) != PLAIN_LEN / 4
            || flags.contains(Flags::SYN)
        {
            return None;
        }
        let plain = Self {
            source: fixed.source.get(),
            destination: fixed.destination.get(),
            sequence: fixed.sequence.get(),
            acknowledgment: fixed.acknowledgment.get(),
            flags,
            window: fixed.window.get(),
            urgent: fixed.urgent.get(),
            timestamps,
        };
        Some((plain, payload))
    }
}

impl Plain {
    /// Writes the header with a checksum of zero and says how long it is; `None` if `out` is too short.
    #[must_use]
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        // As wide as a checksum will read it: what is read wider than it was written is waited for.
        let (words, _) = out.first_chunk_mut::<PLAIN_LEN>()?.as_chunks_mut::<8>();
        let [first, second, third, last] = words else { return None };
        let both = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        let word = |high: u32, low: u32| (u64::from(high) << 32 | u64::from(low)).to_be_bytes();
        let [high, low] = self.flags.to_bytes();
        let bits = u16::from_be_bytes([PLAIN_WORDS << 4 | high, low]);
        *first = word(both(self.source, self.destination), self.sequence);
        *second = word(self.acknowledgment, both(bits, self.window));
        *third = word(both(0, self.urgent), u32::from_be_bytes(options::ALIGNED_TIMESTAMPS));
        *last = word(self.timestamps.value, self.timestamps.echo);
        Some(PLAIN_LEN)
    }
}

/// How long a [`Plain`] header is, in words of four bytes. RFC 7323 appendix A
const PLAIN_WORDS: u8 = 8;
/// How long a [`Plain`] header is. RFC 7323 appendix A
const PLAIN_LEN: usize = 4 * PLAIN_WORDS as usize;

/// The fixed part as it stands on the wire.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    source: U16,
    destination: U16,
    sequence: U32,
    acknowledgment: U32,
    offset_and_flags: [u8; 2],
    window: U16,
    checksum: U16,
    urgent: U16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            source: 49_152,
            destination: 443,
            sequence: 0xfffe_0001,
            acknowledgment: 7,
            flags: Flags::ACK | Flags::PSH,
            window: 512,
            urgent: 0,
            options: Options {
                timestamps: Some(Timestamps { value: 9, echo: 8 }),
                ..Options::default()
            },
        }
    }

    #[test]
    fn what_was_written_reads_the_same() {
        let mut out = [0; HEADER_MAX];
        let len = sample().emit(&mut out).unwrap();
        assert_eq!(len, 32);
        assert_eq!(Header::parse(&out[..len]), Some((sample(), 32)));
    }

    #[test]
    fn a_plain_header_says_what_the_whole_one_says() {
        let mut out = [7; HEADER_MAX];
        let len = sample().emit(&mut out).unwrap();
        let (plain, payload) = Plain::parse(&out[..len + 3]).unwrap();
        let stamps = sample().options.timestamps.unwrap();
        assert_eq!((plain.sequence, plain.timestamps), (sample().sequence, stamps));
        assert_eq!((plain.flags, plain.window), (sample().flags, sample().window));
        assert_eq!(payload, [7; 3]);
        let mut again = [9; HEADER_MAX];
        assert_eq!(plain.emit(&mut again), Some(len));
        assert_eq!(again[..len], out[..len]);
        assert_eq!(plain.emit(&mut again[..len - 1]), None);
        for other in [
            Header { flags: Flags::SYN, ..sample() },
            Header { options: Options::default(), ..sample() },
        ] {
            let len = other.emit(&mut out).unwrap();
            assert_eq!(Plain::parse(&out[..len]), None);
        }
    }

    #[test]
    fn a_header_longer_than_the_segment_is_none() {
        let mut out = [0; HEADER_MAX];
        let len = sample().emit(&mut out).unwrap();
        assert_eq!(Header::parse(&out[..len - 1]), None);
        assert_eq!(Header::parse(&out[..19]), None);
        out[12] = 0x40; // a data offset of four words
        assert_eq!(Header::parse(&out), None);
    }

    #[test]
    fn too_little_room_writes_nothing() {
        let mut out = [0xaa; HEADER_MAX];
        assert_eq!(sample().emit(&mut out[..31]), None);
        assert_eq!(sample().emit(&mut out[..19]), None);
    }
}
