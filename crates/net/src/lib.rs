//! The IP stack of a device as a value: interfaces, neighbours, routes, fragments, ICMP, groups and UDP.
//!
//! Frames and time go in; frames, events and one deadline come out.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod icmp;
mod limits;
mod neighbour;
mod path_mtu;
mod port;
mod prefix;
mod rate;
mod reassembly;
mod route;
mod source;
mod udp;

pub use error::{Counters, Ignored, Misuse};
pub use icmp::ErrorKind;
pub use limits::Config;
pub use neighbour::{Neighbour, Reachability};
pub use port::draw as draw_port;
pub use prefix::Prefix;
pub use rate::Rate;
pub use route::{Origin, Route};
pub use udp::{Received, UdpError, UdpId, UdpOptions};

/// An interface of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub(crate) u32);
