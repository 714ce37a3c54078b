//! RACK (RFC 8985 §6): what was sent before something that arrived, by more than the reordering allows, is lost.

use super::record::later;
use super::{Fifo, Flight, Found, Hole, Losses, Newest, Record, Trips};
use crate::limits::{DUP_THRESH, REO_PERSIST};
use crate::scoreboard::Sacked;
use crate::seq::Seq;
use core::fmt::Debug;
use core::marker::PhantomData;

/// Losses by time.
#[derive(Debug)]
pub struct Rack<S, F> {
    records: F,
    /// When the newest delivered segment left, where it ends, and its round trip.
    sent: u32,
    end: Seq,
    rtt: u32,
    /// The highest byte delivered: what is delivered below it without being sent again was reordered.
    forward: Seq,
    /// Until here, D-SACKs belong to one round.
    round: Seq,
    lost: u32,
    /// In quarters of the smallest round trip.
    window: u8,
    persist: u8,
    reordered: bool,
    /// Something was delivered yet.
    started: bool,
    /// The records are not simply in the order of their times with nothing delivered among them.
    disordered: bool,
    stamp: PhantomData<S>,
}

impl<S, F: Default> Default for Rack<S, F> {
    fn default() -> Self {
        Self {
            records: F::default(),
            sent: 0,
            end: Seq(0),
            rtt: 0,
            forward: Seq(0),
            round: Seq(0),
            lost: 0,
            window: 1,
            persist: 0,
            reordered: false,
            started: false,
            disordered: false,
            stamp: PhantomData,
        }
    }
}

impl<S: Copy + Default + Debug, F: Fifo<Record<S>> + Debug> Losses for Rack<S, F> {
    type Stamp = S;
    const BY_TIME: bool = true;

    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn sent(&mut self, _una: Seq, end: Seq, now: u32, stamp: S) {
        self.make_room(1);
        self.records.push(Record::new(end, now, stamp));
    }

