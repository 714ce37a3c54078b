//! Who rides on which connection: reuse, coalescing while one is being opened, ALPN choice, MQTT
//! sharing, address races.
//!
//! A stream asks for a *channel* with everything needed to bring it up ([`Open`]); the pool gives
//! it a place on a connection, its own or a shared one, and tells what happens there ([`Event`])
//! and what comes ([`Payload`]). The pool is one value for all connections of a device: many
//! children, so their deadlines are kept in a table and the ones that want to write in a list.
//!
//! Absent on purpose: names of streams, retry, policy; sockets and the clock.
//!
//! # Bounds
//! Per connection: what its machines state, `Config::read_max` bytes and a TLS record left by a
//! sleeping reader. In the pool: one scratch buffer, the queue of one turn, `Config::idle_count`
//! idle connections.

#![forbid(unsafe_code)]

mod border;
mod channel;
mod closing;
mod connection;
mod input;
mod key;
mod limits;
mod members;
mod opening;
mod output;
mod pool;
mod preview;
mod queue;
mod race;
mod session;
mod timers;
mod validity;

pub use border::{Opened, Request, ResolveId, Resolved, SocketOptions, UnixAddress};
pub use channel::{
    Attributes, Birth, ChannelId, Chunk, Close, Event, Misuse, MqttConnect, MqttOpen, Open,
    Payload, Protocol, Publish, Route, Validity, Will,
};
pub use limits::Config;
pub use pool::{Next, Pool};
pub use preview::first_bytes;
pub use queue::Place;
