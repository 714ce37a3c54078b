//! Connections of our own stack for tasks: any of them connects, listens, reads and writes, and sleeps until it can.
//!
//! One network is shared by all who hold a [`Sockets`], a [`Connection`] or a [`Listener`] of it. [`Sockets::spawn`] gives
//! it links and a thread that serves them; whoever moves frames another way makes one with [`Sockets::new`] and calls
//! [`Sockets::drive`]. There is no executor: a task is woken through its `Waker`, whatever runs it. The read and write
//! traits of `tokio` and `futures` are there with the features `tokio` and `futures`.
//!
//! What is written is ours to send from then on: flushing has nothing to wait for, [`Connection::acked`] waits until the
//! peer has it, and dropping a connection ends it in order, behind what was written.
//!
//! | file | what |
//! |---|---|
//! | `hub.rs` | the network, who waits for what, and who is to be woken |
//! | `connection.rs` | what can be asked of a connection |
//! | `connect.rs` | beginning one, and waiting for one |
//! | `traits.rs` | those of `tokio` and `futures` |
//! | `thread.rs` | the thread that serves links |

// Deferred LAY-089: endpoints of ours have no priority, since none is given up for another's sake
// Deferred LAY-166: the trait that connectors of all bases share comes with the asynchronous face of layers
// Deferred LAY-212: the same test-suite over both bases comes with connections as layers' base, the asynchronous face

mod connect;
mod connection;
mod hub;
#[cfg(target_os = "linux")]
mod thread;
#[cfg(any(feature = "tokio", feature = "futures"))]
mod traits;

pub use connect::{Connect, Listener};
pub use connection::Connection;

use core::net::SocketAddr;
use hub::{Hub, Share};
use mainstay_base::Instant;
use mainstay_net::network::{Network, Settings};
use std::io;
use std::sync::Arc;

/// A network for tasks; copies are the same network.
#[derive(Clone, Debug)]
pub struct Sockets {
    share: Share,
}

impl Sockets {
    /// Shares a network that the caller drives. `clock` says the time; `stirred` is called, from any thread, when there may
    /// be something to send or a deadline may have moved.
    pub fn new(
        network: Network,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
        stirred: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { share: Share::new(Hub::new(network, Box::new(clock), Box::new(stirred))) }
    }

    /// Lends the network to whoever moves frames: for what came, what is due, what is to be sent and its deadline. Events
    /// are the business of this type.
    ///
    /// # Panics
    /// Never by itself; using this value within `act` waits for ever.
    pub fn drive<R>(&self, act: impl FnOnce(&mut Network, Instant) -> R) -> R {
        self.share.hub().drive(act)
    }

    /// Connects; the future waits until that has succeeded or failed, and for an address of ours before. Dropping it ends
    /// the attempt.
    ///
    /// # Errors
    /// As the future's value: `NetworkUnreachable` without a way there or a free port, `HostUnreachable` where nobody answers on the link or
    /// a router says so, `ConnectionRefused`, `ConnectionReset`, `TimedOut` after three minutes (`syn_limit` of [`Settings`]),
    /// `OutOfMemory` at the limit of connections, `InvalidInput` for what is no peer's address, or the link's.
    pub fn connect(&self, peer: SocketAddr) -> Connect {
        Connect::new(self.share.clone(), peer, None)
    }

    /// The same with settings of its own, such as keepalive.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(&self, peer: SocketAddr, settings: Arc<Settings>) -> Connect {
        Connect::new(self.share.clone(), peer, Some(settings))
    }

    /// Listens on an address that may be unspecified.
    ///
    /// # Errors
    /// `AddrInUse`, `InvalidInput` for port 0 or an address that is a group's.
    pub fn listen(&self, at: SocketAddr) -> io::Result<Listener> {
        Listener::new(self.share.clone(), at)
    }

    /// Connections that were dropped and still have something to send, or wait for it to be acknowledged.
    #[must_use]
    pub fn leaving_count(&self) -> usize {
        self.share.hub().leaving_count()
    }
}
