//! WebSocket: one channel on one connection.

use crate::channel::{ChannelId, Chunk, Event, Misuse};
use crate::queue::{Marks, Note, Queue};
use crate::session::NOBODY;
use mainstay_base::{Instant, Local, Peer, Reason, Rng};
use mainstay_http::ws;

/// One channel over a WebSocket.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: ws::Client,
    channel: ChannelId,
    binary: bool,
    opened: bool,
    closing: bool,
    over: bool,
    peer_code: Option<u16>,
}

impl Session {
    pub(crate) const fn new(client: ws::Client, channel: ChannelId, binary: bool) -> Self {
        Self {
            client,
            channel,
            binary,
            opened: false,
            closing: false,
            over: false,
            peer_code: None,
        }
    }

    /// What is still said is for nobody.
    pub(crate) const fn orphan(&mut self) {
        self.channel = NOBODY;
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
        let channel = [self.channel];
        while let Some(payload) = self.client.next_payload(unit) {
            let marks = Marks { start: payload.start, end: payload.end, binary: payload.binary };
            queue.payload(&channel, payload.bytes, marks, false);
        }
        self.translate(queue);
        taken
    }

    pub(crate) fn handle_eof(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_eof(now);
        self.translate(queue);
        self.end(self.end_reason(), queue);
    }

    pub(crate) fn handle_lost(&mut self, now: Instant, reason: Reason, queue: &mut Queue) {
        self.client.handle_lost(now, reason);
        self.translate(queue);
        self.end(reason, queue);
    }

    pub(crate) fn handle_written(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_written(now);
        self.translate(queue);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, queue: &mut Queue) {
        self.client.handle_timeout(now);
        self.translate(queue);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    pub(crate) fn send(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        chunk: &Chunk<'_>,
    ) -> Result<(), Misuse> {
        if !self.opened || self.closing {
            return Err(Misuse::NotOpen);
        }
        let kind =
            ws::Chunk { start: chunk.start, end: chunk.end, binary: self.binary, tag: chunk.tag };
        self.client.send(now, rng, chunk.bytes, kind).map_err(|misuse| match misuse {
            mainstay_http::Misuse::NoRoom => Misuse::NoRoom,
            mainstay_http::Misuse::Framing => Misuse::Framing,
            mainstay_http::Misuse::Busy
            | mainstay_http::Misuse::NotOpen
            | mainstay_http::Misuse::Authority
            | mainstay_http::Misuse::Path
            | mainstay_http::Misuse::Header
            | mainstay_http::Misuse::Method
            | mainstay_http::Misuse::TooShort
            | mainstay_http::Misuse::TooLong => Misuse::NotOpen,
        })
    }

    /// Starts the close handshake; the channel ends when it is done.
    pub(crate) fn finish(&mut self, now: Instant, rng: &mut Rng) {
        self.closing = true;
        // 1000: normal closure, RFC 6455 section 7.4.1.
        self.client.close(now, rng, 1000, "");
    }

    /// Whether the upgrade was accepted.
    pub(crate) const fn is_open(&self) -> bool {
        self.opened
    }

    fn translate(&mut self, queue: &mut Queue) {
        while let Some(event) = self.client.poll_event() {
            match event {
                ws::Event::Accepted(response) => {
                    self.opened = true;
                    queue.event(self.channel, Event::Head(response));
                    queue.event(self.channel, Event::Opened);
                    queue.note(Note::Alive);
                }
                ws::Event::Refused(response) => {
                    let status = response.status().as_u16();
                    queue.event(self.channel, Event::Head(response));
                    self.end(Reason::Peer(Peer::Status(status)), queue);
                    queue.note(Note::Done);
                }
                ws::Event::Pong => {
                    queue.event(self.channel, Event::Valid);
                    queue.note(Note::Alive);
                }
                ws::Event::SentThrough(tag) => queue.event(self.channel, Event::SentThrough(tag)),
                ws::Event::PeerClosing { code } => self.peer_code = Some(code.unwrap_or(1005)),
                ws::Event::Closed => {
                    self.end(self.end_reason(), queue);
                    queue.note(Note::Done);
                }
                ws::Event::Failed(reason) => {
                    self.end(reason, queue);
                    queue.note(Note::Failed(reason));
                }
            }
        }
    }

    const fn end_reason(&self) -> Reason {
        match self.peer_code {
            _ if self.closing => Reason::Local(Local::Closed),
            Some(code) => Reason::Peer(Peer::WsClose(code)),
            None => Reason::Peer(Peer::Closed),
        }
    }

    fn end(&mut self, reason: Reason, queue: &mut Queue) {
        if !self.over {
            self.over = true;
            queue.event(self.channel, Event::Closed(reason));
            queue.note(Note::Off(self.channel));
        }
    }
}
