//! The stream machine in virtual time, against a scripted pool.
#![expect(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "tests")]

#[path = "machine/answers.rs"]
mod answers;
#[path = "machine/http.rs"]
mod http;
#[path = "machine/lifecycle.rs"]
mod lifecycle;
#[path = "machine/mqtt.rs"]
mod mqtt;
#[path = "machine/opening.rs"]
mod opening;
#[path = "machine/retry.rs"]
mod retry;
#[path = "machine/script.rs"]
mod script;
#[path = "machine/sockets.rs"]
mod sockets;
