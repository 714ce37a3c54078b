//! The server, as far as tests and the simulator need it: requests in, responses out.

use super::pipe::{End, Pipe, Transport};
use super::ready::Ready;
use super::table::Table;
use super::transfer::{Payload, Pulled, Sending, pull};
use super::{Config, Misuse, reason};
use crate::Response;
use ::h2::server::{Builder, Connection, Handshake, SendResponse};
use ::h2::{Error, Reason as Code, RecvStream};
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use mainstay_base::{Instant, Peer, Reason, Room};
use std::collections::VecDeque;
use std::sync::Arc;

/// What happened, by the stream ids of the wire.
#[derive(Debug)]
pub enum ServerEvent {
    /// A request; its payload follows.
    Request(u32, Box<http::Request<()>>),
    /// The request is over, all its payload was taken. The response may go on.
    Complete(u32),
    /// The stream ended before it was answered in full. Last event of this id.
    Reset(u32, Reason),
    /// `send` takes more on this stream.
    Writable(u32),
    /// The connection is over. Last event.
    Failed(Reason),
}

/// One HTTP/2 connection, seen from the server.
pub struct Server {
    config: Config,
    ready: Arc<Ready>,
    waker: Waker,
    pipe: Pipe,
    link: Link,
    table: Table<Stream>,
    events: VecDeque<ServerEvent>,
    held: Bytes,
    /// Bytes taken and not yet parsed: what cannot be answered is not read.
    unread: usize,
    transport: Option<Reason>,
    ended: Option<Reason>,
    failed: bool,
}

enum Link {
    Opening(Box<Handshake<Transport, Bytes>>),
    Open(Box<Connection<Transport, Bytes>>),
    Over,
}

#[derive(Debug)]
struct Stream {
    respond: SendResponse<Bytes>,
    sending: Option<Sending>,
    answered: bool,
    body: Option<RecvStream>,
    paused: bool,
}

impl Server {
    /// A connection that begins now.
    #[must_use]
    pub fn new(_now: Instant, config: Config) -> Self {
        let slots = config.slots();
        let ready = Ready::new(slots);
        let (pipe, transport) = Pipe::new(&ready);
        let mut builder = Builder::new();
        builder
            .initial_window_size(config.stream_window())
            .initial_connection_window_size(config.connection_window())
            .max_header_list_size(config.header_list_max)
            .max_send_buffer_size(config.send_max)
            .max_concurrent_streams(u32::from(slots))
            .data_frame_budget(config.data_frame_budget());
        Self {
            waker: ready.connection_waker(),
            pipe,
            link: Link::Opening(Box::new(builder.handshake(transport))),
            table: Table::new(Arc::clone(&ready), slots),
            ready,
            events: VecDeque::new(),
            held: Bytes::new(),
            unread: 0,
            transport: None,
            ended: None,
            failed: false,
            config,
        }
    }

    /// As the client's.
    pub fn handle_input(&mut self, _now: Instant, input: &mut [u8]) -> usize {
        if self.is_over() {
            return 0;
        }
        let taken = self.pipe.offer(input, self.config.input_max);
        if taken > 0 {
            self.unread += taken;
            self.drive();
        }
        taken
    }

