//! Between threads: what handles and the loop say to each other. The only locks of the project.
//!
//! Bounds: a stream's outbox and inbox hold `OUTBOX_MAX` and `INBOX_MAX` bytes (and what one chunk
//! adds); the mailbox one wish per call that is not yet carried out.

use crate::handler::{Context, Handler, Tx};
use crate::router::Router;
use crate::stream::{Chunk, Closed};
use core::task::Waker;
use mainstay_base::{Instant, Outcome, Reason};
use mainstay_host as host;
use mainstay_node::{Node, StreamId};
use mainstay_policy::{Protocol, State};
use mainstay_stream::{Answer, CreateError, Flags, PayloadId};
use std::collections::{BTreeMap, VecDeque};
#[expect(
    clippy::disallowed_types,
    reason = "the border between threads; nothing below has one"
)]
use std::sync::Mutex;
use std::sync::{Arc, Condvar, MutexGuard, OnceLock, PoisonError};

/// Bytes a handle may queue before `send` waits. chosen: four times what a connection queues.
pub(crate) const OUTBOX_MAX: usize = 64 * 1024;
/// Bytes received and not taken before the reader sleeps. chosen: one read of a connection.
pub(crate) const INBOX_MAX: usize = 16 * 1024;

/// What handles want of the loop.
#[expect(clippy::disallowed_types, reason = "the border between threads; nothing below has one")]
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    wishes: Mutex<Wishes>,
    waker: OnceLock<host::Waker>,
}

/// What is not yet carried out.
#[derive(Debug, Default)]
struct Wishes {
    list: VecDeque<Wish>,
    /// The loop is gone.
    closed: bool,
}

/// One wish.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Create a stream and answer through its letters.
    Open(String, Arc<Letters>),
    /// Do something to it. It may be asked for before the stream is made.
    Ask(Arc<Letters>, Ask),
    /// Tell every stream that the wait was cancelled.
    Cancel,
}

/// What is wanted of a stream.
#[derive(Debug)]
pub(crate) enum Ask {
    /// The outbox has something, the first message of this length.
    Send(u64),
    /// The inbox has room.
    Resume,
    Connect,
    Metadata(String, Vec<u8>),
    Close,
    Destroy,
}

impl Mailbox {
    pub(crate) fn set_waker(&self, waker: host::Waker) {
        let _again = self.waker.set(waker);
    }

