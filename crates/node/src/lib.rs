//! One whole device as one value.

#![forbid(unsafe_code)]

mod border;

pub use border::{Opened, Request, ResolveId, Resolved, SocketOptions, UnixAddress};
