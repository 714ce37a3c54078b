//! What an application asks of an endpoint (sections 1.2 to 1.5 of the specification).

use super::{Engine, Memory as _, Tables};
use crate::bits::Bits;
use crate::end::End;
use crate::endpoint::{Address as _, Birth, Either, Endpoint, Push};
use crate::error::{SendError, TcpError};
use crate::event::{Disconnected, State};
use crate::isn;
use crate::prf::Tuple;
use crate::profile::Profile;
use crate::queue::{CopyQueue, TxBuf, TxQueue};
use crate::time::Now;
use crate::time_wait::{Ended, Reuse};
use crate::timers::Timer;
use core::net::{IpAddr, SocketAddr};
use mainstay_base::Instant;

/// Whether the first bytes may leave with the SYN (RFC 7413).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FastOpen {
    /// The SYN leaves at once, alone (TCP-027).
    #[default]
    No,
    /// The SYN leaves with the first bytes sent (TCP-026).
    Deferred,
}

/// How a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// From which address of ours.
    pub source: IpAddr,
    /// With packets of at most so many bytes.
    pub mtu: u16,
}

/// The IP layer's choice of a path (RFC 9293 §3.9.2.3, TCP-025).
pub trait Paths {
    /// The path to `peer`, from `source` if it is given; `None` if there is none.
    fn path(&mut self, peer: IpAddr, source: Option<IpAddr>) -> Option<Path>;
}

impl<F: FnMut(IpAddr, Option<IpAddr>) -> Option<Path>> Paths for F {
    fn path(&mut self, peer: IpAddr, source: Option<IpAddr>) -> Option<Path> {
        self(peer, source)
    }
}

/// An endpoint in its engine, to ask something of.
pub struct Live<'a, T: Tables> {
    pub(super) engine: &'a mut Engine<T>,
    pub(super) now: Now,
    pub(super) slot: usize,
}

impl<T: Tables> core::fmt::Debug for Live<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Live").field("slot", &self.slot).finish_non_exhaustive()
    }
}

type BufOf<T> = <<<T as Tables>::Profile as Profile>::Queue as TxQueue>::Buf;

