//! The client's side: asks for the switch, checks the answer, then is a [`Session`].

use super::control::Masks;
use super::handshake::{accept, check, check_response, key, write_request};
use super::receive::Role;
use super::session::Session;
use super::{Chunk, Config, Event, Payload};
use crate::h1::{HeadBuffer, Taken, parse_response};
use crate::limits::INTERIM_MAX;
use crate::{Misuse, Request, Response};
use http::StatusCode;
use mainstay_base::{Instant, Peer, Reason, Rng, Room};

/// A WebSocket client on one connection (RFC 6455).
#[derive(Debug)]
pub struct Client {
    session: Session,
    opening: Option<Box<Opening>>,
    answer: Option<Box<Response>>,
}

/// What only the handshake needs.
#[derive(Debug)]
struct Opening {
    accept: String,
    subprotocol: Option<String>,
    head: HeadBuffer,
    config: Config,
    interim: u8,
}

impl Client {
    /// A machine for a connection that is open; the request is queued. `subprotocol` is one token or
    /// a list with commas. The request's method and body do not matter.
    ///
    /// # Errors
    /// `Path`, `Authority`, `Header` or `Method` for what cannot be written.
    pub fn new(
        _now: Instant,
        request: &Request,
        subprotocol: Option<&str>,
        config: Config,
        rng: &mut Rng,
    ) -> Result<Self, Misuse> {
        check(request, subprotocol)?;
        let mut nonce = [0; 16];
        rng.fill(&mut nonce);
        let key = key(nonce);
        let mut session = Session::new(Role::Client, &config, Some(Masks::new(rng)));
        session.transmit.raw(|out| write_request(request, &key, subprotocol, out));
        let opening = Opening {
            accept: accept(key.as_bytes()),
            subprotocol: subprotocol.map(Into::into),
            head: HeadBuffer::default(),
            config,
            interim: 0,
        };
        Ok(Self { session, opening: Some(Box::new(opening)), answer: None })
    }

    /// A machine for a stream that is a WebSocket already, as extended CONNECT makes one (RFC 8441).
    #[must_use]
    pub fn established(config: Config, rng: &mut Rng) -> Self {
        let mut session = Session::new(Role::Client, &config, Some(Masks::new(rng)));
        session.open();
        Self { session, opening: None, answer: None }
    }

    /// Queues a piece of a message as one frame, all or nothing.
    ///
    /// # Errors
    /// `NotOpen` before `Accepted` and after a close, `Framing` when `start` does not fit
    /// (SS-310), `NoRoom` when it is longer than `room().down`, or that is 0.
    pub fn send(
        &mut self,
        _now: Instant,
        rng: &mut Rng,
        bytes: &[u8],
        chunk: Chunk,
    ) -> Result<(), Misuse> {
        self.session.send(rng, bytes, chunk)
    }

    /// Queues a ping; the answer is `Event::Pong`.
    pub fn ping(&mut self, _now: Instant, _rng: &mut Rng) {
        self.session.ping();
    }

    /// Begins to close: `Closed` follows, or `Failed` after the configured wait. A code that may not be sent becomes
    /// 1000, 1005 sends none, a reason over 123 bytes is cut.
    pub fn close(&mut self, now: Instant, _rng: &mut Rng, code: u16, reason: &str) {
        self.opening = None;
        self.session.close(now, code, reason);
    }

    /// Takes the answer's head, one frame, or as much of it as there is; returns how much that was.
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> usize {
        if self.opening.is_some() && !self.session.is_over() {
            return self.take_answer(input);
        }
        if self.answer.is_some() {
            return 0;
        }
        self.session.handle_input(now, input)
    }

