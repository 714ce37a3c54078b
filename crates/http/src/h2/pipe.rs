//! The transport the library reads and writes: two buffers in memory.
//!
//! The read side is fed by `handle_input`; the write side is the caller's own output buffer, lent
//! for the length of one `poll_transmit`.

use super::ready::Ready;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
#[expect(clippy::disallowed_types, reason = "the library owns its transport; never contended")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The machine's end of the transport.
#[derive(Debug)]
pub(super) struct Pipe {
    shared: Arc<Shared>,
    ready: Arc<Ready>,
}

/// The library's end of the transport.
#[derive(Debug)]
pub(super) struct Transport {
    shared: Arc<Shared>,
    ready: Arc<Ready>,
}

#[derive(Debug, Default)]
struct Shared(#[expect(clippy::disallowed_types, reason = "as above")] Mutex<Buffers>);

#[derive(Debug, Default)]
struct Buffers {
    input: Vec<u8>,
    read: usize,
    output: Vec<u8>,
    output_end: usize,
    end: Option<End>,
}

/// How the transport ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order: what came is still read.
    Eof,
    /// Not in order: reading fails at once.
    Lost,
}

impl Pipe {
    /// Both ends. Writes find no room yet.
    pub(super) fn new(ready: &Arc<Ready>) -> (Self, Transport) {
        let shared = Arc::new(Shared::default());
        let transport = Transport { shared: Arc::clone(&shared), ready: Arc::clone(ready) };
        (Self { shared, ready: Arc::clone(ready) }, transport)
    }

    /// Holds bytes of `input` for reading, as long as no more than `max` are unread.
    pub(super) fn offer(&self, input: &[u8], max: usize) -> usize {
        let mut buffers = self.shared.lock();
        if buffers.end.is_some() {
            return 0;
        }
        let read = core::mem::take(&mut buffers.read);
        buffers.input.drain(..read);
        let room = max.max(1).saturating_sub(buffers.input.len());
        let taken = input.get(..room).unwrap_or(input);
        buffers.input.extend_from_slice(taken);
        taken.len()
    }

    /// How many bytes wait to be read; frees their memory when none do.
    pub(super) fn unread(&self) -> usize {
        let mut buffers = self.shared.lock();
        let unread = buffers.input.len().saturating_sub(buffers.read);
        if unread == 0 && buffers.input.capacity() > KEEP_MAX {
            buffers.input = Vec::new();
            buffers.read = 0;
        }
        unread
    }

    /// Lends `output` to the library for up to `limit` more bytes.
    pub(super) fn lend(&self, output: &mut Vec<u8>, limit: usize) {
        let mut buffers = self.shared.lock();
        buffers.output_end = output.len().saturating_add(limit);
        core::mem::swap(&mut buffers.output, output);
        self.ready.set_blocked(false);
    }

    /// Takes the output buffer back.
    pub(super) fn reclaim(&self, output: &mut Vec<u8>) {
        let mut buffers = self.shared.lock();
        buffers.output_end = 0;
        *output = core::mem::take(&mut buffers.output);
    }

    /// Ends the transport: nothing more comes, and what is written goes nowhere.
    pub(super) fn end(&self, end: End) {
        self.shared.lock().end = Some(end);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffers = self.shared.lock();
        if buffers.end == Some(End::Lost) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let unread = buffers.input.get(buffers.read..).unwrap_or_default();
        if unread.is_empty() {
            return if buffers.end.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let len = unread.len().min(into.remaining());
        into.put_slice(unread.get(..len).unwrap_or_default());
        buffers.read += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut buffers = self.shared.lock();
        if buffers.end.is_some() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let mut written = 0;
        for slice in slices {
            let room = buffers.output_end.saturating_sub(buffers.output.len());
            let part = slice.get(..room).unwrap_or(slice);
            buffers.output.extend_from_slice(part);
            written += part.len();
        }
        if written == 0 && slices.iter().any(|slice| !slice.is_empty()) {
            self.ready.set_blocked(true);
            return Poll::Pending;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// chosen: input buffers up to this stay between turns; larger ones are given back.
const KEEP_MAX: usize = 4096;
