//! Read and write traits of embedded Rust, blocking and async, over connections of one engine (TCP-059, TCP-092,
//! TCP-096).
//!
//! One [`Shared`] holds the engine, a clock and the wakers of everybody who waits; it belongs to one thread and to no
//! executor. Whoever moves packets calls [`Shared::handle_segment`] and [`Shared::drive`]; whoever uses connections has a
//! [`Connection`] for each, which can be copied, so that one task reads while another writes. Where there are no tasks,
//! [`Blocking`] calls what moves packets until there is something to return.
//!
//! | file | what |
//! |---|---|
//! | `shared.rs` | the engine, and who is to be woken |
//! | `connection.rs` | what can be asked of a connection: at once, by poll, by future |
//! | `accept.rs` | waiting for somebody to connect |
//! | `traits.rs` | `embedded-io-async`, and which operation would wait |
//! | `blocking.rs` | `embedded-io` |
//! | `error.rs` | why it failed |
//!
//! Absent: queues of lent buffers (what is written is copied once, into the connection's send queue), the traits of
//! `futures` and `tokio` (they want threads and an allocator: `mainstay_host::own::Sockets` has them), and `fill_buf`, since a
//! lent slice would hold the engine: [`Connection::read_with`] lends it to a closure instead.

#![no_std]
#![forbid(unsafe_code)]

mod accept;
mod blocking;
mod connection;
mod error;
mod shared;
mod traits;

pub use accept::Accept;
pub use blocking::Blocking;
pub use connection::Connection;
pub use error::Error;
pub use shared::Shared;
