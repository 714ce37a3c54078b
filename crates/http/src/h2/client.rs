//! The client: requests out, responses in, until the connection ends.
//!
//! Here are the contract and the driving of the connection; `client/lifecycle.rs` has what becomes
//! of each stream, `client/link.rs` the library's handles.

mod lifecycle;
mod link;

use super::outgoing::Targets;
use super::pipe::{End, Pipe};
use super::ready::Ready;
use super::table::Table;
use super::transfer::{Payload, Pulled, Sending};
use super::{Config, Misuse, reason};
use crate::{Body, Request, Response};
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use lifecycle::{Stage, Stream};
use link::Link;
use mainstay_base::{Instant, Local, Peer, Reason, Room};
use std::collections::VecDeque;
use std::sync::Arc;

/// What happened, by the caller's ids.
#[derive(Debug)]
pub enum Event {
    /// The final head of a response; its payload follows. 1xx heads are skipped.
    Head(u32, Box<Response>),
    /// The response is over, all its payload was taken. Last event of this id; what was not yet
    /// sent of the request's body is cut off.
    Complete(u32),
    /// The stream ended before that. Last event of this id. `Peer::Unprocessed` says that the
    /// request was not acted upon and may be repeated.
    Reset(u32, Reason),
    /// `send` takes more on this stream.
    Writable(u32),
    /// The answer to `ping`.
    Pong,
    /// The connection takes no new streams; those the peer still serves go on.
    GoAway,
    /// The connection is over, and every stream has ended. Last event.
    Failed(Reason),
}

/// One HTTP/2 connection, seen from the client.
pub struct Client {
    config: Config,
    ready: Arc<Ready>,
    waker: Waker,
    pipe: Pipe,
    /// Written before the caller lent a buffer: the connection preface, and what had to leave
    /// the library for it to say how much window a new stream has.
    staged: Vec<u8>,
    link: Option<Link>,
    targets: Targets,
    table: Table<Stream>,
    /// Streams the peer's `MAX_CONCURRENT_STREAMS` does not allow yet.
    waiting: VecDeque<u16>,
    /// Streams opened and not over.
    active: usize,
    events: VecDeque<Event>,
    held: Bytes,
    /// Bytes taken and not yet parsed: what cannot be answered is not read.
    unread: usize,
    /// Streams were started since the connection was polled: the library does not know their
    /// windows before it is.
    fresh: bool,
    /// Why the transport ended, once it did.
    transport: Option<Reason>,
    /// Why the connection ended, once it did.
    ended: Option<Reason>,
    closing: bool,
    failed: bool,
}

impl Client {
    /// A connection that begins now: its preface and settings leave with `poll_transmit`.
    #[must_use]
    pub fn new(_now: Instant, config: Config) -> Self {
        let slots = config.slots();
        let ready = Ready::new(slots);
        let (pipe, transport) = Pipe::new(&ready);
        let mut staged = Vec::new();
        pipe.lend(&mut staged, PREFACE_MAX);
        let link = Link::new(&config, transport);
        pipe.reclaim(&mut staged);
        let ended = if link.is_some() { None } else { Some(Reason::Local(Local::Limit)) };
        Self {
            waker: ready.connection_waker(),
            pipe,
            staged,
            link,
            targets: Targets::default(),
            table: Table::new(Arc::clone(&ready), slots),
            ready,
            waiting: VecDeque::new(),
            active: 0,
            events: VecDeque::new(),
            held: Bytes::new(),
            unread: 0,
            fresh: false,
            transport: None,
            ended,
            closing: false,
            failed: false,
            config,
        }
    }

    /// Takes received bytes, `Config::input_max` of them at most. Several heads and payloads may
    /// be among them: drain `poll_event`, then `next_payload`, then `poll_event` again.
    pub fn handle_input(&mut self, _now: Instant, input: &mut [u8]) -> usize {
        if self.link.is_none() || self.transport.is_some() {
            return 0;
        }
        let taken = self.pipe.offer(input, self.config.input_max);
        if taken > 0 {
            self.unread += taken;
            self.drive();
        }
        taken
    }

