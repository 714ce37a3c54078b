//! Two engines and a link between them, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "pair/bare.rs"]
mod bare;
#[path = "pair/close.rs"]
mod close;
#[path = "pair/early.rs"]
mod early;
#[path = "pair/flood.rs"]
mod flood;
#[path = "pair/handshake.rs"]
mod handshake;
#[path = "pair/linger.rs"]
mod linger;
#[path = "pair/path.rs"]
mod path;
#[path = "pair/peer.rs"]
mod peer;
#[path = "pair/predicted.rs"]
mod predicted;
#[path = "pair/syn_loss.rs"]
mod syn_loss;
#[path = "pair/transfer.rs"]
mod transfer;
#[path = "pair/urgent.rs"]
mod urgent;
#[path = "pair/world.rs"]
mod world;
