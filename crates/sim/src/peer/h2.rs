//! An HTTP/2 server that answers as a judge says, every stream for itself.

use super::{Answer, Ending, Judge, Peer, SharedLog};
use core::fmt;
use mainstay_base::{Instant, Reason, Rng};
use mainstay_http::Response;
use mainstay_http::h2::{Config, Server, ServerEvent};
use mainstay_http::http::{HeaderName, HeaderValue, StatusCode};
use std::collections::BTreeMap;

/// One connection of it.
pub struct H2 {
    server: Server,
    judge: Judge,
    log: SharedLog,
    streams: BTreeMap<u32, Stream>,
    ending: Option<Ending>,
}

#[derive(Debug, Default)]
struct Stream {
    method: String,
    path: String,
    body: Vec<u8>,
    later: Option<(Instant, Answer)>,
    out: Vec<u8>,
    answering: bool,
}

impl fmt::Debug for H2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("H2").field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl H2 {
    /// A connection on which `judge` answers.
    #[must_use]
    pub fn new(judge: Judge, log: SharedLog, config: Config) -> Self {
        let server = Server::new(Instant::ZERO, config);
        Self { server, judge, log, streams: BTreeMap::new(), ending: None }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::Request(id, head) => {
                    let path = head.uri().path_and_query().map_or("/", |path| path.as_str());
                    let method = head.method().as_str().to_owned();
                    let stream = Stream { method, path: path.to_owned(), ..Stream::default() };
                    self.streams.insert(id, stream);
                }
                ServerEvent::Complete(id) => self.decide(now, id),
                ServerEvent::Reset(id, _) => {
                    self.streams.remove(&id);
                }
                ServerEvent::Writable(_) => {}
                ServerEvent::Failed(_) => self.ending = Some(Ending::Close),
            }
        }
        self.send(now);
    }

    fn decide(&mut self, now: Instant, id: u32) {
        let Some(stream) = self.streams.get(&id) else { return };
        let count = {
            let mut log = self.log.borrow_mut();
            log.requests += 1;
            log.messages.push(stream.body.clone());
            log.requests
        };
        let answer = (self.judge)(&stream.method, &stream.path, count - 1);
        self.carry_out(now, id, answer);
    }

    fn carry_out(&mut self, now: Instant, id: u32, answer: Answer) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match answer {
            Answer::Respond { status, headers, body, .. } => {
                let mut head = Response::new(());
                *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_str(&value) {
                        head.headers_mut().insert(HeaderName::from_static(name), value);
                    }
                }
                if head.status().is_success() {
                    self.log.borrow_mut().answered.push(stream.body.clone());
                }
                let last = body.is_empty();
                stream.answering = self.server.respond(now, id, &head, last).is_ok() && !last;
                stream.out = body;
                if last {
                    self.streams.remove(&id);
                }
            }
            Answer::Later(wait, answer) => stream.later = Some((now + wait, *answer)),
            // CANCEL: RFC 9113 section 7.
            Answer::Drop => self.server.reset(now, id, 8),
            Answer::Reset => self.ending = Some(Ending::Abort),
            Answer::Never | Answer::Bytes(_) => {}
        }
    }

    fn send(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (&id, stream) in self.streams.iter_mut().filter(|(_, stream)| stream.answering) {
            let taken = self.server.send(now, id, &stream.out);
            stream.out.drain(..taken);
            if stream.out.is_empty() {
                let _misuse = self.server.finish(now, id);
                over.push(id);
            }
        }
        for id in over {
            self.streams.remove(&id);
        }
    }
}

impl Peer for H2 {
    fn handle_opened(&mut self, now: Instant) {
        let mut log = self.log.borrow_mut();
        log.connections += 1;
        log.opened.push(now);
    }

    fn handle_input(&mut self, now: Instant, _rng: &mut Rng, bytes: &mut [u8]) -> usize {
        let taken = self.server.handle_input(now, bytes);
        self.drain(now);
        while let Some(payload) = self.server.next_payload(&mut []) {
            if let Some(stream) = self.streams.get_mut(&payload.id) {
                stream.body.extend_from_slice(payload.bytes);
            }
        }
        self.drain(now);
        if self.ending.is_some() { bytes.len() } else { taken }
    }

    fn handle_eof(&mut self, now: Instant) {
        self.server.handle_eof(now);
        self.drain(now);
        self.ending.get_or_insert(Ending::Close);
    }

    fn handle_lost(&mut self, now: Instant, reason: Reason) {
        self.server.handle_lost(now, reason);
        self.streams.clear();
    }

    fn handle_timeout(&mut self, now: Instant, _rng: &mut Rng) {
        let due: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.later.as_ref().is_some_and(|(at, _)| *at <= now))
            .map(|(&id, _)| id)
            .collect();
        for id in due {
            let later = self.streams.get_mut(&id).and_then(|stream| stream.later.take());
            if let Some((_, answer)) = later {
                self.carry_out(now, id, answer);
            }
        }
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.streams.values().filter_map(|stream| stream.later.as_ref().map(|&(at, _)| at)).min()
    }

    fn poll_transmit(&mut self, now: Instant, _rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        self.send(now);
        self.server.poll_transmit(now, out, limit);
        self.drain(now);
    }

    fn ending(&self) -> Option<Ending> {
        self.ending
    }
}
