//! What the fuzz targets share: a machine, the bytes of its peer, and the laws.
//!
//! | file | concern |
//! |---|---|
//! | `program.rs` | an input read as steps: bytes that come, commands, time, an end |
//! | `machine.rs`, `adapter.rs` | what a byte machine looks like from here |
//! | `drive.rs`, `drive/`, `said.rs` | running a program, the laws, what the machine said meanwhile |
//! | `heap.rs` | how much memory is in use |
//! | `h1.rs`, `h2.rs`, `ws.rs`, `mqtt.rs`, `tls.rs`, `stack.rs` | the machines, clients all |
//! | `policy.rs` | a parser |
//! | `wire.rs` | the formats of link, network and transport |
//! | `tcp.rs`, `tcp/` | an endpoint, and a pair of them |
//! | `node.rs`, `node/` | a whole device |
//!
//! A target is one line in `targets/`. `cargo xtask fuzz` builds and runs them.

#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a panic is how a fuzz target says what it found")]

mod adapter;
mod drive;
mod heap;
mod machine;
mod program;
mod said;

pub mod h1;
pub mod h2;
pub mod mqtt;
pub mod node;
pub mod policy;
pub mod stack;
pub mod tcp;
pub mod tls;
pub mod wire;
pub mod ws;

pub use drive::run;
pub use machine::{Alike, Lent, Machine};
