//! An open WebSocket, the same on both sides: frames up and down, pongs, the closing handshake.

use super::close::{self, PROTOCOL};
use super::control::Masks;
use super::frame::Opcode;
use super::receive::{Got, Receiver, Role};
use super::transmit::Transmitter;
use super::{Chunk, Config, Event, Payload};
use crate::Misuse;
use core::time::Duration;
use mainstay_base::{Instant, Local, Peer, Phase, Reason, Rng, Room};

/// The machine behind `Client` and `Server`.
#[derive(Debug)]
pub(crate) struct Session {
    receive: Receiver,
    pub(crate) transmit: Transmitter,
    state: State,
    pong: bool,
    sent: Option<u64>,
    /// The end, not yet reported: `None` inside means closed in order.
    end: Option<Option<Reason>>,
    /// In milliseconds.
    close_wait: u32,
    ending: Option<Box<Ending>>,
}

/// What only a connection that is being closed needs.
#[derive(Debug, Default)]
struct Ending {
    /// When the closing handshake has taken too long.
    until: Option<Instant>,
    /// The peer's close, not yet reported.
    code: Option<Option<u16>>,
    /// What it said.
    reason: String,
}

/// Where the connection stands (RFC 6455 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The handshake is not over.
    Opening,
    Open,
    /// Our close is queued; the peer's has not come.
    Closing,
    /// Both are; ours has not left.
    Closed,
    /// Nothing more will come; what is queued may still leave.
    Over,
}

impl Session {
    pub(crate) fn new(role: Role, config: &Config, masks: Option<Masks>) -> Self {
        Self {
            receive: Receiver::new(role),
            transmit: Transmitter::new(config.send_max, masks),
            state: State::Opening,
            pong: false,
            sent: None,
            end: None,
            close_wait: u32::try_from(config.close_wait.as_millis()).unwrap_or(u32::MAX),
            ending: None,
        }
    }

    pub(crate) fn open(&mut self) {
        self.state = State::Open;
    }

    /// The handshake ended in a refusal, which is the last event.
    pub(crate) fn refused(&mut self) {
        self.state = State::Over;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    pub(crate) fn close_reason(&self) -> &str {
        self.ending.as_ref().map_or("", |ending| &ending.reason)
    }

    pub(crate) fn send(&mut self, rng: &mut Rng, bytes: &[u8], chunk: Chunk) -> Result<(), Misuse> {
        if self.state != State::Open {
            return Err(Misuse::NotOpen);
        }
        self.transmit.send(rng, bytes, chunk)
    }

    pub(crate) fn ping(&mut self) {
        if self.state == State::Open {
            self.transmit.ping();
        }
    }

    pub(crate) fn close(&mut self, now: Instant, code: u16, reason: &str) {
        match self.state {
            State::Open => {
                self.transmit.close(&close::payload(code, reason));
                self.state = State::Closing;
                self.await_close(now);
            }
            State::Opening => self.lose(Reason::Local(Local::Closed)),
            State::Closing | State::Closed | State::Over => {}
        }
    }

    /// Takes one frame or a part of one. After the peer's close nothing counts (RFC 6455 §5.5.1).
    pub(crate) fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> usize {
        match self.state {
            State::Opening | State::Over => return 0,
            State::Closed => return input.len(),
            State::Open | State::Closing => {}
        }
        if input.is_empty() || self.receive.is_lending() {
            return 0;
        }
        let (taken, pieced) = match self.receive.take(input) {
            (taken, Got::Nothing) => return taken,
            (taken, Got::Bad(code)) => {
                self.fail(code);
                return taken;
            }
            (taken, Got::Control(Opcode::Ping, payload)) if self.state == State::Open => {
                self.transmit.pong(payload);
                return taken;
            }
            (taken, Got::Control(opcode, payload)) => (taken, (opcode, payload.to_vec())),
            (taken, Got::Pieced(opcode, payload)) => (taken, (opcode, payload)),
        };
        self.take_control(now, pieced.0, &pieced.1);
        taken
    }

    fn take_control(&mut self, now: Instant, opcode: Opcode, payload: &[u8]) {
        match opcode {
            Opcode::Ping if self.state == State::Open => self.transmit.pong(payload),
            Opcode::Pong => self.pong = true,
            Opcode::Close => self.take_close(now, payload),
            Opcode::Ping | Opcode::Continuation | Opcode::Text | Opcode::Binary => {}
        }
    }

    /// Answers the peer's close with its own code, or takes it as the answer to ours.
    fn take_close(&mut self, now: Instant, payload: &[u8]) {
        let said = match close::parse(payload) {
            Ok(said) => said,
            Err(code) => return self.fail(code),
        };
        let ending = self.ending.get_or_insert_default();
        ending.code = Some(said.map(|(code, _)| code));
        ending.reason = said.map(|(_, reason)| reason.into()).unwrap_or_default();
        if self.state == State::Open {
            self.transmit.close(payload.get(..2).unwrap_or_default());
            self.await_close(now);
        }
        self.state = State::Closed;
        self.settle();
    }

    pub(crate) fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        self.receive.next_payload(input)
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if let Some(tag) = self.sent.take() {
            return Some(Event::SentThrough(tag));
        }
        if self.receive.is_lending() {
            return None;
        }
        if core::mem::take(&mut self.pong) {
            return Some(Event::Pong);
        }
        if let Some(code) = self.ending.as_mut().and_then(|ending| ending.code.take()) {
            return Some(Event::PeerClosing { code });
        }
        self.end.take().map(|end| end.map_or(Event::Closed, Event::Failed))
    }

