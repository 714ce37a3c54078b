//! What leaves the engine (TCP-007).

use super::reply::Reply;
use super::unsent::{Before, Last};
use super::{Engine, Memory as _, Tables, list};
use crate::endpoint::{Address as _, Endpoint, clamp};
use crate::index::{Index as _, List};
use crate::queue::{Slices, TxQueue as _};
use crate::seq::Seq;
use crate::time::Now;
use crate::transmit::Outgoing;
use core::net::IpAddr;
use mainstay_base::Instant;
use mainstay_wire::checksum::Checksum;
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::tcp::{CHECKSUM_OFFSET, Header};

/// What stands in the checksum field (TCP-610).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Summed {
    /// The checksum.
    Full,
    /// The sum of the pseudo-header; the device adds the rest.
    Partial,
}

/// A segment or super-segment, lent until the next call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Transmit<'a> {
    /// From.
    pub source: IpAddr,
    /// To.
    pub destination: IpAddr,
    /// The IP hop limit.
    pub hop_limit: u8,
    /// The differentiated services code point.
    pub dscp: u8,
    /// May be marked instead of dropped.
    pub ecn: Ecn,
    /// The link is to protect it, where it can (TCP-552).
    pub link_security: bool,
    /// The IPv6 flow label, the same for a whole connection.
    pub flow_label: u32,
    /// The TCP header with its options.
    pub header: &'a [u8],
    /// What follows it.
    pub payload: Slices<'a>,
    /// It is to be cut into segments of so much payload.
    pub unit: Option<u16>,
    /// What stands in the checksum field.
    pub summed: Summed,
}

impl Transmit<'_> {
    /// How many bytes it has, header and payload.
    #[must_use]
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "there is always a header")]
    pub fn len(&self) -> usize {
        self.header.len() + self.payload.len()
    }

    /// Copies it to the front of `to` and says how long it is; `None` if `to` is shorter.
    #[inline]
    pub fn copy_to(&self, to: &mut [u8]) -> Option<usize> {
        let (head, mut rest) = to.split_at_mut_checked(self.header.len())?;
        head.copy_from_slice(self.header);
        for part in self.payload.as_slice() {
            let (place, after) = rest.split_at_mut_checked(part.len())?;
            place.copy_from_slice(part);
            rest = after;
        }
        Some(self.len())
    }

    /// The same with the whole checksum, which is made while the payload is copied if it was left to the device.
    #[inline]
    pub fn copy_summed(&self, to: &mut [u8]) -> Option<usize> {
        if self.summed == Summed::Full {
            return self.copy_to(to);
        }
        let (head, mut rest) = to.split_at_mut_checked(self.header.len())?;
        head.copy_from_slice(self.header);
        let mut sum = Checksum::new();
        sum.add(self.header); // and in it the sum of the pseudo-header
        for part in self.payload.as_slice() {
            let (place, after) = rest.split_at_mut_checked(part.len())?;
            sum.copy(part, place);
            rest = after;
        }
        fill_checksum(head, sum, false);
        Some(self.len())
    }
}

