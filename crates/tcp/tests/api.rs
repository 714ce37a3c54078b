//! What the application is promised (section 1 of the specification), asked of one engine by a peer that is a test.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "api/attaching.rs"]
mod attaching;
#[path = "api/bench.rs"]
mod bench;
#[path = "api/far.rs"]
mod far;
#[path = "api/lending.rs"]
mod lending;
#[path = "api/listening.rs"]
mod listening;
#[path = "api/queues.rs"]
mod queues;
#[path = "api/receiving.rs"]
mod receiving;
#[path = "api/surface.rs"]
mod surface;
#[path = "api/telling.rs"]
mod telling;
#[path = "api/to_itself.rs"]
mod to_itself;
#[path = "api/transmitting.rs"]
mod transmitting;
#[path = "api/watching.rs"]
mod watching;
