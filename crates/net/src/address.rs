//! The life of one address of ours: asked for, used, defended.
//!
//! IPv6 by RFC 4862 §5.4, IPv4 by RFC 5227 §2. Owns states and timers; `stack` writes the probes and announcements and
//! says when somebody else has the address.

use crate::limits::{
    ANNOUNCE_COUNT, ANNOUNCE_INTERVAL, ANNOUNCE_WAIT, DEFEND_INTERVAL, PROBE_MAX, PROBE_MIN,
    PROBE_WAIT, RETRANS_TIMER, SOLICIT_DELAY,
};
use crate::neighbour::between;
use crate::prefix::Prefix;
use core::net::IpAddr;
use mainstay_base::{Instant, Rng};

/// Where an address is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// Being asked for; not used yet.
    Tentative,
    /// In use.
    Preferred,
    /// In use for what uses it already; nothing new begins with it.
    Deprecated,
    /// Somebody else has it; not used.
    Duplicate,
}

/// What is to be done about an address now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask whether somebody has it.
    Probe,
    /// Nobody has: from now on it is ours.
    Settled,
    /// Tell that it is ours.
    Announce,
}

/// One address of ours.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    pub prefix: Prefix,
    life: Life,
    deprecated: bool,
    /// Not before then it is defended again.
    defend_at: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Life {
    /// `sent` probes have left; at `at` comes the next one, or the end.
    Probing { sent: u8, at: Instant },
    /// Ours; `announcements` are still to come, the next `at`.
    Ours { announcements: u8, at: Instant },
    /// Somebody else's.
    Duplicate,
}

impl Assigned {
    /// An address about to be asked for, or in use at once if `probes` is 0.
    pub(crate) fn new(now: Instant, rng: &mut Rng, prefix: Prefix, probes: u8) -> Self {
        let mut assigned =
            Self { prefix, life: Life::Duplicate, deprecated: false, defend_at: Instant::ZERO };
        assigned.restart(now, rng, probes);
        assigned
    }

    /// Begins again, as after the interface came up.
    pub(crate) fn restart(&mut self, now: Instant, rng: &mut Rng, probes: u8) {
        let longest = if self.prefix.address().is_ipv4() { PROBE_WAIT } else { SOLICIT_DELAY };
        self.life = match probes {
            0 => Life::Ours { announcements: 0, at: now },
            _ => Life::Probing { sent: 0, at: now + between(rng, longest) },
        };
    }

    pub(crate) const fn state(&self) -> AddressState {
        match self.life {
            Life::Probing { .. } => AddressState::Tentative,
            Life::Ours { .. } if self.deprecated => AddressState::Deprecated,
            Life::Ours { .. } => AddressState::Preferred,
            Life::Duplicate => AddressState::Duplicate,
        }
    }

    pub(crate) const fn address(&self) -> IpAddr {
        self.prefix.address()
    }

    pub(crate) const fn is_ours(&self) -> bool {
        matches!(self.life, Life::Ours { .. })
    }

    pub(crate) const fn is_tentative(&self) -> bool {
        matches!(self.life, Life::Probing { .. })
    }

    pub(crate) const fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    pub(crate) const fn deprecate(&mut self, deprecated: bool) {
        self.deprecated = deprecated;
    }

    /// Somebody else has it and we did not use it yet: it is given up.
    pub(crate) const fn lose(&mut self) {
        self.life = Life::Duplicate;
    }

    /// Whether it may be defended now; if so, not again for ten seconds. RFC 5227 §2.4 (c): an address somebody gave
    /// us is not given up, or a single forged packet could take it away.
    pub(crate) fn defend(&mut self, now: Instant) -> bool {
        let due = self.is_ours() && self.defend_at <= now;
        if due {
            self.defend_at = now + DEFEND_INTERVAL;
        }
        due
    }

    /// The next step, if one is due.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        probes: u8,
    ) -> Option<Step> {
        if self.poll_timeout()? > now {
            return None;
        }
        let v4 = self.prefix.address().is_ipv4();
        match self.life {
            Life::Probing { sent, .. } if sent < probes => {
                let wait = match (v4, sent + 1 == probes) {
                    (true, true) => ANNOUNCE_WAIT,
                    (true, false) => PROBE_MIN + between(rng, PROBE_MAX - PROBE_MIN),
                    (false, _) => RETRANS_TIMER,
                };
                self.life = Life::Probing { sent: sent + 1, at: now + wait };
                Some(Step::Probe)
            }
            Life::Probing { .. } => {
                // IPv6 says nothing when it takes an address; IPv4 announces at once, and once more.
                let announcements = if v4 { ANNOUNCE_COUNT - 1 } else { 0 };
                self.life = Life::Ours { announcements, at: now + ANNOUNCE_INTERVAL };
                Some(Step::Settled)
            }
            Life::Ours { announcements, .. } => {
                let at = now + ANNOUNCE_INTERVAL;
                self.life = Life::Ours { announcements: announcements.saturating_sub(1), at };
                Some(Step::Announce)
            }
            Life::Duplicate => None,
        }
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        match self.life {
            Life::Probing { at, .. } => Some(at),
            Life::Ours { announcements, at } if announcements > 0 => Some(at),
            Life::Ours { .. } | Life::Duplicate => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn steps(text: &str, probes: u8) -> (Vec<Step>, u64) {
        let mut rng = Rng::from_run(1);
        let prefix = Prefix::new(text.parse().unwrap(), 24).unwrap();
        let mut assigned = Assigned::new(Instant::ZERO, &mut rng, prefix, probes);
        let (mut steps, mut millis) = (Vec::new(), 0);
        while let Some(at) = assigned.poll_timeout() {
            assert_eq!(assigned.handle_timeout(Instant::ZERO, &mut rng, probes), None);
            steps.extend(assigned.handle_timeout(at, &mut rng, probes));
            millis = at.as_micros() / 1000;
        }
        assert!(assigned.is_ours());
        (steps, millis)
    }

    #[test]
    fn an_ipv6_address_is_asked_for_once_and_used_after_a_second() {
        let (steps, millis) = steps("2001:db8::1", 1);
        assert_eq!(steps, [Step::Probe, Step::Settled]);
        assert!((1000..=2000).contains(&millis));
    }

    #[test]
    fn an_ipv4_address_is_asked_for_thrice_and_announced_twice() {
        let (steps, millis) = steps("192.0.2.1", 3);
        assert_eq!(steps, [Step::Probe, Step::Probe, Step::Probe, Step::Settled, Step::Announce]);
        assert!((6000..=9000).contains(&millis));
    }

    #[test]
    fn without_probes_an_address_is_used_at_once() {
        assert_eq!(steps("192.0.2.1", 0), (Vec::new(), 0));
    }

    #[test]
    fn an_address_is_defended_once_in_ten_seconds() {
        let prefix = Prefix::new("192.0.2.1".parse().unwrap(), 24).unwrap();
        let mut assigned = Assigned::new(Instant::ZERO, &mut Rng::from_run(1), prefix, 0);
        assert!(assigned.defend(Instant::from_millis(1)));
        assert!(!assigned.defend(Instant::from_millis(10_000)));
        assert!(assigned.defend(Instant::from_millis(10_001)));
    }
}
