//! An application that writes down what its streams do, and judges it: the legality of states, the
//! pairing of CONNECTED and DISCONNECTED, one outcome per payload, payload as it was sent.

mod ledger;
mod message;

pub use ledger::Ledger;
pub use message::{HEAD_MIN, message, parse, pattern};

use crate::trace::Trace;
use core::cell::Cell;
use core::fmt;
use mainstay_base::{Instant, Outcome, Reason};
use mainstay_node::{Application, Commands, Node, StreamId, Up};
use mainstay_policy::{Protocol, State, legal};
use mainstay_stream::{Answer, Event, Flags};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The time of a world, for those inside it who are not told.
#[derive(Clone, Debug, Default)]
pub struct Clock(Rc<Cell<Instant>>);

impl Clock {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.get()
    }

    pub(crate) fn set(&self, now: Instant) {
        self.0.set(now);
    }
}

/// What a stream's payload must look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    #[default]
    Any,
    /// What was sent on this connection, from its beginning.
    Echo,
    /// The bytes of [`pattern`].
    Pattern,
    /// Whole messages of this stream, in any order, again and again.
    Messages,
}

/// What a stream answers to a state, and what it wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// The return code.
    pub answer: Answer,
    /// Asks for a connection.
    pub connect: bool,
    /// Asks for tx.
    pub request_tx: bool,
    /// Destroys the stream.
    pub destroy: bool,
    /// Starts the stream's timer, in milliseconds.
    pub timeout_ms: Option<u32>,
}

/// Decides a reaction by the state and how often the stream was in it before.
type React = Rc<dyn Fn(State, u32) -> Reaction>;

/// How the streams of a streamtype behave.
#[derive(Clone, Default)]
pub struct Role {
    /// Messages to send; for HTTP, transactions to complete.
    pub messages: u32,
    /// Length of each, in bytes; at least [`HEAD_MIN`].
    pub size: usize,
    /// Announce the length of each message.
    pub announce: bool,
    /// What comes back.
    pub expect: Expect,
    /// What to do about states.
    pub react: Option<React>,
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role")
            .field("messages", &self.messages)
            .field("size", &self.size)
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

/// What one stream did.
#[derive(Debug)]
pub struct Story {
    /// A number of its own, in all its messages.
    pub number: u32,
    /// Its streamtype.
    pub kind: String,
    /// Every state, when it was told and why.
    pub states: Vec<(Instant, State, Option<Reason>)>,
    /// Ordinals of the states, in the same order.
    pub ordinals: Vec<u32>,
    /// What came on the present or last connection.
    pub received: Vec<u8>,
    /// Messages that came whole, in all.
    pub messages: u32,
    /// Messages, or transactions, still to do.
    pub todo: u32,
    /// The outcomes.
    pub ledger: Ledger,
    last: State,
    connected: bool,
    /// DESTROYING was told.
    pub over: bool,
    sent: Vec<u8>,
    /// What is left of the message being sent.
    rest: Vec<u8>,
    /// A message is being received.
    receiving: bool,
    message: Vec<u8>,
}

impl Story {
    /// How often it was told `state`.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.states.iter().filter(|(_, told, _)| *told == state).count()
    }

    /// When it was told `state`, each time.
    #[must_use]
    pub fn times(&self, state: State) -> Vec<Instant> {
        self.states.iter().filter(|(_, told, _)| *told == state).map(|&(at, ..)| at).collect()
    }

    /// The states alone.
    #[must_use]
    pub fn path(&self) -> Vec<State> {
        self.states.iter().map(|&(_, state, _)| state).collect()
    }

    /// The reasons of `state`.
    #[must_use]
    pub fn reasons(&self, state: State) -> Vec<Option<Reason>> {
        let told = self.states.iter().filter(|(_, told, _)| *told == state);
        told.map(|&(.., reason)| reason).collect()
    }

    /// The last state that is remembered.
    #[must_use]
    pub const fn last(&self) -> State {
        self.last
    }
}

/// Everything the streams of one device did.
#[derive(Debug, Default)]
pub struct Book {
    /// The streams, those that are gone too.
    pub stories: BTreeMap<StreamId, Story>,
    /// What must not have happened.
    pub faults: Vec<String>,
    roles: BTreeMap<String, Role>,
    trace: Trace,
    clock: Clock,
    count: u32,
}

impl Book {
    /// An empty one, in the time of a world.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// How streams of this streamtype behave.
    pub fn set_role(&mut self, streamtype: &str, role: Role) {
        self.roles.insert(streamtype.to_owned(), role);
    }

