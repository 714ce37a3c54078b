//! One stream as a machine: its contract. What inputs, answers and payload do is in the files of
//! the folder; where it may go next in `lifecycle.rs`.

mod answers;
mod inputs;
mod joint;
mod transmit;
mod views;

use crate::blobs::{Blobs, Info};
use crate::counters::Counters;
use crate::error::{CreateError, Misuse};
use crate::lifecycle::{Cause, Life};
use crate::metadata::Metadata;
use crate::notice::{Event, Notice, Notices, Request};
use crate::opening;
use crate::outcome::Ledger;
use crate::payload::{Flags, PayloadId};
use crate::retry::{Ending, Series, Start};
use crate::timeout::{Timer, Timers};
use core::time::Duration;
use inputs::Transaction;
use mainstay_base::{Instant, Local, Outcome, Reason, Rng};
use mainstay_http::Response;
use mainstay_policy::{Policy, Protocol, State, Streamtype, legal};
use mainstay_pool as pool;
use std::sync::Arc;
use transmit::{Topics, Way};

/// A Secure Stream: zero or one connection at a time, any number in sequence (SS-002).
///
/// Every `Event::State` stands still until [`Stream::answer`]: meanwhile `poll_event` says nothing,
/// inputs and commands are taken and their consequences wait their turn.
#[derive(Debug)]
pub struct Stream {
    policy: Arc<Policy>,
    streamtype: Arc<Streamtype>,
    blobs: Arc<Blobs>,
    index: u32,
    life: Life,
    /// The last state delivered, transient ones aside (SS-105).
    last: State,
    /// The state that awaits its answer.
    standing: Option<State>,
    /// CONNECTED was delivered and its DISCONNECTED was not.
    told: bool,
    /// `destroy` was called inside the handler of the standing state (SS-131).
    doomed: bool,
    /// What to begin once the stream may.
    start: Option<Start>,
    ending: Ending,
    notices: Notices,
    open: Option<Box<pool::Open>>,
    close: Option<pool::Close>,
    confirm: bool,
    over: bool,
    way: Way,
    ledger: Ledger,
    /// Length of the coming message (SS-215).
    announced: Option<u64>,
    series: Series,
    timers: Timers,
    metadata: Metadata,
    transaction: Option<Box<Transaction>>,
    /// The response's head while connected, where headers are read directly (SS-226).
    head: Option<Box<Response>>,
    topics: Option<Box<Topics>>,
    rx_binary: bool,
    close_code: Option<u16>,
    /// The application's reader sleeps: silence is ours.
    asleep: bool,
    /// When CONNECTED became due.
    since: Instant,
    counters: Counters,
}

impl Stream {
    /// A stream of a streamtype; CREATING is the first event, its answer decides (SS-210).
    ///
    /// # Errors
    /// `Unsupported` with the key that this version would have to act on and does not.
    pub fn new(
        now: Instant,
        policy: &Arc<Policy>,
        streamtype: &Arc<Streamtype>,
        info: &Info,
    ) -> Result<Self, CreateError> {
        if let Some(inert) = streamtype.inert.iter().find(|inert| inert.needed) {
            return Err(CreateError::Unsupported(inert.key.clone()));
        }
        if streamtype.server.server {
            return Err(CreateError::Unsupported("server".into()));
        }
        if streamtype.local_sink {
            return Err(CreateError::Unsupported("local_sink".into()));
        }
        let mut notices = Notices::default();
        notices.push(Notice::state(State::Creating));
        Ok(Self {
            policy: Arc::clone(policy),
            streamtype: Arc::clone(streamtype),
            blobs: Arc::clone(&info.blobs),
            index: info.index,
            life: Life::Creating,
            last: State::Unset,
            standing: None,
            told: false,
            doomed: false,
            start: None,
            ending: Ending::default(),
            notices,
            open: None,
            close: None,
            confirm: false,
            over: false,
            way: Way::default(),
            ledger: Ledger::new(streamtype.protocol),
            announced: None,
            series: Series::default(),
            timers: Timers::new(),
            metadata: Metadata::default(),
            transaction: None,
            head: None,
            topics: None,
            rx_binary: false,
            close_code: None,
            asleep: false,
            since: now,
            counters: Counters::default(),
        })
    }

    // Commands.

