//! Why a socket was lost, as the operating system tells it. Closed, so that it can be matched.

use crate::reason::{Local, Network, Reason};

/// The operating system's verdict on a socket. LAY-214 says which error number becomes which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// `ECONNREFUSED`, and `ENOENT` for a Unix socket.
    Refused,
    /// `ECONNRESET`, `EPIPE`.
    Reset,
    /// `ETIMEDOUT`.
    TimedOut,
    /// `EHOSTUNREACH`, `ENETUNREACH`.
    Unreachable,
    /// `EADDRINUSE`.
    AddrInUse,
    /// `EADDRNOTAVAIL`.
    NoPort,
    /// `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`.
    Limit,
    /// `EACCES`, `EPERM`.
    Denied,
    /// Any other number; the driver logs it.
    Other,
}

impl From<Errno> for Reason {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::Refused => Self::Network(Network::Refused),
            Errno::Reset => Self::Network(Network::Reset),
            Errno::TimedOut => Self::Network(Network::TimedOut),
            Errno::Unreachable => Self::Network(Network::Unreachable),
            Errno::AddrInUse => Self::Local(Local::AddrInUse),
            Errno::NoPort => Self::Local(Local::NoPort),
            Errno::Limit => Self::Local(Local::Limit),
            Errno::Denied => Self::Local(Local::Denied),
            Errno::Other => Self::Network(Network::Failed),
        }
    }
}
