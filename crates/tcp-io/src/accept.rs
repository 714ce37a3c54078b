//! Waiting for somebody to connect.

use crate::connection::Connection;
use crate::error::Error;
use crate::shared::{Side, is_open};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use mainstay_base::Instant;
use mainstay_tcp::queue::CopyQueue;
use mainstay_tcp::{Endpoint, ListenerHandle, Profile, State, Tables};

/// An endpoint that is offered to whoever connects; see [`Connection::accept`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Accept<'s, T: Tables, C: Fn() -> Instant, const N: usize>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    connection: Connection<'s, T, C, N>,
    listener: ListenerHandle,
}

impl<'s, T: Tables, C: Fn() -> Instant, const N: usize> Accept<'s, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    pub(crate) const fn new(connection: Connection<'s, T, C, N>, listener: ListenerHandle) -> Self {
        Self { connection, listener }
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> core::fmt::Debug for Accept<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Accept").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> Future for Accept<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, listener } = *self;
        // A handshake that fails leaves the endpoint free again, and on offer.
        connection.shared.offer(connection.handle, Some(listener));
        connection.poll(context, Side::Writer, |live| {
            let state = live.endpoint().map_or(State::Closed, Endpoint::state);
            (is_open(state) && state != State::SynReceived).then_some(Ok(()))
        })
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> Drop for Accept<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn drop(&mut self) {
        self.connection.shared.offer(self.connection.handle, None);
    }
}
