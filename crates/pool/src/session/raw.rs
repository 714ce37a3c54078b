//! Raw: bytes as they are (SS-580). Flags mean nothing; a chunk is a message.

use crate::channel::{ChannelId, Chunk, Event, Misuse};
use crate::queue::{Marks, Note, Queue};
use crate::session::NOBODY;
use mainstay_base::{Instant, Local, Peer, Reason};

/// One channel over the bare layers.
#[derive(Debug)]
pub(crate) struct Session {
    channel: ChannelId,
    out: Vec<u8>,
    room_max: usize,
    queued: Option<u64>,
    polled: Option<u64>,
    closing: bool,
    notified: bool,
    finished: bool,
}

impl Session {
    pub(crate) const fn new(channel: ChannelId, room_max: usize) -> Self {
        Self {
            channel,
            out: Vec::new(),
            room_max,
            queued: None,
            polled: None,
            closing: false,
            notified: false,
            finished: false,
        }
    }

    /// What is still said is for nobody.
    pub(crate) const fn orphan(&mut self) {
        self.channel = NOBODY;
    }

    pub(crate) fn handle_input(
        &mut self,
        _now: Instant,
        bytes: &mut [u8],
        queue: &mut Queue,
    ) -> usize {
        if !bytes.is_empty() {
            queue.payload(&[self.channel], bytes, Marks::default(), false);
        }
        bytes.len()
    }

    /// Half-close by the peer: what came was delivered, the channel ends (SS-581).
    pub(crate) fn handle_eof(&mut self, _now: Instant, queue: &mut Queue) {
        let reason =
            if self.closing { Reason::Local(Local::Closed) } else { Reason::Peer(Peer::Closed) };
        self.end(reason, queue);
        queue.note(Note::Done);
    }

    pub(crate) fn handle_lost(&mut self, _now: Instant, reason: Reason, queue: &mut Queue) {
        self.end(reason, queue);
    }

    /// Said once: afterwards the number may be that of another connection's channel.
    fn end(&mut self, reason: Reason, queue: &mut Queue) {
        let channel = core::mem::replace(&mut self.channel, NOBODY);
        if channel != NOBODY {
            queue.event(channel, Event::Closed(reason));
            queue.note(Note::Off(channel));
        }
    }

    pub(crate) fn handle_written(&mut self, queue: &mut Queue) {
        if let Some(tag) = self.polled.take() {
            queue.event(self.channel, Event::SentThrough(tag));
        }
    }

    pub(crate) fn poll_transmit(&mut self, out: &mut Vec<u8>, limit: usize) {
        let len = self.out.len().min(limit);
        out.extend(self.out.drain(..len));
        if self.out.is_empty() {
            self.out = Vec::new();
            self.polled = self.queued.take().or(self.polled);
        }
    }

    pub(crate) const fn wants_transmit(&self) -> bool {
        !self.out.is_empty()
    }

    pub(crate) const fn room(&self) -> usize {
        if self.closing { 0 } else { self.room_max.saturating_sub(self.out.len()) }
    }

    pub(crate) fn send(&mut self, chunk: &Chunk<'_>) -> Result<(), Misuse> {
        if self.closing {
            return Err(Misuse::NotOpen);
        }
        if chunk.bytes.len() > self.room() {
            return Err(Misuse::NoRoom);
        }
        self.out.extend_from_slice(chunk.bytes);
        self.queued = Some(chunk.tag);
        Ok(())
    }

    /// No more will be sent; the channel ends when the peer ends too.
    pub(crate) const fn finish(&mut self) {
        self.closing = true;
    }

    pub(crate) const fn is_finishing(&self) -> bool {
        self.closing && self.out.is_empty()
    }

    /// True once: the layers shall say goodbye.
    pub(crate) const fn notify_once(&mut self) -> bool {
        !core::mem::replace(&mut self.notified, true)
    }

    /// True once: the transport shall be half closed.
    pub(crate) const fn fin_once(&mut self) -> bool {
        !core::mem::replace(&mut self.finished, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Item;
    use mainstay_base::Network;

    #[test]
    fn a_channel_that_ended_is_not_spoken_of_again() {
        let (now, mut queue) = (Instant::ZERO, Queue::default());
        let mut session = Session::new(ChannelId(3), 100);
        let (start, end, total, publish) = (true, true, None, None);
        let chunk = Chunk { bytes: b"hello", start, end, total, tag: 1, publish };
        session.send(&chunk).unwrap();
        session.poll_transmit(&mut Vec::new(), usize::MAX);
        session.handle_eof(now, &mut queue);
        assert!(matches!(queue.pop(), Some(Item::Event(ChannelId(3), Event::Closed(_)))));
        while queue.pop_note().is_some() {}
        // By now the number may be that of another connection's channel.
        session.handle_written(&mut queue);
        session.handle_lost(now, Reason::Network(Network::Reset), &mut queue);
        let told = |item: &Item| matches!(item, Item::Event(ChannelId(3), _));
        assert_eq!(core::iter::from_fn(|| queue.pop()).filter(told).count(), 0);
        let off = |note: &Note| matches!(note, Note::Off(ChannelId(3)));
        assert_eq!(core::iter::from_fn(|| queue.pop_note()).filter(off).count(), 0);
    }
}
