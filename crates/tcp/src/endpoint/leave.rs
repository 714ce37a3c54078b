//! An endpoint outside of its engine (TCP-014): nothing of its last connection is told any more, and what it lent is
//! fetched here.

use super::Endpoint;
use crate::bits::{Bits, TELL};
use crate::event::State;
use crate::profile::Profile;
use crate::queue::TxQueue;

impl<P: Profile> Endpoint<P> {
    /// It is taken out of its engine, without a connection.
    pub(crate) fn leave(&mut self) {
        self.bits.unset(TELL.and(Bits::EARLY_FIRST).and(Bits::WANTS_READY));
        self.acked_event = 0;
        // Nothing of the next connection may be sent before this is gone.
        self.bits.put(Bits::RECLAIM, !self.queue.is_empty() || self.queue.has_done());
    }

    /// The next buffer that the last connection kept, acknowledged or not, from the oldest on; `None` when it has none any
    /// more, and while there is a connection.
    ///
    /// For an endpoint that was detached: an engine gives them back as events. One that is attached again gives those that
    /// were not fetched as [`Event::Reclaimed`](crate::Event) before it can connect. A queue that copies forgets its bytes.
    pub fn reclaim(&mut self) -> Option<<P::Queue as TxQueue>::Buf> {
        if self.state != State::Closed {
            return None;
        }
        let buffer = self.queue.reclaim();
        if buffer.is_none() {
            self.bits.unset(Bits::RECLAIM);
        }
        buffer
    }
}
