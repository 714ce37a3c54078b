//! HTTP/1.1: one transaction at a time, the connection kept for the next.

use crate::channel::{ChannelId, Chunk, Event, Misuse, Open, Protocol};
use crate::queue::{Marks, Note, Queue};
use mainstay_base::{Instant, Peer, Reason};
use mainstay_http::{Body, Request, h1};

/// The transaction of the moment, or none.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: h1::Client,
    channel: Option<ChannelId>,
    /// Kept until the response begins: a kept connection may turn out dead (RFC 9112 §9.3.1).
    again: Option<Box<Open>>,
    body_started: bool,
}

impl Session {
    pub(crate) const fn new(client: h1::Client) -> Self {
        Self { client, channel: None, again: None, body_started: false }
    }

    /// Starts a transaction. What may be repeated is kept, should a reused connection be dead.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        channel: ChannelId,
        open: Box<Open>,
        reused: bool,
        queue: &mut Queue,
    ) -> Result<(), Misuse> {
        let (Protocol::H1(request) | Protocol::H2 { request, .. }) = &open.protocol else {
            return Err(Misuse::Unsupported);
        };
        self.client.request(now, request).map_err(|_| Misuse::Unsupported)?;
        let again = (reused && is_repeatable(request)).then_some(open);
        self.channel = Some(channel);
        self.again = again;
        self.body_started = false;
        queue.event(channel, Event::Opened);
        Ok(())
    }

    /// Free for the next transaction.
    pub(crate) fn is_idle(&self) -> bool {
        self.channel.is_none() && self.client.is_idle() && self.client.is_reusable()
    }

    /// What is under way is not to be repeated.
    pub(crate) fn give_up(&mut self) {
        self.again = None;
    }

    /// What to open anew because a reused connection died before it said anything.
    pub(crate) fn take_again(&mut self) -> Option<(ChannelId, Box<Open>)> {
        let open = self.again.take()?;
        Some((self.channel.take()?, open))
    }

    pub(crate) fn handle_input(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        queue: &mut Queue,
    ) -> usize {
        let taken = self.client.handle_input(now, bytes);
        self.translate(queue);
        let Some(unit) = bytes.get_mut(..taken) else { return taken };
        if let Some(channel) = self.channel {
            while let Some(payload) = self.client.next_payload(unit) {
                let marks = Marks { start: !self.body_started, ..Marks::default() };
                self.body_started = true;
                queue.payload(&[channel], payload.bytes, marks, false);
            }
        }
        self.translate(queue);
        taken
    }

    pub(crate) fn handle_eof(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_eof(now);
        self.translate(queue);
        self.end(Reason::Peer(Peer::Closed), queue);
        queue.note(Note::Done);
    }

    pub(crate) fn handle_lost(&mut self, now: Instant, reason: Reason, queue: &mut Queue) {
        self.client.handle_lost(now, reason);
        self.translate(queue);
        self.end(reason, queue);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_timeout(now);
        self.translate(queue);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    pub(crate) fn room(&self) -> usize {
        self.client.room().down
    }

    pub(crate) fn send(&mut self, now: Instant, chunk: &Chunk<'_>) -> Result<(), Misuse> {
        if chunk.bytes.len() > self.room() {
            return Err(Misuse::NoRoom);
        }
        // A body that has begun cannot be sent again.
        self.again = None;
        self.client.send(now, chunk.bytes);
        if chunk.end {
            self.client.finish(now).map_err(|_| Misuse::Framing)?;
        }
        Ok(())
    }

    fn translate(&mut self, queue: &mut Queue) {
        while let Some(event) = self.client.poll_event() {
            let channel = self.channel;
            match event {
                h1::Event::Continue => {}
                h1::Event::Head(response) => {
                    self.again = None;
                    if let Some(channel) = channel {
                        queue.event(channel, Event::Head(response));
                    }
                    queue.note(Note::Alive);
                }
                h1::Event::Complete => {
                    if let Some(channel) = self.channel.take() {
                        queue.event(channel, Event::Finished);
                        queue.note(Note::Off(channel));
                    }
                    if !self.client.is_reusable() {
                        queue.note(Note::Done);
                    }
                }
                h1::Event::Failed(reason) => {
                    self.end(reason, queue);
                    queue.note(Note::Failed(reason));
                }
            }
        }
    }

    /// Ends the transaction, unless it is to be opened anew on another connection.
    fn end(&mut self, reason: Reason, queue: &mut Queue) {
        if self.again.is_some() {
            return;
        }
        if let Some(channel) = self.channel.take() {
            queue.event(channel, Event::Closed(reason));
            queue.note(Note::Off(channel));
        }
    }
}

/// Whether a request may be repeated when its connection died in silence (RFC 9110 §9.2.2).
fn is_repeatable(request: &Request) -> bool {
    request.method.is_idempotent() && request.body == Body::None
}
