//! The virtio-net header: bytes and values. In two lengths, of which the longer ends in a count of
//! buffers that has no meaning here; its numbers are in this host's order, as TAP and packet sockets
//! have it unless told otherwise.

use super::{Offload, Partial, SegmentKind, Segmentation};

/// Bytes before a frame of a TAP or TUN interface. virtio 1.3 §5.1.6, with `num_buffers`.
pub(super) const LONG: usize = 12;

/// Bytes before a frame of a packet socket. virtio 1.3 §5.1.6, without `num_buffers`.
#[cfg(any(target_os = "linux", test))]
pub(super) const SHORT: usize = 10;

// virtio 1.3 §5.1.6
const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_ECN: u8 = 0x80;

impl Offload {
    /// The header, in its longer form; the shorter one is its first ten bytes.
    #[must_use]
    pub fn to_header(&self) -> [u8; LONG] {
        let mut flags = 0;
        let mut checksum = Partial { start: 0, offset: 0 };
        if let Some(partial) = self.needs_checksum {
            flags |= NEEDS_CSUM;
            checksum = partial;
        }
        if self.checksum_valid {
            flags |= DATA_VALID;
        }
        let (kind, size) = self.segmentation.map_or((GSO_NONE, 0), |s| {
            let kind = match s.kind {
                SegmentKind::TcpV4 => GSO_TCPV4,
                SegmentKind::TcpV6 => GSO_TCPV6,
            };
            (if s.ecn { kind | GSO_ECN } else { kind }, s.size)
        });
        let [len0, len1] = self.header_len.to_ne_bytes();
        let [size0, size1] = size.to_ne_bytes();
        let [start0, start1] = checksum.start.to_ne_bytes();
        let [offset0, offset1] = checksum.offset.to_ne_bytes();
        [flags, kind, len0, len1, size0, size1, start0, start1, offset0, offset1, 0, 0]
    }

    /// The facts of a header of ten or more bytes. `None`: too short, or of a segmentation that is
    /// not TCP's, or in segments of nothing.
    #[must_use]
    pub fn from_header(header: &[u8]) -> Option<Self> {
        let &[flags, kind, len0, len1, size0, size1, start0, start1, offset0, offset1, ..] = header
        else {
            return None;
        };
        let partial = Partial {
            start: u16::from_ne_bytes([start0, start1]),
            offset: u16::from_ne_bytes([offset0, offset1]),
        };
        let size = u16::from_ne_bytes([size0, size1]);
        let segmentation = match kind & !GSO_ECN {
            GSO_NONE => None,
            GSO_TCPV4 => Some(SegmentKind::TcpV4),
            GSO_TCPV6 => Some(SegmentKind::TcpV6),
            _ => return None,
        };
        if segmentation.is_some() && size == 0 {
            return None;
        }
        let ecn = kind & GSO_ECN != 0;
        Some(Self {
            needs_checksum: (flags & NEEDS_CSUM != 0).then_some(partial),
            checksum_valid: flags & DATA_VALID != 0,
            segmentation: segmentation.map(|kind| Segmentation { kind, ecn, size }),
            header_len: u16::from_ne_bytes([len0, len1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header as its two single bytes and its four numbers.
    fn bytes(flags: u8, kind: u8, numbers: [u16; 4]) -> [u8; LONG] {
        let mut header = [0; LONG];
        header[..2].copy_from_slice(&[flags, kind]);
        for (place, number) in header[2..SHORT].chunks_exact_mut(2).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        header
    }

    // Covers TCP-606
    #[test]
    fn each_fact_has_its_place_in_the_header() {
        let complete = Offload::default();
        let checksum =
            Offload { needs_checksum: Some(Partial { start: 34, offset: 16 }), ..complete };
        let segments = |kind, ecn| Offload {
            segmentation: Some(Segmentation { kind, ecn, size: 1460 }),
            header_len: 54,
            ..checksum
        };
        let cases = [
            (complete, bytes(0, 0, [0; 4])),
            (checksum, bytes(1, 0, [0, 0, 34, 16])),
            (Offload { checksum_valid: true, ..complete }, bytes(2, 0, [0; 4])),
            (segments(SegmentKind::TcpV4, false), bytes(1, 1, [54, 1460, 34, 16])),
            (segments(SegmentKind::TcpV6, false), bytes(1, 4, [54, 1460, 34, 16])),
            (segments(SegmentKind::TcpV4, true), bytes(1, 0x81, [54, 1460, 34, 16])),
            (segments(SegmentKind::TcpV6, true), bytes(1, 0x84, [54, 1460, 34, 16])),
        ];
        for (offload, header) in cases {
            assert_eq!(offload.to_header(), header, "{offload:?}");
            assert_eq!(Offload::from_header(&header), Some(offload));
            assert_eq!(Offload::from_header(&header[..SHORT]), Some(offload));
        }
    }

    // Covers TCP-606
    #[test]
    fn a_header_we_cannot_honour_is_none() {
        assert_eq!(Offload::from_header(&[0; 9]), None);
        for kind in [2, 3, 5, 0x83] {
            assert_eq!(Offload::from_header(&bytes(0, kind, [0, 1460, 0, 0])), None, "{kind}");
        }
        assert_eq!(Offload::from_header(&bytes(1, 1, [54, 0, 34, 16])), None);
    }

    #[test]
    fn what_means_nothing_is_not_looked_at() {
        // Segment size without segmentation, places without a checksum, a count of buffers.
        let mut header = bytes(0x80, 0x80, [0, 1460, 34, 16]);
        header[SHORT..].copy_from_slice(&[7, 7]);
        assert_eq!(Offload::from_header(&header), Some(Offload::default()));
    }
}
