//! The server's side of one connection: a request up, its response down, then perhaps another.

use super::body::{Framing, Incoming, framing, keeps_alive};
use super::encode::{check_headers, response_head};
use super::head::parse_request;
use super::link::Link;
use super::{Config, Payload};
use crate::{Body, Misuse};
use http::header::{CONNECTION, EXPECT, HOST};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use mainstay_base::{Instant, Peer, Reason, Room};

/// What happened to a server's transaction.
#[derive(Debug)]
pub enum Asked {
    /// A request's head.
    Head(Box<http::Request<()>>),
    /// The request is over.
    Complete,
    /// The response is over too; with `false` the connection is to be closed once it is drained.
    Answered(bool),
    /// The connection is over, and why. A refusal (400, 431) may be queued.
    Failed(Reason),
}

/// One HTTP/1.1 connection served; the next request is read when the response is over.
#[derive(Debug)]
pub struct Server {
    link: Link,
    state: State,
    kept: bool,
    /// The response has no body whatever its headers say: HEAD.
    bodiless: bool,
    /// HTTP/1.0 knows no chunks.
    old: bool,
    response: Answer,
    head: Option<Box<http::Request<()>>>,
    failed: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Body,
    /// The request was reported whole.
    Asked,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Begun,
    Ended,
}

impl Server {
    /// A machine for a connection that was accepted.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            link: Link::new(&config),
            state: State::Head,
            kept: true,
            bodiless: false,
            old: false,
            response: Answer::None,
            head: None,
            failed: None,
        }
    }

    /// Answers. The body, if any, follows by `send` and `finish`.
    ///
    /// # Errors
    /// `NotOpen` without a request, `Busy` when it is being answered, `Header` for framing headers.
    pub fn respond(
        &mut self,
        _now: Instant,
        status: StatusCode,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), Misuse> {
        if matches!(self.state, State::Head | State::Over) || self.head.is_some() {
            return Err(Misuse::NotOpen);
        }
        if self.response != Answer::None {
            return Err(Misuse::Busy);
        }
        check_headers(headers)?;
        self.kept &= keeps_alive(headers, Version::HTTP_11) && !(self.old && body == Body::Unsized);
        let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        let framed = match body {
            _ if none || (self.old && body == Body::Unsized) => Body::None,
            Body::None => Body::Sized(0),
            Body::Sized(_) | Body::Unsized => body,
        };
        let mut headers = headers.clone();
        if !self.kept {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let sent = if none || self.bodiless { Body::None } else { framed };
        self.link.begin(sent, |out| response_head(status, &headers, framed, out));
        self.response =
            if self.link.outgoing.is_complete() { Answer::Ended } else { Answer::Begun };
        Ok(())
    }

    /// Queues response body; returns how much of it, at most `room().down`.
    pub fn send(&mut self, _now: Instant, bytes: &[u8]) -> usize {
        self.link.send(bytes)
    }

    /// Ends the response body.
    ///
    /// # Errors
    /// `TooShort` or `TooLong` when an announced length was not kept.
    pub fn finish(&mut self, _now: Instant) -> Result<(), Misuse> {
        self.link.finish()?;
        if self.response == Answer::Begun {
            self.response = Answer::Ended;
        }
        Ok(())
    }

    /// Takes one head, or one slice of body, from the front of `input`; returns how much that was.
    pub fn handle_input(&mut self, _now: Instant, input: &mut [u8]) -> usize {
        if input.is_empty() || self.room().up == 0 {
            return 0;
        }
        let (taken, result) = if self.state == State::Head {
            let (taken, head) = self.link.take_head(input, parse_request);
            (taken, head.and_then(|head| head.map_or(Ok(()), |head| self.take_request(head))))
        } else {
            self.link.take_body(input)
        };
        if let Err(fault) = result {
            self.refuse(fault);
        }
        taken
    }

    /// Lends the slice of body of the unit just taken; `input` is what `handle_input` took.
    pub fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.link.next_payload(input)
    }

    /// The next thing that happened, in wire order with the payload.
    pub fn poll_event(&mut self) -> Option<Asked> {
        if let Some(head) = self.head.take() {
            return Some(Asked::Head(head));
        }
        if self.link.is_lending() {
            return None;
        }
        if let Some(reason) = self.failed.take() {
            return Some(Asked::Failed(reason));
        }
        if self.state == State::Body && !self.link.in_body() {
            self.state = State::Asked;
            return Some(Asked::Complete);
        }
        if self.response == Answer::Ended && (self.state == State::Asked || !self.kept) {
            self.response = Answer::None;
            self.state = if self.kept { State::Head } else { State::Over };
            return Some(Asked::Answered(self.kept));
        }
        None
    }

    /// The peer ended its side.
    pub fn handle_eof(&mut self, now: Instant) {
        if self.state == State::Asked || (self.state == State::Body && !self.link.in_body()) {
            self.kept = false;
        } else {
            self.handle_lost(now, Reason::Peer(Peer::Closed));
        }
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        if self.state != State::Over {
            self.failed = Some(reason);
            self.state = State::Over;
            self.link.forget();
            self.link.output.clear();
        }
    }

    /// Appends at most `limit` bytes of what is queued.
    pub fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>, limit: usize) {
        self.link.output.poll(out, limit);
    }

    /// Whether something is queued.
    #[must_use]
    pub const fn wants_transmit(&self) -> bool {
        !self.link.output.is_empty()
    }

    /// Room for input (none while a whole request waits for its answer), and for response body.
    #[must_use]
    pub fn room(&self) -> Room {
        let reading =
            self.state == State::Head || (self.state == State::Body && self.link.in_body());
        let room = self.link.room();
        Room { up: if reading && self.head.is_none() { room.up } else { 0 }, down: room.down }
    }

    fn take_request(&mut self, head: http::Request<()>) -> Result<(), Peer> {
        let hosts = head.headers().get_all(HOST).iter().count();
        self.old = head.version() == Version::HTTP_10;
        // RFC 9112 §3.2: exactly one Host, which HTTP/1.0 need not send.
        if hosts > 1 || (hosts == 0 && !self.old) {
            return Err(Peer::Malformed);
        }
        let incoming = match framing(head.headers(), head.version())? {
            Framing::Unstated | Framing::Length(0) => None,
            Framing::Length(len) => Some(Incoming::Sized(len)),
            Framing::Chunked => Some(Incoming::Chunked(Default::default())),
        };
        self.kept = keeps_alive(head.headers(), head.version());
        self.bodiless = head.method() == Method::HEAD;
        if incoming.is_some() && head.headers().contains_key(EXPECT) {
            self.link.output.tail(32).extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.link.expect(incoming);
        self.head = Some(Box::new(head));
        self.state = State::Body;
        Ok(())
    }

    /// RFC 9112 §2.2: what cannot be understood is refused, and the connection ends.
    fn refuse(&mut self, fault: Peer) {
        let large = fault == Peer::TooLarge;
        let status = if large {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        if self.response == Answer::None {
            let close = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
            self.link.begin(Body::None, |out| response_head(status, &close, Body::Sized(0), out));
        }
        self.failed = Some(Reason::Peer(fault));
        self.state = State::Over;
        self.link.forget();
    }
}
