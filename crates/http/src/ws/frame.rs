//! Frame headers and masks (RFC 6455 §5.2, §5.3): bytes to values and back.

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn new(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Close, ping or pong: short, unfragmented, may stand between fragments.
    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Longest payload of a control frame. RFC 6455 §5.5.
pub(crate) const CONTROL_MAX: usize = 125;
/// Longest header: 2 bytes, 8 of length, 4 of mask. RFC 6455 §5.2.
pub(crate) const HEADER_MAX: usize = 14;

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) len: u64,
}

/// A header that breaks RFC 6455 §5.2: reserved bits or opcode, a bad length, a bad control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadHeader;

impl Header {
    /// Reads a header from the front of `bytes`: itself and its length, or `None` if more is needed.
    /// What is wrong with the bytes that are there is said at once.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, BadHeader> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::new(first & 0x0f).ok_or(BadHeader)?;
        let fin = first & 0x80 != 0;
        if first & 0x70 != 0 || (opcode.is_control() && !fin) {
            return Err(BadHeader);
        }
        let [second, rest @ ..] = rest else { return Ok(None) };
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > CONTROL_MAX {
            return Err(BadHeader);
        }
        let (len, rest) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*len), rest)
            }
            short => (u64::from(short), rest),
        };
        // The shortest encoding, and no sign bit.
        if (short == 126 && len < 126) || (short == 127 && (len < 1 << 16 || len >> 63 != 0)) {
            return Err(BadHeader);
        }
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*mask), rest)
        };
        Ok(Some((Self { fin, opcode, mask, len }, bytes.len() - rest.len())))
    }

    /// Appends the header.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let mut head = [0_u8; HEADER_MAX];
        head[0] = self.opcode.bits() | if self.fin { 0x80 } else { 0 };
        let len = self.len.to_be_bytes();
        let mut used = if self.len < 126 {
            head[1] = len[7] | masked;
            2
        } else if self.len < 1 << 16 {
            head[1] = 126 | masked;
            head[2..4].copy_from_slice(&len[6..]);
            4
        } else {
            head[1] = 127 | masked;
            head[2..10].copy_from_slice(&len);
            10
        };
        if let Some(mask) = self.mask {
            head[used..used + 4].copy_from_slice(&mask);
            used += 4;
        }
        out.extend_from_slice(&head[..used]);
    }

    /// Appends the header and its payload, masked if a mask is set. `len` must be the payload's.
    pub(crate) fn write_frame(&self, payload: &[u8], out: &mut Vec<u8>) {
        self.write(out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let (Some(key), Some(copy)) = (self.mask, out.get_mut(start..)) {
            mask(key, copy);
        }
    }
}

/// Masks or unmasks in place (RFC 6455 §5.3), eight bytes at a time.
pub(crate) fn mask(key: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

/// The key as it continues after `count` bytes.
pub(crate) fn rotate(mut key: [u8; 4], count: usize) -> [u8; 4] {
    key.rotate_left(count % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_reads_back_and_no_prefix_of_it_is_one() {
        for len in [0, 1, 125, 126, 127, 65535, 65536, u64::MAX >> 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                for opcode in [Opcode::Continuation, Opcode::Text, Opcode::Binary] {
                    let header = Header { fin: len % 2 == 0, opcode, mask, len };
                    let mut bytes = Vec::new();
                    header.write(&mut bytes);
                    assert!(bytes.len() <= HEADER_MAX);
                    assert_eq!(Header::parse(&bytes), Ok(Some((header, bytes.len()))));
                    for cut in 0..bytes.len() {
                        assert_eq!(Header::parse(&bytes[..cut]), Ok(None));
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_that_could_be_shorter_or_negative_are_refused() {
        assert_eq!(Header::parse(&[0x82, 126, 0, 125]), Err(BadHeader));
        assert_eq!(Header::parse(&[0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255]), Err(BadHeader));
        assert_eq!(Header::parse(&[0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0]), Err(BadHeader));
    }

    #[test]
    fn masking_in_pieces_is_masking_at_once() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let plain: Vec<u8> = (0..=255).collect();
        for cut in 0..plain.len() {
            let mut pieces = plain.clone();
            let (front, back) = pieces.split_at_mut(cut);
            mask(key, front);
            mask(rotate(key, cut), back);
            let expected: Vec<u8> =
                plain.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
            assert_eq!(pieces, expected);
        }
    }
}
