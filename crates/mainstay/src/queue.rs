//! Between threads: what handles and the loop say to each other. The only locks of the project.
//!
//! Bounds: a stream's outbox and inbox hold `OUTBOX_MAX` and `INBOX_MAX` bytes (and what one chunk
//! adds); the mailbox one wish per call that is not yet carried out.

mod clerk;
mod inside;
mod letters;
mod mailbox;

pub(crate) use inside::{Inside, Outgoing};
pub(crate) use letters::{Letters, News};
pub(crate) use mailbox::{Ask, Mailbox, Wish};

/// Bytes a handle may queue before `send` waits. chosen: four times what a connection queues.
pub(crate) const OUTBOX_MAX: usize = 64 * 1024;
/// Bytes received and not taken before the reader sleeps. chosen: one read of a connection.
pub(crate) const INBOX_MAX: usize = 16 * 1024;
