//! Any peer behind TLS.

use super::{Ending, Peer};
use mainstay_base::{Instant, Reason, Rng};
use mainstay_layers::{Event, Stack};
use mainstay_tls::ServerConfig;

/// What TLS may add to a piece of plaintext that fits one record.
const OVERHEAD: usize = 64;

/// A peer and the server's side of TLS in front of it.
#[derive(Debug)]
pub struct Secured {
    stack: Stack,
    beyond: Box<dyn Peer>,
    opened: bool,
    finished: bool,
    failed: bool,
    scratch: Vec<u8>,
}

impl Secured {
    /// `beyond` hears of the connection once TLS is up. `None` if the library refuses the configuration.
    #[must_use]
    pub fn new(config: &ServerConfig, beyond: Box<dyn Peer>) -> Option<Self> {
        let stack = Stack::accepted(Instant::ZERO, Some(config)).ok()?;
        Some(Self {
            stack,
            beyond,
            opened: false,
            finished: false,
            failed: false,
            scratch: Vec::new(),
        })
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.stack.poll_event() {
            match event {
                Event::Up(_) => {
                    self.opened = true;
                    self.beyond.handle_opened(now);
                }
                Event::PeerFinished => self.beyond.handle_eof(now),
                Event::Failed(reason) => {
                    self.failed = true;
                    self.beyond.handle_lost(now, reason);
                }
            }
        }
    }
}

impl Peer for Secured {
    fn handle_opened(&mut self, now: Instant) {
        self.stack.handle_opened(now);
    }

    fn handle_input(&mut self, now: Instant, rng: &mut Rng, bytes: &mut [u8]) -> usize {
        // What was decrypted and not taken waits here, since the bytes given will move.
        if !self.scratch.is_empty() {
            let taken = self.beyond.handle_input(now, rng, &mut self.scratch);
            self.scratch.drain(..taken);
            return 0;
        }
        let taken = self.stack.handle_input(now, bytes);
        self.drain(now);
        let plain = self.stack.plain(bytes.get_mut(..taken).unwrap_or_default());
        let len = plain.len();
        let used = if len == 0 { 0 } else { self.beyond.handle_input(now, rng, plain) };
        self.scratch.extend_from_slice(plain.get(used..).unwrap_or_default());
        self.stack.consume(len);
        self.drain(now);
        taken
    }

    fn handle_eof(&mut self, now: Instant) {
        self.stack.handle_eof(now);
        self.drain(now);
    }

    fn handle_lost(&mut self, now: Instant, reason: Reason) {
        self.stack.handle_lost(now, reason);
        self.failed = true;
        self.beyond.handle_lost(now, reason);
    }

    fn handle_timeout(&mut self, now: Instant, rng: &mut Rng) {
        self.stack.handle_timeout(now);
        self.drain(now);
        self.beyond.handle_timeout(now, rng);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let beyond = if self.opened { self.beyond.poll_timeout() } else { None };
        [self.stack.poll_timeout(), beyond].into_iter().flatten().min()
    }

    fn poll_transmit(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        if !self.scratch.is_empty() {
            let taken = self.beyond.handle_input(now, rng, &mut self.scratch);
            self.scratch.drain(..taken);
        }
        let end = out.len().saturating_add(limit);
        self.stack.poll_transmit(now, out, limit);
        let room = end.saturating_sub(out.len() + OVERHEAD).min(8 * 1024);
        if self.stack.is_up() && self.opened && room > 0 {
            let mut plain = Vec::new();
            self.beyond.poll_transmit(now, rng, &mut plain, room);
            if plain.is_empty() && self.beyond.ending().is_some() && !self.finished {
                self.finished = true;
                self.stack.finish(now);
            } else if !plain.is_empty() {
                self.stack.seal(now, &plain, out);
            }
        }
        let left = end.saturating_sub(out.len());
        self.stack.poll_transmit(now, out, left);
    }

    fn handle_written(&mut self, now: Instant) {
        if self.opened {
            self.beyond.handle_written(now);
        }
    }

    fn ending(&self) -> Option<Ending> {
        if self.failed {
            return Some(Ending::Close);
        }
        let beyond = self.beyond.ending().filter(|_| self.opened)?;
        (beyond == Ending::Abort || self.finished).then_some(beyond)
    }
}
