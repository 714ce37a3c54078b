//! From the node to handlers: who is called for which stream.

use crate::handler::{Context, Handler, Tx};
use crate::queue::Mailbox;
use mainstay_base::Instant;
use mainstay_base::Outcome;
use mainstay_node::{Application, Commands, Node, StreamId, Up};
use mainstay_policy::State;
use mainstay_stream::{Answer, Event, Flags};
use std::sync::Arc;

/// The handlers of a device's streams.
pub(crate) struct Router {
    handlers: Vec<Option<(StreamId, Box<dyn Handler>)>>,
    scratch: Vec<u8>,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl core::fmt::Debug for Router {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Router").field("handlers", &self.handlers.len()).finish_non_exhaustive()
    }
}

impl Router {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { handlers: Vec::new(), scratch: Vec::new(), mailbox }
    }

    /// From now on `handler` answers for `id`. What was there is given back (SS-230).
    pub(crate) fn set(
        &mut self,
        id: StreamId,
        handler: Box<dyn Handler>,
    ) -> Option<Box<dyn Handler>> {
        if self.handlers.len() <= id.index() {
            self.handlers.resize_with(id.index() + 1, || None);
        }
        let before = self.handlers[id.index()].replace((id, handler));
        before.filter(|(other, _)| *other == id).map(|(_, handler)| handler)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl Application for Router {
    fn up(&mut self, up: Up<'_>, commands: &mut Commands) -> Answer {
        let id = up.id();
        let slot = self.handlers.get_mut(id.index());
        let Some(Some((_, handler))) = slot.filter(|s| s.as_ref().is_some_and(|s| s.0 == id))
        else {
            return Answer::Ok;
        };
        match up {
            Up::Payload { id, view, payload, flags, room } => {
                let (topic, binary, open) = (payload.topic, payload.binary, view.message_open());
                let mut cx = Context {
                    id,
                    view,
                    commands,
                    room,
                    topic,
                    binary,
                    open,
                    begun: u64::from(open),
                };
                handler.rx(&mut cx, payload.bytes, flags)
            }
            Up::Event { id, view, event, room } => {
                let open = view.message_open();
                let mut cx = Context {
                    id,
                    view,
                    commands,
                    room,
                    topic: None,
                    binary: false,
                    open,
                    begun: u64::from(open),
                };
                let over = matches!(event, Event::State { state: State::Destroying, .. });
                let answer = dispatch(handler.as_mut(), &mut cx, event, &mut self.scratch);
                if over && let Some(slot) = self.handlers.get_mut(id.index()) {
                    *slot = None;
                }
                answer
            }
        }
    }

    fn woken(&mut self, now: Instant, node: &mut Node) {
        let mailbox = Arc::clone(&self.mailbox);
        while let Some(wish) = mailbox.take() {
            wish.carry_out(now, node, self);
        }
    }
}

fn dispatch(
    handler: &mut dyn Handler,
    cx: &mut Context<'_>,
    event: Event,
    scratch: &mut Vec<u8>,
) -> Answer {
    match event {
        Event::State { state, ordinal, reason } => handler.state(cx, state, ordinal, reason),
        Event::Tx { ordinal, room } => {
            if scratch.len() < room {
                scratch.resize(room, 0);
            }
            let buffer = scratch.get_mut(..room).unwrap_or_default();
            match handler.tx(cx, ordinal, buffer) {
                Tx::Send { len, flags } => {
                    match buffer.get(..len) {
                        Some(bytes) => cx.commands.send_returned(bytes, flags),
                        None => cx.commands.overrun(),
                    }
                    Answer::Ok
                }
                Tx::DontSend => Answer::TxDontSend,
                Tx::Disconnect => Answer::DisconnectMe,
                Tx::Destroy => Answer::DestroyMe,
            }
        }
        Event::EndOfMessage(flags) => handler.rx(cx, &[], flags | Flags::NONE),
        Event::Outcome(id, outcome) => {
            handler.outcome(cx, id, outcome, false);
            Answer::Ok
        }
        Event::SentThrough(id) => {
            handler.outcome(cx, id, Outcome::Sent, true);
            Answer::Ok
        }
    }
}
