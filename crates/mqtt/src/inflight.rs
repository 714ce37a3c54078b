//! Publishes of QoS 1 and 2 between their first byte and their acknowledgement.
//!
//! A slab whose index is part of the packet id, so that an acknowledgement finds its publish without
//! a search; and one list through it in the order of their deadlines. Every wait is `REPEAT_WAIT`, so
//! what is sent goes to the end of the list, and the list needs no sorting: first those whose time
//! runs, then (from `unsent` on) those whose bytes still wait for the transport.
//!
//! Owns no bytes of the wire and no event; `exchange` does. Spec: SS-566, SS-567.

use mainstay_base::Instant;

use crate::limits::{COPIES_SPARE_MAX, REQUEST_ID_MIN};

/// No slot.
const NONE: u16 = u16::MAX;

/// What a publish waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The slot is free.
    Free,
    /// The rest of its payload, from us.
    Payload,
    /// PUBACK.
    Puback,
    /// PUBREC.
    Pubrec,
    /// PUBCOMP; PUBREL is what is repeated.
    Pubcomp,
}

/// One publish.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: u16,
    pub(crate) stage: Stage,
    /// How often the packet of this stage was sent.
    pub(crate) sends: u8,
    next: u16,
    prev: u16,
    /// When to send again; `None` while its bytes wait for the transport.
    pub(crate) due: Option<Instant>,
    /// Where in the output its bytes end.
    end: u64,
    pub(crate) tag: u64,
    /// The whole packet, or empty if it is too long to keep.
    pub(crate) copy: Vec<u8>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Inflight {
    slots: Vec<Slot>,
    free: u16,
    head: u16,
    tail: u16,
    unsent: u16,
    count: u16,
    kept: usize,
    /// Capacity of all copies that are empty.
    spare: usize,
}

impl Default for Inflight {
    fn default() -> Self {
        let (slots, none) = (Vec::new(), NONE);
        Self {
            slots,
            free: none,
            head: none,
            tail: none,
            unsent: none,
            count: 0,
            kept: 0,
            spare: 0,
        }
    }
}

impl Inflight {
    /// How many.
    pub(crate) const fn count(&self) -> u16 {
        self.count
    }

    /// Heap bytes held.
    pub(crate) fn memory(&self) -> usize {
        let copies: usize = self.slots.iter().map(|slot| slot.copy.capacity()).sum();
        self.slots.capacity() * size_of::<Slot>() + copies
    }

    /// Bytes of all copies.
    pub(crate) const fn kept(&self) -> usize {
        self.kept
    }

    /// Takes a free slot and an id not used for as long as possible; `None` when `window` are taken.
    ///
    /// `turn` makes ids differ that share a slot: a late acknowledgement then finds nobody.
    pub(crate) fn begin(&mut self, window: u16, turn: &mut u16, tag: u64) -> Option<(u16, u16)> {
        if self.count >= window {
            return None;
        }
        let index = if self.free == NONE { self.grow()? } else { self.free };
        let turns = (REQUEST_ID_MIN - 1) / window;
        *turn = if turn.saturating_add(1) < turns { *turn + 1 } else { 0 };
        let slot = self.slots.get_mut(usize::from(index))?;
        self.free = slot.next;
        slot.id = *turn * window + index + 1;
        slot.stage = Stage::Payload;
        slot.tag = tag;
        slot.sends = 0;
        slot.due = None;
        (slot.next, slot.prev) = (NONE, NONE);
        self.count += 1;
        Some((index, slot.id))
    }

