//! One connection: climbing up layer by layer, then bytes both ways.
//!
//! A tunnel is a negotiation and then nothing, so it leaves when it is open. What may remain is
//! one TLS session, or two: one to an HTTPS proxy and one through it. With one, payload is lent
//! where it was received; with two, what the lower one lends is copied once for the upper one.

use core::ops::Range;

use mainstay_base::{Instant, Local, Peer, Phase, Policy, Reason, Rng};
use mainstay_tls::{Info, ServerConfig, Session};

use crate::limits::HANDSHAKE_WAIT;
use crate::registry::Registry;
use crate::spec::StackSpec;
use crate::target::Target;
use crate::tunnel::{ProxyRefusal, Via};

mod climb;
mod flow;
mod negotiate;

use climb::{Climb, Planned};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Every layer is up; payload may flow.
    Up(Box<ConnInfo>),
    /// The peer ended its direction, truthfully as far as the layers can tell (LAY-179).
    PeerFinished,
    /// Over. An alert may still be waiting in `poll_transmit`.
    Failed(Reason),
}

/// What was agreed on the way up (LAY-172). Who connected where is the driver's knowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnInfo {
    /// Of the topmost TLS layer.
    pub tls: Option<Info>,
    /// Tunnels, lowest first.
    pub via: Vec<Via>,
}

impl ConnInfo {
    /// The protocol chosen, if any.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls.as_ref().and_then(|tls| tls.alpn.as_deref())
    }
}

/// One connection's layers, in the shape of byte machines.
#[derive(Debug)]
pub struct Stack {
    stage: Stage,
    climb: Option<Box<Climb>>,
    /// The highest TLS session.
    top: Option<Box<Session>>,
    below: Option<Box<Below>>,
    /// Without TLS: payload of the last unit not consumed yet.
    plain: Range<usize>,
    /// For the transport.
    queue: Vec<u8>,
    via: Vec<Via>,
    refusal: Option<Box<ProxyRefusal>>,
    up: bool,
    peer_finished: bool,
    failed: Option<Reason>,
    /// The peer's end was believed.
    ended: bool,
    now: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Climbing,
    Up { finished: bool },
    Over,
}

/// A TLS session with another one above it, and what it decrypted for that one.
#[derive(Debug)]
struct Below {
    session: Session,
    between: Vec<u8>,
    /// How much of `between` the upper session took.
    at: usize,
    /// The unit it took last.
    unit: Range<usize>,
    ended: bool,
}

impl Stack {
    /// A stack to `target`, waiting for its transport. `_rng` is for layers that draw nonces; none
    /// of these does yet.
    ///
    /// # Errors
    /// `Policy::Invalid` for a specification or host that cannot be, `Policy::Missing` for a
    /// secret or address that is not there, `Policy::Trust` for trust that is not.
    pub fn new(
        _now: Instant,
        spec: &StackSpec,
        target: &Target,
        registry: &Registry,
        _rng: &mut Rng,
    ) -> Result<Self, Reason> {
        spec.check().map_err(|_| Reason::Policy(Policy::Invalid))?;
        let planned = climb::plan(spec, target, registry)?;
        Ok(Self::with(planned))
    }

    /// The other side: a connection that was accepted, with TLS or bare (LAY-206).
    ///
    /// # Errors
    /// `Policy::Invalid` when the TLS library refuses.
    pub fn accepted(_now: Instant, tls: Option<&ServerConfig>) -> Result<Self, Reason> {
        let Some(config) = tls else { return Ok(Self::with(Vec::new())) };
        let session = Session::server(config).map_err(|_| Reason::Policy(Policy::Invalid))?;
        Ok(Self::with(vec![Planned::Session(Box::new(session), HANDSHAKE_WAIT)]))
    }

    fn with(planned: Vec<Planned>) -> Self {
        Self {
            stage: Stage::Waiting,
            climb: Some(Box::new(Climb::new(planned))),
            top: None,
            below: None,
            plain: 0..0,
            queue: Vec::new(),
            via: Vec::new(),
            refusal: None,
            up: false,
            peer_finished: false,
            failed: None,
            ended: false,
            now: Instant::ZERO,
        }
    }

    /// The transport is up: negotiation starts.
    pub fn handle_opened(&mut self, now: Instant) {
        if self.stage == Stage::Waiting {
            self.now = now;
            self.stage = Stage::Climbing;
            self.ascend();
            self.absorb();
        }
    }

    /// Takes bytes from the front of `input`, one unit: a proxy's answer, a TLS record, or all of
    /// it where no layer is left. Zero before the transport is up and while plaintext waits.
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> usize {
        self.now = now;
        if self.stage == Stage::Over {
            return input.len();
        }
        if self.stage == Stage::Waiting || self.has_plain() {
            return 0;
        }
        let taken = if let Some(below) = &mut self.below {
            let taken = below.session.handle_input(now, input);
            let unit = input.get_mut(..taken).unwrap_or_default();
            below.draw(unit);
            taken
        } else if let Some(top) = &mut self.top {
            let taken = top.handle_input(now, input);
            self.drain_top();
            self.negotiate(input.get_mut(..taken).unwrap_or_default());
            taken
        } else if self.is_negotiating() {
            let taken = self.feed_tunnel(input);
            self.judge_tunnel();
            taken
        } else {
            self.plain = 0..input.len();
            input.len()
        };
        self.absorb();
        taken
    }