impl<T: Tables> Live<'_, T> {
    /// Runs `act` on the endpoint and brings the engine's lists up to date.
    pub(super) fn with<R>(
        &mut self,
        act: impl FnOnce(&mut Endpoint<T::Profile>, Now) -> R,
    ) -> Option<R> {
        let now = self.now;
        let result = self.engine.endpoint_mut(self.slot).map(|endpoint| act(endpoint, now));
        self.engine.touch(now, self.slot);
        result
    }

    fn ask<R>(
        &mut self,
        act: impl FnOnce(&mut Endpoint<T::Profile>, Now) -> Result<R, TcpError>,
    ) -> Result<R, TcpError> {
        self.with(act).unwrap_or(Err(TcpError::Stale))
    }

    /// The endpoint, to look at.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint<T::Profile>> {
        self.engine.slots.as_ref().get(self.slot)?.endpoint.as_ref()
    }

    /// The local address and port for the next connection, and only for that; port 0 and the unspecified address leave the
    /// choice to connect (TCP-020).
    ///
    /// # Errors
    /// [`TcpError::InvalidState`] with a connection, [`TcpError::InvalidArgs`] for a multicast address,
    /// [`TcpError::AddrInUse`] where another endpoint or a listener has it (TCP-021).
    pub fn bind(&mut self, local: SocketAddr) -> Result<(), TcpError> {
        let end = End::new(local).filter(|end| !end.address.is_multicast());
        let end = end.ok_or(TcpError::InvalidArgs)?;
        let address = <T::Profile as Profile>::Address::narrow(end.address);
        let address = address.ok_or(TcpError::InvalidArgs)?;
        let slot = self.slot;
        let taken = |engine: &mut Engine<T>| {
            engine.is_taken(&end, slot) || engine.lingers_at(self.now, &end)
        };
        if end.port != 0 && taken(self.engine) {
            return Err(TcpError::AddrInUse);
        }
        self.ask(|endpoint, _| {
            if endpoint.state != State::Closed {
                return Err(TcpError::InvalidState);
            }
            (endpoint.local, endpoint.local_port) = (address, end.port);
            endpoint.bits.put(Bits::BOUND, end.port != 0 || !end.address.is_unspecified());
            Ok(())
        })
    }

    /// Connects (TCP-023 to TCP-027). A deferred connect finds its path now, and its SYN leaves with the first bytes sent.
    ///
    /// # Errors
    /// [`TcpError::InvalidState`] with a connection, or with one whose end was not polled yet (TCP-066, TCP-070);
    /// [`TcpError::InvalidArgs`] for an address or port that cannot be a peer's, [`TcpError::NoRoute`] without a path or a free port,
    /// [`TcpError::AddrInUse`] where the local address and port it was bound to have a connection with this peer already; the endpoint stays
    /// closed.
    pub fn connect(
        &mut self,
        peer: SocketAddr,
        fast_open: FastOpen,
        paths: &mut impl Paths,
    ) -> Result<(), TcpError> {
        let state = self.endpoint().map_or(State::Closed, |endpoint| endpoint.state);
        let told = self.endpoint().is_some_and(Endpoint::is_told);
        if !matches!(state, State::Closed | State::Armed) || !told {
            return Err(TcpError::InvalidState);
        }
        let end = End::new(peer).filter(End::is_plausible).ok_or(TcpError::InvalidArgs)?;
        if <T::Profile as Profile>::Address::narrow(end.address).is_none() {
            return Err(TcpError::InvalidArgs);
        }
        let (tuple, mtu) = self.resolve(end, paths)?;
        if fast_open == FastOpen::Deferred {
            let birth = self.engine.birth(self.now, &tuple, mtu);
            return self.ask(|endpoint, _| {
                endpoint.set_tuple(&tuple);
                endpoint.rcv_mss = birth.mss;
                endpoint.enter(State::Armed);
                Ok(())
            });
        }
        let birth = self.engine.birth(self.now, &tuple, mtu);
        self.start(&tuple, birth)
    }

    /// From where to connect to `peer`, and with what packets (TCP-025).
    #[cfg_attr(target_os = "none", inline)]
    fn resolve(&mut self, peer: End, paths: &mut impl Paths) -> Result<(Tuple, u16), TcpError> {
        let endpoint = self.endpoint().ok_or(TcpError::Stale)?;
        let bound = endpoint.bits.has(Bits::BOUND);
        let source = Some(endpoint.local.ip()).filter(|ip| bound && !ip.is_unspecified());
        let port = if bound { endpoint.local_port } else { 0 };
        let path = paths.path(peer.ip(), source).ok_or(TcpError::NoRoute)?;
        let source = Either::of(&path.source).ok_or(TcpError::NoRoute)?;
        let port = if port != 0 {
            port
        } else {
            self.engine.choose_port(self.now, source, peer).ok_or(TcpError::NoRoute)?
        };
        let tuple = Tuple { local: End { address: source, port }, peer };
        if self.engine.reuse(self.now, &tuple) == Reuse::Taken {
            return Err(TcpError::AddrInUse);
        }
        Ok((tuple, path.mtu))
    }

    /// The SYN is to leave.
    #[cfg_attr(target_os = "none", inline)]
    fn start(&mut self, tuple: &Tuple, mut birth: Birth) -> Result<(), TcpError> {
        if let Some(old) = self.engine.recycle(self.now, tuple) {
            birth.iss = isn::above_old(birth.iss, old);
        }
        self.engine.index(self.slot, tuple);
        self.ask(|endpoint, now| {
            endpoint.set_tuple(tuple);
            endpoint.connect(now, birth);
            Ok(())
        })?;
        self.engine.check_ecn_path(self.now, self.slot);
        Ok(())
    }

    /// Before bytes are queued: what a deferred connect waited for is here (TCP-026). If it cannot be, the endpoint is
    /// closed and empty (TCP-028).
    #[cfg_attr(target_os = "none", inline)]
    fn check_armed(&mut self) -> Result<Option<Tuple>, TcpError> {
        let Some(endpoint) = self.endpoint().filter(|endpoint| endpoint.state == State::Armed)
        else {
            return Ok(None);
        };
        let mut tuple = endpoint.tuple();
        let bound = endpoint.bits.has(Bits::BOUND);
        if self.engine.reuse(self.now, &tuple) != Reuse::Taken {
            return Ok(Some(tuple));
        }
        let source = tuple.local.address;
        let port = if bound { None } else { self.engine.choose_port(self.now, source, tuple.peer) };
        let Some(port) = port else {
            self.with(|endpoint, _| endpoint.enter(State::Closed));
            return Err(TcpError::NoRoute);
        };
        tuple.local.port = port;
        Ok(Some(tuple))
    }

    /// Bytes are queued: the deferred connect begins, with as many of them as may be (TCP-360).
    #[cfg_attr(target_os = "none", inline)]
    fn start_armed(&mut self, tuple: &Tuple) {
        let mss = self.endpoint().map_or(0, |endpoint| endpoint.rcv_mss);
        let birth = Birth { mss, ..self.engine.birth(self.now, tuple, 0) };
        let most = self.engine.plan_early_data(self.now, tuple.peer.address, mss);
        let started = self.start(tuple, birth);
        if let (Ok(()), Some(most)) = (started, most) {
            self.with(|endpoint, _| endpoint.begin_early(most));
        }
    }

    /// Queues a buffer (TCP-030), which starts a deferred connect unless it is empty: it comes back by [`Event::SendDone`](crate::Event), or by `Reclaimed` when the
    /// connection ends before.
    ///
    /// # Errors
    /// The buffer, with the reason it was not taken.
    pub fn send(&mut self, buffer: BufOf<T>, push: Push) -> Result<(), SendError<BufOf<T>>>
    where
        BufOf<T>: TxBuf,
    {
        let count = buffer.bytes().len();
        let now = self.now;
        let armed = match self.check_armed() {
            Ok(armed) => armed,
            Err(error) => return Err(SendError { buffer, error }),
        };
        let Some(endpoint) = self.engine.endpoint_mut(self.slot) else {
            return Err(SendError { buffer, error: TcpError::Stale });
        };
        if let (Err(error), None) = (endpoint.can_queue(), armed) {
            return Err(SendError { buffer, error });
        }
        if let Err(buffer) = endpoint.queue.push(buffer) {
            return Err(SendError { buffer, error: TcpError::QueueFull });
        }
        if let Some(tuple) = armed.filter(|_| count > 0) {
            self.start_armed(&tuple);
        }
        self.with(|endpoint, _| endpoint.queued(now, count, push));
        Ok(())
    }

    /// Copies bytes into a queue that takes copies; says how many there was room for, 0 if for none.
    ///
    /// # Errors
    /// [`TcpError::NotOpen`] without a connection, [`TcpError::SendClosed`] after [`finish`](Self::finish), [`TcpError::NoRoute`] where a
    /// deferred connect finds no free port, [`TcpError::Stale`].
    pub fn write(&mut self, bytes: &[u8], push: Push) -> Result<usize, TcpError>
    where
        <T::Profile as Profile>::Queue: CopyQueue,
    {
        let armed = self.check_armed()?;
        let endpoint = self.engine.endpoint_mut(self.slot).ok_or(TcpError::Stale)?;
        if armed.is_none() {
            endpoint.can_queue()?;
        }
        let count = endpoint.queue.write(bytes);
        if let Some(tuple) = armed.filter(|_| count > 0) {
            self.start_armed(&tuple);
        }
        self.with(|endpoint, now| endpoint.queued(now, count, push));
        Ok(count)
    }

    /// The room in the last buffer (TCP-039).
    pub fn tail_mut(&mut self) -> Option<&mut [u8]> {
        self.engine.endpoint_mut(self.slot)?.queue.tail_mut()
    }

    /// Sends the first `count` bytes of that room (TCP-038).
    ///
    /// # Errors
    /// [`TcpError::InvalidArgs`] if there is less room or no buffer; [`TcpError::NotOpen`], [`TcpError::SendClosed`].
    pub fn extend(&mut self, count: usize, push: Push) -> Result<(), TcpError> {
        self.ask(|endpoint, now| {
            endpoint.can_queue()?;
            if count > 0 && !endpoint.queue.extend(count) {
                return Err(TcpError::InvalidArgs);
            }
            endpoint.queued(now, count, push);
            Ok(())
        })
    }

    /// Frees the first `count` unread bytes (TCP-054).
    ///
    /// # Errors
    /// [`TcpError::InvalidArgs`] if there are fewer; nothing is freed.
    pub fn commit(&mut self, count: usize) -> Result<(), TcpError> {
        self.ask(|endpoint, _| endpoint.commit(count))
    }

    /// The unread bytes in sequence as one slice, moved in place where they were two (TCP-053); `None` if the endpoint is
    /// gone.
    pub fn contiguify(&mut self) -> Option<&[u8]> {
        self.engine.endpoint_mut(self.slot).map(Endpoint::contiguify)
    }

    /// Copies unread bytes and frees them; 0 when there are none (TCP-059): [`Endpoint::is_end_of_stream`] says whether any will come.
    ///
    /// # Errors
    /// [`TcpError::Stale`].
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, TcpError> {
        self.ask(|endpoint, _| {
            let mut count = 0;
            for chunk in endpoint.recv() {
                let rest = out.get_mut(count..).unwrap_or(&mut []);
                let len = chunk.len().min(rest.len());
                rest[..len].copy_from_slice(&chunk[..len]);
                count += len;
            }
            endpoint.commit(count)?;
            Ok(count)
        })
    }

    /// No more will be sent (TCP-060); reading goes on (TCP-061).
    ///
    /// # Errors
    /// [`TcpError::NotOpen`].
    pub fn finish(&mut self) -> Result<(), TcpError> {
        self.ask(|endpoint, _| endpoint.finish())
    }

    /// Neither direction is wanted any more: finishes, or aborts if there are unread bytes (TCP-065).
    ///
    /// # Errors
    /// [`TcpError::NotOpen`].
    pub fn close(&mut self) -> Result<(), TcpError> {
        let abort = self.ask(Endpoint::close_at)?;
        if abort {
            self.abort();
        }
        Ok(())
    }

    /// Ends the connection at once, in every state (TCP-062, TCP-063).
    ///
    /// To take back what is queued and not sent, abort and connect again: there is no call that flushes (TCP-198).
    pub fn abort(&mut self) {
        let mut reset = None;
        self.with(|endpoint, _| {
            let told = endpoint.state;
            if told.is_synchronized() && told != State::TimeWait || told == State::SynReceived {
                reset = Some((endpoint.nxt, endpoint.rcv_nxt));
            }
            match told {
                State::Closed => {}
                State::Armed => endpoint.enter(State::Closed),
                State::TimeWait => endpoint.terminate(Disconnected::Normal),
                State::SynSent
                | State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck => {
                    endpoint.terminate(Disconnected::Reset);
                    // Whoever aborts need not hear how it began (TCP-080).
                    let begun = Bits::TELL_ACCEPTED.and(Bits::TELL_ESTABLISHED);
                    endpoint.bits.unset(begun.and(Bits::TELL_RECEIVE).and(Bits::EARLY_FIRST));
                }
            }
        });
        if let Some((sequence, acknowledgment)) = reset {
            self.engine.reset_peer(self.slot, sequence, Some(acknowledgment));
        }
    }

    /// Whether small segments wait for what is unacknowledged (TCP-048); switching it off lets one go that waits.
    pub fn set_nagle(&mut self, on: bool) {
        self.with(|endpoint, _| {
            endpoint.bits.put(Bits::NO_DELAY, !on);
            if endpoint.state.is_synchronized() {
                endpoint.bits.set(Bits::OUTPUT);
            }
        });
    }

    /// Each deadline that is set, with its meaning (TCP-425).
    pub fn timeouts(&self) -> impl Iterator<Item = (Timer, Instant)> {
        let now = self.now;
        self.endpoint().into_iter().flat_map(move |endpoint| endpoint.armed_timers(now))
    }

    /// What the application keeps with the endpoint.
    pub fn context_mut(&mut self) -> Option<&mut <T::Profile as Profile>::Context> {
        self.engine.endpoint_mut(self.slot).map(Endpoint::context_mut)
    }
}

