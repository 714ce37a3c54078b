//! TCP as a value: endpoints, listeners and the engine that owns what outlives them.
//!
//! Segments, time and a secret go in; segments, events and one deadline come out. No allocator, no clock, no global,
//! no floating point, no `unsafe`.

#![no_std]
#![forbid(unsafe_code)]

pub mod buckets;
pub mod congestion;
pub mod fast_open;
pub mod index;
pub mod isn;
pub mod offset;
pub mod ports;
pub mod reassembly;
pub mod scoreboard;
pub mod syn_cookie;
pub mod syn_queue;
pub mod time_wait;

mod error;
mod event;
mod prf;
pub mod queue;
mod rotation;
mod seq;
mod time;

pub use error::{SendError, TcpError};
pub use event::{Disconnected, Event, Soft, State};
pub use prf::{Prf, Secret, SipHash, Tuple};
pub use seq::Seq;