impl<T: Tables> Engine<T> {
    /// The next segment; endpoints take turns (TCP-144).
    #[inline(never)] // what it consists of is, and leaves no registers for who calls it
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        if self.is_blocked(now) {
            return None;
        }
        if self.next_reply(now) {
            return self.transmit_reply();
        }
        let now = self.clock(now);
        loop {
            let slot = self.next_turn()?;
            if let Some(out) = self.poll_slot(now, slot) {
                return self.lend(slot, &out);
            }
            if let Some(out) = self.poll_any(now, slot) {
                return self.lend_any(slot, &out);
            }
        }
    }

    /// The next segment of an endpoint, if it is like most; its header stands in the engine's.
    #[inline(always)]
    fn poll_slot(&mut self, now: Now, place: usize) -> Option<Outgoing> {
        let slot = self.slots.as_mut().get_mut(place)?;
        let endpoint = slot.endpoint.as_mut()?;
        let (mut before, nxt) = (endpoint.before(), endpoint.nxt);
        let out = endpoint.poll_usual(now, &mut self.header)?;
        endpoint.after(&mut before, &out);
        endpoint.trace_departure(nxt, &out, &self.header);
        self.last = Some(Last::Segment(place, slot.generation, before));
        self.counters.sent += 1;
        list(&mut self.index, now, place, endpoint);
        Some(out)
    }

    /// Whose turn it is.
    #[inline]
    fn next_turn(&mut self) -> Option<usize> {
        let slots = self.slots.as_ref();
        let wants = |slot: usize| {
            slots
                .get(slot)
                .and_then(|slot| slot.endpoint.as_ref())
                .is_some_and(Endpoint::has_output)
        };
        self.index.take(List::Transmit, slots.len(), wants)
    }

    /// The next segment of an endpoint, if there is one; its header stands in the engine's.
    #[inline(never)]
    fn poll_any(&mut self, now: Now, slot: usize) -> Option<Outgoing> {
        let endpoint = self.slots.as_mut().get_mut(slot)?.endpoint.as_mut()?;
        let (before, nxt) = (endpoint.before(), endpoint.nxt);
        let Some(mut out) = endpoint.poll_transmit(now, &mut self.header) else {
            self.touch(now, slot);
            return None;
        };
        self.has_left(now, slot, before, nxt, &out);
        if T::FAST_OPEN && out.fast_open {
            out.header_len = self.write_cookie(now, slot, &out)?;
        }
        Some(out)
    }

    /// Remembers what left, for the driver may say that it did not.
    #[inline]
    fn has_left(&mut self, now: Now, slot: usize, mut before: Before, nxt: Seq, out: &Outgoing) {
        let Some(place) = self.slots.as_mut().get_mut(slot) else { return };
        if let Some(endpoint) = place.endpoint.as_mut() {
            endpoint.after(&mut before, out);
            endpoint.trace_departure(nxt, out, &self.header);
        }
        self.last = Some(Last::Segment(slot, place.generation, before));
        self.counters.sent += 1;
        self.touch(now, slot);
    }

    #[inline(never)]
    fn lend_any(&mut self, slot: usize, out: &Outgoing) -> Option<Transmit<'_>> {
        self.lend(slot, out)
    }

    /// Lends a segment to the driver.
    #[inline(always)]
    fn lend(&mut self, slot: usize, out: &Outgoing) -> Option<Transmit<'_>> {
        let endpoint = self.slots.as_ref().get(slot)?.endpoint.as_ref()?;
        let settings = endpoint.settings.as_ref();
        let header = self.header.get_mut(..out.header_len)?;
        let len = clamp(header.len() + out.len);
        let (local, peer) = (endpoint.local.mapped(), endpoint.peer.mapped());
        let mut sum = Checksum::pseudo_mapped(local, peer, Protocol::TCP.0, len);
        let partial = self.config.partial_checksums;
        if !partial {
            add_all(&mut sum, header, &endpoint.queue.slices(out.offset, out.len));
        }
        Some(Transmit {
            source: endpoint.local.ip(),
            destination: endpoint.peer.ip(),
            hop_limit: settings.hop_limit,
            dscp: settings.dscp,
            ecn: if out.ecn { Ecn::Ect0 } else { Ecn::NotEct },
            link_security: true,
            flow_label: endpoint.flow_label(),
            summed: fill_checksum(header, sum, partial),
            header,
            // Made where it will stand: copying it takes longer than making it.
            payload: endpoint.queue.slices(out.offset, out.len),
            unit: out.unit,
        })
    }

    /// Whether a segment that comes now is answered even if it belongs to no connection. Where not, what leaves should be
    /// taken before more is handed in, or a flood drowns the answers to honest peers.
    #[must_use]
    pub fn can_answer(&self) -> bool {
        !self.replies.is_full() && self.memory.kept().is_none_or(|kept| !kept.replies.is_full())
    }

    /// Whether there is one; it is the last that left then.
    #[cfg_attr(target_os = "none", inline(never))]
    fn next_reply(&mut self, now: Instant) -> bool {
        let reply = self.replies.pop().or_else(|| self.next_kept_reply(now));
        let Some(reply) = reply else { return false };
        self.last = Some(Last::Reply(reply));
        true
    }

    /// Of those beside endpoints; where many were due at once, the last makes room for more.
    fn next_kept_reply(&mut self, now: Instant) -> Option<Reply> {
        let kept = self.memory.kept_mut()?;
        if let Some(reply) = kept.replies.pop() {
            return Some(reply);
        }
        if kept.syns.deadline().is_none_or(|at| at > now) {
            return None;
        }
        let now = self.clock(now);
        self.handshakes_due(now);
        self.memory.kept_mut()?.replies.pop()
    }

    #[inline(never)]
    fn transmit_reply(&mut self) -> Option<Transmit<'_>> {
        let Some(Last::Reply(reply)) = &self.last else { return None };
        let mut header = Header::default();
        reply.fill(&mut header);
        let header_len = header.emit(&mut self.header)?;
        self.counters.sent += 1;
        let (local, peer) = (reply.tuple.local.address, reply.tuple.peer.address);
        let header = self.header.get_mut(..header_len)?;
        let partial = self.config.partial_checksums;
        let len = clamp(header.len());
        let mut sum = Checksum::pseudo_between(local.v6(), peer.v6(), Protocol::TCP.0, len);
        if !partial {
            sum.add(header);
        }
        let summed = fill_checksum(header, sum, partial);
        Some(Transmit {
            source: local.family(),
            destination: peer.family(),
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            link_security: true,
            flow_label: 0,
            summed,
            header,
            payload: Slices::EMPTY,
            unit: None,
        })
    }

    /// Writes the header of a SYN or SYN-ACK again, with the cookie it is to have (TCP-360, TCP-364); how long it is.
    #[cold]
    fn write_cookie(&mut self, now: Now, slot: usize, out: &Outgoing) -> Option<usize> {
        let tuple = self.endpoint_at(slot)?.tuple();
        let (mut header, _) = Header::parse(self.header.get(..out.header_len)?)?;
        self.fill_cookie(now, &tuple, &mut header, out.len > 0);
        header.emit(&mut self.header)
    }
}

/// Adds a segment.
#[inline(never)]
fn add_all(sum: &mut Checksum, header: &[u8], payload: &Slices<'_>) {
    sum.add(header);
    for part in payload.as_slice() {
        sum.add(part);
    }
}

/// Fills in the checksum of a header that says zero there (TCP-610).
#[inline]
fn fill_checksum(header: &mut [u8], sum: Checksum, partial: bool) -> Summed {
    let field = if partial { sum.partial() } else { sum.finish() };
    if let Some(place) = header.get_mut(CHECKSUM_OFFSET..).and_then(<[u8]>::first_chunk_mut) {
        *place = field.to_be_bytes();
    }
    if partial { Summed::Partial } else { Summed::Full }
}
