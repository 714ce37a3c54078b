//! Somebody asks for a connection, and the application decides (TCP-074 to TCP-079).

use super::incoming::segment_len;
use super::{Engine, Handle, ListenerHandle, Memory as _, Tables};
use crate::endpoint::Address as _;
use crate::error::TcpError;
use crate::event::State;
use crate::isn;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::segment_arrives::Segment;
use crate::seq::Seq;
use crate::syn_queue::Syn;
use crate::time::Now;
use core::net::SocketAddr;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::Header;

/// A SYN for a listener, or the last segment of a handshake that was [answered](Incoming::answer) without an endpoint.
/// Dropping it defers: the peer will ask again (TCP-076).
pub struct Incoming<'a, T: Tables> {
    pub(super) engine: &'a mut Engine<T>,
    pub(super) now: Now,
    pub(super) tuple: Tuple,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    pub(super) ecn: Ecn,
    pub(super) unit: Option<u16>,
    pub(super) mtu: u16,
    pub(super) listener: ListenerHandle,
    pub(super) opening: Opening,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opening {
    /// A SYN came.
    Syn {
        /// Its data may be delivered (TCP-365).
        early: bool,
        /// The peer is to get a cookie.
        give: bool,
    },
    /// The answer to this SYN was acknowledged.
    Completed(Syn),
}

impl<T: Tables> core::fmt::Debug for Incoming<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Incoming").field("tuple", &self.tuple).finish_non_exhaustive()
    }
}

impl<T: Tables> Incoming<'_, T> {
    /// Who asks.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.tuple.peer()
    }

    /// Which address of ours it asks.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.tuple.local()
    }

    /// Which listener it is for.
    #[must_use]
    pub const fn listener(&self) -> ListenerHandle {
        self.listener
    }

    /// Data came with the SYN and will be delivered before the peer has shown that it is where it says: perhaps it was
    /// delivered before, in an earlier connection (TCP-368).
    #[must_use]
    pub const fn has_early_data(&self) -> bool {
        matches!(self.opening, Opening::Syn { early: true, .. })
    }

    /// The peer has answered our SYN: what is accepted now is established.
    #[must_use]
    pub const fn is_completed(&self) -> bool {
        T::Memory::KEEPS && matches!(self.opening, Opening::Completed(_))
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
        let Self { engine, now, tuple, .. } = self;
        engine.drop_handshake(&tuple);
        let slot = handle.slot();
        let mut birth = engine.birth(now, &tuple, self.mtu);
        if let Some(old) = engine.recycle(now, &tuple) {
            birth.iss = isn::above_old(birth.iss, old);
        }
        engine.index(slot, &tuple);
        match self.opening {
            Opening::Syn { early, give } => {
                let data = if early { self.payload } else { &[] };
                if let Some(endpoint) = engine.endpoint_mut(slot) {
                    endpoint.accept(now, birth, &tuple, (&self.header, self.ecn));
                    if T::FAST_OPEN {
                        endpoint.take_early_data(data, give);
                    }
                }
                if T::FAST_OPEN {
                    engine.count_early(self.listener, early);
                }
                engine.touch(now, slot);
            }
            Opening::Completed(_) if !T::Memory::KEEPS => {} // nobody remembers what it would complete
            Opening::Completed(syn) => {
                birth.iss = syn.iss;
                let (shift, window) =
                    (engine.config.answers.shift(), engine.config.answers.window());
                if let Some(endpoint) = engine.endpoint_mut(slot) {
                    endpoint.accept_completed(now, birth, tuple, &syn, (shift, window));
                }
                let segment = Segment::new(&self.header, self.payload, self.ecn, self.unit);
                let _dropped = engine.deliver(now, slot, &segment);
            }
        }
        Ok(())
    }

    #[cfg_attr(target_os = "none", inline)]
    fn check(&self, handle: Handle) -> Result<(), TcpError> {
        let endpoint = self.engine.endpoint(handle).ok_or(TcpError::Stale)?;
        let address = <T::Profile as Profile>::Address::narrow(self.tuple.peer.address);
        match endpoint.state {
            State::Closed if !endpoint.is_told() => Err(TcpError::InvalidState),
            State::Closed if address.is_some() => Ok(()),
            State::Closed => Err(TcpError::InvalidArgs),
            State::Armed
            | State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => Err(TcpError::InvalidState),
        }
    }

    /// Answers the SYN without an endpoint: what it said is kept in the queue of handshakes or, where that is full, in a
    /// cookie (TCP-530). When the peer has answered in turn, the question comes again, with
    /// [`is_completed`](Self::is_completed). Without memory for either it is deferred, and so is what is completed already.
    pub fn answer(self) {
        if let Opening::Syn { .. } = self.opening {
            self.engine.answer_syn(self.now, &self.tuple, self.listener, &self.header, self.mtu);
        }
    }

    /// Decides later, without waiting for the peer to ask again: [`Engine::next_kept`] has it then. Whether there was
    /// room for it (TCP-076).
    pub fn keep(self) -> bool {
        match self.opening {
            Opening::Syn { .. } => {
                self.engine.keep_syn(self.now, &self.tuple, self.listener, &self.header, self.mtu)
            }
            Opening::Completed(_) => false,
        }
    }

    /// Decides later: no answer, nothing is kept; the peer asks again (TCP-076). One that is completed stays as it is, and
    /// the question comes again with the peer's next segment.
    pub fn defer(self) {}

    /// Tells the peer no (TCP-077).
    pub fn refuse(self) {
        self.engine.drop_handshake(&self.tuple);
        if self.is_completed() {
            let sequence = Seq(self.header.acknowledgment);
            self.engine.turn_away(self.now, &self.tuple, sequence, None);
            return;
        }
        let len = segment_len(&self.header, self.payload.len());
        let acknowledgment = Seq(self.header.sequence) + len;
        self.engine.turn_away(self.now, &self.tuple, Seq(0), Some(acknowledgment));
    }
}
