//! The vocabulary every Mainstay machine shares.
//!
//! # The contract
//! A protocol is a value. Bytes, time and randomness go in as arguments; bytes, events and one
//! deadline come out. These laws hold for every machine and are checked by `sim`:
//!
//! - **L1 Replay.** Same seed, same inputs, same times: same outputs, byte for byte.
//! - **L2 Dry.** `poll_transmit` and `poll_event` return nothing after a bounded number of calls.
//! - **L3 Ahead.** Once drained, `poll_timeout` is `None` or later than `now`.
//! - **L4 Early is harmless.** `handle_timeout` before the deadline, or twice, changes nothing.
//! - **L5 Dropped is unchanged.** After `Verdict::Dropped` the machine is as before, but for counters.
//! - **L6 No loss by buffer.** Too small a buffer yields nothing and changes nothing.
//! - **L7 Inert when over.** After its last event a machine ignores inputs and says nothing more.
//! - **L8 Bounded.** Memory is fixed at construction or by a limit in a `Config`.
//! - **L9 Any order.** Inputs may be batched before draining; nothing is lost or broken by that.
//! - **L10 The peer cannot raise an error.** `Result` is only for commands.
//!
//! For byte-shaped machines L1 compares plaintext and events, L5 does not apply, any `limit` loses
//! nothing (L6), unread bytes stay readable after the end (L7), and outputs are at most
//! proportional to the input's bytes (L8).
//!
//! Absent on purpose: a clock, a global, an allocation, a log.

#![no_std]
#![forbid(unsafe_code)]

mod backoff;
mod errno;
mod instant;
mod outcome;
mod reason;
mod rng;
mod room;

pub use backoff::{Backoff, RetryLimits};
pub use errno::Errno;
pub use instant::Instant;
pub use outcome::Outcome;
pub use reason::{Certificate, Local, Network, Peer, Phase, Policy, Reason};
pub use rng::Rng;
pub use room::{Room, SocketId, Verdict};
