//! What a bad link does to frames, as a value: rate, delay, loss, order, damage.
//!
//! A [`Direction`] is one direction of a link. Frames go in with the time, come out when they are due,
//! and what happens to them between is an [`Impairment`] and a seed. It reads no clock and touches no
//! device, so the same engine stands between two stacks in the simulator's virtual time and, in a
//! relay, between two kernel interfaces in real time.
//!
//! # The way of a frame
//! 1. A link that is down, a frame longer than the link takes, and loss: in this order, and it is gone.
//! 2. The bottleneck: one frame after the other at the rate, behind a queue that is as long as it is and
//!    may be managed (`CoDel`, or marking above a threshold).
//! 3. Damage: truncated, corrupted, marked CE. A duplicate goes through 2 and 3 a second time.
//! 4. Delay and jitter. Order is kept unless it was asked to be lost.
//!
//! All is decided when a frame comes in, in the order of the frames: nothing depends on when or how often
//! the output is looked at.
//!
//! # Laws
//! Those of `mainstay-base`, with one remark to L5: a dropped frame changes counters, and also how far the
//! seed's stream, the burst's state and the managed queue have come. Virtual time is in microseconds; at a
//! rate the remainders are carried on, so nothing drifts.
//!
//! # Absent
//! Cutting a frame that stands for several segments: see [`Wire`]. Clock skew and an engine out of buffers
//! are no properties of a link; the simulator makes them.

#![forbid(unsafe_code)]

mod bottleneck;
mod codel;
mod counters;
mod damage;
mod direction;
mod impairment;
mod limits;
mod loss;
pub mod pcap;
mod store;

pub use counters::{Counters, Dropped, Tally};
pub use direction::{Direction, Wire};
pub use impairment::{Codel, Corrupt, Impairment, Loss, Management, PER_MILLION, Reorder, Span};
pub use limits::{FRAMES_MAX, HELD_BACK_MAX, MEMORY_MAX, PATIENCE};
