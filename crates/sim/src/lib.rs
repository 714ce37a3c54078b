//! Worlds with virtual time, links and faults.
//!
//! A [`World`] holds devices (a `Node` and its application each), servers and the links between
//! them. It implements the border of `node` and nothing else; time passes only when nothing is
//! left to do. Everything random is drawn from the world's seed, so a run is repeated exactly.
//!
//! | file | concern |
//! |---|---|
//! | `world.rs`, `world/` | time, what happens when, who is told |
//! | `device.rs` | one node's turn: what a driver does, without sockets |
//! | `link.rs`, `pipe.rs` | one connection and its two directions |
//! | `own.rs`, `own/`, `device/own.rs` | a device with TCP of its own: frames over a bad link to a host with the servers |
//! | `faults.rs` | what may go wrong on a connection |
//! | `server.rs` | where something listens, and whether it can be reached |
//! | `peer.rs`, `peer/` | the other end: servers made from our server machines |
//! | `story.rs`, `story/` | an application that writes down what its streams do, and judges it |
//! | `swarm.rs`, `swarm/` | worlds drawn from a seed |
//! | `laws.rs`, `laws/` | the laws of the contract, as checkers for any machine |
//!
//! # Bytes or frames
//! By default connections carry bytes: what happens on them is decided per connection ([`Faults`]). With [`World::wire`] a
//! device has our own TCP/IP beneath its node, and what happens is decided per frame ([`Wiring`]).

#![forbid(unsafe_code)]

mod device;
mod faults;
pub mod fixture;
pub mod laws;
mod link;
mod own;
pub mod peer;
mod pipe;
mod server;
pub mod story;
pub mod swarm;
mod trace;
mod world;

pub use device::DeviceId;
pub use faults::Faults;
pub use own::{Wiring, second_address};
pub use server::{Place, Reach, Server};
pub use trace::Trace;
pub use world::World;
