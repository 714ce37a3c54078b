//! The HTTP/2 client, with one request asked at the start and limits small enough to be met.
//!
//! `a` GET, `b` POST, `c` body, `d` its end, `e` resets, `f` and `g` pause and go on, `h` pings, `i` closes; each for the
//! stream opened last. `j` goes back to the one before.

use crate::adapter::{TEXT, request};
use crate::{Alike, Lent, Machine};
use mainstay_base::Instant;
use mainstay_http::http::{HeaderMap, Method};
use mainstay_http::{Body, h2};
use std::collections::BTreeSet;

/// The machine, and which of its streams live.
#[derive(Debug)]
pub struct Client {
    client: h2::Client,
    /// The stream opened last.
    last: u32,
    /// The stream commands are for.
    at: u32,
    live: BTreeSet<u32>,
}

impl Client {
    fn ask(&mut self, now: Instant, method: Method, body: Body) {
        self.last += 1;
        self.at = self.last;
        if self.client.open(now, self.last, &request(method, HeaderMap::new(), body)).is_ok() {
            self.live.insert(self.last);
        }
    }

    fn judge(&mut self, event: &h2::Event) -> bool {
        match event {
            h2::Event::Complete(id) | h2::Event::Reset(id, _) => {
                assert!(self.live.remove(id), "stream {id} ends twice");
                false
            }
            h2::Event::Head(id, _) | h2::Event::Writable(id) => {
                assert!(self.live.contains(id), "a word of stream {id}, which is over");
                false
            }
            h2::Event::Pong | h2::Event::GoAway => false,
            h2::Event::Failed(_) => {
                assert!(self.live.is_empty(), "over, and {:?} live", self.live);
                true
            }
        }
    }
}

impl Machine for Client {
    /// Input of 16 KiB, eight windows of 4 KiB (the connection's is 64 KiB) in small frames, heads of four times 2 KiB for
    /// each stream, the library's tables and queues.
    const HELD_MAX: usize = 4 * 1024 * 1024;
    /// The library reads all there is before it acts on any of it. What came with a SETTINGS decides whether a request
    /// was sent when the connection fails, what came with a GOAWAY whether that is the reason; the order among streams is
    /// its own affair too.
    const ALIKE: Alike = Alike::UnlessFailed;

    fn open(now: Instant, _kind: u8) -> Self {
        let config = h2::Config {
            stream_window: 4096,
            streams_max: 8,
            header_list_max: 2048,
            input_max: 16 * 1024,
            small_frames_max: 1024,
            ..h2::Config::default()
        };
        let client = h2::Client::new(now, config);
        let mut this = Self { client, last: 0, at: 0, live: BTreeSet::new() };
        this.ask(now, Method::GET, Body::None);
        this
    }
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.client.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.client.next_payload(unit)?;
        assert!(self.live.contains(&payload.id), "payload of stream {}, which is over", payload.id);
        Some(Lent { channel: payload.id, bytes: payload.bytes.to_vec(), end: false })
    }
    fn event(&mut self, _now: Instant) -> Option<(String, bool)> {
        let event = self.client.poll_event()?;
        let over = self.judge(&event);
        let said = match &event {
            h2::Event::Writable(_) => String::new(),
            // Why depends on what of the input the library had read by then.
            h2::Event::Reset(id, _) => format!("Reset({id})"),
            h2::Event::Head(..)
            | h2::Event::Complete(_)
            | h2::Event::Pong
            | h2::Event::GoAway
            | h2::Event::Failed(_) => format!("{event:?}"),
        };
        Some((said, over))
    }
    fn transmit(&mut self, now: Instant, out: &mut Vec<u8>, limit: usize) {
        self.client.poll_transmit(now, out, limit);
    }
    fn written(&mut self, _now: Instant) {}
    fn eof(&mut self, now: Instant) {
        self.client.handle_eof(now);
    }
    fn lost(&mut self, now: Instant) {
        self.client.handle_lost(now, crate::adapter::LOST);
    }
    fn timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }
    fn deadline(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }
    fn act(&mut self, now: Instant, what: u8) {
        match what {
            0 => self.ask(now, Method::GET, Body::None),
            1 => self.ask(now, Method::POST, Body::Unsized),
            2 => {
                let room = self.client.stream_room(self.at);
                let taken = self.client.send(now, self.at, TEXT);
                // It may be more: windows are looked at again.
                assert!(taken >= room.min(TEXT.len()), "less was taken than there is room");
            }
            3 => {
                // Of a stream that is over, or a body too short: the caller's fault, and said.
                let _refused = self.client.finish(now, self.at);
            }
            4 => {
                self.client.reset(now, self.at);
                self.live.remove(&self.at);
            }
            5 | 6 => self.client.pause(self.at, what == 5),
            7 => self.client.ping(now),
            8 => self.client.close(now),
            _ => self.at = self.at.saturating_sub(1),
        }
    }
    fn is_deaf(&self) -> bool {
        self.client.room().up == 0
    }
}
