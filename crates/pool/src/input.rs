//! From the transport up: one unit at a time through the layers and the protocol.

use crate::border::Request;
use crate::connection::{Connection, End, Held, Stage, Step};
use crate::pool::Pool;
use crate::race::Lost;
use core::ops::Range;
use mainstay_base::{Errno, Instant, Reason, SocketId};

/// The input being worked through.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) connection: usize,
    /// What is left of the announced bytes.
    rest: Range<usize>,
    /// The unit whose plaintext is being taken.
    unit: Range<usize>,
}

impl Pool {
    /// A socket asked for by `OpenTcp` or `OpenUnix` is there, or is not.
    pub fn handle_opened(&mut self, now: Instant, id: SocketId, result: Result<(), Errno>) {
        let Some(at) = self.owner(id) else { return };
        let Some(Connection { stage: Stage::Rising(rising), .. }) = self.connections.get_mut(at)
        else {
            return;
        };
        if let Err(errno) = result {
            let Step::Racing(race) = &mut rising.step else { return };
            let lost = race.lost(now, id, Reason::from(errno));
            self.free_socket(id, Request::Close(id));
            match lost {
                Lost::GoesOn => self.attempt(now, at),
                Lost::Over(reason) => self.fail(now, at, reason),
            }
            return;
        }
        let Step::Racing(race) = core::mem::replace(&mut rising.step, Step::Negotiating) else {
            return;
        };
        for loser in race.won(id) {
            self.free_socket(loser, Request::Abort(loser));
        }
        if let Some(connection) = self.connections.get_mut(at) {
            connection.socket = Some(id);
            connection.stack.handle_opened(now);
        }
        self.settle(now, at);
    }

    /// How many bytes may be read from this socket now; 0 while its reader sleeps.
    #[must_use]
    pub fn read_room(&self, id: SocketId) -> usize {
        let Some(at) = self.owner(id) else { return 0 };
        let held = self.connections.get(at).is_none_or(|connection| connection.held.is_some());
        if held || self.is_paused(at) { 0 } else { self.config.read_max }
    }

    /// `len` bytes of this socket lie at the front of the slice given to the next calls of
    /// `next`, which takes them all before it returns `None`.
    pub fn handle_bytes(&mut self, id: SocketId, len: usize) {
        if let Some(connection) = self.owner(id) {
            self.current = Some(Current { connection, rest: 0..len, unit: 0..0 });
        }
    }

    /// The peer ended its direction, after everything it sent was handed in.
    pub fn handle_eof(&mut self, now: Instant, id: SocketId) {
        let Some(at) = self.owner(id) else { return };
        self.end_input(now, at, End::Eof);
    }

    /// The socket is lost.
    pub fn handle_lost(&mut self, now: Instant, id: SocketId, errno: Errno) {
        let Some(at) = self.owner(id) else { return };
        if self.connections.get(at).is_some_and(|connection| connection.socket != Some(id)) {
            return self.handle_opened(now, id, Err(errno));
        }
        self.end_input(now, at, End::Lost(Reason::from(errno)));
    }