    /// Lends the next slice of received payload; its window is given back to the peer.
    pub fn next_payload<'b>(&'b mut self, _input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.held = Bytes::new();
        loop {
            let slot = self.table.next_readable()?;
            let Some((id, stream, waker)) = self.table.get(slot) else {
                self.table.unlist();
                continue;
            };
            match stream.pull(&mut Context::from_waker(waker)) {
                Pulled::Payload(bytes, last) => {
                    if last {
                        self.table.unlist();
                        self.complete(slot);
                    } else {
                        stream.give_back(bytes.len());
                    }
                    self.held = bytes;
                    return Some(Payload { id, bytes: &self.held });
                }
                Pulled::Ended => {
                    self.table.unlist();
                    self.complete(slot);
                }
                Pulled::Broken(error) => {
                    self.table.unlist();
                    self.break_off(slot, &error);
                }
                Pulled::Nothing => self.table.unlist(),
            }
        }
    }

    /// The peer sends no more. Every stream that is not complete ends.
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
        let limit = self.write_staged(out, limit);
        if limit == 0 || self.link.is_none() || !self.wants_transmit() {
            return;
        }
        self.pipe.lend(out, limit);
        self.drive();
        self.pipe.reclaim(out);
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Some(slot) = self.ready.take() {
                self.advance(slot);
            } else if self.ended.is_none() || !self.look_ahead() {
                break;
            }
        }
        if self.table.count() > 0 || self.failed {
            return None;
        }
        let reason = self.ended?;
        self.failed = true;
        Some(Event::Failed(reason))
    }

    /// Sends a request under the caller's `id`, at once or as soon as the peer allows one more.
    ///
    /// # Errors
    /// See [`Misuse`]; nothing has been sent then.
    pub fn open(&mut self, _now: Instant, id: u32, request: &Request) -> Result<(), Misuse> {
        if !self.is_open_for_streams() {
            return Err(Misuse::Closed);
        }
        if self.table.find(id).is_some() {
            return Err(Misuse::InUse);
        }
        if self.table.is_full() {
            return Err(Misuse::Full);
        }
        self.targets.check(request)?;
        let stage = if self.may_start() {
            self.start(request, false)
        } else {
            let request = Box::new(request.clone());
            Ok((Stage::Queued { request, finished: false, owed: false }, None))
        };
        let (stage, sending) = stage.map_err(|_| Misuse::Closed)?;
        let queued = matches!(stage, Stage::Queued { .. });
        let stream = Stream { stage, sending, paused: false, ahead: None };
        let Some(slot) = self.table.insert(id, stream) else { return Err(Misuse::Full) };
        if queued {
            self.waiting.push_back(slot);
        } else {
            self.active += 1;
            self.advance(slot);
        }
        Ok(())
    }

    /// Takes payload of the request's body, as much as windows, `send_max` and the announced
    /// length allow; `Writable` follows when it was not all.
    pub fn send(&mut self, _now: Instant, id: u32, bytes: &[u8]) -> usize {
        self.settle_windows();
        let max = self.config.send_max;
        let Some((_, stream, waker)) = self.table.find_mut(id) else { return 0 };
        if let Stage::Queued { finished, owed, .. } = &mut stream.stage {
            *owed |= !*finished && !bytes.is_empty();
            return 0;
        }
        let Some(sending) = &mut stream.sending else { return 0 };
        sending.send(&mut Context::from_waker(waker), bytes, max)
    }

    /// Ends the request's body.
    ///
    /// # Errors
    /// `Misuse::Unknown`; `Misuse::Length` when less was sent than was announced (SS-506).
    pub fn finish(&mut self, _now: Instant, id: u32) -> Result<(), Misuse> {
        let (_, stream, _) = self.table.find_mut(id).ok_or(Misuse::Unknown)?;
        if let Stage::Queued { finished, request, .. } = &mut stream.stage {
            if matches!(request.body, Body::Sized(len) if len > 0) {
                return Err(Misuse::Length);
            }
            *finished = true;
            return Ok(());
        }
        stream.sending.as_mut().map_or(Ok(()), Sending::finish)
    }

    /// Gives the stream up: `RST_STREAM` with `CANCEL`, no event, the id is free.
    pub fn reset(&mut self, _now: Instant, id: u32) {
        if let Some(slot) = self.table.find(id) {
            self.release(slot);
            self.start_waiting();
        }
    }

    /// Stops taking payload of a stream, or goes on. While it is paused its window runs to 0;
    /// the other streams go on.
    pub fn pause(&mut self, id: u32, paused: bool) {
        let Some((slot, stream, _)) = self.table.find_mut(id) else { return };
        stream.paused = paused;
        if !paused && matches!(stream.stage, Stage::Receiving(_)) {
            self.table.list(slot);
        }
    }

    /// How much `send` takes now on this stream. So much window is kept for it until its next
    /// `send`; an empty one gives it back. `Writable` follows when it is 0.
    pub fn stream_room(&mut self, id: u32) -> usize {
        self.settle_windows();
        let max = self.config.send_max;
        let Some((_, stream, waker)) = self.table.find_mut(id) else { return 0 };
        if let Stage::Queued { finished, owed, .. } = &mut stream.stage {
            *owed |= !*finished;
            return 0;
        }
        let Some(sending) = &mut stream.sending else { return 0 };
        sending.room(&mut Context::from_waker(waker), max)
    }

    /// What the peer may still send on this stream, estimated: its window less what was received
    /// and not yet taken (SS-232). 0 for a stream that does not exist or is not open.
    pub fn peer_credit(&mut self, id: u32) -> usize {
        let window = self.config.stream_window();
        let Some((_, stream, _)) = self.table.find_mut(id) else { return 0 };
        match &mut stream.stage {
            Stage::Queued { .. } => 0,
            Stage::Waiting(_) => usize::try_from(window).unwrap_or(usize::MAX),
            Stage::Receiving(body) => {
                usize::try_from(body.flow_control().available_capacity()).unwrap_or(0)
            }
        }
    }

    /// Asks the peer for a sign of life: `Pong` follows. One at a time is under way.
    pub fn ping(&mut self, _now: Instant) {
        if let Some(link) = &mut self.link {
            link.ping();
            self.ready.set_connection(true);
        }
    }

    /// Takes no new streams, and ends the connection when the last one is over.
    pub fn close(&mut self, _now: Instant) {
        if let Some(link) = &mut self.link {
            (link.sender, link.probe) = (None, None);
            self.closing = true;
            self.ready.set_connection(true);
        }
        self.drop_waiting(Reason::Local(Local::Closed));
    }

    /// Whether `open` may succeed.
    #[must_use]
    pub fn is_open_for_streams(&self) -> bool {
        self.transport.is_none() && self.link.as_ref().is_some_and(|link| link.sender.is_some())
    }

    /// Streams that are not over, those that wait to be opened among them.
    #[must_use]
    pub const fn stream_count(&self) -> usize {
        self.table.count()
    }

    /// Up: bytes `handle_input` takes now. Down: what a stream takes at most; see `stream_room`.
    #[must_use]
    pub const fn room(&self) -> Room {
        if self.link.is_none() || self.transport.is_some() {
            return Room { up: 0, down: 0 };
        }
        let up = self.config.input_max.saturating_sub(self.unread);
        Room { up, down: self.config.send_max }
    }

    /// Whether `poll_transmit` may have something.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        let flagged = self.ready.connection() || self.ready.blocked();
        (flagged && self.link.is_some()) || !self.staged.is_empty()
    }
}

