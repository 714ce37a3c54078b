//! Is the connection still good both ways? Owns the two deadlines of SS-445; who pings is the
//! session's business.

use crate::channel::Validity;
use mainstay_base::Instant;

/// One connection's validity. A proof restarts it.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Validity,
    proved: Instant,
    /// When a piece of an unfinished message came last.
    heard: Instant,
    pinged: bool,
}

/// What a passed deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a protocol ping.
    Ping,
    /// Hang up: the peer is silent.
    HangUp,
}

impl Watch {
    /// Watches from now on; `None` when there is nothing to watch (`svalidhup` 0).
    pub(crate) const fn new(now: Instant, rules: Validity) -> Option<Self> {
        if rules.hangup.is_zero() {
            return None;
        }
        Some(Self { rules, proved: now, heard: now, pinged: false })
    }

    /// Two-way traffic was seen.
    pub(crate) const fn prove(&mut self, now: Instant) {
        self.proved = now;
        self.pinged = false;
    }

    /// A piece of a message came, and more of it will: an answer to a ping cannot come before its
    /// end. The wait for the answer begins anew.
    pub(crate) const fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// What is due now. A ping is due once per silence.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now >= self.hangup() {
            return Due::HangUp;
        }
        let Some(ping) = self.ping() else { return Due::Nothing };
        if self.pinged || now < self.proved + ping {
            return Due::Nothing;
        }
        self.pinged = true;
        Due::Ping
    }

    /// When something is due next.
    pub(crate) fn deadline(&self) -> Instant {
        match self.ping() {
            Some(ping) if !self.pinged => self.proved + ping,
            Some(_) | None => self.hangup(),
        }
    }

    fn hangup(&self) -> Instant {
        let hangup = self.proved + self.rules.hangup;
        match self.ping() {
            Some(ping) if self.pinged => hangup.max(self.heard + (self.rules.hangup - ping)),
            Some(_) | None => hangup,
        }
    }

    /// The ping interval, if pings make sense: SS-445 skips them when p >= h.
    fn ping(&self) -> Option<core::time::Duration> {
        self.rules.ping.filter(|&ping| !ping.is_zero() && ping < self.rules.hangup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const fn rules(ping: u64, hangup: u64) -> Validity {
        Validity { ping: Some(Duration::from_secs(ping)), hangup: Duration::from_secs(hangup) }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    // Covers SS-445
    #[test]
    fn silence_is_probed_once_and_then_hung_up_on() {
        let mut watch = Watch::new(at(0), rules(30, 35)).unwrap();
        assert_eq!((watch.due(at(29)), watch.deadline()), (Due::Nothing, at(30)));
        assert_eq!(watch.due(at(30)), Due::Ping);
        assert_eq!((watch.due(at(31)), watch.deadline()), (Due::Nothing, at(35)));
        watch.prove(at(32));
        assert_eq!((watch.due(at(35)), watch.deadline()), (Due::Nothing, at(62)));
        assert_eq!(watch.due(at(67)), Due::HangUp);
        assert!(Watch::new(at(0), rules(30, 0)).is_none());
    }

    // Covers SS-445
    #[test]
    fn a_message_longer_than_the_wait_for_the_answer_puts_the_hang_up_off() {
        let mut watch = Watch::new(at(0), rules(10, 15)).unwrap();
        assert_eq!(watch.due(at(10)), Due::Ping);
        watch.hear(at(14));
        assert_eq!((watch.due(at(18)), watch.deadline()), (Due::Nothing, at(19)));
        assert_eq!(watch.due(at(19)), Due::HangUp);
        // Without a ping nothing is waited for.
        let mut watch = Watch::new(at(0), rules(0, 15)).unwrap();
        watch.hear(at(14));
        assert_eq!(watch.due(at(15)), Due::HangUp);
    }

    // Covers SS-447
    #[test]
    fn without_a_ping_interval_there_is_no_ping_but_a_hang_up() {
        for rules in [rules(0, 10), rules(10, 10), rules(20, 10)] {
            let mut watch = Watch::new(at(0), rules).unwrap();
            assert_eq!((watch.due(at(9)), watch.deadline()), (Due::Nothing, at(10)));
            assert_eq!(watch.due(at(10)), Due::HangUp);
        }
    }
}
