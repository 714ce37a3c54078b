//! The index of many endpoints: chains of equal hashes, lists and a heap, all threaded through one array of nodes.

use super::{Index, List, heap};
use core::fmt;
use mainstay_base::Instant;

/// What a [`Table`] remembers of one slot; the default value is an empty one.
///
/// Three structures share the array: node `n` is also the head of bucket `n` and the place `n` of the heap.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    hash: u64,
    /// When this slot is in the heap: its deadline, or a moment before it.
    pub(super) at: Instant,
    /// The first slot of the bucket with this node's number.
    first: Link,
    /// The next slot in the same bucket; `NONE` if this one is in none.
    next: Link,
    lists: [Neighbours; List::COUNT],
    /// The slot at the place of the heap with this node's number.
    pub(super) heap: Link,
    /// Where in the heap this slot is.
    pub(super) place: Link,
}

const _: () = assert!(size_of::<Node>() == 48);

/// Who is before and behind on a list; `next` is `NONE` if this slot is not on it.
#[derive(Clone, Copy, Debug, Default)]
struct Neighbours {
    before: Link,
    next: Link,
}

/// A number of a node, the end of a chain, or nothing at all.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    pub(super) const NONE: Self = Self(0);
    const END: Self = Self(u32::MAX);

    pub(super) fn to(number: usize) -> Self {
        u32::try_from(number).map_or(Self::NONE, |number| Self(number.saturating_add(1)))
    }

    pub(super) fn number(self) -> Option<usize> {
        match self {
            Self::NONE | Self::END => None,
            Self(more) => usize::try_from(more - 1).ok(),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("-"),
            Self::END => f.write_str("end"),
            Self(more) => (more - 1).fmt(f),
        }
    }
}

/// Expected O(1) to find a slot, O(1) for the lists, O(log n) for a deadline that comes nearer and for one that is due;
/// nothing for one that moves away or is cancelled (TCP-407). In storage of the caller: 48 bytes for a slot.
///
/// A list gives slots in the order in which they wanted.
#[derive(Debug)]
pub struct Table<S> {
    storage: S,
    buckets: usize,
    armed: usize,
    ends: [Ends; List::COUNT],
}

/// The first and the last of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Link,
    last: Link,
}

impl<S: AsRef<[Node]> + AsMut<[Node]>> Table<S> {
    /// A table in `storage`, which must always give the same nodes; what they hold is forgotten.
    pub fn new(mut storage: S) -> Self {
        storage.as_mut().fill(Node::default());
        let buckets = storage.as_ref().len();
        Self {
            storage,
            buckets,
            armed: 0,
            ends: [Ends { first: Link::END, last: Link::END }; List::COUNT],
        }
    }

    /// The storage, for default nodes to be added at its end; those that are there must stay as they are.
    ///
    /// The new ones can be used at once. Once there are many, [`rehash`](Self::rehash).
    pub const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Spreads the hashes over all nodes. O(n); finding a slot takes longer the more nodes were added since the last time.
    pub fn rehash(&mut self) {
        let nodes = self.storage.as_mut();
        for node in nodes.iter_mut() {
            node.first = Link::NONE;
        }
        self.buckets = nodes.len();
        for slot in 0..nodes.len() {
            if nodes[slot].next != Link::NONE {
                chain(nodes, self.buckets, slot);
            }
        }
    }

    /// For how many slots there is room.
    fn room(&self) -> usize {
        // The two largest numbers of a link mean something else.
        self.storage.as_ref().len().min(usize::try_from(u32::MAX - 1).unwrap_or(usize::MAX))
    }

    fn holds(&self, slot: usize) -> bool {
        slot < self.room()
    }

    /// Takes `slot` out of its bucket.
    fn unchain(&mut self, slot: usize) {
        let nodes = self.storage.as_mut();
        let after = core::mem::take(&mut nodes[slot].next);
        if after == Link::NONE {
            return;
        }
        let bucket = bucket(nodes[slot].hash, self.buckets);
        if nodes[bucket].first == Link::to(slot) {
            nodes[bucket].first = after;
            return;
        }
        let mut at = nodes[bucket].first;
        while let Some(number) = at.number() {
            at = nodes[number].next;
            if at == Link::to(slot) {
                nodes[number].next = after;
                return;
            }
        }
    }

