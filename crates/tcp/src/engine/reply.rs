//! Segments without a connection: resets, and answers for connections that are no more or not yet (TCP-064, TCP-110).

use crate::prf::Tuple;
use crate::seq::Seq;
use mainstay_wire::tcp::{Flags, Header, Options, Timestamps};

/// So many wait at most. chosen: one turn of the loop answers them all
const REPLIES_MAX: usize = 8;

/// One segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) tuple: Tuple,
    pub(super) sequence: Seq,
    pub(super) acknowledgment: Option<Seq>,
    pub(super) flags: Flags,
    pub(super) window: u16,
    pub(super) timestamps: Option<Timestamps>,
    pub(super) offer: Option<Offer>,
}

/// What a SYN-ACK offers beside timestamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) mss: u16,
    pub(super) window_scale: Option<u8>,
    pub(super) sack: bool,
}

impl Reply {
    /// A reset, with or without an acknowledgement (RFC 9293 §3.5.2).
    #[cfg_attr(target_os = "none", inline)]
    pub(super) fn reset(tuple: &Tuple, sequence: Seq, acknowledgment: Option<Seq>) -> Self {
        Self { flags: Flags::RST, acknowledgment, ..Self::acknowledge(tuple, sequence, Seq(0)) }
    }

    /// An acknowledgement alone, with no window worth mentioning.
    pub(super) const fn acknowledge(tuple: &Tuple, sequence: Seq, acknowledgment: Seq) -> Self {
        Self {
            tuple: *tuple,
            sequence,
            acknowledgment: Some(acknowledgment),
            flags: Flags::NONE,
            window: 0,
            timestamps: None,
            offer: None,
        }
    }

    pub(super) fn header(&self) -> Header {
        let ack = if self.acknowledgment.is_some() { Flags::ACK } else { Flags::NONE };
        let mut options = Options { timestamps: self.timestamps, ..Options::default() };
        if let Some(offer) = self.offer {
            options.mss = Some(offer.mss);
            options.window_scale = offer.window_scale;
            options.sack_permitted = offer.sack;
        }
        Header {
            source: self.tuple.local.port,
            destination: self.tuple.peer.port,
            sequence: self.sequence.0,
            acknowledgment: self.acknowledgment.map_or(0, |ack| ack.0),
            flags: self.flags | ack,
            window: self.window,
            urgent: 0,
            options,
        }
    }
}

/// Those that wait.
#[derive(Debug)]
pub(super) struct Replies<const N: usize = REPLIES_MAX> {
    items: [Option<Reply>; N],
    head: usize,
    len: usize,
}

impl<const N: usize> Default for Replies<N> {
    fn default() -> Self {
        Self { items: [None; N], head: 0, len: 0 }
    }
}

impl<const N: usize> Replies<N> {
    pub(super) const fn is_full(&self) -> bool {
        self.len == N
    }

    /// Whether there was room.
    pub(super) fn push(&mut self, reply: Reply) -> bool {
        if self.len == N {
            return false;
        }
        self.items[(self.head + self.len) % N] = Some(reply);
        self.len += 1;
        true
    }

    /// Puts back what was taken last; it is lost if there is no room any more.
    pub(super) fn put_back(&mut self, reply: Reply) {
        if self.len < N {
            self.head = (self.head + N - 1) % N;
            self.items[self.head] = Some(reply);
            self.len += 1;
        }
    }

    #[cfg_attr(target_os = "none", inline)]
    pub(super) fn pop(&mut self) -> Option<Reply> {
        if self.len == 0 {
            return None;
        }
        let reply = self.items[self.head].take();
        self.head = (self.head + 1) % N;
        self.len -= 1;
        reply
    }
}
