//! The HTTP/1 client. One request is asked at the start, the next whenever one is over.
//!
//! `a` GET, `b` HEAD, `c` POST that waits for 100, `d` POST of unknown length, `e` body, `f` its end, `g` gives up;
//! other letters say of which kind the requests that follow by themselves are. `A` to `D` as the first letter say so of the first.

use crate::adapter::{TEXT, forward, request};
use crate::{Lent, Machine};
use mainstay_base::Instant;
use mainstay_http::http::header::EXPECT;
use mainstay_http::http::{HeaderMap, HeaderValue, Method};
use mainstay_http::{Body, Request, h1};

/// The machine, and what it asks next.
#[derive(Debug)]
pub struct Client {
    client: h1::Client,
    next: u8,
}

impl Client {
    fn ask(&mut self, now: Instant, what: u8) {
        if self.client.is_idle() {
            let asked = self.client.request(now, &of_kind(what));
            assert_eq!(asked, Ok(()), "idle, and it takes no request");
        }
    }
}

fn of_kind(what: u8) -> Request {
    let mut headers = HeaderMap::new();
    let (method, body) = match what % 4 {
        0 => (Method::GET, Body::None),
        1 => (Method::HEAD, Body::None),
        2 => {
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
            (Method::POST, Body::Sized(2000))
        }
        _ => (Method::POST, Body::Unsized),
    };
    request(method, headers, body)
}

impl Machine for Client {
    /// Two heads of 16 KiB, as bytes and as fields, and a queue of 16 KiB, each grown to twice that.
    const HELD_MAX: usize = 160 * 1024;

    forward!(client);

    fn open(now: Instant, kind: u8) -> Self {
        let mut this = Self { client: h1::Client::new(h1::Config::default()), next: 0 };
        this.ask(now, kind);
        this
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.client.next_payload(unit)?;
        assert!(!payload.bytes.is_empty(), "payload without bytes");
        Some(Lent { channel: 0, bytes: payload.bytes.to_vec(), end: false })
    }
    fn event(&mut self, now: Instant) -> Option<(String, bool)> {
        let event = self.client.poll_event()?;
        let over = match event {
            h1::Event::Failed(_) => true,
            h1::Event::Complete => {
                assert_eq!(self.client.is_idle(), self.client.is_reusable(), "over and not idle");
                let over = !self.client.is_reusable();
                self.ask(now, self.next);
                over
            }
            h1::Event::Continue | h1::Event::Head(_) => false,
        };
        Some((format!("{event:?}"), over))
    }
    fn written(&mut self, _now: Instant) {}
    fn act(&mut self, now: Instant, what: u8) {
        match what {
            0..4 => self.ask(now, what),
            4 => {
                let room = self.client.room().down;
                assert!(self.client.send(now, TEXT) <= room, "more was taken than there is room");
            }
            5 => {
                // What was announced and not sent is the caller's fault, and said.
                let _length = self.client.finish(now);
            }
            6 => self.client.abort(now),
            _ => self.next = what,
        }
    }
    fn is_deaf(&self) -> bool {
        self.client.room().up == 0
    }
}
