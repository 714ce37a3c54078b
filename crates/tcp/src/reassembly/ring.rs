//! The receive ring: in-order bytes not yet read, and behind them, in their final places, those that came early.

use super::{Assembly, Place};
use crate::offset::Offset;

/// The state of a receive ring over a storage the caller owns.
///
/// From `start` on stand the in-order bytes not yet read; behind them, up to `start` again, is the free part, in which
/// out-of-order bytes already stand where they will be read. The same storage goes into every call. Before the first
/// [`write`](Self::write) the storage is made ready by [`clear`](Self::clear), as the assembly may live in it.
#[derive(Clone, Debug, Default)]
pub struct Ring<O: Offset, A: Assembly<O>> {
    start: O,
    unread: O,
    out_of_order: O,
    /// Where the newest out-of-order segment began, from the edge; zero if the edge has passed it. A byte at the edge
    /// is never held, so zero is free for this.
    newest: O,
    /// The same of the segment before it that stood in another run.
    previous: O,
    assembly: A,
}

/// What a [`Ring::write`] did. Offsets are from the edge as it was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Written {
    /// By how many bytes the in-order edge moved.
    pub advanced: usize,
    /// How many bytes were not held before and are now.
    pub fresh: usize,
    /// The first run of the given bytes that was held already: start and end (RFC 2883, TCP-482).
    pub duplicate: Option<(usize, usize)>,
}

