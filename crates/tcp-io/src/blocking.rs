//! `embedded-io` for programs without tasks.

use crate::connection::Connection;
use crate::error::Error;
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use mainstay_base::Instant;
use mainstay_tcp::queue::CopyQueue;
use mainstay_tcp::{Profile, Tables};

/// A connection that calls `turn` until there is something to return. `turn` moves packets, runs timers and sleeps
/// until one of both has work: it is what [`Shared::drive`](crate::Shared::drive) and
/// [`Shared::handle_segment`](crate::Shared::handle_segment) are called by.
pub struct Blocking<'s, T: Tables, C, F, const N: usize> {
    connection: Connection<'s, T, C, N>,
    turn: F,
}

impl<'s, T: Tables, C, F: FnMut(), const N: usize> Blocking<'s, T, C, F, N> {
    /// Waits for what `connection` has not yet by calling `turn`.
    pub const fn new(connection: Connection<'s, T, C, N>, turn: F) -> Self {
        Self { connection, turn }
    }

    /// The connection.
    pub const fn connection(&self) -> Connection<'s, T, C, N> {
        self.connection
    }

    fn until<R>(&mut self, mut act: impl FnMut(Connection<'s, T, C, N>) -> Option<R>) -> R {
        loop {
            if let Some(result) = act(self.connection) {
                return result;
            }
            (self.turn)();
        }
    }
}

impl<T: Tables, C, F, const N: usize> core::fmt::Debug for Blocking<'_, T, C, F, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Blocking").field(&self.connection).finish()
    }
}

impl<T: Tables, C, F, const N: usize> ErrorType for Blocking<'_, T, C, F, N> {
    type Error = Error;
}

impl<T: Tables, C: Fn() -> Instant, F: FnMut(), const N: usize> Read for Blocking<'_, T, C, F, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        self.until(|connection| connection.try_read(buf))
    }
}

impl<T: Tables, C: Fn() -> Instant, F: FnMut(), const N: usize> Write for Blocking<'_, T, C, F, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        self.until(|connection| connection.try_write(buf))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.until(|connection| connection.try_flush())
    }
}

impl<T: Tables, C: Fn() -> Instant, F, const N: usize> ReadReady for Blocking<'_, T, C, F, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn read_ready(&mut self) -> Result<bool, Error> {
        self.connection.is_readable()
    }
}

impl<T: Tables, C: Fn() -> Instant, F, const N: usize> WriteReady for Blocking<'_, T, C, F, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn write_ready(&mut self) -> Result<bool, Error> {
        self.connection.is_writable()
    }
}
