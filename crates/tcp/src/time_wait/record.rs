//! One connection in TIME-WAIT and what a segment of it means (TCP-140, TCP-185; RFC 1337, RFC 6191, RFC 7323 §5).

use crate::Seq;
use crate::prf::{Domain, Prf, Secret, Tuple};
use crate::time::{Now, later};
use core::net::SocketAddr;
use core::time::Duration;
use mainstay_wire::tcp::{Flags, Header};

/// What is kept of a connection that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Of the tuple: [`table_hash`](crate::isn::table_hash).
    pub hash: u64,
    /// Of our address: [`Ended::address_hash`].
    pub address_hash: u32,
    /// Our port.
    pub port: u16,
    /// What the peer would send next: one more than the number of its FIN.
    pub rcv_nxt: Seq,
    /// What we would send next.
    pub snd_nxt: Seq,
    /// The peer's last timestamp; `None` without the option.
    pub ts_recent: Option<u32>,
}

impl Ended {
    /// 32 bits of an address of ours, whatever its port; that two have the same makes a bind fail that could succeed.
    #[must_use]
    pub fn address_hash<P: Prf>(secret: &Secret, address: &SocketAddr) -> u32 {
        let mut bare = *address;
        bare.set_port(0);
        let hash = Tuple::new(bare, bare).hash::<P>(secret, Domain::Bucket);
        u32::try_from(hash >> 32).unwrap_or(0)
    }
}

/// What to do about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Send this if the engine's bucket allows (TCP-511).
    Ack(Ack),
    /// Send this: the peer repeated its FIN, and the record lives as long as a new one.
    Restart(Ack),
    /// Nothing.
    Ignore,
    /// The record is gone: the SYN is for a listener, and what answers it starts above this number.
    Recycle {
        /// The old connection's SND.NXT.
        above: Seq,
    },
}

/// An acknowledgement without data; its window does not matter, its timestamp is the clock plus the
/// [offset](crate::isn::timestamp_offset) of the tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Its sequence number.
    pub seq: Seq,
    /// What it acknowledges.
    pub ack: Seq,
    /// What its timestamp echoes; `None` without the option.
    pub echo: Option<u32>,
}

/// A place of a [`TimeWaitTable`](super::TimeWaitTable); the default value is an empty one.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeWaitRecord {
    hash: u64,
    rcv_nxt: Seq,
    snd_nxt: Seq,
    ts_recent: u32,
    /// The end, in milliseconds modulo 2^32.
    until: u32,
    /// The first record of the bucket with this place's number.
    pub(super) first: Link,
    /// The next record of the same bucket.
    pub(super) next: Link,
    address_hash: u32,
    port: u16,
    bits: u8,
    /// When we last sent a timestamp, in about seconds modulo 2^8: more than a record's life.
    sent: u8,
}

const _: () = assert!(size_of::<TimeWaitRecord>() == 40);

/// The number of a place, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    pub(super) fn to(number: usize) -> Self {
        Self(u32::try_from(number).map_or(0, |number| number.saturating_add(1)))
    }

    pub(super) fn number(self) -> Option<usize> {
        usize::try_from(self.0.checked_sub(1)?).ok()
    }
}

/// There is a record in this place.
const USED: u8 = 1;
/// Both sides use timestamps.
const TIMESTAMPS: u8 = 1 << 1;
/// The time began again since the record was put at its place in the queue.
const RESTARTED: u8 = 1 << 2;

/// What a segment means for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ignore,
    Ack,
    Restart,
    Recycle,
    End,
}

impl TimeWaitRecord {
    pub(super) fn new(now: Now, wait: Duration, ended: &Ended) -> Self {
        let bits = if ended.ts_recent.is_some() { USED | TIMESTAMPS } else { USED };
        Self {
            hash: ended.hash,
            rcv_nxt: ended.rcv_nxt,
            snd_nxt: ended.snd_nxt,
            ts_recent: ended.ts_recent.unwrap_or(0),
            until: end(now, wait),
            first: Link::default(),
            next: Link::default(),
            address_hash: ended.address_hash,
            port: ended.port,
            bits,
            sent: coarse(now),
        }
    }

    /// The same record at a place where the bucket begins with `first`, before `next` in its own bucket.
    pub(super) const fn linked(self, first: Link, next: Link) -> Self {
        Self { first, next, ..self }
    }

