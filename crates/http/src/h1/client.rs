//! The client's side of one connection: a request down, its response up, then perhaps another.

use super::body::{Framing, Incoming, framing, keeps_alive};
use super::encode::{check_headers, check_target, request_head};
use super::head::parse_response;
use super::link::Link;
use super::{Config, Event, Payload};
use crate::limits::{CONTINUE_WAIT, INTERIM_MAX};
use crate::{Misuse, Request, Response};
use http::header::EXPECT;
use http::{Method, StatusCode};
use mainstay_base::{Instant, Peer, Reason, Room};

/// One HTTP/1.1 connection; one transaction at a time (RFC 9112).
///
/// Idle it holds no heap but 64 bytes of queue. Input that comes while it is idle ends it: an
/// answer that was not asked for must not become the next one's (RFC 9112 §9.2).
#[derive(Debug)]
pub struct Client {
    link: Link,
    state: State,
    /// Both sides keep the connection, as far as was said.
    kept: bool,
    /// The request was HEAD.
    bodiless: bool,
    interim: u8,
    /// The body waits for 100 (Continue) until then.
    hold: Option<Instant>,
    proceed: bool,
    head: Option<Box<Response>>,
    failed: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing asked.
    Idle,
    /// Asked; the head has not come whole.
    Head,
    /// The body is coming, or its end has not been reported.
    Body,
    /// Nothing more will come.
    Over,
}

