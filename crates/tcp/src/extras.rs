//! What only nodes of a mesh, or hosts with a policy, ask of a connection: it costs an endpoint memory, so a profile has
//! it or has not (sections 5, 7 and 8 of the specification).
//!
//! Here are the numbers; the places where they decide are in `timers`, `receive`, `rtt`, `timeout`, `transmit` and `tell`,
//! and leave no code behind in profiles without them.

mod budget;
mod expect;

pub use budget::{Budget, Traffic};
pub use expect::Expect;

use crate::endpoint::{Endpoint, clamp};
use crate::profile::Profile;
use crate::queue::TxQueue as _;
use crate::segment_arrives::Segment;
use crate::time::{Now, later};
use core::fmt::Debug;
use core::time::Duration;
use mainstay_base::Instant;

/// [`Extra`], or nothing at all.
pub trait Extras: Copy + Default + Debug {
    /// What there is.
    fn get(&self) -> Option<&Extra>;

    /// The same, to change it.
    fn get_mut(&mut self) -> Option<&mut Extra>;
}

/// Wishes and counts of one endpoint; see the setters of [`Live`](crate::Live).
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra {
    /// Stays from one connection to the next (TCP-018).
    pub(crate) wishes: Wishes,
    /// When the next segment may leave, in microseconds (TCP-558).
    gap_until: u32,
    /// When payload last came, in microseconds; of meaning while `hearing`.
    heard_at: u32,
    /// Payload came since the connection began.
    hearing: bool,
    /// Progress is to be told once less waits (TCP-312).
    pub(crate) progress_held: bool,
    begun: Instant,
    closed_since: Option<Instant>,
    /// Before that.
    closed_for: Duration,
    pub(crate) budget: Budget,
    /// What had been sent before the last segment, should that not leave after all.
    sent_before: (Traffic, u32),
}

/// What the application asked for. Times in microseconds; zero is for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    pub(crate) slack: u32,
    pub(crate) peer_latency: u32,
    pub(crate) gap: u32,
    /// Full segments per acknowledgement.
    pub(crate) ack_every: u8,
    /// `None` for the rule of TCP-046.
    pub(crate) unsent_limit: Option<u32>,
    pub(crate) receive_limit: u32,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            slack: 0,
            peer_latency: 0,
            gap: 0,
            ack_every: ACK_EVERY,
            unsent_limit: None,
            receive_limit: u32::MAX,
        }
    }
}

/// Full segments per acknowledgement. RFC 9293 §3.8.6.3
pub(crate) const ACK_EVERY: u8 = 2;
/// The longest wish, in microseconds. chosen: a quarter of the clock that deadlines are compared by
const WISH_MAX: u32 = 1 << 30;

/// A wish as the endpoint keeps it.
pub(crate) fn micros(wish: Duration) -> u32 {
    u32::try_from(wish.as_micros()).unwrap_or(WISH_MAX).min(WISH_MAX)
}

/// How a connection stands, for a policy that ends those which only cost (TCP-543).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Since it was established.
    pub age: Duration,
    /// Of that, how long the peer's window was closed.
    pub zero_window: Duration,
    /// Bytes that wait for the peer, sent or not.
    pub queued: usize,
    /// Bytes that wait for the application.
    pub unread: usize,
}

impl Extra {
    /// The last connection is forgotten.
    pub(crate) fn begin(&mut self) {
        *self = Self { wishes: self.wishes, ..Self::default() };
    }

    /// The handshake is over.
    pub(crate) const fn establish(&mut self, now: Now) {
        self.begun = now.instant();
    }

