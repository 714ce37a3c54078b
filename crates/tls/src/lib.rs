//! TLS as a byte layer, client and server, over rustls.
//!
//! The only crate that names rustls. It drives the unbuffered interface of 0.23, in which the
//! caller owns the buffers: records are decrypted in the slice the driver received into, and
//! encrypted straight into the slice it will send from. A session owns memory only while a record
//! is partial.
//!
//! | file | concern |
//! |---|---|
//! | `session.rs`, `session/advance.rs` | one connection: bytes in, plaintext and events out |
//! | `engine.rs` | the steps of the library's state machine, and nothing else |
//! | `record.rs` | where a record begins and ends |
//! | `client.rs`, `server.rs` | what many sessions share |
//! | `trust.rs`, `verify.rs`, `certificate.rs` | whom to believe, and the judgement |
//! | `resumption.rs` | remembered sessions, counted |
//! | `key_log.rs` | secrets, for a sink that somebody gave |
//! | `clock.rs` | the wall clock certificates are judged by |
//! | `error.rs` | what a caller did wrong, and what the library said in our words |
//!
//! # Exceptions to the contract
//! Key exchange and nonces draw the provider's own randomness, and the rotation of ticket keys
//! reads the library's own clock: L1 holds for plaintext and events, not for ciphertext.
//!
//! # Absent on purpose
//! Early data (LAY-257, LAY-258), sessions on disk (LAY-256), and any process-wide
//! provider: the provider is passed explicitly (LAY-242).

#![forbid(unsafe_code)]

// Deferred LAY-257: early data; the unbuffered client has it, the face for `Ctx.early_data` is not decided
// Deferred LAY-258: early data; the server accepts none until replay has a face of its own
// Deferred LAY-267: the unbuffered connections of rustls 0.23 give no exporter; 0.24 does

mod certificate;
mod client;
mod clock;
mod engine;
mod error;
mod identity;
mod key_log;
pub mod limits;
mod record;
mod resumption;
mod server;
mod session;
mod trust;
mod verify;

pub use client::{ClientConfig, ClientOptions, Version};
pub use clock::WallClock;
pub use error::{ConfigFault, Misuse};
pub use identity::Identity;
pub use key_log::KeyLog;
pub use resumption::ResumptionCounters;
pub use server::{ClientAuth, ServerConfig, ServerOptions, UnknownName};
pub use session::{Event, Info, Session};
pub use trust::{Pin, PinMode, TrustStore};
