//! What enters the engine: whose segment it is, and SYNs that nobody decided on yet (TCP-073 to TCP-077, TCP-100 to 118).

use super::{Engine, Handle, ListenerHandle, Tables, Unknown};
use crate::bits::Bits;
use crate::endpoint::{Address as _, Endpoint};
use crate::error::TcpError;
use crate::event::{Disconnected, State};
use crate::isn;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::segment_arrives::{Arrival, Ignored, Segment};
use crate::seq::Seq;
use crate::time::Now;
use core::net::{IpAddr, SocketAddr};
use mainstay_base::Instant;
use mainstay_wire::checksum;
use mainstay_wire::ip::{Ecn, Protocol};
use mainstay_wire::tcp::{Flags, Header};

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

/// What came of a segment.
#[derive(Debug)]
#[must_use]
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

/// A SYN for a listener. Dropping it defers: the peer will ask again (TCP-076).
pub struct Incoming<'a, T: Tables> {
    engine: &'a mut Engine<T>,
    now: Now,
    tuple: Tuple,
    header: Header,
    len: u32,
    mtu: u16,
    listener: ListenerHandle,
}

impl<T: Tables> core::fmt::Debug for Incoming<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Incoming").field("tuple", &self.tuple).finish_non_exhaustive()
    }
}

impl<T: Tables> Incoming<'_, T> {
    /// Who asks.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.tuple.peer
    }

    /// Which address of ours it asks.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.tuple.local
    }

    /// Which listener it is for.
    #[must_use]
    pub const fn listener(&self) -> ListenerHandle {
        self.listener
    }

    /// Takes it: an endpoint without a connection gets one. [`Event::Accepted`](crate::Event) tells when it can be used.
    ///
    /// # Errors
    /// [`TcpError::Stale`] or [`TcpError::InvalidState`] if the endpoint is gone or in use; the peer is refused (TCP-075).
    pub fn accept(self, handle: Handle) -> Result<(), TcpError> {
        let result = self.check(handle);
        if let Err(error) = result {
            self.refuse();
            return Err(error);
        }
        let mut birth = self.engine.birth(self.now, &self.tuple, self.mtu);
        if let Some(old) = self.engine.recycle(self.now, &self.tuple) {
            birth.iss = isn::above_old(birth.iss, old);
        }
        if let Some(endpoint) = self.engine.endpoint_mut(handle.slot()) {
            endpoint.accept(self.now, birth, self.tuple, &self.header);
        }
        self.engine.index(handle.slot(), &self.tuple);
        self.engine.touch(self.now, handle.slot());
        Ok(())
    }

    fn check(&self, handle: Handle) -> Result<(), TcpError> {
        let endpoint = self.engine.endpoint(handle).ok_or(TcpError::Stale)?;
        let address = <T::Profile as Profile>::Address::new(self.tuple.peer.ip());
        match endpoint.state {
            State::Closed if address.is_some() => Ok(()),
            State::Closed => Err(TcpError::InvalidArgs),
            _ => Err(TcpError::InvalidState),
        }
    }

    /// Decides later: no answer, nothing is kept; the peer asks again (TCP-076).
    pub fn defer(self) {}

    /// Tells the peer no (TCP-077).
    pub fn refuse(self) {
        let acknowledgment = Seq(self.header.sequence) + self.len;
        self.engine.turn_away(self.now, self.tuple, Seq(0), Some(acknowledgment));
    }
}

