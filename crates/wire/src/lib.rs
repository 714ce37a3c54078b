//! Frames, packets and segments: bytes to values and back.
//!
//! Owns formats, never behaviour: what a header means for a connection or an interface is the business of `tcp` and
//! `net`. Nothing here copies a payload or needs an allocator.
//!
//! Every parser takes what a peer sent, so it cannot fail loudly: it yields a value or `None`.
//!
//! | file | format |
//! |---|---|
//! | `ethernet.rs`, `arp.rs` | frames, addresses of interfaces, who has which |
//! | `ip.rs`, `ipv4.rs`, `ipv6.rs`, `ipv6/extension.rs` | packets, fragments, what stands before the payload |
//! | `icmpv4.rs`, `icmpv6.rs` | echo and errors; what else is carried in `ICMPv6`: |
//! | `ndp.rs`, `mld.rs`, and `igmp.rs` for IPv4 | neighbors and routers, listeners to groups |
//! | `tcp.rs`, `udp.rs` | segments and datagrams |
//! | `checksum.rs` | the sum over all of them |
//! | `offload.rs`, `segment.rs` | what a device may do for us, and how to do without |
//!
//! Absent: reassembly (`net`), jumbograms, options of IPv4 but the router alert, redirects of `ICMPv4`.

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
