//! How much the path takes, found out with segments of the stream (RFC 4821, RFC 8899 §3, TCP-179).
//!
//! Where a size was given up because large segments vanished, larger ones than those that arrive are tried one at a time,
//! halfway to what did not. A probe that is lost alone is sent again in smaller segments, and no window shrinks for it.
//! Only profiles with [`Finest`](crate::Finest) search; the others go back to the size agreed on after ten minutes.

use crate::bits::Bits;
use crate::endpoint::Endpoint;
use crate::fine::Finer as _;
use crate::head::Head;
use crate::losses::{Flight, Hole, Losses as _};
use crate::profile::Profile;
use crate::scoreboard::Sacked as _;
use crate::seq::Seq;
use crate::time::Now;
use crate::transmit::Outgoing;

/// What is closer than this is not worth another probe, in bytes. chosen: two percent of an Ethernet frame
const CLOSE: u16 = 32;

/// What one connection keeps of the search.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathSearch {
    /// Where the probe under way begins.
    start: Seq,
    /// How large it is, as a segment size; 0 for none.
    probe: u16,
    /// The smallest size that is thought not to arrive; 0 for none, so that the one agreed on is tried.
    fails: u16,
}

impl<P: Profile> Endpoint<P> {
    /// Segments of `size` do not arrive: a router said so, and where the limit is, or they vanished.
    pub(crate) fn path_is_below(&mut self, size: u16) {
        if let Some(search) = self.fine.search_mut() {
            (search.probe, search.fails) = (0, size);
        }
    }

    /// What was agreed on is to be tried again; `false` where nobody searches.
    pub(crate) fn search_again(&mut self) -> bool {
        if !self.bits.has(Bits::SACK) {
            return false;
        }
        self.fine.search_mut().map(|search| search.fails = 0).is_some()
    }

    /// Whether segments are smaller than what was agreed on, so that a probe may be under way or due.
    #[inline]
    pub(crate) const fn is_searching(&self) -> bool {
        self.mss < self.hints.mss_full
    }

    /// The size to try next.
    fn probe_size(&self) -> Option<u16> {
        let search = self.fine.search()?;
        let (low, full) = (self.mss, self.hints.mss_full);
        if low >= full || search.probe != 0 {
            return None;
        }
        match search.fails {
            0 => Some(full),
            fails if fails > low.saturating_add(CLOSE) => Some(low.midpoint(fails)),
            _ => None,
        }
    }

    /// A segment of the size to be tried, if all is well and there is data for it. Losses of one segment can be told from
    /// others only where the peer reports what it holds.
    pub(crate) fn poll_probe(&mut self, now: Now, room: u32, out: &mut Head) -> Option<Outgoing> {
        let size = self.probe_size()?;
        let options = u32::from(self.mss) - self.payload_max().min(self.mss.into());
        let len = u32::from(size).saturating_sub(options);
        let edge = (self.una + self.wnd()).since(self.nxt);
        let calm = self.bits.has(Bits::SACK)
            && !self.bits.has(Bits::RECOVERY.and(Bits::URGENT_OUT).and(Bits::TLP_OUT))
            && self.retries == 0
            && self.losses.lost() == 0
            && !self.reports_blocks();
        if !calm
            || len > self.backlog()
            || len > edge.min(room)
            || self.reach(self.nxt, len, len) != len
        {
            return None;
        }
        let start = self.nxt;
        let mut outgoing = self.send_new(now, len, len, out);
        outgoing.unit = None;
        if let Some(search) = self.fine.search_mut() {
            (search.start, search.probe) = (start, size);
        }
        Some(outgoing)
    }

    /// Where the probe under way lies.
    fn probe_under_way(&self) -> Option<(Hole, u16)> {
        let search = self.fine.search().filter(|search| search.probe != 0)?;
        let options = u32::from(self.mss) - self.payload_max().min(self.mss.into());
        let len = u32::from(search.probe).saturating_sub(options);
        Some((Hole { start: search.start, end: search.start + len }, search.probe))
    }

    /// What an acknowledgement says of the probe, when `lost` bytes were found lost with it; `true` if that is the probe and
    /// nothing else, which is no sign of congestion (RFC 4821 §7.5).
    pub(crate) fn judge_probe(&mut self, now: Now, lost: u32) -> bool {
        let Some((probe, size)) = self.probe_under_way() else { return false };
        let len = probe.end - probe.start;
        let held = self.una.at_or_before(probe.start) && {
            let (left, right) = (probe.start - self.una, probe.end - self.una);
            self.board.contains(left as usize, right as usize)
        };
        if self.una.at_or_after(probe.end) || held {
            self.end_probe(false);
            self.set_mss(now, size);
            return false;
        }
        if lost == 0 {
            return false;
        }
        let mss = self.payload_max();
        let view =
            Flight { una: self.una, nxt: self.nxt, board: &self.board, mss, now: now.micros };
        let alone =
            lost == len && self.losses.lost() == len && self.losses.next(&view) == Some(probe);
        self.end_probe(alone);
        if alone {
            self.hints.shrunk_at = now.seconds();
        }
        alone && !self.bits.has(Bits::RECOVERY)
    }

    /// What left last did not leave: if that was the probe, nothing is under way.
    pub(crate) fn probe_unsent(&mut self) {
        let nxt = self.nxt;
        if let Some(search) = self.fine.search_mut().filter(|search| search.start == nxt) {
            search.probe = 0;
        }
    }

    /// A timeout came: if the probe was first, it was that, and otherwise nobody knows.
    pub(crate) fn give_up_probe(&mut self) {
        if let Some((probe, _)) = self.probe_under_way() {
            self.end_probe(probe.start == self.una);
        }
    }

    fn end_probe(&mut self, failed: bool) {
        if let Some(search) = self.fine.search_mut() {
            if failed {
                search.fails = search.probe;
            }
            search.probe = 0;
        }
    }
}
