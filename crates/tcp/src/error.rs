//! What a caller can do wrong (TCP section 1). The peer cannot cause one of these.

use core::fmt;

/// Why a call was refused; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpError {
    /// Not in this state.
    InvalidState,
    /// An address, port or number that cannot be.
    InvalidArgs,
    /// The address and port, or the four-tuple, are taken.
    AddrInUse,
    /// No address of ours leads to that peer, or no port is free.
    NoRoute,
    /// As many buffers or endpoints as there is room for are there already.
    QueueFull,
    /// The receive storage has no room for a single byte.
    BufferTooSmall,
    /// There is no connection.
    NotOpen,
    /// The end of the stream was sent or asked for.
    SendClosed,
    /// The handle is of an endpoint or listener that is gone.
    Stale,
}

impl fmt::Display for TcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidState => "not possible in this state",
            Self::InvalidArgs => "the address, port or number cannot be",
            Self::AddrInUse => "the address and port are in use",
            Self::NoRoute => "no address of ours or no free port leads there",
            Self::QueueFull => "there is no room for one more",
            Self::BufferTooSmall => "the buffer is too small",
            Self::NotOpen => "there is no connection",
            Self::SendClosed => "the end of the stream was sent already",
            Self::Stale => "the handle is of something that is gone",
        })
    }
}

impl core::error::Error for TcpError {}

/// A buffer that was not taken, and why (TCP-030).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError<B> {
    /// The buffer, as it was.
    pub buffer: B,
    /// Why.
    pub error: TcpError,
}

impl<B> fmt::Display for SendError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<B: fmt::Debug> core::error::Error for SendError<B> {}
