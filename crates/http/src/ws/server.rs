//! The server's side: judges the request, switches or refuses, then is a [`Session`].

use super::handshake::{check_own, check_request, check_tokens};
use super::receive::Role;
use super::session::Session;
use super::{Chunk, Config, Event, Payload};
use crate::h1::{HeadBuffer, Taken, parse_request, response_head, write_headers};
use crate::{Body, Misuse};
use http::header::{CONNECTION, SEC_WEBSOCKET_VERSION};
use http::{HeaderMap, HeaderValue, StatusCode};
use mainstay_base::{Instant, Peer, Reason, Rng, Room};

/// A WebSocket server on one connection (RFC 6455), as tests and worlds need it.
#[derive(Debug)]
pub struct Server {
    session: Session,
    opening: Option<Box<Opening>>,
    asked: Option<Box<http::Request<()>>>,
}

#[derive(Debug)]
struct Opening {
    head: HeadBuffer,
    config: Config,
    /// The accept value, once the request was judged.
    accept: Option<String>,
}

impl Server {
    /// A machine for a connection that was accepted.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let opening = Opening { head: HeadBuffer::default(), config, accept: None };
        let session = Session::new(Role::Server, &config, None);
        Self { session, opening: Some(Box::new(opening)), asked: None }
    }

    /// A machine for a stream that is a WebSocket already, as extended CONNECT makes one (RFC 8441).
    #[must_use]
    pub fn established(config: Config) -> Self {
        let mut session = Session::new(Role::Server, &config, None);
        session.open();
        Self { session, opening: None, asked: None }
    }

    /// Switches.
    ///
    /// # Errors
    /// `NotOpen` without a request, `Header` for headers that cannot be written.
    pub fn accept(
        &mut self,
        _now: Instant,
        subprotocol: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), Misuse> {
        check_tokens(subprotocol)?;
        check_own(headers)?;
        let accept = self
            .opening
            .as_mut()
            .and_then(|opening| opening.accept.take())
            .ok_or(Misuse::NotOpen)?;
        self.opening = None;
        self.session.transmit.raw(|out| {
            out.extend_from_slice(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade",
            );
            out.extend_from_slice(b"\r\nsec-websocket-accept: ");
            out.extend_from_slice(accept.as_bytes());
            if let Some(subprotocol) = subprotocol {
                out.extend_from_slice(b"\r\nsec-websocket-protocol: ");
                out.extend_from_slice(subprotocol.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            write_headers(headers, out);
            out.extend_from_slice(b"\r\n");
        });
        self.session.open();
        Ok(())
    }

    /// Refuses; the connection is over when the answer has left.
    ///
    /// # Errors
    /// `NotOpen` without a request.
    pub fn refuse(&mut self, _now: Instant, status: StatusCode) -> Result<(), Misuse> {
        if self.opening.as_ref().is_none_or(|opening| opening.accept.is_none()) {
            return Err(Misuse::NotOpen);
        }
        self.answer(status);
        self.session.refused();
        Ok(())
    }

    /// Queues a piece of a message as one frame, all or nothing.
    ///
    /// # Errors
    /// As [`super::Client::send`].
    pub fn send(
        &mut self,
        _now: Instant,
        rng: &mut Rng,
        bytes: &[u8],
        chunk: Chunk,
    ) -> Result<(), Misuse> {
        self.session.send(rng, bytes, chunk)
    }

    /// Queues a ping.
    pub fn ping(&mut self, _now: Instant) {
        self.session.ping();
    }

    /// Begins to close.
    pub fn close(&mut self, now: Instant, code: u16, reason: &str) {
        self.opening = None;
        self.session.close(now, code, reason);
    }

    /// Takes the request's head, one frame, or as much of it as there is; returns how much that was.
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> usize {
        if self.opening.is_some() && !self.session.is_over() {
            return self.take_request(input);
        }
        self.session.handle_input(now, input)
    }

    /// Lends the payload of the unit just taken; `input` is what `handle_input` took.
    pub fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.session.next_payload(input)
    }

    /// The request, once, when it has come: answer with `accept` or `refuse`.
    pub const fn poll_request(&mut self) -> Option<Box<http::Request<()>>> {
        self.asked.take()
    }

    /// The next thing that happened, in wire order with the payload; never `Accepted` or `Refused`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.session.poll_event()
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

    /// Appends at most `limit` bytes of what is queued.
    pub fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>, limit: usize) {
        self.session.poll_transmit(out, limit);
    }

    /// All bytes polled so far were handed to the kernel.
    pub fn handle_written(&mut self, _now: Instant) {
        self.session.handle_written();
    }

    /// Whether something is queued.
    #[must_use]
    pub const fn wants_transmit(&self) -> bool {
        self.session.transmit.wants()
    }

    /// Room for input (none while a request waits for its answer), and for payload.
    #[must_use]
    pub fn room(&self) -> Room {
        let room = self.session.room();
        let asked = self.opening.as_ref().is_some_and(|opening| opening.accept.is_some());
        Room { up: if asked { 0 } else { room.up }, down: room.down }
    }

    fn take_request(&mut self, input: &[u8]) -> usize {
        let Some(opening) = self.opening.as_mut().filter(|opening| opening.accept.is_none()) else {
            return 0;
        };
        let len = match opening.head.take(input, opening.config.head_max) {
            Taken::More => return input.len(),
            Taken::TooLarge => {
                self.reject(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Peer::TooLarge);
                return input.len();
            }
            Taken::Whole(len) => len,
        };
        let whole = opening.head.whole(input, len);
        let request = match parse_request(whole, opening.config.headers_max) {
            Ok(request) => request,
            Err(fault) => {
                self.reject(StatusCode::BAD_REQUEST, fault);
                return len;
            }
        };
        match check_request(&request) {
            Ok(accept) => opening.accept = Some(accept),
            Err(status) => self.reject(status, Peer::Malformed),
        }
        if self.opening.is_some() {
            self.asked = Some(Box::new(request));
        }
        len
    }

    /// Answers what no caller need see; the answer may still leave.
    fn reject(&mut self, status: StatusCode, fault: Peer) {
        self.session.lose(Reason::Peer(fault));
        self.answer(status);
    }

    fn answer(&mut self, status: StatusCode) {
        self.opening = None;
        let mut headers = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        self.session.transmit.raw(|out| response_head(status, &headers, Body::Sized(0), out));
    }
}