    fn resent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole, stamp: S) {
        self.make_room(2);
        self.split(flight.una, hole.start);
        self.split(flight.una, hole.end);
        let mut index = self.after(hole.start);
        while let Some(record) = self.records.get_mut(index) {
            if !record.is_held() {
                record.resend(flight.now, stamp);
            }
            if record.end.at_or_after(hole.end) {
                break;
            }
            index += 1;
        }
        self.disordered = true;
        self.recount(flight);
    }

    fn unsent(&mut self, una: Seq, nxt: Seq) {
        while let Some(last) = self.records.len().checked_sub(1) {
            if self.start(una, last).before(nxt) {
                if let Some(record) = self.records.get_mut(last) {
                    record.end = record.end.earlier(nxt);
                }
                return;
            }
            self.records.truncate(last);
        }
    }

    fn unresent<B: Sacked>(&mut self, flight: &Flight<'_, B>, hole: Hole) {
        let mut index = self.after(hole.start);
        while let Some(record) = self.records.get_mut(index) {
            record.set_lost(!record.is_held());
            if record.end.at_or_after(hole.end) {
                break;
            }
            index += 1;
        }
        self.recount(flight);
    }

    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn acknowledged(&mut self, una: Seq, _acked: u32, trips: Trips, now: u32) -> Option<Newest<S>> {
        if !cfg!(target_os = "none") && !self.disordered {
            return self.acknowledged_in_turn(una, now);
        }
        self.acknowledged_in_any_turn(una, trips, now)
    }

    fn sacked<B: Sacked>(
        &mut self,
        flight: &Flight<'_, B>,
        hole: Hole,
        trips: Trips,
    ) -> Option<Newest<S>> {
        self.disordered = true;
        self.make_room(2);
        self.split(flight.una, hole.start);
        self.split(flight.una, hole.end);
        let mut newest = None;
        let mut index = self.after(hole.start);
        while let Some(&record) = self.records.get(index) {
            let start = self.start(flight.una, index);
            if start.at_or_after(hole.end) {
                break;
            }
            if !record.is_held() && holds(flight, start, record.end) {
                self.deliver(record, trips, flight.now, &mut newest);
                if let Some(record) = self.records.get_mut(index) {
                    record.set_held(true);
                    record.set_lost(false);
                }
            }
            index += 1;
        }
        newest
    }

    #[cfg_attr(target_os = "none", inline)]
    fn detect<B: Sacked>(
        &mut self,
        flight: &Flight<'_, B>,
        trips: Trips,
        recovering: bool,
        duplicates: u32,
    ) -> Found {
        if !self.disordered {
            return Found::default();
        }
        if !self.started {
            self.recount(flight);
            return Found::default();
        }
        let before = self.lost;
        let window = self.reordering_window(trips, recovering || duplicates >= DUP_THRESH);
        let mut recheck = None;
        for index in 0..self.records.len() {
            let Some(record) = self.records.get_mut(index) else { break };
            if record.is_held() || record.is_lost() || !sent_after(self.sent, self.end, record) {
                continue;
            }
            let allowed = self.rtt.saturating_add(window);
            let passed = flight.now.wrapping_sub(record.sent());
            if passed >= allowed {
                record.set_lost(true);
            } else {
                recheck = recheck.max(Some(allowed - passed));
            }
        }
        self.recount(flight);
        Found { lost: self.lost.saturating_sub(before), recheck }
    }

    fn lose_first<B: Sacked>(&mut self, flight: &Flight<'_, B>, len: u32) -> u32 {
        let before = self.lost;
        self.make_room(1);
        self.split(flight.una, flight.una + len);
        if let Some(first) = self.records.get_mut(0)
            && !first.is_held()
        {
            first.set_lost(true);
        }
        self.disordered = true;
        self.recount(flight);
        self.lost.saturating_sub(before)
    }

    fn lose_all<B: Sacked>(&mut self, flight: &Flight<'_, B>) -> u32 {
        let before = self.lost;
        for index in 0..self.records.len() {
            if let Some(record) = self.records.get_mut(index) {
                record.set_lost(true);
                record.forget_held(); // the board is cleared with it (TCP-273)
            }
        }
        self.disordered = true;
        self.recount(flight);
        self.lost.saturating_sub(before)
    }

    fn unlose(&mut self) {
        for index in 0..self.records.len() {
            if let Some(record) = self.records.get_mut(index) {
                record.set_lost(false);
            }
        }
        self.lost = 0;
        // What was taken for the arrival of something sent again may have been that of the original, sent before all this.
        self.started = false;
    }

    #[cfg_attr(target_os = "none", inline)]
    fn next<B: Sacked>(&self, flight: &Flight<'_, B>) -> Option<Hole> {
        if self.lost == 0 {
            return None;
        }
        let mut start = flight.una;
        let mut hole: Option<Hole> = None;
        for index in 0..self.records.len() {
            let record = self.records.get(index)?;
            match &mut hole {
                Some(hole) if record.is_lost() && hole.end == start => hole.end = record.end,
                Some(_) => break,
                None if record.is_lost() => hole = first_hole(flight, start, record.end),
                None => {}
            }
            start = record.end;
        }
        hole.and_then(|hole| first_hole(flight, hole.start, hole.end))
    }

    fn is_resent(&self, _una: Seq) -> bool {
        self.records.get(0).is_some_and(Record::is_resent)
    }

    fn lost(&self) -> u32 {
        self.lost
    }

    #[inline]
    fn is_orderly(&self) -> bool {
        !self.disordered
    }

    fn duplicated(&mut self, round: Seq) {
        self.persist = REO_PERSIST;
        if self.round.before(round) || !self.reordered {
            self.window = self.window.saturating_add(1);
            self.round = round;
        }
        self.reordered = true;
    }

    fn recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.window = 1;
        }
    }

    fn clear(&mut self, _una: Seq) {
        self.records.truncate(0);
        (self.lost, self.started, self.disordered) = (0, false, false);
    }

    fn check(&self, una: Seq, nxt: Seq) {
        let mut end = una;
        for index in 0..self.records.len() {
            let Some(record) = self.records.get(index) else { break };
            assert!(end.before(record.end), "records are ordered and not empty");
            end = record.end;
        }
        assert!(end == nxt, "records cover the flight");
    }
}

