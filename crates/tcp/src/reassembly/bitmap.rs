//! One bit per byte of the ring, in the storage behind the data (TCP-450, TCP-455).
//!
//! Bits are in the order of ring positions, the lowest bit of each byte first. Searches go by machine words, fills by
//! whole bytes between masked ends; a span that wraps is two runs.

use super::{Assembly, Place};
use crate::offset::Offset;
use core::ops::Range;

/// Out-of-order bytes remembered as bits in the storage's tail: an eighth of the buffer, any number of gaps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitmap;

impl<O: Offset> Assembly<O> for Bitmap {
    fn data_len(storage: usize) -> usize {
        storage - storage.wrapping_add(8) / 9 // no slice is so long
    }

    fn first_held(&self, marks: &[u8], place: Place, from: usize, to: usize) -> usize {
        find(marks, place, from..to, 0)
    }

    fn first_free(&self, marks: &[u8], place: Place, from: usize, to: usize) -> usize {
        find(marks, place, from..to, usize::MAX)
    }

    #[cfg_attr(target_os = "none", inline)]
    fn mark(&mut self, marks: &mut [u8], place: Place, from: usize, to: usize) -> bool {
        let [near, far] = place.runs(from..to);
        fill(marks, near, u8::MAX);
        fill(marks, far, u8::MAX);
        true
    }

    #[cfg_attr(target_os = "none", inline)]
    fn advance(&mut self, marks: &mut [u8], place: Place, n: usize) {
        let [near, far] = place.runs(0..n);
        fill(marks, near, 0);
        fill(marks, far, 0);
    }

    fn rotate(&mut self, marks: &mut [u8], capacity: usize, by: usize) {
        reverse(marks, 0..by);
        reverse(marks, by..capacity);
        reverse(marks, 0..capacity);
    }

    fn count(&self, marks: &[u8], capacity: usize) -> usize {
        let used = &marks[..capacity.div_ceil(8)];
        used.iter().fold(0, |sum, byte| sum.saturating_add(bits(byte.count_ones())))
    }

    fn clear(&mut self, marks: &mut [u8], capacity: usize) {
        marks[..capacity.div_ceil(8)].fill(0);
    }
}

impl Place {
    /// The ring positions of a span of offsets: up to the ring's end, and from its start.
    fn runs(self, span: Range<usize>) -> [Range<usize>; 2] {
        let wrap = self.capacity - self.edge;
        let near = self.edge + span.start.min(wrap)..self.edge + span.end.min(wrap);
        let far = span.start.max(wrap) - wrap..span.end.max(wrap) - wrap;
        [near, far]
    }
}

const WORD_BYTES: usize = size_of::<usize>();
const WORD_BITS: usize = WORD_BYTES * 8;

/// A count of bits is at most a word's.
const fn bits(count: u32) -> usize {
    count as usize
}

/// The first offset in `span` whose bit, flipped by `flip`, is one; its end if there is none.
fn find(marks: &[u8], place: Place, span: Range<usize>, flip: usize) -> usize {
    if span.is_empty() {
        return span.end;
    }
    let [near, far] = place.runs(span);
    if let Some(position) = first(marks, near.clone(), flip) {
        return position - place.edge;
    }
    let wrap = place.capacity - place.edge;
    match first(marks, far.clone(), flip) {
        Some(position) => position + wrap,
        None if far.is_empty() => near.end - place.edge,
        None => far.end + wrap,
    }
}

/// The first position in `run` whose bit, flipped by `flip`, is one.
fn first(marks: &[u8], run: Range<usize>, flip: usize) -> Option<usize> {
    if run.is_empty() {
        return None;
    }
    let mut word = run.start / WORD_BITS;
    let mut value = (load(marks, word) ^ flip) & (usize::MAX << (run.start % WORD_BITS));
    if value == 0 && WORD_BITS > 32 {
        word += 1;
        word += blocks_of(marks.get(word * WORD_BYTES..run.end / 8).unwrap_or_default(), flip)
            * BLOCK_WORDS;
    }
    while value == 0 {
        if word * WORD_BITS >= run.end {
            return None;
        }
        value = load(marks, word) ^ flip;
        if value == 0 {
            word += 1;
        }
    }
    let position = word * WORD_BITS + bits(value.trailing_zeros());
    (position < run.end).then_some(position)
}

/// Words looked at without asking in between, so that the compiler can use wide registers.
/// chosen: 64 bytes, a cache line, where words have eight
const BLOCK_WORDS: usize = 8;

/// How many whole blocks at the start of `marks` have only words like `like`.
fn blocks_of(marks: &[u8], like: usize) -> usize {
    let (words, _) = marks.as_chunks::<WORD_BYTES>();
    let (blocks, _) = words.as_chunks::<BLOCK_WORDS>();
    let differs = |block: &[[u8; WORD_BYTES]; BLOCK_WORDS]| {
        block.iter().fold(0, |sum, word| sum | (usize::from_le_bytes(*word) ^ like)) != 0
    };
    blocks.iter().position(differs).unwrap_or(blocks.len())
}