    fn end_input(&mut self, now: Instant, at: usize, end: End) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Some(held) = &mut connection.held {
            held.end = Some(end);
            return;
        }
        match end {
            End::Eof => {
                // The stack tells of it in its order, with layers or without.
                connection.stack.handle_eof(now);
                self.settle(now, at);
            }
            End::Lost(reason) => self.fail(now, at, reason),
        }
    }

    /// One unit of the current input, or of what a sleeper left. Whether there was any.
    pub(crate) fn step(&mut self, now: Instant, input: &mut [u8]) -> bool {
        if let Some(current) = self.current.take() {
            self.queue.set_base(input);
            self.current = self.take_unit(now, input, current);
            return true;
        }
        self.queue.clear_base();
        let Some(at) = self.ready.pop_front() else { return false };
        self.replay(now, at);
        true
    }

    /// Takes a unit from the driver's input; what is left of it, if anything.
    fn take_unit(
        &mut self,
        now: Instant,
        input: &mut [u8],
        mut current: Current,
    ) -> Option<Current> {
        let at = current.connection;
        let paused = self.is_paused(at);
        let connection = self.connections.get_mut(at)?;
        if paused {
            let unit = input.get_mut(current.unit).unwrap_or_default();
            let plain = connection.stack.plain(unit);
            let mut held = Held { plain: plain.to_vec(), ..Held::default() };
            let len = plain.len();
            connection.stack.consume(len);
            held.raw = input.get(current.rest).unwrap_or_default().to_vec();
            if !held.plain.is_empty() || !held.raw.is_empty() {
                connection.held = Some(Box::new(held));
            }
            return None;
        }
        if connection.stack.is_transparent() {
            let rest = input.get_mut(current.rest.clone()).filter(|rest| !rest.is_empty())?;
            let taken = connection.session.handle_input(now, rest, &mut self.queue);
            if taken == 0 && connection.session.wants_transmit() {
                let raw = rest.to_vec();
                connection.held = Some(Box::new(Held { raw, ..Held::default() }));
            }
            current.rest.start += taken;
            self.settle_later(now, at);
            return (taken > 0).then_some(current);
        }
        let unit = input.get_mut(current.unit.clone()).unwrap_or_default();
        let plain = connection.stack.plain(unit);
        if !plain.is_empty() {
            let taken = connection.session.handle_input(now, plain, &mut self.queue);
            if taken == 0 && connection.session.wants_transmit() {
                let plain = plain.to_vec();
                connection.stack.consume(plain.len());
                let raw = input.get(current.rest).unwrap_or_default().to_vec();
                connection.held = Some(Box::new(Held { plain, raw, end: None }));
                self.settle(now, at);
                return None;
            }
            // A session that takes nothing is over: what follows is of no use to anyone.
            let used = if taken == 0 { plain.len() } else { taken };
            connection.stack.consume(used);
            self.settle_later(now, at);
            return Some(current);
        }
        let rest = input.get_mut(current.rest.clone()).filter(|rest| !rest.is_empty())?;
        let taken = connection.stack.handle_input(now, rest);
        current.unit = current.rest.start..current.rest.start + taken;
        current.rest.start += taken;
        self.settle_later(now, at);
        (taken > 0).then_some(current)
    }

    /// Takes a unit of what was held while the reader slept.
    fn replay(&mut self, now: Instant, at: usize) {
        if self.is_paused(at) {
            return;
        }
        let Some(connection) = self.connections.get_mut(at) else { return };
        let Some(mut held) = connection.held.take() else { return };
        if held.plain.is_empty() && connection.stack.is_transparent() {
            held.plain = core::mem::take(&mut held.raw);
        }
        let taken = if held.plain.is_empty() {
            let taken = connection.stack.handle_input(now, &mut held.raw);
            let unit = held.raw.get_mut(..taken).unwrap_or_default();
            let plain = connection.stack.plain(unit);
            held.plain.extend_from_slice(plain);
            let len = plain.len();
            connection.stack.consume(len);
            held.raw.drain(..taken);
            taken
        } else {
            let taken = connection.session.handle_input(now, &mut held.plain, &mut self.queue);
            held.plain.drain(..taken);
            taken
        };
        // Its answers must leave before it takes more: `poll_transmit` wakes it.
        let stuck = taken == 0 && connection.session.wants_transmit();
        if (taken > 0 || stuck) && !(held.plain.is_empty() && held.raw.is_empty()) {
            connection.held = Some(held);
            if !stuck {
                self.ready.push_front(at);
            }
        } else {
            if let Some(end) = held.end {
                self.end_input(now, at, end);
            }
        }
        self.settle(now, at);
    }

    /// The reader of this connection woke up, or its answers have left.
    pub(crate) fn wake(&mut self, at: usize) {
        let Some(connection) = self.connections.get(at) else { return };
        if connection.held.is_some() && !self.ready.contains(&at) {
            self.ready.push_back(at);
        }
    }
}