    /// What happened, for comparison.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The one stream of a streamtype, the first if there are more.
    ///
    /// # Panics
    /// Without such a stream.
    #[must_use]
    pub fn story(&self, streamtype: &str) -> &Story {
        let found = self.stories.values().find(|story| story.kind == streamtype);
        let Some(story) = found else { unreachable!("no stream of streamtype {streamtype}") };
        story
    }

    fn fault(&mut self, id: StreamId, what: fmt::Arguments<'_>) {
        let now = self.clock.now();
        let kind = self.stories.get(&id).map_or("?", |story| story.kind.as_str());
        self.faults.push(format!("{} {kind}/{}: {what}", now.as_micros(), id.index()));
    }

    fn take_state(&mut self, id: StreamId, state: State, ordinal: u32, reason: Option<Reason>) {
        let now = self.clock.now();
        let Some(story) = self.stories.get_mut(&id) else { return };
        self.trace.note(now, format_args!("{} {} {state:?} {reason:?}", story.kind, story.number));
        story.states.push((now, state, reason));
        story.ordinals.push(ordinal);
        let (last, connected, over) = (story.last, story.connected, story.over);
        if !state.is_transient() {
            story.last = state;
        }
        if state == State::Connected {
            story.connected = true;
            story.received.clear();
            story.receiving = false;
            story.message.clear();
            // What HTTP sent before belongs to a request, which is not echoed.
            story.sent.clear();
        } else if matches!(state, State::Disconnected | State::Unreachable | State::AuthFailed) {
            story.connected = false;
            story.rest.clear();
        }
        story.over |= state == State::Destroying;
        let open = story.ledger.open();
        if over {
            self.fault(id, format_args!("{state:?} after DESTROYING"));
        }
        if !legal(last, state) {
            self.fault(id, format_args!("{state:?} after {last:?}"));
        }
        if connected && matches!(state, State::Connected | State::Destroying | State::Unreachable) {
            self.fault(id, format_args!("{state:?} while connected"));
        }
        if !connected && state == State::Disconnected {
            self.fault(id, format_args!("DISCONNECTED without CONNECTED"));
        }
        if matches!(state, State::Disconnected | State::Destroying | State::Unreachable) && open > 0
        {
            self.fault(id, format_args!("{state:?} with {open} messages without outcome"));
        }
    }

    fn react(&mut self, id: StreamId, state: State, http: bool, commands: &mut Commands) -> Answer {
        let Some(story) = self.stories.get_mut(&id) else { return Answer::Ok };
        let Some(role) = self.roles.get(&story.kind) else { return Answer::Ok };
        if http && matches!(state, State::QosAckRemote | State::QosNackRemote) {
            story.todo = story.todo.saturating_sub(1);
        }
        if story.todo > 0 && matches!(state, State::Creating | State::Disconnected) {
            ask(role, commands);
        }
        let before = u32::try_from(story.count(state)).unwrap_or(0).saturating_sub(1);
        let Some(react) = &role.react else { return Answer::Ok };
        let reaction = react(state, before);
        if reaction.connect {
            commands.connect();
        }
        if reaction.request_tx {
            ask(role, commands);
        }
        if reaction.destroy {
            commands.destroy();
        }
        if let Some(ms) = reaction.timeout_ms {
            commands.start_timeout(ms);
        }
        reaction.answer
    }

    /// A tx opportunity of `room` bytes.
    fn transmit(
        &mut self,
        id: StreamId,
        next: u64,
        protocol: Protocol,
        room: usize,
        commands: &mut Commands,
    ) -> Answer {
        let now = self.clock.now();
        let Some(story) = self.stories.get_mut(&id) else { return Answer::TxDontSend };
        let Some(role) = self.roles.get(&story.kind) else { return Answer::TxDontSend };
        let http = matches!(protocol, Protocol::H1 | Protocol::H2 | Protocol::H3);
        let start = story.rest.is_empty();
        if start && story.todo == 0 {
            return Answer::TxDontSend;
        }
        if room == 0 {
            self.fault(id, format_args!("tx without room"));
            return Answer::TxDontSend;
        }
        if start {
            if !http {
                story.todo -= 1;
            }
            story.rest = message(story.number, next, role.size);
            story.ledger.begin(now, next);
            self.trace.note(now, format_args!("{} {} begins {next}", story.kind, story.number));
        }
        // Raw has no messages longer than a chunk.
        let len = story.rest.len().min(room);
        let piece: Vec<u8> = story.rest.drain(..len).collect();
        let end = story.rest.is_empty();
        if protocol == Protocol::Raw && !start {
            story.ledger.begin(now, next);
        }
        story.sent.extend_from_slice(&piece);
        commands.send(&piece, Flags::ends(start, end));
        if !end {
            commands.request_tx();
        } else if story.todo > 0 && !http {
            ask(role, commands);
        }
        Answer::Ok
    }

