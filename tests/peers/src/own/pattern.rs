//! Bytes that are different at every place: what is sent, and what it is compared with.

use std::sync::OnceLock;

/// Bytes of the block that repeats. chosen: a prime, so that no segment, window or buffer is a multiple of it
const BLOCK: usize = 1_048_583;

/// A direction of a connection: how far its bytes are, and whether they were the right ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    at: u64,
    wrong: Option<u64>,
}

impl Pattern {
    /// At the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self { at: 0, wrong: None }
    }

    /// How many bytes have passed.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Where the first byte was that should have been another.
    #[must_use]
    pub const fn wrong(&self) -> Option<u64> {
        self.wrong
    }

    /// The next bytes, `max` at most and not none.
    #[must_use]
    pub fn next(&self, max: u64) -> &'static [u8] {
        let block = block();
        let place = place(self.at);
        let len = usize::try_from(max).unwrap_or(usize::MAX).min(block.len() - place);
        &block[place..place + len]
    }

    /// So many bytes have been sent.
    pub fn sent(&mut self, len: usize) {
        self.at += u64::try_from(len).unwrap();
    }

    /// These bytes have come.
    pub fn received(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let expected = self.next(u64::try_from(bytes.len()).unwrap());
            let (head, rest) = bytes.split_at(expected.len());
            if head != expected && self.wrong.is_none() {
                let same =
                    head.iter().zip(expected).take_while(|(is, should)| is == should).count();
                self.wrong = Some(self.at + u64::try_from(same).unwrap());
            }
            self.at += u64::try_from(head.len()).unwrap();
            bytes = rest;
        }
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at % u64::try_from(BLOCK).unwrap()).unwrap()
}

fn block() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            // xorshift64, Marsaglia 2003.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..BLOCK).map(|_| next()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_what_is_expected_and_a_shifted_byte_is_not() {
        let mut sent = Pattern::new();
        let mut bytes = Vec::new();
        while sent.at() < 3_000_000 {
            let next = sent.next((3_000_000 - sent.at()).min(70_000));
            bytes.extend_from_slice(next);
            sent.sent(next.len());
        }
        let mut received = Pattern::new();
        for piece in bytes.chunks(77_777) {
            received.received(piece);
        }
        assert_eq!((received.at(), received.wrong()), (3_000_000, None));
        bytes.remove(2_000_000);
        let mut received = Pattern::new();
        received.received(&bytes);
        assert!(received.wrong().is_some_and(|at| (2_000_000..2_000_010).contains(&at)));
    }
}
