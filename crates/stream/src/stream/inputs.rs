//! What the pool says, and what becomes of the stream by it.

use super::Stream;
use super::transmit::Topics;
use crate::counters::Counters;
use crate::lifecycle::{Cause, Life};
use crate::limits::BODY_SILENCE;
use crate::notice::Notice;
use crate::opening::Destination;
use crate::payload::{Flags, received};
use crate::response::{self, Asked, Redirect, Verdict};
use crate::retry::{self, Ending, Next};
use crate::timeout::Timer;
use mainstay_base::{Instant, Local, Network, Outcome, Peer, Phase, Policy, Reason, Rng};
use mainstay_http::http::Method;
use mainstay_http::{Body, Response};
use mainstay_policy::{Protocol, State};
use mainstay_pool as pool;
use std::sync::Arc;

/// An HTTP transaction under way.
#[derive(Debug)]
pub(super) struct Transaction {
    /// What follows the request's head.
    pub(super) body: Body,
    /// Status of the answer; 0 before it.
    pub(super) status: u16,
    method: Method,
    destination: Arc<Destination>,
    path: String,
    /// The redirect that led here.
    before: Option<Box<Redirect>>,
    /// What to do when the rest of an unwanted response was read.
    verdict: Option<Verdict>,
    /// A body came.
    has_body: bool,
}

impl Stream {
    /// Takes an event of the stream's channel.
    pub fn handle_event(&mut self, now: Instant, _rng: &mut Rng, event: pool::Event) {
        if !self.life.has_channel() || self.open.is_some() {
            return Counters::bump(&mut self.counters.ignored, 1);
        }
        match event {
            pool::Event::Opened if self.life == Life::Opening => self.opened(now),
            pool::Event::Head(head) if self.life == Life::Opening => self.headed(now, head),
            pool::Event::Writable if self.way.asked => {
                self.way.asked = false;
                self.way.writable = true;
            }
            pool::Event::Outcome(tag, outcome) => self.settle(tag, outcome),
            pool::Event::SentThrough(tag) => self.sent_through(tag),
            pool::Event::Valid => self.succeed(),
            pool::Event::Finished => self.finished(now),
            pool::Event::Closed(reason) => self.closed(now, reason),
            pool::Event::Opened | pool::Event::Head(_) | pool::Event::Writable => {
                Counters::bump(&mut self.counters.ignored, 1);
            }
        }
        self.check();
    }

    /// Takes a piece of payload: its flags if it is for the application, which answers with
    /// `answer_payload`; `None` if nobody wants it (the body of a redirect, a closing connection).
    pub fn handle_payload(&mut self, now: Instant, payload: &pool::Payload<'_>) -> Option<Flags> {
        if !self.is_serving() {
            Counters::bump(&mut self.counters.ignored, 1);
            return None;
        }
        self.succeed();
        let protocol = self.streamtype.protocol;
        if let Some(transaction) = &mut self.transaction {
            transaction.has_body = true;
            self.watch(now);
        }
        let len = u64::try_from(payload.bytes.len()).unwrap_or(u64::MAX);
        self.counters.rx_bytes = self.counters.rx_bytes.saturating_add(len);
        let flags = received(protocol, payload.start, payload.end);
        if flags.has(Flags::EOM) {
            self.counters.rx_messages = self.counters.rx_messages.saturating_add(1);
        }
        if payload.start {
            self.rx_binary = payload.binary;
            self.note_topic(payload.topic);
        }
        Some(flags)
    }

    fn note_topic(&mut self, topic: Option<&str>) {
        let Some(topic) = topic else { return };
        let received = &mut self.topics.get_or_insert_with(Box::<Topics>::default).received;
        if received.as_deref() != Some(topic) {
            *received = Some(topic.to_owned());
        }
    }

    /// CONNECTING was consented to: builds the attempt and asks for it (SS-450).
    pub(super) fn consent(&mut self, now: Instant) {
        self.step(Cause::Consent);
        if self.opener().lacks_credential() {
            return self.fail_as(now, State::AuthFailed, Reason::Policy(Policy::Missing));
        }
        self.close_code = None;
        self.ask(now, None);
    }

