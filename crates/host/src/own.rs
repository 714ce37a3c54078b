//! Connections of our own TCP, as the driver sees them: the same facts and bytes as those of kernel sockets, over links.
//!
//! This file owns the network and who is who; `own/wire.rs` moves frames, `driver/own.rs` serves the machine.

mod held;
#[cfg(target_os = "linux")]
mod lines;
#[cfg(target_os = "linux")]
mod pump;
mod sockets;
mod wire;

#[cfg(target_os = "linux")]
pub use pump::{Pump, Way};
pub use sockets::{Connect, Connection, Listener, Sockets};
pub use wire::{Wire, WireKind, WireOptions, send_all};

use core::net::SocketAddr;
use held::Held;
use mainstay_base::{Errno, Instant, Rng, SocketId};
use mainstay_net::network::{self as net, Config, Network};
use mainstay_node::{Opened, SocketOptions};
use mainstay_tcp::{Disconnected, Endpoint, Event, Handle, Soft, State, TcpError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

/// A network, its links, and the machine's connections over it.
#[derive(Debug)]
pub struct Own {
    pub(crate) network: Network,
    pub(crate) wires: Vec<Wire>,
    conns: BTreeMap<SocketId, Conn>,
    held: BTreeMap<SocketId, Held>,
    /// Closed by the machine, and not through yet.
    leaving: BTreeSet<Handle>,
    /// Those held may be begun now.
    settled: bool,
    pub(crate) readers: VecDeque<SocketId>,
    pub(crate) writers: VecDeque<SocketId>,
    pub(crate) paused: Vec<SocketId>,
}

/// One connection of the machine's.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) handle: Handle,
    pub(crate) is_open: bool,
    /// The machine has bytes for it.
    pub(crate) wants: bool,
    /// It is to be half closed once the machine has no more bytes.
    pub(crate) finishing: bool,
    pub(crate) finished: bool,
    /// The machine was told that the peer has finished.
    pub(crate) input_over: bool,
    pub(crate) read_queued: bool,
    pub(crate) write_queued: bool,
}

/// What happened to a connection.
#[derive(Debug)]
pub(crate) enum Fact {
    Opened(SocketId, Result<Opened, Errno>),
    Lost(SocketId, Errno),
}

/// The token of connections that the machine has closed.
const NOBODY: u64 = u64::MAX;

impl Own {
    /// A network over links that are open.
    #[must_use]
    pub fn new(network: Network, wires: Vec<Wire>) -> Self {
        Self {
            network,
            wires,
            conns: BTreeMap::new(),
            held: BTreeMap::new(),
            leaving: BTreeSet::new(),
            settled: false,
            readers: VecDeque::new(),
            writers: VecDeque::new(),
            paused: Vec::new(),
        }
    }

