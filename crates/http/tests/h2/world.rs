//! A client and a server machine in memory, pumped until both are still.

use mainstay_base::Instant;
use mainstay_http::h2::{Client, Config, Event, Server, ServerEvent};
use mainstay_http::http::{self, HeaderMap, Method, StatusCode};
use mainstay_http::{Body, Request, Response};
use std::collections::BTreeMap;

pub(crate) const NOW: Instant = Instant::ZERO;

/// What a client said and gave, in order, by stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) events: Vec<String>,
    pub(crate) bodies: BTreeMap<u32, Vec<u8>>,
}

impl Log {
    /// How often `text` happened.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.events.iter().filter(|event| event.as_str() == text).count()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    pub(crate) fn body(&self, id: u32) -> &[u8] {
        self.bodies.get(&id).map_or(&[], Vec::as_slice)
    }

    /// One unit's worth, in the contract's order.
    pub(crate) fn drain(&mut self, client: &mut Client) {
        self.drain_events(client);
        while let Some(payload) = client.next_payload(&mut []) {
            self.bodies.entry(payload.id).or_default().extend_from_slice(payload.bytes);
        }
        self.drain_events(client);
    }

    fn drain_events(&mut self, client: &mut Client) {
        while let Some(event) = client.poll_event() {
            self.events.push(match event {
                Event::Head(id, head) => format!("head {id} {}", head.status().as_u16()),
                Event::Complete(id) => format!("complete {id}"),
                Event::Reset(id, why) => format!("reset {id} {why:?}"),
                Event::Writable(id) => format!("writable {id}"),
                Event::Pong => "pong".into(),
                Event::GoAway => "goaway".into(),
                Event::Failed(why) => format!("failed {why:?}"),
            });
        }
    }
}

/// How the server of a [`World`] answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// 200 with the request's body.
    Echo,
    /// 200 with so many bytes.
    Bytes(usize),
    /// This status and nothing more.
    Status(u16),
    /// Not at all; the test does.
    Nothing,
}

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) log: Log,
    pub(crate) answer: Answer,
    /// What the server was asked, by stream of the wire.
    pub(crate) asked: Vec<(u32, Box<http::Request<()>>)>,
    pub(crate) received: BTreeMap<u32, Vec<u8>>,
    pub(crate) server_events: Vec<String>,
    owed: BTreeMap<u32, (Vec<u8>, bool)>,
    /// Bytes moved at once each way.
    pub(crate) grain: usize,
    pub(crate) to_client: usize,
}

impl World {
    pub(crate) fn new(client: Config, server: Config, answer: Answer) -> Self {
        Self {
            client: Client::new(NOW, client),
            server: Server::new(NOW, server),
            log: Log::default(),
            answer,
            asked: Vec::new(),
            received: BTreeMap::new(),
            server_events: Vec::new(),
            owed: BTreeMap::new(),
            grain: 16 * 1024,
            to_client: 0,
        }
    }

    pub(crate) fn default(answer: Answer) -> Self {
        Self::new(Config::default(), Config::default(), answer)
    }

    /// Payload the server is to send on a stream of the wire.
    pub(crate) fn owe(&mut self, id: u32, bytes: Vec<u8>, last: bool) {
        let entry = self.owed.entry(id).or_default();
        entry.0.extend(bytes);
        entry.1 = last;
    }

    /// Payload the server still holds.
    pub(crate) fn unsent(&self, id: u32) -> usize {
        self.owed.get(&id).map_or(0, |owed| owed.0.len())
    }

    /// Moves bytes until nothing moves. Panics if that takes for ever.
    pub(crate) fn run(&mut self) {
        let still = (0..100_000).any(|_| !self.step());
        assert!(still, "never still");
    }

    pub(crate) fn step(&mut self) -> bool {
        self.log.drain(&mut self.client);
        let mut out = Vec::new();
        self.client.poll_transmit(NOW, &mut out, self.grain);
        let mut moved = !out.is_empty();
        feed(&mut out, |bytes| self.server.handle_input(NOW, bytes));
        self.serve();
        let mut out = Vec::new();
        self.server.poll_transmit(NOW, &mut out, self.grain);
        moved |= !out.is_empty();
        self.to_client += out.len();
        let client = &mut self.client;
        feed(&mut out, |bytes| client.handle_input(NOW, bytes));
        self.log.drain(&mut self.client);
        moved
    }

    fn serve(&mut self) {
        self.serve_events();
        while let Some(payload) = self.server.next_payload(&mut []) {
            self.received.entry(payload.id).or_default().extend_from_slice(payload.bytes);
        }
        self.serve_events();
        for (id, (bytes, last)) in &mut self.owed {
            while !bytes.is_empty() {
                let sent = self.server.send(NOW, *id, bytes);
                bytes.drain(..sent);
                if sent == 0 {
                    break;
                }
            }
            if bytes.is_empty() && core::mem::take(last) {
                let _reset = self.server.finish(NOW, *id);
            }
        }
    }

    fn serve_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::Request(id, head) => {
                    self.asked.push((id, head));
                    match self.answer.clone() {
                        Answer::Bytes(len) => {
                            self.respond(id, 200, false);
                            self.owe(id, vec![7; len], true);
                        }
                        Answer::Status(status) => self.respond(id, status, true),
                        Answer::Echo | Answer::Nothing => {}
                    }
                }
                ServerEvent::Complete(id) => {
                    self.server_events.push(format!("complete {id}"));
                    if matches!(self.answer, Answer::Echo) {
                        self.respond(id, 200, false);
                        let body = self.received.get(&id).cloned().unwrap_or_default();
                        self.owe(id, body, true);
                    }
                }
                ServerEvent::Reset(id, why) => {
                    self.server_events.push(format!("reset {id} {why:?}"));
                }
                ServerEvent::Writable(_) => {}
                ServerEvent::Failed(why) => self.server_events.push(format!("failed {why:?}")),
            }
        }
    }

    pub(crate) fn respond(&mut self, id: u32, status: u16, last: bool) {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).unwrap();
        self.server.respond(NOW, id, &head, last).unwrap();
    }
}

/// Hands `bytes` in until all are taken.
pub(crate) fn feed(bytes: &mut [u8], mut take: impl FnMut(&mut [u8]) -> usize) {
    let mut at = 0;
    while at < bytes.len() {
        let taken = take(&mut bytes[at..]);
        if taken == 0 {
            return; // It is over.
        }
        at += taken;
    }
}

pub(crate) fn request(method: Method, path: &str, body: Body) -> Request {
    Request {
        method,
        secure: true,
        authority: "device.example".into(),
        path: path.into(),
        headers: HeaderMap::new(),
        body,
    }
}

pub(crate) fn get(path: &str) -> Request {
    request(Method::GET, path, Body::None)
}

pub(crate) fn post(body: Body) -> Request {
    request(Method::POST, "/in", body)
}