impl<O: Offset, A: Assembly<O>> Ring<O, A> {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: O::default(),
            unread: O::default(),
            out_of_order: O::default(),
            newest: O::default(),
            previous: O::default(),
            assembly: A::default(),
        }
    }

    /// How many bytes of data `storage` has room for: D of TCP-012, bounded by what an offset can say.
    #[must_use]
    #[inline]
    pub fn capacity(storage: &[u8]) -> usize {
        Self::capacity_of(storage.len())
    }

    /// How many bytes of data a storage of `storage_len` bytes has room for.
    #[must_use]
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn capacity_of(storage_len: usize) -> usize {
        A::data_len(storage_len).min(O::MAX)
    }

    /// In-order bytes not yet committed.
    #[must_use]
    #[inline]
    pub fn unread(&self) -> usize {
        self.unread.get()
    }

    /// Bytes held ahead of their turn.
    #[must_use]
    #[inline]
    pub fn out_of_order(&self) -> usize {
        self.out_of_order.get()
    }

    /// Whether it holds nothing at all.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.unread() == 0 && self.out_of_order() == 0
    }

    /// How far behind the edge bytes can be taken: the window of TCP-470. Out-of-order bytes lie inside it.
    #[must_use]
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn room(&self, storage: &[u8]) -> usize {
        Self::capacity(storage).saturating_sub(self.unread())
    }

    /// Takes `bytes`, the first of which is `offset` bytes behind the edge.
    ///
    /// Bytes beyond [`room`](Self::room) are the caller's fault and cut off. Bytes already held win (TCP-453).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn write(&mut self, storage: &mut [u8], offset: usize, bytes: &[u8]) -> Written {
        let room = self.room(storage);
        debug_assert!(offset.saturating_add(bytes.len()) <= room, "bytes beyond the window");
        let bytes = &bytes[..bytes.len().min(room.saturating_sub(offset))];
        if offset > 0 || self.out_of_order() > 0 {
            return self.write_ahead(storage, offset, bytes);
        }
        let place = self.place(storage);
        place.copy(&mut storage[..place.capacity], 0, bytes);
        self.unread = O::from_usize(self.unread() + bytes.len());
        Written { advanced: bytes.len(), fresh: bytes.len(), duplicate: None }
    }

    /// Copies bytes that come next in sequence to where they will be read, by `copy` and in at most two pieces; nothing is
    /// taken before [`take_next`](Self::take_next). `false`, and no effect, if there is not room for all or some are held
    /// ahead of their turn: then [`write`](Self::write) knows what to do.
    #[inline(always)]
    pub fn place_next(
        &self,
        storage: &mut [u8],
        bytes: &[u8],
        mut copy: impl FnMut(&[u8], &mut [u8]),
    ) -> bool {
        let Place { edge, capacity } = self.place(storage);
        if self.out_of_order() > 0 || bytes.len() > capacity.saturating_sub(self.unread()) {
            return false;
        }
        let data = storage.get_mut(..capacity).unwrap_or_default();
        if let Some(place) = data.get_mut(edge..edge + bytes.len()) {
            copy(bytes, place);
        } else {
            let (near, far) = bytes.split_at(capacity - edge);
            copy(near, &mut data[edge..]);
            copy(far, &mut data[..far.len()]);
        }
        true
    }

    /// Takes the `n` bytes placed by [`place_next`](Self::place_next).
    #[inline]
    pub fn take_next(&mut self, n: usize) {
        self.unread = O::from_usize(self.unread() + n);
    }

    /// The unread bytes in order, as at most two slices (TCP-050); the second is empty unless they wrap.
    #[must_use]
    #[inline]
    pub fn chunks<'s>(&self, storage: &'s [u8]) -> [&'s [u8]; 2] {
        let (start, unread, capacity) = (self.start.get(), self.unread(), Self::capacity(storage));
        let near = unread.min(capacity - start);
        [&storage[start..start + near], &storage[..unread - near]]
    }

    /// Makes the unread bytes one slice, in place (TCP-053). Out-of-order bytes move with them.
    pub fn contiguify<'s>(&mut self, storage: &'s mut [u8]) -> &'s [u8] {
        let (start, unread, capacity) = (self.start.get(), self.unread(), Self::capacity(storage));
        if start + unread <= capacity {
            return &storage[start..start + unread];
        }
        let (data, marks) = storage.split_at_mut(capacity);
        data.rotate_left(start);
        if self.out_of_order() > 0 {
            self.assembly.rotate(marks, capacity, start);
        }
        self.start = O::default();
        &storage[..unread]
    }

    /// Frees the first `n` unread bytes (TCP-054); `false` and no effect if there are fewer.
    #[must_use]
    #[inline]
    pub fn commit(&mut self, storage_len: usize, n: usize) -> bool {
        let Some(unread) = self.unread().checked_sub(n) else { return false };
        self.unread = O::from_usize(unread);
        // An empty ring begins anew: fewer wraps, and the bytes it will touch are those last in the cache.
        let start = if self.is_empty() {
            0
        } else {
            wrap(self.start.get() + n, Self::capacity_of(storage_len))
        };
        self.start = O::from_usize(start);
        true
    }

    /// The runs of out-of-order bytes as offsets from the edge, start and end, in the order SACK wants them (TCP-481):
    /// the one with the newest segment, the one with the segment before, then ascending. How many there are in `out`.
    #[cfg_attr(target_os = "none", inline)]
    pub fn runs(&self, storage: &[u8], out: &mut [(usize, usize)]) -> usize {
        let (place, room) = (self.place(storage), self.room(storage));
        let marks = &storage[place.capacity..];
        let (mut first, mut second) = (None, None);
        let (mut others, mut offset, mut left) = (0, 0, self.out_of_order());
        let mut ahead = usize::from(self.newest.get() > 0) + usize::from(self.previous.get() > 0);
        let mut missing = ahead;
        let mut walked = 0;
        while left > 0 && (missing > 0 || others + ahead < out.len()) {
            if walked == RUNS_MAX {
                // Somebody sends crumbs: to the newest of them, past all that lies before it.
                if self.newest.get() < offset {
                    break;
                }
                offset = self.newest.get();
            } else {
                walked += 1;
            }
            let start = self.assembly.first_held(marks, place, offset, room);
            let end = self.assembly.first_free(marks, place, start, room);
            if start >= end {
                break; // the count of bytes held is wrong; `check` says so
            }
            let has = |segment: O| (start..end).contains(&segment.get());
            let known = usize::from(has(self.newest)) + usize::from(has(self.previous));
            missing = missing.saturating_sub(known);
            ahead -= known.saturating_sub(1);
            if has(self.newest) {
                first = Some((start, end));
            } else if known > 0 {
                second = Some((start, end));
            } else if let Some(slot) = out.get_mut(others) {
                *slot = (start, end);
                others += 1;
            }
            (offset, left) = (end, left.saturating_sub(end - start));
        }
        put_first(out, others, first.into_iter().chain(second))
    }

    /// The free places from the edge to the first held byte, for who writes in-order bytes there directly (TCP-459).
    ///
    /// They stay what they are until the next call but [`placed`](Self::placed).
    pub fn free_spans<'s>(&self, storage: &'s mut [u8]) -> [&'s mut [u8]; 2] {
        let place = self.place(storage);
        let len = self.gap(storage);
        let near = len.min(place.capacity - place.edge);
        let (before, behind) = storage[..place.capacity].split_at_mut(place.edge);
        [&mut behind[..near], &mut before[..len - near]]
    }

    /// `n` in-order bytes stand in the [`free_spans`](Self::free_spans). By how much the edge moved.
    pub fn placed(&mut self, storage: &mut [u8], n: usize) -> usize {
        let gap = self.gap(storage);
        debug_assert!(n <= gap, "more placed than was free");
        let n = n.min(gap);
        if self.out_of_order() == 0 {
            self.unread = O::from_usize(self.unread() + n);
            return n;
        }
        self.advance(storage, n, n)
    }

    /// Forgets everything, and makes `storage` ready.
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn clear(&mut self, storage: &mut [u8]) {
        let capacity = Self::capacity(storage);
        *self = Self::new();
        self.assembly.clear(&mut storage[capacity..], capacity);
    }

    /// The invariants of TCP-711.
    ///
    /// # Panics
    /// When one does not hold.
    pub fn check(&self, storage: &[u8]) {
        let (capacity, room) = (Self::capacity(storage), self.room(storage));
        let (place, marks) = (self.place(storage), &storage[capacity..]);
        assert!(self.start.get() < capacity.max(1), "start outside the ring");
        assert!(self.unread() + self.out_of_order() <= capacity, "more than the ring has room for");
        assert!(
            self.newest.get() < room.max(1) && self.previous.get() < room.max(1),
            "a segment beyond the window"
        );
        assert_eq!(
            self.assembly.count(marks, capacity),
            self.out_of_order(),
            "held bytes are counted wrong"
        );
        let (mut held, mut offset) = (0, 0);
        while offset < room {
            let start = self.assembly.first_held(marks, place, offset, room);
            assert!(start > 0, "the byte at the edge is held, so it is not the edge");
            offset = self.assembly.first_free(marks, place, start, room);
            held += offset - start;
        }
        assert_eq!(held, self.out_of_order(), "bytes are held outside the free part");
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn place(&self, storage: &[u8]) -> Place {
        let capacity = Self::capacity(storage);
        Place { edge: wrap(self.start.get() + self.unread(), capacity), capacity }
    }

    /// The bytes from the edge to the first held one.
    fn gap(&self, storage: &[u8]) -> usize {
        let room = self.room(storage);
        if self.out_of_order() == 0 {
            return room;
        }
        let place = self.place(storage);
        self.assembly.first_held(&storage[place.capacity..], place, 0, room)
    }

    /// [`write`](Self::write) with bytes ahead of their turn, these or others.
    #[cfg_attr(target_os = "none", inline)]
    fn write_ahead(&mut self, storage: &mut [u8], offset: usize, bytes: &[u8]) -> Written {
        if bytes.is_empty() {
            return Written::default();
        }
        let place = self.place(storage);
        let (data, marks) = storage.split_at_mut(place.capacity);
        let end = offset + bytes.len();
        let mut written = Written::default();
        let mut at = offset;
        while at < end {
            let held = self.assembly.first_held(marks, place, at, end);
            place.copy(data, at, &bytes[at - offset..held - offset]);
            written.fresh += held - at;
            at = self.assembly.first_free(marks, place, held, end);
            if at > held {
                written.duplicate = written.duplicate.or(Some((held, at)));
            }
        }
        if offset == 0 {
            written.advanced = self.advance(storage, end, written.fresh);
        } else if self.assembly.mark(marks, place, offset, end) {
            self.out_of_order = O::from_usize(self.out_of_order() + written.fresh);
            self.note(marks, place, offset);
        } else {
            written.fresh = 0;
        }
        written
    }

    /// The edge passes `end` bytes, `fresh` of which were not held, and the run held behind them (TCP-452).
    #[cfg_attr(target_os = "none", inline)]
    fn advance(&mut self, storage: &mut [u8], end: usize, fresh: usize) -> usize {
        let (place, room) = (self.place(storage), self.room(storage));
        let marks = &mut storage[place.capacity..];
        let advanced = self.assembly.first_free(marks, place, end, room);
        self.assembly.advance(marks, place, advanced);
        self.unread = O::from_usize(self.unread() + advanced);
        self.out_of_order = O::from_usize((self.out_of_order() + fresh).saturating_sub(advanced));
        self.newest = O::from_usize(self.newest.get().saturating_sub(advanced));
        self.previous = O::from_usize(self.previous.get().saturating_sub(advanced));
        advanced
    }

    /// Remembers the out-of-order segment at `offset` as the newest; the one before it only if it is in another run.
    #[cfg_attr(target_os = "none", inline)]
    fn note(&mut self, marks: &[u8], place: Place, offset: usize) {
        let before = self.newest.get();
        let (from, to) = (before.min(offset), before.max(offset));
        if before > 0 && self.assembly.first_free(marks, place, from, to) < to {
            self.previous = self.newest;
        }
        self.newest = O::from_usize(offset);
    }
}

