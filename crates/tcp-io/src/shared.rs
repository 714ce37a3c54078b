//! The engine, and who is to be woken.

use crate::connection::Connection;
use core::cell::RefCell;
use core::task::{Context, Poll, Waker};
use mainstay_base::Instant;
use mainstay_tcp::queue::CopyQueue;
use mainstay_tcp::{
    Engine, Event, Handle, Ingress, ListenerHandle, Live, Meta, Profile, State, Tables, TcpError,
};

/// An engine that the tasks of one thread share; `N` is how many endpoints it has at most.
///
/// Wakers are called while nothing is borrowed, so an executor may poll at once.
pub struct Shared<T: Tables, C, const N: usize> {
    clock: C,
    inside: RefCell<Inside<T, N>>,
}

struct Inside<T: Tables, const N: usize> {
    engine: Engine<T>,
    seats: [Seat; N],
    driver: Option<Waker>,
    /// Something was asked for that may have to be sent.
    stirred: bool,
}

/// Who waits for what of one endpoint.
#[derive(Debug, Default)]
struct Seat {
    reader: Waiting,
    writer: Waiting,
    /// It is free for whoever connects to this listener.
    awaits: Option<(ListenerHandle, Handle)>,
}

#[derive(Debug, Default)]
struct Waiting {
    waker: Option<Waker>,
    /// It is to be woken.
    due: bool,
}

impl Waiting {
    fn take(&mut self) -> Option<Waker> {
        if core::mem::take(&mut self.due) { self.waker.take() } else { None }
    }
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// More to read.
    Reader,
    /// Room to write, the handshake, the last acknowledgement.
    Writer,
}

impl<T: Tables, C, const N: usize> core::fmt::Debug for Shared<T, C, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> Shared<T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    /// Shares an engine; `clock` says the time.
    ///
    /// # Errors
    /// [`TcpError::QueueFull`] if it has room for more than `N` endpoints.
    pub fn new(engine: Engine<T>, clock: C) -> Result<Self, TcpError> {
        if engine.capacity() > N {
            return Err(TcpError::QueueFull);
        }
        let seats = core::array::from_fn(|_| Seat::default());
        let inside = Inside { engine, seats, driver: None, stirred: false };
        Ok(Self { clock, inside: RefCell::new(inside) })
    }

    /// A connection of an endpoint in the engine.
    pub const fn connection(&self, handle: Handle) -> Connection<'_, T, C, N> {
        Connection::new(self, handle)
    }

    /// Lends the engine to whoever moves packets: for its timers, its segments, its deadline, for attaching and
    /// listening. Events are the business of this type.
    ///
    /// # Panics
    /// When `act` uses this value: the engine is lent already.
    pub fn drive<R>(&self, act: impl FnOnce(&mut Engine<T>, Instant) -> R) -> R {
        let now = (self.clock)();
        let result = act(&mut self.inside.borrow_mut().engine, now);
        self.wake();
        result
    }

    /// A segment came. One that asks for a connection gets an endpoint that waits for it in
    /// [`Connection::accept`]; without one it is deferred, and the peer will ask again. Says whether somebody here took it.
    ///
    /// # Panics
    /// Within [`drive`](Self::drive).
    pub fn handle_segment(&self, meta: &Meta, segment: &[u8]) -> bool {
        let now = (self.clock)();
        let taken = {
            let inside = &mut *self.inside.borrow_mut();
            inside.stirred = true;
            match inside.engine.handle_segment(now, meta, segment) {
                Ingress::Accepted => true,
                Ingress::Dropped(_) | Ingress::Pass => false,
                Ingress::Incoming(incoming) => {
                    let listener = incoming.listener();
                    let free = inside
                        .seats
                        .iter()
                        .find_map(|seat| seat.awaits.filter(|(awaited, _)| *awaited == listener));
                    free.is_some_and(|(_, handle)| incoming.accept(handle).is_ok())
                }
            }
        };
        self.wake();
        taken
    }

    /// Waits until something was asked for that may have to be sent: the other thing a driver waits for, besides
    /// packets and the engine's deadline.
    pub fn poll_stirred(&self, context: &Context<'_>) -> Poll<()> {
        let inside = &mut *self.inside.borrow_mut();
        if core::mem::take(&mut inside.stirred) {
            return Poll::Ready(());
        }
        inside.driver = Some(context.waker().clone());
        Poll::Pending
    }

    /// The same as a future.
    pub async fn stirred(&self) {
        core::future::poll_fn(|context| self.poll_stirred(context)).await;
    }

    /// Asks something of an endpoint; what may have to be sent for it, [`stir`](Self::stir) says.
    pub(crate) fn look<R>(
        &self,
        handle: Handle,
        act: impl FnOnce(&mut Live<'_, T>) -> R,
    ) -> Result<R, TcpError> {
        let now = (self.clock)();
        let result = {
            let inside = &mut *self.inside.borrow_mut();
            inside.engine.at(now, handle).map(|mut live| act(&mut live))
        };
        self.wake();
        result.ok_or(TcpError::Stale)
    }

    /// Something may have to be sent.
    pub(crate) fn stir(&self) {
        self.inside.borrow_mut().stirred = true;
        self.wake();
    }

    /// Wakes `context` when it is worth asking again.
    pub(crate) fn wait(&self, handle: Handle, side: Side, context: &Context<'_>) {
        if let Some(seat) = self.inside.borrow_mut().seats.get_mut(handle.slot()) {
            let waiting = seat.waiting(side);
            // A fact that was told before says nothing about what this wait is for.
            (waiting.waker, waiting.due) = (Some(context.waker().clone()), false);
        }
    }

    /// Whether an endpoint is free for whoever connects to a listener.
    pub(crate) fn offer(&self, handle: Handle, listener: Option<ListenerHandle>) {
        if let Some(seat) = self.inside.borrow_mut().seats.get_mut(handle.slot()) {
            seat.awaits = listener.map(|listener| (listener, handle));
        }
    }

    /// Wakes everybody there is news for.
    fn wake(&self) {
        self.inside.borrow_mut().note();
        loop {
            let next = self.inside.borrow_mut().next();
            match next {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }
}

impl Seat {
    const fn waiting(&mut self, side: Side) -> &mut Waiting {
        match side {
            Side::Reader => &mut self.reader,
            Side::Writer => &mut self.writer,
        }
    }
}

impl<T: Tables, const N: usize> Inside<T, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    /// Looks at what the engine has to tell.
    fn note(&mut self) {
        while let Some((handle, event)) = self.engine.poll_event() {
            let Some(seat) = self.seats.get_mut(handle.slot()) else { continue };
            let read = matches!(event, Event::ReceiveAvailable { .. } | Event::Urgent { .. });
            seat.reader.due |= read || matches!(event, Event::Disconnected(_));
            seat.writer.due |= !read;
        }
    }

    /// Somebody there is news for.
    fn next(&mut self) -> Option<Waker> {
        let seats = &mut self.seats;
        let waker = seats.iter_mut().find_map(|s| s.reader.take().or_else(|| s.writer.take()));
        waker.or_else(|| if self.stirred { self.driver.take() } else { None })
    }
}

/// Whether a handshake or a connection is under way.
pub(crate) const fn is_open(state: State) -> bool {
    !matches!(state, State::Closed | State::Armed)
}
