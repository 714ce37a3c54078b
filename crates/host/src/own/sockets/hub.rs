//! The network, who waits for what of it, and who is to be woken.

use core::fmt;
use core::task::{Context, Waker};
use mainstay_base::Instant;
use mainstay_net::network::{Event, Network};
use mainstay_tcp::{Disconnected, Endpoint, Handle, ListenerHandle, Soft, State};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
#[expect(
    clippy::disallowed_types,
    reason = "the border between threads; nothing below has one"
)]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

/// Tells the time.
type ClockFn = Box<dyn Fn() -> Instant + Send + Sync>;

/// See the module.
pub(super) struct Hub {
    clock: ClockFn,
    stirred: Box<dyn Fn() + Send + Sync>,
    #[expect(clippy::disallowed_types, reason = "as above")]
    inside: Mutex<Inside>,
}

/// Behind the lock.
pub(super) struct Inside {
    pub(super) network: Network,
    seats: BTreeMap<Handle, Seat>,
    /// Nobody holds them any more, and they are not through yet.
    leaving: BTreeSet<Handle>,
    listeners: Vec<(ListenerHandle, Vec<Waker>)>,
    /// Those who wait for an address of ours.
    settling: Vec<Waker>,
    /// Values that can still ask for something.
    holders: usize,
    /// Why nothing moves any more.
    broken: Option<io::ErrorKind>,
    /// To be woken once the lock is open.
    due: Vec<Waker>,
    /// To be dropped then: who knows what drops with them.
    old: Vec<Waker>,
}

/// A connection that somebody holds.
#[derive(Debug, Default)]
pub(super) struct Seat {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Nobody answers there, it was said while connecting.
    pub(super) unreachable: bool,
    /// We have finished.
    pub(super) finished: bool,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// More to read.
    Reader,
    /// The handshake, room to write, the last acknowledgement.
    Writer,
}

impl Hub {
    #[expect(clippy::disallowed_types, reason = "as above")]
    pub(super) fn new(
        network: Network,
        clock: ClockFn,
        stirred: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let inside = Inside {
            network,
            seats: BTreeMap::new(),
            leaving: BTreeSet::new(),
            listeners: Vec::new(),
            settling: Vec::new(),
            holders: 0,
            broken: None,
            due: Vec::new(),
            old: Vec::new(),
        };
        Self { clock, stirred, inside: Mutex::new(inside) }
    }

    /// Does something with what is behind the lock; wakes, once it is open, everybody there is news for.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Inside, Instant) -> R) -> R {
        let (result, due, old) = {
            let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
            let now = (self.clock)();
            let result = act(&mut inside, now);
            inside.note_events(now);
            (result, core::mem::take(&mut inside.due), core::mem::take(&mut inside.old))
        };
        due.into_iter().for_each(Waker::wake);
        drop(old);
        result
    }

    /// Something may have to be sent.
    pub(super) fn stir(&self) {
        (self.stirred)();
    }

    pub(super) fn drive<R>(&self, act: impl FnOnce(&mut Network, Instant) -> R) -> R {
        self.with(|inside, now| act(&mut inside.network, now))
    }

    pub(super) fn leaving_count(&self) -> usize {
        self.with(|inside, _| inside.leaving_count())
    }

    /// Whether nobody is left who could ask for something, and how many connections are still leaving.
    #[cfg(target_os = "linux")]
    pub(super) fn rest(&self) -> Option<usize> {
        self.with(|inside, _| (inside.holders == 0).then(|| inside.leaving_count()))
    }

    /// Nothing will move any more.
    #[cfg(target_os = "linux")]
    pub(super) fn break_down(&self, why: io::ErrorKind) {
        self.with(|inside, _| {
            inside.broken = Some(why);
            inside.due.append(&mut inside.settling);
            for (_, waiting) in &mut inside.listeners {
                inside.due.append(waiting);
            }
            for seat in inside.seats.values_mut() {
                inside.due.extend(seat.reader.take().into_iter().chain(seat.writer.take()));
            }
        });
    }
}

impl Inside {
    /// Of those that leave, how many wait for the peer to have everything.
    fn leaving_count(&self) -> usize {
        let state =
            |handle: &&Handle| self.network.engine().endpoint(**handle).map(Endpoint::state);
        let waits = |handle: &&Handle| state(handle).is_some_and(|state| state != State::FinWait2);
        self.leaving.iter().filter(waits).count()
    }

    /// An error if nothing moves any more.
    pub(super) fn check(&self) -> io::Result<()> {
        self.broken.map_or(Ok(()), |why| Err(io::Error::new(why, "the link is gone")))
    }

    pub(super) fn seat(&mut self, handle: Handle) -> Option<&mut Seat> {
        self.seats.get_mut(&handle)
    }

    /// Somebody holds this connection from now on.
    pub(super) fn hold(&mut self, handle: Handle) {
        self.seats.insert(handle, Seat::default());
    }

