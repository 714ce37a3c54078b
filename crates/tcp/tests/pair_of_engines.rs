//! Two engines and a link between them, in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; the environment asks for the long form"
)]
#![expect(clippy::print_stdout, reason = "what was measured is worth seeing with --nocapture")]

#[path = "pair/bare.rs"]
mod bare;
#[path = "pair/close.rs"]
mod close;
#[path = "pair/early.rs"]
mod early;
#[path = "pair/flood.rs"]
mod flood;
#[path = "pair/gone.rs"]
mod gone;
#[path = "pair/handshake.rs"]
mod handshake;
#[path = "pair/held.rs"]
mod held;
#[path = "pair/linger.rs"]
mod linger;
#[path = "pair/offload.rs"]
mod offload;
#[path = "pair/path.rs"]
mod path;
#[path = "pair/peer.rs"]
mod peer;
#[path = "pair/predicted.rs"]
mod predicted;
#[path = "pair/share.rs"]
mod share;
#[path = "pair/syn_loss.rs"]
mod syn_loss;
#[path = "pair/transfer.rs"]
mod transfer;
#[path = "pair/urgent.rs"]
mod urgent;
#[path = "shared/vecs.rs"]
mod vecs;
#[path = "pair/world.rs"]
mod world;