    pub(crate) fn put(&self, wish: Wish) {
        let mut wishes = self.wishes();
        if wishes.closed {
            drop(wishes);
            return wish.give_up();
        }
        wishes.list.push_back(wish);
        drop(wishes);
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    pub(crate) fn take(&self) -> Option<Wish> {
        self.wishes().list.pop_front()
    }

    /// The loop is gone: what was wished for will not be.
    pub(crate) fn close(&self) {
        let mut wishes = self.wishes();
        wishes.closed = true;
        let left = core::mem::take(&mut wishes.list);
        drop(wishes);
        left.into_iter().for_each(Wish::give_up);
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wish {
    pub(crate) fn carry_out(self, now: Instant, node: &mut Node, router: &mut Router) {
        match self {
            Self::Open(streamtype, letters) => match node.create(now, &streamtype) {
                Ok(id) => {
                    letters.with(News::State, |inside| inside.id = Some(id));
                    router.set(id, Box::new(Clerk(letters)));
                }
                Err(error) => {
                    letters.with(News::State, |inside| inside.over = Some(Closed::Refused(error)));
                }
            },
            Self::Ask(letters, ask) => {
                if let Some(id) = letters.look(|inside| inside.id) {
                    ask.carry_out(now, node, id);
                }
            }
            Self::Cancel => node.wait_cancelled(),
        }
    }

    /// There is no loop to carry it out.
    fn give_up(self) {
        if let Self::Open(_, letters) = self {
            letters.with(News::State, Inside::end);
        }
    }
}

impl Ask {
    fn carry_out(self, now: Instant, node: &mut Node, id: StreamId) {
        match self {
            Self::Send(len) => node.request_tx_len(now, id, len),
            Self::Resume => node.pause(now, id, false),
            Self::Connect => {
                let _no_endpoint = node.connect(now, id);
            }
            Self::Metadata(name, value) => {
                let _undeclared = node.set_metadata(id, &name, &value);
            }
            Self::Close => node.close(now, id),
            Self::Destroy => node.destroy(now, id),
        }
    }
}

/// What a change is about: only who waits for that is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The stream's state or its end, which everybody waits for.
    State,
    /// There may be room in the outbox.
    Room,
    /// A chunk came.
    Chunk,
    /// A message has its outcome.
    Outcome,
}

/// Who waits, and for what.
#[derive(Debug, Default)]
struct Waiting {
    tasks: Vec<(News, Waker)>,
    /// Threads that block, by what they wait for.
    threads: [u32; 4],
}

impl Waiting {
    /// Whether a thread waits for `news`.
    fn has_thread(&self, news: News) -> bool {
        match news {
            News::State => self.threads.iter().any(|&count| count > 0),
            News::Room | News::Chunk | News::Outcome => self.threads[news as usize] > 0,
        }
    }

    /// The tasks that wait for `news`, which wait no more.
    fn take(&mut self, news: News) -> Vec<(News, Waker)> {
        if news == News::State || self.tasks.iter().all(|&(other, _)| other == news) {
            return core::mem::take(&mut self.tasks);
        }
        self.tasks.extract_if(.., |(other, _)| *other == news).collect()
    }
}

/// What a handle and its stream share.
#[expect(clippy::disallowed_types, reason = "the border between threads; nothing below has one")]
#[derive(Debug, Default)]
pub(crate) struct Letters {
    inside: Mutex<Inside>,
    changed: Condvar,
}

/// Both sides of it.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) id: Option<StreamId>,
    pub(crate) state: Option<State>,
    pub(crate) reason: Option<Reason>,
    pub(crate) inbox: VecDeque<Chunk>,
    pub(crate) inbox_bytes: usize,
    pub(crate) asleep: bool,
    pub(crate) outbox: VecDeque<Outgoing>,
    pub(crate) outbox_bytes: usize,
    pub(crate) next_ticket: u64,
    /// Messages that left the outbox, by their number on the stream.
    flights: VecDeque<(PayloadId, u64)>,
    /// Outcomes nobody fetched yet, of tickets that are still held.
    pub(crate) outcomes: BTreeMap<u64, Option<Outcome>>,
    /// A message was begun since the last attempt was asked for.
    begun: bool,
    pub(crate) over: Option<Closed>,
    waiting: Waiting,
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ticket: u64,
    pub(crate) payload: Vec<u8>,
    pub(crate) sent: usize,
}

impl Letters {
    /// Changes what is inside, then wakes whoever waits for these news.
    pub(crate) fn with<T>(&self, news: News, act: impl FnOnce(&mut Inside) -> T) -> T {
        let mut inside = self.lock();
        let result = act(&mut inside);
        let tasks = inside.waiting.take(news);
        let has_thread = inside.waiting.has_thread(news);
        drop(inside);
        // Costs a system call whether anybody waits or not.
        if has_thread {
            self.changed.notify_all();
        }
        for (_, task) in tasks {
            task.wake();
        }
        result
    }

    /// Looks inside without telling anyone.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        act(&mut self.lock())
    }

    /// Tries until it succeeds; wakes `waker` when there are news worth trying again for.
    pub(crate) fn poll<T>(
        &self,
        news: News,
        waker: &Waker,
        attempt: impl FnOnce(&mut Inside) -> Option<T>,
    ) -> Option<T> {
        let mut inside = self.lock();
        let result = attempt(&mut inside);
        let tasks = &mut inside.waiting.tasks;
        let known = |(other, task): &(News, Waker)| *other == news && task.will_wake(waker);
        if result.is_none() && !tasks.iter().any(known) {
            tasks.push((news, waker.clone()));
        }
        result
    }

