//! Sends back what comes, as it is.

use super::{Ending, Peer, SharedLog};
use mainstay_base::{Instant, Rng};

/// Most that is held. chosen: makes a device that does not read feel it.
const HELD_MAX: usize = 8 * 1024;

/// An echo of raw bytes; ends when the device ends.
#[derive(Debug)]
pub struct Echo {
    log: SharedLog,
    held: Vec<u8>,
    ended: bool,
}

impl Echo {
    /// One that notes its connections in `log`.
    #[must_use]
    pub const fn new(log: SharedLog) -> Self {
        Self { log, held: Vec::new(), ended: false }
    }
}

impl Peer for Echo {
    fn handle_opened(&mut self, now: Instant) {
        let mut log = self.log.borrow_mut();
        log.connections += 1;
        log.opened.push(now);
    }

    fn handle_input(&mut self, _now: Instant, _rng: &mut Rng, bytes: &mut [u8]) -> usize {
        let len = bytes.len().min(HELD_MAX.saturating_sub(self.held.len()));
        self.held.extend_from_slice(bytes.get(..len).unwrap_or_default());
        len
    }

    fn handle_eof(&mut self, _now: Instant) {
        self.ended = true;
    }

    fn poll_transmit(&mut self, _now: Instant, _rng: &mut Rng, out: &mut Vec<u8>, limit: usize) {
        let len = self.held.len().min(limit);
        out.extend(self.held.drain(..len));
    }

    fn ending(&self) -> Option<Ending> {
        self.ended.then_some(Ending::Close)
    }
}
