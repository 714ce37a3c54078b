//! HTTP/2 as a machine: many streams on one connection, client and server (RFC 9113).
//!
//! The protocol itself (frames, HPACK, windows, ten years of fixed attacks) is the `h2` crate,
//! driven by hand over buffers in memory: no runtime, thread or clock of ours. Its mutex, its clock
//! (for how long it remembers a stream it reset) and its tracing are the one named exception to the
//! contract. `pipe.rs` is the transport it reads and writes, `ready.rs` the flags its wakers set,
//! `table.rs` the streams by the caller's ids, `transfer.rs` one stream's payload both ways,
//! `client.rs` and `server.rs` the machines.
//!
//! # Order
//! The connection is polled first, then the streams whose flag is set. Output is written only
//! during `poll_transmit`, straight into the caller's buffer; a writer that found no room leaves a
//! flag, so that nothing waits for a wake that never comes. Draining may free room: ask
//! `poll_event` again after `poll_transmit`.
//!
//! # Memory
//! A stream holds at most its receive window and `send_max`; the connection its receive window,
//! 280 bytes for each unread frame (`Config::small_frames_max`), 64 KiB of input not yet parsed,
//! 64 KiB staged, and the library's two buffers of 16 and 8 KiB.
//! measured: 31 KB for an idle client, 0.9 KB for each stream that waits for its answer.
//!
//! # Absent on purpose
//! Server push (refused), priorities, trailers (checked and left out), extended CONNECT, and
//! raising one stream's window beyond what was received, which the library cannot do.

// Deferred SS-231, SS-250, SS-527: the h2 crate cannot raise one stream's window beyond what was received

mod client;
mod config;
mod outgoing;
mod pipe;
mod ready;
mod reason;
mod server;
mod table;
mod transfer;

pub use client::{Client, Event};
pub use config::{Config, Misuse};
pub use server::{Server, ServerEvent};
pub use transfer::Payload;