impl Client {
    /// A machine for a connection that is open.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            link: Link::new(&config),
            state: State::Idle,
            kept: true,
            bodiless: false,
            interim: 0,
            hold: None,
            proceed: false,
            head: None,
            failed: None,
        }
    }

    /// Asks. The body, if any, follows by `send` and `finish`.
    ///
    /// # Errors
    /// `Busy` unless `is_idle`, `NotOpen` when the connection is over, `Method`, `Path`,
    /// `Authority` or `Header` for what cannot be written.
    pub fn request(&mut self, now: Instant, request: &Request) -> Result<(), Misuse> {
        match self.state {
            State::Idle if self.kept => {}
            State::Head | State::Body => return Err(Misuse::Busy),
            State::Idle | State::Over => return Err(Misuse::NotOpen),
        }
        check_target(request)?;
        check_headers(&request.headers)?;
        self.link.begin(request.body, |out| request_head(request, out));
        let expects = request.headers.get(EXPECT);
        let expects =
            expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        self.hold = (expects && !self.link.outgoing.is_complete()).then_some(now + CONTINUE_WAIT);
        self.kept = keeps_alive(&request.headers, http::Version::HTTP_11);
        self.bodiless = request.method == Method::HEAD;
        self.interim = 0;
        self.state = State::Head;
        Ok(())
    }

    /// Queues request body; returns how much of it, at most `room().down`.
    pub fn send(&mut self, _now: Instant, bytes: &[u8]) -> usize {
        if self.hold.is_some() {
            return 0;
        }
        self.link.send(bytes)
    }

    /// Ends the request body. Nothing happens when the response was over first.
    ///
    /// # Errors
    /// `TooShort` or `TooLong` when an announced length was not kept (SS-506): abort then.
    pub fn finish(&mut self, _now: Instant) -> Result<(), Misuse> {
        self.link.finish()
    }

    /// Gives up: the connection is over without a word.
    pub fn abort(&mut self, _now: Instant) {
        self.link.clear();
        self.end();
    }

    /// Takes one head, or one slice of body, from the front of `input`; returns how much that was.
    pub fn handle_input(&mut self, _now: Instant, input: &mut [u8]) -> usize {
        if input.is_empty() || self.link.is_lending() || self.head.is_some() {
            return 0;
        }
        let (taken, result) = match self.state {
            State::Over => return 0,
            State::Idle => (input.len(), Err(Peer::Malformed)),
            State::Head => {
                let (taken, head) = self.link.take_head(input, parse_response);
                (taken, head.and_then(|head| head.map_or(Ok(()), |head| self.take_response(head))))
            }
            // The end has been read and not yet been reported.
            State::Body if !self.link.in_body() => return 0,
            State::Body => self.link.take_body(input),
        };
        if let Err(fault) = result {
            self.fail(Reason::Peer(fault));
        }
        taken
    }

    /// Lends the slice of body of the unit just taken; `input` is what `handle_input` took.
    pub fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.link.next_payload(input)
    }

    /// The next thing that happened, in wire order with the payload.
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.proceed) {
            return Some(Event::Continue);
        }
        if let Some(head) = self.head.take() {
            return Some(Event::Head(head));
        }
        if self.link.is_lending() {
            return None;
        }
        if let Some(reason) = self.failed.take() {
            return Some(Event::Failed(reason));
        }
        if self.state != State::Body || self.link.in_body() {
            return None;
        }
        self.complete();
        Some(Event::Complete)
    }

    /// The peer ended its side: the end of a body without length, else a failure.
    pub fn handle_eof(&mut self, _now: Instant) {
        if self.state == State::Body && self.link.until_close() {
            self.link.expect(None);
            self.kept = false;
        } else if self.state != State::Body || self.link.in_body() {
            self.fail(Reason::Peer(Peer::Closed));
        } else {
            self.kept = false;
        }
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        if self.state == State::Body && !self.link.in_body() {
            self.kept = false;
        } else {
            self.fail(reason);
        }
    }

    /// Stops waiting for 100 (Continue) when its time is over (RFC 9110 §10.1.1).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.hold.is_some_and(|until| now >= until) {
            self.hold = None;
            self.proceed = true;
        }
    }

    /// When `handle_timeout` has something to do.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.hold
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

    /// Room for input, and for request body.
    #[must_use]
    pub fn room(&self) -> Room {
        let room = self.link.room();
        let up = if self.state == State::Over || self.head.is_some() { 0 } else { room.up };
        Room { up, down: if self.hold.is_some() { 0 } else { room.down } }
    }

    /// Whether a request may be asked now.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.kept
    }

    /// Whether the connection may serve another request, now or after this one.
    #[must_use]
    pub const fn is_reusable(&self) -> bool {
        !matches!(self.state, State::Over) && self.kept
    }

    /// Whether a request waits and no byte of an answer has come. If the connection fails so, and
    /// it had served before, asking again elsewhere may be right (RFC 9110 §9.2.2).
    #[must_use]
    pub const fn is_unanswered(&self) -> bool {
        matches!(self.state, State::Head) && self.interim == 0 && !self.link.in_head()
    }

    fn take_response(&mut self, head: Response) -> Result<(), Peer> {
        let status = head.status();
        if status.is_informational() {
            return self.take_interim(status);
        }
        self.hold = None;
        let none =
            self.bodiless || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        let stated = framing(head.headers(), head.version())?;
        let incoming = match stated {
            _ if none => None,
            Framing::Length(0) => None,
            Framing::Length(len) => Some(Incoming::Sized(len)),
            Framing::Chunked => Some(Incoming::Chunked(Default::default())),
            Framing::Unstated => Some(Incoming::UntilClose),
        };
        self.kept &=
            keeps_alive(head.headers(), head.version()) && incoming != Some(Incoming::UntilClose);
        self.link.expect(incoming);
        self.head = Some(Box::new(head));
        self.state = State::Body;
        Ok(())
    }

    /// 100 lets the body go; others mean nothing here; 101 was not asked for (RFC 9110 §15.2).
    fn take_interim(&mut self, status: StatusCode) -> Result<(), Peer> {
        self.interim += 1;
        if status == StatusCode::SWITCHING_PROTOCOLS || self.interim > INTERIM_MAX {
            return Err(Peer::Malformed);
        }
        if status == StatusCode::CONTINUE && self.hold.take().is_some() {
            self.proceed = true;
        }
        Ok(())
    }

    /// The response is over. A request that is not wholly queued spoils the connection.
    fn complete(&mut self) {
        self.kept &= self.link.outgoing.is_complete();
        self.state = State::Idle;
        if !self.kept {
            self.link.clear();
            self.end();
        }
    }

    fn fail(&mut self, reason: Reason) {
        if self.state == State::Over {
            return;
        }
        self.failed = Some(reason);
        self.end();
        self.link.output.clear();
    }

    fn end(&mut self) {
        self.state = State::Over;
        self.kept = false;
        self.hold = None;
        self.link.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;
    use crate::limits::OUTPUT_KEEP;
    use http::HeaderMap;

    // Covers SS-520
    #[test]
    fn between_transactions_a_client_holds_nothing_but_a_short_queue() {
        let now = Instant::ZERO;
        let (authority, path, body) = ("a".into(), "/".into(), Body::Sized(9000));
        let request = Request {
            method: Method::POST,
            secure: false,
            authority,
            path,
            headers: HeaderMap::new(),
            body,
        };
        let mut client = Client::new(Config::default());
        client.request(now, &request).unwrap();
        assert_eq!(client.send(now, &[0; 9000]), 9000);
        client.finish(now).unwrap();
        client.poll_transmit(now, &mut Vec::new(), usize::MAX);
        let mut last = None;
        for byte in b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" {
            assert_eq!(client.handle_input(now, &mut [*byte]), 1);
            last = client.poll_event().or(last);
            let _ = client.next_payload(&mut [*byte]);
        }
        assert!(matches!(last, Some(Event::Complete)));
        assert!(client.is_idle() && !client.link.in_head() && client.head.is_none());
        assert!(client.link.output.heap() <= OUTPUT_KEEP);
    }
}
