//! The read and write traits of `tokio` and of `futures`.
//!
//! Both for a connection and for a reference to one, so that it can be read and written by two tasks.

use super::connection::Connection;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

/// The write trait of a library: the two differ in the name of the last method only.
macro_rules! writes {
    ($feature:literal, $write:path, $close:ident, $($connection:ty),+) => {$(
        #[cfg(feature = $feature)]
        impl $write for $connection {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Connection::poll_write(&self, context, bytes)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(())) // what was written is the stack's
            }

            fn $close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.finish())
            }
        }
    )+};
}

writes!("tokio", tokio::io::AsyncWrite, poll_shutdown, Connection, &Connection);
writes!("futures", futures_io::AsyncWrite, poll_close, Connection, &Connection);

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for &Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let space = out.initialize_unfilled();
        match Connection::poll_read(&self, context, space) {
            Poll::Ready(Ok(count)) => {
                out.advance(count);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        tokio::io::AsyncRead::poll_read(Pin::new(&mut &*self), context, out)
    }
}

#[cfg(feature = "futures")]
impl futures_io::AsyncRead for &Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Connection::poll_read(&self, context, out)
    }
}

#[cfg(feature = "futures")]
impl futures_io::AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, context, out)
    }
}
