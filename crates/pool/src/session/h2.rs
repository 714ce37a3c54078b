//! HTTP/2: many transactions on one connection, keyed by channel.

use crate::channel::{ChannelId, Chunk, Event, Misuse};
use crate::queue::{Marks, Note, Queue};
use mainstay_base::{Instant, Peer, Reason};
use mainstay_http::{Request, h2};
use std::collections::BTreeMap;

/// The transactions of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: h2::Client,
    /// Channel and whether its body began.
    streams: BTreeMap<u32, bool>,
}

impl Session {
    pub(crate) const fn new(client: h2::Client) -> Self {
        Self { client, streams: BTreeMap::new() }
    }

    pub(crate) fn start(
        &mut self,
        now: Instant,
        channel: ChannelId,
        request: &Request,
        queue: &mut Queue,
    ) -> Result<(), Misuse> {
        self.client.open(now, channel.0, request).map_err(|_| Misuse::Unsupported)?;
        self.streams.insert(channel.0, false);
        queue.event(channel, Event::Opened);
        Ok(())
    }

    pub(crate) fn stream_count(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn handle_input(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        queue: &mut Queue,
    ) -> usize {
        let taken = self.client.handle_input(now, bytes);
        self.drain(bytes.get_mut(..taken).unwrap_or_default(), queue);
        taken
    }

    pub(crate) fn handle_eof(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_eof(now);
        self.drain(&mut [], queue);
        self.end_all(Reason::Peer(Peer::Closed), queue);
        queue.note(Note::Done);
    }

    pub(crate) fn handle_lost(&mut self, now: Instant, reason: Reason, queue: &mut Queue) {
        self.client.handle_lost(now, reason);
        self.drain(&mut [], queue);
        self.end_all(reason, queue);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_timeout(now);
        self.drain(&mut [], queue);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        limit: usize,
        queue: &mut Queue,
    ) {
        self.client.poll_transmit(now, out, limit);
        self.drain(&mut [], queue);
    }

    pub(crate) fn send(
        &mut self,
        now: Instant,
        channel: ChannelId,
        chunk: &Chunk<'_>,
    ) -> Result<(), Misuse> {
        if chunk.bytes.len() > self.client.stream_room(channel.0) {
            return Err(Misuse::NoRoom);
        }
        self.client.send(now, channel.0, chunk.bytes);
        if chunk.end {
            self.client.finish(now, channel.0).map_err(|_| Misuse::Framing)?;
        }
        Ok(())
    }

    /// Gives up one transaction.
    pub(crate) fn reset(&mut self, now: Instant, channel: ChannelId) {
        if self.streams.remove(&channel.0).is_some() {
            self.client.reset(now, channel.0);
        }
    }

    /// Lets a stream's window run dry, or opens it again; what it kept is said at once.
    pub(crate) fn pause(&mut self, channel: ChannelId, paused: bool, queue: &mut Queue) {
        self.client.pause(channel.0, paused);
        self.drain(&mut [], queue);
    }

    fn drain(&mut self, unit: &mut [u8], queue: &mut Queue) {
        loop {
            let mut idle = !self.translate(queue);
            while let Some(payload) = self.client.next_payload(unit) {
                idle = false;
                if let Some(begun) = self.streams.get_mut(&payload.id) {
                    let marks = Marks { start: !*begun, ..Marks::default() };
                    *begun = true;
                    queue.payload(&[ChannelId(payload.id)], payload.bytes, marks, false);
                }
            }
            // A stream's end may show only now that its payload was asked for.
            idle &= !self.translate(queue);
            if idle {
                return;
            }
        }
    }

    /// Whether anything was said.
    fn translate(&mut self, queue: &mut Queue) -> bool {
        let mut any = false;
        while let Some(event) = self.client.poll_event() {
            any = true;
            match event {
                h2::Event::Head(id, response) => {
                    queue.event(ChannelId(id), Event::Head(response));
                    queue.note(Note::Alive);
                }
                h2::Event::Complete(id) => self.off(id, Event::Finished, queue),
                h2::Event::Reset(id, reason) => self.off(id, Event::Closed(reason), queue),
                h2::Event::Writable(id) => queue.event(ChannelId(id), Event::Writable),
                h2::Event::Pong => {
                    queue.note(Note::Alive);
                    for &id in self.streams.keys() {
                        queue.event(ChannelId(id), Event::Valid);
                    }
                }
                h2::Event::GoAway => {
                    if self.streams.is_empty() {
                        queue.note(Note::Done);
                    }
                }
                h2::Event::Failed(reason) => {
                    self.end_all(reason, queue);
                    queue.note(Note::Failed(reason));
                }
            }
        }
        any
    }

    fn off(&mut self, id: u32, event: Event, queue: &mut Queue) {
        if self.streams.remove(&id).is_some() {
            queue.event(ChannelId(id), event);
            queue.note(Note::Off(ChannelId(id)));
        }
        if self.streams.is_empty() && !self.client.is_open_for_streams() {
            queue.note(Note::Done);
        }
    }

    fn end_all(&mut self, reason: Reason, queue: &mut Queue) {
        for (id, _) in core::mem::take(&mut self.streams) {
            queue.event(ChannelId(id), Event::Closed(reason));
            queue.note(Note::Off(ChannelId(id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Item;
    use mainstay_http::http::{HeaderMap, Method};
    use mainstay_http::{Body, h2::Config};

    /// SETTINGS; HEADERS of stream 1 with status 200; DATA of it, "hello"; DATA of it, empty, with `END_STREAM`.
    const ANSWER: [&[u8]; 4] = [
        &[0, 0, 0, 4, 0, 0, 0, 0, 0],
        &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88],
        b"\0\0\x05\0\0\0\0\0\x01hello",
        &[0, 0, 0, 0, 1, 0, 0, 0, 1],
    ];

    #[test]
    fn an_end_that_comes_alone_is_said_at_once() {
        let (now, mut queue, channel) = (Instant::ZERO, Queue::default(), ChannelId(3));
        let mut session = Session::new(h2::Client::new(now, Config::default()));
        let (authority, path) = ("a".into(), "/".into());
        let (method, headers, body) = (Method::GET, HeaderMap::new(), Body::None);
        let request = Request { method, secure: false, authority, path, headers, body };
        session.start(now, channel, &request, &mut queue).unwrap();
        for frame in ANSWER {
            session.poll_transmit(now, &mut Vec::new(), usize::MAX, &mut queue);
            while queue.pop().is_some() {}
            assert_eq!(session.handle_input(now, &mut frame.to_vec(), &mut queue), frame.len());
        }
        let said = core::iter::from_fn(|| queue.pop());
        let ends = said.filter(|item| matches!(item, Item::Event(_, Event::Finished)));
        assert_eq!(ends.count(), 1);
    }
}
