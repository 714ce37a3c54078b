//! MQTT 3.1.1 as machines: a client session and, for tests and simulations, a server session.
//!
//! # The path of a message
//! Out: `Client::publish` writes the head to the output queue, `send` the payload behind it; with QoS 1
//! and 2 a copy is kept (bounded) until the peer acknowledges. In: `Client::handle_input` takes a head
//! or a slice of payload, `next_payload` lends the slice where it lies; no message is ever put together.
//!
//! # Map
//! [`Client`] and [`Server`] are roles over one private `exchange` (both directions of PUBLISH);
//! `inflight` keeps what waits for an acknowledgement, `output` what waits for the transport, `decode`
//! cuts the input into packets, [`message`] turns bytes into values and back, `topic` judges and
//! matches names. All limits are in [`Config`].
//!
//! # Use
//! ```
//! use mainstay_base::{Instant, Outcome};
//! use mainstay_mqtt::{Client, Config, Connect, Event, Misuse, Publish, Server};
//!
//! # fn main() -> Result<(), Misuse> {
//! let now = Instant::ZERO; // the driver's clock
//! let connect = Connect { client_id: "sensor-1", clean: true, ..Connect::default() };
//! let mut client = Client::new(now, &connect, Config::default())?;
//! let mut server = Server::new(now, Config::default());
//! let mut wire = Vec::new(); // a socket, in a program
//! client.poll_transmit(now, &mut wire, usize::MAX);
//! server.handle_input(now, &mut wire);
//! server.accept(now, false)?;
//! wire.clear();
//! server.poll_transmit(now, &mut wire, usize::MAX);
//! client.handle_input(now, &mut wire);
//! assert_eq!(client.poll_event(), Some(Event::Connected { session_present: false }));
//!
//! let publish = Publish { topic: "t", qos: 0, retain: false, len: 5, tag: 7 };
//! client.publish(now, &publish)?;
//! assert_eq!(client.send(now, b"hello"), 5);
//! wire.clear();
//! client.poll_transmit(now, &mut wire, usize::MAX);
//! client.handle_written(now);
//! assert_eq!(client.poll_event(), Some(Event::Published { tag: 7, outcome: Outcome::Sent }));
//! let taken = server.handle_input(now, &mut wire);
//! assert_eq!(server.topic(), "t");
//! let payload = server.next_payload(&mut wire[..taken]);
//! assert!(payload.is_some_and(|payload| payload.bytes == b"hello" && payload.start && payload.end));
//! # Ok(())
//! # }
//! ```
//!
//! # Absent on purpose
//! Sharing a connection between streams (`pool`), birth messages and subscriptions before CONNECTED
//! (`stream`, SS-563), reconnecting, a session kept over connections, MQTT 5.
// Deferred SS-575: AWS shadow replies are a stream's affair (which topics, which metadata, when to unsubscribe); this crate only offers Config.topic_max and subscribe/unsubscribe

#![forbid(unsafe_code)]

mod arrival;
mod client;
mod decode;
mod error;
mod exchange;
mod identity;
mod inflight;
mod limits;
pub mod message;
mod output;
mod server;
mod topic;

pub use arrival::Payload;
pub use client::{Client, Event};
pub use error::Misuse;
pub use exchange::{Counters, Publish};
pub use identity::random_client_id;
pub use limits::Config;
pub use message::{Connect, Will};
pub use server::{Request, Server, ServerEvent, Subscription};
pub use topic::{matches, valid_filter, valid_topic};
