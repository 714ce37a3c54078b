//! Two engines and a link between them, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "pair/handshake.rs"]
mod handshake;
#[path = "pair/predicted.rs"]
mod predicted;
#[path = "pair/transfer.rs"]
mod transfer;
#[path = "pair/world.rs"]
mod world;
