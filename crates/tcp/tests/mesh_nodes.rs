//! What nodes of a mesh and policies ask of a connection, against a peer that is a test.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "mesh/node.rs"]
mod node;
#[path = "mesh/radio.rs"]
mod radio;
#[path = "mesh/receiving.rs"]
mod receiving;
#[path = "mesh/sending.rs"]
mod sending;
#[path = "mesh/timers.rs"]
mod timers;