    /// Tries until it succeeds or `wait` has passed.
    pub(crate) fn block<T>(
        &self,
        news: News,
        wait: Option<core::time::Duration>,
        mut attempt: impl FnMut(&mut Inside) -> Option<T>,
    ) -> Option<T> {
        let mut result = None;
        let mut guard = self.lock();
        let until = |inside: &mut Inside| {
            result = attempt(inside);
            result.is_none()
        };
        guard.waiting.threads[news as usize] += 1;
        let mut guard = match wait {
            None => self.changed.wait_while(guard, until).unwrap_or_else(PoisonError::into_inner),
            Some(wait) => {
                let waited = self.changed.wait_timeout_while(guard, wait, until);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        guard.waiting.threads[news as usize] -= 1;
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler behind a handle.
#[derive(Debug)]
struct Clerk(Arc<Letters>);

impl Drop for Clerk {
    /// The loop may go without saying goodbye to its streams.
    fn drop(&mut self) {
        self.0.with(News::State, Inside::end);
    }
}

impl Handler for Clerk {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let http =
            matches!(cx.stream().streamtype().protocol, Protocol::H1 | Protocol::H2 | Protocol::H3);
        let (next, needless) = self.0.with(News::State, |inside| {
            inside.state = Some(state);
            inside.reason = reason.or(inside.reason);
            if state == State::Connected {
                inside.reason = None;
            } else if matches!(state, State::Disconnected | State::Unreachable) {
                inside.interrupted();
            } else if state == State::Destroying {
                inside.end();
            } else if state == State::AllRetriesFailed {
                inside.refuse();
            }
            // The message the attempt was for has had its outcome: nothing is left to send.
            let needless = state == State::Poll && http && inside.begun && inside.outbox.is_empty();
            if matches!(state, State::Poll | State::QosAckRemote | State::QosNackRemote) {
                inside.begun = false;
            }
            (inside.next_len(), needless)
        });
        if needless {
            return Answer::DisconnectMe;
        }
        if let (State::Connected | State::Disconnected, Some(len)) = (state, next) {
            cx.request_tx_len(len);
        }
        Answer::Ok
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        let full = self.0.with(News::Chunk, |inside| {
            inside.inbox_bytes += payload.len();
            inside.inbox.push_back(Chunk {
                bytes: payload.to_vec(),
                flags,
                topic: cx.topic().filter(|_| flags.has(Flags::SOM)).map(str::to_owned),
                binary: cx.is_binary(),
            });
            inside.asleep = inside.inbox_bytes >= INBOX_MAX;
            inside.asleep
        });
        if full {
            cx.pause(true);
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let (tx, next) = self.0.with(News::Room, |inside| {
            let Some(front) = inside.outbox.front_mut() else { return (Tx::DontSend, None) };
            let rest = front.payload.get(front.sent..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            if let (Some(into), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
                into.copy_from_slice(from);
            }
            let (start, ticket) = (front.sent == 0, front.ticket);
            front.sent += len;
            let end = front.sent == front.payload.len();
            inside.begun |= start;
            if start {
                inside.untaken(cx.stream().next_payload());
                inside.flights.push_back((cx.stream().next_payload(), ticket));
            }
            inside.outbox_bytes -= len;
            if end {
                inside.outbox.pop_front();
            }
            (Tx::Send { len, flags: Flags::ends(start, end) }, inside.next_len().map(|l| (l, end)))
        });
        match next {
            Some((len, true)) => cx.request_tx_len(len),
            Some((_, false)) => cx.request_tx(),
            None => {}
        }
        tx
    }

    fn outcome(&mut self, _cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, through: bool) {
        self.0.with(News::Outcome, |inside| inside.ended(id, outcome, through));
    }
}

impl Inside {
    /// The connection is gone: a message half sent will not be completed.
    fn interrupted(&mut self) {
        self.asleep = false;
        if self.outbox.front().is_some_and(|front| front.sent > 0)
            && let Some(front) = self.outbox.pop_front()
        {
            self.outbox_bytes -= front.payload.len() - front.sent;
        }
    }

    /// The stream numbers the next message `id`: one that should have had this number before was
    /// not taken.
    fn untaken(&mut self, id: PayloadId) {
        if let Some(&(flight, ticket)) = self.flights.back()
            && flight == id
        {
            self.flights.pop_back();
            if let Some(slot) = self.outcomes.get_mut(&ticket) {
                *slot = Some(Outcome::Refused(Reason::Local(mainstay_base::Local::Framing)));
            }
        }
    }

    fn next_len(&self) -> Option<u64> {
        self.outbox.front().map(|front| front.payload.len() as u64)
    }

    fn ended(&mut self, id: PayloadId, outcome: Outcome, through: bool) {
        let Self { flights, outcomes, .. } = self;
        flights.retain(|&(flight, ticket)| {
            let hit = flight == id || (through && flight < id);
            if hit && let Some(slot) = outcomes.get_mut(&ticket) {
                *slot = Some(outcome);
            }
            !hit
        });
    }

    /// No attempt will be made: what never left is refused.
    fn refuse(&mut self) {
        let reason = self.reason.unwrap_or(Reason::Local(mainstay_base::Local::Limit));
        for message in self.outbox.drain(..) {
            if let Some(slot) = self.outcomes.get_mut(&message.ticket) {
                *slot = Some(Outcome::Refused(reason));
            }
        }
        self.outbox_bytes = 0;
    }

    /// The stream is gone: what never left is refused.
    fn end(&mut self) {
        let reason = Reason::Local(mainstay_base::Local::Destroyed);
        for slot in self.outcomes.values_mut().filter(|slot| slot.is_none()) {
            *slot = Some(Outcome::Refused(reason));
        }
        self.outbox.clear();
        self.outbox_bytes = 0;
        self.over.get_or_insert(Closed::Destroyed(self.reason));
    }
}

impl From<CreateError> for Closed {
    fn from(error: CreateError) -> Self {
        Self::Refused(error)
    }
}
