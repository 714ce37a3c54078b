//! Keep-alive: when to ask the peer for a sign of life, and when it is silent. MQTT 3.1.1 §3.1.2.10.

use core::time::Duration;

use mainstay_base::Instant;

use super::{Client, State};
use crate::limits::PING_WAIT_MIN;
use crate::message;

impl Client {
    pub(super) fn send_ping(&mut self, now: Instant) {
        if self.pings == 0 {
            self.pinged_at = now;
        }
        // Where the transport takes nothing one more would only pile up.
        self.last_sent = now;
        let room = self.config.send_room();
        let exchange = &mut self.work(now).exchange;
        if exchange.output.len() < room {
            exchange.control(message::pingreq);
            self.pings = self.pings.saturating_add(1);
        }
    }

    pub(super) fn silent_at(&self) -> Option<Instant> {
        let stuck = self.work.as_ref().is_some_and(|work| work.exchange.arrival.is_pending());
        if self.keep_alive_s == 0 || self.paused || stuck || self.state != State::Open {
            return None;
        }
        let wait = (self.keep_alive() / 2).max(PING_WAIT_MIN);
        (self.pings > 0).then(|| self.pinged_at.max(self.last_received) + wait)
    }

    pub(super) fn ping_at(&self) -> Option<Instant> {
        let wanted = self.keep_alive_s > 0 && self.state == State::Open;
        (wanted && !self.is_publishing()).then(|| self.last_sent + self.keep_alive())
    }

    pub(super) const fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_s as u64)
    }
}