    /// Lends the next slice of a request's body; its window is given back to the peer.
    pub fn next_payload<'b>(&'b mut self, _input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.held = Bytes::new();
        loop {
            let slot = self.table.next_readable()?;
            let Some((id, body, waker)) = self.table.get(slot).and_then(readable) else {
                self.table.unlist();
                continue;
            };
            match pull(body, &mut Context::from_waker(waker)) {
                Pulled::Payload(bytes, last) => {
                    // Fails only above what was received, which this is.
                    let _never = body.flow_control().release_capacity(bytes.len());
                    if last {
                        self.table.unlist();
                        self.received(slot);
                    }
                    self.held = bytes;
                    return Some(Payload { id, bytes: &self.held });
                }
                Pulled::Ended => {
                    self.table.unlist();
                    self.received(slot);
                }
                Pulled::Broken(error) => {
                    self.table.unlist();
                    self.break_off(slot, &error);
                }
                Pulled::Nothing => self.table.unlist(),
            }
        }
    }

    /// The peer sends no more.
    pub fn handle_eof(&mut self, _now: Instant) {
        self.end_transport(End::Eof, Reason::Peer(Peer::Closed));
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, why: Reason) {
        self.end_transport(End::Lost, why);
    }

    /// Nothing: this machine has no deadline.
    pub const fn handle_timeout(&mut self, _now: Instant) {}

    /// Never: this machine has no deadline.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Appends at most `limit` bytes of what is to be written. Events may follow from it.
    pub fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>, limit: usize) {
        if limit == 0 || !self.wants_transmit() {
            return;
        }
        self.pipe.lend(out, limit);
        self.drive();
        self.pipe.reclaim(out);
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let Some(slot) = self.ready.take() else { break };
            self.advance(slot);
        }
        if self.table.count() > 0 || self.failed {
            return None;
        }
        let reason = self.ended?;
        self.failed = true;
        Some(ServerEvent::Failed(reason))
    }

    /// Sends the response's head; `last` when no body follows.
    ///
    /// # Errors
    /// `Unknown`, `Order` when it was sent already, `Header` when it cannot be sent.
    pub fn respond(
        &mut self,
        _now: Instant,
        id: u32,
        head: &Response,
        last: bool,
    ) -> Result<(), Misuse> {
        let (slot, stream, _) = self.table.find_mut(id).ok_or(Misuse::Unknown)?;
        if stream.answered {
            return Err(Misuse::Order);
        }
        let mut response = Response::new(());
        *response.status_mut() = head.status();
        response.headers_mut().clone_from(head.headers());
        let sent = stream.respond.send_response(response, last).map_err(|_| Misuse::Header)?;
        stream.answered = true;
        stream.sending = (!last).then(|| Sending::new(sent, None));
        self.settle(slot);
        Ok(())
    }

    /// Sends an interim head (1xx).
    ///
    /// # Errors
    /// `Unknown`, or `Header` when it is not one.
    pub fn inform(&mut self, _now: Instant, id: u32, head: &Response) -> Result<(), Misuse> {
        let (_, stream, _) = self.table.find_mut(id).ok_or(Misuse::Unknown)?;
        let mut response = Response::new(());
        *response.status_mut() = head.status();
        response.headers_mut().clone_from(head.headers());
        stream.respond.send_informational(response).map_err(|_| Misuse::Header)
    }

    /// Takes payload of the response; `Writable` follows when it was not all.
    pub fn send(&mut self, _now: Instant, id: u32, bytes: &[u8]) -> usize {
        let max = self.config.send_max;
        let Some((_, stream, waker)) = self.table.find_mut(id) else { return 0 };
        let Some(sending) = &mut stream.sending else { return 0 };
        sending.send(&mut Context::from_waker(waker), bytes, max)
    }

    /// Ends the response.
    ///
    /// # Errors
    /// `Unknown`, or `Order` when its head was not sent.
    pub fn finish(&mut self, _now: Instant, id: u32) -> Result<(), Misuse> {
        let (slot, stream, _) = self.table.find_mut(id).ok_or(Misuse::Unknown)?;
        stream.sending.as_mut().ok_or(Misuse::Order)?.finish()?;
        self.settle(slot);
        Ok(())
    }

    /// Gives the stream up with an error code (RFC 9113 §7); no event, the id is free.
    pub fn reset(&mut self, _now: Instant, id: u32, code: u32) {
        if let Some(slot) = self.table.find(id)
            && let Some((_, mut stream)) = self.table.remove(slot)
        {
            stream.respond.send_reset(Code::from(code));
        }
    }

    /// Stops taking payload of a stream, or goes on.
    pub fn pause(&mut self, id: u32, paused: bool) {
        let Some((slot, stream, _)) = self.table.find_mut(id) else { return };
        stream.paused = paused;
        if !paused {
            self.table.list(slot);
        }
    }

    /// Says GOAWAY, and ends when the streams there are have ended.
    pub fn close(&mut self, _now: Instant) {
        if let Link::Open(connection) = &mut self.link {
            connection.graceful_shutdown();
            self.ready.set_connection(true);
        }
    }

    /// Ends the connection at once: GOAWAY with an error code (RFC 9113 §7).
    pub fn abort(&mut self, _now: Instant, code: u32) {
        if let Link::Open(connection) = &mut self.link {
            connection.abrupt_shutdown(Code::from(code));
            self.ready.set_connection(true);
        }
    }

    /// Up: bytes `handle_input` takes now. Down: what a stream takes at most.
    #[must_use]
    pub const fn room(&self) -> Room {
        if self.is_over() {
            return Room { up: 0, down: 0 };
        }
        let up = self.config.input_max.saturating_sub(self.unread);
        Room { up, down: self.config.send_max }
    }

    /// Streams that are not over.
    #[must_use]
    pub const fn stream_count(&self) -> usize {
        self.table.count()
    }

    /// Whether `poll_transmit` may have something.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        !self.is_over() && (self.ready.connection() || self.ready.blocked())
    }
}

impl Server {
    const fn is_over(&self) -> bool {
        matches!(self.link, Link::Over) || self.transport.is_some()
    }