    /// Nobody holds it any more: it ends in order, behind what was written, or at once.
    pub(super) fn let_go(&mut self, now: Instant, handle: Handle, at_once: bool) {
        let Some(seat) = self.seats.remove(&handle) else { return };
        self.old.extend(seat.reader.into_iter().chain(seat.writer));
        let closed = self
            .network
            .at(now, handle)
            .is_some_and(|mut live| !at_once && live.close().is_ok() && !is_over(live.endpoint()));
        if closed {
            self.leaving.insert(handle);
        } else {
            self.network.release(now, handle);
        }
    }

    /// Wakes `context` when it is worth asking again.
    pub(super) fn wait(&mut self, handle: Handle, side: Side, context: &Context<'_>) {
        let Some(seat) = self.seats.get_mut(&handle) else { return };
        let place = match side {
            Side::Reader => &mut seat.reader,
            Side::Writer => &mut seat.writer,
        };
        self.old.extend(place.replace(context.waker().clone()));
    }

    /// Wakes `context` when there may be an address of ours.
    pub(super) fn wait_settled(&mut self, context: &Context<'_>) {
        join(&mut self.settling, context);
    }

    pub(super) fn open_listener(&mut self, listener: ListenerHandle) {
        self.listeners.push((listener, Vec::new()));
    }

    /// Wakes `context` when somebody has come.
    pub(super) fn wait_incoming(&mut self, listener: ListenerHandle, context: &Context<'_>) {
        let of = self.listeners.iter_mut().find(|(of, _)| *of == listener);
        if let Some((_, waiting)) = of {
            join(waiting, context);
        }
    }

    pub(super) fn close_listener(&mut self, now: Instant, listener: ListenerHandle) {
        self.network.stop(now, listener);
        if let Some(place) = self.listeners.iter().position(|(of, _)| *of == listener) {
            let (_, waiting) = self.listeners.swap_remove(place);
            self.old.extend(waiting);
        }
    }

    /// Looks at what the network has to tell.
    fn note_events(&mut self, now: Instant) {
        while let Some(event) = self.network.poll_event(now) {
            match event {
                Event::Tcp(handle, event) => self.note(now, handle, &event),
                Event::Incoming(listener) => {
                    let of = self.listeners.iter_mut().find(|(of, _)| *of == listener);
                    if let Some((_, waiting)) = of {
                        self.due.append(waiting);
                    }
                }
                Event::Stack(
                    mainstay_net::Event::AddressSettled { .. }
                    | mainstay_net::Event::AddressConflict { .. },
                ) => self.due.append(&mut self.settling),
                Event::Stack(_) => {}
            }
        }
    }

    fn note<B>(&mut self, now: Instant, handle: Handle, event: &mainstay_tcp::Event<B>) {
        use mainstay_tcp::Event as Tcp;
        if let Tcp::Disconnected(reason) = event
            && self.leaving.contains(&handle)
        {
            self.leaving.remove(&handle);
            // In TIME-WAIT all is said; it stays for the sake of old segments, and its end is told once more.
            if *reason != Disconnected::TimeWait {
                self.network.release(now, handle);
            }
            return;
        }
        let over = matches!(event, Tcp::Disconnected(_));
        let Some(seat) = self.seats.get_mut(&handle) else {
            if over && !matches!(event, Tcp::Disconnected(Disconnected::TimeWait)) {
                self.network.release(now, handle);
            }
            return;
        };
        seat.unreachable |= matches!(event, Tcp::Error(Soft::Unreachable));
        let reads = matches!(event, Tcp::ReceiveAvailable { .. } | Tcp::Urgent { .. });
        if reads || over {
            self.due.extend(seat.reader.take());
        }
        if !reads {
            self.due.extend(seat.writer.take());
        }
    }
}

/// Adds a waker, unless it would wake who is woken anyway.
fn join(waiting: &mut Vec<Waker>, context: &Context<'_>) {
    if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
        waiting.push(context.waker().clone());
    }
}

/// Whether there is nothing left of a connection that has to be waited for.
fn is_over(endpoint: Option<&Endpoint<mainstay_net::network::Own>>) -> bool {
    endpoint.is_none_or(|endpoint| endpoint.state() == State::Closed)
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// The hub, held by somebody who can ask for something.
#[derive(Debug)]
pub(super) struct Share(Arc<Hub>);

impl Share {
    pub(super) fn new(hub: Hub) -> Self {
        hub.with(|inside, _| inside.holders += 1);
        Self(Arc::new(hub))
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.0
    }

    /// The hub, held by who serves it.
    #[cfg(target_os = "linux")]
    pub(super) fn served(&self) -> Arc<Hub> {
        Arc::clone(&self.0)
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        self.0.with(|inside, _| inside.holders += 1);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.0.with(|inside, _| {
            inside.holders -= 1;
            inside.holders == 0
        }) {
            self.0.stir();
        }
    }
}
