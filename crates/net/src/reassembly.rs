//! Fragments until they are a datagram again, of both IP versions.
//!
//! Owns the pieces, their limits and their deadlines. A datagram with an overlap is dropped whole and stays dropped
//! until its time is over (RFC 5722 §4, here for IPv4 too: RFC 8200 §4.5 names the reasons and none is IPv6's own);
//! a fragment that comes twice is ignored. Formats are read by the caller.

use crate::Ignored;
use crate::limits::{Config, FRAGMENT_COST, REASSEMBLY_WAIT_V4, REASSEMBLY_WAIT_V6};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use mainstay_base::Instant;

/// The longest payload of an IP packet. RFC 791 §3.1, RFC 8200 §3
const PAYLOAD_MAX: usize = 65_535;

/// What fragments of one datagram have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub id: u32,
    /// IPv4 only; zero for IPv6, whose fragments need not agree on it.
    pub protocol: u8,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub key: Key,
    /// Where its payload stands in the datagram's, in bytes.
    pub offset: usize,
    /// Others follow.
    pub more: bool,
    /// What the payload begins with; that of the first fragment counts.
    pub protocol: u8,
    /// The two ECN bits of its header.
    pub ecn: u8,
    /// Everything before the payload, headers that tell of the fragmentation included: for a message about it.
    pub head: &'a [u8],
    pub payload: &'a [u8],
}

/// A datagram put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub head: Vec<u8>,
    pub protocol: u8,
    /// The ECN bits of all of them together. RFC 3168 §5.3
    pub ecn: u8,
    pub payload: Vec<u8>,
}

/// What became of a fragment that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Kept,
    Complete(Whole),
    /// It overlaps another, contradicts the length or mixes ECN marks: the datagram is dropped.
    Spoiled,
}

/// A datagram whose time was over, if its beginning had come: for a Time Exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// What the first fragment's payload begins with.
    pub protocol: u8,
    pub head: Vec<u8>,
    pub payload: Vec<u8>,
}

/// The datagrams being put together.
#[derive(Clone, Debug)]
pub(crate) struct Reassembly {
    partial: BTreeMap<Key, Partial>,
    bytes: usize,
    bytes_max: usize,
    source_bytes_max: usize,
    count_max: usize,
    fragments_max: usize,
}

#[derive(Clone, Debug)]
struct Partial {
    until: Instant,
    /// Sorted by offset, without overlaps; empty when spoiled.
    pieces: Vec<(usize, Vec<u8>)>,
    len: Option<usize>,
    head: Vec<u8>,
    protocol: u8,
    ecn: u8,
    bytes: usize,
    spoiled: bool,
}

impl Reassembly {
    pub(crate) const fn new(config: &Config) -> Self {
        Self {
            partial: BTreeMap::new(),
            bytes: 0,
            bytes_max: config.fragment_bytes_max,
            source_bytes_max: config.fragment_source_bytes_max,
            count_max: config.fragmented_max,
            fragments_max: config.fragments_max,
        }
    }

    /// Takes a fragment, and gives the datagram back if it was the last one missing.
    ///
    /// # Errors
    /// Why it was ignored; nothing has changed then.
    pub(crate) fn take(&mut self, now: Instant, fragment: Fragment<'_>) -> Result<Taken, Ignored> {
        check(&fragment)?;
        let known = self.partial.get(&fragment.key).filter(|p| now < p.until);
        if let Some(partial) = known {
            partial.check(&fragment)?;
            if partial.is_spoiled_by(&fragment) {
                self.spoil(fragment.key);
                return Ok(Taken::Spoiled);
            }
            if partial.pieces.len() >= self.fragments_max {
                return Err(Ignored::FragmentsFull);
            }
        }
        self.make_room(&fragment)?;
        let whole = self.add(now, fragment);
        Ok(whole.map_or(Taken::Kept, Taken::Complete))
    }