    /// What the record is found by; `None` for an empty place.
    pub(super) fn hash(&self) -> Option<u64> {
        self.has(USED).then_some(self.hash)
    }

    pub(super) const fn lives(&self, now: Now) -> bool {
        self.has(USED) && later(self.until, now.millis())
    }

    /// Whether it is of this port, and of this address if one is asked for.
    pub(super) fn is_at(&self, now: Now, port: u16, address_hash: Option<u32>) -> bool {
        self.lives(now)
            && self.port == port
            && address_hash.is_none_or(|hash| hash == self.address_hash)
    }

    /// Whether a new connection's first timestamp is sure to be newer than each of this one's (TCP-186).
    pub(super) const fn is_quiet(&self, now: Now) -> bool {
        self.has(TIMESTAMPS) && coarse(now).wrapping_sub(self.sent) >= 2
    }

    pub(super) const fn above(&self) -> Seq {
        self.snd_nxt
    }

    /// Empties the place; what followed it in its bucket.
    pub(super) const fn clear(&mut self) -> Link {
        self.bits = 0;
        let next = self.next;
        self.next = Link(0);
        next
    }

    /// What a segment means; takes its timestamp if that is newer.
    pub(super) fn judge(&mut self, header: &Header, len: usize, reset_ends: bool) -> Verdict {
        let (seq, flags) = (Seq(header.sequence), header.flags);
        if flags.contains(Flags::RST) {
            return if reset_ends && seq == self.rcv_nxt { Verdict::End } else { Verdict::Ignore };
        }
        let stamp = header.options.timestamps.map(|timestamps| timestamps.value);
        if flags.contains(Flags::SYN) {
            let opens = !flags.contains(Flags::ACK) && self.admits(seq, stamp);
            return if opens { Verdict::Recycle } else { Verdict::Ack };
        }
        let stamp = stamp.filter(|_| self.has(TIMESTAMPS));
        if stamp.is_some_and(|stamp| later(self.ts_recent, stamp)) {
            return Verdict::Ack;
        }
        if !flags.contains(Flags::ACK) {
            return Verdict::Ignore;
        }
        if let Some(stamp) = stamp.filter(|_| seq.at_or_before(self.rcv_nxt)) {
            self.ts_recent = stamp;
        }
        let last = seq + u32::try_from(len).unwrap_or(u32::MAX);
        if flags.contains(Flags::FIN) {
            return if last + 1 == self.rcv_nxt { Verdict::Restart } else { Verdict::Ack };
        }
        // Two that wait for each other, as after a simultaneous close, must not answer each other for ever.
        let says_nothing =
            last == self.rcv_nxt && len == 0 && !Seq(header.acknowledgment).after(self.snd_nxt);
        if says_nothing { Verdict::Ignore } else { Verdict::Ack }
    }

    /// Whether a SYN may open a new connection of the same tuple (TCP-185).
    fn admits(&self, seq: Seq, stamp: Option<u32>) -> bool {
        let is_above = seq.after(self.rcv_nxt);
        match (self.has(TIMESTAMPS), stamp) {
            (true, Some(stamp)) => {
                later(stamp, self.ts_recent) || (stamp == self.ts_recent && is_above)
            }
            (false, Some(_)) => true,
            (_, None) => is_above,
        }
    }

    pub(super) const fn restart(&mut self, now: Now, wait: Duration) {
        self.until = end(now, wait);
        self.bits |= RESTARTED;
    }

    /// Whether it was restarted since this was last asked.
    pub(super) const fn take_restarted(&mut self) -> bool {
        let restarted = self.has(RESTARTED);
        self.bits &= !RESTARTED;
        restarted
    }

    pub(super) fn ack(&mut self, now: Now) -> Ack {
        self.sent = coarse(now);
        Ack {
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            echo: self.has(TIMESTAMPS).then_some(self.ts_recent),
        }
    }

    const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

/// The end of `wait` from now, in milliseconds modulo 2^32.
#[expect(clippy::cast_possible_truncation, reason = "`wait` is four minutes at most")]
const fn end(now: Now, wait: Duration) -> u32 {
    now.millis().wrapping_add(wait.as_millis() as u32)
}

/// Units of 2^20 microseconds, modulo 2^8.
const fn coarse(now: Now) -> u8 {
    now.seconds().to_le_bytes()[0]
}
