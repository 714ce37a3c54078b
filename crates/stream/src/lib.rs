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

// Deferred SS-004: server streams are not in this version.
// Deferred SS-228: server streams are not in this version.
// Deferred SS-229: server streams are not in this version.
// Deferred SS-017: long poll half-closes a request, which the pool cannot say yet.
// Deferred SS-528: long poll half-closes a request, which the pool cannot say yet.
// Deferred SS-020: suspend-aware timers belong to a driver that knows suspend; there is none.
// Deferred SS-022: rideshare needs multipart bodies, which are not in this version.
// Deferred SS-513: rideshare needs multipart bodies, which are not in this version.
// Deferred SS-512: multipart bodies are refused as unsupported in this version.
// Deferred SS-514: multipart bodies are refused as unsupported in this version.
// Deferred SS-518: inbound multipart is refused as unsupported in this version.
// Deferred SS-519: inbound multipart is refused as unsupported in this version.
// Deferred SS-303: groups of messages come with multipart, which is not in this version.
// Deferred SS-026: connection telemetry is refused as unsupported in this version.
// Deferred SS-305: connection telemetry is refused as unsupported in this version.
// Deferred SS-311: connection telemetry is refused as unsupported in this version.
// Deferred SS-027: the system message bus and its streams are not in this version.
// Deferred SS-108: the narrower table belongs to the proxy link, which is not in this version.
// Deferred SS-304: rideshare names travel on the proxy link only, which is not in this version.
// Deferred SS-133: the stream keeps no credential; wiping the blobs needs a wiping type in base.
// Deferred SS-222: sequencers and owner channels are not in this version.
// Deferred SS-212: sequencers and owner channels are not in this version.
// Deferred SS-231: exact tx credit needs windows the pool does not lend to streams yet.
// Deferred SS-232: exact tx credit needs windows the pool does not lend to streams yet.
// Deferred SS-250: exact tx credit needs windows the pool does not lend to streams yet.
// Deferred SS-241: adopted descriptors are not in this version.
// Deferred SS-582: adopted descriptors are not in this version.
// Deferred SS-245: sigv4 signing is not in this version.
// Deferred SS-575: AWS shadow topics are refused as unsupported in this version.
// Deferred SS-590: file endpoints fail their attempt as unsupported in this version.
// Deferred SS-011: kept by types, not by a test: what a handler asks is carried out after it returned (ADR 0011).
// Deferred SS-018: urgent tx and rx parse; streams that are ready at once are served in their order.
// Deferred SS-023: there are clients only; the other roles come with servers, sinks and the proxy link.
// Deferred SS-024: fulfilment by a proxy process needs the proxy link, which is not in this version.
// Deferred SS-200: a stream is created from its streamtype's name; credit and inline policy come with their features.
// Deferred SS-217: the proxy listener is not in this version.
// Deferred SS-219: handlers are lent the stream and commands, never the whole device.
// Deferred SS-223: an application shares its handler's state by `Rc`; a handle gives no typed access to it.
// Deferred SS-243: what is known of a connection and the tag are there; logging every live stream is not.
// Deferred SS-246: constants for the C interface, which is not in this version.
// Deferred SS-249: the flags of `StreamInfo` belong to sinks, servers and the proxy link.
// Deferred SS-251: a policy inline at creation is not taken; an overlay adds a streamtype.
// Deferred SS-456: metadata of server streams and over the proxy come with those.
// Deferred SS-535: HTTP/3 needs QUIC, which is not in this version.

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