    pub(crate) fn handle_eof(&mut self) {
        if self.state == State::Closed {
            self.finish(None);
        } else {
            self.lose(Reason::Peer(Peer::Closed));
        }
    }

    /// The transport died, or we gave up: nothing more leaves.
    pub(crate) fn lose(&mut self, reason: Reason) {
        if self.state != State::Over {
            self.transmit.clear();
            self.finish(Some(reason));
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|until| now >= until) {
            let closed = self.state == State::Closed && !self.transmit.wants();
            let late = Reason::Local(Local::TimedOut(Phase::Close));
            if closed { self.finish(None) } else { self.lose(late) }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ending.as_ref().and_then(|ending| ending.until)
    }

    pub(crate) fn poll_transmit(&mut self, out: &mut Vec<u8>, limit: usize) {
        self.transmit.poll(out, limit);
        self.settle();
    }

    /// What was polled is written. After the last event there is nothing to say (L7).
    pub(crate) fn handle_written(&mut self) {
        let tag = self.transmit.take_polled();
        if self.state != State::Over || self.end.is_some() {
            self.sent = tag.or(self.sent);
        }
        self.settle();
    }

    pub(crate) fn room(&self) -> Room {
        let up =
            if self.state == State::Over || self.receive.is_lending() { 0 } else { usize::MAX };
        Room { up, down: if self.state == State::Open { self.transmit.room() } else { 0 } }
    }

    /// Whether nothing of a frame and nothing of a close is held.
    #[cfg(test)]
    pub(crate) const fn is_at_rest(&self) -> bool {
        self.ending.is_none() && self.receive.is_at_rest()
    }

    fn await_close(&mut self, now: Instant) {
        let wait = Duration::from_millis(self.close_wait.into());
        self.ending.get_or_insert_default().until = Some(now + wait);
    }

    /// Is over in order once both closes are there, ours has left, and messages before it are known to have.
    fn settle(&mut self) {
        if self.state == State::Closed && !self.transmit.wants() && !self.transmit.has_polled() {
            self.finish(None);
        }
    }

    /// Fails the connection (RFC 6455 §7.1.7): says why, if we still may, and is over.
    fn fail(&mut self, code: u16) {
        if self.state == State::Open {
            self.transmit.close(&close::payload(code, ""));
        }
        debug_assert!(code >= PROTOCOL, "a fault has a code of its own");
        self.finish(Some(Reason::Peer(Peer::Malformed)));
    }

    fn finish(&mut self, end: Option<Reason>) {
        self.state = State::Over;
        if let Some(ending) = &mut self.ending {
            ending.until = None;
        }
        self.end = Some(end);
    }
}
