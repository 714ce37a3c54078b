//! Connections of our own stack for tasks, between two networks in memory.
#![expect(clippy::unwrap_used, reason = "tests")]

mod order;
mod properties;
mod runtime;
#[path = "../../../../tests/shared/task.rs"]
mod task;
mod world;
