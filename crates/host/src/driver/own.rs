//! Connections of our own stack, served like sockets: the same order, the same shares, the same buffers.

use super::Driver;
use crate::limits::SETTLE_MAX;
use crate::machine::Machine;
use crate::own::{Own, send_all};
use mainstay_base::{Instant, SocketId};
use mainstay_net::connections::{self, Border, Connections, Ends, Fact, Limits};
use mainstay_net::network::Network;
use mainstay_node::Opened;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

/// Links have the tokens just below the waker's. chosen: a key never has all ones in its upper half
pub(super) const WIRE_TOKENS: usize = usize::MAX - 64;

impl<M: Machine> Driver<M> {
    /// From now on TCP goes over this network instead of the kernel's sockets.
    ///
    /// # Errors
    /// When a link cannot be polled, or there are more than 64.
    pub fn set_own(&mut self, mut own: Own) -> io::Result<()> {
        for (number, wire) in own.wires.iter().enumerate() {
            let fd = wire.as_fd().as_raw_fd();
            let token = Token(WIRE_TOKENS + number);
            if number >= 64 {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 64 links"));
            }
            let both = Interest::READABLE.add(Interest::WRITABLE);
            self.poll.registry().register(&mut SourceFd(&fd), token, both)?;
        }
        self.frame = vec![0; Network::MAX_TRANSMIT].into_boxed_slice();
        own.connections.set_limits(Limits {
            read_max: self.input.len(),
            turn_max: self.limits.turn_max,
            send_max: self.limits.send_max,
        });
        self.own = Some(Box::new(own));
        self.touched = true;
        Ok(())
    }

    /// The network, if TCP goes over one of our own.
    #[must_use]
    pub fn own(&self) -> Option<&Own> {
        self.own.as_deref()
    }

    /// A link can be read, or written again.
    pub(super) fn note_wire(own: Option<&mut Own>, token: Token) {
        let wire = own.and_then(|own| own.wires.get_mut(token.0.wrapping_sub(WIRE_TOKENS)));
        if let Some(wire) = wire {
            wire.readable = true;
        }
    }

    /// Takes in what the links have.
    pub(super) fn receive_frames(&mut self, now: Instant) {
        let Some(own) = self.own.as_deref_mut() else { return };
        for wire in &mut own.wires {
            if wire.readable {
                match wire.receive(now, own.connections.network_mut(), |_| {}) {
                    Ok(more) => self.more |= more,
                    Err(_) => {
                        wire.readable = false;
                        self.counters.lost += 1;
                    }
                }
            }
        }
    }

    /// Runs the network's timers.
    pub(super) fn expire_own(&mut self, now: Instant) {
        if let Some(own) = self.own.as_deref_mut()
            && own.network().poll_timeout().is_some_and(|at| at <= now)
        {
            own.connections.network_mut().handle_timeout(now);
        }
    }

    /// Tells facts, moves bytes both ways and sends frames, until there is nothing to do or the turn has had its share.
    pub(super) fn serve_own(&mut self, now: Instant) {
        if self.own.is_none() {
            return;
        }
        for _ in 0..SETTLE_MAX {
            let busy = connections::serve(self, now);
            self.send_frames(now);
            if !busy {
                return;
            }
            self.deliver(now);
        }
        self.more = true;
    }

    fn send_frames(&mut self, now: Instant) {
        let Some(own) = self.own.as_deref_mut() else { return };
        let network = own.connections.network_mut();
        let sent = send_all(now, network, &mut own.wires, &mut self.frame, |_| {});
        if sent.is_err() {
            self.counters.lost += 1;
        }
    }

    /// Puts those back among the readers that have room again.
    pub(super) fn resume_own(&mut self) {
        self.more |= connections::resume(self);
    }
}

/// What the shared loop between connections and machines asks of this driver.
impl<M: Machine> Border for Driver<M> {
    fn connections(&mut self) -> Option<&mut Connections> {
        self.own.as_deref_mut().map(|own| &mut own.connections)
    }

    fn handle_fact(&mut self, now: Instant, fact: Fact) {
        match fact {
            Fact::Opened(id, outcome) => {
                match outcome {
                    Ok(_) => self.counters.opened += 1,
                    Err(_) => self.counters.failed += 1,
                }
                let ends = |ends: Ends| Opened { local: Some(ends.local), peer: Some(ends.peer) };
                self.machine.handle_opened(now, id, outcome.map(ends));
            }
            Fact::Lost(id, errno) => {
                self.counters.lost += 1;
                self.machine.handle_lost(now, id, errno);
            }
        }
        self.obey(now);
    }

    fn handle_eof(&mut self, now: Instant, id: SocketId) {
        self.machine.handle_eof(now, id);
        self.obey(now);
    }

    fn room(&self, id: SocketId) -> usize {
        self.machine.room(id)
    }

    fn handle_bytes(&mut self, now: Instant, id: SocketId, bytes: &mut [u8]) {
        self.counters.reads += 1;
        self.counters.bytes_read += bytes.len() as u64;
        self.machine.handle_bytes(now, id, bytes.len());
        self.machine.drain(now, bytes);
        self.obey(now);
    }

    fn collect_wanting(&mut self) {
        Self::collect_wanting(self);
    }

    fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize) {
        self.machine.poll_transmit(now, id, out, limit);
    }

    fn handle_written(&mut self, now: Instant, id: SocketId, len: usize) {
        self.counters.writes += 1;
        self.counters.bytes_written += len as u64;
        self.machine.handle_written(now, id);
        self.obey(now);
    }
}