    /// Payload of the last unit not consumed yet; empty when there is none. `input` is the slice
    /// last given to `handle_input`, cut to what it took.
    pub fn plain<'b>(&'b mut self, input: &'b mut [u8]) -> &'b mut [u8] {
        if self.is_negotiating() {
            return &mut [];
        }
        match (&mut self.top, &mut self.below) {
            (None, _) => input.get_mut(self.plain.clone()).unwrap_or_default(),
            (Some(top), None) => top.plain(input),
            (Some(top), Some(below)) => {
                let Below { between, unit, .. } = &mut **below;
                top.plain(between.get_mut(unit.clone()).unwrap_or_default())
            }
        }
    }

    /// Marks `len` bytes at the front of `plain` as taken.
    pub fn consume(&mut self, len: usize) {
        match &mut self.top {
            None => self.plain.start = self.plain.end.min(self.plain.start.saturating_add(len)),
            Some(top) => top.consume(len),
        }
        if self.below.is_some() {
            self.absorb();
        }
    }

    /// Seals all of `plain` through every layer and appends it to `out`, behind whatever was
    /// queued. How many bytes were taken: all, or none when the stack is not up or was finished.
    pub fn seal(&mut self, now: Instant, plain: &[u8], out: &mut Vec<u8>) -> usize {
        if self.stage != (Stage::Up { finished: false }) {
            return 0;
        }
        out.append(&mut self.queue);
        self.queue = Vec::new();
        let taken = self.seal_through(now, plain, out);
        self.absorb();
        taken
    }

    /// Appends at most `limit` bytes of negotiation, tickets and alerts.
    pub fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>, limit: usize) {
        let len = limit.min(self.queue.len());
        out.extend(self.queue.drain(..len));
        if self.queue.is_empty() {
            self.queue = Vec::new();
        }
    }

    /// Whether `poll_transmit` has something.
    #[must_use]
    pub const fn wants_transmit(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Ends our direction: every layer's own ending, top-down (LAY-177). The transport's FIN is
    /// the caller's, once `poll_transmit` is dry. Before the stack is up this is `abort`.
    pub fn finish(&mut self, now: Instant) {
        self.now = now;
        match self.stage {
            Stage::Up { finished: false } => {
                self.stage = Stage::Up { finished: true };
                if let Some(top) = &mut self.top {
                    top.finish(now);
                }
                self.collect();
                if let Some(below) = &mut self.below {
                    below.session.finish(now);
                }
                self.collect();
            }
            Stage::Waiting | Stage::Climbing => self.abort(now),
            Stage::Up { .. } | Stage::Over => {}
        }
    }

    /// Ends at once, without a word to anybody. The transport's reset is the caller's.
    pub fn abort(&mut self, _now: Instant) {
        self.queue = Vec::new();
        self.stage = Stage::Over;
        self.climb = None;
    }

    /// The transport ended in order. Where TLS is, that alone is no end (LAY-259).
    pub fn handle_eof(&mut self, now: Instant) {
        self.now = now;
        if self.ended || matches!(self.stage, Stage::Over | Stage::Waiting) {
            return;
        }
        match (&mut self.below, &mut self.top) {
            (Some(below), _) => below.session.handle_eof(now),
            (None, Some(top)) => top.handle_eof(now),
            (None, None) if matches!(self.stage, Stage::Up { .. }) => {
                (self.peer_finished, self.ended) = (true, true);
            }
            (None, None) => {}
        }
        self.absorb();
        if self.stage == Stage::Climbing {
            self.fail(Reason::Peer(Peer::Closed));
        }
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        self.queue = Vec::new();
        self.fail(reason);
    }

    /// Fails when the running phase took too long (LAY-182).
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        let late = self.climb.as_ref().and_then(|climb| climb.late(now));
        if let (Stage::Climbing, Some(phase)) = (self.stage, late) {
            self.fail(Reason::Local(Local::TimedOut(phase)));
        }
    }

    /// When the running phase has taken too long; `None` once up. Connecting is the pool's.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let climbing = self.stage == Stage::Climbing;
        self.climb.as_ref().filter(|_| climbing).and_then(|climb| climb.deadline())
    }

    /// The next event, in order: the peer's end waits until what came before it was consumed.
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.up) {
            return Some(Event::Up(Box::new(self.info())));
        }
        if self.has_plain() {
            return None;
        }
        self.absorb();
        if core::mem::take(&mut self.peer_finished) {
            return Some(Event::PeerFinished);
        }
        self.failed.take().map(Event::Failed)
    }

    /// Whether payload may flow.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up { .. })
    }

    /// Whether payload goes to the wire as it is: no layer is left.
    #[must_use]
    pub const fn is_transparent(&self) -> bool {
        self.is_up() && self.top.is_none()
    }

    /// Which phase is running, for a failure's description (LAY-182).
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (self.stage, &self.climb) {
            (Stage::Waiting, _) => Phase::Connect,
            (Stage::Climbing, Some(climb)) => climb.phase(),
            (Stage::Climbing | Stage::Up { finished: false }, _) => Phase::Data,
            (Stage::Up { .. } | Stage::Over, _) => Phase::Close,
        }
    }

    /// What was agreed; put together when asked for.
    #[must_use]
    pub fn info(&self) -> ConnInfo {
        let tls = self.top.as_ref().and_then(|top| top.info());
        ConnInfo { tls, via: self.via.clone() }
    }

    /// What the proxy said when it refused.
    #[must_use]
    pub fn proxy_refusal(&self) -> Option<&ProxyRefusal> {
        self.refusal.as_deref()
    }
}
