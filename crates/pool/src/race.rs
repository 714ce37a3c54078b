//! Several addresses, one connection: Happy Eyeballs (RFC 8305). Owns order and stagger;
//! sockets are opened and aborted by the pool.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_base::{Instant, Reason, SocketId};
use std::collections::VecDeque;

/// Attempts in flight and addresses still to try.
#[derive(Debug)]
pub(crate) struct Race {
    waiting: VecDeque<SocketAddr>,
    running: Vec<SocketId>,
    next_at: Instant,
    delay: Duration,
    last: Option<Reason>,
}

/// What a lost attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Others run or wait.
    GoesOn,
    /// Nothing is left; the most telling reason.
    Over(Reason),
}

impl Race {
    /// A race over `addresses`, the first attempt due at once.
    pub(crate) fn new(
        now: Instant,
        addresses: &[IpAddr],
        port: u16,
        count_max: usize,
        delay: Duration,
    ) -> Self {
        let waiting = interleave(addresses).take(count_max).map(|ip| SocketAddr::new(ip, port));
        Self { waiting: waiting.collect(), running: Vec::new(), next_at: now, delay, last: None }
    }

    /// A race of one, already running: nothing to choose from.
    pub(crate) fn single(id: SocketId) -> Self {
        Self {
            waiting: VecDeque::new(),
            running: vec![id],
            next_at: Instant::ZERO,
            delay: Duration::ZERO,
            last: None,
        }
    }

    /// Nothing runs and nothing waits.
    pub(crate) fn is_over(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// The address whose turn has come, if any; the caller opens it and says `started`.
    pub(crate) fn poll_attempt(&mut self, now: Instant) -> Option<SocketAddr> {
        if now < self.next_at && !self.running.is_empty() {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.next_at = now + self.delay;
        Some(address)
    }

    /// An attempt runs under this id.
    pub(crate) fn started(&mut self, id: SocketId) {
        self.running.push(id);
    }

    /// An attempt failed; the next may start at once.
    pub(crate) fn lost(&mut self, now: Instant, id: SocketId, reason: Reason) -> Lost {
        self.running.retain(|&running| running != id);
        self.next_at = now;
        let last = *self.last.get_or_insert(reason);
        if self.running.is_empty() && self.waiting.is_empty() {
            return Lost::Over(last);
        }
        Lost::GoesOn
    }

    /// The attempt that won; returns the losers to abort.
    pub(crate) fn won(mut self, id: SocketId) -> Vec<SocketId> {
        self.running.retain(|&running| running != id);
        self.running
    }

    /// All attempts, to be aborted.
    pub(crate) fn abandoned(self) -> Vec<SocketId> {
        self.running
    }

    /// When the next attempt is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.waiting.is_empty() && !self.running.is_empty()).then_some(self.next_at)
    }
}

/// Families in turn, IPv6 first, each in the resolver's order (RFC 8305 section 4).
fn interleave(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let mut six = addresses.iter().copied().filter(IpAddr::is_ipv6);
    let mut four = addresses.iter().copied().filter(IpAddr::is_ipv4);
    let mut turn = false;
    core::iter::from_fn(move || {
        turn = !turn;
        if turn { six.next().or_else(|| four.next()) } else { four.next().or_else(|| six.next()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_base::Network;

    const REFUSED: Reason = Reason::Network(Network::Refused);

    fn race(now: Instant) -> Race {
        let addresses: Vec<IpAddr> =
            ["192.0.2.1", "192.0.2.2", "2001:db8::1"].iter().map(|a| a.parse().unwrap()).collect();
        Race::new(now, &addresses, 443, 8, Duration::from_millis(250))
    }

    // Covers LAY-213
    #[test]
    fn families_alternate_with_a_stagger_of_250_ms() {
        let start = Instant::from_millis(1000);
        let mut race = race(start);
        assert!(race.poll_attempt(start).unwrap().is_ipv6());
        race.started(SocketId(1));
        assert_eq!(race.poll_attempt(start + Duration::from_millis(249)), None);
        assert_eq!(race.poll_timeout(), Some(start + Duration::from_millis(250)));
        let second = race.poll_attempt(start + Duration::from_millis(250)).unwrap();
        assert_eq!(second, "192.0.2.1:443".parse().unwrap());
        race.started(SocketId(2));
        assert_eq!(race.won(SocketId(2)), [SocketId(1)]);
    }

    #[test]
    fn a_refusal_starts_the_next_at_once_and_the_first_reason_is_told() {
        let start = Instant::ZERO;
        let mut race = race(start);
        for id in 1..=3 {
            assert!(race.poll_attempt(start).is_some());
            race.started(SocketId(id));
            let lost = race.lost(start, SocketId(id), REFUSED);
            assert_eq!(lost, if id == 3 { Lost::Over(REFUSED) } else { Lost::GoesOn });
        }
        assert_eq!(race.poll_attempt(start), None);
    }
}
