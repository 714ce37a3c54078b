//! Output: one write per connection and turn, and nothing polled that cannot be written.

use super::Driver;
use crate::machine::Machine;
use crate::socket::{self, Pending, Phase};
use crate::table::Key;
use mainstay_base::{Errno, Instant, SocketId};

impl<M: Machine> Driver<M> {
    /// Queues the sockets that the machine has bytes for.
    pub(super) fn collect_wanting(&mut self) {
        while let Some(id) = self.machine.poll_wanting() {
            if self.own.as_deref_mut().is_some_and(|own| own.connections.want(id)) {
                continue;
            }
            let Some(slot) = self.sockets.find(id).and_then(|key| self.sockets.get_mut(key)) else {
                continue;
            };
            slot.wants = true;
            // A connecting socket is queued when it is open, a blocked one when it is written.
            if slot.phase == Phase::Open && slot.pending.is_none() {
                self.queues.write(slot);
            }
        }
    }

    /// Serves each writer once.
    pub(super) fn write_all(&mut self, now: Instant) {
        for _ in 0..self.queues.writers.len() {
            let Some(key) = self.queues.writers.pop_front() else { return };
            let Some(slot) = self.sockets.get_mut(key) else { continue };
            slot.write_queued = false;
            let (phase, blocked) = (slot.phase, slot.pending.is_some());
            match phase {
                Phase::Connecting => {}
                Phase::Lingering => self.write_last(key),
                Phase::Open if blocked => self.write_pending(now, key),
                Phase::Open => self.write_new(now, key),
            }
            self.obey(now);
        }
    }

    /// Polls the machine and writes; keeps what the kernel does not take.
    fn write_new(&mut self, now: Instant, key: Key) {
        let Some(slot) = self.sockets.get(key) else { return };
        if slot.finished || slot.fault.is_some() {
            return;
        }
        let dry = self.poll_bytes(now, slot.id);
        let Some(slot) = self.sockets.get_mut(key) else { return };
        slot.wants = !dry;
        if !self.output.is_empty() {
            self.counters.writes += 1;
            let len = match socket::write(&slot.fd, &self.output) {
                Ok(len) => len,
                Err(errno) => return self.fail(now, key, errno),
            };
            self.counters.bytes_written += len as u64;
            if let Some(rest) = self.output.get(len..).filter(|rest| !rest.is_empty()) {
                slot.pending = Some(Pending::new(rest));
                return self.watch_writable(key, true);
            }
            let id = slot.id;
            self.machine.handle_written(now, id);
        }
        self.after_dry(key, dry);
    }

    /// Fills the send buffer; true if `id` has no more.
    fn poll_bytes(&mut self, now: Instant, id: SocketId) -> bool {
        self.output.clear();
        loop {
            let len = self.output.len();
            if len >= self.limits.send_max {
                return false;
            }
            self.machine.poll_transmit(now, id, &mut self.output, self.limits.send_max - len);
            if self.output.len() == len {
                return true;
            }
        }
    }

    /// Writes what the kernel refused before.
    fn write_pending(&mut self, now: Instant, key: Key) {
        match self.push_pending(key) {
            Err(errno) => self.fail(now, key, errno),
            Ok(false) => {}
            Ok(true) => {
                self.watch_writable(key, false);
                let Some(slot) = self.sockets.get_mut(key) else { return };
                if slot.wants || slot.finishing {
                    self.queues.write(slot);
                }
                let id = slot.id;
                self.machine.handle_written(now, id);
            }
        }
    }

    /// Writes the last bytes of a closed socket; then, or when they cannot be written, it goes.
    fn write_last(&mut self, key: Key) {
        match self.push_pending(key) {
            Ok(false) => {}
            Ok(true) | Err(_) => drop(self.sockets.remove(key)),
        }
    }

    /// One write of pending bytes; true when none are left.
    fn push_pending(&mut self, key: Key) -> Result<bool, Errno> {
        let Some(slot) = self.sockets.get_mut(key) else { return Ok(false) };
        let Some(pending) = slot.pending.as_mut() else { return Ok(true) };
        self.counters.writes += 1;
        let len = socket::write(&slot.fd, pending.rest())?;
        self.counters.bytes_written += len as u64;
        let over = pending.advance(len);
        if over {
            slot.pending = None;
        }
        Ok(over)
    }

    /// All that was polled is written: more in the next turn, or the half close that waited.
    fn after_dry(&mut self, key: Key, dry: bool) {
        let Some(slot) = self.sockets.get_mut(key) else { return };
        if !dry {
            return self.queues.write(slot);
        }
        if slot.finishing && !slot.finished {
            slot.finished = true;
            slot.shut();
        }
    }

    /// Writing ended badly. What the peer sent before it went is still to be read, and may say
    /// why (an early response, an alert), so the loss is told after the last of it.
    fn fail(&mut self, now: Instant, key: Key, errno: Errno) {
        let Some(slot) = self.sockets.get_mut(key) else { return };
        slot.fault = Some(errno);
        slot.pending = None;
        slot.wants = false;
        if slot.input_over {
            return self.lose(now, key, errno);
        }
        slot.readable = true;
        self.queues.read(slot);
    }
}