    fn unlist(&mut self, list: List, slot: usize) {
        let nodes = self.storage.as_mut();
        let ends = &mut self.ends[list.number()];
        let Neighbours { before, next } = core::mem::take(&mut nodes[slot].lists[list.number()]);
        if next == Link::NONE {
            return;
        }
        match before.number() {
            Some(number) => nodes[number].lists[list.number()].next = next,
            None => ends.first = next,
        }
        match next.number() {
            Some(number) => nodes[number].lists[list.number()].before = before,
            None => ends.last = before,
        }
    }

    fn disarm(&mut self, slot: usize) {
        if heap::remove(self.storage.as_mut(), self.armed, slot) {
            self.armed -= 1;
        }
    }
}

impl<S: AsRef<[Node]> + AsMut<[Node]> + fmt::Debug> Index for Table<S> {
    fn capacity(&self) -> usize {
        self.room()
    }

    fn insert(&mut self, slot: usize, hash: u64) {
        if self.holds(slot) {
            self.unchain(slot);
            let nodes = self.storage.as_mut();
            nodes[slot].hash = hash;
            chain(nodes, self.buckets, slot);
        }
    }

    fn remove(&mut self, slot: usize) {
        if self.holds(slot) {
            self.unchain(slot);
            self.unlist(List::Transmit, slot);
            self.unlist(List::Event, slot);
            self.disarm(slot);
        }
    }

    fn find(&self, _slots: usize, hash: u64, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        let nodes = self.storage.as_ref();
        let mut at = nodes.get(bucket(hash, self.buckets))?.first;
        while let Some(slot) = at.number() {
            if nodes[slot].hash == hash && is(slot) {
                return Some(slot);
            }
            at = nodes[slot].next;
        }
        None
    }

    #[inline]
    fn is_wanted(&self, list: List, slot: usize) -> bool {
        let node = self.storage.as_ref().get(slot);
        node.is_some_and(|node| node.lists[list.number()].next != Link::NONE)
    }

    fn want(&mut self, list: List, slot: usize) {
        if !self.holds(slot) {
            return;
        }
        let nodes = self.storage.as_mut();
        let ends = &mut self.ends[list.number()];
        if nodes[slot].lists[list.number()].next != Link::NONE {
            return;
        }
        nodes[slot].lists[list.number()] = Neighbours { before: ends.last, next: Link::END };
        match ends.last.number() {
            Some(number) => nodes[number].lists[list.number()].next = Link::to(slot),
            None => ends.first = Link::to(slot),
        }
        ends.last = Link::to(slot);
    }

    fn take(
        &mut self,
        list: List,
        _slots: usize,
        _wants: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let slot = self.ends[list.number()].first.number()?;
        self.unlist(list, slot);
        Some(slot)
    }

    fn arm(&mut self, slot: usize, at: Option<Instant>) {
        let Some(at) = at.filter(|_| self.holds(slot)) else { return };
        if heap::arm(self.storage.as_mut(), self.armed, slot, at) {
            self.armed += 1;
        }
    }

    fn deadline(
        &self,
        _slots: usize,
        _deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<Instant> {
        heap::first(self.storage.as_ref()).map(|(_, at)| at)
    }

    fn due(
        &mut self,
        now: Instant,
        _slots: usize,
        mut deadline: impl FnMut(usize) -> Option<Instant>,
    ) -> Option<usize> {
        while let Some((slot, _)) = heap::first(self.storage.as_ref()).filter(|(_, at)| *at <= now)
        {
            self.disarm(slot);
            let at = deadline(slot);
            if at.is_some_and(|at| at <= now) {
                return Some(slot);
            }
            self.arm(slot, at);
        }
        None
    }
}

/// The bucket of a hash: its upper half, scaled.
fn bucket(hash: u64, buckets: usize) -> usize {
    let buckets = u64::try_from(buckets).unwrap_or(0);
    usize::try_from(((hash >> 32) * buckets) >> 32).unwrap_or(0)
}

/// Puts `slot` into the bucket of its hash.
fn chain(nodes: &mut [Node], buckets: usize, slot: usize) {
    let bucket = bucket(nodes[slot].hash, buckets);
    let first = nodes[bucket].first;
    nodes[slot].next = if first == Link::NONE { Link::END } else { first };
    nodes[bucket].first = Link::to(slot);
}
