//! One device: a node, its application, and the turn of a driver that has no sockets.

mod own;

use crate::link::{Link, Told};
use crate::pipe::Cuts;
use crate::server::{Place, Server};
use mainstay_base::{Errno, Instant, Rng, SocketId};
use mainstay_net::Connections;
use mainstay_node::{Application, Commands, Node, Request, drain};
use std::collections::BTreeMap;

/// A device of a world, in the order they were added.
pub type DeviceId = usize;

/// What a device asks of its world.
#[derive(Debug)]
pub(crate) enum Wish {
    Open {
        socket: SocketId,
        attempt: u64,
        place: Place,
    },
    /// Not the world's to open, but to know of.
    Tried(Place),
    Resolve {
        id: mainstay_node::ResolveId,
        name: String,
    },
}

/// A socket of a device.
#[derive(Debug)]
pub(crate) struct Sock {
    /// Tells a reused number apart.
    pub(crate) attempt: u64,
    pub(crate) link: Option<u64>,
    /// Polled and not taken by the link.
    pending: Vec<u8>,
    wants: bool,
    finishing: bool,
    finished: bool,
    eof_told: bool,
}

/// A node and what drives it.
#[derive(Debug)]
pub(crate) struct Device<A> {
    pub(crate) node: Node,
    pub(crate) application: A,
    pub(crate) sockets: BTreeMap<SocketId, Sock>,
    /// Where its TCP is its own: connections over a network.
    pub(crate) own: Option<Box<Connections>>,
    commands: Commands,
    attempts: u64,
    /// Most bytes of one read, and of one write: small ones look for forgotten rests.
    pub(crate) read_max: usize,
    pub(crate) write_max: usize,
    /// Call `handle_timeout` too early and twice (L4).
    pub(crate) restless: bool,
    /// Somebody had the node in its hands, or a fact came.
    pub(crate) touched: bool,
    /// Turns since time last moved.
    pub(crate) turns: u32,
    pub(crate) wishes: Vec<Wish>,
}

/// What a device's turn may touch of its world.
pub(crate) struct Around<'w> {
    pub(crate) now: Instant,
    pub(crate) links: &'w mut BTreeMap<u64, Link>,
    pub(crate) servers: &'w BTreeMap<Place, Server>,
    pub(crate) rng: &'w mut Rng,
}

impl<A: Application> Device<A> {
    pub(crate) fn new(node: Node, application: A) -> Self {
        Self {
            node,
            application,
            sockets: BTreeMap::new(),
            own: None,
            commands: Commands::default(),
            attempts: 0,
            // What host's driver reads and writes at once.
            read_max: 64 * 1024,
            write_max: 64 * 1024,
            restless: false,
            touched: true,
            turns: 0,
            wishes: Vec::new(),
        }
    }

