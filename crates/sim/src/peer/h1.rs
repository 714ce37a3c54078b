//! An HTTP/1.1 server that answers as a judge says.

use super::{Answer, Ending, Judge, Peer, SharedLog};
use core::fmt;
use mainstay_base::{Instant, Reason, Rng};
use mainstay_http::Body;
use mainstay_http::h1::{Asked, Config, Server};
use mainstay_http::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// One connection of it.
pub struct H1 {
    server: Server,
    judge: Judge,
    log: SharedLog,
    asked: Option<(String, String)>,
    body: Vec<u8>,
    whole: bool,
    later: Option<(Instant, Answer)>,
    /// Response body not queued yet.
    out: Vec<u8>,
    answering: bool,
    ending: Option<Ending>,
    /// Bytes that replace a response.
    raw: Vec<u8>,
}

impl fmt::Debug for H1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H1").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl H1 {
    /// A connection on which `judge` answers.
    #[must_use]
    pub fn new(judge: Judge, log: SharedLog) -> Self {
        Self {
            server: Server::new(Config::default()),
            judge,
            log,
            asked: None,
            body: Vec::new(),
            whole: false,
            later: None,
            out: Vec::new(),
            answering: false,
            ending: None,
            raw: Vec::new(),
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Asked::Head(head) => {
                    let path = head.uri().path_and_query().map_or("/", |path| path.as_str());
                    self.asked = Some((head.method().as_str().to_owned(), path.to_owned()));
                    self.body.clear();
                }
                Asked::Complete => {
                    self.whole = true;
                    self.decide(now);
                }
                Asked::Answered(kept) => {
                    self.asked = None;
                    if !kept {
                        self.ending = Some(Ending::Close);
                    }
                }
                Asked::Failed(_) => self.ending = Some(Ending::Close),
            }
        }
    }

    /// The request is whole: what to do about it.
    fn decide(&mut self, now: Instant) {
        let Some((method, path)) = self.asked.clone() else { return };
        let count = {
            let mut log = self.log.borrow_mut();
            log.requests += 1;
            log.messages.push(self.body.clone());
            log.requests
        };
        let answer = (self.judge)(&method, &path, count - 1);
        self.carry_out(now, answer);
    }

    fn carry_out(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Respond { status, headers, body, sized } => {
                let mut map = HeaderMap::new();
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_str(&value) {
                        map.insert(HeaderName::from_static(name), value);
                    }
                }
                let code = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let framing = if sized { Body::Sized(body.len() as u64) } else { Body::Unsized };
                let begun = self.server.respond(now, code, &map, framing).is_ok();
                self.answering = begun && !(sized && body.is_empty());
                self.out = body;
                if begun && code.is_success() {
                    self.log.borrow_mut().answered.push(self.body.clone());
                }
            }
            Answer::Later(wait, answer) => self.later = Some((now + wait, *answer)),
            Answer::Drop => self.ending = Some(Ending::Close),
            Answer::Reset => self.ending = Some(Ending::Abort),
            Answer::Never => {}
            Answer::Bytes(bytes) => self.raw = bytes,
        }
    }

    fn send(&mut self, now: Instant) {
        if !self.answering {
            return;
        }
        let taken = self.server.send(now, &self.out);
        self.out.drain(..taken);
        if self.out.is_empty() {
            self.answering = false;
            let _misuse = self.server.finish(now);
        }
        self.drain(now);
    }
}

impl Peer for H1 {
    fn handle_opened(&mut self, now: Instant) {
        let mut log = self.log.borrow_mut();
        log.connections += 1;
        log.opened.push(now);
    }

    fn handle_input(&mut self, now: Instant, _rng: &mut Rng, bytes: &mut [u8]) -> usize {
        let taken = self.server.handle_input(now, bytes);
        self.drain(now);
        let lent = self.server.next_payload(bytes.get_mut(..taken).unwrap_or_default());
        if let Some(payload) = lent {
            self.body.extend_from_slice(payload.bytes);
        }
        self.drain(now);
        self.send(now);
        taken
    }

    fn handle_eof(&mut self, now: Instant) {
        self.server.handle_eof(now);
        self.drain(now);
        if self.asked.is_none() {
            self.ending = Some(Ending::Close);
        }
    }

    fn handle_lost(&mut self, now: Instant, reason: Reason) {
        self.server.handle_lost(now, reason);
        self.later = None;
    }

    fn handle_timeout(&mut self, now: Instant, _rng: &mut Rng) {
        if self.later.as_ref().is_some_and(|(at, _)| *at <= now)
            && let Some((_, answer)) = self.later.take()
        {
            self.carry_out(now, answer);
            self.drain(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.later.as_ref().map(|(at, _)| *at)
    }

    fn poll_transmit(&mut self, now: Instant, _rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        if !self.raw.is_empty() {
            let len = self.raw.len().min(limit);
            out.extend(self.raw.drain(..len));
            if self.raw.is_empty() {
                self.ending = Some(Ending::Close);
            }
            return;
        }
        self.send(now);
        self.server.poll_transmit(now, out, limit);
        self.send(now);
    }

    fn ending(&self) -> Option<Ending> {
        self.ending.filter(|&how| how == Ending::Abort || !self.server.wants_transmit())
    }
}
