//! Events: bits and cursors until they are asked for, never a queue (TCP-082, TCP-083).

use crate::bits::{Bits, TELL};
use crate::congestion::CongestionControl;
use crate::endpoint::{Endpoint, clamp};
use crate::event::{Disconnected, Event};
use crate::profile::Profile;
use crate::queue::TxQueue;

/// What is told before all else.
const BEGUN: Bits = Bits::TELL_ACCEPTED.and(Bits::EARLY_FIRST).and(Bits::TELL_ESTABLISHED);

impl<P: Profile> Endpoint<P> {
    /// Whether there may be something to tell; it may turn out that there is not.
    #[inline]
    pub(crate) fn has_events(&self) -> bool {
        self.bits.has(TELL)
            || self.acked_event > 0
            || self.queue.has_done()
            || (self.bits.has(Bits::WANTS_READY) && self.is_ready())
            || self.progress_is_due()
    }

    /// The next fact, in the order of TCP-083.
    pub(crate) fn poll_event(&mut self) -> Option<Event<<P::Queue as TxQueue>::Buf>> {
        if self.bits.has(BEGUN)
            && let Some(event) = self.poll_begun()
        {
            return Some(event);
        }
        if let Some(buffer) = self.queue.done() {
            return Some(Event::SendDone(buffer));
        }
        if self.acked_event > 0 {
            return Some(Event::BytesAcked(core::mem::take(&mut self.acked_event) as usize));
        }
        if (self.bits.take(Bits::TELL_PROGRESS) || self.progress_is_due()) && self.lets_progress() {
            let (in_send_buffer, backlog) = (self.queue.len(), self.backlog() as usize);
            return Some(Event::Progress { in_send_buffer, backlog });
        }
        if self.bits.has(Bits::WANTS_READY) && self.is_ready() {
            self.bits.unset(Bits::WANTS_READY);
            return Some(Event::SendReady);
        }
        self.poll_incoming().or_else(|| self.poll_end())
    }

    /// What is told once, at the start.
    #[inline(never)]
    fn poll_begun(&mut self) -> Option<Event<<P::Queue as TxQueue>::Buf>> {
        if self.bits.take(Bits::TELL_ACCEPTED) {
            return Some(Event::Accepted);
        }
        if self.bits.take(Bits::EARLY_FIRST)
            && let Some(event) = self.poll_incoming()
        {
            return Some(event);
        }
        self.bits.take(Bits::TELL_ESTABLISHED).then_some(Event::Established)
    }

    fn poll_incoming(&mut self) -> Option<Event<<P::Queue as TxQueue>::Buf>> {
        if self.bits.take(Bits::TELL_RECEIVE) {
            let end_of_stream = self.bits.has(Bits::FIN_RECEIVED);
            self.bits.put(Bits::TOLD_END_OF_STREAM, end_of_stream);
            let available = self.ring.unread();
            let remaining = self.ring.room(self.storage.as_ref());
            return Some(Event::ReceiveAvailable { available, end_of_stream, remaining });
        }
        if self.bits.take(Bits::TELL_URGENT) {
            return Some(Event::Urgent { remaining: self.urgent_remaining() });
        }
        None
    }

    #[cfg_attr(target_os = "none", inline)]
    fn poll_end(&mut self) -> Option<Event<<P::Queue as TxQueue>::Buf>> {
        if self.bits.take(Bits::TELL_SOFT)
            && let Some(soft) = self.soft
        {
            return Some(Event::Error(soft));
        }
        if self.bits.has(Bits::RECLAIM) {
            if let Some(buffer) = self.queue.reclaim() {
                return Some(Event::Reclaimed(buffer));
            }
            self.bits.unset(Bits::RECLAIM);
        }
        if self.bits.take(Bits::TELL_TIME_WAIT) {
            return Some(Event::Disconnected(Disconnected::TimeWait));
        }
        if self.bits.take(Bits::TELL_END) {
            return self.ended.map(Event::Disconnected);
        }
        None
    }

    /// What is queued now would leave at once (TCP-046); or so little waits as was asked for (TCP-312).
    pub(crate) fn is_ready(&self) -> bool {
        if !self.state.can_send() || self.bits.has(Bits::FIN_QUEUED) {
            return false;
        }
        if let Some(low) = self.is_low() {
            return low;
        }
        if self.backlog() > 0 {
            return false;
        }
        let window = self.cwnd().min(self.wnd());
        let room = window.saturating_sub(self.outstanding());
        room >= self.payload_max().min(self.wnd_max() / 2).max(1)
    }

    /// Bytes between what was read and the end of urgent data (TCP-165).
    pub(crate) fn urgent_remaining(&self) -> usize {
        let unread = clamp(self.ring.unread());
        self.urgent_in.since(self.rcv_nxt - unread) as usize
    }

    /// What the congestion controller holds, for the snapshot of facts.
    pub(crate) fn controller(&self) -> (u32, u32) {
        (self.congestion_window(), self.congestion.ssthresh())
    }
}
