//! Frames, packets and segments: bytes to values and back.
//!
//! Owns formats, never behaviour: what a header means for a connection or an interface is the business of `tcp` and
//! `net`. Nothing here copies a payload or needs an allocator.
//!
//! Every parser takes what a peer sent, so it cannot fail loudly: it yields a value or `None`.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, expect(clippy::indexing_slicing, reason = "a test that panics fails"))]

pub mod checksum;
pub mod ethernet;
pub mod ip;
pub mod tcp;
