//! Input: a bounded share for each readable socket, and nothing read that has no room.
//!
//! The kernel tells of input once (edge-triggered), so whoever stops early keeps the bit: it goes
//! to the end of the queue of readers, or to the list of those that wait for room.

use super::Driver;
use crate::errno::from_number;
use crate::machine::Machine;
use crate::socket::Phase;
use crate::table::Key;
use mainstay_base::Instant;
use rustix::io::Errno as Number;

impl<M: Machine> Driver<M> {
    /// Serves each reader once; those that have more come again in the next turn.
    pub(super) fn read_all(&mut self, now: Instant) {
        for _ in 0..self.queues.readers.len() {
            let Some(key) = self.queues.readers.pop_front() else { return };
            if let Some(slot) = self.sockets.get_mut(key) {
                slot.read_queued = false;
                self.read(now, key);
            }
        }
    }

    /// Reads one socket until it is dry, has no room, or has had its share.
    fn read(&mut self, now: Instant, key: Key) {
        let mut share = self.limits.turn_max;
        // Each pass looks the socket up anew: the application may have ended it meanwhile.
        while let Some(slot) = self.sockets.get_mut(key) {
            if slot.input_over || slot.phase != Phase::Open {
                return;
            }
            if share == 0 {
                return self.queues.read(slot);
            }
            let room = self.machine.room(slot.id).min(share).min(self.input.len());
            if room == 0 {
                slot.paused = true;
                return self.queues.paused.push(key);
            }
            let Some(space) = self.input.get_mut(..room) else { return };
            self.counters.reads += 1;
            match rustix::io::read(&slot.fd, space) {
                Ok(0) => return self.end_input(now, key),
                Ok(len) => {
                    share -= len;
                    // A short read is a dry socket. Not if its end has come: of that there is no
                    // second edge.
                    slot.readable = slot.ending || len == room;
                    let dry = !slot.readable;
                    self.hand_over(now, key, len);
                    if dry {
                        return;
                    }
                }
                Err(Number::INTR) => {}
                Err(Number::AGAIN) => {
                    slot.readable = false;
                    slot.ending = false;
                    if let Some(errno) = slot.fault {
                        self.lose(now, key, errno);
                    }
                    return;
                }
                Err(number) => {
                    let errno = slot.fault.unwrap_or_else(|| from_number(number));
                    return self.lose(now, key, errno);
                }
            }
        }
    }

    /// Gives the machine the first `len` bytes of the receive buffer.
    fn hand_over(&mut self, now: Instant, key: Key, len: usize) {
        let Some(slot) = self.sockets.get(key) else { return };
        self.counters.bytes_read += len as u64;
        self.machine.handle_bytes(now, slot.id, len);
        self.machine.drain(now, self.input.get_mut(..len).unwrap_or_default());
        self.obey(now);
    }

    /// The end of input: orderly, or what is left of a connection that writing found dead.
    fn end_input(&mut self, now: Instant, key: Key) {
        let Some(slot) = self.sockets.get_mut(key) else { return };
        if let Some(errno) = slot.fault {
            return self.lose(now, key, errno);
        }
        slot.readable = false;
        slot.input_over = true;
        let id = slot.id;
        self.machine.handle_eof(now, id);
        self.obey(now);
    }

    /// Puts those back among the readers that have room again.
    pub(super) fn resume(&mut self) {
        let Self { machine, sockets, queues, .. } = self;
        let mut paused = core::mem::take(&mut queues.paused);
        paused.retain(|key| {
            let Some(slot) = sockets.get_mut(*key).filter(|slot| slot.phase == Phase::Open) else {
                return false;
            };
            if machine.room(slot.id) == 0 {
                return true;
            }
            slot.paused = false;
            queues.read(slot);
            false
        });
        queues.paused = paused;
    }
}
