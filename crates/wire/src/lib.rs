//! Frames, packets and segments: bytes to values and back.
//!
//! Owns formats, never behaviour: what a header means for a connection or an interface is the business of `tcp` and
//! `net`. Nothing here copies a payload or needs an allocator.
//!
//! Every parser takes what a peer sent, so it cannot fail loudly: it yields a value or `None`.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test that panics fails"
    )
)]

pub mod arp;
pub mod checksum;
pub mod ethernet;
mod icmp;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod mld;
pub mod ndp;
pub mod offload;
pub mod segment;
pub mod tcp;
pub mod udp;
