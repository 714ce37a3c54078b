//! Connections by the names that a machine gives them: its requests in; facts, bytes and the room for bytes out.
//!
//! Owns who is who, attempts that wait for an address, and whose turn it is. What a connection does is `network`'s business,
//! what carries frames is the driver's: over links of the kernel in `host`, in virtual time in `sim`. Nothing else lies between
//! them and their machines, so what one of them finds holds for the other.

mod held;
mod serve;

pub use serve::{Border, resume, serve};

use crate::network::{Event as Told, Network, Own};
use crate::stack;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use held::Held;
use mainstay_base::{Errno, Instant, SocketId};
use mainstay_tcp::queue::{CopyQueue as _, TxQueue as _};
use mainstay_tcp::{Disconnected, Endpoint, Event, Handle, Push, Soft, State, TcpError};

/// How much is moved at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one read; at least 1.
    pub read_max: usize,
    /// Most bytes read from one connection before the others have their turn; at least 1.
    pub turn_max: usize,
    /// Most bytes of one write; at least [`SEND_ROOM_MIN`].
    pub send_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // chosen: what `host` reads and writes of the kernel's sockets
        Self { read_max: 64 << 10, turn_max: 256 << 10, send_max: 64 << 10 }
    }
}

/// With less room for bytes nobody is asked for any, unless the whole queue is smaller: a record of TLS has a cost of its
/// own, and who finds no room for that seems to have nothing to say. chosen: several records' headers and tags
pub const SEND_ROOM_MIN: usize = 512;

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Ours.
    pub local: SocketAddr,
    /// Theirs.
    pub peer: SocketAddr,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It is open, or cannot be; in that case its name is free.
    Opened(SocketId, Result<Ends, Errno>),
    /// It died; its name is free.
    Lost(SocketId, Errno),
}

