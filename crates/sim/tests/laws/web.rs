//! HTTP/1, HTTP/2 and WebSocket, both sides.

use crate::adapters::{forward, letters, timers};
use mainstay_base::{Instant, Rng};
use mainstay_http::http::{HeaderMap, Method, StatusCode};
use mainstay_http::{Body, Request, Response, h1, h2, ws};
use mainstay_sim::laws::{Lent, Pair, Subject};

fn request(method: Method, body: Body) -> Request {
    let (authority, path) = ("sim.example".into(), "/path".into());
    Request { method, secure: false, authority, path, headers: HeaderMap::new(), body }
}

/// GET, or POST with a body of this length, announced or not.
fn body(what: u64) -> (Method, Body, Vec<u8>) {
    let bytes = letters(what % 2000);
    match what % 3 {
        0 => (Method::GET, Body::None, Vec::new()),
        1 => (Method::POST, Body::Sized(bytes.len() as u64), bytes),
        _ => (Method::POST, Body::Unsized, bytes),
    }
}

struct H1Client(h1::Client);

impl Subject for H1Client {
    forward!(0);
    timers!(0);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.0.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.0.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: false })
    }
    fn event(&mut self) -> Option<String> {
        self.0.poll_event().map(|event| format!("{event:?}"))
    }
    fn written(&mut self, _now: Instant) {}
    fn act(&mut self, now: Instant, what: u64) {
        let (method, body, bytes) = body(what >> 8);
        if self.0.is_idle() && self.0.request(now, &request(method, body)).is_ok() {
            self.0.send(now, &bytes);
            let _done = self.0.finish(now);
        }
    }
}

struct H1Server {
    server: h1::Server,
    asked: bool,
}

impl Subject for H1Server {
    forward!(server);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.server.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.server.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: false })
    }
    fn event(&mut self) -> Option<String> {
        let event = self.server.poll_event()?;
        self.asked |= matches!(event, h1::Asked::Complete);
        Some(format!("{event:?}"))
    }
    fn written(&mut self, _now: Instant) {}
    fn timeout(&mut self, _now: Instant) {}
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn act(&mut self, now: Instant, what: u64) {
        if !core::mem::take(&mut self.asked) {
            return;
        }
        let (_, body, bytes) = body(what >> 8);
        let _refused = self.server.respond(now, StatusCode::OK, &HeaderMap::new(), body);
        self.server.send(now, &bytes);
        let _done = self.server.finish(now);
    }
}

pub(crate) fn h1() -> Pair {
    let client = H1Client(h1::Client::new(h1::Config::default()));
    let server = H1Server { server: h1::Server::new(h1::Config::default()), asked: false };
    (Box::new(client), Box::new(server))
}

struct WsClient {
    client: ws::Client,
    rng: Rng,
    tag: u64,
}

/// A message, a ping or an end.
fn chunk(tag: &mut u64) -> ws::Chunk {
    *tag += 1;
    ws::Chunk { start: true, end: true, binary: tag.is_multiple_of(2), tag: *tag }
}

impl Subject for WsClient {
    forward!(client);
    timers!(client);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.client.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.client.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: payload.end })
    }
    fn event(&mut self) -> Option<String> {
        self.client.poll_event().map(|event| format!("{event:?}"))
    }
    fn written(&mut self, now: Instant) {
        self.client.handle_written(now);
    }
    fn act(&mut self, now: Instant, what: u64) {
        let bytes = letters(what >> 8 & 0xfff);
        match what % 16 {
            0 => self.client.close(now, &mut self.rng, 1000, "bye"),
            1..5 => self.client.ping(now, &mut self.rng),
            _ => {
                let chunk = chunk(&mut self.tag);
                let _refused = self.client.send(now, &mut self.rng, &bytes, chunk);
            }
        }
    }
}

struct WsServer {
    server: ws::Server,
    rng: Rng,
    tag: u64,
}

impl Subject for WsServer {
    forward!(server);
    timers!(server);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.server.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.server.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: payload.end })
    }
    fn event(&mut self) -> Option<String> {
        if let Some(request) = self.server.poll_request() {
            let _over = self.server.accept(Instant::ZERO, None, &HeaderMap::new());
            return Some(format!("{} {}", request.method(), request.uri()));
        }
        self.server.poll_event().map(|event| format!("{event:?}"))
    }
    fn written(&mut self, now: Instant) {
        self.server.handle_written(now);
    }
    fn act(&mut self, now: Instant, what: u64) {
        let bytes = letters(what >> 8 & 0xfff);
        match what % 16 {
            0 => self.server.close(now, 1000, "bye"),
            1..5 => self.server.ping(now),
            _ => {
                let chunk = chunk(&mut self.tag);
                let _refused = self.server.send(now, &mut self.rng, &bytes, chunk);
            }
        }
    }
}

pub(crate) fn ws() -> Pair {
    let (config, mut rng) = (ws::Config::default(), Rng::from_run(3));
    let request = request(Method::GET, Body::None);
    let client = ws::Client::new(Instant::ZERO, &request, None, config, &mut rng).unwrap();
    let server = ws::Server::new(config);
    (
        Box::new(WsClient { client, rng: rng.fork(), tag: 0 }),
        Box::new(WsServer { server, rng, tag: 0 }),
    )
}

struct H2Client {
    client: h2::Client,
    next: u32,
}

impl Subject for H2Client {
    forward!(client);
    timers!(client);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.client.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.client.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: false })
    }
    fn event(&mut self) -> Option<String> {
        self.client.poll_event().map(|event| format!("{event:?}"))
    }
    fn written(&mut self, _now: Instant) {}
    fn act(&mut self, now: Instant, what: u64) {
        match what % 16 {
            0 => self.client.close(now),
            1 => self.client.ping(now),
            2 => self.client.reset(now, self.next),
            _ => {
                self.next += 1;
                let (method, body, bytes) = body(what >> 8);
                if self.client.open(now, self.next, &request(method, body)).is_ok() {
                    self.client.send(now, self.next, &bytes);
                    let _done = self.client.finish(now, self.next);
                }
            }
        }
    }
}

struct H2Server {
    server: h2::Server,
    asked: Vec<u32>,
}

impl Subject for H2Server {
    forward!(server);
    timers!(server);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.server.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.server.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: false })
    }
    fn event(&mut self) -> Option<String> {
        let event = self.server.poll_event()?;
        if let h2::ServerEvent::Complete(id) = event {
            self.asked.push(id);
        }
        Some(format!("{event:?}"))
    }
    fn written(&mut self, _now: Instant) {}
    fn act(&mut self, now: Instant, what: u64) {
        let Some(id) = self.asked.pop() else { return };
        let bytes = letters(1 + what % 2000);
        if self.server.respond(now, id, &Response::new(()), false).is_ok() {
            self.server.send(now, id, &bytes);
            let _done = self.server.finish(now, id);
        }
    }
}

pub(crate) fn h2() -> Pair {
    let config = h2::Config::default();
    let client = h2::Client::new(Instant::ZERO, config.clone());
    let server = h2::Server::new(Instant::ZERO, config);
    (Box::new(H2Client { client, next: 0 }), Box::new(H2Server { server, asked: Vec::new() }))
}
