//! What a stream says: events to the application, of which the state table judges each, and
//! requests to the node.

use super::Stream;
use crate::counters::Counters;
use crate::lifecycle::{Cause, Life};
use crate::notice::{Event, Notice, Request};
use crate::payload::{Flags, PayloadId};
use mainstay_base::{Local, Outcome, Reason};
use mainstay_policy::{State, legal};

impl Stream {
    /// What the application is to hear next; nothing while a state awaits its answer.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.standing.is_some() {
            return None;
        }
        while let Some(notice) = self.notices.pop() {
            let event = match notice {
                Notice::State { state, ordinal, reason } => {
                    if !self.deliver(state) {
                        continue;
                    }
                    Event::State { state, ordinal, reason }
                }
                Notice::EndOfMessage => Event::EndOfMessage(Flags::EOM),
                Notice::Outcomes { from, outcome, .. } => {
                    self.count(outcome, 1);
                    Event::Outcome(PayloadId(from), outcome)
                }
                Notice::SentThrough(id) => Event::SentThrough(PayloadId(id)),
            };
            return Some(event);
        }
        self.offer_tx()
    }

    /// What the node is to do next.
    pub fn poll_request(&mut self) -> Option<Request> {
        if let Some(close) = self.close.take() {
            return Some(Request::Close(close));
        }
        if let Some(open) = self.open.take() {
            return Some(Request::Open(open));
        }
        if self.wants_room() {
            self.way.asked = true;
            return Some(Request::WantTx);
        }
        if core::mem::take(&mut self.confirm) {
            return Some(Request::Confirm);
        }
        core::mem::take(&mut self.over).then_some(Request::Over)
    }

    /// Whether `state` may be delivered; notes that it was (SS-106).
    fn deliver(&mut self, state: State) -> bool {
        if !legal(self.last, state) {
            self.violate(state);
            return false;
        }
        if !state.is_transient() {
            self.last = state;
        }
        if state == State::Connected {
            self.told = true;
            Counters::bump(&mut self.counters.connections, 1);
        } else if state == State::Disconnected {
            self.told = false;
        }
        self.standing = Some(state);
        true
    }

    /// An illegal delivery: counted, the connection closed, DISCONNECTED told if due (SS-106). The
    /// stream stays usable.
    fn violate(&mut self, state: State) {
        Counters::bump(&mut self.counters.illegal, 1);
        match self.life {
            Life::Opening | Life::Connected | Life::Closing => {
                self.abort(Local::Closed);
                self.notices.keep_outcomes();
                self.lose_or_fail(self.since, Reason::Local(Local::Closed));
            }
            // The notice whose answer would have decided.
            Life::Creating | Life::Polling | Life::Asking | Life::Ended
                if !state.is_transient() =>
            {
                self.step(Cause::Rest);
            }
            Life::Creating
            | Life::Idle
            | Life::Polling
            | Life::Asking
            | Life::Ended
            | Life::Waiting
            | Life::Dying
            | Life::Over => {}
        }
    }

    fn count(&mut self, outcome: Outcome, by: u64) {
        let counter = match outcome {
            Outcome::Acknowledged => &mut self.counters.acknowledged,
            Outcome::Sent => &mut self.counters.sent,
            Outcome::Refused(_) => &mut self.counters.refused,
            Outcome::Unknown(_) => &mut self.counters.unknown,
        };
        Counters::bump(counter, by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::Info;
    use crate::lifecycle::Answer;
    use mainstay_base::{Instant, Rng};
    use mainstay_policy::{Policy, Protocol, Streamtype};
    use mainstay_pool as pool;
    use std::sync::Arc;

    fn connected() -> (Stream, Rng) {
        let streamtype = Streamtype {
            endpoint: Some("peer.example".into()),
            protocol: Protocol::Ws,
            nailed_up: true,
            port: 1,
            ..Streamtype::default()
        };
        let (policy, streamtype) = (Arc::new(Policy::default()), Arc::new(streamtype));
        let mut stream =
            Stream::new(Instant::ZERO, &policy, &streamtype, &Info::default()).unwrap();
        let mut rng = Rng::from_run(1);
        states(&mut stream, &mut rng);
        assert!(matches!(stream.poll_request(), Some(Request::Open(_))));
        stream.handle_event(Instant::ZERO, &mut rng, pool::Event::Opened);
        assert_eq!(states(&mut stream, &mut rng), [State::Connected]);
        (stream, rng)
    }

    fn states(stream: &mut Stream, rng: &mut Rng) -> Vec<State> {
        let mut heard = Vec::new();
        while let Some(Event::State { state, .. }) = stream.poll_event() {
            heard.push(state);
            stream.answer(Instant::ZERO, rng, Answer::Ok);
        }
        heard
    }

    // Covers SS-106, SS-900
    #[test]
    fn an_illegal_delivery_is_counted_and_costs_the_connection_only() {
        let (mut stream, mut rng) = connected();
        stream.notices.push(Notice::state(State::Unreachable));
        let heard = states(&mut stream, &mut rng);
        assert_eq!(heard, [State::Disconnected, State::AllRetriesFailed]);
        assert_eq!((stream.counters().illegal, stream.is_destroyed()), (1, false));
        assert!(matches!(stream.poll_request(), Some(Request::Close(pool::Close::Abort(_)))));
        stream.request_tx(Instant::ZERO);
        assert_eq!(states(&mut stream, &mut rng), [State::Poll, State::Connecting]);
    }

    // Covers SS-105
    #[test]
    fn transient_states_are_told_anywhere_and_not_remembered() {
        let (mut stream, mut rng) = connected();
        for state in [State::UpstreamLinkRetry, State::User(7), State::Timeout] {
            stream.notices.push(Notice::state(state));
            assert_eq!(states(&mut stream, &mut rng), [state]);
            assert_eq!(stream.state(), State::Connected);
        }
        assert!(stream.is_connected());
    }
}
