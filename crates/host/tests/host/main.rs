//! The driver over real loopback sockets, with a small machine in the place of a device.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bytes;
mod economy;
mod endings;
mod puppet;
mod time;
mod unix;
mod wakes;
