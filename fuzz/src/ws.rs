//! The WebSocket client, from its handshake on. The accept key it waits for is always the same: its nonce is drawn from
//! a fixed seed, and seeds in `seeds/ws` answer it.
//!
//! `a` text, `b` binary, `c` begins a message, `d` goes on with it, `e` ends it, `f` ping, `g` close, `h` a large message.

use crate::adapter::{TEXT, forward, request};
use crate::{Alike, Lent, Machine};
use mainstay_base::{Instant, Rng};
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::{Body, ws};

/// The machine, and what its commands need.
#[derive(Debug)]
pub struct Client {
    client: ws::Client,
    rng: Rng,
    tag: u64,
    written: u64,
    /// A message is being received.
    open: bool,
}

impl Client {
    fn send(&mut self, now: Instant, bytes: &[u8], start: bool, end: bool, binary: bool) {
        self.tag += 1;
        let room = self.client.room().down;
        let chunk = ws::Chunk { start, end, binary, tag: self.tag };
        if self.client.send(now, &mut self.rng, bytes, chunk).is_ok() {
            assert!(bytes.len() <= room, "more was taken than there is room");
        }
    }
}

impl Machine for Client {
    /// A head of 16 KiB, as bytes and as fields, and a queue of 16 KiB, each grown to twice that.
    const HELD_MAX: usize = 128 * 1024;
    /// Text is judged before it is lent: the piece that is none is not.
    const ALIKE: Alike = Alike::ButForBroken;

    forward!(client);

    fn open(now: Instant, _kind: u8) -> Self {
        let mut rng = Rng::from_run(3);
        let asked = request(Method::GET, HeaderMap::new(), Body::None);
        let client = ws::Client::new(now, &asked, None, ws::Config::default(), &mut rng);
        let Ok(client) = client else { panic!("a plain request is refused") };
        Self { client, rng, tag: 0, written: 0, open: false }
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.client.next_payload(unit)?;
        assert_ne!(payload.start, self.open, "a message begins in another, or none does");
        assert!(!payload.bytes.is_empty() || payload.end || payload.start, "an empty piece");
        self.open = !payload.end;
        let channel = u32::from(payload.binary);
        Some(Lent { channel, bytes: payload.bytes.to_vec(), end: payload.end })
    }
    fn event(&mut self, _now: Instant) -> Option<(String, bool)> {
        let event = self.client.poll_event()?;
        let over = match event {
            ws::Event::Refused(_) | ws::Event::Closed | ws::Event::Failed(_) => true,
            ws::Event::SentThrough(tag) => {
                assert!(tag > self.written && tag <= self.tag, "sent twice, or never");
                self.written = tag;
                return Some((String::new(), false));
            }
            ws::Event::Accepted(_) | ws::Event::Pong | ws::Event::PeerClosing { .. } => false,
        };
        Some((format!("{event:?}"), over))
    }
    fn written(&mut self, now: Instant) {
        self.client.handle_written(now);
    }
    fn act(&mut self, now: Instant, what: u8) {
        match what {
            0 => self.send(now, b"hello", true, true, false),
            1 => self.send(now, TEXT, true, true, true),
            2 => self.send(now, b"beginning", true, false, true),
            3 => self.send(now, TEXT, false, false, true),
            4 => self.send(now, b"", false, true, true),
            5 => self.client.ping(now, &mut self.rng),
            6 => self.client.close(now, &mut self.rng, 1000, "bye"),
            _ => self.send(now, &[b'y'; 15_000], true, true, true),
        }
    }
    fn is_deaf(&self) -> bool {
        self.client.room().up == 0
    }
}
