//! What both sides of Fast Open remember (RFC 7413): what a client knows of servers, how a server knows its clients.
//!
//! When data goes into a SYN and what happens when it is not taken is the connection's business.

mod client;
mod server;

pub use client::{ClientCache, Plan, Server};
pub use server::{Check, ServerCookies};
