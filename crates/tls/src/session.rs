//! One TLS connection: bytes in, plaintext and events out.

use core::ops::Range;

use mainstay_base::{Instant, Local, Peer, Reason};
use rustls::HandshakeKind;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;

use crate::client::{ClientConfig, Version};
use crate::engine::{Engine, Outbound};
use crate::error::Misuse;
use crate::record::{Extent, extent};
use crate::server::ServerConfig;

mod advance;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done; payload may flow.
    Up(Box<Info>),
    /// The peer ended its direction with `close_notify`: nothing more will come, truthfully.
    PeerFinished,
    /// Over. An alert may still be waiting in `poll_transmit`.
    Failed(Reason),
}

/// What was agreed (LAY-172).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The version.
    pub version: Version,
    /// The cipher suite's name (IANA TLS Cipher Suites); empty for one without a name.
    pub cipher: &'static str,
    /// The protocol chosen, if any (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// What the peer presented, end entity first, DER; empty if nothing.
    pub peer_certificates: Vec<Vec<u8>>,
    /// Whether a remembered session was resumed.
    pub resumed: bool,
}

/// One TLS connection, either side, in the shape of byte machines.
///
/// A unit of input is one record. Its payload lies in the very bytes that were given, decrypted
/// in place, or in what the session holds if the record came in pieces.
#[derive(Debug)]
pub struct Session {
    engine: Option<Box<Engine>>,
    /// Undecrypted: a partial record, or the beginning of a handshake message that spans records.
    /// Or, while `plain` says so, a record decrypted here.
    held: Vec<u8>,
    /// How much of `held` the library has seen: handshake fragments it moves about in place.
    seen: usize,
    /// Handshake, tickets, alerts.
    queue: Vec<u8>,
    plain: Option<Lent>,
    stage: Stage,
    rules: Rules,
    events: Events,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshaking,
    Up { finished: bool, peer_finished: bool },
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    require_alpn: bool,
    tolerate_truncation: bool,
}

/// One bit, or box, per kind; polled in this order.
#[derive(Debug, Default)]
struct Events {
    up: Option<Box<Info>>,
    peer_finished: bool,
    failed: Option<Reason>,
}

/// Plaintext not consumed yet.
#[derive(Clone, Debug)]
struct Lent {
    range: Range<usize>,
    held: bool,
}

impl Session {
    /// A client's session with the server called `server_name`; its hello is ready to send.
    ///
    /// With an unknown wall clock the session fails at once with `Local::NoTime` and sends
    /// nothing (LAY-251).
    ///
    /// # Errors
    /// `Misuse::ServerName` when the name is neither a DNS name nor an IP address;
    /// `Misuse::Config` when the library refuses.
    pub fn client(config: &ClientConfig, server_name: &str) -> Result<Self, Misuse> {
        let name = server_name.strip_suffix('.').unwrap_or(server_name);
        let name = ServerName::try_from(name).map_err(|_| Misuse::ServerName)?.to_owned();
        let rules = Rules {
            require_alpn: config.requires_alpn(),
            tolerate_truncation: config.tolerates_truncation(),
        };
        if !config.knows_time() {
            let mut session = Self::new(None, rules);
            session.fail(Reason::Local(Local::NoTime));
            return Ok(session);
        }
        let engine = UnbufferedClientConnection::new(config.library(), name);
        let engine = Engine::Client(engine.map_err(|_| Misuse::Config)?);
        let mut session = Self::new(Some(engine), rules);
        session.advance(&mut []);
        Ok(session)
    }

    /// A server's session; the client speaks first.
    ///
    /// # Errors
    /// `Misuse::Config` when the library refuses.
    pub fn server(config: &ServerConfig) -> Result<Self, Misuse> {
        let engine = UnbufferedServerConnection::new(config.library());
        let engine = Engine::Server(engine.map_err(|_| Misuse::Config)?);
        let rules = Rules { require_alpn: false, tolerate_truncation: false };
        Ok(Self::new(Some(engine), rules))
    }

    fn new(engine: Option<Engine>, rules: Rules) -> Self {
        Self {
            engine: engine.map(Box::new),
            held: Vec::new(),
            seen: 0,
            queue: Vec::new(),
            plain: None,
            stage: Stage::Handshaking,
            rules,
            events: Events::default(),
        }
    }

    /// Takes bytes from the front of `input`, up to the end of one record; how many. Zero while
    /// plaintext waits to be consumed. What follows the end is taken and dropped.
    pub fn handle_input(&mut self, _now: Instant, input: &mut [u8]) -> usize {
        if self.plain.is_some() || input.is_empty() {
            return 0;
        }
        if self.is_deaf() {
            return input.len();
        }
        if self.held.is_empty()
            && let Extent::Whole(len) = extent(input)
            && let Some(record) = input.get_mut(..len)
        {
            let used = self.advance(record);
            // A handshake message goes on in the next record: keep its beginning.
            if used < len && !self.is_deaf() {
                self.held.extend_from_slice(record.get(used..).unwrap_or_default());
                self.seen = self.held.len();
            }
            return len;
        }
        self.hold(input)
    }