    /// Asks the pool for the channel, of the policy or of a redirect.
    fn ask(&mut self, now: Instant, before: Option<Box<Redirect>>) {
        let (open, destination) = match self.attempt(before.as_deref()) {
            Ok(attempt) => attempt,
            Err(fault) => return self.fail(now, Reason::Policy(fault)),
        };
        Counters::bump(&mut self.counters.attempts, 1);
        if let pool::Protocol::H1(request) | pool::Protocol::H2 { request, .. } = &open.protocol {
            let body = request.body;
            // A request without body is its own fulfilment (SS-507); one with a body is owed tx.
            self.way.wanted = !matches!(body, Body::None | Body::Sized(0));
            self.transaction = Some(Box::new(Transaction {
                body,
                status: 0,
                method: request.method.clone(),
                destination,
                // Only a redirect asks for it again.
                path: if self.streamtype.http.allow_redirects {
                    request.path.clone()
                } else {
                    String::new()
                },
                before,
                verdict: None,
                has_body: false,
            }));
        }
        self.open = Some(Box::new(open));
    }

    /// What to open, and where that leads. HTTP asks for every transaction, so what stays the same
    /// is kept.
    fn attempt(
        &mut self,
        before: Option<&Redirect>,
    ) -> Result<(pool::Open, Arc<Destination>), Policy> {
        let opener = self.opener();
        let known = self.destination.as_ref().filter(|_| before.is_none());
        let destination = match known {
            Some(known) => Arc::clone(known),
            None => Arc::new(opener.destination(before)?),
        };
        let open = opener.open(&destination, before)?;
        if self.is_http() && before.is_none() && opener.is_settled() {
            self.destination = Some(Arc::clone(&destination));
        }
        Ok((open, destination))
    }

    /// The way is free. For HTTP that is not CONNECTED yet, but a body may go (SS-111).
    fn opened(&mut self, now: Instant) {
        match &self.transaction {
            Some(transaction) => {
                let has_body = !matches!(transaction.body, Body::None | Body::Sized(0));
                self.way.is_open = has_body && transaction.status == 0;
            }
            None => self.come_up(now),
        }
    }

    /// CONNECTED is due (SS-110).
    fn come_up(&mut self, now: Instant) {
        self.step(Cause::Up);
        self.since = now;
        if self.series.attempts() > 0 {
            self.timers.arm(Timer::Settled, now, retry::settled(&self.streamtype));
        }
        match self.streamtype.protocol {
            Protocol::H1 | Protocol::H2 | Protocol::H3 => {}
            Protocol::Mqtt => {
                self.way.is_open = true;
                // SS-563: one opportunity.
                self.way.wanted |= self.streamtype.mqtt.topic.is_some();
            }
            Protocol::Ws | Protocol::Raw => self.way.is_open = true,
        }
        self.notices.push(Notice::state(State::Connected));
    }

    /// The head of a response, or of the answer to an upgrade.
    fn headed(&mut self, now: Instant, head: Box<Response>) {
        if self.status().is_some() {
            // One answer per request.
            return Counters::bump(&mut self.counters.ignored, 1);
        }
        let verdict = self.judge(&head);
        let status = head.status().as_u16();
        if !matches!(verdict, Verdict::Follow(_)) {
            self.metadata.capture(&self.streamtype, head.headers());
            if let Some(state) = response::mapped(status, &self.streamtype.http) {
                self.notices.push(Notice::state(state));
            }
        }
        let is_short = response::is_short(head.headers());
        if self.streamtype.direct_proto_str {
            self.head = Some(head);
        }
        let Some(transaction) = &mut self.transaction else {
            // ws: `Opened` or `Closed` follows and decides.
            if let Verdict::Failed(_, least) = verdict {
                self.ending.least_ms = retry::least_ms(least);
            }
            return;
        };
        transaction.status = status;
        if verdict == Verdict::Answer {
            self.come_up(now);
            return self.watch(now);
        }
        // A body still going up cannot be waited for.
        if is_short && !self.way.is_open {
            transaction.verdict = Some(verdict);
            return self.watch(now);
        }
        self.abort(Local::Closed);
        self.carry_out(now, verdict);
    }

