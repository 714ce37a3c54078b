//! Layered connections: TLS and proxies stacked on a transport somebody else owns.
//!
//! A [`StackSpec`] says what is stacked; [`StackSpec::transport`] says where the base must
//! connect; a [`Stack`] then turns the transport's bytes into payload and back. It opens nothing:
//! the driver does.
//!
//! | file | concern |
//! |---|---|
//! | `spec.rs`, `spec/` | what is stacked: values, JSON, rules, one line of text |
//! | `registry.rs` | what the names in a specification stand for |
//! | `stack.rs` | one connection: climbing up, then bytes both ways |
//! | `server.rs`, `server/` | proxies, the proxy's side, for tests |
//! | `tunnel.rs`, `http_connect.rs`, `socks5.rs` | proxies, the client's side |
//!
//! # Composition
//! Static and dynamic composition meet in one type: `stack(base).layer(..).layer(..)` is checked
//! by the compiler and yields the same [`StackSpec`] as the JSON form, and both run in the same
//! [`Stack`], an enumeration of layers and no tower of generics (decision 4 of the design).
//! A tunnel leaves the stack when it is open: what remains costs nothing.
//!
//! # Absent on purpose
//! Asynchronous faces (LAY-165 to LAY-169): they belong above the driver. Early data. Layers that
//! are not listed.

#![forbid(unsafe_code)]

mod error;
mod http_connect;
pub mod limits;
mod registry;
pub mod server;
mod socks5;
pub mod spec;
mod stack;
mod target;
mod tunnel;

pub use error::{SpecFault, SpecFaultKind, is_retryable};
pub use registry::Registry;
pub use spec::{
    BaseSpec, HttpConnectSpec, IdentitySpec, LayerSpec, MemSpec, OsTcpSpec, Proxy, Resolve, Secret,
    Socks5Spec, StackBuilder, StackSpec, TlsSpec, TrustSpec, UnixSpec, stack,
};
pub use stack::{ConnInfo, Event, Stack};
pub use target::{Target, Transport};
pub use tunnel::{ProxyRefusal, Via, ViaAnswer};
