//! An echo server as firmware would have it: no allocator, no operating system, two connections in memory of a fixed
//! size.
//!
//! Whoever has a radio or an Ethernet chip implements [`Device`], puts one [`Memory`] where it stays for ever, and calls
//! [`echo_tiny`] or [`echo_std`], which serve for ever:
//!
//! ```no_run
//! # fn main() {
//! # struct Radio;
//! # impl mainstay_firmware::Device for Radio {
//! #     fn now(&mut self) -> mainstay_base::Instant { mainstay_base::Instant::ZERO }
//! #     fn receive(&mut self, _packet: &mut [u8]) -> Option<usize> { None }
//! #     fn transmit(&mut self, _packet: &[u8]) {}
//! #     fn wait(&mut self, _until: Option<mainstay_base::Instant>) {}
//! # }
//! # let entropy = [0; 32];
//! let mut memory = mainstay_firmware::Memory::new();
//! let address = "2001:db8::7".parse().unwrap_or(core::net::Ipv6Addr::LOCALHOST);
//! let fault = mainstay_firmware::echo_tiny(&mut memory, address, entropy, &mut Radio);
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `device.rs` | what the hardware has to offer |
//! | `packet.rs` | segments in IPv6 packets |
//! | `echo.rs` | the loop and the application |
//! | `memory.rs` | how much of it, and the two ready-made servers |
//!
//! Absent: addresses of neighbors, extension headers and fragments, which are the business of `net`.

#![no_std]
#![forbid(unsafe_code)]

mod device;
mod echo;
mod memory;
pub mod packet;

pub use device::Device;
pub use echo::{Echo, Parts};
pub use memory::{Memory, StdParts, TinyParts, echo_std, echo_tiny, std_server, tiny_server};