    fn judge(&self, head: &Response) -> Verdict {
        let http = &self.streamtype.http;
        let Some(transaction) = &self.transaction else {
            let reason = Reason::Peer(Peer::Status(head.status().as_u16()));
            let least = response::retry_after(head.headers()).unwrap_or_default();
            return Verdict::Failed(reason, least);
        };
        let asked = Asked {
            address: &transaction.destination.address,
            path: &transaction.path,
            method: &transaction.method,
            before: transaction.before.as_deref(),
        };
        response::judge(head, &asked, http)
    }

    /// Acts on a head that was no answer, when its channel is gone.
    fn carry_out(&mut self, now: Instant, verdict: Verdict) {
        match verdict {
            Verdict::Answer => {}
            Verdict::Failed(reason, least) => {
                self.settle_all(Outcome::Refused(reason));
                self.ending.least_ms = retry::least_ms(least);
                self.fail(now, reason);
            }
            Verdict::Follow(redirect) => {
                let status = self.status().unwrap_or_default();
                self.settle_all(Outcome::Refused(Reason::Peer(Peer::Redirect(status))));
                self.drop_channel(now);
                self.ask(now, Some(redirect));
            }
        }
    }

    /// The response is complete.
    fn finished(&mut self, now: Instant) {
        if self.transaction.is_none() || self.life == Life::Closing {
            return self.closed(now, Reason::Peer(Peer::Closed));
        }
        if self.life == Life::Connected {
            return self.complete(now);
        }
        match self.transaction.as_mut().and_then(|transaction| transaction.verdict.take()) {
            Some(verdict) => self.carry_out(now, verdict),
            None => self.fail(now, Reason::Peer(Peer::Malformed)),
        }
    }

    /// The transaction is done: end of message, outcome, QoS, DISCONNECTED (SS-109, SS-501).
    fn complete(&mut self, now: Instant) {
        let Some(transaction) = self.transaction.take() else { return };
        let status = transaction.status;
        if transaction.has_body {
            self.counters.rx_messages = self.counters.rx_messages.saturating_add(1);
            self.notices.push(Notice::EndOfMessage);
        }
        let refused = (!response::is_success(status, &self.streamtype.http))
            .then_some(Reason::Peer(Peer::Status(status)));
        let (outcome, state) = match refused {
            None => (Outcome::Acknowledged, State::QosAckRemote),
            Some(reason) => (Outcome::Refused(reason), State::QosNackRemote),
        };
        self.settle_all(outcome);
        self.notices.push(Notice::State { state, ordinal: 0, reason: refused });
        self.succeed();
        self.timers.disarm(Timer::Application);
        self.announced = None;
        self.way.wanted = false;
        let next = if self.streamtype.nailed_up_repeat { Next::Repeat } else { Next::Idle };
        self.end(now, next, None);
    }

    /// The channel is gone without more.
    fn closed(&mut self, now: Instant, reason: Reason) {
        if let Reason::Peer(Peer::WsClose(code)) = reason {
            self.close_code = Some(code);
        }
        match self.transaction.as_mut().and_then(|transaction| transaction.verdict.take()) {
            Some(verdict) => self.carry_out(now, verdict),
            None if self.life == Life::Opening => self.fail(now, reason),
            None => self.lose(now, reason),
        }
    }

    /// A connection that the application was, or will be, told of is lost (SS-141).
    pub(super) fn lose(&mut self, now: Instant, reason: Reason) {
        self.settle_all(Outcome::Unknown(reason));
        let next = if self.streamtype.opportunistic { Next::Idle } else { Next::Retry };
        if !self.is_http() || self.streamtype.opportunistic {
            self.timers.disarm(Timer::Application);
        }
        self.end(now, next, Some(reason));
    }

