//! What enters the engine: whose segment it is, and SYNs that nobody decided on yet (TCP-073 to TCP-077, TCP-100 to 118).

use super::early::Met;
use super::ecn_paths;
use super::request::Incoming;
use super::{Engine, Memory as _, Tables, Unknown, list};
use crate::bits::Bits;
use crate::end::End;
use crate::endpoint::{Address as _, Birth, Either, Endpoint, clamp};
use crate::event::{Disconnected, State};
use crate::extras::Extras as _;
use crate::predict::Prediction;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::segment_arrives::{Arrival, Ignored, Segment};
use crate::seq::Seq;
use crate::time::Now;
use crate::trace::Step;
use core::net::IpAddr;
use mainstay_base::Instant;
use mainstay_wire::checksum::{self, Checksum};
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::tcp::{Flags, Header, Plain};

/// What the IP layer knows of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// From.
    pub source: IpAddr,
    /// To: an address of ours.
    pub destination: IpAddr,
    /// What the packet's ECN field said.
    pub ecn: Ecn,
    /// The payload of one packet on the wire, if a device joined several (TCP-604).
    pub unit: Option<u16>,
    /// A device has verified the checksum, or the peer shares our memory (TCP-613).
    pub verified: bool,
    /// The largest packet of the interface it came by.
    pub mtu: u16,
}

/// What came of a segment. There will be no more kinds: a caller that did not know one would leave a peer without an answer.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "a SYN is rare, and there is no allocator to box it with"
)]
pub enum Ingress<'a, T: Tables> {
    /// A connection took it.
    Accepted,
    /// It was dropped, and perhaps answered.
    Dropped(Ignored),
    /// Somebody asks for a connection: accept, defer or refuse it.
    Incoming(Incoming<'a, T>),
    /// It is for nobody here, and perhaps for another stack (TCP-112).
    Pass,
}

impl<T: Tables> From<Result<(), Ignored>> for Ingress<'_, T> {
    fn from(result: Result<(), Ignored>) -> Self {
        match result {
            Ok(()) => Self::Accepted,
            Err(why) => Self::Dropped(why),
        }
    }
}