    /// Lends the payload of the unit just taken; `input` is what `handle_input` took.
    pub fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.session.next_payload(input)
    }

    /// The next thing that happened, in wire order with the payload.
    pub fn poll_event(&mut self) -> Option<Event> {
        let Some(answer) = self.answer.take() else { return self.session.poll_event() };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Some(Event::Accepted(answer));
        }
        Some(Event::Refused(answer))
    }

    /// The peer ended its side.
    pub fn handle_eof(&mut self, _now: Instant) {
        self.session.handle_eof();
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        self.session.lose(reason);
    }

    /// Ends a closing handshake that takes too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
    }

    /// When `handle_timeout` has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    /// Appends at most `limit` bytes of what is queued; after `Failed`, perhaps a close frame.
    pub fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>, limit: usize) {
        self.session.poll_transmit(out, limit);
    }

    /// All bytes polled so far were handed to the kernel: `SentThrough` follows.
    pub fn handle_written(&mut self, _now: Instant) {
        self.session.handle_written();
    }

    /// Whether something is queued.
    #[must_use]
    pub const fn wants_transmit(&self) -> bool {
        self.session.transmit.wants()
    }

    /// Room for input, and for payload of one `send`.
    #[must_use]
    pub fn room(&self) -> Room {
        let room = self.session.room();
        Room { up: if self.answer.is_some() { 0 } else { room.up }, down: room.down }
    }

    /// Whether a message being sent lacks its end (SS-310).
    #[must_use]
    pub const fn message_open(&self) -> bool {
        self.session.transmit.message_open()
    }

    /// The reason in the peer's close frame; empty without one.
    #[must_use]
    pub fn close_reason(&self) -> &str {
        self.session.close_reason()
    }

    fn take_answer(&mut self, input: &[u8]) -> usize {
        let Some(opening) = &mut self.opening else { return 0 };
        let len = match opening.head.take(input, opening.config.head_max) {
            Taken::More => return input.len(),
            Taken::TooLarge => {
                self.fail(Peer::TooLarge);
                return input.len();
            }
            Taken::Whole(len) => len,
        };
        let head = core::mem::take(&mut opening.head);
        let whole = head.whole(input, len);
        if let Err(fault) =
            parse_response(whole, opening.config.headers_max).and_then(|head| self.judge(head))
        {
            self.fail(fault);
        }
        len
    }

    fn judge(&mut self, response: Response) -> Result<(), Peer> {
        let Some(opening) = &mut self.opening else { return Ok(()) };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            check_response(&response, &opening.accept, opening.subprotocol.as_deref())?;
            self.session.open();
        } else if response.status().is_informational() {
            opening.interim += 1;
            return if opening.interim > INTERIM_MAX { Err(Peer::Malformed) } else { Ok(()) };
        } else {
            self.session.refused();
        }
        self.opening = None;
        self.answer = Some(Box::new(response));
        Ok(())
    }

    fn fail(&mut self, fault: Peer) {
        self.opening = None;
        self.session.lose(Reason::Peer(fault));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::OUTPUT_KEEP;
    use crate::ws::Server;
    use http::{HeaderMap, Method};

    #[test]
    fn after_traffic_and_idle_a_client_holds_nothing_but_a_short_queue() {
        let (now, mut rng, config) = (Instant::ZERO, Rng::from_run(1), Config::default());
        let (authority, path, body) = ("a".into(), "/".into(), crate::Body::None);
        let request = Request {
            method: Method::GET,
            secure: false,
            authority,
            path,
            headers: HeaderMap::new(),
            body,
        };
        let mut client = Client::new(now, &request, None, config, &mut rng).unwrap();
        let mut server = Server::new(config);
        let mut wire = Vec::new();
        client.poll_transmit(now, &mut wire, usize::MAX);
        server.handle_input(now, &mut wire);
        server.poll_request().unwrap();
        server.accept(now, None, &HeaderMap::new()).unwrap();
        server.ping(now);
        let mut wire = Vec::new();
        server.poll_transmit(now, &mut wire, usize::MAX);
        for byte in &mut wire {
            client.handle_input(now, core::slice::from_mut(byte));
            client.poll_event();
        }
        let chunk = Chunk { start: true, end: true, binary: true, tag: 1 };
        for _ in 0..50 {
            client.send(now, &mut rng, &[0; 100], chunk).unwrap();
        }
        client.poll_transmit(now, &mut Vec::new(), usize::MAX);
        client.handle_written(now);
        assert!(matches!(client.poll_event(), Some(Event::SentThrough(1))));
        assert!(client.opening.is_none() && client.answer.is_none());
        assert!(client.session.transmit.heap() <= OUTPUT_KEEP && client.session.is_at_rest());
    }
}
