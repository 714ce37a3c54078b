//! Streams by name; a policy says the rest.
//!
//! An application names a *streamtype* and moves payloads. Where the peer is, which protocol is
//! spoken, whom to trust, how often to retry and through which proxy stands in a JSON policy.
//!
//! Three ways to use a stream:
//! - a [`Handler`] called in the loop: the fastest face, see [`Device::create`];
//! - an async handle under any executor: [`Device::open`] or [`Remote::open`], then [`Stream`];
//! - the same handle, blocking: [`Stream::blocking`].
//!
//! Three ways to run a device:
//! - on the caller's thread: [`Device::turn`];
//! - on a thread of its own: [`Builder::spawn`];
//! - inside any executor: a [`Device`] lends its epoll descriptor ([`std::os::fd::AsFd`]) and says
//!   its [`Device::deadline`]; when either is due, `turn(Some(Duration::ZERO))`.

#![forbid(unsafe_code)]

mod builder;
pub mod command;
mod device;
mod explain;
mod handler;
mod machine;
mod queue;
mod remote;
mod router;
mod stream;

pub use builder::{BuildError, Builder};
pub use device::{Canceller, Device};
pub use explain::{Explanation, Unexplained, explain};
pub use handler::{Context, Handler, Tx};
pub use mainstay_base::{
    Certificate, Instant, Local, Network, Outcome, Peer, Phase, Policy as PolicyReason, Reason,
};
pub use mainstay_host::Waker;
pub use mainstay_node::StreamId;
pub use mainstay_policy as policy;
pub use mainstay_policy::{Policy, State};
pub use mainstay_stream::{Answer, Blobs, Counters, CreateError, Flags, Misuse, PayloadId};
pub use remote::Remote;
pub use stream::{Blocking, Chunk, Closed, Stream, Ticket};
