//! What routers say (section 2.11 of the specification, RFC 5927).

use super::{Engine, Tables};
use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::event::{Disconnected, Soft, State};
use crate::limits::{HEADERS_V4, HEADERS_V6};
use crate::losses::{Flight, Losses as _};
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::segment_arrives::Ignored;
use crate::seq::Seq;
use crate::time::Now;
use mainstay_base::{Instant, Verdict};

/// What an error says, whatever the IP version (TCP-176 to TCP-178).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IcmpKind {
    /// Trouble that may pass.
    Soft(Soft),
    /// The peer will not have it: protocol or port unreachable.
    Hard,
    /// A packet was too big for a link of so many bytes.
    TooBig {
        /// What that link takes.
        mtu: u16,
    },
}

/// An error about a segment of ours.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError {
    /// Of which connection.
    pub tuple: Tuple,
    /// The sequence number in the quoted header.
    pub sequence: u32,
    /// What it says.
    pub kind: IcmpKind,
}

/// The smallest MTU that is believed over IPv6. RFC 8200 §5
const MTU_MIN_V6: u16 = 1280;
/// The smallest MTU that is believed over IPv4. chosen: as Linux; smaller ones are an attack more often than a link
const MTU_MIN_V4: u16 = 552;

impl<T: Tables> Engine<T> {
    /// An ICMP error. Dropped unless it quotes something that is in flight (TCP-175).
    pub fn handle_icmp(&mut self, now: Instant, error: &IcmpError) -> Verdict<Ignored> {
        let now = self.clock(now);
        let Some(slot) = self.find(&error.tuple) else {
            return Verdict::Dropped(Ignored::Stranger);
        };
        let Some(endpoint) = self.endpoint_mut(slot) else {
            return Verdict::Dropped(Ignored::Stranger);
        };
        let quoted = Seq(error.sequence);
        if quoted.before(endpoint.una) || quoted.at_or_after(endpoint.nxt) {
            return Verdict::Dropped(Ignored::Window);
        }
        endpoint.handle_icmp(now, error);
        self.touch(now, slot);
        Verdict::Accepted
    }
}

impl<P: Profile> Endpoint<P> {
    fn handle_icmp(&mut self, now: Now, error: &IcmpError) {
        match error.kind {
            IcmpKind::Soft(soft) => self.note(soft),
            IcmpKind::Hard => {
                if matches!(self.state, State::SynSent | State::SynReceived) {
                    self.terminate(Disconnected::Refused);
                } else {
                    self.note(Soft::Unreachable); // RFC 5927 §4 (TCP-177)
                }
            }
            IcmpKind::TooBig { mtu } => self.shrink(now, mtu, error.tuple.peer.address.is_v4()),
        }
    }

    fn note(&mut self, soft: Soft) {
        self.soft = Some(soft);
        self.bits.set(Bits::TELL_SOFT);
    }

    /// Smaller segments from now on, and what was too big again; no congestion (TCP-178).
    fn shrink(&mut self, now: Now, mtu: u16, v4: bool) {
        let (floor, headers) = if v4 { (MTU_MIN_V4, HEADERS_V4) } else { (MTU_MIN_V6, HEADERS_V6) };
        if !v4 && mtu < floor {
            return;
        }
        let mss = mtu.max(floor) - headers;
        if mss >= self.mss {
            return;
        }
        self.path_is_below(mss);
        self.set_mss(now, mss);
        let payload = self.payload_max();
        let flight = Flight {
            una: self.una,
            nxt: self.nxt,
            board: &self.board,
            mss: payload,
            now: now.micros,
        };
        self.losses.lose_all(&flight);
        self.bits.set(Bits::FORCE.and(Bits::OUTPUT));
    }
}
