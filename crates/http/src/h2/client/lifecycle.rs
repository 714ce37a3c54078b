//! The life of one stream: queued, waiting for its head, receiving, over.

use super::link::Link;
use super::{Client, Event};
use crate::h2::outgoing::list_size;
use crate::h2::reason;
use crate::h2::transfer::{Pulled, Sending, pull};
use crate::{Body, Request, Response};
use ::h2::client::ResponseFuture;
use ::h2::{Error, RecvStream};
use bytes::Bytes;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use mainstay_base::{Peer, Policy, Reason};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) stage: Stage,
    pub(super) sending: Option<Sending>,
    pub(super) paused: bool,
    /// Payload pulled to see whether the stream is over, once the connection is; and whether it
    /// was the last.
    pub(super) ahead: Option<(Bytes, bool)>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Not sent yet. A body without length may be finished before it is; `owed` says that room
    /// was asked for.
    Queued { request: Box<Request>, finished: bool, owed: bool },
    /// Sent, not answered.
    Waiting(ResponseFuture),
    /// The head has come.
    Receiving(RecvStream),
}

impl Client {
    pub(super) fn may_start(&self) -> bool {
        self.waiting.is_empty() && self.active < self.allowed()
    }

    fn allowed(&self) -> usize {
        self.link.as_ref().map_or(0, Link::allowed)
    }

    /// Hands a request to the library.
    pub(super) fn start(
        &mut self,
        request: &Request,
        finished: bool,
    ) -> Result<(Stage, Option<Sending>), Reason> {
        let over = || Reason::Peer(Peer::Unprocessed);
        let sender = self.link.as_mut().and_then(|link| link.sender.as_mut()).ok_or_else(over)?;
        let left = match request.body {
            Body::None => Some(0),
            Body::Sized(len) => Some(len),
            Body::Unsized => finished.then_some(0),
        };
        for _ in 0..2 {
            let Ok(converted) = self.targets.convert(request) else { break };
            match sender.send_request(converted, left == Some(0)) {
                Ok((response, stream)) => {
                    self.fresh = true;
                    let sending = (left != Some(0)).then(|| Sending::new(stream, left));
                    return Ok((Stage::Waiting(response), sending));
                }
                Err(error) if error.is_go_away() || error.is_io() => {
                    return Err(reason::of_stream(&error, self.transport));
                }
                // It lets one request wait per handle: a fresh one knows of none.
                Err(_) => *sender = sender.clone(),
            }
        }
        Err(Reason::Policy(Policy::Invalid))
    }

    /// Starts what waits, as far as the peer allows.
    pub(super) fn start_waiting(&mut self) {
        while let Some(&slot) = self.waiting.front() {
            if self.active >= self.allowed() {
                return;
            }
            self.waiting.pop_front();
            self.start_queued(slot);
        }
    }

    pub(super) fn start_queued(&mut self, slot: u16) {
        let Some((id, stream, _)) = self.table.get(slot) else { return };
        let Stage::Queued { request, finished, owed } = &stream.stage else { return };
        let (request, finished, owed) = (request.clone(), *finished, *owed);
        match self.start(&request, finished) {
            Ok((stage, sending)) => {
                let writable = owed && sending.is_some();
                if let Some((_, stream, _)) = self.table.get(slot) {
                    (stream.stage, stream.sending) = (stage, sending);
                }
                self.active += 1;
                self.ready.set(slot);
                if writable {
                    self.events.push_back(Event::Writable(id));
                }
            }
            Err(why) => {
                self.table.remove(slot);
                self.events.push_back(Event::Reset(id, why));
            }
        }
    }

    pub(super) fn drop_waiting(&mut self, why: Reason) {
        while let Some(slot) = self.waiting.pop_front() {
            if let Some((id, _)) = self.table.remove(slot) {
                self.events.push_back(Event::Reset(id, why));
            }
        }
    }