/// The word numbered `word`; zeros where the marks end within it.
#[inline]
fn load(marks: &[u8], word: usize) -> usize {
    let rest = marks.get(word * WORD_BYTES..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<WORD_BYTES>() {
        return usize::from_le_bytes(*whole);
    }
    let mut padded = [0; WORD_BYTES];
    padded[..rest.len()].copy_from_slice(rest);
    usize::from_le_bytes(padded)
}

/// Splits `run` into a first and a last byte with their masks, and the bytes between.
fn ends(run: &Range<usize>) -> ((usize, u8), (usize, u8)) {
    let last = run.end - 1;
    ((run.start / 8, u8::MAX << (run.start % 8)), (last / 8, u8::MAX >> (7 - last % 8)))
}

/// Sets or unsets the bits of `run`: `value` is all ones or zero.
fn fill(marks: &mut [u8], run: Range<usize>, value: u8) {
    if run.is_empty() {
        return;
    }
    let ((head, head_mask), (tail, tail_mask)) = ends(&run);
    let mut put = |at: usize, mask: u8| marks[at] = (marks[at] & !mask) | (value & mask);
    if head == tail {
        put(head, head_mask & tail_mask);
        return;
    }
    put(head, head_mask);
    put(tail, tail_mask);
    marks[head + 1..tail].fill(value);
}

/// Turns the bits of `run` round in place, half a word at a time from both ends.
fn reverse(marks: &mut [u8], run: Range<usize>) {
    let Range { start: mut low, end: mut high } = run;
    while high.saturating_sub(low) >= 2 {
        let count = ((high - low) / 2).min(PIECE_BITS);
        let (front, back) = (get(marks, low, count), get(marks, high - count, count));
        put(marks, low, count, turn(back, count));
        put(marks, high - count, count, turn(front, count));
        low += count;
        high -= count;
    }
}

/// Bits moved at once, so that with up to seven in front of them they fit the eight bytes of a piece.
/// chosen: a whole number of bytes below 64 - 7
const PIECE_BITS: usize = 56;

/// The `count` bits from `position` on, `count` at most `PIECE_BITS`.
fn get(marks: &[u8], position: usize, count: usize) -> u64 {
    let from = position / 8;
    let to = (position + count).div_ceil(8);
    let mut piece = [0; 8];
    piece[..to - from].copy_from_slice(&marks[from..to]);
    (u64::from_le_bytes(piece) >> (position % 8)) & low_bits(count)
}

/// Replaces the `count` bits from `position` on.
fn put(marks: &mut [u8], position: usize, count: usize, value: u64) {
    let from = position / 8;
    let to = (position + count).div_ceil(8);
    let shift = position % 8;
    let mut piece = [0; 8];
    piece[..to - from].copy_from_slice(&marks[from..to]);
    let kept = u64::from_le_bytes(piece) & !(low_bits(count) << shift);
    piece = (kept | value << shift).to_le_bytes();
    marks[from..to].copy_from_slice(&piece[..to - from]);
}

const fn low_bits(count: usize) -> u64 {
    (1 << count) - 1
}

/// The low `count` bits in the other order, `count` at least one.
const fn turn(value: u64, count: usize) -> u64 {
    value.reverse_bits() >> (64 - count)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-012
    #[test]
    fn a_storage_is_split_into_as_much_data_as_its_bits_leave() {
        for (storage, data) in
            [(0, 0), (1, 0), (2, 1), (9, 8), (10, 8), (11, 9), (2599, 2310), (4158, 3696)]
        {
            assert_eq!(<Bitmap as Assembly<u16>>::data_len(storage), data, "{storage}");
        }
        for storage in 2..3000_usize {
            let data = <Bitmap as Assembly<u32>>::data_len(storage);
            assert!(data + data.div_ceil(8) <= storage);
            assert!(data + 1 + (data + 1).div_ceil(8) > storage, "more would fit {storage}");
        }
    }

    #[test]
    fn bits_turned_round_twice_are_as_before() {
        let mut marks = [
            0b1011_0010_u8,
            0x5a,
            0x0f,
            0x81,
            0x33,
            0xc7,
            0x18,
            0x99,
            0x42,
            0x7e,
            0x01,
            0xfe,
            0x10,
        ];
        let before = marks;
        reverse(&mut marks, 3..101);
        for bit in 3..101 {
            let other = 103 - bit;
            assert_eq!(get(&marks, bit, 1), get(&before, other, 1), "{bit}");
        }
        reverse(&mut marks, 3..101);
        assert_eq!(marks, before);
    }

    // Covers TCP-455
    #[test]
    fn rotated_bits_are_where_the_rotated_bytes_are() {
        let capacity = 203;
        let held = |position: usize| position % 7 == 3 || position % 11 == 5;
        for by in 0..capacity {
            let mut marks = [0; 26];
            (0..capacity)
                .filter(|position| held(*position))
                .for_each(|position| fill(&mut marks, position..position + 1, u8::MAX));
            <Bitmap as Assembly<u16>>::rotate(&mut Bitmap, &mut marks, capacity, by);
            for position in 0..capacity {
                let bit = get(&marks, position, 1) == 1;
                assert_eq!(bit, held((position + by) % capacity), "{position} rotated by {by}");
            }
        }
    }
}
