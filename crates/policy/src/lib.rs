//! JSON policies as checked, typed values; every fault with its place and a hint.

#![forbid(unsafe_code)]

pub mod model;
mod state;

pub use model::{Policy, Protocol, Streamtype};
pub use state::State;
