//! A plain frame codec, sharing nothing with the one under test.

/// A frame with any first byte.
pub(crate) fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(bit | u8::try_from(len).unwrap()),
        len @ 126..65536 => {
            out.push(bit | 126);
            out.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            out.push(bit | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    out.extend(mask.iter().flatten());
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    out
}

/// Splits well-formed frames: first byte and plain payload.
pub(crate) fn frames(mut wire: &[u8], masked: bool) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while let [first, second, rest @ ..] = wire {
        assert_eq!(second & 0x80 != 0, masked, "masked by role");
        let (len, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(rest[..2].try_into().unwrap())), &rest[2..]),
            127 => {
                (u64::from_be_bytes(rest[..8].try_into().unwrap()).try_into().unwrap(), &rest[8..])
            }
            len => (usize::from(len), rest),
        };
        let (key, rest) = if masked { rest.split_at(4) } else { (&[0_u8; 4][..], rest) };
        let payload = rest[..len].iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
        all.push((*first, payload));
        wire = &rest[len..];
    }
    assert!(wire.is_empty(), "whole frames");
    all
}
