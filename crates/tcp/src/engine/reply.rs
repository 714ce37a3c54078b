//! Segments without a connection: resets, and answers for connections that are no more (TCP-064, TCP-110).

use crate::prf::Tuple;
use crate::seq::Seq;
use mainstay_wire::tcp::{Flags, Header, Options};

/// So many wait at most. chosen: one turn of the loop answers them all
const REPLIES_MAX: usize = 8;

/// One segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) tuple: Tuple,
    sequence: Seq,
    acknowledgment: Option<Seq>,
    flags: Flags,
}

impl Reply {
    /// A reset, with or without an acknowledgement (RFC 9293 §3.5.2).
    pub(super) fn reset(tuple: Tuple, sequence: Seq, acknowledgment: Option<Seq>) -> Self {
        let ack = if acknowledgment.is_some() { Flags::ACK } else { Flags::NONE };
        Self { tuple, sequence, acknowledgment, flags: Flags::RST | ack }
    }

    pub(super) fn header(&self) -> Header {
        Header {
            source: self.tuple.local.port(),
            destination: self.tuple.peer.port(),
            sequence: self.sequence.0,
            acknowledgment: self.acknowledgment.map_or(0, |ack| ack.0),
            flags: self.flags,
            window: 0,
            urgent: 0,
            options: Options::default(),
        }
    }
}

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Replies {
    items: [Option<Reply>; REPLIES_MAX],
    head: usize,
    len: usize,
}

impl Replies {
    /// Whether there was room.
    pub(super) fn push(&mut self, reply: Reply) -> bool {
        if self.len == REPLIES_MAX {
            return false;
        }
        self.items[(self.head + self.len) % REPLIES_MAX] = Some(reply);
        self.len += 1;
        true
    }

    pub(super) fn pop(&mut self) -> Option<Reply> {
        if self.len == 0 {
            return None;
        }
        let reply = self.items[self.head].take();
        self.head = (self.head + 1) % REPLIES_MAX;
        self.len -= 1;
        reply
    }
}