/// Runs that are looked at one by one for one acknowledgement. chosen: more than losses make of one window, and few
/// enough that a peer who leaves a gap after every byte makes no acknowledgement dear (TCP-540)
const RUNS_MAX: usize = 64;

impl Place {
    /// Copies `bytes` to the place `offset` bytes behind the edge.
    #[inline]
    fn copy(self, data: &mut [u8], offset: usize, bytes: &[u8]) {
        let at = wrap(self.edge + offset, self.capacity);
        if let Some(place) = data.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
            return;
        }
        let (near, far) = bytes.split_at(self.capacity - at);
        data[at..].copy_from_slice(near);
        data[..far.len()].copy_from_slice(far);
    }
}

#[inline]
const fn wrap(position: usize, capacity: usize) -> usize {
    if position >= capacity { position - capacity } else { position }
}

/// Puts `front` before the first `others` of `out`, of which the last ones may fall out. How many there are.
#[cfg_attr(target_os = "none", inline)]
fn put_first(
    out: &mut [(usize, usize)],
    others: usize,
    front: impl Iterator<Item = (usize, usize)> + Clone,
) -> usize {
    let ahead = front.clone().count().min(out.len());
    let others = others.min(out.len() - ahead);
    // Two runs at most move, and a call of memmove takes a hundred bytes of stack.
    for at in (ahead..ahead + others).rev() {
        if let Some(run) = out.get(at - ahead).copied()
            && let Some(slot) = out.get_mut(at)
        {
            *slot = run;
        }
    }
    for (slot, run) in out.iter_mut().zip(front) {
        *slot = run;
    }
    ahead + others
}