impl<T: Tables> Engine<T> {
    /// A segment from the IP layer.
    pub fn handle_segment<'a>(
        &'a mut self,
        now: Instant,
        meta: &Meta,
        bytes: &'a [u8],
    ) -> Ingress<'a, T> {
        let now = self.clock(now);
        self.counters.received += 1;
        if T::Profile::BULK
            && let Some((plain, _)) = Plain::parse(bytes)
            && let Some(slot) = self
                .find_between((&meta.destination, plain.destination), (&meta.source, plain.source))
        {
            let place = self.slots.as_mut().get_mut(slot);
            if let Some(endpoint) = place.and_then(|place| place.endpoint.as_mut()) {
                match predict(endpoint, now, meta, bytes) {
                    Prediction::Taken => {
                        list(&mut self.index, now, slot, endpoint);
                        return Ingress::Accepted;
                    }
                    Prediction::Damaged => return self.damaged(Ignored::Checksum),
                    Prediction::Other => return self.take_plain(now, meta, bytes, slot),
                }
            }
        }
        self.take_any(now, meta, bytes)
    }

    /// One with the options that most have, for a connection that did not expect it.
    #[inline(never)]
    fn take_plain(&mut self, now: Now, meta: &Meta, bytes: &[u8], slot: usize) -> Ingress<'_, T> {
        let Some((plain, payload)) = Plain::parse(bytes) else {
            return self.damaged(Ignored::Malformed);
        };
        if !is_unharmed(meta, bytes) {
            return self.damaged(Ignored::Checksum);
        }
        let segment = Segment::plain(&plain, payload, meta.ecn, meta.unit);
        if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.note_arrival(now, &segment, bytes.len());
        }
        self.deliver(now, slot, &segment).into()
    }

    /// One with other options than most have, or for nobody.
    #[inline(never)]
    fn take_any<'a>(&'a mut self, now: Now, meta: &Meta, bytes: &'a [u8]) -> Ingress<'a, T> {
        let Some((header, header_len)) = Header::parse(bytes) else {
            return self.damaged(Ignored::Malformed);
        };
        let payload = bytes.get(header_len..).unwrap_or(&[]);
        let (source, destination) = (header.source, header.destination);
        // Nobody has an IPv4-mapped address (TCP-101), ...
        let (Some(local), Some(peer)) = (Either::of(&meta.destination), Either::of(&meta.source))
        else {
            return self.damaged(Ignored::Address);
        };
        let local = End { address: local, port: destination };
        let tuple = Tuple { local, peer: End { address: peer, port: source } };
        let slot = self.find(&tuple);
        // ... and nobody is connected to an address that cannot be.
        if slot.is_none() && !(tuple.local.is_plausible() && tuple.peer.is_plausible()) {
            return self.damaged(Ignored::Address);
        }
        if !meta.verified && !is_right(&tuple, bytes) {
            return self.damaged(Ignored::Checksum);
        }
        if header.options.malformed {
            self.counters.malformed_options += 1;
        }
        if let Some(slot) = slot
            && !self.replaces(slot, &header)
        {
            let segment = Segment::new(&header, payload, meta.ecn, meta.unit);
            if let Some(endpoint) = self.endpoint_mut(slot) {
                endpoint.note_arrival(now, &segment, bytes.len());
            }
            return self.deliver(now, slot, &segment).into();
        }
        self.without_connection(now, meta, &tuple, &header, payload)
    }

    fn damaged(&mut self, why: Ignored) -> Ingress<'_, T> {
        self.counters.damaged += 1;
        Ingress::Dropped(why)
    }

    /// Hands a segment to its connection.
    #[inline(never)]
    pub(super) fn deliver(
        &mut self,
        now: Now,
        slot: usize,
        segment: &Segment<'_>,
    ) -> Result<(), Ignored> {
        let Some(endpoint) = self.endpoint_mut(slot) else { return Err(Ignored::Stranger) };
        endpoint.trace_arrival(segment);
        let open = endpoint.state;
        let (met, losses) = (Met::before(endpoint), ecn_paths::unanswered(endpoint));
        let arrival = endpoint.handle_segment(now, segment);
        if T::Memory::KEEPS {
            if let Some(losses) = losses {
                self.remember_ecn_path(now, slot, losses);
            }
            if let Some(met) = met {
                self.remember_server(now, slot, &met, segment.header);
            }
        }
        let Some(endpoint) = self.endpoint_mut(slot) else { return Err(Ignored::Stranger) };
        if T::Memory::KEEPS && endpoint.state == State::TimeWait && open != State::TimeWait {
            self.compress(now, slot);
        }
        let Some(endpoint) = self.endpoint_mut(slot) else { return Err(Ignored::Stranger) };
        if endpoint.bits.take(Bits::CHALLENGE) {
            self.answer_challenge(now, slot);
        }
        let Some(endpoint) = self.endpoint_mut(slot) else { return Err(Ignored::Stranger) };
        // A connection that ended because nobody reads any more says so (TCP-065).
        let unread = endpoint.state == State::Closed
            && open != State::Closed
            && endpoint.ended == Some(Disconnected::Reset)
            && endpoint.bits.has(Bits::CLOSED_BOTH)
            && !segment.payload.is_empty()
            && !segment.flags.contains(Flags::RST);
        let (sequence, acknowledgment) = (endpoint.nxt, endpoint.rcv_nxt);
        self.touch(now, slot);
        if unread {
            self.reset_peer(slot, sequence, Some(acknowledgment));
        }
        match arrival {
            Arrival::Taken => Ok(()),
            Arrival::Dropped(why) => {
                self.counters.ignored += 1;
                self.trace_drop(slot, why);
                Err(why)
            }
            Arrival::Reset(sequence) => {
                self.counters.ignored += 1;
                self.trace_drop(slot, Ignored::Acknowledgment);
                self.reset_peer(slot, sequence, None);
                Err(Ignored::Acknowledgment)
            }
        }
    }

    /// A connection dropped a segment.
    #[inline]
    fn trace_drop(&mut self, slot: usize, why: Ignored) {
        if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.trace(Step::Dropped(why));
        }
    }

    /// One more answer to what is not acceptable, if the whole engine may give one (TCP-510).
    #[cfg_attr(target_os = "none", inline)]
    fn answer_challenge(&mut self, now: Now, slot: usize) {
        if !self.challenges.take(now.instant(), &mut self.rng) {
            self.counters.unanswered += 1;
        } else if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
        }
    }

    /// A reset to somebody without a connection, if one more may leave (TCP-512).
    pub(super) fn turn_away(
        &mut self,
        now: Now,
        tuple: &Tuple,
        sequence: Seq,
        acknowledgment: Option<Seq>,
    ) {
        if self.resets.take(now.instant()) {
            self.reset(tuple, sequence, acknowledgment);
        } else {
            self.counters.unanswered += 1;
        }
    }

    /// RFC 9293 §3.10.7.1 and §3.10.7.2.
    fn without_connection<'a>(
        &'a mut self,
        now: Now,
        meta: &Meta,
        tuple: &Tuple,
        header: &Header,
        payload: &'a [u8],
    ) -> Ingress<'a, T> {
        let flags = header.flags;
        if let Some(why) = self.ask_record(now, tuple, header, payload.len()) {
            self.counters.ignored += 1;
            return Ingress::Dropped(why);
        }
        if flags.contains(Flags::RST) {
            self.forget_handshake(tuple, header);
            self.counters.strangers += 1;
            return Ingress::Dropped(Ignored::Reset);
        }
        let Some(listener) = self.listener(&tuple.local) else {
            return self.stranger(now, tuple, header, payload.len());
        };
        let opening = if flags.contains(Flags::ACK) {
            self.completed(now, tuple, listener, header)
        } else if !flags.contains(Flags::SYN) || tuple.local == tuple.peer {
            return Ingress::Dropped(Ignored::Flags); // TCP-115, TCP-117
        } else if self.repeats(now, tuple, listener, header) {
            return Ingress::Accepted;
        } else {
            let early = !payload.is_empty();
            Some(self.early_data(now, tuple, listener, header, early))
        };
        let Some(opening) = opening else {
            return self.stranger(now, tuple, header, payload.len());
        };
        Ingress::Incoming(Incoming {
            now,
            tuple: *tuple,
            header: *header,
            payload,
            ecn: meta.ecn,
            unit: meta.unit,
            mtu: meta.mtu,
            listener,
            opening,
            engine: self,
        })
    }

    /// A segment for nobody.
    #[cfg_attr(target_os = "none", inline)]
    fn stranger(
        &mut self,
        now: Now,
        tuple: &Tuple,
        header: &Header,
        payload: usize,
    ) -> Ingress<'_, T> {
        self.counters.strangers += 1;
        match self.config.unknown {
            Unknown::Pass => Ingress::Pass,
            Unknown::Silent => Ingress::Dropped(Ignored::Stranger),
            Unknown::Reset => {
                if header.flags.contains(Flags::ACK) {
                    self.turn_away(now, tuple, Seq(header.acknowledgment), None);
                } else {
                    let acknowledgment = Seq(header.sequence) + segment_len(header, payload);
                    self.turn_away(now, tuple, Seq(0), Some(acknowledgment));
                }
                Ingress::Dropped(Ignored::Stranger)
            }
        }
    }
}

