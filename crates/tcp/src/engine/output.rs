//! What leaves the engine (TCP-007).

use super::reply::Reply;
use super::unsent::Last;
use super::{Engine, Memory as _, Tables};
use crate::endpoint::{Address as _, Endpoint};
use crate::index::{Index as _, List};
use crate::queue::{Slices, TxQueue as _};
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

impl<T: Tables> Engine<T> {
    /// The next segment; endpoints take turns (TCP-144).
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        if self.is_blocked(now) {
            return None;
        }
        if let Some(reply) = self.next_reply(now) {
            return self.transmit_reply(&reply);
        }
        let (slot, out) = self.next_segment(now)?;
        self.counters.sent += 1;
        let endpoint = self.slots.as_ref().get(slot)?.endpoint.as_ref()?;
        let settings = endpoint.settings.as_ref();
        let payload = endpoint.queue.slices(out.offset, out.len);
        let (source, destination) = (endpoint.local.ip(), endpoint.peer.ip());
        let header = self.header.get_mut(..out.header_len)?;
        let partial = self.config.partial_checksums;
        let summed = fill_checksum(header, &payload, source, destination, partial);
        Some(Transmit {
            source,
            destination,
            hop_limit: settings.hop_limit,
            dscp: settings.dscp,
            ecn: if out.ecn { Ecn::Ect0 } else { Ecn::NotEct },
            link_security: true,
            flow_label: endpoint.flow_label(),
            header,
            payload,
            unit: out.unit,
            summed,
        })
    }

    fn next_reply(&mut self, now: Instant) -> Option<Reply> {
        let reply = self.replies.pop().or_else(|| self.next_kept_reply(now))?;
        self.last = Some(Last::Reply(reply));
        Some(reply)
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
    fn transmit_reply(&mut self, reply: &Reply) -> Option<Transmit<'_>> {
        self.counters.sent += 1;
        let header_len = reply.header().emit(&mut self.header)?;
        let (source, destination) = (reply.tuple.local.ip(), reply.tuple.peer.ip());
        let header = self.header.get_mut(..header_len)?;
        let partial = self.config.partial_checksums;
        let summed = fill_checksum(header, &Slices::EMPTY, source, destination, partial);
        Some(Transmit {
            source,
            destination,
            hop_limit: 64,
            dscp: 0,
            ecn: Ecn::NotEct,
            link_security: true,
            flow_label: 0,
            header,
            payload: Slices::EMPTY,
            unit: None,
            summed,
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

    /// Whose turn it is, and what leaves; its header stands in the engine's.
    fn next_segment(&mut self, now: Instant) -> Option<(usize, Outgoing)> {
        let now = self.clock(now);
        let count = self.slots.as_ref().len();
        loop {
            let slots = self.slots.as_ref();
            let wants = |slot: usize| {
                slots
                    .get(slot)
                    .and_then(|slot| slot.endpoint.as_ref())
                    .is_some_and(Endpoint::has_output)
            };
            let slot = self.index.take(List::Transmit, count, wants)?;
            let Some(endpoint) =
                self.slots.as_mut().get_mut(slot).and_then(|slot| slot.endpoint.as_mut())
            else {
                continue;
            };
            let (mut before, nxt) = (endpoint.before(), endpoint.nxt);
            let out = endpoint.poll_transmit(now, &mut self.header);
            if let Some(out) = &out {
                endpoint.after(&mut before, out);
                endpoint.trace_departure(nxt, out, &self.header);
            }
            self.touch(now, slot);
            let Some(mut out) = out else { continue };
            let generation = self.slots.as_ref().get(slot).map_or(0, |slot| slot.generation);
            self.last = Some(Last::Segment(slot, generation, before));
            if out.fast_open {
                out.header_len = self.write_cookie(now, slot, &out)?;
            }
            return Some((slot, out));
        }
    }
}

/// Fills in the checksum of a header that says zero there (TCP-610).
#[inline]
fn fill_checksum(
    header: &mut [u8],
    payload: &Slices<'_>,
    source: IpAddr,
    destination: IpAddr,
    partial: bool,
) -> Summed {
    let len = u32::try_from(header.len() + payload.len()).unwrap_or(u32::MAX);
    let mut sum = Checksum::pseudo(source, destination, Protocol::TCP.0, len);
    let field = if partial {
        sum.partial()
    } else {
        sum.add(header);
        for part in payload.as_slice() {
            sum.add(part);
        }
        sum.finish()
    };
    if let Some(place) = header.get_mut(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    if partial { Summed::Partial } else { Summed::Full }
}
