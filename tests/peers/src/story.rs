//! What a stream was told, in order, and what it is to do meanwhile.

use core::cell::{Ref, RefCell};
use core::fmt;
use mainstay::{Answer, Context, Flags, Handler, Outcome, PayloadId, Reason, State, StreamId, Tx};
use std::collections::VecDeque;
use std::rc::Rc;

/// A state with what came with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The state.
    pub state: State,
    /// Its ordinal.
    pub ordinal: u32,
    /// Why, if something ended.
    pub reason: Option<Reason>,
}

/// A received message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its payload.
    pub bytes: Vec<u8>,
    /// How many pieces it came in.
    pub pieces: usize,
    /// mqtt: its topic.
    pub topic: Option<String>,
    /// ws: whether it is binary.
    pub binary: bool,
}

/// Everything a stream was told so far.
#[derive(Debug, Default)]
pub struct Story {
    /// States, in order.
    pub heard: Vec<Heard>,
    /// Whole messages: from SOM to EOM.
    pub messages: Vec<Message>,
    /// All payload bytes, messages or not.
    pub received: Vec<u8>,
    /// One per message sent.
    pub outcomes: Vec<(PayloadId, Outcome)>,
    /// Values of the metadata the script watches, as they stood at the state given.
    pub seen: Vec<(State, String, Vec<u8>)>,
    /// The ordinal of every tx call.
    pub ordinals: Vec<u32>,
    open: Option<Message>,
    outbox: VecDeque<Vec<u8>>,
    sent: usize,
    settled: u64,
    /// How far `Rig::until` has looked.
    mark: usize,
}

/// What a stream does by itself.
#[derive(Default)]
pub struct Script {
    watched: Vec<&'static str>,
    piece_max: Option<usize>,
    again: bool,
    echo: bool,
    react: Option<React>,
}

type React = Box<dyn FnMut(&mut Context<'_>, State) -> Answer>;

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("watched", &self.watched).finish_non_exhaustive()
    }
}

/// A stream that is told things, by name.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name in the device.
    pub id: StreamId,
    pub(crate) story: Rc<RefCell<Story>>,
}

/// The handler behind a [`Told`].
pub(crate) struct Recorder {
    pub(crate) story: Rc<RefCell<Story>>,
    pub(crate) script: Script,
}

impl Script {
    /// Notes the value of this metadata at every state.
    #[must_use]
    pub fn watch(mut self, metadata: &'static str) -> Self {
        self.watched.push(metadata);
        self
    }

    /// Sends messages in pieces of at most so many bytes.
    #[must_use]
    pub fn pieces_of(mut self, bytes: usize) -> Self {
        self.piece_max = Some(bytes);
        self
    }

    /// Offers a message again whenever tx is called and there is no other.
    #[must_use]
    pub fn again(mut self) -> Self {
        self.again = true;
        self
    }

    /// Sends every whole message back.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Answers states, and may give commands, by this.
    #[must_use]
    pub fn react(mut self, react: impl FnMut(&mut Context<'_>, State) -> Answer + 'static) -> Self {
        self.react = Some(Box::new(react));
        self
    }
}

impl Story {
    /// The states alone.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        self.heard.iter().map(|heard| heard.state).collect()
    }

    /// How often a state came.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.heard.iter().filter(|heard| heard.state == state).count()
    }

    /// Every reason given, in order.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        self.heard.iter().filter_map(|heard| heard.reason).collect()
    }

    /// The last reason given.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.reasons().last().copied()
    }

    /// The outcomes alone.
    #[must_use]
    pub fn ends(&self) -> Vec<Outcome> {
        self.outcomes.iter().map(|&(_, outcome)| outcome).collect()
    }

    /// The payload of each whole message.
    #[must_use]
    pub fn payloads(&self) -> Vec<&[u8]> {
        self.messages.iter().map(|message| message.bytes.as_slice()).collect()
    }

    pub(crate) fn push(&mut self, message: &[u8]) {
        self.outbox.push_back(message.to_vec());
    }

    /// Looks for `state` among what was heard since the last look.
    pub(crate) fn find(&mut self, state: State) -> bool {
        let found = self.heard[self.mark..].iter().position(|heard| heard.state == state);
        self.mark = found.map_or(self.heard.len(), |at| self.mark + at + 1);
        found.is_some()
    }

    fn take(&mut self, payload: &[u8], flags: Flags, topic: Option<&str>, binary: bool) {
        self.received.extend_from_slice(payload);
        if flags.has(Flags::SOM) {
            assert!(self.open.is_none(), "SOM inside a message");
            let topic = topic.map(str::to_owned);
            self.open = Some(Message { topic, binary, ..Message::default() });
        }
        let Some(open) = &mut self.open else { return };
        open.bytes.extend_from_slice(payload);
        open.pieces += 1;
        if flags.has(Flags::EOM) {
            self.messages.extend(self.open.take());
        }
    }

    fn give(&mut self, buffer: &mut [u8], script: &Script) -> Option<(usize, Flags)> {
        let message = self.outbox.front()?;
        let rest = &message[self.sent..];
        let len = rest.len().min(buffer.len()).min(script.piece_max.unwrap_or(usize::MAX));
        buffer[..len].copy_from_slice(&rest[..len]);
        let (start, end) = (self.sent == 0, len == rest.len());
        self.sent = if end { 0 } else { self.sent + len };
        if end {
            let message = self.outbox.pop_front();
            self.outbox.extend(message.filter(|_| script.again));
        }
        Some((len, Flags::ends(start, end)))
    }
}

impl Told {
    /// What it was told so far.
    #[must_use]
    pub fn story(&self) -> Ref<'_, Story> {
        self.story.borrow()
    }
}

impl Handler for Recorder {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let mut story = self.story.borrow_mut();
        story.heard.push(Heard { state, ordinal, reason });
        for &name in &self.script.watched {
            let value = cx.metadata(name).map(<[u8]>::to_vec);
            story.seen.extend(value.map(|value| (state, name.to_owned(), value)));
        }
        if matches!(state, State::Disconnected | State::Unreachable) {
            story.sent = 0;
            story.open = None;
        }
        drop(story);
        self.script.react.as_mut().map_or(Answer::Ok, |react| react(cx, state))
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        let mut story = self.story.borrow_mut();
        story.take(payload, flags, cx.topic(), cx.is_binary());
        if self.script.echo && flags.has(Flags::EOM) {
            let message = story.messages.pop().unwrap_or_default();
            story.outbox.push_back(message.bytes);
            cx.request_tx();
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, ordinal: u32, buffer: &mut [u8]) -> Tx {
        let mut story = self.story.borrow_mut();
        story.ordinals.push(ordinal);
        let given = story.give(buffer, &self.script);
        if !story.outbox.is_empty() {
            cx.request_tx();
        }
        given.map_or(Tx::DontSend, |(len, flags)| Tx::Send { len, flags })
    }

    fn outcome(&mut self, _cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, through: bool) {
        let mut story = self.story.borrow_mut();
        let first = if through { story.settled } else { id.0 };
        for number in first..=id.0 {
            story.outcomes.push((PayloadId(number), outcome));
        }
        story.settled = story.settled.max(id.0 + 1);
    }
}