    /// Ends what waited too long; `each` hears of those whose beginning had come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Expired> {
        let over = self.partial.iter().filter(|(_, p)| p.until <= now).map(|(k, _)| *k);
        let over: Vec<Key> = over.collect();
        over.into_iter().filter_map(|key| self.end(key)).collect()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.partial.values().map(|p| p.until).min()
    }

    /// How many bytes are held, with what it costs to hold them.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn make_room(&mut self, fragment: &Fragment<'_>) -> Result<(), Ignored> {
        let cost = cost(fragment);
        let of_source: usize = self
            .partial
            .iter()
            .filter(|(k, _)| k.source == fragment.key.source)
            .map(|(_, p)| p.bytes)
            .sum();
        let own = self.partial.get(&fragment.key);
        let needed = own.map_or(0, |p| p.bytes) + cost;
        if of_source + cost > self.source_bytes_max
            || needed > self.bytes_max
            || self.count_max == 0
        {
            return Err(Ignored::FragmentsFull);
        }
        let is_new = own.is_none();
        while self.bytes + cost > self.bytes_max || is_new && self.partial.len() >= self.count_max {
            // Never the datagram this one belongs to: a sender does not drive out its own.
            let others = self.partial.iter().filter(|(k, _)| **k != fragment.key);
            let Some(oldest) = others.min_by_key(|(_, p)| p.until).map(|(k, _)| *k) else {
                return Err(Ignored::FragmentsFull);
            };
            let _unannounced = self.end(oldest);
        }
        Ok(())
    }

    fn add(&mut self, now: Instant, fragment: Fragment<'_>) -> Option<Whole> {
        let key = fragment.key;
        let wait = if key.source.is_ipv4() { REASSEMBLY_WAIT_V4 } else { REASSEMBLY_WAIT_V6 };
        if self.partial.get(&key).is_some_and(|p| p.until <= now) {
            let _late = self.end(key);
        }
        let fresh = Partial::new(now + wait, fragment.ecn);
        let partial = self.partial.entry(key).or_insert(fresh);
        let before = partial.bytes;
        partial.add(&fragment);
        self.bytes += partial.bytes - before;
        if !partial.is_complete() {
            return None;
        }
        let partial = self.remove(key)?;
        let payload = partial.pieces.into_iter().flat_map(|(_, bytes)| bytes).collect();
        Some(Whole { head: partial.head, protocol: partial.protocol, ecn: partial.ecn, payload })
    }

    fn spoil(&mut self, key: Key) {
        let Some(partial) = self.partial.get_mut(&key) else { return };
        self.bytes -= partial.bytes - FRAGMENT_COST;
        partial.bytes = FRAGMENT_COST;
        partial.pieces = Vec::new();
        partial.head = Vec::new();
        partial.spoiled = true;
    }

    fn end(&mut self, key: Key) -> Option<Expired> {
        let Partial { protocol, head, pieces, .. } = self.remove(key)?;
        let (offset, payload) = pieces.into_iter().next()?;
        let (source, destination) = (key.source, key.destination);
        (offset == 0).then_some(Expired { source, destination, protocol, head, payload })
    }

    fn remove(&mut self, key: Key) -> Option<Partial> {
        let partial = self.partial.remove(&key)?;
        self.bytes -= partial.bytes;
        Some(partial)
    }
}

impl Partial {
    const fn new(until: Instant, ecn: u8) -> Self {
        Self {
            until,
            pieces: Vec::new(),
            len: None,
            head: Vec::new(),
            protocol: 0,
            ecn,
            bytes: 0,
            spoiled: false,
        }
    }

    /// Whether there is a reason to ignore `fragment`: it came before, or too late.
    fn check(&self, fragment: &Fragment<'_>) -> Result<(), Ignored> {
        if self.spoiled {
            return Err(Ignored::FragmentSpoiled);
        }
        let same = |(offset, bytes): &(usize, Vec<u8>)| {
            *offset == fragment.offset && bytes.as_slice() == fragment.payload
        };
        let ends_alike =
            fragment.more != (self.len == Some(fragment.offset + fragment.payload.len()));
        if ends_alike && self.pieces.iter().any(same) {
            return Err(Ignored::FragmentTwice);
        }
        Ok(())
    }