/// The connections of one machine over one network.
#[derive(Debug)]
pub struct Connections {
    network: Network,
    limits: Limits,
    conns: BTreeMap<SocketId, Conn>,
    held: BTreeMap<SocketId, Held>,
    /// Closed by the machine, and not through yet.
    leaving: BTreeSet<Handle>,
    /// Those held may be begun now.
    settled: bool,
    readers: VecDeque<SocketId>,
    writers: VecDeque<SocketId>,
    paused: VecDeque<SocketId>,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// One connection of the machine's.
#[derive(Debug)]
struct Conn {
    handle: Handle,
    is_open: bool,
    /// The machine has bytes for it.
    wants: bool,
    /// It is to be half closed once the machine has no more bytes.
    finishing: bool,
    finished: bool,
    /// The machine was told that the peer has finished.
    input_over: bool,
    /// Both sides have finished; there may be unread bytes.
    over: bool,
    read_queued: bool,
    write_queued: bool,
    paused: bool,
}

/// The token of connections that the machine has closed.
const NOBODY: u64 = u64::MAX;

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            limits: Limits::default(),
            conns: BTreeMap::new(),
            held: BTreeMap::new(),
            leaving: BTreeSet::new(),
            settled: false,
            readers: VecDeque::new(),
            writers: VecDeque::new(),
            paused: VecDeque::new(),
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    /// How much is moved at once from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = Limits {
            read_max: limits.read_max.max(1),
            turn_max: limits.turn_max.max(1),
            send_max: limits.send_max.max(SEND_ROOM_MIN),
        };
        self.input = Vec::new();
    }

    /// The network, to look at.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network, for frames, time and addresses. Its events are not polled by anybody else.
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// How many connections there are, those included that only send what they were given.
    #[must_use]
    pub fn len(&self) -> usize {
        self.conns.len() + self.held.len() + self.leaving.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The open and opening connections, to look at.
    pub fn endpoints(&self) -> impl Iterator<Item = (SocketId, &Endpoint<Own>)> {
        let engine = self.network.engine();
        self.conns.iter().filter_map(move |(id, conn)| Some((*id, engine.endpoint(conn.handle)?)))
    }

    /// How many connections that the machine has closed still have something to send, or wait for it to be acknowledged.
    #[must_use]
    pub fn leaving(&self) -> usize {
        let state =
            |handle: &&Handle| self.network.engine().endpoint(**handle).map(Endpoint::state);
        let waits = |handle: &&Handle| state(handle).is_some_and(|state| state != State::FinWait2);
        self.leaving.iter().filter(waits).count()
    }

    /// Starts a connection, as soon as there is an address for it; its first fact says how it went. Of an id in use the
    /// connection is aborted: only a machine at fault opens it twice, and the old one must not answer for the new.
    ///
    /// # Errors
    /// Why it cannot even be begun, in the words of sockets; the id is free.
    pub fn connect(
        &mut self,
        now: Instant,
        id: SocketId,
        target: SocketAddr,
        no_delay: bool,
    ) -> Result<(), Errno> {
        self.abort(now, id);
        match self.begin(now, id, target, no_delay) {
            Err(Errno::Unreachable) if self.network.is_settling(target.ip()) => {
                let held = Held { target, no_delay, wants: false, finishing: false };
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
        no_delay: bool,
    ) -> Result<(), Errno> {
        let handle = self.network.connect(now, target, None, u64::from(id.0)).map_err(errno)?;
        if let Some(mut live) = self.network.at(now, handle) {
            live.set_nagle(!no_delay);
        }
        let conn = Conn {
            handle,
            is_open: false,
            wants: false,
            finishing: false,
            finished: false,
            input_over: false,
            over: false,
            read_queued: false,
            write_queued: false,
            paused: false,
        };
        self.conns.insert(id, conn);
        Ok(())
    }

    /// Ends a connection at once; whether there was one.
    pub fn abort(&mut self, now: Instant, id: SocketId) -> bool {
        if self.held.remove(&id).is_some() {
            return true;
        }
        let Some(conn) = self.conns.remove(&id) else { return false };
        self.network.release(now, conn.handle);
        true
    }

    /// Ends a connection in order: bytes handed over still leave. Whether there was one.
    pub fn close(&mut self, now: Instant, id: SocketId) -> bool {
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
    pub fn want(&mut self, id: SocketId) -> bool {
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
    pub fn finish(&mut self, id: SocketId) -> bool {
        if let Some(held) = self.held.get_mut(&id) {
            held.finishing = true;
            return true;
        }
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        conn.finishing = true;
        self.queue_writer(id);
        true
    }

    fn queue_writer(&mut self, id: SocketId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && conn.is_open
            && !conn.over
            && !core::mem::replace(&mut conn.write_queued, true)
        {
            self.writers.push_back(id);
        }
    }

    fn queue_reader(&mut self, id: SocketId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && conn.is_open
            && !conn.input_over
            && !conn.paused
            && !core::mem::replace(&mut conn.read_queued, true)
        {
            self.readers.push_back(id);
        }
    }

    /// The next fact for the machine; queues those that can be read or written on the way.
    fn poll_fact(&mut self, now: Instant) -> Option<Fact> {
        loop {
            if self.settled
                && let Some(fact) = self.begin_held(now)
            {
                return Some(fact);
            }
            let (handle, event) = match self.network.poll_event(now)? {
                Told::Tcp(handle, event) => (handle, event),
                Told::Stack(
                    stack::Event::AddressSettled { .. } | stack::Event::AddressConflict { .. },
                ) => {
                    self.settled = true;
                    continue;
                }
                Told::Stack(_) | Told::Incoming(_) => continue,
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
                (Event::Disconnected(reason), Some(id)) => {
                    if let Some(fact) = self.ended(now, id, reason) {
                        return Some(fact);
                    }
                }
                (Event::Disconnected(_), None) => {
                    self.leaving.remove(&handle);
                    self.network.release(now, handle);
                }
                (_, _) => {}
            }
        }
    }

    fn opened(&mut self, handle: Handle, id: SocketId) -> Option<Fact> {
        let conn = self.conns.get_mut(&id)?;
        conn.is_open = true;
        let endpoint = self.network.engine().endpoint(handle)?;
        let ends = Ends { local: endpoint.local(), peer: endpoint.peer() };
        if conn.wants || conn.finishing {
            self.queue_writer(id);
        }
        Some(Fact::Opened(id, Ok(ends)))
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

    fn ended(&mut self, now: Instant, id: SocketId, reason: Disconnected) -> Option<Fact> {
        let conn = self.conns.get_mut(&id)?;
        // Both sides had finished; what came before the end is read first (TCP-055).
        if reason == Disconnected::Normal && conn.is_open && !conn.input_over {
            conn.over = true;
            self.queue_reader(id);
            return None;
        }
        let (is_open, input_over) = (conn.is_open, conn.input_over);
        self.abort(now, id);
        let errno = match reason {
            Disconnected::Refused => Errno::Refused,
            Disconnected::TimedOut => Errno::TimedOut,
            // Now the machine knows all there is to know.
            Disconnected::Normal if input_over => return None,
            Disconnected::Normal | Disconnected::Reset | Disconnected::TimeWait | _ => Errno::Reset,
        };
        Some(if is_open { Fact::Lost(id, errno) } else { Fact::Opened(id, Err(errno)) })
    }

    /// The next connection that can be read.
    fn next_reader(&mut self) -> Option<SocketId> {
        let id = self.readers.pop_front()?;
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.read_queued = false;
        }
        Some(id)
    }

    /// The next connection that can be written.
    fn next_writer(&mut self) -> Option<SocketId> {
        let id = self.writers.pop_front()?;
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.write_queued = false;
        }
        Some(id)
    }

    /// It is read again when there is room.
    fn pause(&mut self, id: SocketId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !core::mem::replace(&mut conn.paused, true)
        {
            self.paused.push_back(id);
        }
    }

    /// Whether there may be something to read, or an end.
    fn is_readable(&self, id: SocketId) -> bool {
        self.conns.get(&id).is_some_and(|conn| conn.is_open && !conn.input_over)
    }

    /// Reads at most as many bytes as `space` is long. `None`: there are none now; `Some(0)`: there will be no more.
    fn read(&mut self, now: Instant, id: SocketId, space: &mut [u8]) -> Option<usize> {
        let conn = self.conns.get_mut(&id).filter(|conn| !conn.input_over)?;
        let (handle, over) = (conn.handle, conn.over);
        let mut live = self.network.at(now, handle)?;
        let len = live.read(space).unwrap_or(0);
        if len > 0 {
            return Some(len);
        }
        let ended = live.endpoint().is_some_and(Endpoint::is_end_of_stream);
        if !ended && !over {
            return None;
        }
        conn.input_over = true;
        if over {
            self.abort(now, id);
        }
        Some(0)
    }

    /// How many bytes may be written now; `None`: none, and it is asked again when some have left.
    fn write_room(&mut self, id: SocketId) -> Option<usize> {
        let conn = self.conns.get(&id)?;
        if !conn.is_open || conn.finished || conn.over {
            return None;
        }
        let queue = self.network.engine().endpoint(conn.handle)?.queue();
        let room = queue.room();
        let enough = room >= SEND_ROOM_MIN || queue.len() == 0;
        (enough && room > 0).then(|| room.min(self.limits.send_max))
    }

    /// Queues bytes for which there is room.
    fn write(&mut self, now: Instant, id: SocketId, bytes: &[u8]) {
        let Some(conn) = self.conns.get(&id) else { return };
        let Some(mut live) = self.network.at(now, conn.handle) else { return };
        // A connection that ended meanwhile says so by a fact.
        let taken = live.write(bytes, Push::Now);
        debug_assert!(taken.is_err() || taken == Ok(bytes.len()), "what there is room for fits");
    }

    /// The machine has been asked for bytes; it has no more now if `dry`.
    fn wrote(&mut self, now: Instant, id: SocketId, dry: bool) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.wants = !dry;
        if !dry {
            return self.queue_writer(id);
        }
        if conn.finishing && !conn.finished {
            conn.finished = true;
            let handle = conn.handle;
            if let Some(mut live) = self.network.at(now, handle) {
                let _ended = live.finish();
            }
        }
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
