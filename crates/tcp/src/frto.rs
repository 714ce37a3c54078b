//! F-RTO (RFC 5682 §2.1 and §3.1, TCP-296): whether a timeout was for nothing, told by what is acknowledged after it.
//!
//! At first only the oldest segment is sent again. If the acknowledgement of it leaves a rest, two new segments go instead
//! of that rest; and if what comes then speaks of the rest, that was under way all the time, only slow.

use crate::acknowledge::Told;
use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::losses::Losses as _;
use crate::profile::Profile;
use crate::rate::Rate;
use crate::scoreboard::Sacked as _;
use crate::seq::Seq;

/// Segments of new data that may leave in place of what seems lost. RFC 5682 §2.1, step 2b
const NEW_SEGMENTS: u32 = 2;

/// Both steps.
pub(crate) const DOUBT: Bits = Bits::DOUBT_FIRST.and(Bits::DOUBT_SECOND);

impl<P: Profile> Endpoint<P> {
    /// Whether a timeout that comes now may be doubted: in an episode, or with something held, what is acknowledged after
    /// it may have arrived before it (RFC 5682 §3.1, step 1).
    pub(crate) fn may_doubt(&self) -> bool {
        let again = self.bits.has(Bits::DOUBT_FIRST) && self.retries > 1;
        again || !self.bits.has(Bits::RECOVERY) && self.board.is_empty()
    }

    /// How much may be sent again from `start` on: one segment in all, and none after it
    /// until the peer has answered.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn repeat_max(&self, start: Seq) -> u32 {
        if !self.bits.has(DOUBT) {
            return u32::MAX;
        }
        let first = self.bits.has(Bits::DOUBT_FIRST);
        if first { (self.una + self.payload_max()).since(start) } else { 0 }
    }

    /// How much new data may leave.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn new_data_max(&self) -> u32 {
        if !self.bits.has(DOUBT) {
            return u32::MAX;
        }
        if self.bits.has(Bits::DOUBT_FIRST) {
            return 0;
        }
        (self.recover_point() + NEW_SEGMENTS * self.payload_max()).since(self.nxt)
    }

    /// What an acknowledgement says of the timeout; `true` if that was for nothing.
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn resolve_doubt(&mut self, told: &Told<<P::Rate as Rate>::Stamp>) -> bool {
        if !self.bits.has(DOUBT) {
            return false;
        }
        let news = told.acked > 0 || told.sacked > 0;
        if !self.bits.has(Bits::SACK) && told.acked == 0 && self.duplicates > 0 {
            // Something has left the path, and it was not the rest: that is lost, and one segment of it may follow.
            self.bits.unset(DOUBT);
            self.bits.set(Bits::FORCE);
            return false;
        }
        let recover = self.recover_point();
        if self.bits.has(Bits::DOUBT_SECOND) {
            let top = self.board.highest().and_then(|top| u32::try_from(top).ok()).unwrap_or(0);
            if news {
                self.bits.unset(DOUBT);
            }
            return news && (self.una + top).at_or_before(recover);
        }
        if told.acked > 0 && !self.losses.is_resent(self.una) {
            self.bits.unset(DOUBT);
            self.bits.put(Bits::DOUBT_SECOND, self.una.before(recover) && self.has_full_segment());
        }
        false
    }

    /// Whether new data can leave whatever else is to be thought of.
    #[cfg_attr(target_os = "none", inline)]
    fn has_full_segment(&self) -> bool {
        let unit = self.payload_max();
        self.backlog() >= unit && (self.una + self.wnd()).since(self.nxt) >= unit
    }
}
