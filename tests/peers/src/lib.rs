//! Interop with real servers: every test here lies in `tests/`, and runs where the feature `peers` is on.
//!
//! The files `ours_*.rs` run a device of ours, in the test's own process, against servers on loopback; what they share is
//! here: a policy written by parts, a handler that remembers, and a device that runs until something happened. The others
//! show that the servers do what their builders promise.

#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "scaffolding of tests: what fails here fails the test, with its words"
)]

mod document;
pub mod own;
pub mod pressure;
mod rig;
mod story;

pub use document::Document;
pub use rig::Rig;
pub use story::{Heard, Message, Script, Story, Told};
