//! What can be asked of a connection: at once, by poll, by future.
//!
//! What a future does is done in the poll that completes it, so a future that is dropped has done nothing (TCP-096).

use crate::accept::Accept;
use crate::error::Error;
use crate::shared::{Shared, Side, is_open};
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use mainstay_base::Instant;
use mainstay_tcp::queue::{CopyQueue, TxQueue as _};
use mainstay_tcp::{
    Disconnected, Endpoint, FastOpen, Handle, ListenerHandle, Live, Paths, Profile, Push, State,
    Tables, TcpError,
};

/// One connection after another of one endpoint. Copies are the same connection; one may wait to read and one to write.
pub struct Connection<'s, T: Tables, C, const N: usize> {
    pub(crate) shared: &'s Shared<T, C, N>,
    pub(crate) handle: Handle,
}

impl<T: Tables, C, const N: usize> Clone for Connection<'_, T, C, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Tables, C, const N: usize> Copy for Connection<'_, T, C, N> {}

impl<T: Tables, C, const N: usize> core::fmt::Debug for Connection<'_, T, C, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<'s, T: Tables, C, const N: usize> Connection<'s, T, C, N> {
    pub(crate) const fn new(shared: &'s Shared<T, C, N>, handle: Handle) -> Self {
        Self { shared, handle }
    }
}