impl<T: Tables> Engine<T> {
    /// Whether a listener or an endpoint other than `except` has this local address and port, which is not 0 (TCP-021).
    fn is_taken(&self, local: &End, except: usize) -> bool {
        let listens = self.listeners.as_ref().iter().any(|it| it.end.overlaps(local));
        listens
            || self.slots.as_ref().iter().enumerate().any(|(slot, place)| {
                slot != except
                    && place.endpoint.as_ref().is_some_and(|endpoint| {
                        let used =
                            endpoint.state != State::Closed || endpoint.bits.has(Bits::BOUND);
                        used && !endpoint.bits.has(Bits::PASSIVE)
                            && endpoint.local_end().overlaps(local)
                    })
            })
    }

    /// Whether an endpoint will connect from there, and has not yet (TCP-021).
    #[cfg_attr(target_os = "none", inline)]
    pub(super) fn is_bound(&self, local: &End) -> bool {
        self.slots.as_ref().iter().filter_map(|slot| slot.endpoint.as_ref()).any(|endpoint| {
            endpoint.state == State::Closed
                && endpoint.bits.has(Bits::BOUND)
                && endpoint.local_end().overlaps(local)
        })
    }

    /// Whether a connection in TIME-WAIT that has no endpoint any more has this local address and port (TCP-021).
    fn lingers_at(&mut self, now: Now, local: &End) -> bool {
        let Some(kept) = self.memory.kept_mut() else { return false };
        let hash = (!local.address.is_unspecified())
            .then(|| Ended::address_hash::<super::PrfOf<T>>(&self.secret, &local.socket()));
        kept.time_wait.holds_port(now.instant(), local.port, hash)
    }

    /// A port nobody can guess that leads to `peer` from `source` and is free (TCP-522).
    /// One that was used a while ago only if there is no other (TCP-186).
    fn choose_port(&mut self, now: Now, source: Either, peer: End) -> Option<u16> {
        let mut ports = self.ports.clone();
        let tuple = Tuple { local: End { address: source, port: 0 }, peer };
        let mut next = |again: bool| {
            ports.next::<super::PrfOf<T>>(&self.secret, &tuple, |port| {
                let tuple = Tuple { local: End { address: source, port }, peer };
                let taken = match self.reuse(now, &tuple) {
                    Reuse::Free => false,
                    Reuse::Above(_) => !again,
                    Reuse::Taken => true,
                };
                taken || self.listens_on(port)
            })
        };
        let port = next(false).or_else(|| next(true));
        self.ports = ports;
        port
    }

    fn listens_on(&self, port: u16) -> bool {
        self.listeners.as_ref().iter().any(|listener| listener.end.port == port)
    }
}
