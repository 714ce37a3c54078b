//! What a stream says: to the application in order, to its node as level flags.

use crate::payload::{Flags, PayloadId};
use mainstay_base::{Outcome, Reason};
use mainstay_policy::State;
use mainstay_pool as pool;
use std::collections::VecDeque;

/// What happened, for the application, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A state; the stream stands still until `answer`.
    State {
        /// Which.
        state: State,
        /// The ordinal argument of SS-100.
        ordinal: u32,
        /// Why, for UNREACHABLE, `AUTH_FAILED`, DISCONNECTED, `QOS_NACK_REMOTE`.
        reason: Option<Reason>,
    },
    /// The application may send now: answer with `send` or `decline`.
    Tx {
        /// SS-247.
        ordinal: u32,
        /// Most bytes `send` takes until the next one.
        room: usize,
    },
    /// The empty rx that ends a received message (SS-301); answer with `answer_payload`.
    EndOfMessage(Flags),
    /// The one outcome of a message.
    Outcome(PayloadId, Outcome),
    /// Outcome `Sent` of every message up to and with this one that had none.
    SentThrough(PayloadId),
}

/// What a stream wants of its node, which moves it to the pool.
#[derive(Debug)]
pub enum Request {
    /// Open a channel. Never while another is open.
    Open(Box<pool::Open>),
    /// End the channel. After `Close::Abort` the node hands in nothing more of it; after
    /// `Close::Finish` its end comes as `Closed` (or `Finished`).
    Close(pool::Close),
    /// Say `Writable` when there is room for `tx_max` bytes.
    WantTx,
    /// The application confirmed that the connection is good (SS-242).
    Confirm,
    /// DESTROYING was answered: drop the stream.
    Over,
}

/// What waits to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    State {
        state: State,
        ordinal: u32,
        reason: Option<Reason>,
    },
    EndOfMessage,
    /// All of `from..to` ended so.
    Outcomes {
        from: u64,
        to: u64,
        outcome: Outcome,
    },
    SentThrough(u64),
}

impl Notice {
    pub(crate) const fn state(state: State) -> Self {
        Self::State { state, ordinal: 0, reason: None }
    }

    const fn is_outcome(&self) -> bool {
        matches!(self, Self::Outcomes { .. } | Self::SentThrough(_))
    }

    pub(crate) fn is(&self, wanted: State) -> bool {
        matches!(self, Self::State { state, .. } if *state == wanted)
    }
}

/// Notices in order. One lies in place, so that the usual one costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    first: Option<Notice>,
    rest: VecDeque<Notice>,
}

impl Notices {
    pub(crate) fn push(&mut self, notice: Notice) {
        if self.merge(notice) {
            return;
        }
        if self.first.is_none() {
            self.first = Some(notice);
        } else {
            self.rest.push_back(notice);
        }
    }

    /// Joins `notice` to the last one where that says the same.
    fn merge(&mut self, notice: Notice) -> bool {
        let last =
            if let Some(last) = self.rest.back_mut() { Some(last) } else { self.first.as_mut() };
        let (Some(Notice::SentThrough(id)), Notice::SentThrough(through)) = (last, notice) else {
            return false;
        };
        *id = through.max(*id);
        true
    }

    pub(crate) fn pop(&mut self) -> Option<Notice> {
        let notice = self.first.take()?;
        self.first = match notice {
            Notice::Outcomes { from, to, outcome } if from + 1 < to => {
                Some(Notice::Outcomes { from: from + 1, to, outcome })
            }
            Notice::Outcomes { .. }
            | Notice::State { .. }
            | Notice::EndOfMessage
            | Notice::SentThrough(_) => self.rest.pop_front(),
        };
        if self.rest.is_empty() && self.rest.capacity() != 0 {
            self.rest = VecDeque::new();
        }
        Some(notice)
    }

    /// Forgets all but outcomes, which are owed.
    pub(crate) fn keep_outcomes(&mut self) {
        let mut kept: VecDeque<Notice> =
            self.iter().filter(|notice| notice.is_outcome()).copied().collect();
        self.first = kept.pop_front();
        self.rest = kept;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn holds(&self, state: State) -> bool {
        self.iter().any(|notice| notice.is(state))
    }

    fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.first.iter().chain(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_runs_are_unrolled_and_memory_given_back() {
        let mut notices = Notices::default();
        let sent = Outcome::Sent;
        notices.push(Notice::Outcomes { from: 3, to: 5, outcome: sent });
        notices.push(Notice::state(State::Connected));
        assert_eq!(notices.pop(), Some(Notice::Outcomes { from: 3, to: 5, outcome: sent }));
        assert_eq!(notices.pop(), Some(Notice::Outcomes { from: 4, to: 5, outcome: sent }));
        assert!(notices.holds(State::Connected));
        assert_eq!(notices.pop(), Some(Notice::state(State::Connected)));
        assert_eq!((notices.pop(), notices.rest.capacity()), (None, 0));
        notices.push(Notice::SentThrough(1));
        notices.push(Notice::SentThrough(4));
        notices.push(Notice::EndOfMessage);
        notices.keep_outcomes();
        assert_eq!((notices.pop(), notices.pop()), (Some(Notice::SentThrough(4)), None));
    }
}