impl<S: Copy + Default + Debug, F: Fifo<Record<S>>> Rack<S, F> {
    #[cfg_attr(not(target_os = "none"), inline(never))]
    fn acknowledged_in_any_turn(&mut self, una: Seq, trips: Trips, now: u32) -> Option<Newest<S>> {
        let mut newest = None;
        let mut resent = false;
        while let Some(record) = self.records.get(0)
            && record.end.at_or_before(una)
        {
            if let Some(record) = self.records.pop()
                && !record.is_held()
            {
                resent |= record.is_resent();
                self.deliver(record, trips, now, &mut newest);
            }
        }
        if let Some(newest) = &mut newest {
            newest.ambiguous = resent;
        }
        if self.records.is_empty() {
            // What was delivered last says nothing about what will leave next, and its time will be of another round of
            // the clock one day (TCP-401).
            (self.disordered, self.started) = (false, false);
            self.lost = 0;
        }
        newest
    }

    /// The same where all left once and in order: then the last is the newest.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn acknowledged_in_turn(&mut self, una: Seq, now: u32) -> Option<Newest<S>> {
        let last = self.records.pop_while(|record| record.end.at_or_before(una))?;
        let (sent, end, stamp) = (last.sent(), last.end, last.stamp);
        (self.sent, self.end, self.rtt) = (sent, end, now.wrapping_sub(sent));
        self.forward = end;
        self.started = !self.records.is_empty(); // see there
        Some(Newest { sent, end, resent: false, ambiguous: false, stamp })
    }

    /// One segment arrived (RFC 8985 §6.2, steps 1 to 3).
    fn deliver(
        &mut self,
        record: Record<S>,
        trips: Trips,
        now: u32,
        newest: &mut Option<Newest<S>>,
    ) {
        let rtt = now.wrapping_sub(record.sent());
        if record.end.after(self.forward) || !self.started {
            self.forward = record.end;
        } else if !record.is_resent() {
            self.reordered = true;
        }
        if record.is_resent() && (trips.original || rtt < trips.min) {
            return; // the original arrived, not what was sent again
        }
        if !self.started || !sent_after_pair(self.sent, self.end, record.sent(), record.end) {
            (self.sent, self.end, self.rtt) = (record.sent(), record.end, rtt);
            self.started = true;
        }
        if newest
            .as_ref()
            .is_none_or(|n| !sent_after_pair(n.sent, n.end, record.sent(), record.end))
        {
            let (sent, resent) = (record.sent(), record.is_resent());
            let (end, stamp) = (record.end, record.stamp);
            *newest = Some(Newest { sent, end, resent, ambiguous: resent, stamp });
        }
    }

    /// RFC 8985 §6.2, step 4 (TCP-283).
    #[cfg_attr(target_os = "none", inline)]
    fn reordering_window(&self, trips: Trips, certain: bool) -> u32 {
        if !self.reordered && certain {
            return 0;
        }
        if trips.min == u32::MAX {
            return 0;
        }
        (trips.min / 4).saturating_mul(u32::from(self.window)).min(trips.smoothed)
    }

    /// Where the `index`th record begins.
    fn start(&self, una: Seq, index: usize) -> Seq {
        let previous = index.checked_sub(1).and_then(|index| self.records.get(index));
        previous.map_or(una, |record| record.end)
    }

    /// The first record that ends after `seq`.
    fn after(&self, seq: Seq) -> usize {
        let (mut low, mut high) = (0, self.records.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.records.get(middle).is_some_and(|record| record.end.after(seq)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Makes a record end at `seq`, if one contains it and there is room (TCP-602).
    fn split(&mut self, una: Seq, seq: Seq) {
        let index = self.after(seq);
        if seq.at_or_before(self.start(una, index)) {
            return;
        }
        if let Some(&record) = self.records.get(index) {
            let mut front = record;
            front.end = seq;
            self.records.insert(index, front);
        }
    }

    /// Makes room for `count` more, by merging neighbours of the same kind in pairs, and held ones in any number.
    ///
    /// What was sent long ago becomes coarser than what was sent of late, and no time is ever off by more than the time
    /// in which a pair was sent; merging only the two oldest, again and again, would make one record of them all with the
    /// time of the newest (ADR 0014).
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn make_room(&mut self, count: usize) {
        if self.records.room() < count {
            self.merge(count);
        }
    }

    #[cfg_attr(not(target_os = "none"), inline(never))]
    fn merge(&mut self, count: usize) {
        let mut kept = 0;
        let mut paired = false;
        for index in 1..self.records.len() {
            let Some(record) = self.records.get(index).copied() else { return };
            let Some(last) = self.records.get_mut(kept) else { return };
            if (last.is_held() && record.is_held()) || (!paired && last.is_like(&record)) {
                *last = last.merged(record);
                paired = true;
            } else {
                kept += 1;
                paired = false;
                if let Some(place) = self.records.get_mut(kept) {
                    *place = record;
                }
            }
        }
        self.records.truncate(kept + 1);
        while self.records.room() < count {
            let Some(first) = self.records.pop() else { return };
            let Some(second) = self.records.get_mut(0) else { return };
            *second = first.merged(*second);
        }
    }

    /// Counts what is lost and not held, in one pass over records and ranges (TCP-540).
    fn recount<B: Sacked>(&mut self, flight: &Flight<'_, B>) {
        let mut ranges = flight.board.ranges();
        let mut held = ranges.next();
        let mut left = 0;
        self.lost = 0;
        for index in 0..self.records.len() {
            let Some(record) = self.records.get(index) else { break };
            let right = (record.end - flight.una) as usize;
            if record.is_lost() {
                let mut len = right - left;
                while let Some((from, to)) = held.filter(|(from, _)| *from < right) {
                    len -= to.min(right).saturating_sub(from.max(left));
                    if to > right {
                        break;
                    }
                    held = ranges.next();
                }
                self.lost += to_u32(len);
            }
            left = right;
        }
    }
}

/// Whether what left at `sent` and ends at `end` left after `record`.
fn sent_after<S>(sent: u32, end: Seq, record: &Record<S>) -> bool {
    sent_after_pair(sent, end, record.sent(), record.end)
}

/// RFC 8985 §6.2: by time, and at equal times by sequence number.
fn sent_after_pair(sent: u32, end: Seq, other: u32, other_end: Seq) -> bool {
    later(sent, other) || (sent == other && end.after(other_end))
}

/// Whether the peer holds all of `start..end`.
fn holds<B: Sacked>(flight: &Flight<'_, B>, start: Seq, end: Seq) -> bool {
    flight.board.contains(start.since(flight.una) as usize, end.since(flight.una) as usize)
}

/// The first run in `start..end` that the peer does not hold.
fn first_hole<B: Sacked>(flight: &Flight<'_, B>, start: Seq, end: Seq) -> Option<Hole> {
    let from = start.since(flight.una) as usize;
    let hole = match flight.board.next_hole(from) {
        // Above the highest held byte all is missing.
        None => {
            let top = flight.board.highest().map_or(start, |top| flight.una + to_u32(top));
            Hole { start: start.later(top), end }
        }
        Some((left, right)) => Hole {
            start: flight.una + to_u32(left.max(from)),
            end: end.earlier(flight.una + to_u32(right)),
        },
    };
    hole.start.before(hole.end).then_some(hole)
}

fn to_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
