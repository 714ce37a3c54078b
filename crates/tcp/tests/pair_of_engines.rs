//! Two engines and a link between them, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "pair/world.rs"]
mod world;
#[path = "pair/handshake.rs"]
mod handshake;
#[path = "pair/transfer.rs"]
mod transfer;
