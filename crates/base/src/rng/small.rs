//! `ChaCha12` (Bernstein, 2008), one block at a time and in loops: the same stream as the library's, which makes four
//! blocks at once and takes five kilobytes of text and one of stack for it. For machines without an operating system.

use rand_chacha::rand_core::SeedableRng;

/// The stream: 64 bits of counter, and the nonce zero.
#[derive(Clone)]
pub(super) struct Small {
    key: [u32; 8],
    /// The next block.
    block: u64,
    /// The present one.
    words: [u32; 16],
    /// Words of it that were used.
    used: usize,
}

/// Bernstein, "`ChaCha`, a variant of Salsa20", section 3: "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// Pairs of rounds, of columns and of diagonals.
const DOUBLE_ROUNDS: usize = 6;
/// Which words a quarter round mixes.
const QUARTERS: [[u8; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

impl SeedableRng for Small {
    type Seed = [u8; 32];

    fn from_seed(seed: [u8; 32]) -> Self {
        let (chunks, _) = seed.as_chunks::<4>();
        let mut key = [0; 8];
        for (word, chunk) in key.iter_mut().zip(chunks) {
            *word = u32::from_le_bytes(*chunk);
        }
        Self { key, block: 0, words: [0; 16], used: 16 }
    }
}

impl Small {
    /// The next 32 bits.
    #[inline(never)]
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.used >= self.words.len() {
            self.make_block();
            self.used = 0;
        }
        let word = self.words.get(self.used).copied().unwrap_or(0);
        self.used += 1;
        word
    }

    /// The next 64 bits.
    pub(super) fn next_u64(&mut self) -> u64 {
        let low = self.next_u32();
        u64::from(self.next_u32()) << 32 | u64::from(low)
    }

    /// Fills `bytes`; what is left of the last word is not used.
    pub(super) fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            for (byte, random) in chunk.iter_mut().zip(self.next_u32().to_le_bytes()) {
                *byte = random;
            }
        }
    }

    /// What a block is made of: constants, key and the block's number.
    fn start(&self, place: usize) -> u32 {
        let [a, b, c, d, e, f, g, h] = self.block.to_le_bytes();
        match place {
            0..4 => CONSTANTS[place],
            4..12 => self.key[place - 4],
            12 => u32::from_le_bytes([a, b, c, d]),
            13 => u32::from_le_bytes([e, f, g, h]),
            _ => 0,
        }
    }

    #[inline(never)]
    fn make_block(&mut self) {
        for place in 0..16 {
            self.words[place] = self.start(place);
        }
        for _ in 0..DOUBLE_ROUNDS {
            for quarter in &QUARTERS {
                mix(&mut self.words, *quarter);
            }
        }
        for place in 0..16 {
            self.words[place] = self.words[place].wrapping_add(self.start(place));
        }
        self.block = self.block.wrapping_add(1);
    }
}

/// A quarter round.
fn mix(words: &mut [u32; 16], places: [u8; 4]) {
    let [a, b, c, d] = places.map(|place| usize::from(place & 15));
    for (first, second) in [(16, 12), (8, 7)] {
        words[a] = words[a].wrapping_add(words[b]);
        words[d] = (words[d] ^ words[a]).rotate_left(first);
        words[c] = words[c].wrapping_add(words[d]);
        words[b] = (words[b] ^ words[c]).rotate_left(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::Rng as _;

    #[test]
    fn it_is_the_stream_of_the_library_however_it_is_read() {
        for seed in 0..20_u8 {
            let seed: [u8; 32] =
                core::array::from_fn(|at| seed.wrapping_mul(37) ^ at.to_le_bytes()[0]);
            let (mut own, mut other) = (Small::from_seed(seed), ChaCha12Rng::from_seed(seed));
            for len in 0..90 {
                assert_eq!(own.next_u32(), other.next_u32());
                let (mut one, mut two) = ([0; 90], [0; 90]);
                own.fill_bytes(&mut one[..len]);
                other.fill_bytes(&mut two[..len]);
                assert_eq!(one, two);
                assert_eq!(own.next_u64(), other.next_u64());
            }
        }
        let (mut own, mut other) = (Small::seed_from_u64(7), ChaCha12Rng::seed_from_u64(7));
        assert_eq!(own.next_u64(), other.next_u64());
    }
}
