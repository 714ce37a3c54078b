//! One neighbour: its state, and what follows from it.

use super::{LinkAddress, Reachability};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use mainstay_base::Instant;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) state: State,
    /// When something was last sent to it or learnt of it.
    pub(super) used: Instant,
}

#[derive(Clone, Debug)]
pub(super) enum State {
    Incomplete { asked: u8, at: Instant, held: VecDeque<Vec<u8>> },
    Reachable { mac: LinkAddress, until: Instant },
    Stale { mac: LinkAddress },
    Delay { mac: LinkAddress, until: Instant },
    Probe { mac: LinkAddress, asked: u8, at: Instant },
    Absent { until: Instant },
}

impl State {
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Stale { .. } => None,
            Self::Incomplete { at, .. } | Self::Probe { at, .. } => Some(*at),
            Self::Reachable { until, .. } | Self::Delay { until, .. } | Self::Absent { until } => {
                Some(*until)
            }
        }
    }

    pub(super) const fn mac(&self) -> Option<LinkAddress> {
        match self {
            Self::Incomplete { .. } | Self::Absent { .. } => None,
            Self::Reachable { mac, .. }
            | Self::Stale { mac }
            | Self::Delay { mac, .. }
            | Self::Probe { mac, .. } => Some(*mac),
        }
    }

    pub(super) const fn reachability(&self) -> Reachability {
        match self {
            Self::Incomplete { .. } => Reachability::Incomplete,
            Self::Reachable { .. } => Reachability::Reachable,
            Self::Stale { .. } => Reachability::Stale,
            Self::Delay { .. } => Reachability::Delay,
            Self::Probe { .. } => Reachability::Probe,
            Self::Absent { .. } => Reachability::Absent,
        }
    }

    /// Who goes first when room is needed: the lowest.
    pub(super) const fn standing(&self) -> u8 {
        match self {
            Self::Absent { .. } => 0,
            Self::Stale { .. } => 1,
            Self::Incomplete { .. } => 2,
            Self::Probe { .. } => 3,
            Self::Delay { .. } | Self::Reachable { .. } => 4,
        }
    }
}
