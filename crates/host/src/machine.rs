//! What a driver drives: the border of `node`, with its application attached.

use core::time::Duration;
use mainstay_base::{Errno, Instant, SocketId};
use mainstay_node::{Opened, Request, ResolveId, Resolved};

/// A whole device as the driver sees it: facts in, requests and bytes out.
///
/// # Order
/// The driver asks for requests until there are none after every call that may cause one, and
/// before it touches any socket again. So an id may be reused at once after `Close` or `Abort`.
/// After any fact, and after every slice of bytes, it calls [`drain`](Self::drain).
pub trait Machine {
    /// What the driver shall do next.
    fn poll_request(&mut self) -> Option<Request>;

    /// A socket is connected, or could not be. After an error the id is free.
    fn handle_opened(&mut self, now: Instant, id: SocketId, outcome: Result<Opened, Errno>);

    /// The resolver answered.
    fn handle_resolved(&mut self, now: Instant, id: ResolveId, answer: Resolved);

    /// How many bytes of `id` may be handed in now. Zero pauses reading until it is more.
    fn room(&self, id: SocketId) -> usize;

    /// The next [`drain`](Self::drain) gets `len` bytes of `id`; at most [`room`](Self::room).
    fn handle_bytes(&mut self, now: Instant, id: SocketId, len: usize);

    /// Takes all of `input` (the bytes just announced; else empty) and delivers what is to be
    /// delivered to the application.
    fn drain(&mut self, now: Instant, input: &mut [u8]);

    /// The peer sends no more.
    fn handle_eof(&mut self, now: Instant, id: SocketId);

    /// The socket died; the id is free, though a late `Close` or `Abort` of it does no harm.
    fn handle_lost(&mut self, now: Instant, id: SocketId, errno: Errno);

    /// All bytes polled for `id` so far were handed to the kernel.
    fn handle_written(&mut self, now: Instant, id: SocketId);

    /// A deadline passed.
    fn handle_timeout(&mut self, now: Instant);

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// A socket that has bytes to send; each once until it is polled dry.
    fn poll_wanting(&mut self) -> Option<SocketId>;

    /// Appends at most `limit` bytes that `id` has to send; none when it is dry.
    fn poll_transmit(&mut self, now: Instant, id: SocketId, out: &mut Vec<u8>, limit: usize);

    /// Another thread used the [`Waker`](crate::Waker); any number of wakes give one call.
    fn woken(&mut self, now: Instant);

    /// The wall clock, as time since 1970. Called at the start and about once a second of activity.
    fn set_wall(&mut self, now: Instant, unix: Duration);
}
