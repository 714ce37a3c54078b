//! Interop with real servers: every test here lies in `tests/`, and runs where the feature `peers` is on.
//!
//! Here is only what several of them share and no other crate wants.

#![forbid(unsafe_code)]

pub mod pressure;
