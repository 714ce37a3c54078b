//! Why it failed.

use core::fmt;
use embedded_io::ErrorKind;
use mainstay_tcp::{Disconnected, TcpError};

/// Why a read, a write or a connect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The connection has ended.
    Disconnected(Disconnected),
    /// It could not be asked for.
    Call(TcpError),
}

impl From<TcpError> for Error {
    fn from(error: TcpError) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected(Disconnected::Refused) => f.write_str("the peer refused"),
            Self::Disconnected(Disconnected::Reset) => f.write_str("the connection was reset"),
            Self::Disconnected(Disconnected::TimedOut) => f.write_str("the peer is silent"),
            Self::Disconnected(_) => f.write_str("the connection is over"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Disconnected(Disconnected::Refused) => ErrorKind::ConnectionRefused,
            Self::Disconnected(Disconnected::Reset) => ErrorKind::ConnectionReset,
            Self::Disconnected(Disconnected::TimedOut) => ErrorKind::TimedOut,
            Self::Disconnected(_) | Self::Call(TcpError::SendClosed) => ErrorKind::BrokenPipe,
            Self::Call(TcpError::InvalidState | TcpError::InvalidArgs) => ErrorKind::InvalidInput,
            Self::Call(TcpError::AddrInUse) => ErrorKind::AddrInUse,
            Self::Call(TcpError::NoRoute) => ErrorKind::AddrNotAvailable,
            Self::Call(TcpError::QueueFull | TcpError::BufferTooSmall) => ErrorKind::OutOfMemory,
            Self::Call(TcpError::NotOpen | TcpError::Stale) => ErrorKind::NotConnected,
            Self::Call(_) => ErrorKind::Other,
        }
    }
}