impl<'s, T: Tables, C: Fn() -> Instant, const N: usize> Connection<'s, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    /// Connects and waits until that has succeeded or failed. Dropping the future leaves the attempt as it is:
    /// [`established`](Self::established) waits on, [`abort`](Self::abort) ends it.
    ///
    /// # Errors
    /// [`Error::Call`] when it cannot be tried, [`Error::Disconnected`] when it failed.
    pub async fn connect(&self, peer: SocketAddr, paths: &mut impl Paths) -> Result<(), Error> {
        self.ask(|live| live.connect(peer, FastOpen::No, paths))??;
        self.established().await
    }

    /// Waits until the handshake is over.
    ///
    /// # Errors
    /// [`Error::Disconnected`] when it failed.
    pub async fn established(&self) -> Result<(), Error> {
        poll_fn(|context| {
            self.poll(context, Side::Writer, |live| {
                let state = state(live);
                if !is_open(state) {
                    return Some(Err(end(live).unwrap_or(Error::Call(TcpError::NotOpen))));
                }
                (!matches!(state, State::SynSent | State::SynReceived)).then_some(Ok(()))
            })
        })
        .await
    }

    /// Waits until somebody has connected to `listener` and got this endpoint. Dropping the future takes the offer back;
    /// who was accepted in the meantime is found by the next call.
    pub const fn accept(&self, listener: ListenerHandle) -> Accept<'s, T, C, N> {
        Accept::new(*self, listener)
    }

    /// Reads what there is: 0 at the end of the stream, or into nothing; `None` if it would have to wait.
    pub fn try_read(&self, out: &mut [u8]) -> Option<Result<usize, Error>> {
        self.attempt(|live| read(live, out))
    }

    /// The same; wakes `context` when there is more.
    pub fn poll_read(&self, context: &Context<'_>, out: &mut [u8]) -> Poll<Result<usize, Error>> {
        self.poll(context, Side::Reader, |live| read(live, out))
    }

    /// Waits until there is something to read, and lends it: at most two slices, the first not empty but at the end of
    /// the stream. `act` says how many bytes it is done with (TCP-059).
    ///
    /// # Errors
    /// [`Error::Disconnected`] when the connection was lost, [`Error::Call`] if `act` was done with more than there was.
    pub async fn read_with<R>(
        &self,
        act: impl FnOnce([&[u8]; 2]) -> (usize, R),
    ) -> Result<R, Error> {
        let mut act = Some(act);
        poll_fn(|context| {
            self.poll(context, Side::Reader, |live| {
                if let Err(error) = readable(live)? {
                    return Some(Err(error));
                }
                let (done, result) = act.take()?(live.endpoint()?.recv());
                Some(live.commit(done).map(|()| result).map_err(Error::from))
            })
        })
        .await
    }

    /// Writes what there is room for; `None` if it would have to wait for any.
    pub fn try_write(&self, bytes: &[u8]) -> Option<Result<usize, Error>> {
        self.attempt(|live| write(live, bytes))
    }

    /// The same; wakes `context` when there is room.
    pub fn poll_write(&self, context: &Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        self.poll(context, Side::Writer, |live| write(live, bytes))
    }

    /// Whether the peer has everything that was written; `None` if that would have to be waited for.
    pub fn try_flush(&self) -> Option<Result<(), Error>> {
        self.attempt(|live| flush(live))
    }

    /// The same; wakes `context` when the peer has acknowledged more.
    pub fn poll_flush(&self, context: &Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(context, Side::Writer, |live| flush(live))
    }

    /// No more will be written (TCP-060); reading goes on.
    ///
    /// # Errors
    /// [`Error::Call`] without a connection.
    pub fn finish(&self) -> Result<(), Error> {
        self.ask(|live| live.finish())?.map_err(Error::from)
    }

    /// Neither direction is wanted any more: finishes, or aborts if there are unread bytes (TCP-065).
    ///
    /// # Errors
    /// [`Error::Call`] without a connection.
    pub fn close(&self) -> Result<(), Error> {
        self.ask(|live| live.close())?.map_err(Error::from)
    }

    /// Ends the connection at once (TCP-062).
    pub fn abort(&self) {
        let _ = self.ask(|live| live.abort()); // an endpoint that is gone has none
    }

    /// Where the connection is.
    #[must_use]
    pub fn state(&self) -> State {
        self.look(|live| state(live)).unwrap_or_default()
    }

    /// Whether a read would not have to wait.
    pub(crate) fn is_readable(&self) -> Result<bool, Error> {
        Ok(self.look(|live| readable(live).is_some())?)
    }

    /// Whether a write would not have to wait.
    pub(crate) fn is_writable(&self) -> Result<bool, Error> {
        Ok(self.look(|live| {
            let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
            room > 0 || !is_open(state(live))
        })?)
    }

    fn look<R>(&self, act: impl FnOnce(&mut Live<'_, T>) -> R) -> Result<R, TcpError> {
        self.shared.look(self.handle, act)
    }

    /// Asks for what may not be possible yet.
    fn attempt<R>(
        &self,
        act: impl FnOnce(&mut Live<'_, T>) -> Option<Result<R, Error>>,
    ) -> Option<Result<R, Error>> {
        // An endpoint that is gone is an answer too.
        let result = self.look(act).unwrap_or_else(|error| Some(Err(error.into())));
        if result.is_some() {
            self.shared.stir();
        }
        result
    }

    fn ask<R>(&self, act: impl FnOnce(&mut Live<'_, T>) -> R) -> Result<R, TcpError> {
        let result = self.look(act)?;
        self.shared.stir();
        Ok(result)
    }

    /// Asks, and if there is no answer yet waits for one.
    pub(crate) fn poll<R>(
        &self,
        context: &Context<'_>,
        side: Side,
        act: impl FnOnce(&mut Live<'_, T>) -> Option<Result<R, Error>>,
    ) -> Poll<Result<R, Error>> {
        // First of all: what is told while asking is told before somebody waits.
        self.shared.wait(self.handle, side, context);
        self.attempt(act).map_or(Poll::Pending, Poll::Ready)
    }
}

fn state<T: Tables>(live: &Live<'_, T>) -> State {
    live.endpoint().map_or(State::Closed, Endpoint::state)
}

/// Why there is no connection any more.
fn end<T: Tables>(live: &Live<'_, T>) -> Option<Error> {
    live.endpoint()?.facts().ended.map(Error::Disconnected)
}

/// Whether there is something to read, or nothing ever again, or why not.
fn readable<T: Tables>(live: &Live<'_, T>) -> Option<Result<(), Error>> {
    let endpoint = live.endpoint()?;
    if endpoint.recv().iter().any(|part| !part.is_empty()) {
        return Some(Ok(()));
    }
    if is_open(endpoint.state()) {
        return endpoint.is_end_of_stream().then_some(Ok(()));
    }
    Some(match endpoint.facts().ended {
        Some(Disconnected::Normal) => Ok(()),
        Some(reason) => Err(Error::Disconnected(reason)),
        None => Err(Error::Call(TcpError::NotOpen)),
    })
}

fn read<T: Tables>(live: &mut Live<'_, T>, out: &mut [u8]) -> Option<Result<usize, Error>> {
    if out.is_empty() {
        return Some(Ok(0));
    }
    match readable(live)? {
        Ok(()) => Some(live.read(out).map_err(Error::from)),
        Err(error) => Some(Err(error)),
    }
}

fn write<T: Tables>(live: &mut Live<'_, T>, bytes: &[u8]) -> Option<Result<usize, Error>>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    match live.write(bytes, Push::Now) {
        Ok(0) if !bytes.is_empty() => None,
        Ok(count) => Some(Ok(count)),
        Err(TcpError::NotOpen) => Some(Err(end(live).unwrap_or(Error::Call(TcpError::NotOpen)))),
        Err(error) => Some(Err(error.into())),
    }
}

fn flush<T: Tables>(live: &Live<'_, T>) -> Option<Result<(), Error>> {
    let endpoint = live.endpoint()?;
    if is_open(endpoint.state()) {
        return endpoint.queue().is_empty().then_some(Ok(()));
    }
    match endpoint.facts().ended {
        None | Some(Disconnected::Normal) => Some(Ok(())),
        Some(reason) => Some(Err(Error::Disconnected(reason))),
    }
}
