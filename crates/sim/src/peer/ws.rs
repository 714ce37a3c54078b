//! A WebSocket server that echoes, or refuses, or closes, or plays dead.

use super::{Ending, Peer, SharedLog};
use mainstay_base::{Instant, Reason, Rng};
use mainstay_http::http::{HeaderMap, StatusCode};
use mainstay_http::ws::{Chunk, Config, Event, Server};

/// How it behaves.
#[derive(Clone, Debug, Default)]
pub struct WsRules {
    /// Answer the upgrade with this status instead.
    pub refuse: Option<u16>,
    /// Close after so many messages, with this code.
    pub close_after: Option<(u32, u16)>,
    /// After the upgrade take everything and answer nothing: no echo, no pong.
    pub deaf: bool,
    /// Do not echo; answer pings.
    pub mute: bool,
    /// Say this once, after the upgrade.
    pub greeting: Option<Vec<u8>>,
}

/// One connection of it.
#[derive(Debug)]
pub struct Ws {
    server: Server,
    rules: WsRules,
    log: SharedLog,
    open: bool,
    over: bool,
    count: u32,
    message: Vec<u8>,
    /// Whole messages to send back.
    queue: Vec<(Vec<u8>, bool)>,
}

impl Ws {
    /// A connection that behaves so.
    #[must_use]
    pub fn new(rules: WsRules, log: SharedLog) -> Self {
        Self {
            server: Server::new(Config::default()),
            rules,
            log,
            open: false,
            over: false,
            count: 0,
            message: Vec::new(),
            queue: Vec::new(),
        }
    }

    fn drain(&mut self, now: Instant) {
        if self.server.poll_request().is_some() {
            self.answer(now);
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Closed | Event::Failed(_) | Event::Refused(_) => self.over = true,
                Event::Accepted(_)
                | Event::Pong
                | Event::SentThrough(_)
                | Event::PeerClosing { .. } => {}
            }
        }
    }

    fn answer(&mut self, now: Instant) {
        self.log.borrow_mut().requests += 1;
        if let Some(status) = self.rules.refuse {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            let _misuse = self.server.refuse(now, status);
            self.over = true;
            return;
        }
        self.open = self.server.accept(now, None, &HeaderMap::new()).is_ok();
        if let Some(greeting) = self.rules.greeting.take() {
            self.queue.push((greeting, false));
        }
    }

    fn take_message(&mut self, now: Instant, binary: bool) {
        let message = core::mem::take(&mut self.message);
        self.log.borrow_mut().messages.push(message.clone());
        self.count += 1;
        if !self.rules.mute {
            self.queue.push((message, binary));
        }
        if let Some((count, code)) = self.rules.close_after
            && self.count >= count
        {
            self.server.close(now, code, "");
        }
    }

    fn send(&mut self, now: Instant, rng: &mut Rng) {
        while let Some((message, binary)) = self.queue.first() {
            let chunk = Chunk { start: true, end: true, binary: *binary, tag: 0 };
            if self.server.room().down < message.len()
                || self.server.send(now, rng, message, chunk).is_err()
            {
                return;
            }
            self.queue.remove(0);
        }
    }
}

impl Peer for Ws {
    fn handle_opened(&mut self, now: Instant) {
        let mut log = self.log.borrow_mut();
        log.connections += 1;
        log.opened.push(now);
    }

    fn handle_input(&mut self, now: Instant, rng: &mut Rng, bytes: &mut [u8]) -> usize {
        if self.open && self.rules.deaf {
            return bytes.len();
        }
        // chosen: a server that is not read from stops reading.
        if self.queue.len() > 16 {
            return 0;
        }
        let taken = self.server.handle_input(now, bytes);
        self.drain(now);
        let lent = self.server.next_payload(bytes.get_mut(..taken).unwrap_or_default());
        if let Some(payload) = lent {
            if payload.start {
                self.message.clear();
            }
            self.message.extend_from_slice(payload.bytes);
            let (end, binary) = (payload.end, payload.binary);
            if end {
                self.take_message(now, binary);
            }
        }
        self.drain(now);
        self.send(now, rng);
        if self.over { bytes.len() } else { taken }
    }

    fn handle_eof(&mut self, now: Instant) {
        self.server.handle_eof(now);
        self.over = true;
    }

    fn handle_lost(&mut self, now: Instant, reason: Reason) {
        self.server.handle_lost(now, reason);
        self.over = true;
    }

    fn handle_timeout(&mut self, now: Instant, _rng: &mut Rng) {
        self.server.handle_timeout(now);
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }

    fn poll_transmit(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        self.send(now, rng);
        self.server.poll_transmit(now, out, limit);
        self.drain(now);
    }

    fn handle_written(&mut self, now: Instant) {
        self.server.handle_written(now);
        self.drain(now);
    }

    fn ending(&self) -> Option<Ending> {
        (self.over && !self.server.wants_transmit()).then_some(Ending::Close)
    }
}
