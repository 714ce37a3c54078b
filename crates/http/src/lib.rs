//! HTTP/1, HTTP/2 and WebSocket as machines.
//!
//! - [`h1`]: one connection, one transaction at a time (RFC 9112).
//! - [`ws`]: WebSocket over any byte stream, its opening handshake included (RFC 6455).
//!
//! Absent on purpose: sockets, redirects, retries, cookies, reuse of connections, content codings.
//! What goes up is lent from the caller's receive buffer; what goes down is copied once.

#![forbid(unsafe_code)]

mod error;
mod limits;
mod output;
mod request;

pub mod h1;
pub mod ws;

pub use error::Misuse;
pub use http;
pub use request::{Body, Request, Response};