    /// Plaintext of the last unit that was not consumed yet. `input` is the slice last given to
    /// `handle_input`, cut to what it took.
    pub fn plain<'b>(&'b mut self, input: &'b mut [u8]) -> &'b mut [u8] {
        let Some(Lent { range, held }) = &self.plain else { return &mut [] };
        let from = if *held { self.held.as_mut_slice() } else { input };
        from.get_mut(range.clone()).unwrap_or_default()
    }

    /// Marks `len` bytes at the front of `plain` as taken.
    pub fn consume(&mut self, len: usize) {
        let Some(lent) = &mut self.plain else { return };
        lent.range.start = lent.range.end.min(lent.range.start.saturating_add(len));
        if lent.range.is_empty() {
            if lent.held {
                self.held = Vec::new();
            }
            self.plain = None;
        }
    }

    /// Copies unconsumed plaintext out of `input` (as for `plain`) so that it outlives the turn.
    /// For a caller that cannot take all; the others never pay for it.
    pub fn keep(&mut self, input: &[u8]) {
        if let Some(lent) = &mut self.plain
            && !lent.held
        {
            self.held = input.get(lent.range.clone()).unwrap_or_default().to_vec();
            *lent = Lent { range: 0..self.held.len(), held: true };
        }
    }

    /// The transport ended. Without `close_notify` before, the end cannot be believed (LAY-259).
    pub fn handle_eof(&mut self, _now: Instant) {
        match self.stage {
            Stage::Over | Stage::Up { peer_finished: true, .. } => {}
            Stage::Handshaking => self.fail(Reason::Peer(Peer::Closed)),
            Stage::Up { finished, .. } if self.rules.tolerate_truncation => {
                self.events.peer_finished = true;
                self.stage = Stage::Up { finished, peer_finished: true };
            }
            Stage::Up { .. } => self.fail(Reason::Peer(Peer::Truncated)),
        }
    }

    /// The transport died.
    pub fn handle_lost(&mut self, _now: Instant, reason: Reason) {
        self.queue = Vec::new();
        self.fail(reason);
    }

    /// Seals all of `plain` and appends it to `out`, behind whatever was queued. How many bytes
    /// were taken: all, or none when the session is not up or was finished.
    pub fn seal(&mut self, _now: Instant, plain: &[u8], out: &mut Vec<u8>) -> usize {
        if !matches!(self.stage, Stage::Up { finished: false, .. }) || plain.is_empty() {
            return 0;
        }
        out.append(&mut self.queue);
        self.queue = Vec::new();
        if self.write(Outbound::Payload(plain), out) {
            return plain.len();
        }
        self.fail(Reason::Local(Local::Limit));
        0
    }

    /// Appends at most `limit` bytes of handshake, tickets and alerts.
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

    /// Ends our direction: queues `close_notify`. Reading goes on. Before the handshake is done
    /// there is nothing to end in order, and the session is over without a word.
    pub fn finish(&mut self, _now: Instant) {
        match self.stage {
            Stage::Up { finished: false, peer_finished } => {
                let mut queue = core::mem::take(&mut self.queue);
                self.write(Outbound::CloseNotify, &mut queue);
                self.queue = queue;
                self.stage = Stage::Up { finished: true, peer_finished };
                self.rest();
            }
            Stage::Handshaking => self.end(),
            Stage::Up { .. } | Stage::Over => {}
        }
    }

    /// The next event, in order. `PeerFinished` waits until the plaintext before it was consumed.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(info) = self.events.up.take() {
            return Some(Event::Up(info));
        }
        if self.plain.is_some() {
            return None;
        }
        if core::mem::take(&mut self.events.peer_finished) {
            return Some(Event::PeerFinished);
        }
        self.events.failed.take().map(Event::Failed)
    }

    /// Whether payload may be sealed or may come.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up { .. })
    }

    /// Whether plaintext waits to be consumed.
    #[must_use]
    pub const fn has_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// What was agreed; put together when asked for, `None` before and after.
    #[must_use]
    pub fn info(&self) -> Option<Info> {
        self.engine.as_ref().filter(|_| self.is_up()).map(|engine| Info::of(engine))
    }

    /// Whether nothing more will come from this session but what is queued.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }
}

impl Info {
    fn of(engine: &Engine) -> Self {
        let common = engine.common();
        let suite = common.negotiated_cipher_suite();
        let certificates = common.peer_certificates().unwrap_or_default();
        Self {
            version: match common.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => Version::Tls12,
                _ => Version::Tls13,
            },
            cipher: suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default(),
            alpn: common.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: certificates.iter().map(|der| der.to_vec()).collect(),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}
