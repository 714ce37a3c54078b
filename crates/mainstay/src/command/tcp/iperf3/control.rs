//! Bytes, texts and states of the control connection.

use crate::command::exit::{Exit, Failure};
use crate::command::tcp::ground::{Ground, Input, Place};
use serde_json::Value;

/// Bytes of a cookie, its final zero included.
pub(super) const COOKIE: usize = 37;

/// A text of the peer's at most. chosen: 128 streams' results have 30 KiB
const TEXT_MAX: usize = 256 << 10;

/// What comes next, as one byte says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    TestStart,
    TestRunning,
    TestEnd,
    Parameters,
    CreateStreams,
    ServerEnds,
    ClientEnds,
    Results,
    Display,
    Done,
    Denied,
    Trouble,
    Unknown(u8),
}

impl State {
    /// As it is on the wire; those below zero are errors.
    const NAMED: [(u8, Self); 12] = [
        (1, Self::TestStart),
        (2, Self::TestRunning),
        (4, Self::TestEnd),
        (9, Self::Parameters),
        (10, Self::CreateStreams),
        (11, Self::ServerEnds),
        (12, Self::ClientEnds),
        (13, Self::Results),
        (14, Self::Display),
        (16, Self::Done),
        (255, Self::Denied),
        (254, Self::Trouble),
    ];

    fn from_wire(byte: u8) -> Self {
        let named = Self::NAMED.into_iter().find(|(value, _)| *value == byte);
        named.map_or(Self::Unknown(byte), |(_, state)| state)
    }

    fn to_wire(self) -> u8 {
        if let Self::Unknown(byte) = self {
            return byte;
        }
        Self::NAMED.into_iter().find(|(_, state)| *state == self).map_or(0, |(value, _)| value)
    }
}

/// The control connection.
#[derive(Debug)]
pub(super) struct Control {
    place: Place,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// The peer has finished.
    over: bool,
}

impl Control {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, inbox: Vec::new(), outbox: Vec::new(), over: false }
    }

    /// Moves bytes both ways; whether any moved.
    pub(super) fn pump(&mut self, ground: &mut dyn Ground) -> Result<bool, Failure> {
        let mut moved = false;
        while !self.outbox.is_empty() {
            let count = ground.write(self.place, &self.outbox)?;
            if count == 0 {
                break;
            }
            self.outbox.drain(..count);
            moved = true;
        }
        let mut space = [0; 4096];
        while !self.over && self.inbox.len() < TEXT_MAX {
            match ground.read(self.place, &mut space)? {
                Input::Bytes(len) => {
                    self.inbox.extend_from_slice(space.get(..len).unwrap_or_default());
                    moved = true;
                }
                Input::Nothing => break,
                Input::End => self.over = true,
            }
        }
        Ok(moved)
    }

    /// The peer has finished, and everything it said was taken.
    pub(super) const fn is_over(&self) -> bool {
        self.over && self.inbox.is_empty()
    }

    /// Everything was handed to the stack.
    pub(super) const fn is_flushed(&self) -> bool {
        self.outbox.is_empty()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    pub(super) fn push_state(&mut self, state: State) {
        self.outbox.push(state.to_wire());
    }

    pub(super) fn push_text(&mut self, value: &Value) {
        let text = value.to_string();
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.push(&len.to_be_bytes());
        self.push(text.as_bytes());
    }

    pub(super) fn take_cookie(&mut self) -> Option<[u8; COOKIE]> {
        let cookie = *self.inbox.first_chunk::<COOKIE>()?;
        self.inbox.drain(..COOKIE);
        Some(cookie)
    }

    pub(super) fn take_state(&mut self) -> Option<State> {
        let byte = *self.inbox.first()?;
        self.inbox.drain(..1);
        Some(State::from_wire(byte))
    }

    /// The next text, once it is there.
    pub(super) fn take_text(&mut self) -> Result<Option<Value>, Failure> {
        let Some(len) = self.inbox.first_chunk::<4>() else { return Ok(None) };
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        let strange = |words: String| Failure::new(Exit::Refused, format!("iperf3: {words}"));
        if len > TEXT_MAX - 4 {
            return Err(strange(format!("a text of {len} bytes")));
        }
        let Some(text) = self.inbox.get(4..4 + len) else { return Ok(None) };
        let value = serde_json::from_slice(text).map_err(|error| strange(error.to_string()))?;
        self.inbox.drain(..4 + len);
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_keep_their_numbers_and_strange_ones_do_no_harm() {
        for byte in 0..=255 {
            assert_eq!(State::from_wire(byte).to_wire(), byte);
        }
        assert_eq!(State::from_wire(13), State::Results);
        assert_eq!(State::from_wire(77), State::Unknown(77));
    }

    #[test]
    fn a_text_is_taken_when_it_is_whole_and_what_follows_stays() {
        let mut sender = Control::new(0);
        sender.push_state(State::Parameters);
        sender.push_text(&serde_json::json!({"a": 1}));
        sender.push_state(State::Done);
        let mut control = Control::new(0);
        for byte in sender.outbox {
            assert!(!control.over);
            control.inbox.push(byte);
        }
        let whole = control.inbox.clone();
        assert_eq!(control.take_state(), Some(State::Parameters));
        assert_eq!(control.take_text().unwrap(), Some(serde_json::json!({"a": 1})));
        assert_eq!(control.take_state(), Some(State::Done));
        assert_eq!(control.take_state(), None);

        control.inbox = whole[1..whole.len() - 2].to_vec();
        assert_eq!(control.take_text().unwrap(), None);
        control.inbox = vec![0xff; 8];
        assert!(control.take_text().is_err());
        control.inbox = vec![0, 0, 0, 1, b'{'];
        assert!(control.take_text().is_err());
    }
}
