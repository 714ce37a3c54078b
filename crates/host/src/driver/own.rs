//! Connections of our own stack, served like sockets: the same order, the same shares, the same buffers.

use super::Driver;
use crate::limits::SETTLE_MAX;
use crate::machine::Machine;
use crate::own::{Fact, Own, send_all};
use mainstay_base::{Instant, SocketId};
use mainstay_net::network::Network;
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
    pub fn set_own(&mut self, own: Own) -> io::Result<()> {
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
                match wire.receive(now, &mut own.network, |_| {}) {
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
            && own.network.poll_timeout().is_some_and(|at| at <= now)
        {
            own.network.handle_timeout(now);
        }
    }

    /// Tells facts, moves bytes both ways and sends frames, until there is nothing to do or the turn has had its share.
    pub(super) fn serve_own(&mut self, now: Instant) {
        if self.own.is_none() {
            return;
        }
        for _ in 0..SETTLE_MAX {
            let mut busy = self.tell_facts(now);
            busy |= self.read_own(now);
            self.collect_wanting();
            busy |= self.write_own(now);
            self.send_frames(now);
            if !busy {
                return;
            }
            self.deliver(now);
        }
        self.more = true;
    }

    fn tell_facts(&mut self, now: Instant) -> bool {
        let mut told = false;
        while let Some(fact) = self.own.as_deref_mut().and_then(|own| own.poll_fact(now)) {
            told = true;
            match fact {
                Fact::Opened(id, outcome) => {
                    match outcome {
                        Ok(_) => self.counters.opened += 1,
                        Err(_) => self.counters.failed += 1,
                    }
                    self.machine.handle_opened(now, id, outcome);
                }
                Fact::Lost(id, errno) => {
                    self.counters.lost += 1;
                    self.machine.handle_lost(now, id, errno);
                }
            }
            self.obey(now);
        }
        told
    }

    fn read_own(&mut self, now: Instant) -> bool {
        let count = self.own.as_deref().map_or(0, |own| own.readers.len());
        for _ in 0..count {
            let Some(own) = self.own.as_deref_mut() else { break };
            let Some(id) = own.readers.pop_front() else { break };
            if let Some(conn) = own.get_mut(id) {
                conn.read_queued = false;
                self.read_conn(now, id);
            }
        }
        count > 0
    }

    /// Reads one connection until it is dry, has no room, or has had its share.
    fn read_conn(&mut self, now: Instant, id: SocketId) {
        let mut share = self.limits.turn_max;
        loop {
            let Some(own) = self.own.as_deref_mut() else { return };
            let Some(conn) = own.get(id).filter(|conn| !conn.input_over) else { return };
            let handle = conn.handle;
            if share == 0 {
                return own.queue_reader(id);
            }
            let room = self.machine.room(id).min(share).min(self.input.len());
            if room == 0 {
                return own.paused.push(id);
            }
            let space = self.input.get_mut(..room).unwrap_or_default();
            let Some(mut live) = own.network.at(now, handle) else { return };
            let len = live.read(space).unwrap_or(0);
            if len == 0 {
                if live.endpoint().is_some_and(mainstay_tcp::Endpoint::is_end_of_stream) {
                    if let Some(conn) = own.get_mut(id) {
                        conn.input_over = true;
                    }
                    self.machine.handle_eof(now, id);
                    self.obey(now);
                }
                return;
            }
            share -= len;
            self.counters.reads += 1;
            self.counters.bytes_read += len as u64;
            self.machine.handle_bytes(now, id, len);
            self.machine.drain(now, self.input.get_mut(..len).unwrap_or_default());
            self.obey(now);
        }
    }

    fn write_own(&mut self, now: Instant) -> bool {
        let count = self.own.as_deref().map_or(0, |own| own.writers.len());
        for _ in 0..count {
            let Some(own) = self.own.as_deref_mut() else { break };
            let Some(id) = own.writers.pop_front() else { break };
            if let Some(conn) = own.get_mut(id) {
                conn.write_queued = false;
                self.write_conn(now, id);
                self.obey(now);
            }
        }
        count > 0
    }

    /// Gives one connection what the machine has and there is room for.
    fn write_conn(&mut self, now: Instant, id: SocketId) {
        use mainstay_tcp::queue::CopyQueue as _;
        let Some(own) = self.own.as_deref_mut() else { return };
        let Some(conn) = own.get(id).filter(|conn| conn.is_open && !conn.finished) else { return };
        let handle = conn.handle;
        let Some(mut live) = own.network.at(now, handle) else { return };
        let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
        let limit = room.min(self.limits.send_max);
        if limit == 0 {
            return; // progress queues it again
        }
        self.output.clear();
        let mut dry = false;
        while self.output.len() < limit && !dry {
            let len = self.output.len();
            self.machine.poll_transmit(now, id, &mut self.output, limit - len);
            dry = self.output.len() == len;
        }
        if !self.output.is_empty() {
            self.counters.writes += 1;
            self.counters.bytes_written += self.output.len() as u64;
            // It fits; a connection that ended meanwhile says so by a fact.
            let _taken = live.write(&self.output, mainstay_tcp::Push::Now);
            self.machine.handle_written(now, id);
        }
        let Some(own) = self.own.as_deref_mut() else { return };
        let Some(conn) = own.get_mut(id) else { return };
        conn.wants = !dry;
        if !dry {
            return own.queue_writer(id);
        }
        if conn.finishing && !conn.finished {
            conn.finished = true;
            if let Some(mut live) = own.network.at(now, handle) {
                let _ended = live.finish();
            }
        }
    }

    fn send_frames(&mut self, now: Instant) {
        let Some(own) = self.own.as_deref_mut() else { return };
        let sent = send_all(now, &mut own.network, &mut own.wires, &mut self.frame, |_| {});
        if sent.is_err() {
            self.counters.lost += 1;
        }
    }

    /// Puts those back among the readers that have room again.
    pub(super) fn resume_own(&mut self) {
        let Some(own) = self.own.as_deref_mut() else { return };
        for id in core::mem::take(&mut own.paused) {
            if self.machine.room(id) > 0 {
                own.queue_reader(id);
                self.more = true;
            } else if own.get(id).is_some() {
                own.paused.push(id);
            }
        }
    }
}