    /// Asks for a tx opportunity, and for a connection if there is none (SS-214).
    ///
    /// Requests are not counted (SS-009). During a back-off it starts nothing (SS-143). A destroyed
    /// stream ignores it.
    pub fn request_tx(&mut self, now: Instant) {
        if self.is_destroyed() {
            return;
        }
        self.way.wanted = true;
        match self.life {
            Life::Idle => self.begin(now, Start::Poll),
            Life::Creating | Life::Ended | Life::Closing => {
                self.start = self.start.max(Some(Start::Poll));
            }
            Life::Polling
            | Life::Asking
            | Life::Opening
            | Life::Connected
            | Life::Waiting
            | Life::Dying
            | Life::Over => {}
        }
        self.check();
    }

    /// As `request_tx`, and announces the length of the coming message in bytes (SS-215).
    pub fn request_tx_len(&mut self, now: Instant, len: u64) {
        self.announced = Some(len);
        self.request_tx(now);
    }

    /// Starts an attempt now, cancels a back-off, begins the retry series anew (SS-216). While an
    /// attempt or a connection exists it does nothing and succeeds (SS-145).
    ///
    /// # Errors
    /// `Destroyed`; `NoEndpoint` (SS-146).
    pub fn connect(&mut self, now: Instant) -> Result<(), Misuse> {
        self.alive()?;
        if self.streamtype.endpoint.is_none() {
            return Err(Misuse::NoEndpoint);
        }
        match self.life {
            Life::Idle | Life::Waiting => {
                self.series.reset();
                self.begin(now, Start::Connect);
            }
            Life::Creating | Life::Ended | Life::Closing => self.start = Some(Start::Connect),
            Life::Polling
            | Life::Asking
            | Life::Opening
            | Life::Connected
            | Life::Dying
            | Life::Over => {}
        }
        self.check();
        Ok(())
    }

    /// Closes the connection, as a handler's `DISCONNECT_ME` does; nothing without one.
    pub fn close(&mut self, now: Instant) {
        self.disconnect(now);
        self.check();
    }

    /// Ends the stream: DISCONNECTED if due, DESTROYING, [`Request::Over`] (SS-213). Inside a state
    /// handler it takes effect with the answer, which it overrides (SS-131).
    pub fn destroy(&mut self, now: Instant) {
        if self.standing.is_some() {
            self.doomed = true;
        } else {
            self.expire(now);
        }
        self.check();
    }

    /// (Re)arms the application's timer: milliseconds; 0 means the policy's `timeout_ms`; if both
    /// are 0 none runs (SS-220).
    pub fn start_timeout(&mut self, now: Instant, ms: u32) {
        let ms = if ms == 0 { self.streamtype.timeout_ms } else { ms };
        self.timers.disarm(Timer::Application);
        if ms != 0 && !matches!(self.life, Life::Dying | Life::Over) {
            self.timers.arm(Timer::Application, now, Duration::from_millis(ms.into()));
        }
    }

    /// Disarms the application's timer (SS-221).
    pub const fn cancel_timeout(&mut self) {
        self.timers.disarm(Timer::Application);
    }

    /// Binds a value to a declared metadata, or to a header where `direct_proto_str` allows it
    /// (SS-225, SS-226). Takes effect at the next use.
    ///
    /// # Errors
    /// `Destroyed`, `NoSuchMetadata`; `NoRoom` with too many direct headers.
    pub fn set_metadata(&mut self, name: &str, value: &[u8]) -> Result<(), Misuse> {
        self.alive()?;
        self.metadata.set(&self.streamtype, name, value)
    }

    /// The policy was changed under the stream: its next uses see the new one (SS-424, SS-427). A
    /// change of protocol ends the connection.
    pub fn set_policy(&mut self, policy: &Arc<Policy>, streamtype: &Arc<Streamtype>) {
        if streamtype.protocol != self.streamtype.protocol && self.life.has_channel() {
            self.abort(Local::Closed);
            self.lose_or_fail(self.since, Reason::Local(Local::Closed));
        }
        self.ledger.convert(streamtype.protocol);
        self.metadata.rename(&self.streamtype, streamtype);
        self.policy = Arc::clone(policy);
        self.streamtype = Arc::clone(streamtype);
        self.check();
    }

