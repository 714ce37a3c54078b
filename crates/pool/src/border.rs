//! The border with whoever drives the sockets: requests out, facts in. `node` re-exports it.

use core::net::{IpAddr, SocketAddr};
use mainstay_base::SocketId;

/// A question to the platform's resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResolveId(pub u32);

/// What the driver is asked to do. It answers through the `handle_` methods of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Connect a TCP socket; answer `handle_opened`.
    OpenTcp {
        /// The name of the new socket.
        id: SocketId,
        /// Where to.
        target: SocketAddr,
        /// How.
        options: SocketOptions,
    },
    /// Connect a Unix socket; answer `handle_opened`.
    OpenUnix {
        /// The name of the new socket.
        id: SocketId,
        /// Where to.
        address: UnixAddress,
    },
    /// Connect in memory, in a simulated world or a test; answer `handle_opened`.
    OpenMem {
        /// The name of the new socket.
        id: SocketId,
        /// Where to: a label of that world (LAY-217).
        label: String,
    },
    /// Half close: no more will be sent.
    Finish(SocketId),
    /// Reset: the peer sees an abort (LAY-215). The id is free afterwards.
    Abort(SocketId),
    /// Close; bytes handed over before still leave. The id is free afterwards.
    Close(SocketId),
    /// Ask the platform's resolver (DNS-001); answer `handle_resolved`.
    Resolve {
        /// The name of the question.
        id: ResolveId,
        /// A host name, never an address.
        name: String,
    },
}

/// How to make a TCP socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// `SO_PRIORITY`, 0 to 7.
    pub priority: u8,
    /// IP type of service, or the traffic class on IPv6.
    pub tos: u8,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
}

/// A Unix socket's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnixAddress {
    /// A path of at most 107 bytes (LAY-218).
    Path(String),
    /// A Linux abstract name, without its NUL.
    Abstract(String),
}

impl UnixAddress {
    /// Reads `path` or `@name`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Path(text.to_owned()),
        }
    }
}

/// A socket is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Our end; `None` for Unix sockets.
    pub local: Option<SocketAddr>,
    /// Their end.
    pub peer: Option<SocketAddr>,
}

/// What the resolver said. "No such name" is an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Addresses in the platform's order (RFC 6724); not empty.
    Addresses(Vec<IpAddr>),
    /// The name does not exist or has no address.
    NoSuchName,
    /// No server answered.
    Unanswered,
}