    fn settle(&mut self, id: StreamId, payload: u64, outcome: Outcome, through: bool) {
        let now = self.clock.now();
        let Some(story) = self.stories.get_mut(&id) else { return };
        self.trace.note(now, format_args!("{} {} {payload} {outcome:?}", story.kind, story.number));
        let settled = if through {
            story.ledger.end_through(now, payload, outcome)
        } else {
            story.ledger.end(now, payload, outcome)
        };
        if !settled {
            self.fault(id, format_args!("second or unasked outcome {outcome:?} of {payload}"));
        }
    }

    fn receive(&mut self, id: StreamId, bytes: &[u8], flags: Flags, framed: bool) {
        let Some(story) = self.stories.get_mut(&id) else { return };
        self.trace.mix(bytes);
        let expect = self.roles.get(&story.kind).map_or(Expect::Any, |role| role.expect);
        let mut fault = None;
        if !story.connected || story.over {
            fault = Some("payload without a connection");
        }
        if framed && flags.has(Flags::SOM) == story.receiving {
            fault = Some("payload is framed wrongly");
        }
        story.receiving = framed && !flags.has(Flags::EOM);
        let from = story.received.len();
        story.received.extend_from_slice(bytes);
        let to = story.received.len();
        story.message.extend_from_slice(bytes);
        if flags.has(Flags::EOM) {
            story.messages += 1;
            let message = core::mem::take(&mut story.message);
            let known = parse(&message)
                .is_some_and(|(number, id)| number == story.number && story.ledger.knows(id));
            if expect == Expect::Messages && !known {
                fault = Some("a message nobody sent");
            }
        }
        let wrong = match expect {
            Expect::Any | Expect::Messages => false,
            Expect::Echo => story.sent.get(from..to) != Some(bytes),
            Expect::Pattern => pattern(to).get(from..) != Some(bytes),
        };
        if wrong {
            fault = Some("payload is not what was sent");
        }
        if let Some(fault) = fault {
            self.fault(id, format_args!("{fault}"));
        }
    }
}

/// Asks for tx, with the length of the next message where the role says so.
fn ask(role: &Role, commands: &mut Commands) {
    if role.announce {
        commands.request_tx_len(role.size.max(HEAD_MIN) as u64);
    } else {
        commands.request_tx();
    }
}

impl Application for Book {
    fn up(&mut self, up: Up<'_>, commands: &mut Commands) -> Answer {
        let id = up.id();
        match up {
            Up::Event { view, event, room, .. } => {
                let protocol = view.streamtype().protocol;
                let http = matches!(protocol, Protocol::H1 | Protocol::H2 | Protocol::H3);
                match event {
                    Event::State { state, ordinal, reason } => {
                        if state == State::Creating {
                            self.begin(id, &view.streamtype().name);
                        }
                        self.take_state(id, state, ordinal, reason);
                        return self.react(id, state, http, commands);
                    }
                    Event::Tx { room: offered, .. } => {
                        let next = view.next_payload().0;
                        return self.transmit(id, next, protocol, offered.min(room), commands);
                    }
                    Event::EndOfMessage(flags) => self.receive(id, &[], flags, false),
                    Event::Outcome(payload, outcome) => self.settle(id, payload.0, outcome, false),
                    Event::SentThrough(payload) => {
                        self.settle(id, payload.0, Outcome::Sent, true);
                    }
                }
            }
            Up::Payload { view, payload, flags, .. } => {
                let framed = matches!(view.streamtype().protocol, Protocol::Ws | Protocol::Mqtt);
                self.receive(id, payload.bytes, flags, framed);
            }
        }
        Answer::Ok
    }

    fn woken(&mut self, _now: Instant, _node: &mut Node) {}
}

impl Book {
    fn begin(&mut self, id: StreamId, kind: &str) {
        self.count += 1;
        let todo = self.roles.get(kind).map_or(0, |role| role.messages);
        let story = Story {
            number: self.count,
            kind: kind.to_owned(),
            states: Vec::new(),
            ordinals: Vec::new(),
            received: Vec::new(),
            messages: 0,
            todo,
            ledger: Ledger::default(),
            last: State::Unset,
            connected: false,
            over: false,
            sent: Vec::new(),
            rest: Vec::new(),
            receiving: false,
            message: Vec::new(),
        };
        if self.stories.insert(id, story).is_some() {
            self.fault(id, format_args!("CREATING twice, or an id given twice"));
        }
    }
}