    /// A network with its links opened.
    ///
    /// # Errors
    /// What the kernel says of a link, or of its entropy.
    pub fn open(now: Instant, config: Config, links: &[WireOptions]) -> io::Result<Self> {
        let mut network = Network::new(config, Rng::new(crate::entropy()?));
        let wires = links
            .iter()
            .map(|options| Wire::open(now, options, &mut network))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(network, wires))
    }

    /// The network, to look at.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// How many connections there are, those included that only send what they were given.
    pub(crate) fn len(&self) -> usize {
        self.conns.len() + self.held.len() + self.leaving.len()
    }

    /// How many connections that the machine has closed still have something to send, or wait for it to be acknowledged.
    pub(crate) fn leaving(&self) -> usize {
        let state =
            |handle: &&Handle| self.network.engine().endpoint(**handle).map(Endpoint::state);
        let waits = |handle: &&Handle| state(handle).is_some_and(|state| state != State::FinWait2);
        self.leaving.iter().filter(waits).count()
    }

    pub(crate) fn get(&self, id: SocketId) -> Option<&Conn> {
        self.conns.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: SocketId) -> Option<&mut Conn> {
        self.conns.get_mut(&id)
    }

    /// Starts a connection, as soon as there is an address for it; its first fact says how it went.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        id: SocketId,
        target: SocketAddr,
        options: SocketOptions,
    ) -> Result<(), Errno> {
        match self.begin(now, id, target, options) {
            Err(Errno::Unreachable) if self.network.is_settling(target.ip()) => {
                let held = Held { target, options, wants: false, finishing: false };
                self.held.insert(id, held);
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn begin(
        &mut self,
        now: Instant,
        id: SocketId,
        target: SocketAddr,
        options: SocketOptions,
    ) -> Result<(), Errno> {
        let handle = self.network.connect(now, target, None, u64::from(id.0)).map_err(errno)?;
        if let Some(mut live) = self.network.at(now, handle) {
            live.set_nagle(!options.no_delay);
        }
        let conn = Conn {
            handle,
            is_open: false,
            wants: false,
            finishing: false,
            finished: false,
            input_over: false,
            read_queued: false,
            write_queued: false,
        };
        self.conns.insert(id, conn);
        Ok(())
    }

    /// Ends a connection at once; whether there was one.
    pub(crate) fn abort(&mut self, now: Instant, id: SocketId) -> bool {
        if self.held.remove(&id).is_some() {
            return true;
        }
        let Some(conn) = self.conns.remove(&id) else { return false };
        self.network.release(now, conn.handle);
        true
    }

    /// Ends a connection in order: bytes handed over still leave. Whether there was one.
    pub(crate) fn close(&mut self, now: Instant, id: SocketId) -> bool {
        if self.held.remove(&id).is_some() {
            return true;
        }
        let Some(conn) = self.conns.remove(&id) else { return false };
        let closed = self.network.at(now, conn.handle).is_some_and(|mut live| {
            if let Some(token) = live.context_mut() {
                *token = NOBODY;
            }
            live.close().is_ok()
        });
        if closed {
            self.leaving.insert(conn.handle);
        } else {
            self.network.release(now, conn.handle);
        }
        true
    }

    /// The machine has bytes for a connection; whether there is one.
    pub(crate) fn want(&mut self, id: SocketId) -> bool {
        if let Some(held) = self.held.get_mut(&id) {
            held.wants = true;
            return true;
        }
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        conn.wants = true;
        self.queue_writer(id);
        true
    }

    /// Half close, after what the machine still has; whether there is such a connection.
    pub(crate) fn finish(&mut self, id: SocketId) -> bool {
        if let Some(held) = self.held.get_mut(&id) {
            held.finishing = true;
            return true;
        }
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        conn.finishing = true;
        self.queue_writer(id);
        true
    }

    pub(crate) fn queue_writer(&mut self, id: SocketId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && conn.is_open
            && !core::mem::replace(&mut conn.write_queued, true)
        {
            self.writers.push_back(id);
        }
    }

    pub(crate) fn queue_reader(&mut self, id: SocketId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && conn.is_open
            && !conn.input_over
            && !core::mem::replace(&mut conn.read_queued, true)
        {
            self.readers.push_back(id);
        }
    }

    /// The next fact for the machine; queues those that can be read or written on the way.
    pub(crate) fn poll_fact(&mut self, now: Instant) -> Option<Fact> {
        loop {
            if self.settled
                && let Some(fact) = self.begin_held(now)
            {
                return Some(fact);
            }
            let (handle, event) = match self.network.poll_event(now)? {
                net::Event::Tcp(handle, event) => (handle, event),
                net::Event::Stack(
                    mainstay_net::Event::AddressSettled { .. }
                    | mainstay_net::Event::AddressConflict { .. },
                ) => {
                    self.settled = true;
                    continue;
                }
                net::Event::Stack(_) | net::Event::Incoming(_) => continue,
            };
            let token = self.network.engine().endpoint(handle).map(|e| *e.context());
            let id = token.and_then(|token| u32::try_from(token).ok()).map(SocketId);
            let id = id.filter(|id| self.conns.get(id).is_some_and(|conn| conn.handle == handle));
            match (event, id) {
                (Event::Established, Some(id)) => return self.opened(handle, id),
                (Event::ReceiveAvailable { .. }, Some(id)) => self.queue_reader(id),
                (Event::Progress { .. }, Some(id)) => self.queue_writer(id),
                (Event::Error(Soft::Unreachable), Some(id)) => {
                    if let Some(fact) = self.unreachable(now, id) {
                        return Some(fact);
                    }
                }
                (Event::Disconnected(Disconnected::TimeWait), _) => {
                    self.leaving.remove(&handle); // all is said; it stays for the sake of old segments
                }
                (Event::Disconnected(reason), id) => {
                    self.leaving.remove(&handle);
                    self.network.release(now, handle);
                    if let Some(fact) = id.and_then(|id| self.ended(id, reason)) {
                        return Some(fact);
                    }
                }
                (_, _) => {}
            }
        }
    }

    fn opened(&mut self, handle: Handle, id: SocketId) -> Option<Fact> {
        let conn = self.conns.get_mut(&id)?;
        conn.is_open = true;
        let endpoint = self.network.engine().endpoint(handle)?;
        let (local, peer) = (Some(endpoint.local()), Some(endpoint.peer()));
        if conn.wants || conn.finishing {
            self.queue_writer(id);
        }
        Some(Fact::Opened(id, Ok(Opened { local, peer })))
    }

    /// An attempt ends when it is known that nobody is there, as the kernel's do (RFC 5461 §3.2); the policy says whether
    /// there is another. What is open lasts (TCP-176).
    fn unreachable(&mut self, now: Instant, id: SocketId) -> Option<Fact> {
        if self.conns.get(&id)?.is_open {
            return None;
        }
        self.abort(now, id);
        Some(Fact::Opened(id, Err(Errno::Unreachable)))
    }

    fn ended(&mut self, id: SocketId, reason: Disconnected) -> Option<Fact> {
        let conn = self.conns.remove(&id)?;
        let errno = match reason {
            Disconnected::Refused => Errno::Refused,
            Disconnected::TimedOut => Errno::TimedOut,
            // Both sides had finished, so the machine knows all there is to know.
            Disconnected::Normal if conn.input_over => return None,
            Disconnected::Normal | Disconnected::Reset | Disconnected::TimeWait | _ => Errno::Reset,
        };
        Some(if conn.is_open { Fact::Lost(id, errno) } else { Fact::Opened(id, Err(errno)) })
    }
}

/// Why a connection could not even be begun, in the words of sockets.
const fn errno(error: TcpError) -> Errno {
    match error {
        TcpError::NoRoute => Errno::Unreachable,
        TcpError::AddrInUse => Errno::AddrInUse,
        TcpError::QueueFull | TcpError::BufferTooSmall => Errno::Limit,
        TcpError::InvalidState
        | TcpError::InvalidArgs
        | TcpError::NotOpen
        | TcpError::SendClosed
        | TcpError::Stale
        | _ => Errno::Other,
    }
}
