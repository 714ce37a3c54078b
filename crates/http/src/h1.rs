//! HTTP/1.1 (RFC 9112): a client that keeps its connection, and the server that tests and worlds need.
//!
//! Owns heads, framing of bodies and keep-alive. Parsing of heads is `httparse`'s.
//! Absent on purpose: pipelining, tunnels, upgrades (see [`crate::ws`]), content codings, trailers
//! (they are checked for size and dropped).

mod body;
mod client;
mod encode;
mod head;
mod link;
mod server;

pub use client::Client;
pub use server::{Asked, Server};

pub(crate) use encode::{check_headers, check_target, host, response_head, write_headers};
pub(crate) use head::{HeadBuffer, Taken, parse_request, parse_response};

use crate::Response;
use crate::limits::{HEAD_MAX, HEADERS_MAX, SEND_MAX};
use mainstay_base::Reason;

/// Limits of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of a head, and of a trailer section. Default 16 KiB.
    pub head_max: usize,
    /// Header fields of a head; at most 128. Default 100.
    pub headers_max: usize,
    /// Bytes queued before `room().down` is 0. Default 16 KiB.
    pub send_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { head_max: HEAD_MAX, headers_max: HEADERS_MAX, send_max: SEND_MAX }
    }
}

/// What happened to a client's transaction.
#[derive(Debug)]
pub enum Event {
    /// The body that waited for it (`Expect: 100-continue`) may be sent now.
    Continue,
    /// The final response's head.
    Head(Box<Response>),
    /// The response is over; `is_reusable` says whether the connection may serve another.
    Complete,
    /// The connection is over, and why.
    Failed(Reason),
}

/// A slice of body, lent from the caller's receive buffer.
#[derive(Debug)]
pub struct Payload<'b> {
    /// The bytes; never empty.
    pub bytes: &'b mut [u8],
}
