//! The proxy's side of tunnels, for tests: who asks for what, and any answer on demand.
//!
//! Negotiation only: once open, bytes are the relay's, which is whoever holds both connections.

mod connect;
mod socks5;

pub use connect::{ConnectRules, ConnectServer};
pub use socks5::{Socks5Rules, Socks5Server};

/// What a client asked for, allowed by the rules; answer it with `open` or `refuse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// DNS name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}