    fn is_spoiled_by(&self, fragment: &Fragment<'_>) -> bool {
        let (start, end) = (fragment.offset, fragment.offset + fragment.payload.len());
        let overlaps =
            |(offset, bytes): &(usize, Vec<u8>)| *offset < end && start < offset + bytes.len();
        let last_end = self.pieces.last().map_or(0, |(offset, bytes)| offset + bytes.len());
        let misfits = match self.len {
            Some(len) => end > len || !fragment.more,
            None => !fragment.more && end < last_end,
        };
        misfits || together(self.ecn, fragment.ecn).is_none() || self.pieces.iter().any(overlaps)
    }

    fn add(&mut self, fragment: &Fragment<'_>) {
        let at = self.pieces.partition_point(|(offset, _)| *offset < fragment.offset);
        self.pieces.insert(at, (fragment.offset, fragment.payload.to_vec()));
        self.bytes += cost(fragment);
        self.ecn = together(self.ecn, fragment.ecn).unwrap_or(self.ecn);
        if fragment.offset == 0 {
            self.head = fragment.head.to_vec();
            self.protocol = fragment.protocol;
        }
        if !fragment.more {
            self.len = Some(fragment.offset + fragment.payload.len());
        }
    }

    /// There are no overlaps, so the lengths alone tell.
    fn is_complete(&self) -> bool {
        self.len == Some(self.pieces.iter().map(|(_, bytes)| bytes.len()).sum())
    }
}

/// What no fragment may be, whatever came before.
const fn check(fragment: &Fragment<'_>) -> Result<(), Ignored> {
    let len = fragment.payload.len();
    if len == 0 || fragment.more && !len.is_multiple_of(8) {
        return Err(Ignored::FragmentLength);
    }
    if fragment.offset + len > PAYLOAD_MAX {
        return Err(Ignored::FragmentTooLong);
    }
    Ok(())
}

const fn cost(fragment: &Fragment<'_>) -> usize {
    let head = if fragment.offset == 0 { fragment.head.len() } else { 0 };
    fragment.payload.len() + head + FRAGMENT_COST
}

