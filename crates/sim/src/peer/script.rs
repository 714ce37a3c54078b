//! Says what it was told to say, whatever comes: banners, nonsense, nothing at all.

use super::{Ending, Peer, SharedLog};
use mainstay_base::{Instant, Rng};

/// A peer without a protocol.
#[derive(Debug)]
pub struct Script {
    log: SharedLog,
    bytes: Vec<u8>,
    /// Speak when spoken to, not before.
    polite: bool,
    spoken_to: bool,
    ending: Option<Ending>,
}

impl Script {
    /// Says `bytes` when something came, then ends; or keeps still if `ending` is `None`.
    #[must_use]
    pub const fn new(log: SharedLog, bytes: Vec<u8>, ending: Option<Ending>) -> Self {
        Self { log, bytes, polite: true, spoken_to: false, ending }
    }

    /// The same, at once.
    #[must_use]
    pub const fn at_once(log: SharedLog, bytes: Vec<u8>, ending: Option<Ending>) -> Self {
        Self { log, bytes, polite: false, spoken_to: false, ending }
    }

    const fn speaks(&self) -> bool {
        self.spoken_to || !self.polite
    }
}

impl Peer for Script {
    fn handle_opened(&mut self, now: Instant) {
        let mut log = self.log.borrow_mut();
        log.connections += 1;
        log.opened.push(now);
    }

    fn handle_input(&mut self, _now: Instant, _rng: &mut Rng, bytes: &mut [u8]) -> usize {
        self.spoken_to = true;
        bytes.len()
    }

    fn poll_transmit(&mut self, _now: Instant, _rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        if self.speaks() {
            let len = self.bytes.len().min(limit);
            out.extend(self.bytes.drain(..len));
        }
    }

    fn ending(&self) -> Option<Ending> {
        self.ending.filter(|_| self.speaks() && self.bytes.is_empty())
    }
}
