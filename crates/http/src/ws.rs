//! WebSocket (RFC 6455): the opening handshake, framing and the closing handshake, both sides.
//!
//! Payload goes up in slices as it comes, whatever the size of its frame: nothing is reassembled,
//! and only a control frame that comes in pieces is held (125 bytes).
//! Absent on purpose: limits on the size of messages (nothing is buffered), reconnecting.

// Deferred SS-546: permessage-deflate (RFC 7692) is neither offered nor accepted yet; automatic pongs are done.

mod client;
mod close;
mod control;
mod frame;
mod handshake;
mod receive;
mod server;
mod session;
mod text;
mod transmit;

pub use client::Client;
pub use server::Server;

use crate::Response;
use crate::limits::{CLOSE_WAIT, HEAD_MAX, HEADERS_MAX, SEND_MAX};
use core::time::Duration;
use mainstay_base::Reason;

/// Limits of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of the opening handshake's head. Default 16 KiB.
    pub head_max: usize,
    /// Header fields of that head; at most 128. Default 100.
    pub headers_max: usize,
    /// Bytes queued before `room().down` is 0. Default 16 KiB.
    pub send_max: usize,
    /// How long the closing handshake may take. Default 5 s.
    pub close_wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            head_max: HEAD_MAX,
            headers_max: HEADERS_MAX,
            send_max: SEND_MAX,
            close_wait: CLOSE_WAIT,
        }
    }
}

/// How a piece of a message that is sent stands in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// It begins the message.
    pub start: bool,
    /// It ends the message.
    pub end: bool,
    /// The message is binary, not text; looked at with `start`. Text must be UTF-8, or the peer ends the connection.
    pub binary: bool,
    /// The caller's number of the message, growing; looked at with `end`.
    pub tag: u64,
}

/// What happened to a connection.
#[derive(Debug)]
pub enum Event {
    /// The server switched; its head is here.
    Accepted(Box<Response>),
    /// The server answered something else than 101; the connection is over.
    Refused(Box<Response>),
    /// One or more pongs came.
    Pong,
    /// This message, and all queued before it, left for the kernel wholly.
    SentThrough(u64),
    /// The peer began to close; the answer is queued.
    PeerClosing {
        /// Its code, if it gave one.
        code: Option<u16>,
    },
    /// Both sides closed; the connection is over.
    Closed,
    /// The connection is over, and why. A close frame that says so may be queued.
    Failed(Reason),
}

/// A slice of a message, lent from the caller's receive buffer.
#[derive(Debug)]
pub struct Payload<'b> {
    /// The bytes, unmasked; empty only when the message or its end is.
    pub bytes: &'b mut [u8],
    /// The message begins here.
    pub start: bool,
    /// The message ends here.
    pub end: bool,
    /// The message is binary, not text.
    pub binary: bool,
}
