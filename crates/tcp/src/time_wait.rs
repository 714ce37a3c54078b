//! Connections in TIME-WAIT as records of 40 bytes instead of endpoints (TCP-183..186).
//!
//! A record has no addresses but a keyed hash of 64 bits of them (TCP-521). That two tuples have the same is harmless and
//! rare: an answer goes to whoever sent the segment, so the worst is a connection that is refused for as long as the other
//! one's record lives, once in 2^64 / records attempts, and who does not know the secret cannot look for such a pair.
//! Nothing is sent but in answer, so there is no deadline: records end when somebody asks, or when the place is needed.

mod record;

pub use record::{Ack, Answer, Ended, TimeWaitRecord};

use crate::time::Now;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_wire::tcp::Header;
use record::{Link, Verdict};

/// How long TIME-WAIT lasts unless configured, twice the lifetime of a segment (TCP-182). chosen: as Linux
pub const WAIT: Duration = Duration::from_mins(1);
/// The longest that can be configured. RFC 9293 §3.4.2
pub const WAIT_MAX: Duration = Duration::from_mins(4);

/// What the tuple of a new connection of ours had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reuse {
    /// Nothing.
    Free,
    /// A connection that must be waited for.
    Taken,
    /// A connection that is over now; the new one starts above this number (TCP-186).
    Above(crate::Seq),
}

/// Records in storage of the caller: a queue, the oldest first, with chains of equal hashes threaded through it.
///
/// Every operation on a segment is expected O(1), amortised. A record that ends before those that are older keeps its place
/// until they are gone.
#[derive(Debug)]
pub struct TimeWaitTable<S> {
    records: S,
    /// The place of the oldest record.
    first: usize,
    /// Places in use, also of records that ended early.
    used: usize,
    wait: Duration,
    reset_ends: bool,
    /// When a record last began or began again.
    newest: Instant,
    evicted: u64,
}

impl<S: AsRef<[TimeWaitRecord]> + AsMut<[TimeWaitRecord]>> TimeWaitTable<S> {
    /// An empty table in `storage`, whose records live for `wait`, 1 to 240 seconds (TCP-182). With `reset_ends` a reset of
    /// exactly the next number ends one, which RFC 1337 advises against (TCP-140).
    pub fn new(mut storage: S, wait: Duration, reset_ends: bool) -> Self {
        storage.as_mut().fill(TimeWaitRecord::default());
        let wait = wait.clamp(Duration::from_secs(1), WAIT_MAX);
        Self {
            records: storage,
            first: 0,
            used: 0,
            wait,
            reset_ends,
            newest: Instant::ZERO,
            evicted: 0,
        }
    }

    /// A connection ended. If there is no place, the oldest record goes (TCP-184).
    pub fn insert(&mut self, now: Instant, ended: &Ended) {
        self.expire(now);
        if let Some(place) = self.find(ended.hash) {
            self.end(place);
        }
        let capacity = self.capacity();
        if self.used == capacity {
            self.evicted = self.evicted.saturating_add(1);
            if capacity == 0 {
                return;
            }
            self.end(self.first);
            self.drop_first();
        }
        self.newest = self.newest.max(now);
        self.append(TimeWaitRecord::new(Now::new(now), self.wait, ended));
    }

    /// What the segment with this header and `len` bytes of payload gets for an answer; `None` if its tuple, whose hash is
    /// `hash`, is not in TIME-WAIT. The checksum was verified before.
    ///
    /// After [`Answer::Recycle`] the record is gone.
    pub fn answer(
        &mut self,
        now: Instant,
        hash: u64,
        header: &Header,
        len: usize,
    ) -> Option<Answer> {
        self.expire(now);
        let place = self.find_living(now, hash)?;
        let record = self.records.as_mut().get_mut(place)?;
        let now = Now::new(now);
        let answer = match record.judge(header, len, self.reset_ends) {
            Verdict::Ignore => return Some(Answer::Ignore),
            Verdict::Ack => Answer::Ack(record.ack(now)),
            Verdict::Restart => {
                record.restart(now, self.wait);
                self.newest = self.newest.max(now.instant());
                Answer::Restart(record.ack(now))
            }
            Verdict::Recycle => {
                let above = record.above();
                self.end(place);
                Answer::Recycle { above }
            }
            Verdict::End => {
                self.end(place);
                Answer::Ignore
            }
        };
        Some(answer)
    }

    /// Whether a connection of ours may have the tuple with this hash (TCP-186). If that ends a record, it is gone.
    pub fn reuse(&mut self, now: Instant, hash: u64) -> Reuse {
        self.expire(now);
        let Some(place) = self.find_living(now, hash) else { return Reuse::Free };
        let Some(record) = self.records.as_ref().get(place) else { return Reuse::Free };
        if !record.is_quiet(Now::new(now)) {
            return Reuse::Taken;
        }
        let above = record.above();
        self.end(place);
        Reuse::Above(above)
    }

