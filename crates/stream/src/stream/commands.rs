//! What the application asks of a stream (section 3 of the specification), and the policy's change.

use super::Stream;
use crate::error::Misuse;
use crate::lifecycle::Life;
use crate::notice::Notice;
use crate::retry::Start;
use crate::timeout::Timer;
use core::time::Duration;
use mainstay_base::{Instant, Local, Reason};
use mainstay_policy::{Policy, State, Streamtype};
use std::sync::Arc;

impl Stream {
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

    /// Ends the stream: DISCONNECTED if due, DESTROYING, [`Request::Over`](crate::Request::Over) (SS-213). Inside a state
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
        self.destination = None;
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
}