impl Client {
    /// Writes what is staged; returns how much more may follow.
    fn write_staged(&mut self, out: &mut Vec<u8>, limit: usize) -> usize {
        let len = self.staged.len().min(limit);
        if len > 0 {
            out.extend(self.staged.drain(..len));
        }
        if !self.staged.is_empty() {
            return 0;
        }
        self.staged = Vec::new();
        limit - len
    }

    /// Polls the connection until it has nothing left to do.
    fn drive(&mut self) {
        self.fresh = false;
        let Some(link) = &mut self.link else { return };
        let mut cx = Context::from_waker(&self.waker);
        for _ in 0..POLLS_MAX {
            self.ready.set_connection(false);
            if let Poll::Ready(result) = Pin::new(&mut link.connection).poll(&mut cx) {
                let transport = self.transport;
                let ours = self.closing.then_some(Reason::Local(Local::Closed));
                let closed = transport.or(ours).unwrap_or(Reason::Peer(Peer::Closed));
                let why = result.err().map(|error| reason::of_connection(&error, transport));
                self.end(why.unwrap_or(closed));
                return;
            }
            if !self.ready.connection() {
                break;
            }
        }
        if self.unread > 0 {
            self.unread = self.pipe.unread();
        }
        if link.pinging && link.pong() {
            self.events.push_back(Event::Pong);
        }
        if let Some(error) = link.refusal() {
            if !error.is_library() {
                self.events.push_back(Event::GoAway);
            }
            self.drop_waiting(Reason::Peer(Peer::Unprocessed));
        }
        self.start_waiting();
    }

    /// Lets the library open the streams started since, so that their windows are known.
    fn settle_windows(&mut self) {
        if !self.fresh || self.link.is_none() {
            return;
        }
        let limit = STAGED_MAX.saturating_sub(self.staged.len());
        self.pipe.lend(&mut self.staged, limit);
        self.drive();
        self.pipe.reclaim(&mut self.staged);
    }

    fn end_transport(&mut self, how: End, why: Reason) {
        if self.link.is_none() || self.transport.is_some() {
            return;
        }
        self.transport = Some(why);
        self.pipe.end(how);
        self.drive();
        if self.link.is_some() {
            self.end(why);
        }
    }

    /// The connection is over. Streams end as they are looked at, after what they still hold.
    fn end(&mut self, why: Reason) {
        self.ended = Some(why);
        self.link = None;
        self.staged = Vec::new();
        self.drop_waiting(why);
        self.table.wake_all();
    }
}

impl core::fmt::Debug for Client {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client")
            .field("streams", &self.table.count())
            .field("active", &self.active)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// chosen: about what a peer's first connection window lets out (RFC 9113 §6.9.2). When so much is
/// staged, the next new stream learns its window after `poll_transmit`.
const STAGED_MAX: usize = 64 * 1024;

/// RFC 9113 §3.4: the connection preface is 24 bytes.
const PREFACE_MAX: usize = 24;

/// chosen: the library wakes itself once when its last stream closes; more than a few in a row
/// is a loop we do not join. What is left is done at the next call.
const POLLS_MAX: usize = 8;
