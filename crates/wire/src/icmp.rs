//! What both versions of ICMP share: four bytes of type, code and checksum, four more, and the rest.

/// Before what a message quotes or carries. RFC 792, RFC 4443 §2.1
pub const HEADER_LEN: usize = 8;

/// Where the checksum stands. RFC 792, RFC 4443 §2.1
pub(crate) const CHECKSUM_OFFSET: usize = 2;

/// A question whether somebody is there, or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'p> {
    /// Whose question it is.
    pub ident: u16,
    /// Which of its questions.
    pub sequence: u16,
    /// What the answer repeats.
    pub data: &'p [u8],
}

impl<'p> Echo<'p> {
    pub(crate) const fn new(word: [u8; 4], data: &'p [u8]) -> Self {
        let [a, b, c, d] = word;
        let (ident, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Self { ident, sequence, data }
    }

    pub(crate) const fn word(&self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.ident.to_be_bytes(), self.sequence.to_be_bytes());
        [a, b, c, d]
    }
}

/// A message taken apart: type, code, the four bytes before the rest, the rest.
pub(crate) fn split(message: &[u8]) -> Option<(u8, u8, [u8; 4], &[u8])> {
    let (&[kind, code, _, _, a, b, c, d], rest) = message.split_first_chunk()?;
    Some((kind, code, [a, b, c, d], rest))
}

/// Writes a message with a checksum of zero; `None` if `out` is too short.
pub(crate) fn join<'o>(
    (kind, code): (u8, u8),
    [a, b, c, d]: [u8; 4],
    rest: &[u8],
    out: &'o mut [u8],
) -> Option<&'o mut [u8]> {
    let out = out.get_mut(..HEADER_LEN.checked_add(rest.len())?)?;
    let (head, place) = out.split_first_chunk_mut()?;
    *head = [kind, code, 0, 0, a, b, c, d];
    place.copy_from_slice(rest);
    Some(out)
}

/// Writes the checksum of a message.
pub(crate) fn seal(message: &mut [u8], sum: u16) -> Option<usize> {
    let place = message.get_mut(CHECKSUM_OFFSET..)?.first_chunk_mut()?;
    *place = sum.to_be_bytes();
    Some(message.len())
}
