//! One connection: a transport, the layers on it, the protocol on those, and who rides on it.

use crate::channel::{Attributes, ChannelId, Open, Validity};
use crate::key::Key;
use crate::members::Members;
use crate::race::Race;
use crate::session::Session;
use crate::validity::Watch;
use mainstay_base::{Instant, Reason, SocketId};
use mainstay_layers::Stack;

/// One connection of the pool.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The transport, once a race is won.
    pub(crate) socket: Option<SocketId>,
    pub(crate) stack: Box<Stack>,
    pub(crate) session: Session,
    /// Who rides on the session.
    pub(crate) members: Members,
    pub(crate) stage: Stage,
    pub(crate) key: Option<Box<Key>>,
    pub(crate) watch: Option<Box<Watch>>,
    /// Input a sleeping reader left with us.
    pub(crate) held: Option<Box<Held>>,
    /// The entry in the timer table, if any.
    pub(crate) armed: Option<Instant>,
    /// The pool's own deadline: opening, silence in a transaction, idleness, linger.
    pub(crate) until: Option<Instant>,
}

/// How far it has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Channels wait for the layers to be up.
    Rising(Box<Rising>),
    /// The session runs.
    Open,
    /// What is queued leaves, then the transport is closed.
    Closing,
}

/// A connection on its way up.
#[derive(Debug)]
pub(crate) struct Rising {
    pub(crate) waiting: Vec<(ChannelId, Box<Open>)>,
    pub(crate) step: Step,
    pub(crate) port: u16,
    pub(crate) attributes: Attributes,
    pub(crate) validity: Option<Validity>,
    /// Until when the transport must be there.
    pub(crate) until: Instant,
}

/// What a rising connection waits for.
#[derive(Debug)]
pub(crate) enum Step {
    /// Addresses.
    Resolving,
    /// One of several attempts.
    Racing(Race),
    /// The layers.
    Negotiating,
}

/// Bytes read from the transport that nobody took yet. At most `Config::read_max` and a record.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Already through the layers.
    pub(crate) plain: Vec<u8>,
    /// Not yet.
    pub(crate) raw: Vec<u8>,
    /// The transport ended behind them, and how.
    pub(crate) end: Option<End>,
}

/// The end of a transport's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Eof,
    /// Lost.
    Lost(Reason),
}

/// The earlier of two deadlines.
fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Rising {
    /// When the wait for a transport is over, or the next address is to be tried.
    fn deadline(&self) -> Option<Instant> {
        match &self.step {
            Step::Racing(race) => earliest(race.poll_timeout(), Some(self.until)),
            Step::Resolving => Some(self.until),
            Step::Negotiating => None,
        }
    }
}

impl Connection {
    pub(crate) const fn new(stack: Box<Stack>, rising: Box<Rising>, key: Option<Box<Key>>) -> Self {
        Self {
            socket: None,
            stack,
            session: Session::Waiting,
            members: Members::new(),
            stage: Stage::Rising(rising),
            key,
            watch: None,
            held: None,
            armed: None,
            until: None,
        }
    }

    /// The earliest of its deadlines.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let rising = match &self.stage {
            Stage::Rising(rising) => rising.deadline(),
            Stage::Open | Stage::Closing => None,
        };
        let watch = self.watch.as_ref().map(|watch| watch.deadline());
        let own = earliest(earliest(rising, watch), self.until);
        earliest(own, earliest(self.stack.poll_timeout(), self.session.poll_timeout()))
    }

    /// Whether there is something to write.
    pub(crate) fn wants_transmit(&self) -> bool {
        self.stack.wants_transmit() || (self.stack.is_up() && self.session.wants_transmit())
    }

    /// Whether polling it for output neither yields anything nor ends anything.
    pub(crate) fn is_dry(&self) -> bool {
        self.is_open() && !matches!(self.session, Session::Raw(_)) && !self.wants_transmit()
    }

    /// Whether the session may have new channels or a next transaction.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }
}
