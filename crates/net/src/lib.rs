//! The IP stack of a device as a value: interfaces, neighbours, routes, fragments, ICMP, groups and UDP.
//!
//! Frames and time go in; frames, events and one deadline come out. See [`Stack`].
//!
//! # A packet's way
//! In: `stack/frame.rs` (whose frame) → `stack/packet.rs` (may it, is it whole, who is above) → `stack/udp.rs`,
//! `stack/icmp.rs`, or [`Upper::Tcp`]. Out: `stack/udp.rs` → `stack/output.rs` (which link, which pieces, which
//! neighbour) → `poll_transmit`; a TCP segment goes through [`Stack::emit_ip`] straight into the driver's buffer.
//!
//! Beneath lie parts that know nothing of each other: `route`, `source`, `neighbour`, `address`, `group`, `reassembly`,
//! `path_mtu`, `rate`, `udp`.
//!
//! # Limits
//! Every queue and table has its field in [`Config`]; each may be as small as 0 or 1.
//!
//! # Absent on purpose
//! Forwarding; loopback addresses (a packet to an address of ours never leaves, that is all); router advertisements and
//! leases, whose results come in by `add_address` and `add_route`; redirects, which any neighbour could forge; source
//! routing (TCP-195); being heard by oneself in a group; source filters of groups.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
pub mod connections;
mod error;
mod group;
mod icmp;
mod interface;
mod limits;
mod neighbour;
pub mod network;
mod path_mtu;
mod port;
mod prefix;
mod rate;
mod reassembly;
mod route;
mod source;
mod stack;
mod udp;

pub use address::AddressState;
pub use connections::Connections;
pub use error::{Counters, Ignored, Misuse};
pub use icmp::ErrorKind;
pub use interface::{Capabilities, InterfaceId, InterfaceOptions, InterfaceView, Medium};
pub use limits::Config;
pub use neighbour::{Neighbour, Reachability};
pub use network::Network;
pub use port::draw as draw_port;
pub use prefix::Prefix;
pub use rate::Rate;
pub use route::{Origin, Route};
pub use stack::{
    EchoReply, Emitted, Event, Meta, Path, SendMeta, Stack, TcpError, Transmit, Upper,
};
pub use udp::{Received, UdpError, UdpId, UdpOptions};