/// The ECN field of a datagram from those of its fragments; `None`: marked and unmarkable ones do not go together.
/// RFC 3168 §5.3
const fn together(one: u8, other: u8) -> Option<u8> {
    const NOT_ECT: u8 = 0;
    const CE: u8 = 3;
    match (one & 3, other & 3) {
        (CE, NOT_ECT) | (NOT_ECT, CE) => None,
        (CE, _) | (_, CE) => Some(CE),
        (NOT_ECT, _) | (_, NOT_ECT) => Some(NOT_ECT),
        (one, _) => Some(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn key(last: u8, id: u32) -> Key {
        let (source, destination) = (IpAddr::from([192, 0, 2, last]), IpAddr::from([192, 0, 2, 1]));
        Key { source, destination, id, protocol: 17 }
    }

    fn piece(key: Key, offset: usize, more: bool, payload: &[u8]) -> Fragment<'_> {
        Fragment { key, offset, more, protocol: 17, ecn: 0, head: b"head", payload }
    }

    fn take(table: &mut Reassembly, fragment: Fragment<'_>) -> Result<Taken, Ignored> {
        table.take(Instant::ZERO, fragment)
    }

    #[test]
    fn fragments_in_any_order_are_a_datagram_again() {
        let mut table = Reassembly::new(&Config::default());
        let key = key(2, 1);
        assert_eq!(take(&mut table, piece(key, 16, false, b"end")), Ok(Taken::Kept));
        assert_eq!(take(&mut table, piece(key, 0, true, b"01234567")), Ok(Taken::Kept));
        let whole = Whole {
            head: b"head".to_vec(),
            protocol: 17,
            ecn: 0,
            payload: b"0123456789abcdefend".to_vec(),
        };
        assert_eq!(take(&mut table, piece(key, 8, true, b"89abcdef")), Ok(Taken::Complete(whole)));
        assert_eq!((table.bytes(), table.poll_timeout()), (0, None));
    }

    #[test]
    fn an_overlap_spoils_the_datagram_for_all_its_time() {
        let mut table = Reassembly::new(&Config::default());
        let key = key(2, 1);
        let _kept = take(&mut table, piece(key, 0, true, b"01234567"));
        assert_eq!(take(&mut table, piece(key, 0, true, b"01234567")), Err(Ignored::FragmentTwice));
        assert_eq!(take(&mut table, piece(key, 0, true, b"x1234567")), Ok(Taken::Spoiled));
        assert_eq!(take(&mut table, piece(key, 8, false, b"end")), Err(Ignored::FragmentSpoiled));
        assert_eq!(table.bytes(), FRAGMENT_COST);
        assert!(table.handle_timeout(Instant::ZERO + REASSEMBLY_WAIT_V4).is_empty());
        assert_eq!(table.bytes(), 0);
    }

    #[test]
    fn contradictory_lengths_spoil_it_too() {
        let mut table = Reassembly::new(&Config::default());
        let _kept = take(&mut table, piece(key(2, 1), 16, true, b"01234567"));
        assert_eq!(take(&mut table, piece(key(2, 1), 8, false, b"end")), Ok(Taken::Spoiled));
        let _kept = take(&mut table, piece(key(2, 2), 8, false, b"end"));
        assert_eq!(take(&mut table, piece(key(2, 2), 16, true, b"01234567")), Ok(Taken::Spoiled));
        let _kept = take(&mut table, piece(key(2, 3), 8, false, b"end"));
        assert_eq!(take(&mut table, piece(key(2, 3), 16, false, b"x")), Ok(Taken::Spoiled));
    }

    #[test]
    fn lengths_that_cannot_be_are_ignored() {
        let mut table = Reassembly::new(&Config::default());
        let key = key(2, 1);
        assert_eq!(take(&mut table, piece(key, 0, true, b"")), Err(Ignored::FragmentLength));
        assert_eq!(take(&mut table, piece(key, 0, true, b"0123")), Err(Ignored::FragmentLength));
        let bomb = piece(key, 65_528, false, b"01234567");
        assert_eq!(take(&mut table, bomb), Err(Ignored::FragmentTooLong));
        assert_eq!(table.poll_timeout(), None);
    }

    #[test]
    fn one_source_cannot_take_the_room_of_another() {
        let config = Config {
            fragment_bytes_max: 1000,
            fragment_source_bytes_max: 300,
            ..Config::default()
        };
        let mut table = Reassembly::new(&config);
        let taken =
            (0..50).filter(|id| take(&mut table, piece(key(2, *id), 8, true, b"01234567")).is_ok());
        assert_eq!(taken.count(), 4); // 72 each
        assert_eq!(take(&mut table, piece(key(3, 1), 8, true, b"01234567")), Ok(Taken::Kept));
        for source in 4..200 {
            let _any = take(&mut table, piece(key(source, 1), 8, true, b"01234567"));
            assert!(table.bytes() <= 1000);
        }
    }

    #[test]
    fn what_waits_too_long_ends_and_tells_of_its_beginning() {
        let mut table = Reassembly::new(&Config::default());
        let _first = take(&mut table, piece(key(2, 1), 0, true, b"01234567"));
        let _other = take(&mut table, piece(key(2, 2), 8, true, b"01234567"));
        let until = Instant::ZERO + Duration::from_secs(30);
        assert_eq!(table.poll_timeout(), Some(until));
        assert!(table.handle_timeout(Instant::from_millis(29_999)).is_empty());
        let expired = table.handle_timeout(until);
        assert_eq!(expired.len(), 1);
        assert_eq!(
            (&expired[0].head[..], &expired[0].payload[..]),
            (&b"head"[..], &b"01234567"[..])
        );
        assert_eq!((table.bytes(), table.poll_timeout()), (0, None));
    }

    #[test]
    fn a_mark_on_one_fragment_marks_the_datagram() {
        assert_eq!(together(2, 3), Some(3));
        assert_eq!(together(2, 2), Some(2));
        assert_eq!(together(0, 2), Some(0));
        assert_eq!(together(0, 3), None);
    }
}
