//! Secure Streams: life cycle, retry, metadata, outcomes.
//!
//! A [`Stream`] is one stream's whole life as a value. Commands come from the application, events
//! and payload from the pool; out come [`Event`]s for the application, [`Request`]s for the pool
//! and one deadline. The node that owns it moves both, and drops it after [`Request::Over`].
//!
//! # Map
//! `stream` the contract · `lifecycle` states and the one table · `stream/answers` what return
//! codes do (SS-121) · `stream/inputs` what the pool says · `stream/transmit` sending · `retry` the
//! series · `opening` policy and metadata → what to open · `response` what a status means ·
//! `metadata`, `payload`, `outcome`, `timeout`, `counters`, `notice`, `blobs` their one concern each.
//!
//! # Absent in this version
//! Server streams, sinks, the proxy link, sequencers, multipart, rideshare, cookies, telemetry,
//! long poll, files, adopted descriptors, sigv4, exact tx credit: creation or the attempt says
//! `Unsupported`, never silence.

#![forbid(unsafe_code)]

mod blobs;
mod counters;
mod error;
mod lifecycle;
pub mod limits;
mod metadata;
mod notice;
mod opening;
mod outcome;
mod payload;
mod response;
mod retry;
mod stream;
mod timeout;

pub use blobs::{Blobs, Info};
pub use counters::{Counters, Tag};
pub use error::{CreateError, Misuse};
pub use lifecycle::Answer;
pub use notice::{Event, Request};
pub use payload::{Flags, PayloadId};
pub use stream::Stream;
