//! What leaves the engine (TCP-007).

use super::unsent::Last;
use super::{Engine, Memory as _, Tables};
use crate::endpoint::{Endpoint, clamp};
use crate::index::{Index as _, List};
use crate::prf::Tuple;
use crate::queue::{Slices, TxQueue as _};
use core::net::IpAddr;
use mainstay_base::Instant;
use mainstay_wire::checksum::Checksum;
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::tcp::CHECKSUM_OFFSET;

/// What stands in the checksum field (TCP-610).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The parts of [`Transmit`] that are not lent.
struct Bare {
    tuple: Tuple,
    ecn: Ecn,
    hop_limit: u8,
    dscp: u8,
    flow_label: u32,
    unit: Option<u16>,
    header_len: usize,
    /// Slot, offset and length of the payload.
    payload: Option<(usize, usize, usize)>,
}

impl<T: Tables> Engine<T> {
    /// The next segment; endpoints take turns (TCP-144).
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        if self.is_blocked(now) {
            return None;
        }
        let bare = self.next_reply().or_else(|| self.next_segment(now))?;
        self.counters.sent += 1;
        let Bare { tuple, ecn, hop_limit, dscp, flow_label, unit, header_len, payload } = bare;
        let payload = payload.and_then(|(slot, offset, len)| {
            let endpoint = self.slots.as_ref().get(slot)?.endpoint.as_ref()?;
            Some(endpoint.queue.slices(offset, len))
        });
        let payload = payload.unwrap_or(Slices::EMPTY);
        let (source, destination) = (tuple.local.ip(), tuple.peer.ip());
        let header = self.header.get_mut(..header_len)?;
        let len = u32::try_from(header_len + payload.len()).unwrap_or(u32::MAX);
        let mut sum = Checksum::pseudo(source, destination, Protocol::TCP.0, len);
        let summed = if self.config.partial_checksums { Summed::Partial } else { Summed::Full };
        let field = match summed {
            Summed::Partial => sum.partial(),
            Summed::Full => {
                sum.add(header);
                for part in payload.as_slice() {
                    sum.add(part);
                }
                sum.finish()
            }
        };
        let place = header.get_mut(CHECKSUM_OFFSET..CHECKSUM_OFFSET + 2)?;
        place.copy_from_slice(&field.to_be_bytes());
        Some(Transmit {
            source,
            destination,
            hop_limit,
            dscp,
            ecn,
            flow_label,
            header,
            payload,
            unit,
            summed,
        })
    }

    fn next_reply(&mut self) -> Option<Bare> {
        let reply = self
            .replies
            .pop()
            .or_else(|| self.memory.kept_mut().and_then(|kept| kept.replies.pop()))?;
        self.last = Some(Last::Reply(reply));
        Some(Bare {
            tuple: reply.tuple,
            ecn: Ecn::NotEct,
            hop_limit: 64,
            dscp: 0,
            flow_label: 0,
            unit: None,
            header_len: reply.header().emit(&mut self.header)?,
            payload: None,
        })
    }

    fn next_segment(&mut self, now: Instant) -> Option<Bare> {
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
            let mut before = endpoint.before();
            let mut out = endpoint.poll_transmit(now);
            if let Some(out) = &out {
                endpoint.after(&mut before, out.header.sequence, clamp(out.len));
            }
            let (tuple, flow_label) = (endpoint.tuple(), endpoint.flow_label());
            let settings = endpoint.settings.as_ref();
            let (hop_limit, dscp) = (settings.hop_limit, settings.dscp);
            self.touch(now, slot);
            if let Some(out) = &mut out
                && out.header.options.fast_open.is_some()
            {
                self.fill_cookie(now, &tuple, &mut out.header, out.len > 0);
            }
            let Some(out) = out else { continue };
            let generation = self.slots.as_ref().get(slot).map_or(0, |slot| slot.generation);
            self.last = Some(Last::Segment(slot, generation, before));
            return Some(Bare {
                tuple,
                ecn: if out.ecn { Ecn::Ect0 } else { Ecn::NotEct },
                hop_limit,
                dscp,
                flow_label,
                unit: out.unit,
                header_len: out.header.emit(&mut self.header)?,
                payload: (out.len > 0).then_some((slot, out.offset, out.len)),
            });
        }
    }
}
