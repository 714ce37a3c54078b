//! Captures in the classic format, as bytes: what a link saw, for wireshark and tcpdump.
//!
//! Source: draft-ietf-opsawg-pcap §4, §5. Whoever calls writes the bytes to a file.

use mainstay_base::Instant;

/// What the frames of a capture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet frames: `LINKTYPE_ETHERNET`.
    Ethernet,
    /// IPv4 and IPv6 packets: `LINKTYPE_RAW`.
    Raw,
}

/// Says byte order and microseconds. draft-ietf-opsawg-pcap §4
const MAGIC: u32 = 0xa1b2_c3d4;

/// draft-ietf-opsawg-pcap §4
const VERSION: (u16, u16) = (2, 4);

/// Bytes of a frame that are kept at most: more than any frame has.
const SNAP_LEN: u32 = 262_144;

/// Appends what a capture begins with.
pub fn begin(out: &mut Vec<u8>, kind: LinkType) {
    let kind: u32 = match kind {
        LinkType::Ethernet => 1,
        LinkType::Raw => 101,
    };
    out.extend(MAGIC.to_le_bytes());
    out.extend(VERSION.0.to_le_bytes());
    out.extend(VERSION.1.to_le_bytes());
    out.extend([0; 8]); // Reserved.
    out.extend(SNAP_LEN.to_le_bytes());
    out.extend(kind.to_le_bytes());
}

/// Appends a frame that was seen at `at`; longer ones are cut at 256 KiB.
pub fn frame(out: &mut Vec<u8>, at: Instant, bytes: &[u8]) {
    let kept = bytes.len().min(usize::try_from(SNAP_LEN).unwrap_or(usize::MAX));
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    out.extend(number(at.as_micros() / 1_000_000));
    out.extend(number(at.as_micros() % 1_000_000));
    out.extend(len(kept));
    out.extend(len(bytes.len()));
    out.extend(&bytes[..kept]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_what_the_format_says() {
        let mut out = Vec::new();
        begin(&mut out, LinkType::Ethernet);
        let head =
            [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
        assert_eq!(out, head);
        out.clear();
        frame(&mut out, Instant::from_micros(2_000_003), b"abc");
        assert_eq!(out, [2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c']);
    }
}