    fn end(&mut self, now: Instant, next: Next, reason: Option<Reason>) {
        self.counters.connected_for(now - self.since);
        self.drop_channel(now);
        self.step(Cause::End);
        self.ending = Ending { next, least_ms: 0 };
        self.notices.push(Notice::State { state: State::Disconnected, ordinal: 0, reason });
    }

    /// We drop a channel whose CONNECTED may still be on its way to the application.
    pub(super) fn lose_or_fail(&mut self, now: Instant, reason: Reason) {
        match self.life {
            Life::Opening => self.fail(now, reason),
            Life::Connected | Life::Closing if self.told => self.lose(now, reason),
            Life::Connected | Life::Closing => {
                self.settle_all(Outcome::Unknown(reason));
                self.notices.keep_outcomes();
                self.drop_channel(now);
                self.step(Cause::End);
                self.ending = Ending { next: Next::Retry, least_ms: 0 };
                let state = State::Unreachable;
                self.notices.push(Notice::State { state, ordinal: 0, reason: Some(reason) });
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

    /// The attempt failed before CONNECTED (SS-100, SS-112, SS-113).
    pub(super) fn fail(&mut self, now: Instant, reason: Reason) {
        let state = match reason {
            Reason::Peer(Peer::Connack(4 | 5)) => State::AuthFailed,
            Reason::Peer(_) | Reason::Local(_) | Reason::Network(_) | Reason::Policy(_) => {
                State::Unreachable
            }
        };
        self.fail_as(now, state, reason);
    }

    fn fail_as(&mut self, now: Instant, state: State, reason: Reason) {
        let ordinal = u32::from(reason == Reason::Network(Network::ResolverUnreachable));
        self.settle_all(Outcome::Unknown(reason));
        self.drop_channel(now);
        self.step(Cause::Fail);
        self.ending.next = Next::Retry;
        self.notices.push(Notice::State { state, ordinal, reason: Some(reason) });
    }

    /// Forgets all that belonged to the channel.
    pub(super) fn drop_channel(&mut self, _now: Instant) {
        self.open = None;
        self.way.shut();
        self.asleep = false;
        self.timers.disarm(Timer::Settled);
        self.timers.disarm(Timer::Silence);
        self.transaction = None;
        self.head = None;
    }

    /// The one outcome of one message, and its QoS state on mqtt (SS-565 to SS-568).
    fn settle(&mut self, tag: u64, outcome: Outcome) {
        let Some(ordinal) = self.ledger.end(tag) else {
            return Counters::bump(&mut self.counters.ignored, 1);
        };
        self.notices.push(Notice::Outcomes { from: tag, to: tag + 1, outcome });
        if outcome == Outcome::Acknowledged {
            self.succeed();
        }
        if self.streamtype.protocol != Protocol::Mqtt {
            return;
        }
        self.timers.disarm(Timer::Application);
        let (state, reason) = match outcome {
            Outcome::Acknowledged | Outcome::Sent => (State::QosAckRemote, None),
            Outcome::Refused(why) | Outcome::Unknown(why) => (State::QosNackRemote, Some(why)),
        };
        self.notices.push(Notice::State { state, ordinal, reason });
    }

    /// The connection proved good: the retry series begins anew.
    const fn succeed(&mut self) {
        self.series.reset();
        self.timers.disarm(Timer::Settled);
    }

    /// The response owes bytes from now on (SS-509).
    pub(super) fn watch(&mut self, now: Instant) {
        if !self.streamtype.long_poll && !self.asleep {
            self.timers.arm(Timer::Silence, now, BODY_SILENCE);
        }
    }

    /// Nothing more came of a response.
    pub(super) fn fall_silent(&mut self, now: Instant) {
        self.abort(Local::TimedOut(Phase::Data));
        self.closed(now, Reason::Local(Local::TimedOut(Phase::Data)));
    }
}
