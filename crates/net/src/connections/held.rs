//! Attempts that wait for an address of ours: whether somebody else has it is asked for a second or two first
//! (RFC 4862 §5.4, RFC 5227 §2.1), and there is no way out with none.

use super::{Connections, Fact};
use alloc::vec::Vec;
use core::net::SocketAddr;
use mainstay_base::{Errno, Instant, SocketId};

/// What is to be begun, and what was asked of it meanwhile.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) target: SocketAddr,
    pub(super) no_delay: bool,
    pub(super) wants: bool,
    pub(super) finishing: bool,
}

impl Connections {
    /// Begins what waited, now that an address has settled, or was found to be somebody else's; what cannot be begun.
    pub(super) fn begin_held(&mut self, now: Instant) -> Option<Fact> {
        let ids: Vec<SocketId> = self.held.keys().copied().collect();
        for id in ids {
            let Some(held) = self.held.get(&id) else { continue };
            let (target, no_delay) = (held.target, held.no_delay);
            match self.begin(now, id, target, no_delay) {
                Err(Errno::Unreachable) if self.network.is_settling(target.ip()) => {}
                outcome => {
                    let held = self.held.remove(&id)?;
                    if let Err(errno) = outcome {
                        return Some(Fact::Opened(id, Err(errno)));
                    }
                    let conn = self.conns.get_mut(&id)?;
                    (conn.wants, conn.finishing) = (held.wants, held.finishing);
                }
            }
        }
        self.settled = false;
        None
    }
}