    /// The peer's window is closed, or not.
    pub(crate) fn note_window(&mut self, now: Now, closed: bool) {
        match (closed, self.closed_since) {
            (true, None) => self.closed_since = Some(now.instant()),
            (false, Some(since)) => {
                self.closed_for += now.instant().since(since);
                self.closed_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Whether payload came within the last `micros`.
    pub(crate) const fn has_heard(&self, now: Now, micros: u32) -> bool {
        self.hearing && now.micros.wrapping_sub(self.heard_at) < micros
    }

    /// A segment of `len` bytes with its header came.
    fn arrived(&mut self, now: Now, segment: &Segment<'_>, len: usize) {
        self.budget.arrived(segment, len);
        if !segment.payload.is_empty() {
            (self.hearing, self.heard_at) = (true, now.micros);
        }
    }

    /// A segment is about to be made.
    pub(crate) const fn remember(&mut self) {
        self.sent_before = (self.budget.sent, self.budget.resent);
    }

    /// The connection is over: nothing is to be told any more but that.
    pub(crate) const fn end(&mut self) {
        self.progress_held = false;
    }

    /// It did not leave (TCP-553).
    pub(crate) const fn take_back(&mut self) {
        (self.budget.sent, self.budget.resent) = self.sent_before;
    }
}

impl<P: Profile> Endpoint<P> {
    /// Counts what came for this connection.
    #[inline]
    pub(crate) fn note_arrival(&mut self, now: Now, segment: &Segment<'_>, len: usize) {
        if let Some(extra) = self.extra.get_mut() {
            extra.arrived(now, segment, len);
        }
    }

    /// How late a deadline may be for the sake of another wake-up, in microseconds (TCP-408).
    #[inline]
    pub(crate) fn slack(&self) -> u32 {
        self.extra.get().map_or(0, |extra| extra.wishes.slack)
    }

    /// How much longer than the path the peer, or we, may take to answer, in microseconds (TCP-555).
    #[inline]
    pub(crate) fn peer_latency(&self) -> u32 {
        self.extra.get().map_or(0, |extra| extra.wishes.peer_latency)
    }

    /// After how many full segments an acknowledgement leaves at the latest (TCP-411, TCP-413).
    #[inline]
    pub(crate) fn ack_every(&self) -> u32 {
        self.extra.get().map_or(ACK_EVERY, |extra| extra.wishes.ack_every).into()
    }

    /// How much of the receive storage may be offered (TCP-476).
    #[inline]
    pub(crate) fn receive_limit(&self) -> u32 {
        self.extra.get().map_or(u32::MAX, |extra| extra.wishes.receive_limit)
    }

    /// Whether segments leave one by one, with a gap between them (TCP-558).
    #[inline]
    pub(crate) fn leaves_gaps(&self) -> bool {
        self.extra.get().is_some_and(|extra| extra.wishes.gap > 0)
    }

    /// How long the next segment has to wait for the one before it to be out of the way; zero when nothing is in flight.
    #[inline]
    pub(crate) fn gap(&self, now: Now) -> u32 {
        let Some(extra) = self.extra.get().filter(|extra| extra.wishes.gap > 0) else { return 0 };
        if self.una == self.nxt || !later(extra.gap_until, now.micros) {
            return 0;
        }
        extra.gap_until.wrapping_sub(now.micros)
    }

    /// A segment has left.
    #[inline]
    pub(crate) fn begin_gap(&mut self, now: Now) {
        if let Some(extra) = self.extra.get_mut() {
            extra.gap_until = now.micros.wrapping_add(extra.wishes.gap);
        }
    }

    /// Whether so little waits to be sent that more is asked for; `None` where no limit is set (TCP-312).
    #[inline]
    pub(crate) fn is_low(&self) -> Option<bool> {
        let limit = self.extra.get()?.wishes.unsent_limit?;
        Some(self.backlog() < limit)
    }

    /// Whether progress that was held back is to be told now.
    #[inline]
    pub(crate) fn progress_is_due(&self) -> bool {
        self.extra.get().is_some_and(|extra| extra.progress_held) && self.is_low() != Some(false)
    }

    /// Whether progress is to be told now; if not, it is told when less waits.
    #[inline]
    pub(crate) fn lets_progress(&mut self) -> bool {
        let held = self.is_low() == Some(false);
        if let Some(extra) = self.extra.get_mut() {
            extra.progress_held = held;
        }
        !held
    }

    /// How it stands; `None` where nothing is counted.
    pub(crate) fn standing(&self, now: Now) -> Option<Standing> {
        let extra = self.extra.get()?;
        let closed = extra.closed_since.map_or(Duration::ZERO, |since| now.instant().since(since));
        let open = self.state.is_synchronized();
        Some(Standing {
            age: if open { now.instant().since(extra.begun) } else { Duration::ZERO },
            zero_window: extra.closed_for + closed,
            queued: self.queue.len(),
            unread: self.ring.unread(),
        })
    }

    /// Bytes that could still be offered if nothing limited it but the room.
    #[inline]
    pub(crate) fn limited(&self, room: u32) -> u32 {
        room.min(self.receive_limit().saturating_sub(clamp(self.ring.unread())))
    }
}

impl Extras for Extra {
    #[inline]
    fn get(&self) -> Option<&Extra> {
        Some(self)
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Extra> {
        Some(self)
    }
}

impl Extras for () {
    #[inline]
    fn get(&self) -> Option<&Extra> {
        None
    }

    #[inline]
    fn get_mut(&mut self) -> Option<&mut Extra> {
        None
    }
}
