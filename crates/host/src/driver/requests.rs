//! What the machine asks for: sockets opened and ended, names resolved.

use super::Driver;
use crate::machine::Machine;
use crate::socket::{self, Made, Phase};
use crate::table::Key;
use core::net::SocketAddr;
use mainstay_base::{Errno, Instant, SocketId};
use mainstay_node::{Opened, Request, ResolveId, SocketOptions};
use mio::Interest;
use mio::unix::SourceFd;
use std::os::fd::{AsRawFd, OwnedFd};

impl<M: Machine> Driver<M> {
    /// Carries out requests until there are none; true if that gave the machine new facts.
    pub(super) fn obey(&mut self, now: Instant) -> bool {
        let mut told = false;
        while let Some(request) = self.machine.poll_request() {
            match request {
                Request::OpenTcp { id, target, options } if self.own.is_some() => {
                    told |= self.open_own(now, id, target, options);
                }
                Request::OpenTcp { id, target, options } => {
                    told |= self.open(now, id, false, socket::open_tcp(target, options));
                }
                Request::OpenUnix { id, address } => {
                    told |= self.open(now, id, true, socket::open_unix(&address));
                }
                Request::OpenMem { id, .. } => {
                    // A label of a simulated world means nothing to a kernel.
                    self.machine.handle_opened(now, id, Err(Errno::Refused));
                    told = true;
                }
                Request::Finish(id) => {
                    if !self.own.as_deref_mut().is_some_and(|own| own.connections.finish(id)) {
                        self.finish(id);
                    }
                }
                Request::Abort(id) => {
                    if !self.own.as_deref_mut().is_some_and(|own| own.connections.abort(now, id)) {
                        self.abort(id);
                    }
                }
                Request::Close(id) => {
                    if !self.own.as_deref_mut().is_some_and(|own| own.connections.close(now, id)) {
                        self.close(now, id);
                    }
                }
                Request::Resolve { id, name } => told |= self.resolve(now, id, name),
            }
        }
        told
    }

    /// Connects over our own network; true if the machine was told already that it failed.
    fn open_own(
        &mut self,
        now: Instant,
        id: SocketId,
        target: SocketAddr,
        options: SocketOptions,
    ) -> bool {
        let Some(own) = self.own.as_deref_mut() else { return false };
        let begun = own.connections.connect(now, id, target, options.no_delay);
        let Err(errno) = begun else { return false };
        self.counters.failed += 1;
        self.machine.handle_opened(now, id, Err(errno));
        true
    }

    /// Takes a new socket in; true if the machine was told already how it ended.
    fn open(&mut self, now: Instant, id: SocketId, unix: bool, made: Result<Made, Errno>) -> bool {
        // Only a machine at fault opens an id it has; the old socket must not answer for the new.
        self.abort(id);
        let outcome = made.and_then(|made| {
            self.counters.options_refused += made.options_refused;
            self.register(made.fd, id, unix).map(|key| (key, made.connected))
        });
        match outcome {
            Ok((_, false)) => false,
            Ok((key, true)) => {
                self.opened(now, key);
                true
            }
            Err(errno) => {
                self.counters.failed += 1;
                self.machine.handle_opened(now, id, Err(errno));
                true
            }
        }
    }

    fn register(&mut self, fd: OwnedFd, id: SocketId, unix: bool) -> Result<Key, Errno> {
        let key = self.sockets.insert(fd, id, unix);
        let Some(slot) = self.sockets.get(key) else { return Ok(key) };
        let fd = slot.fd.as_raw_fd();
        let watch = interest(unix, false);
        let outcome = self.poll.registry().register(&mut SourceFd(&fd), key.token(), watch);
        outcome.map_err(|error| {
            self.sockets.remove(key);
            crate::errno::errno(&error)
        })?;
        Ok(key)
    }

    /// Connections whose connect ended, well or not.
    pub(super) fn connected(&mut self, now: Instant) {
        while let Some(key) = self.queues.connected.pop_front() {
            let Some(slot) = self.sockets.get(key) else { continue };
            if slot.phase == Phase::Connecting {
                match slot.take_error() {
                    None => self.opened(now, key),
                    Some(errno) => self.refused(now, key, errno),
                }
                self.obey(now);
            }
        }
    }

    fn opened(&mut self, now: Instant, key: Key) {
        let Some(slot) = self.sockets.get_mut(key) else { return };
        let Some((local, peer)) = slot.addresses() else {
            return self.refused(now, key, Errno::Reset);
        };
        slot.phase = Phase::Open;
        if slot.readable {
            self.queues.read(slot);
        }
        if slot.wants || slot.finishing {
            self.queues.write(slot);
        }
        self.counters.opened += 1;
        let id = slot.id;
        self.machine.handle_opened(now, id, Ok(Opened { local, peer }));
    }

    fn refused(&mut self, now: Instant, key: Key, errno: Errno) {
        let Some(slot) = self.sockets.remove(key) else { return };
        self.counters.failed += 1;
        self.machine.handle_opened(now, slot.id, Err(errno));
    }

    /// Half close, after all that the machine has was written.
    fn finish(&mut self, id: SocketId) {
        let Some(slot) = self.sockets.find(id).and_then(|key| self.sockets.get_mut(key)) else {
            return;
        };
        slot.finishing = true;
        if slot.phase == Phase::Open && slot.pending.is_none() {
            self.queues.write(slot);
        }
    }

    fn abort(&mut self, id: SocketId) {
        let Some(slot) = self.sockets.find(id).and_then(|key| self.sockets.remove(key)) else {
            return;
        };
        self.counters.resets += 1;
        slot.reset();
    }

    /// Closes at once, or after what the kernel has not taken yet was written.
    fn close(&mut self, now: Instant, id: SocketId) {
        let Some(key) = self.sockets.forget_id(id) else { return };
        let Some(slot) = self.sockets.get_mut(key) else { return };
        if slot.pending.is_some() {
            slot.phase = Phase::Lingering;
            self.queues.lingering.push_back((now + self.limits.linger, key));
            return;
        }
        drop(self.sockets.remove(key));
    }

    fn resolve(&mut self, now: Instant, id: ResolveId, name: String) -> bool {
        let Some(answer) = self.resolver.ask(id, name) else { return false };
        self.machine.handle_resolved(now, id, answer);
        true
    }

    /// Asks the kernel to tell when a Unix socket takes bytes again, or to stop telling.
    ///
    /// TCP tells only after it refused some, so it is asked once and for all; a Unix socket tells
    /// after every message its peer reads, which would wake us for nothing.
    pub(super) fn watch_writable(&self, key: Key, watch: bool) {
        let Some(slot) = self.sockets.get(key).filter(|slot| slot.unix) else { return };
        let (fd, watch) = (slot.fd.as_raw_fd(), interest(true, watch));
        // Cannot fail: the kernel has the entry already.
        let _kept = self.poll.registry().reregister(&mut SourceFd(&fd), key.token(), watch);
    }
}

/// What the kernel shall tell of a socket.
const fn interest(unix: bool, blocked: bool) -> Interest {
    if unix && !blocked {
        return Interest::READABLE;
    }
    Interest::READABLE.add(Interest::WRITABLE)
}
