//! One stream as a machine: its contract. What inputs, answers and payload do is in the files of
//! the folder; where it may go next in `lifecycle.rs`.

mod answers;
mod commands;
mod inputs;
mod joint;
mod outputs;
mod transmit;
mod views;

use crate::blobs::{Blobs, Info};
use crate::counters::Counters;
use crate::error::{CreateError, Misuse};
use crate::lifecycle::{Cause, Life};
use crate::metadata::Metadata;
use crate::notice::{Notice, Notices};
use crate::opening;
use crate::outcome::Ledger;
use crate::retry::{Ending, Series, Start};
use crate::timeout::{Timer, Timers};
use inputs::Transaction;
use mainstay_base::{Instant, Outcome, Rng};
use mainstay_http::Response;
use mainstay_policy::{Policy, Protocol, State, Streamtype};
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
    /// Where HTTP attempts lead, once that is known and while the policy stands.
    destination: Option<Arc<opening::Destination>>,
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
            destination: None,
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

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, _rng: &mut Rng) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Retry => self.begin(now, Start::Poll),
                Timer::Application if self.notices.holds(State::Timeout) => {}
                Timer::Application => self.notices.push(Notice::state(State::Timeout)),
                Timer::Settled => self.series.reset(),
                Timer::Silence => self.fall_silent(now),
                Timer::Offer => self.request_tx(now),
            }
        }
        self.check();
    }

    /// When `handle_timeout` is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

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
