//! `embedded-io-async`, and which operation would wait.

use crate::connection::Connection;
use crate::error::Error;
use core::future::poll_fn;
use embedded_io::{ErrorType, ReadReady, WriteReady};
use embedded_io_async::{Read, Write};
use mainstay_base::Instant;
use mainstay_tcp::queue::CopyQueue;
use mainstay_tcp::{Profile, Tables};

impl<T: Tables, C, const N: usize> ErrorType for Connection<'_, T, C, N> {
    type Error = Error;
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> Read for Connection<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        poll_fn(|context| self.poll_read(context, buf)).await
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> Write for Connection<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        poll_fn(|context| self.poll_write(context, buf)).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|context| self.poll_flush(context)).await
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> ReadReady for Connection<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn read_ready(&mut self) -> Result<bool, Error> {
        self.is_readable()
    }
}

impl<T: Tables, C: Fn() -> Instant, const N: usize> WriteReady for Connection<'_, T, C, N>
where
    <T::Profile as Profile>::Queue: CopyQueue,
{
    fn write_ready(&mut self) -> Result<bool, Error> {
        self.is_writable()
    }
}
