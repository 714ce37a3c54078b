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
pub mod losses;
pub mod offset;
pub mod ports;
pub mod profile;
pub mod queue;
pub mod rate;
pub mod reassembly;
pub mod scoreboard;
pub mod syn_cookie;
pub mod syn_queue;
pub mod time_wait;

mod acknowledge;
mod bits;
mod challenge;
mod endpoint;
mod engine;
mod error;
mod event;
mod extras;
mod fine;
mod frto;
mod head;
mod limits;
mod negotiate;
mod predict;
mod prf;
mod receive;
mod recovery;
mod rotation;
mod rtt;
mod segment_arrives;
mod seq;
mod settings;
mod sizes;
pub mod sizing;
mod tell;
mod time;
mod timeout;
mod timers;
mod trace;
mod transmit;

pub use endpoint::{Address, Either, Endpoint, Facts, Push};
pub use engine::{
    Answers, Config, Counters, Engine, EventOf, FastOpen, FastOpenPolicy, Handle, IcmpError,
    IcmpKind, Incoming, Ingress, Kept, Listener, ListenerHandle, Live, Memory, Meta, Path, Paths,
    Slot, Summed, Tables, Transmit, Transmitted, Unknown,
};
pub use error::{SendError, TcpError};
pub use event::{Disconnected, Event, Soft, State};
pub use extras::{Budget, Expect, Extra, Extras, Standing, Traffic};
pub use fine::{Fine, Finer};
pub use prf::{Prf, Secret, SipHash, Tuple};
pub use profile::{Extended, Host, Profile, SettingsOf, Std, Tiny};
pub use segment_arrives::Ignored;
pub use seq::Seq;
pub use settings::{Keepalive, Settings};
pub use timers::{Rtx, Timer, Watch};
pub use trace::{Step, Tally, Trace, Traced};
