//! The virtio-net header before frames of TAP and packet sockets: as `mainstay_wire` has it, but its numbers are in this
//! host's order, as those have it unless told otherwise. In two lengths, of which the longer ends in a count of buffers that
//! has no meaning here.

use super::Offload;
use mainstay_wire::offload::Layout;

/// Bytes before a frame of a TAP or TUN interface. virtio 1.3 §5.1.6, with `num_buffers`.
pub(super) const LONG: usize = Layout::Long.len();

/// Bytes before a frame of a packet socket. virtio 1.3 §5.1.6, without `num_buffers`.
#[cfg(any(target_os = "linux", test))]
pub(super) const SHORT: usize = Layout::Short.len();

/// The header, in its longer form; the shorter one is its first ten bytes.
pub(super) fn to_header(offload: &Offload) -> [u8; LONG] {
    let mut header = [0; LONG];
    let _len = offload.emit(Layout::Long, &mut header);
    in_order(header)
}

/// The facts of a header of ten or more bytes. `None`: too short, or of a segmentation that is not TCP's, or in segments of
/// nothing.
pub(super) fn from_header(header: &[u8]) -> Option<Offload> {
    let mut whole = [0; LONG];
    let len = header.len().min(LONG);
    whole.get_mut(..len)?.copy_from_slice(header.get(..len)?);
    let whole = in_order(whole);
    Offload::parse(Layout::Short, whole.get(..len)?).map(|(offload, _)| offload)
}

/// From the order on the wire to this host's, or back.
fn in_order(mut header: [u8; LONG]) -> [u8; LONG] {
    if cfg!(target_endian = "big") {
        header.get_mut(2..).unwrap_or_default().chunks_exact_mut(2).for_each(<[u8]>::reverse);
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_wire::offload::{Gso, GsoKind, Partial};

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
        let checksum = Offload { partial: Some(Partial { start: 34, offset: 16 }), ..complete };
        let segments = |kind, ecn| Offload {
            gso: Some(Gso { kind, ecn, header_len: 54, size: 1460 }),
            ..checksum
        };
        let cases = [
            (complete, bytes(0, 0, [0; 4])),
            (checksum, bytes(1, 0, [0, 0, 34, 16])),
            (Offload { verified: true, ..complete }, bytes(2, 0, [0; 4])),
            (segments(GsoKind::TcpV4, false), bytes(1, 1, [54, 1460, 34, 16])),
            (segments(GsoKind::TcpV6, false), bytes(1, 4, [54, 1460, 34, 16])),
            (segments(GsoKind::TcpV4, true), bytes(1, 0x81, [54, 1460, 34, 16])),
            (segments(GsoKind::TcpV6, true), bytes(1, 0x84, [54, 1460, 34, 16])),
        ];
        for (offload, header) in cases {
            assert_eq!(to_header(&offload), header, "{offload:?}");
            assert_eq!(from_header(&header), Some(offload));
            assert_eq!(from_header(&header[..SHORT]), Some(offload));
        }
    }

    // Covers TCP-606
    #[test]
    fn a_header_we_cannot_honour_is_none() {
        assert_eq!(from_header(&[0; 9]), None);
        for kind in [2, 3, 5, 0x83] {
            assert_eq!(from_header(&bytes(0, kind, [0, 1460, 0, 0])), None, "{kind}");
        }
        assert_eq!(from_header(&bytes(1, 1, [54, 0, 34, 16])), None);
    }

    #[test]
    fn what_means_nothing_is_not_looked_at() {
        // Segment size without segmentation, places without a checksum, a count of buffers.
        let mut header = bytes(0x80, 0x80, [0, 1460, 34, 16]);
        header[SHORT..].copy_from_slice(&[7, 7]);
        assert_eq!(from_header(&header), Some(Offload::default()));
    }
}
