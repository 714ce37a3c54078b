//! The one loop between connections and the machine they are for: facts, reads, writes, in this order and each in its share.

use super::{Connections, Fact, SEND_ROOM_MIN};
use alloc::vec;
use alloc::vec::Vec;
use mainstay_base::{Instant, SocketId};

/// A driver that serves a machine. What the machine asks for in answer to a call (connect, finish, abort, close) is carried
/// out on [`connections`](Self::connections) before the call returns.
pub trait Border {
    /// The connections; `None` if there are none to serve.
    fn connections(&mut self) -> Option<&mut Connections>;

    /// A connection is open, or could not be, or died.
    fn handle_fact(&mut self, now: Instant, fact: Fact);

    /// The peer sends no more.
    fn handle_eof(&mut self, now: Instant, id: SocketId);

    /// How many bytes may be handed in now. Zero pauses reading until it is more.
    fn room(&self, id: SocketId) -> usize;

    /// Takes all of `bytes`, which are at most as many as there is room for.
    fn handle_bytes(&mut self, now: Instant, id: SocketId, bytes: &mut [u8]);

    /// Tells [`Connections::want`] of each connection that the machine has bytes for.
    fn collect_wanting(&mut self);

    /// Appends at most `limit` bytes for a connection; none when there are none.
    fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize);

    /// The last `len` bytes that were polled are in the hands of TCP.
    fn handle_written(&mut self, now: Instant, id: SocketId, len: usize);
}

/// Tells facts and moves bytes, each connection once; whether there was anything to do.
pub fn serve<B: Border>(border: &mut B, now: Instant) -> bool {
    let mut busy = tell_facts(border, now);
    busy |= read_all(border, now);
    border.collect_wanting();
    busy | write_all(border, now)
}

/// Puts those back among the readers that have room again; whether there were any.
pub fn resume<B: Border>(border: &mut B) -> bool {
    let mut some = false;
    let count = border.connections().map_or(0, |connections| connections.paused.len());
    for _ in 0..count {
        let Some(id) = border.connections().and_then(|all| all.paused.pop_front()) else { break };
        let room = border.room(id);
        let Some(connections) = border.connections() else { break };
        // One that is gone, or whose name another has by now, is forgotten.
        let Some(conn) = connections.conns.get_mut(&id).filter(|conn| conn.paused) else {
            continue;
        };
        if room == 0 {
            connections.paused.push_back(id);
        } else {
            conn.paused = false;
            connections.queue_reader(id);
            some = true;
        }
    }
    some
}

fn tell_facts<B: Border>(border: &mut B, now: Instant) -> bool {
    let mut told = false;
    while let Some(fact) = border.connections().and_then(|all| all.poll_fact(now)) {
        told = true;
        border.handle_fact(now, fact);
    }
    told
}

fn read_all<B: Border>(border: &mut B, now: Instant) -> bool {
    let count = border.connections().map_or(0, |connections| connections.readers.len());
    for _ in 0..count {
        let Some(id) = border.connections().and_then(Connections::next_reader) else { break };
        read(border, now, id);
    }
    count > 0
}

/// Reads one connection until it is dry, has no room, or has had its share.
fn read<B: Border>(border: &mut B, now: Instant, id: SocketId) {
    let Some(connections) = border.connections() else { return };
    let limits = connections.limits;
    let mut share = limits.turn_max;
    // Each pass looks it up anew: the machine may have ended it meanwhile.
    while border.connections().is_some_and(|connections| connections.is_readable(id)) {
        let room = border.room(id).min(share).min(limits.read_max);
        let Some(connections) = border.connections() else { return };
        if share == 0 {
            return connections.queue_reader(id);
        }
        if room == 0 {
            return connections.pause(id);
        }
        let mut input = core::mem::take(&mut connections.input);
        if input.is_empty() {
            input = vec![0; limits.read_max];
        }
        let space = input.get_mut(..room).unwrap_or_default();
        let read = connections.read(now, id, space);
        match read {
            Some(0) => border.handle_eof(now, id),
            Some(len) => {
                share -= len;
                border.handle_bytes(now, id, input.get_mut(..len).unwrap_or_default());
            }
            None => {}
        }
        if let Some(connections) = border.connections() {
            connections.input = input;
        }
        if read.is_none() {
            return;
        }
    }
}

fn write_all<B: Border>(border: &mut B, now: Instant) -> bool {
    let count = border.connections().map_or(0, |connections| connections.writers.len());
    for _ in 0..count {
        let Some(id) = border.connections().and_then(Connections::next_writer) else { break };
        write(border, now, id);
    }
    count > 0
}

/// Gives one connection what the machine has and there is room for.
fn write<B: Border>(border: &mut B, now: Instant, id: SocketId) {
    let Some(connections) = border.connections() else { return };
    let Some(limit) = connections.write_room(id) else { return }; // progress queues it again
    let mut output = core::mem::take(&mut connections.output);
    output.clear();
    let mut dry = false;
    while !dry && (output.is_empty() || limit.saturating_sub(output.len()) >= SEND_ROOM_MIN) {
        let len = output.len();
        border.poll_transmit(now, id, &mut output, limit.saturating_sub(len));
        dry = output.len() == len;
    }
    let len = output.len();
    if let Some(connections) = border.connections() {
        connections.write(now, id, &output);
        connections.output = output;
    }
    if len > 0 {
        border.handle_written(now, id, len);
    }
    if let Some(connections) = border.connections() {
        connections.wrote(now, id, dry);
    }
}
