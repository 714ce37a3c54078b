//! What a handler's return code does, by the place it returns from (SS-121 to SS-125).

use super::Stream;
use crate::lifecycle::{Answer, Cause, Life};
use crate::limits::WAIT_MIN;
use crate::notice::Notice;
use crate::retry::{self, Ending, Next, Start};
use crate::timeout::{Timer, Timers};
use core::time::Duration;
use mainstay_base::{Instant, Local, Outcome, Reason, Rng};
use mainstay_policy::State;
use mainstay_pool as pool;

impl Stream {
    /// The state handler's return code for the state last polled.
    pub fn answer(&mut self, now: Instant, rng: &mut Rng, answer: Answer) {
        let Some(state) = self.standing.take() else { return };
        if state == State::Destroying {
            self.vanish();
        } else if self.doomed || (answer == Answer::DestroyMe && state != State::EventWaitCancelled)
        {
            self.expire(now);
        } else {
            self.obey(now, rng, state, answer);
        }
        self.check();
    }

    /// The rx handler's return code, for payload and for `EndOfMessage`: anything but OK closes.
    pub fn answer_payload(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Ok => {}
            Answer::TxDontSend | Answer::DisconnectMe => self.disconnect(now),
            Answer::DestroyMe => self.destroy(now),
        }
        self.check();
    }

    /// The tx handler's return code where it sent nothing: no new opportunity is scheduled. If it
    /// asked for one all the same, that comes a little later, so that it cannot keep the loop busy.
    pub fn decline(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Ok | Answer::TxDontSend => {
                if !self.is_destroyed() && core::mem::take(&mut self.way.wanted) {
                    self.timers.arm(Timer::Offer, now, WAIT_MIN);
                }
            }
            Answer::DisconnectMe => self.disconnect(now),
            Answer::DestroyMe => self.destroy(now),
        }
        self.check();
    }

    /// One row of SS-121 each; `DESTROY_ME` was seen to.
    fn obey(&mut self, now: Instant, rng: &mut Rng, state: State, answer: Answer) {
        let ok = answer == Answer::Ok;
        match state {
            State::Creating => self.created(now),
            State::Poll if ok => self.begin(now, Start::Connect),
            // SS-123: idle and usable.
            State::Poll => {
                self.step(Cause::Rest);
            }
            State::Connecting if ok => self.consent(now),
            State::Connecting => {
                self.ending = Ending { next: Next::Retry, least_ms: 0 };
                self.decide(now, rng);
            }
            State::Unreachable | State::AuthFailed => {
                // SS-122 for DISCONNECT_ME; TX_DONT_SEND stops HTTP alone.
                if answer == Answer::DisconnectMe
                    || (answer == Answer::TxDontSend && self.is_http())
                {
                    self.ending.next = Next::Idle;
                    self.start = None;
                    if self.is_http() {
                        self.timers.disarm(Timer::Application);
                    }
                }
                self.decide(now, rng);
            }
            State::Disconnected if self.life == Life::Ended => self.decide(now, rng),
            State::Timeout if answer == Answer::DisconnectMe => self.disconnect(now),
            State::Connected
            | State::QosAckRemote
            | State::QosNackRemote
            | State::QosAckLocal
            | State::QosNackLocal
            | State::ServerTxn
            | State::ServerUpgrade
            | State::User(_)
                if !ok =>
            {
                self.disconnect(now);
            }
            State::Unset
            | State::Disconnected
            | State::Connected
            | State::Destroying
            | State::AllRetriesFailed
            | State::QosAckRemote
            | State::QosNackRemote
            | State::QosAckLocal
            | State::QosNackLocal
            | State::Timeout
            | State::ServerTxn
            | State::ServerUpgrade
            | State::EventWaitCancelled
            | State::UpstreamLinkRetry
            | State::SinkJoin
            | State::SinkPart
            | State::User(_) => {}
        }
    }

    /// After CREATING: a nailed-up stream starts at once, without POLL (SS-014, SS-104).
    fn created(&mut self, now: Instant) {
        match self.start {
            _ if self.streamtype.nailed_up => self.begin(now, Start::Connect),
            Some(start) => self.begin(now, start),
            None => {
                self.step(Cause::Rest);
            }
        }
    }

    /// What follows an end, now that the application knows of it (SS-141).
    fn decide(&mut self, now: Instant, rng: &mut Rng) {
        let ending = core::mem::take(&mut self.ending);
        if self.start == Some(Start::Connect) {
            self.series.reset();
            return self.begin(now, Start::Connect);
        }
        match ending.next {
            Next::Retry => self.retry(now, rng, Duration::from_millis(ending.least_ms.into())),
            Next::Repeat if self.start.is_none() => {
                let wait = retry::pause(&self.streamtype, rng);
                self.wait(now, wait);
            }
            Next::Idle | Next::Repeat => match self.start {
                Some(start) => self.begin(now, start),
                None => {
                    self.step(Cause::Rest);
                }
            },
        }
    }

    /// Back-off, or the end of the series (SS-441). A tx request waits for either (SS-143).
    fn retry(&mut self, now: Instant, rng: &mut Rng, least: Duration) {
        self.start = None;
        if let Some(wait) = self.series.fail(&self.streamtype, least, rng) {
            return self.wait(now, wait);
        }
        self.step(Cause::Rest);
        if self.is_http() {
            self.timers.disarm(Timer::Application);
        }
        self.notices.push(Notice::state(State::AllRetriesFailed));
    }

    fn wait(&mut self, now: Instant, wait: Duration) {
        if self.step(Cause::Wait) {
            self.timers.arm(Timer::Retry, now, wait);
        }
    }

    /// Closes at the application's wish: in order where the protocol can, at once where not.
    pub(super) fn disconnect(&mut self, now: Instant) {
        let reason = Reason::Local(Local::Closed);
        match self.life {
            Life::Opening => {
                self.abort(Local::Closed);
                self.notices.keep_outcomes();
                self.fail(now, reason);
            }
            Life::Connected if self.is_http() || self.notices.holds(State::Connected) => {
                self.abort(Local::Closed);
                self.lose_or_fail(now, reason);
            }
            Life::Connected => {
                self.step(Cause::Finish);
                self.way.shut();
                self.close = Some(pool::Close::Finish);
            }
            Life::Creating
            | Life::Idle
            | Life::Polling
            | Life::Asking
            | Life::Closing
            | Life::Ended
            | Life::Waiting
            | Life::Dying
            | Life::Over => {}
        }
    }

    /// Drops the channel at once; one that was not even asked for needs no word.
    pub(super) fn abort(&mut self, why: Local) {
        if self.open.take().is_none() {
            self.close = Some(pool::Close::Abort(Reason::Local(why)));
        }
    }

    /// Begins to die: the connection first, then DISCONNECTED if due, then DESTROYING (SS-124).
    pub(super) fn expire(&mut self, now: Instant) {
        match self.life {
            Life::Dying | Life::Over => return,
            Life::Opening => self.abort(Local::Destroyed),
            Life::Connected if self.is_http() => self.abort(Local::Destroyed),
            Life::Connected => self.close = Some(pool::Close::Finish),
            Life::Creating if self.last == State::Unset => {
                self.notices.clear();
                return self.vanish();
            }
            Life::Creating
            | Life::Idle
            | Life::Polling
            | Life::Asking
            | Life::Closing
            | Life::Ended
            | Life::Waiting => {}
        }
        let reason = Reason::Local(Local::Destroyed);
        self.settle_all(Outcome::Unknown(reason));
        self.notices.keep_outcomes();
        if self.told {
            let state = State::Disconnected;
            self.notices.push(Notice::State { state, ordinal: 0, reason: Some(reason) });
        }
        self.notices.push(Notice::state(State::Destroying));
        self.drop_channel(now);
        self.timers = Timers::new();
        self.start = None;
        self.confirm = false;
        self.step(Cause::Destroy);
    }

    /// The last step: nothing is said or done any more (law L7).
    fn vanish(&mut self) {
        self.timers = Timers::new();
        self.over = self.step(Cause::Vanish);
    }
}
