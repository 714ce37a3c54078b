//! From the protocol down: who wants to write, and the bytes.

use crate::border::Request;
use crate::channel::Event;
use crate::connection::Stage;
use crate::pool::Pool;
use crate::session::Session;
use mainstay_base::{Instant, SocketId};

/// What TLS may add to the plaintext of one call: a header and a tag per record of 16 KiB, with
/// TLS 1.2 an explicit nonce (RFC 8446 §5.2, RFC 5288 §3); for at most `limit` bytes.
const fn sealed_overhead(limit: usize) -> usize {
    (limit / 16_384 + 1) * 64
}

impl Pool {
    /// A socket that wants to write, each once until polled.
    pub fn poll_wanting(&mut self) -> Option<SocketId> {
        self.settle_rest();
        let id = self.wanting.pop_front()?;
        if let Some(socket) = self.sockets.get_mut(id.0 as usize) {
            socket.wanting = false;
        }
        Some(id)
    }

    /// Appends at most about `limit` bytes for this socket; nothing when it has none.
    ///
    /// A `limit` below 512 lets nothing out that TLS must wrap: it yields nothing and loses nothing.
    pub fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize) {
        let Some(at) = self.owner(id) else { return };
        let Some(connection) = self.connections.get_mut(at) else { return };
        if connection.is_dry() {
            return;
        }
        let end = out.len().saturating_add(limit);
        connection.stack.poll_transmit(now, out, limit);
        if connection.stack.is_up() {
            let room = end.saturating_sub(out.len());
            if connection.stack.is_transparent() {
                connection.session.poll_transmit(now, out, room, &mut self.queue);
            } else {
                let room = room.saturating_sub(sealed_overhead(room));
                connection.session.poll_transmit(now, &mut self.scratch, room, &mut self.queue);
                if !self.scratch.is_empty() {
                    connection.stack.seal(now, &self.scratch, out);
                    self.scratch.clear();
                }
            }
        }
        if !self.is_paused(at) {
            self.wake(at);
        }
        self.offer(at);
        self.finish_output(now, at);
        self.settle_later(now, at);
    }

    /// Everything polled for this socket so far was handed to the kernel.
    pub fn handle_written(&mut self, now: Instant, id: SocketId) {
        let Some(at) = self.owner(id) else { return };
        if let Some(connection) = self.connections.get_mut(at) {
            connection.session.handle_written(now, &mut self.queue);
        }
        self.settle_later(now, at);
    }

    /// Tells members that waited for room that there is some.
    pub(crate) fn offer(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        for member in connection.members.iter() {
            let Some(Some(place)) = self.channels.get_mut(member.0 as usize) else { continue };
            if place.want_tx && connection.session.room(member) > 0 {
                place.want_tx = false;
                self.queue.event(member, Event::Writable);
            }
        }
    }

    /// The end of output: half close for raw, close for a connection nobody needs.
    pub(crate) fn finish_output(&mut self, now: Instant, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        if connection.wants_transmit() {
            return;
        }
        match (&connection.stage, &mut connection.session) {
            (Stage::Closing, _) => self.retire(at, false),
            (Stage::Open, Session::Raw(session)) if session.is_finishing() => {
                // close_notify first; FIN once that has left too.
                if session.notify_once() {
                    connection.stack.finish(now);
                }
                if !connection.stack.wants_transmit() && session.fin_once() {
                    self.requests.extend(connection.socket.map(Request::Finish));
                }
            }
            (Stage::Rising(_) | Stage::Open, _) => {}
        }
    }

    /// Puts a connection with output on the list, once.
    pub(crate) fn want_write(&mut self, at: usize) {
        let Some(connection) = self.connections.get(at) else { return };
        let Some(id) = connection.socket else { return };
        if !connection.wants_transmit() && !matches!(connection.stage, Stage::Closing) {
            return;
        }
        if let Some(socket) = self.sockets.get_mut(id.0 as usize)
            && !socket.wanting
        {
            socket.wanting = true;
            self.wanting.push_back(id);
        }
    }
}
