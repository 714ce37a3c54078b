//! The flags that wakers set: one for the connection, one per stream. Owns nothing else.
//!
//! Two levels of words, so that a thousand idle streams cost one load per turn, and an order that
//! is that of the slots, never that of the wakes.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::Waker;
use std::sync::Arc;
use std::task::Wake;

/// Who wants to be polled.
#[derive(Debug)]
pub(super) struct Ready {
    connection: AtomicBool,
    blocked: AtomicBool,
    summary: AtomicU64,
    words: Box<[AtomicU64]>,
}

impl Ready {
    /// Flags for `slots` streams; the connection's is set.
    pub(super) fn new(slots: u16) -> Arc<Self> {
        let words = (0..slots.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            connection: AtomicBool::new(true),
            blocked: AtomicBool::new(false),
            summary: AtomicU64::new(0),
            words,
        })
    }

    /// Whether the connection wants to be polled.
    pub(super) fn connection(&self) -> bool {
        self.connection.load(Ordering::Acquire)
    }

    /// Sets or clears the connection's flag.
    pub(super) fn set_connection(&self, on: bool) {
        self.connection.store(on, Ordering::Release);
    }

    /// Whether a write found no room.
    pub(super) fn blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    /// Remembers whether a write found no room.
    pub(super) fn set_blocked(&self, on: bool) {
        self.blocked.store(on, Ordering::Release);
    }

    /// Flags a stream.
    pub(super) fn set(&self, slot: u16) {
        let (word, bit) = (slot / 64, slot % 64);
        if let Some(flags) = self.words.get(usize::from(word)) {
            flags.fetch_or(1 << bit, Ordering::AcqRel);
            self.summary.fetch_or(1 << word, Ordering::AcqRel);
        }
    }

    /// Takes the flag of one stream that has it.
    pub(super) fn take(&self) -> Option<u16> {
        loop {
            let summary = self.summary.load(Ordering::Acquire);
            if summary == 0 {
                return None;
            }
            let word = summary.trailing_zeros();
            let flags = self.words.get(usize::try_from(word).unwrap_or(usize::MAX))?;
            let held = flags.load(Ordering::Acquire);
            let rest = held & held.wrapping_sub(1);
            if rest == 0 {
                self.summary.fetch_and(!(1 << word), Ordering::AcqRel);
            }
            if held != 0 {
                flags.fetch_and(!(held ^ rest), Ordering::AcqRel);
                return u16::try_from(word * 64 + held.trailing_zeros()).ok();
            }
        }
    }

    /// The connection's waker.
    pub(super) fn connection_waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(ConnectionWake(Arc::clone(self))))
    }

    /// The waker of the stream in `slot`.
    pub(super) fn stream_waker(self: &Arc<Self>, slot: u16) -> Waker {
        Waker::from(Arc::new(StreamWake { ready: Arc::clone(self), slot }))
    }
}

struct ConnectionWake(Arc<Ready>);

impl Wake for ConnectionWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.set_connection(true);
    }
}

struct StreamWake {
    ready: Arc<Ready>,
    slot: u16,
}

impl Wake for StreamWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.set(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_back_once_and_in_the_order_of_slots() {
        let ready = Ready::new(200);
        for slot in [199, 64, 3, 63, 3] {
            ready.stream_waker(slot).wake();
        }
        let taken: Vec<u16> = core::iter::from_fn(|| ready.take()).collect();
        assert_eq!(taken, [3, 63, 64, 199]);
        assert_eq!(ready.take(), None);
    }
}