    fn drive(&mut self) {
        for _ in 0..POLLS_MAX {
            self.ready.set_connection(false);
            let polled = self.link.poll(&mut Context::from_waker(&self.waker));
            match polled {
                Poll::Pending if self.ready.connection() => {}
                Poll::Pending => break,
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.accept(request, respond);
                    self.ready.set_connection(true);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.end(reason::of_connection(&error, self.transport));
                    return;
                }
                Poll::Ready(None) => {
                    self.end(self.transport.unwrap_or(Reason::Peer(Peer::Closed)));
                    return;
                }
            }
        }
        if self.unread > 0 {
            self.unread = self.pipe.unread();
        }
    }

    fn accept(&mut self, request: http::Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let id = respond.stream_id().as_u32();
        let (parts, body) = request.into_parts();
        let ended = body.is_end_stream();
        let body = (!ended).then_some(body);
        if self.table.is_full() {
            respond.send_reset(Code::REFUSED_STREAM);
            return;
        }
        let stream = Stream { respond, sending: None, answered: false, body, paused: false };
        let Some(slot) = self.table.insert(id, stream) else { return };
        let head = Box::new(http::Request::from_parts(parts, ()));
        self.events.push_back(ServerEvent::Request(id, head));
        if ended {
            self.events.push_back(ServerEvent::Complete(id));
        } else {
            self.table.list(slot);
        }
        self.ready.set(slot);
    }

    fn advance(&mut self, slot: u16) {
        let Some((id, stream, waker)) = self.table.get(slot) else { return };
        let mut cx = Context::from_waker(waker);
        let mut writable = false;
        let reset = match &mut stream.sending {
            Some(sending) => {
                writable = sending.became_writable(&mut cx);
                sending.reset_by_peer(&mut cx)
            }
            None => match stream.respond.poll_reset(&mut cx) {
                Poll::Pending => None,
                Poll::Ready(Ok(code)) => Some(code.into()),
                Poll::Ready(Err(error)) => Some(error),
            },
        };
        let listed = stream.body.is_some() && !stream.paused;
        if let Some(error) = reset {
            self.break_off(slot, &error);
            return;
        }
        if writable {
            self.events.push_back(ServerEvent::Writable(id));
        }
        if listed {
            self.table.list(slot);
        }
    }

    /// The request is complete.
    fn received(&mut self, slot: u16) {
        if let Some((id, stream, _)) = self.table.get(slot) {
            stream.body = None;
            self.events.push_back(ServerEvent::Complete(id));
            self.settle(slot);
        }
    }

    /// Lets go of a stream that is complete both ways.
    fn settle(&mut self, slot: u16) {
        let Some((_, stream, _)) = self.table.get(slot) else { return };
        let answered = stream.answered && stream.sending.as_ref().is_none_or(Sending::is_finished);
        if answered && stream.body.is_none() {
            self.table.remove(slot);
        }
    }

    fn break_off(&mut self, slot: u16, error: &Error) {
        let why = match error.reason() {
            Some(code) if !error.is_library() => Reason::Peer(Peer::H2(code.into())),
            _ => reason::of_stream(error, self.ended.or(self.transport)),
        };
        if let Some((id, _)) = self.table.remove(slot) {
            self.events.push_back(ServerEvent::Reset(id, why));
        }
    }

    fn end_transport(&mut self, how: End, why: Reason) {
        if self.is_over() {
            return;
        }
        self.transport = Some(why);
        self.pipe.end(how);
        self.drive();
        if !matches!(self.link, Link::Over) {
            self.end(why);
        }
    }

    fn end(&mut self, why: Reason) {
        self.ended = Some(why);
        self.link = Link::Over;
        self.table.wake_all();
    }
}

type Accepted = Result<(http::Request<RecvStream>, SendResponse<Bytes>), Error>;

impl Link {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        loop {
            match self {
                Self::Over => return Poll::Ready(None),
                Self::Open(connection) => return connection.poll_accept(cx),
                Self::Opening(handshake) => match Pin::new(&mut **handshake).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(connection)) => *self = Self::Open(Box::new(connection)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                },
            }
        }
    }
}

fn readable<'t>(
    (id, stream, waker): (u32, &'t mut Stream, &'t Waker),
) -> Option<(u32, &'t mut RecvStream, &'t Waker)> {
    let paused = stream.paused;
    stream.body.as_mut().filter(|_| !paused).map(|body| (id, body, waker))
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server")
            .field("streams", &self.table.count())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// chosen: a turn accepts what one input can hold and ends; the flag keeps the rest.
const POLLS_MAX: usize = 8192;