    /// Does everything that can be done now. `true` if anything was.
    pub(crate) fn turn(&mut self, around: &mut Around<'_>) -> bool {
        let now = around.now;
        let mut worked = core::mem::take(&mut self.touched);
        let restless = self.restless && around.rng.below(4) == 0;
        // Whoever calls too often may be the one who finds it due; what comes of it is delivered all the same.
        worked |= self.node.poll_timeout().is_some_and(|at| at <= now);
        if restless {
            self.node.handle_timeout(now);
            self.node.handle_timeout(now);
        }
        worked |= self.expire_own(now, restless);
        worked |= self.read_all(around);
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
            worked = true;
        }
        if worked {
            self.deliver(now, &mut []);
            self.obey(around);
        }
        worked |= self.write_all(around);
        worked | self.serve_own(around)
    }

    fn deliver(&mut self, now: Instant, input: &mut [u8]) {
        drain(&mut self.node, &mut self.application, &mut self.commands, now, input);
    }

    /// Carries out what the node asks for.
    fn obey(&mut self, around: &mut Around<'_>) {
        while let Some(request) = self.node.poll_request() {
            match request {
                Request::OpenTcp { id, target, options } if self.own.is_some() => {
                    self.connect_own(around.now, id, target, options);
                }
                Request::OpenTcp { id, target, .. } => self.open(id, Place::Tcp(target)),
                Request::OpenUnix { id, address } => self.open(id, Place::Unix(address)),
                Request::OpenMem { id, label } => self.open(id, Place::Mem(label)),
                Request::Finish(id) => {
                    if self.own.as_deref_mut().is_some_and(|own| own.finish(id)) {
                        continue;
                    }
                    if let Some(sock) = self.sockets.get_mut(&id) {
                        sock.finishing = true;
                        sock.wants = true;
                    }
                }
                Request::Abort(id) => {
                    let now = around.now;
                    if self.own.as_deref_mut().is_some_and(|own| own.abort(now, id)) {
                        continue;
                    }
                    if let Some(link) = self.let_go(around, id).0 {
                        link.abort(now);
                    }
                }
                Request::Close(id) => {
                    let now = around.now;
                    if self.own.as_deref_mut().is_some_and(|own| own.close(now, id)) {
                        continue;
                    }
                    let (link, tail) = self.let_go(around, id);
                    if let Some(link) = link {
                        link.close(tail);
                    }
                }
                Request::Resolve { id, name } => self.wishes.push(Wish::Resolve { id, name }),
            }
        }
    }

    fn let_go<'w>(
        &mut self,
        around: &'w mut Around<'_>,
        id: SocketId,
    ) -> (Option<&'w mut Link>, Vec<u8>) {
        let Some(sock) = self.sockets.remove(&id) else { return (None, Vec::new()) };
        (sock.link.and_then(|link| around.links.get_mut(&link)), sock.pending)
    }

    fn open(&mut self, socket: SocketId, place: Place) {
        self.attempts += 1;
        let attempt = self.attempts;
        let sock = Sock {
            attempt,
            link: None,
            pending: Vec::new(),
            wants: false,
            finishing: false,
            finished: false,
            eof_told: false,
        };
        let before = self.sockets.insert(socket, sock);
        assert!(before.is_none(), "the node opens {socket:?} twice");
        self.wishes.push(Wish::Open { socket, attempt, place });
    }

    /// The world's answer to an open.
    pub(crate) fn opened(&mut self, now: Instant, socket: SocketId, link: Result<u64, Errno>) {
        let result = match link {
            Ok(link) => {
                if let Some(sock) = self.sockets.get_mut(&socket) {
                    sock.link = Some(link);
                }
                Ok(())
            }
            Err(errno) => {
                self.sockets.remove(&socket);
                Err(errno)
            }
        };
        self.node.handle_opened(now, socket, result);
        self.touched = true;
    }

    fn read_all(&mut self, around: &mut Around<'_>) -> bool {
        let mut worked = false;
        for id in self.sockets.keys().copied().collect::<Vec<_>>() {
            worked |= self.read(around, id);
        }
        worked
    }

    /// Reads a socket until it is dry or has no room.
    fn read(&mut self, around: &mut Around<'_>, id: SocketId) -> bool {
        let now = around.now;
        let mut worked = false;
        loop {
            let Some(sock) = self.sockets.get_mut(&id) else { return worked };
            let Some(link) = sock.link.and_then(|link| around.links.get_mut(&link)) else {
                return worked;
            };
            if link.told(now) == Told::Reset {
                link.socket = None;
                self.sockets.remove(&id);
                self.node.handle_lost(now, id, Errno::Reset);
                self.deliver(now, &mut []);
                self.obey(around);
                return true;
            }
            if link.down.is_over() && !sock.eof_told {
                sock.eof_told = true;
                self.node.handle_eof(now, id);
                self.deliver(now, &mut []);
                self.obey(around);
                return true;
            }
            let room = self.node.room(id).min(self.read_max);
            if room == 0 || !link.down.is_readable() {
                return worked;
            }
            let mut bytes = link.down.read(room);
            self.node.handle_bytes(id, bytes.len());
            self.deliver(now, &mut bytes);
            self.obey(around);
            worked = true;
        }
    }

    /// Notes who has something to send.
    fn collect_wanting(&mut self) {
        while let Some(id) = self.node.poll_wanting() {
            if self.own.as_deref_mut().is_some_and(|own| own.want(id)) {
                continue;
            }
            if let Some(sock) = self.sockets.get_mut(&id) {
                sock.wants = true;
            }
        }
    }

    fn write_all(&mut self, around: &mut Around<'_>) -> bool {
        self.collect_wanting();
        let mut worked = false;
        for id in self.sockets.keys().copied().collect::<Vec<_>>() {
            worked |= self.write(around, id);
        }
        worked
    }

    /// Writes what the link takes. Whether that was anything.
    fn write(&mut self, around: &mut Around<'_>, id: SocketId) -> bool {
        let now = around.now;
        let Some(sock) = self.sockets.get_mut(&id) else { return false };
        let Some(link) = sock.link.and_then(|link| around.links.get_mut(&link)) else {
            return false;
        };
        let nothing = Cuts::new();
        let cuts = around.servers.get(&link.place).map_or(&nothing, |server| &server.cuts);
        let mut written = false;
        while !sock.finished {
            if sock.pending.is_empty() && sock.wants {
                self.node.poll_transmit(now, id, &mut sock.pending, self.write_max);
                // A full buffer says nothing about what is left.
                sock.wants = !sock.pending.is_empty();
            }
            let taken = link.up.write(now, &sock.pending, &link.faults, cuts, around.rng);
            sock.pending.drain(..taken);
            written |= taken > 0;
            if taken > 0 && sock.pending.is_empty() {
                self.node.handle_written(now, id);
            }
            if taken == 0 {
                break;
            }
        }
        let dry = sock.pending.is_empty() && !sock.wants;
        let ends = dry && sock.finishing && !sock.finished;
        if ends {
            sock.finished = true;
            link.finish(now, cuts, around.rng);
        }
        self.deliver(now, &mut []);
        self.obey(around);
        written || ends
    }
}
