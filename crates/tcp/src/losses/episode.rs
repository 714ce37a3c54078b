//! RFC 6675 and RFC 6582 in two offsets, for profiles without records (TCP-274, TCP-275, TCP-281).

use super::{Flight, Found, Hole, Losses, Newest, Trips};
use crate::limits::DUP_THRESH;
use crate::offset::Offset;
use crate::scoreboard::Sacked;
use crate::seq::Seq;

/// Losses by counting: what is not held before `lost_to` is lost, and was sent again if it is before `resent_to`; both are
/// distances from the oldest byte in flight.
///
/// A retransmission that is lost in turn is found by the timer only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Episode<O = u32> {
    lost_to: O,
    resent_to: O,
    lost: O,
}

impl<O: Offset> Losses for Episode<O> {
    type Stamp = ();
    const BY_TIME: bool = false;

    fn sent(&mut self, _una: Seq, _end: Seq, _now: u32, _stamp: ()) {}

    fn resent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole, _stamp: ()) {
        self.resent_to = self.resent_to.max(O::narrow(hole.end.since(flight.una)));
        self.recount(flight);
    }

    fn unsent(&mut self, una: Seq, nxt: Seq) {
        let left = O::narrow(nxt.since(una));
        self.lost_to = self.lost_to.min(left);
        self.resent_to = self.resent_to.min(left);
    }

    fn unresent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole) {
        self.resent_to = self.resent_to.min(O::narrow(hole.start.since(flight.una)));
        self.recount(flight);
    }

    fn acknowledged(
        &mut self,
        _una: Seq,
        acked: u32,
        _trips: Trips,
        _now: u32,
    ) -> Option<Newest<()>> {
        for edge in [&mut self.lost_to, &mut self.resent_to] {
            *edge = O::narrow(edge.wide().saturating_sub(acked));
        }
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
        let mut edge = 0;
        for (left, _) in flight.board.ranges() {
            let enough = flight.board.above(left) > (DUP_THRESH - 1) as usize * flight.mss as usize;
            if enough || flight.board.ranges_from(left) >= DUP_THRESH as usize {
                edge = left;
            }
        }
        self.lost_to = self.lost_to.max(O::from_usize(edge));
        if duplicates >= DUP_THRESH && edge == 0 {
            self.lose_up_to(flight, flight.mss);
        }
        self.recount(flight);
        Found { lost: self.lost().saturating_sub(before), recheck: None }
    }

    fn lose_first<B: Sacked>(&mut self, flight: &Flight<'_, B>, len: u32) -> u32 {
        let before = self.lost();
        self.resent_to = O::default();
        self.lose_up_to(flight, len);
        self.recount(flight);
        self.lost().saturating_sub(before)
    }

    fn lose_all<B: Sacked>(&mut self, flight: &Flight<'_, B>) -> u32 {
        self.lose_first(flight, u32::MAX)
    }

    fn unlose(&mut self) {
        self.lost_to = self.resent_to;
        self.lost = O::default();
    }

    #[cfg_attr(target_os = "none", inline)]
    fn next<B: Sacked>(&self, flight: &Flight<'_, B>) -> Option<Hole> {
        let (start, end) = (self.resent_to.get(), self.lost_to.get());
        if start >= end {
            return None;
        }
        let (left, right) = match flight.board.next_hole(start) {
            Some((left, right)) => (left.max(start), right.min(end)),
            None => (flight.board.highest().unwrap_or(0).max(start), end),
        };
        let at = |offset: usize| flight.una + u32::try_from(offset).unwrap_or(0);
        (left < right).then(|| Hole { start: at(left), end: at(right) })
    }

    fn is_resent(&self, _una: Seq) -> bool {
        self.resent_to.get() > 0
    }

    fn lost(&self) -> u32 {
        self.lost.wide()
    }

    fn is_orderly(&self) -> bool {
        true
    }

    fn duplicated(&mut self, _round: Seq) {}

    fn recovered(&mut self) {}

    fn clear(&mut self, _una: Seq) {
        *self = Self::default();
    }

    fn check(&self, una: Seq, nxt: Seq) {
        assert!(self.lost() == 0 || self.lost_to.wide() <= nxt - una, "what is lost was sent");
    }
}

impl<O: Offset> Episode<O> {
    /// The oldest `len` bytes are lost, as far as so many were sent.
    fn lose_up_to<B>(&mut self, flight: &Flight<'_, B>, len: u32) {
        let len = len.min(flight.nxt.since(flight.una));
        self.lost_to = self.lost_to.max(O::narrow(len));
    }

    fn recount<B: Sacked>(&mut self, flight: &Flight<'_, B>) {
        let (start, end) = (self.resent_to.get(), self.lost_to.get());
        let held = flight.board.within(start, end);
        self.lost = O::from_usize(end.saturating_sub(start).saturating_sub(held));
    }
}