    /// The application's reader sleeps, or wakes: meanwhile nothing is read, and no silence of the
    /// peer's ends the transaction (SS-509). A new connection begins awake.
    pub fn pause(&mut self, now: Instant, asleep: bool) {
        self.asleep = asleep && self.life.has_channel();
        if self.asleep {
            self.timers.disarm(Timer::Silence);
        } else if self.status().is_some() {
            self.watch(now);
        }
        self.check();
    }

    /// The application vouches for the connection: its validity timer begins anew (SS-242).
    pub const fn confirm_validity(&mut self) {
        self.confirm = matches!(self.life, Life::Connected);
    }

    /// Somebody cancelled the poll wait: every stream hears of it (SS-012).
    pub fn wait_cancelled(&mut self) {
        let state = State::EventWaitCancelled;
        let silent = matches!(self.life, Life::Creating | Life::Dying | Life::Over);
        if !silent && !self.notices.holds(state) {
            self.notices.push(Notice::state(state));
        }
    }

    // Time.

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, _rng: &mut Rng) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Retry => self.begin(now, Start::Poll),
                Timer::Application if self.notices.holds(State::Timeout) => {}
                Timer::Application => self.notices.push(Notice::state(State::Timeout)),
                Timer::Settled => self.series.reset(),
                Timer::Silence => self.fall_silent(now),
            }
        }
        self.check();
    }

    /// When `handle_timeout` is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    // Outputs.

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

    // Private: what every file of the folder uses.

    /// Moves along the table; what it forbids is counted and not done.
    fn step(&mut self, cause: Cause) -> bool {
        if let Some(next) = self.life.after(cause) {
            self.life = next;
            return true;
        }
        Counters::bump(&mut self.counters.illegal, 1);
        debug_assert!(false, "{:?} cannot follow {:?}", cause, self.life);
        false
    }

    /// Announces an attempt; POLL only by request, and not twice in a row (SS-104).
    fn begin(&mut self, _now: Instant, start: Start) {
        self.timers.disarm(Timer::Retry);
        self.start = None;
        if start == Start::Poll && self.last != State::Poll {
            if self.step(Cause::Poll) {
                self.notices.push(Notice::state(State::Poll));
            }
        } else if self.step(Cause::Ask) {
            self.notices.push(Notice::state(State::Connecting));
        }
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

    /// Gives every message without one its outcome.
    fn settle_all(&mut self, outcome: Outcome) {
        use crate::outcome::Ended;
        match self.ledger.end_all() {
            Ended::Run { from, to } if from < to => {
                self.notices.push(Notice::Outcomes { from, to, outcome });
            }
            Ended::Run { .. } => {}
            Ended::Each(ids) => {
                for id in ids {
                    self.notices.push(Notice::Outcomes { from: id, to: id + 1, outcome });
                }
            }
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

    const fn alive(&self) -> Result<(), Misuse> {
        if self.is_destroyed() { Err(Misuse::Destroyed) } else { Ok(()) }
    }

    fn is_http(&self) -> bool {
        matches!(self.streamtype.protocol, Protocol::H1 | Protocol::H2 | Protocol::H3)
    }

    fn opener(&self) -> opening::Opener<'_> {
        opening::Opener {
            policy: &self.policy,
            streamtype: &self.streamtype,
            blobs: &self.blobs,
            metadata: &self.metadata,
            announced: self.announced,
        }
    }

    /// Every invariant between two calls.
    fn check(&self) {
        debug_assert_eq!(
            self.timers.is_armed(Timer::Retry),
            self.life == Life::Waiting,
            "one back-off, when waiting"
        );
        debug_assert!(self.open.is_none() || self.life == Life::Opening, "asked for while opening");
        debug_assert!(
            self.life.has_channel() || self.ledger.pending() == 0,
            "outcomes end with the channel"
        );
        debug_assert!(self.life.has_channel() || !self.way.is_open, "no way without a channel");
        debug_assert!(
            !matches!(self.life, Life::Dying | Life::Over) || self.timers.next().is_none(),
            "no timer outlives"
        );
        debug_assert!(
            self.life != Life::Over || self.notices.is_empty(),
            "nothing is said when over"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Answer;

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
        let opened = pool::Event::Opened(pool::Opened::default());
        stream.handle_event(Instant::ZERO, &mut rng, opened);
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
