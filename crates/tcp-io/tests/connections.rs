//! Two engines with their adaptors, and a wire between them, in virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "connections/blocking.rs"]
mod blocking;
#[path = "../../../tests/shared/task.rs"]
mod task;
#[path = "connections/tasks.rs"]
mod tasks;
#[path = "connections/world.rs"]
mod world;
