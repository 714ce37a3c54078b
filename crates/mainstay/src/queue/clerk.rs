//! The handler behind a handle.

use super::{INBOX_MAX, Inside, Letters, News};
use crate::handler::{Context, Handler, Tx};
use crate::stream::Chunk;
use mainstay_base::{Outcome, Reason};
use mainstay_policy::{Protocol, State};
use mainstay_stream::{Answer, Flags, PayloadId};
use std::sync::Arc;

/// The handler behind a handle.
#[derive(Debug)]
pub(super) struct Clerk(Arc<Letters>);

impl Clerk {
    pub(super) const fn new(letters: Arc<Letters>) -> Self {
        Self(letters)
    }
}

impl Drop for Clerk {
    /// The loop may go without saying goodbye to its streams.
    fn drop(&mut self) {
        self.0.with(News::State, Inside::end);
    }
}

impl Handler for Clerk {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let http =
            matches!(cx.stream().streamtype().protocol, Protocol::H1 | Protocol::H2 | Protocol::H3);
        let (next, needless) = self.0.with(News::State, |inside| {
            inside.enter(state);
            inside.reason = reason.or(inside.reason);
            if state == State::Connected {
                inside.reason = None;
            } else if matches!(state, State::Disconnected | State::Unreachable) {
                inside.interrupted();
            } else if state == State::Destroying {
                inside.end();
            } else if state == State::AllRetriesFailed {
                inside.refuse();
            }
            // The message the attempt was for has had its outcome: nothing is left to send.
            let needless = state == State::Poll && http && inside.begun && inside.outbox.is_empty();
            if matches!(state, State::Poll | State::QosAckRemote | State::QosNackRemote) {
                inside.begun = false;
            }
            (inside.announce(), needless)
        });
        if needless {
            return Answer::DisconnectMe;
        }
        if let (State::Connected | State::Disconnected, Some(len)) = (state, next) {
            cx.request_tx_len(len);
        }
        Answer::Ok
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        let full = self.0.with(News::Chunk, |inside| {
            inside.inbox_bytes += payload.len();
            inside.inbox.push_back(Chunk {
                bytes: payload.to_vec(),
                flags,
                topic: cx.topic().filter(|_| flags.has(Flags::SOM)).map(str::to_owned),
                binary: cx.is_binary(),
            });
            inside.asleep = inside.inbox_bytes >= INBOX_MAX;
            inside.asleep
        });
        if full {
            cx.pause(true);
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let (tx, next) = self.0.with(News::Room, |inside| {
            let announced = inside.announced;
            let Some(front) = inside.outbox.front_mut() else { return (Tx::DontSend, None) };
            if announced != Some(front.ticket) {
                return (Tx::DontSend, inside.announce().map(|len| (len, true)));
            }
            let rest = front.payload.get(front.sent..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            if let (Some(into), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
                into.copy_from_slice(from);
            }
            let (start, ticket) = (front.sent == 0, front.ticket);
            front.sent += len;
            let end = front.sent == front.payload.len();
            inside.begun |= start;
            if start {
                inside.flights.push_back((cx.stream().next_payload(), ticket));
            }
            inside.outbox_bytes -= len;
            if end {
                inside.outbox.pop_front();
            }
            (
                Tx::Send { len, flags: Flags::ends(start, end) },
                inside.announce().map(|len| (len, end)),
            )
        });
        match next {
            Some((len, true)) => cx.request_tx_len(len),
            Some((_, false)) => cx.request_tx(),
            None => {}
        }
        tx
    }

    fn outcome(&mut self, cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, through: bool) {
        let next = self.0.with(News::Outcome, |inside| {
            let early = inside.ended(id, outcome, through);
            if early { inside.announce() } else { None }
        });
        if let Some(len) = next {
            cx.request_tx_len(len);
        }
    }
}
