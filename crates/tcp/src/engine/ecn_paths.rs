//! Paths on which SYNs that ask for ECN do not arrive (TCP-304).

use super::{Engine, Memory as _, Tables};
use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::event::State;
use crate::profile::Profile;
use crate::time::Now;
use crate::transmit::ECN_ATTEMPTS;
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::Instant;

/// Lost SYNs in a row, with ECN, to one address (TCP-304). chosen: the specification's
const LOSSES_MAX: u8 = 3;
/// How long such a path goes without (TCP-304). chosen: the specification's
const OFF: Duration = Duration::from_mins(10);
/// chosen: those of late; the one that is forgotten is tried again
const PATHS_MAX: usize = 8;

/// What is known of one path; the default value is of none.
#[derive(Clone, Copy, Debug, Default)]
struct EcnPath {
    peer: Option<IpAddr>,
    losses: u8,
    off_until: Instant,
}

/// Paths with such losses, the last used first.
#[derive(Debug, Default)]
pub(super) struct EcnPaths([EcnPath; PATHS_MAX]);

impl EcnPaths {
    fn is_off(&self, now: Instant, peer: IpAddr) -> bool {
        self.0.iter().any(|path| path.peer == Some(peer) && now < path.off_until)
    }

    /// A SYN was answered after so many with ECN were not.
    fn answered(&mut self, now: Instant, peer: IpAddr, losses: u8) {
        let known = self.0.iter().position(|path| path.peer == Some(peer));
        if losses == 0 && known.is_none() {
            return;
        }
        let place = known.unwrap_or(PATHS_MAX - 1);
        if let Some(front) = self.0.get_mut(..=place) {
            front.rotate_right(1);
        }
        let Some(path) = self.0.first_mut() else { return };
        if known.is_none() || losses == 0 {
            *path = EcnPath::default();
        }
        path.peer = (losses > 0).then_some(peer);
        path.losses += losses;
        if path.losses >= LOSSES_MAX {
            *path = EcnPath { peer: Some(peer), losses: 0, off_until: now + OFF };
        }
    }
}

/// SYNs with ECN of a connection of ours that got no answer; `None` if it asked for none or has one already.
#[inline]
pub(super) fn unanswered<P: Profile>(endpoint: &Endpoint<P>) -> Option<u8> {
    (endpoint.state == State::SynSent && endpoint.bits.has(Bits::ECN_ASKED))
        .then(|| endpoint.retries.min(ECN_ATTEMPTS))
}

impl<T: Tables> Engine<T> {
    /// A connection of ours is to begin: without ECN where that gets no answer.
    pub(super) fn check_ecn_path(&mut self, now: Now, slot: usize) {
        let Some(kept) = self.memory.kept() else { return };
        let Some(endpoint) = self.endpoint_at(slot) else { return };
        if kept.ecn_paths.is_off(now.instant(), endpoint.peer_address())
            && let Some(endpoint) = self.endpoint_mut(slot)
        {
            endpoint.bits.unset(Bits::ECN.and(Bits::ECN_ASKED));
        }
    }

    /// A segment came for a connection of ours that was waiting for the answer to its SYN.
    pub(super) fn remember_ecn_path(&mut self, now: Now, slot: usize, losses: u8) {
        let Some(endpoint) = self.endpoint_at(slot) else { return };
        if matches!(endpoint.state, State::SynSent | State::Closed) {
            return;
        }
        let peer = endpoint.peer_address();
        if let Some(kept) = self.memory.kept_mut() {
            kept.ecn_paths.answered(now.instant(), peer, losses);
        }
    }
}
