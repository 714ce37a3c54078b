//! RFC 6675 and RFC 6582 in two sequence numbers, for profiles without records (TCP-274, TCP-275, TCP-281).

use super::{Flight, Found, Hole, Losses, Newest, Trips};
use crate::limits::DUP_THRESH;
use crate::offset::Offset;
use crate::scoreboard::Sacked;
use crate::seq::Seq;

/// Losses by counting: what is not held before `lost_to` is lost, and was sent again if it is before `resent_to`.
///
/// A retransmission that is lost in turn is found by the timer only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Episode<O = u32> {
    lost_to: Seq,
    resent_to: Seq,
    lost: O,
}

impl<O: Offset> Losses for Episode<O> {
    type Stamp = ();
    const BY_TIME: bool = false;

    fn sent(&mut self, una: Seq, _end: Seq, _now: u32, _stamp: ()) {
        self.keep_up(una);
    }

    fn resent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole, _stamp: ()) {
        self.resent_to = self.resent_to.later(hole.end);
        self.recount(flight);
    }

    fn unsent(&mut self, _una: Seq, nxt: Seq) {
        self.lost_to = self.lost_to.earlier(nxt);
        self.resent_to = self.resent_to.earlier(nxt);
    }

    fn unresent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole) {
        self.resent_to = self.resent_to.earlier(hole.start);
        self.recount(flight);
    }

    fn acknowledged(&mut self, una: Seq, _trips: Trips, _now: u32) -> Option<Newest<()>> {
        self.keep_up(una);
        None
    }

    fn sacked<B: Sacked>(
        &mut self,
        _flight: &Flight<'_, B>,
        _hole: Hole,
        _trips: Trips,
    ) -> Option<Newest<()>> {
        None
    }

    #[cfg_attr(target_os = "none", inline)]
    fn detect<B: Sacked>(
        &mut self,
        flight: &Flight<'_, B>,
        _trips: Trips,
        _recovering: bool,
        duplicates: u32,
    ) -> Found {
        let before = self.lost();
        let mut edge = flight.una;
        for (left, _) in flight.board.ranges() {
            let enough = flight.board.above(left) > (DUP_THRESH - 1) as usize * flight.mss as usize;
            if enough || flight.board.ranges_from(left) >= DUP_THRESH as usize {
                edge = flight.una + u32::try_from(left).unwrap_or(u32::MAX);
            }
        }
        if duplicates >= DUP_THRESH && edge == flight.una {
            edge = (flight.una + flight.mss).earlier(flight.nxt);
        }
        self.lost_to = self.lost_to.later(edge);
        self.recount(flight);
        Found { lost: self.lost().saturating_sub(before), recheck: None }
    }

    fn lose_first<B: Sacked>(&mut self, flight: &Flight<'_, B>, len: u32) -> u32 {
        let before = self.lost();
        self.resent_to = flight.una;
        self.lost_to = self.lost_to.later((flight.una + len).earlier(flight.nxt));
        self.recount(flight);
        self.lost().saturating_sub(before)
    }

    fn lose_all<B: Sacked>(&mut self, flight: &Flight<'_, B>) -> u32 {
        let before = self.lost();
        (self.resent_to, self.lost_to) = (flight.una, flight.nxt);
        self.recount(flight);
        self.lost().saturating_sub(before)
    }

    fn unlose(&mut self) {
        self.lost_to = self.resent_to;
        self.lost = O::default();
    }

    #[cfg_attr(target_os = "none", inline)]
    fn next<B: Sacked>(&self, flight: &Flight<'_, B>) -> Option<Hole> {
        let start = self.resent_to.later(flight.una);
        if !start.before(self.lost_to) {
            return None;
        }
        let hole = match flight.board.next_hole(start.since(flight.una) as usize) {
            Some((left, right)) => Hole {
                start: start.later(flight.una + u32::try_from(left).unwrap_or(0)),
                end: self.lost_to.earlier(flight.una + u32::try_from(right).unwrap_or(0)),
            },
            None => {
                let top = flight.board.highest().map_or(0, |top| u32::try_from(top).unwrap_or(0));
                Hole { start: start.later(flight.una + top), end: self.lost_to }
            }
        };
        hole.start.before(hole.end).then_some(hole)
    }

    fn is_resent(&self, una: Seq) -> bool {
        una.before(self.resent_to)
    }

    fn lost(&self) -> u32 {
        self.lost.wide()
    }

    fn is_orderly(&self) -> bool {
        true
    }

    fn duplicated(&mut self, _round: Seq) {}

    fn recovered(&mut self) {}

    fn clear(&mut self, una: Seq) {
        // Not zero, which for half of all numbers lies ahead.
        *self = Self { lost_to: una, resent_to: una, lost: O::default() };
    }

    fn check(&self, _una: Seq, nxt: Seq) {
        assert!(self.lost() == 0 || self.lost_to.at_or_before(nxt), "what is lost was sent");
    }
}

impl<O: Offset> Episode<O> {
    /// Both numbers stay at or after the oldest byte, or they would come to mean something when numbers wrap.
    fn keep_up(&mut self, una: Seq) {
        self.lost_to = self.lost_to.later(una);
        self.resent_to = self.resent_to.later(una);
    }

    fn recount<B: Sacked>(&mut self, flight: &Flight<'_, B>) {
        self.keep_up(flight.una);
        let start = self.resent_to.later(flight.una);
        let len = self.lost_to.since(start);
        let (left, right) = (start.since(flight.una), self.lost_to.since(flight.una));
        let held = flight.board.within(left as usize, right as usize);
        self.lost = O::narrow(len.saturating_sub(u32::try_from(held).unwrap_or(len)));
    }
}
