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
//! | `memory.rs` | a transport without a network, for tests and `sim` |
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

// Deferred LAY-165: the asynchronous face stands above the driver, in the crate users add
// Deferred LAY-167: the asynchronous face stands above the driver, in the crate users add
// Deferred LAY-168: the asynchronous face stands above the driver, in the crate users add
// Deferred LAY-169: the asynchronous face stands above the driver, in the crate users add
// Deferred LAY-171: the context of the asynchronous face; here clock and randomness are arguments
// Deferred LAY-172: addresses, MSS, credentials and timings are known to the driver, not to a stack
// Deferred LAY-173: options reach sockets, which only the driver has
// Deferred LAY-176: vectored writes need the asynchronous face
// Deferred LAY-180: the error of the asynchronous face; reason, phase and refusal are there already
// Deferred LAY-181: dropping futures needs the asynchronous face
// Deferred LAY-183: concurrent negotiation is the listener's, which holds many stacks
// Deferred LAY-184: the cap on pending negotiations is the listener's, which holds many stacks
// Deferred LAY-185: halves need the asynchronous face
// Deferred LAY-194: proxies from environment variables; nothing below the command reads any
// Deferred LAY-198: third-party layers; the boxed custom variant of the layer enumeration is not there yet
// Deferred LAY-206: listeners in JSON; `tls::ServerOptions` has the parameters, nothing builds them from a policy yet
// Deferred LAY-219: bases from outside need the boxed custom variant

mod error;
mod http_connect;
pub mod limits;
pub mod memory;
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