impl<T: Tables> Engine<T> {
    /// A segment from the IP layer.
    pub fn handle_segment(&mut self, now: Instant, meta: &Meta, bytes: &[u8]) -> Ingress<'_, T> {
        let now = self.clock(now);
        self.counters.received += 1;
        let Some((header, header_len)) = Header::parse(bytes) else {
            return self.damaged(Ignored::Malformed);
        };
        if header.source == 0 || header.destination == 0 || !plausible(meta) {
            return self.damaged(Ignored::Address);
        }
        if !meta.verified
            && !checksum::verify(meta.source, meta.destination, Protocol::TCP.0, bytes)
        {
            return self.damaged(Ignored::Checksum);
        }
        if header.options.malformed {
            self.counters.malformed_options += 1;
        }
        let tuple = Tuple {
            local: (meta.destination, header.destination).into(),
            peer: (meta.source, header.source).into(),
        };
        let payload = bytes.get(header_len..).unwrap_or(&[]);
        let segment = Segment { header: &header, payload, ecn: meta.ecn, unit: meta.unit };
        if let Some(slot) = self.find(&tuple)
            && !self.replaces(slot, &tuple, &header)
        {
            return self.deliver(now, slot, tuple, &segment);
        }
        self.without_connection(now, meta, tuple, &segment)
    }

    fn damaged(&mut self, why: Ignored) -> Ingress<'_, T> {
        self.counters.damaged += 1;
        Ingress::Dropped(why)
    }

    /// Hands a segment to its connection.
    fn deliver(
        &mut self,
        now: Now,
        slot: usize,
        tuple: Tuple,
        segment: &Segment<'_>,
    ) -> Ingress<'_, T> {
        let Some(endpoint) = self.endpoint_mut(slot) else { return Ingress::Pass };
        let open = endpoint.state;
        let arrival = endpoint.handle_segment(now, segment);
        if endpoint.state == State::TimeWait && open != State::TimeWait {
            self.compress(now, slot);
        }
        let Some(endpoint) = self.endpoint_mut(slot) else { return Ingress::Pass };
        if endpoint.bits.take(Bits::CHALLENGE) {
            self.answer_challenge(now, slot);
        }
        let Some(endpoint) = self.endpoint_mut(slot) else { return Ingress::Pass };
        // A connection that ended because nobody reads any more says so (TCP-065).
        let unread = endpoint.state == State::Closed
            && open != State::Closed
            && endpoint.ended == Some(Disconnected::Reset)
            && endpoint.bits.has(Bits::CLOSED_BOTH)
            && !segment.payload.is_empty()
            && !segment.header.flags.contains(Flags::RST);
        let (sequence, acknowledgment) = (endpoint.nxt, endpoint.rcv_nxt);
        self.touch(now, slot);
        if unread {
            self.reset(tuple, sequence, Some(acknowledgment));
        }
        match arrival {
            Arrival::Taken => Ingress::Accepted,
            Arrival::Dropped(why) => {
                self.counters.ignored += 1;
                Ingress::Dropped(why)
            }
            Arrival::Reset(sequence) => {
                self.counters.ignored += 1;
                self.reset(tuple, sequence, None);
                Ingress::Dropped(Ignored::Acknowledgment)
            }
        }
    }

    /// One more answer to what is not acceptable, if the whole engine may give one (TCP-510).
    fn answer_challenge(&mut self, now: Now, slot: usize) {
        if !self.challenges.take(now.instant, &mut self.rng) {
            self.counters.unanswered += 1;
        } else if let Some(endpoint) = self.endpoint_mut(slot) {
            endpoint.bits.set(Bits::ACK_NOW.and(Bits::OUTPUT));
        }
    }

    /// A reset to somebody without a connection, if one more may leave (TCP-512).
    fn turn_away(&mut self, now: Now, tuple: Tuple, sequence: Seq, acknowledgment: Option<Seq>) {
        if self.resets.take(now.instant) {
            self.reset(tuple, sequence, acknowledgment);
        } else {
            self.counters.unanswered += 1;
        }
    }

    /// RFC 9293 §3.10.7.1 and §3.10.7.2.
    fn without_connection(
        &mut self,
        now: Now,
        meta: &Meta,
        tuple: Tuple,
        segment: &Segment<'_>,
    ) -> Ingress<'_, T> {
        let flags = segment.header.flags;
        if let Some(why) = self.ask_record(now, &tuple, segment) {
            self.counters.ignored += 1;
            return Ingress::Dropped(why);
        }
        if flags.contains(Flags::RST) {
            self.counters.strangers += 1;
            return Ingress::Dropped(Ignored::Reset);
        }
        let len = segment_len(segment);
        if let Some(listener) = self.listener(tuple.local)
            && !flags.contains(Flags::ACK)
        {
            if !flags.contains(Flags::SYN) || tuple.local == tuple.peer {
                return Ingress::Dropped(Ignored::Flags); // TCP-115, TCP-117
            }
            let header = *segment.header;
            return Ingress::Incoming(Incoming {
                engine: self,
                now,
                tuple,
                header,
                len,
                mtu: meta.mtu,
                listener,
            });
        }
        self.counters.strangers += 1;
        match self.config.unknown {
            Unknown::Pass => Ingress::Pass,
            Unknown::Silent => Ingress::Dropped(Ignored::Stranger),
            Unknown::Reset => {
                if flags.contains(Flags::ACK) {
                    self.turn_away(now, tuple, Seq(segment.header.acknowledgment), None);
                } else {
                    let acknowledgment = Seq(segment.header.sequence) + len;
                    self.turn_away(now, tuple, Seq(0), Some(acknowledgment));
                }
                Ingress::Dropped(Ignored::Stranger)
            }
        }
    }
}

/// What a segment takes of the sequence (RFC 9293 §3.4).
fn segment_len(segment: &Segment<'_>) -> u32 {
    let flags = segment.header.flags;
    let (syn, fin) = (flags.contains(Flags::SYN), flags.contains(Flags::FIN));
    crate::endpoint::clamp(segment.payload.len()) + u32::from(syn) + u32::from(fin)
}

/// Addresses that can be one end of a connection (TCP-101).
fn plausible(meta: &Meta) -> bool {
    [meta.source, meta.destination].into_iter().all(|address| {
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        !address.is_multicast() && !address.is_unspecified() && !broadcast
    })
}

impl<P: Profile> Endpoint<P> {
    /// A SYN was accepted (RFC 9293 §3.10.7.2, TCP-116).
    pub(crate) fn accept(
        &mut self,
        now: Now,
        birth: crate::endpoint::Birth,
        tuple: Tuple,
        header: &Header,
    ) {
        self.set_tuple(&tuple);
        self.begin(birth);
        self.bits.set(Bits::PASSIVE);
        self.take_syn(now, header);
        self.state = State::SynReceived;
        self.repeating_since = now.seconds();
        self.bits.set(Bits::SEND_SYN.and(Bits::OUTPUT));
        self.misc = crate::timers::Misc::Handshake;
        let limit = u64::from(self.settings.as_ref().handshake_limit) * 1000;
        self.arm(crate::timers::Slot::Misc, now, limit);
    }
}
