//! The pool, as the machine of one WebSocket on one transport.

use crate::web;
use mainstay_base::{Errno, Instant, Rng, SocketId};
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::{Body, Request};
use mainstay_layers::{MemSpec, Registry, Target, stack};
use mainstay_pool::{
    Attributes, ChannelId, Chunk, Close, Config, Next, Open, Pool, Protocol, Request as Wish, Route,
};
use mainstay_sim::laws::{Lent, Pair, Subject};
use mainstay_tls::WallClock;
use std::collections::VecDeque;
use std::sync::Arc;

const CHANNEL: ChannelId = ChannelId(0);

enum Said {
    Event(String),
    Payload(Lent),
}

struct Ridden {
    pool: Pool,
    socket: SocketId,
    said: VecDeque<Said>,
    tag: u64,
    now: Instant,
}

impl Ridden {
    fn take(&mut self, input: &mut [u8]) {
        while let Some(next) = self.pool.poll_next(self.now, input) {
            self.said.push_back(match next {
                Next::Event(_, event) => Said::Event(format!("{event:?}")),
                Next::Payload(place) => {
                    let payload = self.pool.lend(&place, input);
                    Said::Payload(Lent { bytes: payload.bytes.to_vec(), end: payload.end })
                }
            });
        }
        while let Some(request) = self.pool.poll_request() {
            if let Wish::OpenMem { id, .. } = request {
                self.socket = id;
                self.pool.handle_opened(self.now, id, Ok(()));
            }
        }
        while self.pool.poll_wanting().is_some() {}
    }
}

impl Subject for Ridden {
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.now = now;
        let len = bytes.len().min(self.pool.read_room(self.socket));
        if !self.said.is_empty() || len == 0 {
            return 0;
        }
        self.pool.handle_bytes(self.socket, len);
        self.take(&mut bytes[..len]);
        len
    }
    fn lend(&mut self, _unit: &mut [u8]) -> Option<Lent> {
        match self.said.pop_front()? {
            Said::Payload(lent) => Some(lent),
            event @ Said::Event(_) => {
                self.said.push_front(event);
                None
            }
        }
    }
    fn event(&mut self) -> Option<String> {
        if self.said.is_empty() {
            self.take(&mut []);
        }
        match self.said.pop_front()? {
            Said::Event(event) => Some(event),
            payload @ Said::Payload(_) => {
                self.said.push_front(payload);
                None
            }
        }
    }
    fn transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        self.pool.poll_transmit(now, self.socket, out, limit);
    }
    fn written(&mut self, now: Instant) {
        self.pool.handle_written(now, self.socket);
    }
    fn eof(&mut self, now: Instant) {
        self.pool.handle_eof(now, self.socket);
    }
    fn lost(&mut self, now: Instant) {
        self.pool.handle_lost(now, self.socket, Errno::Reset);
    }
    fn timeout(&mut self, now: Instant) {
        self.now = now;
        self.pool.handle_timeout(now);
    }
    fn deadline(&self) -> Option<Instant> {
        self.pool.poll_timeout()
    }
    fn act(&mut self, now: Instant, what: u64) {
        self.now = now;
        match what % 16 {
            0 => self.pool.close(now, CHANNEL, Close::Finish),
            1 | 2 => self.pool.ping(now, CHANNEL),
            3 => self.pool.want_tx(CHANNEL),
            4 => self.pool.confirm(now, CHANNEL),
            _ => {
                self.tag += 1;
                let bytes = crate::adapters::letters(what >> 8 & 0xfff);
                let chunk = Chunk {
                    bytes: &bytes,
                    start: true,
                    end: true,
                    total: None,
                    tag: self.tag,
                    publish: None,
                };
                let _refused = self.pool.send(now, CHANNEL, &chunk);
            }
        }
    }
}

pub(crate) fn pair() -> Pair {
    let now = Instant::from_millis(1000);
    let registry = Registry::new(WallClock::new(None));
    let mut pool = Pool::new(Config::default(), registry, Rng::from_run(5));
    let request = Request {
        method: Method::GET,
        secure: false,
        authority: "sim.example".into(),
        path: "/path".into(),
        headers: HeaderMap::new(),
        body: Body::None,
    };
    let open = Open {
        route: Arc::new(Route {
            target: Target::new("sim.example", 80),
            stack: stack(MemSpec::new("peer")).build().unwrap(),
        }),
        protocol: Protocol::Ws { request: Box::new(request), subprotocol: None, binary: false },
        validity: None,
        attributes: Attributes::default(),
        tx_max: 16 * 1024,
    };
    pool.open(now, CHANNEL, open);
    let mut ridden = Ridden { pool, socket: SocketId(0), said: VecDeque::new(), tag: 0, now };
    ridden.take(&mut []);
    let (_, server) = web::ws();
    (Box::new(ridden), server)
}