/// Gives a segment to the endpoint it was sent to, if it expects it and the checksum is right.
///
/// Reads the header again: from where it lies that takes less than to hand over what was read.
#[inline(never)]
fn predict<P: Profile>(
    endpoint: &mut Endpoint<P>,
    now: Now,
    meta: &Meta,
    bytes: &[u8],
) -> Prediction {
    let Some((plain, payload)) = Plain::parse(bytes) else { return Prediction::Other };
    if endpoint.extra.get().is_some() {
        return Prediction::Other; // what arrives is counted
    }
    let segment = &Segment::plain(&plain, payload, meta.ecn, meta.unit);
    if meta.verified {
        return endpoint.predicted(now, segment, None);
    }
    let (local, peer) = (endpoint.local.mapped(), endpoint.peer.mapped());
    let mut sum = Checksum::pseudo_mapped(peer, local, Protocol::TCP.0, clamp(bytes.len()));
    sum.add(bytes.get(..bytes.len() - segment.payload.len()).unwrap_or(&[]));
    if segment.payload.is_empty() && !sum.is_valid() {
        return Prediction::Damaged; // there is nothing to add to it
    }
    endpoint.predicted(now, segment, Some(sum))
}

/// Whether the checksum is right, or need not be looked at (TCP-613).
#[inline]
fn is_unharmed(meta: &Meta, bytes: &[u8]) -> bool {
    meta.verified || checksum::verify(meta.source, meta.destination, Protocol::TCP.0, bytes)
}

/// Whether the checksum of what came from a peer is right.
#[cfg_attr(target_os = "none", inline)]
fn is_right(tuple: &Tuple, bytes: &[u8]) -> bool {
    let (local, peer) = (tuple.local.address.mapped(), tuple.peer.address.mapped());
    let mut sum = Checksum::pseudo_mapped(peer, local, Protocol::TCP.0, clamp(bytes.len()));
    sum.add(bytes);
    sum.is_valid()
}

/// What a segment takes of the sequence (RFC 9293 §3.4).
pub(super) fn segment_len(header: &Header, payload: usize) -> u32 {
    let flags = header.flags;
    let (syn, fin) = (flags.contains(Flags::SYN), flags.contains(Flags::FIN));
    clamp(payload) + u32::from(syn) + u32::from(fin)
}

impl<P: Profile> Endpoint<P> {
    /// A SYN was accepted (RFC 9293 §3.10.7.2, TCP-116).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn accept(
        &mut self,
        now: Now,
        birth: Birth,
        tuple: &Tuple,
        (header, arrived): (&Header, Ecn),
    ) {
        self.set_tuple(tuple);
        self.begin(birth);
        self.bits.set(Bits::PASSIVE);
        self.take_syn(now, header, arrived);
        self.enter(State::SynReceived);
        self.repeating_since = now.seconds();
        self.bits.set(Bits::SEND_SYN.and(Bits::OUTPUT));
        self.watch = crate::timers::Watch::Handshake;
        let limit = u64::from(self.settings.as_ref().handshake_limit) * 1000;
        self.arm(crate::timers::Slot::Watch, now, limit);
    }
}