    /// Looks at a stream whose flag was set.
    pub(super) fn advance(&mut self, slot: u16) {
        let Some((id, stream, waker)) = self.table.get(slot) else { return };
        let mut cx = Context::from_waker(waker);
        if stream.sending.as_mut().is_some_and(|sending| sending.became_writable(&mut cx)) {
            self.events.push_back(Event::Writable(id));
        }
        match &mut stream.stage {
            Stage::Queued { .. } => {}
            Stage::Receiving(_) if stream.paused => {}
            Stage::Receiving(_) => self.table.list(slot),
            Stage::Waiting(response) => match Pin::new(response).poll(&mut cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(response)) => self.answered(slot, id, response),
                Poll::Ready(Err(error)) => self.break_off(slot, &error),
            },
        }
    }

    /// Pulls what comes next on every stream, so that those with nothing left end without being
    /// asked for payload. Whether there is an event.
    pub(super) fn look_ahead(&mut self) -> bool {
        for slot in self.table.readable() {
            let Some((_, stream, waker)) = self.table.get(slot) else { continue };
            match stream.pull(&mut Context::from_waker(waker)) {
                Pulled::Payload(bytes, last) => stream.ahead = Some((bytes, last)),
                Pulled::Ended => self.complete(slot),
                Pulled::Broken(error) => self.break_off(slot, &error),
                Pulled::Nothing => {}
            }
        }
        !self.events.is_empty()
    }

    pub(super) fn answered(&mut self, slot: u16, id: u32, response: http::Response<RecvStream>) {
        let (parts, body) = response.into_parts();
        let max = usize::try_from(self.config.header_list_max).unwrap_or(usize::MAX);
        if list_size(&parts.headers) > max {
            drop(body);
            self.release(slot);
            self.events.push_back(Event::Reset(id, Reason::Peer(Peer::TooLarge)));
            self.start_waiting();
            return;
        }
        self.events.push_back(Event::Head(id, Box::new(Response::from_parts(parts, ()))));
        if body.is_end_stream() {
            drop(body);
            self.complete(slot);
            return;
        }
        let Some((_, stream, _)) = self.table.get(slot) else { return };
        stream.stage = Stage::Receiving(body);
        if !stream.paused {
            self.table.list(slot);
        }
    }

    pub(super) fn complete(&mut self, slot: u16) {
        if let Some(id) = self.release(slot) {
            self.events.push_back(Event::Complete(id));
            self.start_waiting();
        }
    }

    pub(super) fn break_off(&mut self, slot: u16, error: &Error) {
        let why = reason::of_stream(error, self.ended.or(self.transport));
        if let Some(id) = self.release(slot) {
            self.events.push_back(Event::Reset(id, why));
            self.start_waiting();
        }
    }

    /// Lets go of a stream; the library cancels what of it is not over.
    pub(super) fn release(&mut self, slot: u16) -> Option<u32> {
        let (id, stream) = self.table.remove(slot)?;
        if matches!(stream.stage, Stage::Queued { .. }) {
            self.waiting.retain(|waiting| *waiting != slot);
        } else {
            self.active = self.active.saturating_sub(1);
        }
        Some(id)
    }
}

impl Stream {
    pub(super) fn pull(&mut self, cx: &mut Context<'_>) -> Pulled {
        match &mut self.stage {
            Stage::Receiving(body) if !self.paused => {
                let ahead = self.ahead.take();
                ahead.map_or_else(|| pull(body, cx), |(bytes, last)| Pulled::Payload(bytes, last))
            }
            Stage::Receiving(_) | Stage::Queued { .. } | Stage::Waiting(_) => Pulled::Nothing,
        }
    }

    /// Gives the peer back the window of payload that was taken.
    pub(super) fn give_back(&mut self, len: usize) {
        if let Stage::Receiving(body) = &mut self.stage {
            // Fails only above what was received, which this is.
            let _never = body.flow_control().release_capacity(len);
        }
    }
}