    /// Whether there is any place.
    #[must_use]
    pub fn has_places(&self) -> bool {
        self.capacity() > 0
    }

    /// The number a new connection starts above, if the SYN with this header may open one: [`answer`](Self::answer) would
    /// say [`Answer::Recycle`]. Nothing is changed.
    #[must_use]
    pub fn admits(&self, now: Instant, hash: u64, header: &Header) -> Option<crate::Seq> {
        let record = self.records.as_ref().get(self.find_living(now, hash)?)?;
        let mut copy = *record;
        (copy.judge(header, 0, false) == Verdict::Recycle).then(|| record.above())
    }

    /// What [`reuse`](Self::reuse) would say. Nothing is changed.
    #[must_use]
    pub fn would_reuse(&self, now: Instant, hash: u64) -> Reuse {
        let place = self.find_living(now, hash);
        match place.and_then(|place| self.records.as_ref().get(place)) {
            None => Reuse::Free,
            Some(record) if record.is_quiet(Now::new(now)) => Reuse::Above(record.above()),
            Some(_) => Reuse::Taken,
        }
    }

    /// Ends a record; the number that its successor starts above.
    pub fn remove(&mut self, now: Instant, hash: u64) -> Option<crate::Seq> {
        let place = self.find_living(now, hash)?;
        let above = self.records.as_ref().get(place)?.above();
        self.end(place);
        Some(above)
    }

    /// Whether a record is in the way of binding `port` (TCP-021) at the address with this hash, `None` for any address.
    /// O(records).
    pub fn holds_port(&mut self, now: Instant, port: u16, address_hash: Option<u32>) -> bool {
        self.expire(now);
        let now = Now::new(now);
        self.records.as_ref().iter().any(|record| record.is_at(now, port, address_hash))
    }

    /// How many records gave way to newer ones.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn capacity(&self) -> usize {
        // The largest number of a link has no number.
        self.records.as_ref().len().min(usize::try_from(u32::MAX - 1).unwrap_or(usize::MAX))
    }

    /// Drops what is over from the front.
    fn expire(&mut self, now: Instant) {
        // Moments of 32 bits say nothing any more after a long sleep.
        let all = now.since(self.newest) >= self.wait;
        let now = Now::new(now);
        while self.used > 0 {
            let Some(record) = self.records.as_mut().get_mut(self.first) else { return };
            if all || !record.lives(now) {
                self.end(self.first);
                self.drop_first();
            } else if record.take_restarted() {
                self.requeue_first();
            } else {
                return;
            }
        }
    }

    /// The first record goes to the end of the queue: its time began again.
    fn requeue_first(&mut self) {
        let Some(record) = self.records.as_ref().get(self.first).copied() else { return };
        self.end(self.first);
        self.drop_first();
        self.append(record);
    }

    /// Ends the record at `place`, if there is one; the place stays in use.
    fn end(&mut self, place: usize) {
        let Some(bucket) =
            self.records.as_ref().get(place).and_then(|record| self.bucket(record.hash()?))
        else {
            return;
        };
        let records = self.records.as_mut();
        let after = records[place].clear();
        if records[bucket].first == Link::to(place) {
            records[bucket].first = after;
            return;
        }
        let mut at = records[bucket].first;
        while let Some(number) = at.number() {
            at = records[number].next;
            if at == Link::to(place) {
                records[number].next = after;
                return;
            }
        }
    }

    fn drop_first(&mut self) {
        self.first = (self.first + 1) % self.capacity().max(1);
        self.used -= 1;
    }

    fn append(&mut self, record: TimeWaitRecord) {
        let place = (self.first + self.used) % self.capacity().max(1);
        let Some(bucket) = record.hash().and_then(|hash| self.bucket(hash)) else { return };
        self.used += 1;
        let records = self.records.as_mut();
        records[place] = record.linked(records[place].first, records[bucket].first);
        records[bucket].first = Link::to(place);
    }

    /// One that began again can be over before those in front of it are.
    fn find_living(&self, now: Instant, hash: u64) -> Option<usize> {
        let now = Now::new(now);
        self.find(hash).filter(|place| self.records.as_ref()[*place].lives(now))
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let records = self.records.as_ref();
        let mut at = records.get(self.bucket(hash)?)?.first;
        while let Some(number) = at.number() {
            let record = &records[number];
            if record.hash() == Some(hash) {
                return Some(number);
            }
            at = record.next;
        }
        None
    }

    /// The bucket of a hash, its upper half scaled; `None` if there is no storage.
    fn bucket(&self, hash: u64) -> Option<usize> {
        let count = u64::try_from(self.capacity()).ok().filter(|count| *count > 0)?;
        usize::try_from(((hash >> 32) * count) >> 32).ok()
    }
}

#[cfg(test)]
mod tests;