#[cfg(test)]
mod tests {
    use super::super::{Bitmap, Ranges};
    use super::*;
    use core::cell::Cell;

    type Small = Ring<u16, Bitmap>;

    fn ready(storage: &mut [u8]) -> Small {
        let mut ring = Small::new();
        ring.clear(storage);
        ring
    }

    /// Counts how often it is asked.
    #[derive(Debug, Default)]
    struct Watched(Cell<usize>);

    impl Watched {
        fn asked(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    impl Assembly<u32> for Watched {
        fn data_len(storage: usize) -> usize {
            storage
        }

        fn first_held(&self, _: &[u8], _: Place, _: usize, to: usize) -> usize {
            self.asked();
            to
        }

        fn first_free(&self, _: &[u8], _: Place, from: usize, _: usize) -> usize {
            self.asked();
            from
        }

        fn mark(&mut self, _: &mut [u8], _: Place, _: usize, _: usize) -> bool {
            self.asked();
            false
        }

        fn advance(&mut self, _: &mut [u8], _: Place, _: usize) {
            self.asked();
        }

        fn rotate(&mut self, _: &mut [u8], _: usize, _: usize) {
            self.asked();
        }

        fn count(&self, _: &[u8], _: usize) -> usize {
            self.asked();
            0
        }

        fn clear(&mut self, _: &mut [u8], _: usize) {
            self.asked();
        }
    }

    // Covers TCP-451
    #[test]
    fn while_nothing_came_early_the_memory_of_it_is_not_touched() {
        let mut storage = [0; 10];
        let mut ring = Ring::<u32, Watched>::new();
        for _ in 0..5 {
            assert_eq!(ring.write(&mut storage, 0, b"abcdef").advanced, 6);
            assert!(ring.commit(storage.len(), 3));
            let [near, _] = ring.free_spans(&mut storage);
            near[0] = b'g';
            assert_eq!(ring.placed(&mut storage, 1), 1);
            assert_eq!(ring.contiguify(&mut storage), b"defg");
            assert_eq!(ring.runs(&storage, &mut [(0, 0); 4]), 0);
            assert!(ring.commit(storage.len(), 4));
        }
        assert_eq!(ring.assembly.0.get(), 0);
        let _written = ring.write(&mut storage, 1, b"x");
        assert!(ring.assembly.0.get() > 0, "it would have shown");
    }

    // Covers TCP-050, TCP-053, TCP-054
    #[test]
    fn unread_bytes_are_two_slices_at_most_and_one_when_asked() {
        let mut storage = [0; 10];
        let mut ring = ready(&mut storage);
        assert_eq!(ring.chunks(&storage), [b"", b""]);
        assert_eq!(ring.write(&mut storage, 0, b"abcdef").advanced, 6);
        assert!(ring.commit(10, 4));
        assert_eq!(ring.write(&mut storage, 0, b"ghij").advanced, 4);
        assert_eq!(ring.chunks(&storage), [&b"efgh"[..], b"ij"]);
        assert_eq!(ring.write(&mut storage, 1, b"!").fresh, 1);
        assert_eq!(ring.contiguify(&mut storage), b"efghij");
        ring.check(&storage);
        assert!(!ring.commit(10, 7), "there are six");
        assert!(ring.commit(10, 0));
        assert_eq!(ring.chunks(&storage), [&b"efghij"[..], b""]);
        assert_eq!(ring.write(&mut storage, 0, b"?").advanced, 2);
        assert_eq!(ring.chunks(&storage), [&b"efghij?!"[..], b""]);
        assert_eq!(ring.room(&storage), 0);
    }

    /// A bitmap that counts how often it is asked.
    #[derive(Debug, Default)]
    struct Counted(Bitmap, Cell<usize>);

    impl Assembly<u32> for Counted {
        fn data_len(storage: usize) -> usize {
            <Bitmap as Assembly<u32>>::data_len(storage)
        }
        fn first_held(&self, marks: &[u8], place: Place, from: usize, to: usize) -> usize {
            self.1.set(self.1.get() + 1);
            <Bitmap as Assembly<u32>>::first_held(&self.0, marks, place, from, to)
        }
        fn first_free(&self, marks: &[u8], place: Place, from: usize, to: usize) -> usize {
            self.1.set(self.1.get() + 1);
            <Bitmap as Assembly<u32>>::first_free(&self.0, marks, place, from, to)
        }
        fn mark(&mut self, marks: &mut [u8], place: Place, from: usize, to: usize) -> bool {
            <Bitmap as Assembly<u32>>::mark(&mut self.0, marks, place, from, to)
        }
        fn advance(&mut self, marks: &mut [u8], place: Place, n: usize) {
            <Bitmap as Assembly<u32>>::advance(&mut self.0, marks, place, n);
        }
        fn rotate(&mut self, marks: &mut [u8], capacity: usize, by: usize) {
            <Bitmap as Assembly<u32>>::rotate(&mut self.0, marks, capacity, by);
        }
        fn count(&self, marks: &[u8], capacity: usize) -> usize {
            <Bitmap as Assembly<u32>>::count(&self.0, marks, capacity)
        }
        fn clear(&mut self, marks: &mut [u8], capacity: usize) {
            <Bitmap as Assembly<u32>>::clear(&mut self.0, marks, capacity);
        }
    }

    // Covers TCP-540, TCP-481
    #[test]
    fn a_gap_after_every_byte_makes_no_acknowledgement_dear() {
        let mut storage = [0; 20_000];
        let mut ring = Ring::<u32, Counted>::new();
        ring.clear(&mut storage);
        let room = ring.room(&storage);
        for offset in (1..room).step_by(2) {
            assert_eq!(ring.write(&mut storage, offset, b"x").fresh, 1);
            let before = ring.assembly.1.get();
            let mut out = [(0, 0); 4];
            let count = ring.runs(&storage, &mut out);
            let asked = ring.assembly.1.get() - before;
            assert!(asked <= 2 * (RUNS_MAX + 2), "{asked} questions at {offset}");
            assert_eq!(out[0], (offset, offset + 1), "the newest comes first");
            assert!(count == 4 || offset < 9);
        }
    }

    // Covers TCP-453
    #[test]
    fn what_is_held_is_not_changed_by_a_later_copy() {
        let mut storage = [0; 27];
        let mut ring = ready(&mut storage);
        assert_eq!(
            ring.write(&mut storage, 4, b"EF"),
            Written { advanced: 0, fresh: 2, duplicate: None }
        );
        let over = ring.write(&mut storage, 2, b"cdefgh");
        assert_eq!(over, Written { advanced: 0, fresh: 4, duplicate: Some((4, 6)) });
        let fill = ring.write(&mut storage, 0, b"abC");
        assert_eq!(fill, Written { advanced: 8, fresh: 2, duplicate: Some((2, 3)) });
        assert_eq!(ring.chunks(&storage), [&b"abcdEFgh"[..], b""]);
        assert!(ring.out_of_order() == 0);
        ring.check(&storage);
    }

    // Covers TCP-480, TCP-481
    #[test]
    fn runs_come_newest_first_then_the_one_before_then_ascending() {
        let mut storage = [0; 90];
        let mut ring = ready(&mut storage);
        for offset in [10, 20, 30, 40, 21, 50, 31] {
            assert_eq!(ring.write(&mut storage, offset, b"x").fresh, 1);
        }
        let mut out = [(0, 0); 8];
        let all = [(30, 32), (50, 51), (10, 11), (20, 22), (40, 41)];
        for most in 0..8 {
            let count = ring.runs(&storage, &mut out[..most]);
            assert_eq!(out[..count], all[..most.min(5)]);
        }
        assert_eq!(ring.write(&mut storage, 10, b"y").duplicate, Some((10, 11)));
        assert_eq!(ring.runs(&storage, &mut out[..2]), 2);
        assert_eq!(
            out[..2],
            [(10, 11), (30, 32)],
            "a duplicate triggers an acknowledgment as well"
        );
    }

    // Covers TCP-470
    #[test]
    fn early_bytes_lie_inside_the_window() {
        let mut storage = [0; 9];
        let mut ring = ready(&mut storage);
        assert_eq!(ring.write(&mut storage, 5, b"fgh").fresh, 3);
        assert_eq!(ring.room(&storage), 8);
        assert_eq!(ring.write(&mut storage, 0, b"abc").advanced, 3);
        assert_eq!(ring.room(&storage), 5);
        assert_eq!(ring.write(&mut storage, 0, b"de").advanced, 5);
        assert_eq!(ring.room(&storage), 0);
        assert_eq!(ring.write(&mut storage, 0, b""), Written::default());
        assert_eq!(ring.chunks(&storage)[0], b"abcdefgh");
    }

    #[test]
    fn a_storage_larger_than_offsets_is_used_as_far_as_they_reach() {
        let mut storage = [0x5a; 80_000];
        let mut ring = ready(&mut storage);
        assert_eq!(ring.room(&storage), 65_535);
        assert_eq!(ring.write(&mut storage, 65_534, b"z").fresh, 1);
        ring.check(&storage);
        let bytes = [1; 65_534];
        assert_eq!(ring.write(&mut storage, 0, &bytes).advanced, 65_535);
        ring.check(&storage);
    }

    // Covers TCP-652
    #[test]
    fn a_ring_is_five_offsets() {
        assert_eq!(size_of::<Ring<u16, Bitmap>>(), 10);
        assert_eq!(size_of::<Ring<u32, Bitmap>>(), 20);
        assert_eq!(size_of::<Ring<u32, Ranges<u32, 8>>>(), 20 + 8 * 8 + 4);
    }
}