    fn grow(&mut self) -> Option<u16> {
        let index = u16::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot {
            id: 0,
            stage: Stage::Free,
            sends: 0,
            next: NONE,
            prev: NONE,
            due: None,
            end: 0,
            tag: 0,
            copy: Vec::new(),
        });
        Some(index)
    }

    /// Where the publish of this id is, if it is in flight.
    pub(crate) fn find(&self, window: u16, id: u16) -> Option<u16> {
        let index = id.checked_sub(1)? % window;
        let slot = self.slots.get(usize::from(index))?;
        (slot.id == id && slot.stage != Stage::Free).then_some(index)
    }

    pub(crate) fn slot(&self, index: u16) -> Option<&Slot> {
        self.slots.get(usize::from(index))
    }

    /// Its payload is complete, and it waits for the acknowledgement of `stage`.
    pub(crate) fn enter(&mut self, index: u16, stage: Stage) {
        if let Some(slot) = self.slots.get_mut(usize::from(index)) {
            slot.stage = stage;
        }
    }

    /// Begins a publish's copy with its head; `len` bytes will come in all.
    pub(crate) fn keep_head(&mut self, index: u16, head: &[u8], len: usize) {
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        self.spare -= slot.copy.capacity();
        slot.copy.reserve_exact(len);
        self.keep(index, head);
    }

    /// Adds to a publish's copy.
    pub(crate) fn keep(&mut self, index: u16, bytes: &[u8]) {
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        slot.copy.extend_from_slice(bytes);
        self.kept += bytes.len();
    }

    /// Its packet was put in the output and ends at `end`: its time runs from when that has left.
    pub(crate) fn queued(&mut self, index: u16, end: u64) {
        self.unlink(index);
        self.link_before(NONE, index);
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        slot.due = None;
        slot.end = end;
        slot.sends = slot.sends.saturating_add(1);
        if self.unsent == NONE {
            self.unsent = index;
        }
    }

    /// Its packet still waits from the last time: counts as sent again without being so.
    pub(crate) fn skipped(&mut self, index: u16, due: Instant) {
        self.unlink(index);
        self.link_before(self.unsent, index);
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        slot.due = Some(due);
        slot.sends = slot.sends.saturating_add(1);
    }

    /// PUBREC came: PUBREL is due at once, and the copy is needed no more.
    pub(crate) fn advance(&mut self, index: u16, now: Instant) {
        self.unlink(index);
        self.link_before(self.head, index);
        self.drop_copy(index);
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        slot.stage = Stage::Pubcomp;
        slot.sends = 0;
        slot.due = Some(now);
    }

    /// The output has left up to `position`: the time of what ends there begins.
    pub(crate) fn drained(&mut self, position: u64, due: Instant) {
        while let Some(slot) = self.slots.get_mut(usize::from(self.unsent)) {
            if slot.end > position {
                return;
            }
            slot.due = Some(due);
            self.unsent = slot.next;
        }
    }

    /// Nobody's time comes before `due`.
    pub(crate) fn postpone(&mut self, due: Instant) {
        let timed = self.slots.iter_mut().filter(|slot| slot.due.is_some_and(|at| at < due));
        for slot in timed {
            slot.due = Some(due);
        }
    }

    /// The one whose time comes next, and when.
    pub(crate) fn first_due(&self) -> Option<(u16, Instant)> {
        let slot = self.slots.get(usize::from(self.head))?;
        Some((self.head, slot.due?))
    }

    /// Takes it out.
    pub(crate) fn end(&mut self, index: u16) {
        self.unlink(index);
        self.drop_copy(index);
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        slot.stage = Stage::Free;
        slot.next = self.free;
        self.free = index;
        self.count = self.count.saturating_sub(1);
    }

    /// Takes the next one out, whatever it waits for, and returns its tag.
    pub(crate) fn end_any(&mut self) -> Option<u64> {
        let in_list = (self.head != NONE).then_some(self.head);
        let index = in_list.or_else(|| {
            let open = self.slots.iter().position(|slot| slot.stage != Stage::Free);
            open.and_then(|index| u16::try_from(index).ok())
        })?;
        let tag = self.slot(index)?.tag;
        self.end(index);
        Some(tag)
    }

    fn drop_copy(&mut self, index: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        if slot.copy.is_empty() {
            return;
        }
        self.kept -= slot.copy.len();
        slot.copy.clear();
        let spare = self.spare + slot.copy.capacity();
        if spare > COPIES_SPARE_MAX {
            slot.copy = Vec::new();
        } else {
            self.spare = spare;
        }
    }

    /// Puts a slot that is in no list before `after`; at the end if that is none.
    fn link_before(&mut self, after: u16, index: u16) {
        let before = match self.slots.get_mut(usize::from(after)) {
            Some(slot) => core::mem::replace(&mut slot.prev, index),
            None => core::mem::replace(&mut self.tail, index),
        };
        match self.slots.get_mut(usize::from(before)) {
            Some(slot) => slot.next = index,
            None => self.head = index,
        }
        if let Some(slot) = self.slots.get_mut(usize::from(index)) {
            (slot.prev, slot.next) = (before, after);
        }
    }

    /// Takes a slot out of the list, if it is in it.
    fn unlink(&mut self, index: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(index)) else { return };
        let (before, after) = (slot.prev, slot.next);
        (slot.prev, slot.next) = (NONE, NONE);
        if before == NONE && self.head != index {
            return;
        }
        if self.unsent == index {
            self.unsent = after;
        }
        match self.slots.get_mut(usize::from(before)) {
            Some(slot) => slot.next = after,
            None => self.head = after,
        }
        match self.slots.get_mut(usize::from(after)) {
            Some(slot) => slot.prev = before,
            None => self.tail = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u16) -> Inflight {
        let (mut inflight, mut turn) = (Inflight::default(), 0);
        for tag in 0..count {
            let (index, _) = inflight.begin(count, &mut turn, u64::from(tag)).unwrap();
            inflight.enter(index, Stage::Puback);
            inflight.keep_head(index, b"co", 4);
            inflight.keep(index, b"py");
            inflight.queued(index, u64::from(tag) * 10);
        }
        inflight
    }

    #[test]
    fn an_id_is_not_used_again_for_a_thousand_publishes() {
        let (mut inflight, mut turn) = (Inflight::default(), 0);
        let mut ids = Vec::new();
        for tag in 0..1019 {
            let (index, id) = inflight.begin(64, &mut turn, tag).unwrap();
            assert!((1..REQUEST_ID_MIN).contains(&id) && !ids.contains(&id));
            assert_eq!(inflight.find(64, id), Some(index));
            ids.push(id);
            inflight.end(index);
            assert_eq!(inflight.find(64, id), None);
        }
    }

    #[test]
    fn memory_of_copies_is_used_again_but_no_more_than_so_much_is_kept() {
        let (mut inflight, mut turn) = (Inflight::default(), 0);
        for len in [10_000, 20_000, 30_000, 40_000, 1] {
            let (index, _) = inflight.begin(9, &mut turn, 0).unwrap();
            inflight.keep_head(index, &vec![0; len], len);
        }
        while inflight.end_any().is_some() {}
        let spare: usize = inflight.slots.iter().map(|slot| slot.copy.capacity()).sum();
        assert_eq!((inflight.spare, inflight.kept()), (spare, 0));
        assert!((60_000..=COPIES_SPARE_MAX).contains(&spare), "{spare}");
        let before = inflight.memory();
        let (index, _) = inflight.begin(9, &mut turn, 0).unwrap();
        inflight.keep_head(index, b"x", 1);
        assert_eq!(inflight.memory(), before);
    }

    #[test]
    fn the_window_is_a_limit_even_of_one() {
        let mut inflight = filled(1);
        let mut turn = 0;
        assert_eq!(inflight.begin(1, &mut turn, 9), None);
        assert_eq!(inflight.end_any(), Some(0));
        assert!(inflight.begin(1, &mut turn, 9).is_some());
    }

    #[test]
    fn time_runs_from_when_the_last_byte_left_and_the_list_stays_in_order() {
        let mut inflight = filled(4);
        assert_eq!(inflight.first_due(), None);
        inflight.drained(10, Instant::from_millis(5));
        assert_eq!(inflight.first_due(), Some((0, Instant::from_millis(5))));
        inflight.skipped(0, Instant::from_millis(6));
        assert_eq!(inflight.first_due(), Some((1, Instant::from_millis(5))));
        inflight.end(1);
        assert_eq!(inflight.first_due(), Some((0, Instant::from_millis(6))));
        inflight.end(0);
        assert_eq!(inflight.first_due(), None);
        inflight.drained(30, Instant::from_millis(9));
        assert_eq!(inflight.first_due(), Some((2, Instant::from_millis(9))));
        inflight.advance(3, Instant::from_millis(7));
        assert_eq!(inflight.first_due(), Some((3, Instant::from_millis(7))));
        assert_eq!((inflight.count(), inflight.kept()), (2, 4));
        assert_eq!(
            (inflight.end_any(), inflight.end_any(), inflight.end_any()),
            (Some(3), Some(2), None)
        );
        assert_eq!(
            (inflight.count(), inflight.kept(), inflight.head, inflight.tail),
            (0, 0, NONE, NONE)
        );
    }
}
