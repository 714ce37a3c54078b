//! One whole device as one value: streams, the pool beneath them, the policy above, and the
//! border with whoever drives it.
//!
//! Out: [`Node::poll_request`], [`Node::poll_wanting`], [`Node::poll_transmit`]. In: the `handle_`
//! methods. Up: [`Node::next`], answered by [`Node::answer`]. One deadline: [`Node::poll_timeout`].
//!
//! Owns who exists and what moves between streams and the pool. Does not own a socket, a clock or
//! the application.

#![forbid(unsafe_code)]

mod apply;
mod commands;
mod node;
mod policy;
mod slots;
mod up;

pub use commands::Commands;
pub use mainstay_pool::{
    Config as PoolConfig, Opened, Request, ResolveId, Resolved, SocketOptions, UnixAddress,
};
pub use node::{Config, Node};
pub use policy::{Reload, ReplaceError};
pub use slots::StreamId;
pub use up::{Application, Up, drain};
